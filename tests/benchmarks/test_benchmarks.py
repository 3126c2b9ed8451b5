"""The rows of the benchmark: that they measure what they say. How fast anything is, no test asks."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from benchmarks import __main__ as bench
from benchmarks import steps
from benchmarks.load import Load, Tools
from benchmarks.load import build as compiled
from benchmarks.row import Row, estimate
from benchmarks.rows import Setting
from benchmarks.scheduled import Scheduled
from benchmarks.servers import MeasuredServer, baseline, ours
from benchmarks.steps import CannotMeasure, Program, Station
from benchmarks.wire import Wire, rehearse, sizes
from fakenw.cli.running import build
from fakenw.core.peer import Peer
from fakenw.core.server import Server
from tests.programs import runs

LINES = {1: 4, 2: 2, 3: 1, 4: 2, 5: 1, 6: 1, 7: 2}  # of each row


@pytest.mark.process
def test_every_row_has_numbers(tools: Tools) -> None:
    """In little, with all its processes. Standard output is JSON and nothing else."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--pairs", "2", "--seconds", "0.05", "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {"pairs": 2, "seconds": 0.05}.items() <= told.items()
    assert {number: [line["row"] for line in told["rows"]].count(number) for number in LINES} == LINES
    for line in told["rows"]:
        result, measured = line["result"], line["measured"]
        assert result["low"] <= result["median"] <= result["high"]
        assert line["verdict"] in ("reached", "not reached", "too busy to tell", "too close to tell")
        numbers = [*measured["ours"], *measured["baseline"], *measured["c"], *measured["rates"]]
        assert all(math.isfinite(number) for number in numbers), line
        assert all(number > 0 for number in numbers) or line["row"] == 5, line  # memory comes in pages
        over_sockets = line["row"] <= 4
        assert len(measured["rates"]) == (2 if over_sockets else 0)
        assert len(measured["c"]) == (2 if line["row"] in (1, 3) else 0)
        assert 0 <= line["waited"] < 1
        assert line["connections"] > 0
    assert "row 5, memory" in done.stderr


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(number: signal.Signals, tools: Tools, tmp_path: Path) -> None:
    """No server and no load is left, and the rows that were measured are in the file."""
    command = [sys.executable, "-m", "benchmarks", "--rows", "1,6", "--quick", "--pairs", "1000000"]
    file = tmp_path / "it.json"
    with subprocess.Popen([*command, "--json", str(file)], stderr=subprocess.PIPE, text=True) as bench:
        assert bench.stderr is not None
        assert "1000000 pairs" in bench.stderr.readline()
        started = psutil.Process(bench.pid).children(recursive=True)
        bench.send_signal(number)
        bench.communicate(timeout=600)
    assert len(started) >= 3
    assert not [process for process in started if runs(process)]
    assert json.loads(file.read_text())["rows"] == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--rows", "8"], "expected numbers from 1 to 7"),
        (["--rows", "1,"], "expected numbers from 1 to 7"),
        (["--rows", "one"], "expected numbers from 1 to 7"),
        (["--pairs", "0"], "--pairs"),
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--json", "/nowhere/at/all"], "--json"),
        (["--instructions", "forget"], "'show', 'keep', 'compare'"),
        (["more"], "unexpected"),
    ],
)
def test_bad_usage(arguments: list[str], reason: str) -> None:
    """Said at once, with exit code 2."""
    done = CliRunner().invoke(bench.main, arguments)
    assert done.exit_code == 2, done.output
    assert reason in done.output


def _line(**changes: Any) -> Row:
    numbers = {"ours": [10.0, 30.0, 20.0], "baseline": [30.0, 30.0, 40.0]}
    return Row(**{"row": 1, "what": "it", "connections": 5, "unit": "things", "target": 1.5, **numbers, **changes})


