"""A synchronous world for behaviours, and an NCP server just good enough to be called."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from fakenw.password import answer, hash_password
from fakenw.wire import packet as ncp
from fakenw.wire.framing import DMDT, Deframer, frame_reply
from fakenw.wire.layout import Nothing, Reply, split_body
from fakenw.wire.packet import ReplyPacket, decode_request
from fakenw.wire.requests.bindery import KeyedLogin, LoginKey, ObjectInfo
from fakenw.wire.requests.connection import BufferSize
from fakenw.wire.requests.files import CloseFile, OpenedFile, OpenFile
from harness.workstation import Exchange, Requester, Sleep

LATENCY = 1000  # microseconds from request to reply
KEY = bytes(range(8))


class FakeServer:
    """One server. ``log`` is what it carried out, such as ``open 1 SYS:FILE``."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.deaf = False  # answers nothing
        self.refuse: dict[str, int] = {}  # completion code by what the log would say first
        self.cleared: set[int] = set()
        self.files: dict[bytes, str] = {}
        self._last = 0
        self.set_password("")

    def set_password(self, password: str) -> None:
        """What JOE's password is."""
        self._hash = hash_password(7, password.encode())

    def receive(self, data: bytes) -> bytes | None:
        """The reply to one packet."""
        packet = decode_request(data)
        if self.deaf:
            return None
        number, code, status, body = packet.connection, 0, 0, b""
        if packet.type == ncp.CREATE:
            self._last += 1
            number = self._last
        if number in self.cleared and packet.type != ncp.DESTROY:
            code, status = 0xFD, ncp.BAD_CONNECTION
        else:
            verb, words, reply = self._carry_out(packet)
            if verb:
                self.log.append(" ".join([verb, str(number), *words]))
            code = self.refuse.get(verb, 0)
            if verb == "login" and not code and words[-1] == "badly":
                code = 0xFF
            number = 0 if verb == "create" and code else number
            body = b"" if code else reply.encode()
        return ReplyPacket(ncp.REPLY, packet.sequence, number, packet.task, code, status, body).encode()

    def _carry_out(self, packet: ncp.RequestPacket) -> tuple[str, list[str], Reply]:
        if packet.type == ncp.CREATE:
            return "create", [], Nothing()
        if packet.type == ncp.DESTROY:
            return "destroy", [], Nothing()
        function, (subfunction, data) = packet.function, split_body(packet.function, packet.body)
        match function, subfunction:
            case (0x21, _):
                return "", [], BufferSize(1024)
            case (23, 23):
                return "", [], LoginKey(KEY)
            case (23, 53):
                return "", [], ObjectInfo(7, 1, "JOE")
            case (23, 24):
                login = KeyedLogin.decode(data)
                right = login.answer == answer(KEY, self._hash)
                return "login", [login.name, *([] if right else ["badly"])], Nothing()
            case (0x4C, _):
                path = OpenFile.decode(data).name
                handle = (len(self.log) + 1).to_bytes(6, "big")
                self.files[handle] = path
                return "open", [path], OpenedFile(handle, bytes(2), "", 0, 0, 0, 0, 0, 0, 0)
            case (0x42, _):
                return "close", [self.files[CloseFile.decode(data).handle]], Nothing()
            case (0x19, _):
                return "logout", [], Nothing()
        raise AssertionError(packet)


class FakeLink:
    def __init__(self, station: str) -> None:
        self.station = station
        self.open = True

    def close(self) -> None:
        self.open = False


class FakeWorld:
    """Runs behaviours by an event heap; network time and scenario time are one."""

    def __init__(self) -> None:
        self.clock = 0
        self.servers: dict[str, FakeServer] = {}
        self.journal: list[tuple[str, dict[str, Any]]] = []
        self.links: list[FakeLink] = []
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._pushed = 0
        self._streams: dict[Requester, Deframer] = {}

    # harness.workstation.World

    def now(self) -> int:
        return self.clock

    def link(self, server: str, transport: str, requester: Requester) -> FakeLink:
        if server not in self.servers:
            raise OSError(f"no server {server}")
        if transport == "tcp":
            self._streams[requester] = Deframer(DMDT)
        self.links.append(FakeLink(f"{transport}:10.0.0.1:{1025 + len(self.links)}"))
        return self.links[-1]

    def spawn(self, behaviour: Coroutine[Any, Any, None]) -> None:
        self._at(0, lambda: self._resume(behaviour, None))

    def write(self, event: str, **fields: Any) -> None:
        self.journal.append((event, fields))

    # For tests

    def run(self, behaviour: Coroutine[Any, Any, None]) -> None:
        """Run *behaviour* to its end, and everything spawned as far as it gets meanwhile."""
        over: list[None] = []

        async def whole() -> None:
            await behaviour
            over.append(None)

        self._resume(whole(), None)
        while not over:
            self._step()

    def pass_time(self, duration: int) -> None:
        """Let background behaviours live for *duration*."""
        end = self.clock + duration
        while self._heap and self._heap[0][0] <= end:
            self._step()
        self.clock = end

    def events(self, *wanted: str) -> list[dict[str, Any]]:
        """The fields of the journal's lines of these kinds."""
        return [fields for event, fields in self.journal if event in wanted]

    def told(self) -> list[str]:
        """The journal as words: the event, and the arbiter's action."""
        return [f"{event} {fields['action']}" if event == "arbiter" else event for event, fields in self.journal]

    def _step(self) -> None:
        self.clock, _, act = heapq.heappop(self._heap)
        act()

    def _at(self, delay: int, act: Callable[[], None]) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (self.clock + delay, self._pushed, act))

    def _resume(self, behaviour: Coroutine[Any, Any, None], value: Any) -> None:
        try:
            waits = behaviour.throw(value) if isinstance(value, Exception) else behaviour.send(value)
        except StopIteration:
            return
        if isinstance(waits, Sleep):
            self._at(waits.duration, lambda: self._resume(behaviour, None))
        else:
            assert isinstance(waits, Exchange)
            self._send(waits.requester, waits.requester.begin(self.clock, waits.packet), behaviour)

    def _send(self, requester: Requester, packets: list[bytes], behaviour: Coroutine[Any, Any, None]) -> None:
        server = self.servers[requester.server]
        stream = self._streams.get(requester)
        for data in packets:
            for packet in stream.feed(data) if stream else [data]:
                reply = server.receive(packet)
                if reply is not None:
                    requester.receive(self.clock, frame_reply(reply) if stream else reply)
        outcome = requester.take()
        if outcome is not None:
            self._at(LATENCY, lambda: self._resume(behaviour, outcome))
            return
        assert requester.deadline is not None

        def again() -> None:
            self._send(requester, requester.expire(self.clock), behaviour)

        self._at(requester.deadline - self.clock, again)


@pytest.fixture
def world() -> FakeWorld:
    """A world with one server, FAKENW."""
    world = FakeWorld()
    world.servers["FAKENW"] = FakeServer()
    return world


@pytest.fixture
def server(world: FakeWorld) -> FakeServer:
    """The server FAKENW."""
    return world.servers["FAKENW"]
