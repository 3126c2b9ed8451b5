"""Frames in UDP datagrams, one in each: ``-netdev dgram`` of QEMU, and UDP tunnels of VirtualBox (ipx.md 8).

Without a fixed peer the link learns where each node is from the frames that come from there: several guests, or
simulated stations, use one port. A frame to every node goes to all of them.
"""

from __future__ import annotations

import socket
from typing import Any

from fakenw.core.ipx_link import IpxLink
from fakenw.transports.ipx.link import KNOWN, LONGEST, FrameReader, Wire
from fakenw.transports.udp import enlarge
from fakenw.wire.ipx.packet import EVERY_NODE


class DatagramLink(FrameReader):
    """Binds at once. Raises OSError."""

    def __init__(self, reactor: Any, link: IpxLink, node: bytes, wire: Wire) -> None:
        family, _, _, _, address = socket.getaddrinfo(*link.address, type=socket.SOCK_DGRAM)[0]
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        enlarge(self._socket)
        try:
            self._peer = link.peer and socket.getaddrinfo(*link.peer, family, socket.SOCK_DGRAM)[0][4]
            self._socket.bind(address)
        except (OSError, OverflowError):
            self._socket.close()
            raise
        self.name = link.at(self._socket.getsockname()[1])
        self.node = node
        self._places: dict[bytes, Any] = {}  # by node
        super().__init__(reactor, self._socket, wire)

    @property
    def up(self) -> bool:
        return bool(self._peer or self._places)

    def read(self) -> bytes | None:
        frame, address = self._socket.recvfrom(LONGEST)
        if self._peer:
            return frame if address == self._peer else None
        node = frame[6:12]
        if self._places.get(node) != address:
            self._learn(node, address)
        return frame

    def send(self, frame: bytes) -> None:
        node = frame[:6]
        if self._peer:
            self._put(frame, self._peer)
        elif node == EVERY_NODE:
            for address in set(self._places.values()):
                self._put(frame, address)
        elif (address := self._places.get(node)) is not None:
            self._put(frame, address)

    def _put(self, frame: bytes, address: Any) -> None:
        try:
            self._socket.sendto(frame, address)
        except OSError:
            return  # no route there, or no buffer

    def _learn(self, node: bytes, address: Any) -> None:
        if len(node) < 6 or node[0] & 1:  # no source of a frame
            return
        first = not self._places
        if len(self._places) >= KNOWN and node not in self._places:
            del self._places[next(iter(self._places))]  # the one that is known for longest
        self._places[node] = address
        if first:
            self._wire.joined()
