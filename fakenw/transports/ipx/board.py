"""LAN boards: what the server has of each wire, and the way back to a station."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from fakenw.core.ipx_link import LARGEST_NETWORK
from fakenw.wire.ipx.frames import Frame, FrameType
from fakenw.wire.ipx.packet import IpxAddress, IpxPacket

DEFAULT_FRAMES = tuple(FrameType)


@dataclass(frozen=True, eq=False)
class Board:
    """A link by its *name*, the server's *node* on it, and the number of its network in each bound frame type.

    The number of an *unsettled* frame type was not given: a client that has another one settles it, before any has used
    it. A *tunnel* carries packets between its members alone: no routers, and no network behind the server.
    """

    name: str
    node: bytes
    networks: dict[FrameType, int]
    tunnel: bool = False
    unsettled: set[FrameType] = field(default_factory=set)

    def binds(self) -> Iterator[Bind]:
        """The board's frame types, each with its network, as NetWare binds IPX once for each."""
        for frame, network in self.networks.items():
            yield Bind(self, frame, network)


class Bind(NamedTuple):
    """IPX bound to a board in one frame type, which is a network of its own (KB Q150546)."""

    board: Board
    frame: FrameType
    network: int

    def address(self, socket: int) -> IpxAddress:
        """The server's address on the wire."""
        return IpxAddress(self.network, self.board.node, socket)

    def encode(self, node: bytes, packet: IpxPacket) -> bytes:
        """*packet* in a frame to *node*."""
        return Frame(self.frame, node, self.board.node, packet.encode()).encode()


class Way(NamedTuple):
    """How a station is answered: the node that sent its frame, a router perhaps; the address it asked; its own."""

    bind: Bind
    node: bytes
    local: IpxAddress
    station: IpxAddress


def numbered(frames: Iterable[FrameType], first: int) -> dict[FrameType, int]:
    """A network number for each of *frames*, upwards from *first*; the two largest numbers, and 0, are none."""
    return {frame: (first + index - 1) % LARGEST_NETWORK + 1 for index, frame in enumerate(frames)}
