"""The bench: that it measures what it says. How fast anything is, no test asks."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as bench
from benchmarks import steps
from benchmarks.row import Row
from benchmarks.rows import Setting
from benchmarks.servers import MeasuredServer, baseline, ours
from benchmarks.steps import CannotMeasure, Program, Station
from benchmarks.wire import Rate, Tools, Wire, load, rehearse, sizes
from benchmarks.wire import build as compiled
from fakenw.cli.running import build
from fakenw.core.peer import Peer
from fakenw.core.server import Server

LINES = {1: 4, 2: 2, 3: 1, 4: 2, 5: 1, 6: 1, 7: 2}  # of each row


@pytest.mark.process
def test_every_row_has_numbers() -> None:
    """In little, with all its processes. Standard output is JSON and nothing else."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "1", "--seconds", "0.2", "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {"rounds": 1, "seconds": 0.2, "quick": True}.items() <= told.items()
    assert {"python", "cores", "load"} <= told.keys()
    assert {number: [line["row"] for line in told["rows"]].count(number) for number in LINES} == LINES
    for line in told["rows"]:
        ratio = line["ratio"]
        numbers = [line["ours"], *ratio.values(), *([] if line["row"] == 7 else [line["baseline"]])]
        assert all(math.isfinite(number) for number in numbers), line
        assert all(number > 0 for number in numbers) or line["row"] == 5, (
            line
        )  # a difference, and memory comes in pages
        assert ratio["min"] <= ratio["median"] <= ratio["max"]
        assert isinstance(line["reached"], bool)
        assert line["target"] > 0
        assert line["connections"] > 0
        assert {"what", "unit", "measured", "resent", "c"} <= line.keys()
    assert "row 5, memory" in done.stderr  # what is being measured is told where it is in nobody's way


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--rows", "8"], "expected numbers from 1 to 7"),
        (["--rows", "1,"], "expected numbers from 1 to 7"),
        (["--rows", "one"], "expected numbers from 1 to 7"),
        (["--rounds", "0"], "--rounds"),
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--json", "/nowhere/at/all"], "--json"),
        (["more"], "unexpected"),
    ],
)
def test_bad_usage(arguments: list[str], reason: str) -> None:
    """Said at once, with exit code 2."""
    done = CliRunner().invoke(bench.main, arguments)
    assert done.exit_code == 2, done.output
    assert reason in done.output


def _line(**changes: Any) -> Row:
    numbers = {"ours": [30.0, 10.0, 20.0], "baseline": [10.0, 10.0, 10.0]}
    return Row(**{"row": 1, "what": "it", "connections": 5, "unit": "things", "target": 1.5, **numbers, **changes})


def test_a_line_sums_up_its_rounds() -> None:
    """Each round is compared with itself; the median counts."""
    line = _line()
    assert line.results() == [3.0, 1.0, 2.0]
    assert line.json()["ratio"] == {"median": 2.0, "min": 1.0, "max": 3.0}
    assert line.reached
    assert "1.00 to 3.00" in line.text()
    assert line.text().endswith(" reached")
    assert not _line(at_most=True).reached
    assert _line(target=2.5).text().endswith("not reached")
    assert _line(how="difference").results() == [20.0, 0.0, 10.0]
    assert _line(how="ours", baseline=[]).json()["baseline"] is None
    assert _line(resent=3).text().endswith("3 requests sent again")


@pytest.mark.process
def test_what_is_not_reached_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A ratio says how a machine was, and CI runs on any. The file has the numbers that the table has."""
    monkeypatch.setitem(bench.ROWS, 6, lambda setting: iter([_line(target=99)]))
    done = CliRunner().invoke(bench.main, ["--rows", "6,6", "--json", str(tmp_path / "it.json")])
    assert done.exit_code == 0, done.output
    assert "not reached" in done.stdout
    (line,) = json.loads((tmp_path / "it.json").read_text())["rows"]
    assert (line["reached"], line["measured"]["ours"]) == (False, [30.0, 10.0, 20.0])


@pytest.mark.process
def test_a_refusal_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused is not measured, and nobody may take it for a number."""

    def refused(setting: Setting) -> Iterator[Row]:
        raise CannotMeasure("KeyedLogin was answered ff")
        yield _line()

    monkeypatch.setitem(bench.ROWS, 3, refused)
    done = CliRunner().invoke(bench.main, ["--rows", "3"])
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (1, "bench: KeyedLogin was answered ff")


