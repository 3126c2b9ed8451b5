"""The transition table and the refusals once more, over real TCP and UDP: a server process, plain sockets, its journal.

The table and what happens to a station are those of ``test_transitions``; here nothing looks into the server. What
moved is read from the journal, which is written before the reply that announces it.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import Record, parse
from fakenw.server_process import ServerProcess
from fakenw.wire import packet as ncp
from fakenw.wire.framing import frame_request
from fakenw.wire.requests import connection, server, status
from tests.fakenw.core.test_transitions import CELLS, HOLDING, SAME, STATES, TABLE, Then, expected, provoke, short
from tests.fakenw.stage import RELEASE, Station
from tests.programs import LISTEN

pytestmark = pytest.mark.process

DEADLINE = 30.0  # seconds that anything may take on a busy machine
FAST = "600"  # a watchdog that gives up after a second and a half
MOVES = ("create", "grant", "release", "shut", "state", "close")


class Wire(Station):
    """A station with a socket of its own."""

    def __init__(self, stage: Process, transport: str) -> None:
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.connect(stage.addresses[transport])
        self.socket.settimeout(DEADLINE)
        super().__init__(stage, f"{transport}:127.0.0.1:{self.socket.getsockname()[1]}")  # type: ignore[arg-type]
        self.process = stage

    def send(self, packet: bytes) -> list[bytes]:
        """Send one NCP packet and wait for its reply; a notice or a watchdog's question may come before."""
        self.inbox.clear()
        self.last = packet
        self.socket.sendall(frame_request(packet) if self.tcp else packet)
        while not any(ncp.packet_type(came) == ncp.REPLY for came in self.inbox):
            data = self.socket.recv(65536)
            assert data, "the server closed the socket"
            self.sent_to(data)
        return list(self.inbox)

    def lost(self) -> None:
        self.socket.close()
        self.process.wait_for(self.process.gone(self))


