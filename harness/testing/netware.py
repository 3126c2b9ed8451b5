"""A NetWare server for tests: in a process of its own, with the questions and promises of its books.

Rules of this file:

* The server is a process, so that a client that blocks can be called in the test itself.
* What is asserted comes from the server's journal. Times to wait for are real, those in journals are the server's.
* One server serves one test after the other: it is *reset* in between, and a test sees what happened since.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from fakenw.config.field_types import duration
from fakenw.core.peer import TRANSPORTS
from fakenw.journal.record import SECOND, Record, read
from fakenw.server_process import ProcessGroup, ServerFailed, ServerProcess
from harness.judge.assertions import ANYBODY, AssertionAnswer, LicenseSelection, denials, released, slice_of
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.text import Result, story

LOOK_EVERY = 0.05  # seconds
ADVANCE_WITHIN = 600.0  # years take a while
TRIES = 20  # to find a port that is free for TCP and for UDP


class NetwareError(Exception):
    """The server could not be started, or refused what it was asked."""


@dataclass(frozen=True)
class Setup:
    """How a server is started; what is left out is as ``fakenw serve`` has it."""

    licenses: int = 5
    release: str = "5.1"
    policy: str | None = None
    users: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """The options of ``fakenw serve``."""
        command = ["--licenses", str(self.licenses), "--release", self.release]
        command += ["--policy", self.policy] if self.policy else []
        for user in self.users:
            command += ["--user", user]
        return [*command, *self.options]


@dataclass
class Netware:
    """A running server. ``host`` and ``port`` answer over TCP and UDP alike."""

    setup: Setup
    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    name: str = "FAKENW"
    admin: str = ""
    _process: ServerProcess | None = None
    _from: int = 0  # the line of the journal that this test begins with
    _marked: int | None = None
    _clients: list[ScriptedWorkstation] = field(default_factory=list)

    # What there is

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        return f"{self.host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client may find in its environment."""
        return {"FAKENW_HOST": self.host, "FAKENW_PORT": str(self.port)}

    @property
    def capture(self) -> Path:
        """All that was sent and received, for Wireshark."""
        return self.folder / "capture.pcap"

    @property
    def journal(self) -> list[Record]:
        """The lines of the server's journal since the test began."""
        return self.run().servers[0].journal.records[1:]

    @property
    def held(self) -> int:
        """How many licenses are out."""
        records = self.journal
        return int(records[-1].get("held") or 0) if records else 0

    @property
    def limit(self) -> int:
        """How many there are."""
        return self.run().servers[0].limit

    def connections(self) -> list[dict[str, Any]]:
        """The connection table as MONITOR shows it; see docs/api.md."""
        found: list[dict[str, Any]] = self._ask("/api/connections")["connections"]
        return found

    def result(self) -> Result:
        """The verdict on the test so far, for a report."""
        run = self.run()
        return Result(run, judge(run), str(self.folder))

    def run(self) -> RunHistory:
        """The history of the test."""
        return RunHistory.of([slice_of(read(self.folder / "server.jsonl"), self._from)])

    # What can be done

    def mark(self, text: str = "mark") -> None:
        """From here on what is held is not needed any more: see ``since="mark"``."""
        self._ask("/api/mark", {"text": text})
        self._marked = self._now()

    def clear(self, number: int) -> None:
        """Clear a connection, as an operator does. Raises NetwareError."""
        self._ask(f"/api/connections/{number}/clear", {})

    def advance(self, **time: float) -> None:
        """Let the server's clock run ahead: ``hours=4``, ``minutes=``, ``seconds=``. What is due meanwhile happens.

        A live client that answers the watchdog is never cleared by it, however fast the hours pass.
        """
        seconds = {"hours": 3600, "minutes": 60, "seconds": 1, "days": 86_400}
        if not time or time.keys() - seconds.keys():
            raise TypeError(f"expected {', '.join(seconds)}, not {', '.join(time) or 'nothing'}")
        self._ask("/api/clock/advance", {"seconds": sum(seconds[unit] * value for unit, value in time.items())})

    def workstation(self, user: str = "GUEST", transport: str = "udp", **settings: Any) -> ScriptedWorkstation:
        """A scripted client, in a process of its own; *settings* are those of a scenario's client."""
        client = ScriptedWorkstation(
            self, {"name": f"workstation-{len(self._clients) + 1}", "user": user, **settings}, transport
        )
        self._clients.append(client)
        return client

    def reset(self) -> None:
        """End all connections; from here on a test sees nothing of what was before."""
        while self._clients:
            self._clients.pop().stop()
        self._ask("/api/reset", {"force": True})
        self._from, self._marked = len(read(self.folder / "server.jsonl").records), None

    # What can be asserted

    def wait_for(
        self, condition: Callable[[RunHistory], object], within: float | str = 10, what: str = ""
    ) -> RunHistory:
        """Look again and again until *condition* of the history is true. Raises AssertionError after *within*."""
        deadline = time.monotonic() + _seconds(within)
        while True:
            run = self.run()
            if condition(run):
                return run
            if time.monotonic() > deadline:
                raise AssertionError(f"{what or 'the condition'} did not come true within {within} s")
            time.sleep(LOOK_EVERY)

    def assert_released(
        self,
        within: float | str = 30,
        *,
        user: str | None = None,
        station: str | None = None,
        since: str | None = None,
        by: str = "client",
    ) -> None:
        """Every license comes back, and its client gave it back.

        *since*: ``"mark"`` for those that were held at the last mark, or later. *by*: ``client``, ``anybody`` (the
        server may have taken it back), or one cause such as ``logout``.
        """
        __tracebackhide__ = True  # of the test, not of us
        if since not in (None, "mark"):
            raise ValueError(f'expected since="mark", not {since!r}')
        if since and self._marked is None:
            raise ValueError("nothing was marked; call mark() first")
        wanted = LicenseSelection(user, station, (self._marked or 0) if since else 0, by)
        run, answer = self._until(wanted, _seconds(within))
        if not answer.kept:
            raise AssertionError(self._told(f"not released within {within} s:", answer.why, run))

    def assert_denied(self, *, user: str | None = None, what: str | None = None, times: int | None = None) -> None:
        """Somebody was refused: *what* is ``license``, ``slot`` or ``account``. *times*: so often exactly."""
        __tracebackhide__ = True  # of the test, not of us
        found = denials(self.run(), user, what)
        if not found or times not in (None, len(found)):
            wanted = "at least once" if times is None else f"{times} times"
            raise AssertionError(f"refused {len(found)} times, expected {wanted}")

    def assert_peak(self, most: int) -> None:
        """No more licenses were out at once."""
        __tracebackhide__ = True  # of the test, not of us
        peak = max([int(record.get("held") or 0) for record in self.journal], default=0)
        if peak > most:
            raise AssertionError(f"{peak} licenses were out at once, at most {most} were expected")

    def assert_no_growth(self, work: Callable[[], object], cycles: int = 3, within: float | str = 10) -> None:
        """After each of *cycles* times of *work* no more licenses are out than after the first."""
        __tracebackhide__ = True  # of the test, not of us
        work()
        counts = [self.held]
        for _ in range(cycles - 1):
            work()
            with suppress(AssertionError):
                self.wait_for(lambda run: self.held <= counts[0], within)
            counts.append(self.held)
        if max(counts) > counts[0]:
            raise AssertionError(f"licenses out after each cycle: {', '.join(map(str, counts))}")

    def assert_nothing_held(self) -> None:
        """No license is out at the end of a test; says who holds which, and where the evidence is."""
        __tracebackhide__ = True  # of the test, not of us
        run = self.run()
        wanted = LicenseSelection(by=ANYBODY)
        if any(holding.released is None for _, holding in wanted.holdings(run)):
            raise AssertionError(self._told("licenses are still held at the end:", released(run, wanted).why, run))

    def _until(self, wanted: LicenseSelection, seconds: float) -> tuple[RunHistory, AssertionAnswer]:
        deadline = time.monotonic() + seconds
        while True:
            run = self.run()
            answer = released(run, wanted)
            if answer.kept or not answer.waiting or time.monotonic() > deadline:
                return run, answer
            time.sleep(LOOK_EVERY)

    def _told(self, head: str, why: Sequence[str], run: RunHistory) -> str:
        lines = [head, *(f"  {line}" for line in why)]
        lines += [f"  {line}" for line in story(Result(run, judge(run)))[1:]]
        return "\n".join([*lines, f"  journal: {self.folder / 'server.jsonl'}", f"  capture: {self.capture}"])

    # The process

    def start(self) -> None:
        """Start the server, and come back when it answers. Raises NetwareError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(TRIES):
            self.port = _free_port()
            with suppress(ServerFailed):
                self._process = self._server().ready()
                self.admin = self._process.admin
                self._from = len(read(self.folder / "server.jsonl").records)
                return
        raise NetwareError(f"no port was free for TCP and UDP: {self._said()}")

    def stop(self) -> None:
        """Stop the server, and the workstations."""
        while self._clients:
            self._clients.pop().stop()
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _server(self) -> ServerProcess:
        log = self.folder / "server.log"
        log.unlink(missing_ok=True)
        options = [*self.setup.command(), "--admin", "127.0.0.1:0"]
        for transport in TRANSPORTS:
            options += ["--listen", f"{transport}:{self.host}:{self.port}"]
        options += ["--journal", str(self.folder / "server.jsonl"), "--pcap", str(self.capture)]
        return ServerProcess(*options, log=log)

    def _said(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace").strip()[-1000:]

    def _now(self) -> int:
        return round(float(self._ask("/api/server")["t"]) * SECOND)

    def _ask(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        admin = AdminClient(self.admin, timeout=ADVANCE_WITHIN)
        try:
            answer: dict[str, Any] = admin.get(path) if body is None else admin.post(path, body)
        except AdminRefused as problem:
            raise NetwareError(str(problem)) from None
        except AdminUnreachable as problem:
            raise NetwareError(f"{problem}; it said: {self._said()}") from None
        return answer


class ScriptedWorkstation:
    """A scripted client. It lives until it is stopped, and so answers the watchdog."""

    def __init__(self, server: Netware, client: Mapping[str, Any], transport: str) -> None:
        self._server, self._client, self._transport = server, client, transport
        self._process: ProcessGroup | None = None

    def play(self, script: Sequence[Any], within: float | str = 60) -> None:
        """Play a script, written as in a scenario, and come back when it is done. Raises NetwareError."""
        from harness.scenario.scenario import Scenario

        if self._process is not None:
            raise NetwareError("it has played its script; take another workstation")
        spec = {**self._client, "transport": self._transport, "script": list(script)}
        here = {"name": self._server.name, "licenses": max(1, self._server.setup.licenses)}
        data = {"format": 1, "id": "test", "title": "t", "source": "s", "servers": [here], "clients": [spec]}
        (plan,) = Scenario.read(data, "workstation").plans()
        (order,) = plan.scripted()
        journal = self._server.folder / f"client-{order['name']}.jsonl"
        command = (sys.executable, "-m", "harness.runners.client", str(journal))
        self._process = ProcessGroup(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        places = {self._server.name: (self._server.host, self._server.port)}
        self._process.tell({"client": order, "servers": places, "speed": 1})
        deadline = time.monotonic() + _seconds(within)
        while "done" not in self._process.lines():
            code = self._process.code()
            if code is not None or time.monotonic() > deadline:
                raise NetwareError(f"the workstation did not come to the end of its script: exit code {code}")
            time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """End it without a word to the server."""
        if self._process is not None:
            self._process.stop()
            self._process = None


def _free_port() -> int:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        with suppress(OSError):
            udp.bind(("127.0.0.1", port))
        return port


def _seconds(within: float | str) -> float:
    return duration(within) / SECOND
