"""A workstation on a real link: it finds the server by SAP, the way by RIP, and speaks NCP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from fakenw.wire import packet as ncp
from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.frames import Frame, FrameType, decode_frame
from fakenw.wire.ipx.packet import (
    EVERY_NODE,
    NCP_TYPE,
    RIP_SOCKET,
    RIP_TYPE,
    SAP_SOCKET,
    SAP_TYPE,
    IpxAddress,
    IpxPacket,
    decode_ipx,
)
from fakenw.wire.layout import Request
from fakenw.wire.packet import ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import bindery, server

WITHIN = 30.0  # seconds that anything may take on a busy machine
AGAIN = 0.5  # seconds, and then a question is repeated
STATION = bytes.fromhex("525400123456")


class Plug(Protocol):
    """One end of a link."""

    def send(self, frame: bytes) -> None: ...

    def receive(self, within: float) -> bytes:
        """The next frame. Raises TimeoutError."""


class Datagrams:
    """QEMU's ``-netdev dgram``."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.server = server

    def send(self, frame: bytes) -> None:
        self.socket.sendto(frame, self.server)

    def receive(self, within: float) -> bytes:
        self.socket.settimeout(within)
        return self.socket.recv(65_535)


class Stream:
    """QEMU's ``-netdev stream``."""

    def __init__(self, stream: socket.socket) -> None:
        self.socket, self._received = stream, b""

    def send(self, frame: bytes) -> None:
        self.socket.sendall(len(frame).to_bytes(4, "big") + frame)

    def receive(self, within: float) -> bytes:
        self.socket.settimeout(within)
        while len(self._received) < 4 or len(self._received) < 4 + int.from_bytes(self._received[:4], "big"):
            data = self.socket.recv(65_535)
            if not data:
                raise EOFError
            self._received += data
        end = 4 + int.from_bytes(self._received[:4], "big")
        frame, self._received = self._received[4:end], self._received[end:]
        return frame


class WireClient:
    """Everything that it hears stands in ``heard``."""

    def __init__(self, plug: Plug, kind: FrameType = FrameType.ETHERNET_802_2, node: bytes = STATION) -> None:
        self.plug, self.kind, self.node = plug, kind, node
        self.network = 0
        self.heard: list[tuple[Frame, IpxPacket]] = []
        self.server = IpxAddress(0, bytes(6), 0)
        self.router = EVERY_NODE
        self.number, self._sequence = ncp.NO_CONNECTION, 0

    def log_in(self) -> str:
        """Find the server, attach, log in, ask for its name."""
        self.find()
        self.ask(ncp.CREATE, 0)
        assert self.call(bindery.PlainLogin(1, "GUEST", "")).completion == 0
        reply = self.call(server.GetServerInfo())
        return str(server.ServerInfo.decode(reply.data).name)

    def find(self) -> IpxAddress:
        """SAP, then RIP where the server is behind a network."""
        query = sap.SapQuery(sap.NEAREST_QUERY, sap.FILE_SERVER).encode()
        frame, packet = self._answer(SAP_SOCKET, 0x4000, SAP_TYPE, query)
        response = sap.decode_sap(packet.data)
        assert isinstance(response, sap.SapResponse)
        assert response.operation == sap.NEAREST_RESPONSE
        self.network = packet.destination.network
        self.server = response.services[0].address
        self.router = frame.source
        if self.server.network:
            request = rip.RipPacket(rip.REQUEST, (rip.Reach(self.server.network),)).encode()
            frame, packet = self._answer(RIP_SOCKET, 0x4002, RIP_TYPE, request)
            assert rip.decode_rip(packet.data).networks[0].network == self.server.network
            self.router = frame.source
        return self.server

    def call(self, request: Request[Any]) -> ReplyPacket:
        return self.ask(ncp.REQUEST, request.function, request.body())

    def ask(self, kind: int, function: int, body: bytes = b"") -> ReplyPacket:
        data = RequestPacket(kind, self._sequence, self.number, 1, function, body).encode()
        asked = IpxPacket(self.server, IpxAddress(self.network, self.node, 0x4001), NCP_TYPE, data)
        _, packet = self._until(lambda p: p.destination.socket == 0x4001, lambda: self._put(asked, self.router))
        reply = decode_reply(packet.data)
        assert reply.sequence == self._sequence
        self.number, self._sequence = reply.connection, (self._sequence + 1) & 0xFF
        return reply

    def listen(self, wanted: Callable[[IpxPacket], bool]) -> tuple[Frame, IpxPacket]:
        """The first packet that is *wanted*, of those that are still to come."""
        return self._until(wanted, lambda: None)

    def _answer(self, to: int, own: int, kind: int, data: bytes) -> tuple[Frame, IpxPacket]:
        source = IpxAddress(self.network, self.node, own)
        asked = IpxPacket(IpxAddress(self.network, EVERY_NODE, to), source, kind, data)
        return self._until(lambda packet: packet.destination.socket == own, lambda: self._put(asked, EVERY_NODE))

    def _put(self, packet: IpxPacket, target: bytes) -> None:
        self.plug.send(Frame(self.kind, target, self.node, packet.encode()).encode())

    def _until(self, wanted: Callable[[IpxPacket], bool], ask: Callable[[], None]) -> tuple[Frame, IpxPacket]:
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            ask()
            with suppress(TimeoutError):
                while True:
                    frame = decode_frame(self.plug.receive(AGAIN))
                    if frame is None or frame.target not in (self.node, EVERY_NODE):
                        continue
                    packet = decode_ipx(frame.packet, checked=frame.type is not FrameType.ETHERNET_802_3)
                    self.heard.append((frame, packet))
                    if frame.type is self.kind and frame.source != self.node and wanted(packet):
                        return frame, packet
        raise AssertionError(f"nothing within {WITHIN:.0f} s; heard: {self.heard}")