class Process(ServerProcess):
    """A running server, its journal as far as it has been written, and the sockets of a test."""

    def __init__(self, journal: Path, *options: str) -> None:
        self.records: list[Record] = []
        self._journal, self._read = journal, 0
        self._wires: list[Wire] = []
        super().__init__(*LISTEN, "--journal", journal, *options)

    def station(self, name: str) -> Wire:
        """A new client; of *name* only the transport counts."""
        self._wires.append(Wire(self, name.partition(":")[0]))
        return self._wires[-1]

    def catch_up(self) -> list[Record]:
        """The journal up to now."""
        with self._journal.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        end = data.rfind(b"\n") + 1
        self._read += end
        self.records += [parse(line) for line in data[:end].decode().splitlines()]
        return self.records

    def state(self, name: str) -> str:
        """What the connection of a station is now."""
        states = [record["to"] for record in self.catch_up() if record.event == "state" and record["station"] == name]
        return states[-1] if states else "gone"

    def gone(self, wire: Wire) -> Callable[[], bool]:
        return lambda: self.state(wire.name) == "gone"

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until it is so."""
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, self.records[-5:]
            time.sleep(0.005)

    def wait(self, seconds: float) -> None:
        """The first station of the test is silent until the watchdog has given up."""
        self.wait_for(self.gone(self._wires[0]))

    def close_sockets(self) -> None:
        """End a test: whoever is still there lets go."""
        for wire in self._wires:
            with contextlib.suppress(OSError):
                if self.state(wire.name) != "gone":
                    wire.destroy()
            wire.socket.close()
        self._wires.clear()


@contextlib.contextmanager
def serving(journal: Path, policy: str, *options: str) -> Iterator[Process]:
    users = ["--user", "JOE:SECRET", "--user", "ANN"]
    with Process(journal, "--policy", policy, "--release", RELEASE[policy], *users, *options) as process:
        yield process
        process.close_sockets()


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Process]]:
    """A server for each policy and speed, started when it is first wanted."""
    with contextlib.ExitStack() as stack:
        running: dict[tuple[str, str], Process] = {}

        def process(policy: str, speed: str) -> Process:
            if (policy, speed) not in running:
                journal = tmp_path_factory.mktemp("server") / "journal.jsonl"
                options = ["--speed", speed, "--idle-after", "1e9", "--licenses", "100"]
                running[policy, speed] = stack.enter_context(serving(journal, policy, *options))
            return running[policy, speed]

        yield process


@pytest.mark.parametrize(("policy", "transport", "event", "before"), CELLS)
def test_row(processes: Callable[[str, str], Process], policy: str, transport: str, event: str, before: str) -> None:
    """The reply and the journal of one cell of the table (ncp.md 8.5)."""
    stage: Any = processes(policy, FAST if event == "watchdog" else "1")
    subject = stage.station(transport).attached()
    assert subject.code(server.GetServerTime()) == 0
    if before != "attached":
        assert subject.login() == 0
    if before == "authenticated":
        assert subject.change(0) == 0
    assert stage.state(subject.name) == before
    files_open = before == "licensed" and event != "file"
    if files_open:
        assert subject.open() == 0
    then = TABLE[event][STATES.index(before)]
    if policy == "attach" and event in ("license", "unlicense"):
        then = Then(0xFB, SAME, None)
    since = len(stage.catch_up())

    assert provoke(stage, subject, event) == then.code

    moves = expected(policy, before, then, files_open=files_open)
    if event == "end-of-job" and files_open:
        moves = ["shut end-of-job"]
    if policy == "ual":  # the user's unit outlives the tests before
        moves = [move for move in moves if not move.startswith("grant")]
    lines = [r for r in stage.catch_up()[since:] if r.event in MOVES and r.get("station") == subject.name]
    assert [short(line) for line in lines if policy != "ual" or line.event != "grant"] == moves
    assert stage.state(subject.name) == (before if then.state == SAME else then.state)
    stage.close_sockets()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("policy", HOLDING)
def test_refusals(policy: str, transport: str, tmp_path: Path) -> None:
    """No slot, no license, a connection that was cleared, a server that is down (ncp.md 6.3)."""
    with serving(tmp_path / "journal.jsonl", policy, "--licenses", "1", "--connections", "3") as process:
        stage: Any = process
        first = stage.station(transport).licensed("SUPERVISOR")
        second = stage.station(transport)
        if policy == "attach":
            assert second.create().completion == 0xF9
        else:
            assert second.attached().login() == 0xE0
            assert second.change(1) == 0x7C
            assert second.open() == 0x7D
            third = stage.station(transport).attached()
            assert stage.station(transport).create().completion == 0xF9
            assert first.code(connection.ClearConnection(third.number)) == 0
            reply = third.ask(ncp.RequestPacket(ncp.REQUEST, 1, third.number, 1, 0x14, b""))
            assert (reply.completion, reply.status) == (0xFD, ncp.BAD_CONNECTION)
            if transport == "tcp":
                assert third.socket.recv(1) == b""  # closed after that reply
        denied = {record["what"] for record in stage.catch_up() if record.event == "deny"}
        assert denied == ({"license"} if policy == "attach" else {"license", "slot"})
        assert first.code(server.DownServer(0xFF)) == 0
        reply = first.call(server.GetServerTime())
        assert (reply.completion, reply.status) == (0xFF, ncp.SERVER_DOWN)
        reply = stage.station(transport).create()
        assert (reply.completion, reply.status) == (0xFF, ncp.SERVER_DOWN)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_account_limit(transport: str, tmp_path: Path) -> None:
    """The limit of an account counts connections without a license too (KB Q175877)."""
    lab = tmp_path / "lab.yaml"
    lab.write_text("bindery: {users: [{name: ONE, max_connections: 1}]}\n")
    with serving(tmp_path / "journal.jsonl", "service", "--config", str(lab)) as process:
        stage: Any = process
        first = stage.station(transport).licensed("ONE")
        assert first.change(0) == 0
        second = stage.station(transport).attached()
        assert second.login("ONE") == 0xD9
        assert first.logout() == 0
        assert second.login("ONE") == 0
        assert [record["what"] for record in stage.catch_up() if record.event == "deny"] == ["account"]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_state_is_visible_over_the_wire(transport: str, tmp_path: Path) -> None:
    """123/4: 0x0001 licensed, 0x0020 authenticated without a license, 0x0400 by bindery."""
    with serving(tmp_path / "journal.jsonl", "service") as process:
        stage: Any = process
        watcher = stage.station(transport).licensed("SUPERVISOR")
        subject = stage.station(transport).licensed("ANN")

        def seen() -> int:
            reply = watcher.call(status.GetUserInfo(subject.number))
            return status.UserInfo.decode(reply.data).status & 0x0021

        assert seen() == 0x0001
        assert subject.change(0) == 0
        assert seen() == 0x0020
