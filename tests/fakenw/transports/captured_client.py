"""A running server that captures everything, and a client that notes each function and its completion codes."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from fakenw.core.services import SERVICES
from fakenw.server_process import ServerProcess
from fakenw.wire import nds
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.layout import Request
from fakenw.wire.packet import ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import nds as tree
from tests.programs import LISTEN

DEADLINE = 60.0  # seconds that anything may take on a busy machine
FUNCTIONS = {key: entry for service in SERVICES for key, entry in service.functions.items()}
Key = tuple[int, int | None]


class Process(ServerProcess):
    """A running server which listens on a free port of either kind, and captures everything."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.capture, self.errors = folder / "server.pcap", folder / "errors.txt"
        self.sockets: list[socket.socket] = []
        super().__init__(*LISTEN, "--pcap", self.capture, *options, log=self.errors)
        self.ready()

    def end(self, number: int) -> int | None:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        self.process.wait(DEADLINE)
        return self.kill()

    def clean(self) -> None:
        self.kill()
        for each in self.sockets:
            each.close()


class Client:
    """One NCP connection over a plain socket, which notes what came back for which function."""

    def __init__(self, process: Process, transport: str, heard: dict[Key, set[int]]) -> None:
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        self.socket = socket.socket(socket.AF_INET, kind)
        process.sockets.append(self.socket)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(process.addresses[transport])
        self.heard = heard
        self.number, self._sequence = ncp.NO_CONNECTION, 0
        self._deframer = Deframer(TNCP) if transport == "tcp" else None
        self.number = self.ask(ncp.CREATE, 0).connection

    def ask(self, kind: int, function: int, body: bytes = b"") -> ReplyPacket:
        packet = RequestPacket(kind, self._sequence, self.number, 1, function, body).encode()
        self.socket.sendall(frame_request(packet) if self._deframer else packet)
        packets: list[bytes] = []
        while not packets:
            data = self.socket.recv(65536)
            assert data, "the server closed the connection"
            packets = self._deframer.feed(data) if self._deframer else [data]
            packets = [one for one in packets if ncp.packet_type(one) == ncp.REPLY]
        reply = decode_reply(packets[0])
        assert reply.sequence == self._sequence
        self._sequence = (self._sequence + 1) & 0xFF
        return reply

    def call(self, request: Request[Any]) -> ReplyPacket:
        reply = self.ask(ncp.REQUEST, request.function, request.body())
        self.heard[request.function, request.subfunction].add(reply.completion)
        return reply

    def done(self, request: Request[Any]) -> Any:
        """A request that must succeed; its reply."""
        reply = self.call(request)
        assert reply.completion == 0, (request, hex(reply.completion))
        return request.reply.decode(reply.data)

    def refused(self, request: Request[Any], code: int) -> None:
        assert self.call(request).completion == code, request

    def message(self, verb: int, asked: bytes, most: int = 506) -> int:
        """An NDS message, in fragments; its code."""
        first, rest = nds.Start(most, nds.MESSAGE_HEADER + len(asked), 0, verb, 4096, asked[:489]), asked[489:]
        reply, found = self.done(tree.Fragment(nds.NO_HANDLE, first.encode())), b""
        while reply.handle != nds.NO_HANDLE:
            found += reply.data
            reply, rest = self.done(tree.Fragment(reply.handle, rest[:489])), rest[489:]
        return int.from_bytes((found + reply.data)[:4], "little", signed=True)

    def end(self) -> None:
        assert self.ask(ncp.DESTROY, 0).completion == 0
        self.socket.close()
