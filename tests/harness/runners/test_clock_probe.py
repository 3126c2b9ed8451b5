"""The runner measures the clocks of its hosts, and what is judged does not depend on their wall clocks."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakenw.journal.record import SECOND, Record, read
from fakenw.server_process import ServerProcess
from harness.judge.history import load
from harness.judge.verdict import judge
from harness.runners import real_time
from harness.runners.backend import Failed
from harness.runners.clock_probe import TRIES, ClockProbe
from harness.runners.fault_injector import RunningClient, ServerUnderTest
from harness.runners.journal_tail import JournalTail
from harness.runners.processes import Processes
from harness.scenario.settings import ServerSpec
from tests.harness.memory_run import WORK, events, planned
from tests.harness.runners.journal_page import undocumented
from tests.programs import LISTEN

OPEN, CLOSE = WORK[0], "nal.close"

# With hosts whose clocks are known


class KnownHost:
    """A host that answers in so many microseconds there and back; its clock is *ahead* of the runner's."""

    def __init__(self, net: Net, name: str, ahead: int, ways: list[tuple[int, int]], answers: bool = True) -> None:
        self.name, self.statuses, self.answers = name, set[str](), answers
        self.asked = 0
        self._net, self._ahead, self._ways = net, ahead, ways

    def read(self) -> float:
        there, back = self._ways[self.asked % len(self._ways)]
        self.asked += 1
        if not self.answers:
            raise OSError("no answer")
        self._net.time += there
        t = (self._net.time + self._ahead) / SECOND
        self._net.time += back
        return t

    def send(self, instructions: Mapping[str, Any]) -> None:
        self.statuses.add(f"clock {instructions['clock']} {self.read()}")

    def code(self) -> int | None:
        return None if self.answers else 1

    def running(self) -> list[dict[str, Any]]:
        return []

    def last_output(self) -> str:
        return ""

    def stop(self) -> None: ...


class Net:
    """A run of known hosts: its time, its runner's lines."""

    def __init__(self) -> None:
        self.time = 0
        self.lines: list[Record] = []
        self.servers: dict[str, ServerUnderTest] = {}
        self.clients: dict[str, RunningClient] = {}
        self.probe = ClockProbe(self, self.servers, self.clients, lambda: self.time, self.write)  # type: ignore[arg-type]

    def write(self, event: str, *, t: int | None = None, **fields: Any) -> None:
        self.lines.append(Record(self.time if t is None else t, "runner", event, fields))

    @contextmanager
    def asking_clock(self, server: KnownHost) -> Iterator[Callable[[], float]]:
        yield server.read

    def server(self, host: KnownHost) -> None:
        spec, tail = ServerSpec(name=host.name), JournalTail(Path())
        self.servers[host.name] = ServerUnderTest(spec, host, tail, {"udp": ("127.0.0.1", 1)})

    def client(self, host: KnownHost, **state: Any) -> RunningClient:
        self.clients[host.name] = RunningClient(host.name, host, {}, **{"instructed": True, **state})
        return self.clients[host.name]


def test_the_shortest_of_several_round_trips_counts() -> None:
    """Its middle is wrong by no more than half of it, however long each way takes."""
    net = Net()
    ways = [(9000, 100), (50, 70), (10, 900)]
    net.server(KnownHost(net, "FAKENW", 7 * SECOND, ways))
    net.client(KnownHost(net, "ws", -3 * SECOND, ways))
    net.probe.measure_due()
    server, client = net.lines
    for line, ahead in ((server, 7 * SECOND), (client, -3 * SECOND)):
        wrong = round(line["theirs"] * SECOND) - line.t - ahead
        assert abs(wrong) <= line["bound"] * SECOND
        assert 60 <= line["bound"] * SECOND <= 65
    assert {**server.fields, **client.fields}.keys() == {"server", "client", "theirs", "bound"}
    assert net.servers["FAKENW"].host.asked == TRIES  # type: ignore[attr-defined]
    net.probe.measure_due()
    net.probe.measure_rest()
    assert len(net.lines) == 2
    assert 120 <= net.probe.slack <= 130


@pytest.mark.parametrize("way", [(120, 0), (0, 120)])
def test_a_round_trip_may_take_all_of_its_time_on_one_way(way: tuple[int, int]) -> None:
    """The answer is that of the middle, so that it is wrong by half of the trip at most."""
    net = Net()
    net.server(KnownHost(net, "FAKENW", 7 * SECOND, [way]))
    net.probe.measure_due()
    (line,) = net.lines
    assert abs(round(line["theirs"] * SECOND) - line.t - 7 * SECOND) <= line["bound"] * SECOND


