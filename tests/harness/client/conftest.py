"""A synchronous world for behaviours, and an NCP server just good enough to be called."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.bindery.passwords import answer, hash_password
from fakenw.wire import packet as ncp
from fakenw.wire.framing import DMDT, Deframer, frame_reply
from fakenw.wire.layout import Nothing, Reply, split_body
from fakenw.wire.packet import ReplyPacket, decode_request
from fakenw.wire.requests.bindery import KeyedLogin, LoginKey, ObjectInfo
from fakenw.wire.requests.connection import BufferSize, ChangeConnectionState
from fakenw.wire.requests.files import CloseFile, OpenedFile, OpenFile
from harness.client.workstation import Requester
from harness.runners.runtime import Behavior, Driver, VirtualClock

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
            case (23, 29):
                return "state", [str(ChangeConnectionState.decode(data).new_state)], Nothing()
            case (0x19, _):
                return "logout", [], Nothing()
        raise AssertionError(packet)


class FakeLink:
    """A way to a ``FakeServer``: a reply comes LATENCY after its request."""

    def __init__(self, world: FakeWorld, server: FakeServer, station: str, requester: Requester) -> None:
        self.station, self.requester = station, requester
        self.is_open = True
        self._world, self._server = world, server
        self._deframer = Deframer(DMDT) if requester.transport.framed else None

    def send(self, data: bytes) -> None:
        for packet in self._deframer.feed(data) if self._deframer else [data]:
            reply = self._server.receive(packet)
            if reply is not None:
                answer = frame_reply(reply) if self._deframer else reply
                self._world.clock.call_at(self._world.clock.time + LATENCY, self._world.received, self, answer)

    def close(self) -> None:
        self.is_open = False
        self._world.links.pop(self.requester, None)

    def drop(self) -> None:
        """No server here hangs up."""


class FakeWorld(Driver):
    """Runs behaviours on a virtual clock; network time and scenario time are one."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        super().__init__(self.clock)
        self.servers: dict[str, FakeServer] = {}
        self.journal: list[tuple[str, dict[str, Any]]] = []
        self.made: list[FakeLink] = []

    # harness.client.workstation.World

    def link(self, server: str, requester: Requester) -> FakeLink:
        if server not in self.servers:
            raise OSError(f"no server {server}")
        station = f"{requester.transport.name}:10.0.0.1:{1025 + len(self.made)}"
        link = self.links[requester] = FakeLink(self, self.servers[server], station, requester)
        self.made.append(link)
        return link

    def spawn(self, behaviour: Behavior) -> None:
        self.clock.call_at(self.clock.time, self.start, behaviour)

    def write(self, event: str, **fields: Any) -> None:
        self.journal.append((event, fields))

    # For tests

    def run(self, behaviour: Behavior) -> None:
        """Run *behaviour* to its end, and everything spawned as far as it gets meanwhile."""
        over: list[None] = []

        async def whole() -> None:
            await behaviour
            over.append(None)

        self.start(whole())
        self.clock.run(lambda: bool(over))
        assert over, "it waits for what never comes"

    def pass_time(self, duration: int) -> None:
        """Let background behaviours live for *duration*."""
        self.clock.run(lambda: False, self.clock.time + duration)

    def events(self, *wanted: str) -> list[dict[str, Any]]:
        """The fields of the journal's lines of these kinds."""
        return [fields for event, fields in self.journal if event in wanted]

    def told(self) -> list[str]:
        """The journal as words: the event, and the arbiter's action."""
        return [f"{event} {fields['action']}" if event == "arbiter" else event for event, fields in self.journal]


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