def test_the_interval_of_a_median() -> None:
    """Of three numbers a median that is drawn is the lowest, or the highest, in 7 of 27 cases: the interval has both.

    Of the numbers from 1 to 101 the binomial distribution has 41 and 61 as the order statistics of 95 of 100 cases.
    """
    assert estimate([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert estimate([7.0]) == (7.0, 7.0, 7.0)
    found = estimate([float(n) for n in range(1, 102)])
    assert found.median == 51
    assert found.low == pytest.approx(41, abs=2)
    assert found.high == pytest.approx(61, abs=2)
    assert found == estimate([float(n) for n in range(1, 102)]), "the same numbers have the same interval"


def test_processor_time_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    before, began = Scheduled.of(), time.process_time()
    while time.process_time() - began < 0.1:
        pass
    assert Scheduled.of().since(before).computed > 0.05  # of a process that runs it is a few milliseconds old
    assert Scheduled(3.0, 1.0).share_waited == 0.25
    assert Scheduled(0.0, 0.0).share_waited == 0
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: "2500000000 500000000 12\n")
    assert Scheduled.of(1) == (2.5, 0.5)


def test_a_line_sums_up_its_pairs() -> None:
    """Each pair is compared with itself; the median counts."""
    line = _line()
    assert line.results() == [3.0, 1.0, 2.0]
    assert line.json()["result"] == {"median": 2.0, "low": 1.0, "high": 3.0}
    assert "2.00 [1.00 to 3.00]" in line.text()
    assert _line(how="growth", ours=[30.0], baseline=[10.0]).results() == [3.0]
    assert _line(how="difference").results() == [-20.0, 0.0, -20.0]
    assert _line(how="ours", baseline=[]).json()["baseline"] is None
    assert _line(resent=3).text().endswith("3 requests sent again")


def test_an_interval_tells_unless_the_aim_is_inside() -> None:
    """Numbers that scatter by a third, as on a machine that others use."""
    scattered = {"ours": [10.0, 13.0, 9.0, 12.0] * 5, "baseline": [20.0] * 20}
    assert _line(**scattered, target=1.4).verdict() == "reached"
    assert _line(**scattered, target=2.4).verdict() == "not reached"
    assert _line(**scattered, target=1.8).verdict() == "too close to tell"
    assert _line(**scattered, target=1.8, waited=0.5).verdict() == "too busy to tell"
    assert _line(**scattered, target=1.4, waited=0.5).verdict() == "reached", "processor time tells all the same"
    assert "busy: 50%" in _line(waited=0.5).text()
    assert "busy" not in _line(waited=0.05).text()
    growth = {"how": "growth", "ours": [20.0, 20.0], "baseline": [10.0, 10.0]}
    assert _line(**growth, target=2.5).verdict() == "reached"
    assert _line(**growth, target=1.5).verdict() == "not reached"


@pytest.mark.process
def test_what_is_not_reached_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """CI runs on any machine. The file has the numbers that the table has."""
    monkeypatch.setitem(bench.ROWS, 6, lambda setting: iter([_line(target=99, waited=0.3)]))
    done = CliRunner().invoke(bench.main, ["--rows", "6,6", "--json", str(tmp_path / "it.json")])
    assert done.exit_code == 0, done.output
    assert "not reached" in done.stdout
    assert "What was measured waited for a processor, up to 30% of its time: the machine was busy." in done.stderr
    (line,) = json.loads((tmp_path / "it.json").read_text())["rows"]
    assert (line["verdict"], line["measured"]["ours"]) == ("not reached", [10.0, 30.0, 20.0])


@pytest.mark.process
def test_a_refusal_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was refused is not measured. What was measured before is not lost."""

    def refused(setting: Setting) -> Iterator[Row]:
        yield _line()
        raise CannotMeasure("KeyedLogin was answered ff")

    monkeypatch.setitem(bench.ROWS, 3, refused)
    done = CliRunner().invoke(bench.main, ["--rows", "3", "--json", str(tmp_path / "it.json")])
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (1, "bench: KeyedLogin was answered ff")
    assert len(json.loads((tmp_path / "it.json").read_text())["rows"]) == 1


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


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    try:
        return compiled(tmp_path_factory.mktemp("compiled"))
    except CannotMeasure as problem:
        pytest.skip(str(problem))


def _logon(server: MeasuredServer) -> Program:
    with Wire(server, steps.object_id_lookup()) as wire:
        for step in steps.object_id_lookup().cycle:
            wire.ask(step)
        return steps.logon(int.from_bytes(wire.station.known["id"], "big"))


@pytest.mark.process
def test_the_load_logs_on_in_every_slice(server: MeasuredServer, tools: Tools) -> None:
    """The answer to a login key is worked out in C, and a bare server gives as many bytes for as many."""
    program = rehearse(server, _logon(server))
    with baseline(server.transport, sizes(program, server.transport)) as echo:
        for measured in (server, echo):
            with Load(tools, measured, program, 3) as load:
                slices = [load.slice(0.1), load.slice(0.1)]
            assert all(each.answers >= 3 for each in slices), "each station has had its answer"
            assert all(each.cost.computed > 0 for each in slices)


@pytest.mark.process
def test_a_refusal_ends_the_load(server: MeasuredServer, tools: Tools) -> None:
    """Also where only the load is refused, and the rehearsal was not."""
    program = rehearse(server, _logon(server))
    refused = program._replace(hashed=bytes(16))
    with (
        Load(tools, server, refused, 3) as load,
        pytest.raises(CannotMeasure, match=r"KeyedLogin was answered .*: refused, so nothing is measured"),
    ):
        load.slice(0.1)
    with pytest.raises(CannotMeasure, match="KeyedLogin was answered"):
        rehearse(server, refused)


@pytest.mark.process
def test_a_lost_datagram_is_sent_again(tools: Tools) -> None:
    """The first request is not answered."""
    program = Program((), (steps.ASKS_TIME,), sizes=(15,))

    def lose_one(port: socket.socket) -> None:
        port.recv(100)
        _, station = port.recvfrom(100)
        port.sendto(bytes(15), station)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        server = MeasuredServer("udp", port.getsockname(), os.getpid())
        answering = threading.Thread(target=lose_one, args=(port,))
        answering.start()
        with Load(tools, server, program, 1) as load:
            found = load.slice(0.01)
        answering.join()
    assert (found.answers, found.resent) == (1, 1)


def test_without_a_compiler_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotMeasure, match="there is no compiler; expected cc or gcc"):
        compiled(tmp_path)