def test_another_incarnation_is_another_clock() -> None:
    """It is measured when it is instructed, and told apart."""
    net = Net()
    net.client(KnownHost(net, "ws", 0, [(1, 1)]))
    net.probe.measure_due()
    again = net.client(KnownHost(net, "ws", -5 * SECOND, [(1, 1)]), incarnation=2, instructed=False)
    net.probe.measure_due()
    assert len(net.lines) == 1
    again.instructed = True
    net.probe.measure_due()
    assert [line.get("incarnation") for line in net.lines] == [None, 2]


def test_a_host_that_does_not_answer_stops_no_other() -> None:
    """It is asked again at the end, and then the reason is told."""
    net = Net()
    mute = KnownHost(net, "mute", 0, [(1, 1)], answers=False)
    net.client(mute)
    net.client(KnownHost(net, "ws", 0, [(1, 1)]))
    for _ in range(3):
        net.probe.measure_due()
    assert [line.fields.get("client") for line in net.lines] == ["ws"]
    assert mute.asked == 1
    net.probe.measure_rest()
    assert net.lines[1].fields == {"client": "mute", "reason": "no answer"}
    net.probe.measure_rest()
    assert len(net.lines) == 2
    late = KnownHost(net, "late", 0, [(1, 1)], answers=False)
    net.client(late)
    net.probe.measure_due()
    late.answers = True
    net.probe.measure_rest()
    assert net.lines[2]["bound"] > 0


@pytest.mark.parametrize("state", [{"ended": True}, {"frozen": True}, {"instructed": False}])
def test_a_client_that_cannot_answer_is_not_asked(state: dict[str, bool]) -> None:
    """One that a fault has ended or suspended, or that waits for its instructions."""
    net = Net()
    host = KnownHost(net, "ws", 0, [(1, 1)])
    net.client(host, **state)
    net.probe.measure_due()
    net.probe.measure_rest()
    assert (host.asked, net.lines) == (0, [])


def test_a_server_that_is_down_is_not_asked() -> None:
    """Nor is one that does not answer NCP yet."""
    net = Net()
    host = KnownHost(net, "FAKENW", 0, [(1, 1)])
    net.server(host)
    net.servers["FAKENW"].down = True
    net.probe.measure_rest()
    net.servers["FAKENW"].down, net.servers["FAKENW"].addresses = False, {}
    net.probe.measure_rest()
    assert host.asked == 0


# In processes


def set_back(journal: Path, minutes: int) -> None:
    """The wall clock of the machine that wrote *journal* was so many minutes slow."""
    first, *rest = journal.read_text().splitlines(keepends=True)
    start = json.loads(first)
    start["utc"] = (datetime.fromisoformat(start["utc"]) - timedelta(minutes=minutes)).isoformat()
    journal.write_text("".join([json.dumps(start) + "\n", *rest]))


@pytest.mark.process
def test_a_run_whose_clients_wall_clock_is_off_is_judged_right(tmp_path: Path) -> None:
    """By two minutes; the limit is one second. Without the runner's lines it is judged wrong."""
    plan = planned([], "udp", [OPEN, {"wait": "1500ms"}, CLOSE], checks=[{"released": {"within": "1s"}}])
    journals = {
        Path(journal.name).name: journal for journal in real_time.run(plan, tmp_path, Processes(), threading.Event())
    }
    told = events(journals["runner.jsonl"], "clock")
    assert [line.get("server") or line.get("client") for line in told] == ["FAKENW", "ws"]
    assert all(0 < line["bound"] < 2 for line in told)
    assert [
        missing for journal in journals.values() for record in journal.records for missing in undocumented(record)
    ] == []
    assert judge(load([tmp_path])).verdict == "released"
    set_back(tmp_path / "client-ws.jsonl", 2)
    assert judge(load([tmp_path])).verdict == "released"
    runner = tmp_path / "runner.jsonl"
    lines = runner.read_text().splitlines(keepends=True)
    runner.write_text("".join(line for line in lines if '"event": "clock"' not in line))
    assert judge(load([tmp_path])).verdict == "leaked"


