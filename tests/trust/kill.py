"""kill -9 under load: every event that a server has acknowledged is in its journal.

Rules of this file:

* All lives of the server write one journal. Each ends with a SIGKILL at a random moment of a load over TCP and UDP.
* After each the lines of that life are compared with what its stations were told (``tests.trust.acknowledged``).
* Some lives leave a torn last line, which is planted here: a kernel rarely tears the single write of a killed process.
* At the end the whole journal is audited as the judge does it.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import click

from fakenw.journal.record import read, read_lines
from fakenw.server_process import ServerProcess
from harness.judge.audit import books_balance
from harness.judge.history import load
from tests.programs import LISTEN
from tests.trust.acknowledged import compare
from tests.trust.killed_load import LoadingStation

STATIONS = ("tcp", "udp", "tcp", "udp", "tcp", "udp")
OPTIONS = ("--licenses", "4", "--user", "JOE", "--user", "ANN")  # fewer licenses than stations: some are refused
LONGEST = 1.5  # seconds of load before a kill
TEAR_EVERY = 5  # lives: one in so many leaves a torn line
JOIN_WITHIN = 30.0


@dataclass
class Tally:
    """What was counted in all lives."""

    kills: int = 0
    requests: int = 0
    repeated: int = 0
    acknowledged: int = 0
    beyond: int = 0  # lines whose reply did not arrive
    torn: int = 0
    planted: int = 0
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Lives:
    """The lives of a server, one after the other, on one journal."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally()
        self.journal, self._errors = folder / "journal.jsonl", folder / "errors.txt"
        self._random = Random(seed)
        self._torn = 0  # bytes of the torn last line that the next life finds

    def live(self) -> None:
        """Start the server, load it, kill it, and compare."""
        tally, begin = self.tally, self.journal.stat().st_size - self._torn if self.journal.exists() else 0
        self._errors.unlink(missing_ok=True)
        killed = threading.Event()
        with ServerProcess("--journal", self.journal, *LISTEN, *OPTIONS, log=self._errors) as server:
            self._said(server.last_output())
            stations = [
                LoadingStation(transport, server.addresses[transport], Random(self._random.random()), killed)
                for transport in STATIONS
            ]
            killed.wait(self._random.uniform(0, LONGEST))  # the moment is what is tested
            server.kill()
            killed.set()
            for station in stations:
                station.join(JOIN_WITHIN)
        tally.kills += 1
        self._compare(begin, stations)
        if tally.kills % TEAR_EVERY == 0:
            self._tear()

    def audit(self) -> None:
        """Judge the journal of all lives: its books balance, and each life is there."""
        problems = books_balance(read(self.journal))
        self.tally.problems += [f"audit: {problem}" for problem in problems[:20]]
        run = load([self.journal])
        if len(run.servers) != self.tally.kills:
            self.tally.problems.append(f"the judge reads {len(run.servers)} lives, of {self.tally.kills}")

    def _compare(self, begin: int, stations: list[LoadingStation]) -> None:
        tally, life = self.tally, self.tally.kills
        data = self.journal.read_bytes()[begin:]
        self._torn = len(data) - data.rfind(b"\n") - 1
        tally.torn += bool(self._torn)
        records = read_lines(data.splitlines(keepends=True), f"life {life}").records
        told = {name: lines for station in stations for name, lines in station.acknowledged.items()}
        if len(told) != sum(len(station.acknowledged) for station in stations):
            tally.problems.append(f"life {life}: two stations had one address")
        findings = compare(told, records)
        tally.missing += [f"life {life}: {line}" for line in findings.missing]
        tally.problems += [f"life {life}: {line}" for line in findings if not line.startswith("missing: ")]
        tally.problems += [f"life {life}: {station.problem}" for station in stations if station.problem]
        tally.requests += sum(station.requests for station in stations)
        tally.repeated += sum(station.repeated for station in stations)
        known = sum(len(one.lines) for one in told.values())
        tally.acknowledged += known
        tally.beyond += max(0, len(records) - 1 - known)

    def _tear(self) -> None:
        """Leave the beginning of a line, as a loss of power does."""
        if not self._torn:
            text = b'{"t": 0.100000, "role": "server", "event": "grant", "server": "FAKENW", "held": 1, "lim'
            with self.journal.open("ab") as file:
                self._torn = file.write(text[: self._random.randint(1, len(text))])
            self.tally.planted += 1

    def _said(self, said: str) -> None:
        """The server says on standard error that it has cut a torn line, and nothing else."""
        expected = f"fakenw: the last line of {self.journal} was torn, without a line feed: its {self._torn} bytes"
        if (said != f"{expected} are cut off") if self._torn else said:
            self.tally.problems.append(f"life {self.tally.kills + 1}: the server says {said!r}")
        self._torn = 0


def report(tally: Tally, seconds: float) -> str:
    """The table at the end."""
    rows = {
        "kills": tally.kills,
        "requests answered": tally.requests,
        "datagrams sent twice": tally.repeated,
        "acknowledged events": tally.acknowledged,
        "missing": len(tally.missing),
        "written, not yet answered": tally.beyond,
        "torn lines by a kill": tally.torn,
        "torn lines planted": tally.planted,
        "other findings": len(tally.problems),
        "seconds": round(seconds),
    }
    width = max(map(len, rows))
    lines = [f"{name:{width}}  {value:>9,}" for name, value in rows.items()]
    return "\n".join([*lines, *tally.missing[:20], *tally.problems[:20]])


@click.command()
@click.option("--times", type=click.IntRange(1), default=200, show_default=True, help="How often the server is killed.")
@click.option("--short", is_flag=True, help="Twenty times, as make trust does.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the moments, and of what the stations do.")
def main(times: int, short: bool, seed: int) -> None:
    """Kill a server under load, again and again, and compare its journal with what it had answered.

    Six stations over TCP and UDP attach, log in, open and close files, give their licenses back and leave; each
    remembers what every reply has told it. After a SIGKILL at a random moment all of that must be in the journal, in
    its order, nothing twice. The next server goes on in the same journal. Exit code 1: something is missing, or the
    books of all lives together do not balance.
    """
    times, began = 20 if short else times, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fakenw-kill-") as folder:
        lives = Lives(Path(folder), seed)
        for life in range(1, times + 1):
            lives.live()
            if life % 10 == 0 or life == times:
                tally = lives.tally
                click.echo(
                    f"{life} kills, {tally.acknowledged:,} acknowledged events, {len(tally.missing)} missing", err=True
                )
        lives.audit()
    click.echo(report(lives.tally, time.monotonic() - began))
    sys.exit(1 if lives.tally.missing or lives.tally.problems else 0)


if __name__ == "__main__":
    main()