class Core:
    """A station at the core of a server: what it asks is answered without a socket."""

    def __init__(self, program: Program, station: str) -> None:
        self.server: Server = build({"users": ((steps.USER, steps.PASSWORD),), "seed": 1}, {})
        self._peer = Peer.parse(station)
        self._station = Station(program, tcp=self._peer.transport.framed)
        self._frame = steps.REPLY_FRAME if self._peer.transport.framed else 0
        self.events: list[str] = []

    def does(self, *some: steps.Step) -> dict[str, bytes]:
        """Let it do so; raises Refusal. What it knows now."""
        for step in some:
            effects = self.server.receive(0, self._peer, self._station.request(step))
            self.events += [record.event for record in effects.records]
            ((peer, data),) = effects.sends
            assert peer == self._peer
            self._station.answered(step, data[self._frame :])
        return self._station.known


def _user(peer: str) -> int:
    return int.from_bytes(Core(steps.object_id_lookup(), peer).does(*steps.object_id_lookup().cycle)["id"], "big")


@pytest.mark.parametrize("peer", ["tcp:127.0.0.1:4000", "udp:127.0.0.1:4000"])
@pytest.mark.parametrize("name", ["get_time", "mix", "logon", "licensed", "active"])
def test_the_server_does_what_it_is_asked(name: str, peer: str) -> None:
    """So often that sequences begin again at 0, and with handles and login keys of its own each time."""
    program = steps.logon(_user(peer)) if name == "logon" else getattr(steps, name)()
    core = Core(program, peer)
    core.does(*program.setup)
    for _ in range(300):
        core.does(*program.cycle)
    taken = {"get_time": 0, "mix": 300, "logon": 600, "licensed": 1, "active": 1}
    assert core.events.count("grant") == taken[name]
    assert core.server.ledger.held == (name in ("licensed", "active"))


def test_a_refusal_names_what_was_refused() -> None:
    """The hash of another user's password is none."""
    program = steps.logon(_user("udp:127.0.0.1:4000") + 1)
    with pytest.raises(CannotMeasure, match=r"KeyedLogin was answered 3333.*ff00: refused"):
        Core(program, "udp:127.0.0.1:4000").does(*program.cycle)


@pytest.fixture(scope="module", params=["tcp", "udp"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeasuredServer]:
    with ours(tmp_path_factory.mktemp("bench"), request.param) as running:
        yield running


@pytest.fixture(scope="module", params=["C", "Python"])
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tools:
    if request.param == "Python":
        return Tools()
    made = compiled(tmp_path_factory.mktemp("compiled"))
    if made.load is None:
        pytest.skip("no C compiler")
    return made


def _logon(server: MeasuredServer) -> Program:
    with Wire(server, steps.object_id_lookup()) as wire:
        for step in steps.object_id_lookup().cycle:
            wire.ask(step)
        return steps.logon(int.from_bytes(wire.station.known["id"], "big"))


@pytest.mark.process
def test_both_loads_log_on(server: MeasuredServer, tools: Tools) -> None:
    """The answer to a login key is worked out in C as well, and a baseline server gives as many bytes for as many."""
    program = rehearse(server, _logon(server))
    assert load(tools, server, program, 3, 0.1).answers > 0
    with baseline(server.transport, sizes(program, server.transport)) as echo:
        assert load(tools, echo, program, 3, 0.1).answers > 0


@pytest.mark.process
def test_both_loads_end_with_a_refusal(server: MeasuredServer, tools: Tools) -> None:
    """Also where only the load is refused, and the rehearsal was not."""
    program = rehearse(server, _logon(server))
    with pytest.raises(CannotMeasure, match=r"KeyedLogin was answered .*: refused, so nothing is measured"):
        load(tools, server, program._replace(hashed=bytes(16)), 3, 0.1)
    with pytest.raises(CannotMeasure, match="KeyedLogin was answered"):
        rehearse(server, program._replace(hashed=bytes(16)))


@pytest.mark.process
def test_a_lost_datagram_is_sent_again(tools: Tools) -> None:
    """Nobody listens: the load ends all the same, and says how often it asked again."""
    program = steps.get_time()._replace(sizes=(8, 15))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        silent = MeasuredServer("udp", deaf.getsockname(), 0, "ours")
        assert load(tools, silent, program, 2, 1.0) == Rate(0.0, 2)