@pytest.mark.process
def test_a_server_that_starts_again_is_asked_again(tmp_path: Path) -> None:
    """At its old port; its new clock began at 0."""
    faults = [{"wait": "300ms"}, {"server-down": "FAKENW"}, {"server-up": "FAKENW"}, {"wait": "100ms"}]
    plan = planned(faults, "udp", [OPEN, CLOSE, {"wait": "1s"}])
    runner = next(
        journal
        for journal in real_time.run(plan, tmp_path, Processes(), threading.Event())
        if journal.records[0].role == "runner"
    )
    assert [missing for record in runner.records for missing in undocumented(record)] == []
    first, second = [line for line in events(runner, "clock") if line.get("server")]
    assert (first.get("incarnation"), second.get("incarnation")) == (None, 2)
    assert second["theirs"] * SECOND - second.t < first["theirs"] * SECOND - first.t


@pytest.mark.process
def test_the_relay_tells_the_servers_time(tmp_path: Path) -> None:
    """An answer for each line, and it ends when its input does."""
    with ServerProcess(*LISTEN, "--admin", "127.0.0.1:0", "--journal", tmp_path / "journal") as server:
        port = server.admin.rpartition(":")[2]
        command = [sys.executable, "-m", "harness.runners.server_clock", port]
        done = subprocess.run(command, input="\n\n", capture_output=True, text=True, check=True, timeout=60)
    one, two = map(float, done.stdout.split())
    ended = read(tmp_path / "journal").records[-1]
    assert 0 < one < two < ended.t / SECOND


@pytest.mark.process
def test_a_client_tells_its_time_and_its_incarnation(tmp_path: Path) -> None:
    """On its standard output, by the clock of its journal."""
    (order,) = planned([], "udp", [{"wait": "1ms"}]).scripted()
    journal = tmp_path / "journal"
    lines = [{"client": order, "servers": {}, "speed": 60, "incarnation": 3}, {"clock": 7}, {"clock": 8}]
    command = [sys.executable, "-m", "harness.runners.client", str(journal)]
    given = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=60)
    told = [line.split() for line in done.stdout.splitlines() if line.startswith("clock")]
    assert [number for _, number, _ in told] == ["7", "8"]
    start = read(journal).records[0]
    assert undocumented(start) == set()
    assert (start.event, start["incarnation"]) == ("start", 3)
    assert 0 <= start.t / SECOND <= float(told[0][2]) <= float(told[1][2])


# In a container, whose engine is played


def frame(data: bytes) -> bytes:
    """A frame of the engine's stream, of standard output."""
    return struct.pack(">BxxxL", 1, len(data)) + data


@contextmanager
def container(answer: Callable[[], list[bytes]]) -> Iterator[Any]:
    """A container in which a program answers every line with *answer*'s frames, and ends where there are none."""
    engine = pytest.importorskip("harness.runners.docker_engine")
    ours, theirs = socket.socketpair()

    def relay() -> None:
        with theirs:
            while theirs.recv(1) and (frames := answer()):
                for data in frames:
                    theirs.sendall(data)

    ran: list[Any] = []

    def create(*what: Any, **streams: bool) -> dict[str, int]:
        ran.append(what)
        return {"Id": 1}

    api = SimpleNamespace(
        exec_create=create,
        exec_start=lambda ident, socket: ours,
    )
    made = SimpleNamespace(id="c1", client=SimpleNamespace(api=api))
    thread = threading.Thread(target=relay)
    thread.start()
    try:
        host = engine.Container("FAKENW", made, "10.0.0.2", Path("log"), None)
        yield host
        assert ran == [("c1", ["python3", "-m", "harness.runners.server_clock", "8524"])]
    finally:
        ours.close()
        thread.join()


def asking(host: Any) -> Any:
    """Asks as the containers' backend does."""
    backend = pytest.importorskip("harness.runners.containers").Containers(threading.Semaphore(), 1, False, print)
    return backend.asking_clock(host)


def test_a_server_in_a_container_is_asked_from_within() -> None:
    """An answer may come in pieces."""
    answers = iter([[frame(b"12.5"), frame(b"\n")], [frame(b"13.0\n")]])
    with container(lambda: next(answers, [])) as host, asking(host) as ask:
        assert [ask(), ask()] == [12.5, 13.0]
        with pytest.raises(Failed, match="python3 does not answer"):
            ask()


def test_what_is_no_time_is_refused() -> None:
    """A program that prints something else."""
    with (
        container(lambda: [frame(b"noon\x1b\n")]) as host,
        asking(host) as ask,
        pytest.raises(Failed, match=r"FAKENW does not tell the time: noon\\x1b"),
    ):
        ask()
