"""A server in memory at the end of an IPX wire: frames in, frames out, and stations that speak NCP in frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fakenw.core.peer import Peer
from fakenw.transports.ipx.advertising import Advertising
from fakenw.transports.ipx.board import DEFAULT_FRAMES, Board, Way, numbered
from fakenw.transports.ipx.stack import Request, Stack
from fakenw.wire.ipx.frames import Frame, FrameType, decode_frame
from fakenw.wire.ipx.packet import NCP_SOCKET, NCP_TYPE, SERVER_NODE, IpxAddress, IpxPacket, decode_ipx
from tests.fakenw.stage import Stage, Station

CARD = bytes.fromhex("020000000001")  # the server's
INTERNAL = 0xBEEF
WIRE = 0x1234  # the network of the first frame type
CLIENT = bytes.fromhex("525400123456")


class WireStage(Stage):
    """``frames``: all that the server has sent; ``wire``: all that was sent. Both in order."""

    def __init__(
        self,
        policy: str = "nls",
        *,
        networks: Mapping[FrameType, int] | None = None,
        tunnel: bool = False,
        nearest: frozenset[bytes] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(policy, ipx_network=INTERNAL, **more)
        settings = self.server.settings
        advertising = Advertising(settings.name, settings.network_number, settings.tree, nearest)
        self.stack = Stack(advertising, settings.serial_number)
        numbers = numbered(DEFAULT_FRAMES, WIRE) if networks is None else dict(networks)
        self.board = Board("lab", CARD, numbers, tunnel)
        self.stack.boards.append(self.board)
        self.server.addresses = tuple(
            Peer.parse(f"ipx:{self.stack.advertising.server(bind)}") for bind in self.board.binds()
        )
        self.ways: dict[Peer, Way] = {}
        self.frames: list[bytes] = []
        self.wire: list[bytes] = []

    def arrives(self, frame: bytes) -> list[bytes]:
        """A frame arrives; the frames that answer it at once."""
        before = len(self.frames)
        self.wire.append(frame)
        done = self.stack.receive(self.board, frame)
        if isinstance(done, Request):
            self.ways[done.peer] = done.way
            self.delivery.receive(done.peer, done.data, self.now)
        else:
            self.put(done)
        return self.frames[before:]

    def put(self, frames: list[bytes]) -> None:
        """The server sends frames."""
        self.frames += frames
        self.wire += frames

    def sent(self, peer: Peer, data: bytes) -> None:
        frame = self.stack.seal(peer, self.ways[peer], data)
        self.put([frame])
        station = self.stations.get(str(peer))
        if station is not None:
            station.sent_to(frame)

    def at(self, frame: FrameType, node: bytes = CLIENT, socket: int = 0x4001) -> WireStation:
        """A new client of a frame type."""
        return WireStation(self, frame, IpxAddress(self.board.networks[frame], node, socket))

    def packets(self, sent: list[bytes]) -> list[IpxPacket]:
        """What is in these frames, which must come from the server's card."""
        frames = [decode_frame(data) for data in sent]
        assert all(frame is not None and frame.source == CARD for frame in frames)
        return [decode_ipx(frame.packet) for frame in frames if frame is not None]


class WireStation(Station):
    """A client whose datagrams are IPX packets in Ethernet frames."""

    def __init__(self, wire: WireStage, frame: FrameType, address: IpxAddress) -> None:
        super().__init__(wire, f"ipx:{address}")
        wire.stations[self.name] = self
        self.wire, self.frame, self.address = wire, frame, address
        self.server = IpxAddress(INTERNAL, SERVER_NODE, NCP_SOCKET)

    def sent_to(self, data: bytes) -> None:
        frame = decode_frame(data)
        assert frame is not None
        assert (frame.type, frame.target, frame.source) == (self.frame, self.address.node, CARD)
        packet = decode_ipx(frame.packet)
        if packet.destination == self.address:
            assert packet.source == self.server
            super().sent_to(packet.data)
        else:
            self.inbox.append(packet.data)

    def send_raw(self, data: bytes) -> list[bytes]:
        self.inbox.clear()
        self.last = data
        self.wire.arrives(self.framed(IpxPacket(self.server, self.address, NCP_TYPE, data)))
        return list(self.inbox)

    def framed(self, packet: IpxPacket, target: bytes = CARD) -> bytes:
        return Frame(self.frame, target, self.address.node, packet.encode()).encode()
