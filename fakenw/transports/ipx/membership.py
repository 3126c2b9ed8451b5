"""Membership in an IPXNET tunnel, of DOSBox or ipxbox, sans-IO (ncp.md 9, ipx.md 8; dosbox ``ipxserver.cpp`` and ipxbox
``server/dosbox``, as facts).

Every datagram is one IPX packet. Socket 2 is the tunnel's own: a packet from there to no node registers a member, and
the reply's destination is the member's node from then on. Other packets to it are pings, which ask for an answer:
ipxbox drops members without one.
"""

from __future__ import annotations

import struct

from fakenw.wire.ipx.frames import Frame, FrameType
from fakenw.wire.ipx.packet import (
    EVERY_NODE,
    HEADER,
    NO_CHECKSUM,
    PLAIN_TYPE,
    BadPacket,
    IpxAddress,
    IpxPacket,
    decode_ipx,
)

TUNNEL_SOCKET = 2
NO_NODE = bytes(6)
AGAIN_AFTER = 5.0  # seconds without an answer to a registration; DOSBox waits as long
QUIET = 60.0  # seconds in which nothing is heard, and then the tunnel's server may have been started anew
_ETHERNET_HEADER = 14


class Membership:
    """Times are seconds of any clock. ``node`` is the member's, None until the first registration."""

    def __init__(self) -> None:
        self.node: bytes | None = None
        self._asked: float | None = None  # when the registration was sent that is not answered
        self._heard = 0.0

    def due(self, now: float) -> bytes | None:
        """The registration, if it is time to send it; call this every second or so."""
        waiting = self._asked is not None and now - self._asked < AGAIN_AFTER
        if waiting or (self._asked is None and self.node is not None and now - self._heard < QUIET):
            return None
        self._asked = now
        # A member that gives its node is known to DOSBox, and does not get another place in its table
        own = IpxAddress(0, self.node or NO_NODE, TUNNEL_SOCKET)
        return IpxPacket(IpxAddress(0, NO_NODE, TUNNEL_SOCKET), own, PLAIN_TYPE, b"").encode()

    def receive(self, datagram: bytes, now: float) -> tuple[bytes | None, bytes | None]:
        """A datagram has arrived: a frame for the server, and a datagram that answers, if there are such."""
        try:
            packet = decode_ipx(mended(datagram))
        except BadPacket:
            return None, None
        self._heard = now
        to, source = packet.destination, packet.source
        if to.socket != TUNNEL_SOCKET:
            head = Frame(FrameType.ETHERNET_II, to.node, source.node, mended(datagram))
            return (head.encode(), None) if self.node else (None, None)
        if source.socket == TUNNEL_SOCKET and to.node not in (NO_NODE, EVERY_NODE):
            if self._asked is not None:
                self._asked, self.node = None, to.node
            return None, None
        if self.node is None:
            return None, None
        own = IpxAddress(0, self.node, TUNNEL_SOCKET)
        return None, IpxPacket(source, own, PLAIN_TYPE, b"").encode()


def mended(datagram: bytes) -> bytes:
    """The packet of *datagram*: ipxbox leaves length and checksum 0 in some (measured, ipx.md 2)."""
    if len(datagram) < HEADER:
        return datagram
    checksum, length = struct.unpack_from(">HH", datagram)
    length = len(datagram) if length < HEADER else length
    return struct.pack(">HH", checksum or NO_CHECKSUM, length) + datagram[4:]


def of_frame(frame: bytes) -> bytes:
    """The packet in a frame of type ETHERNET_II, as a datagram."""
    (length,) = struct.unpack_from(">H", frame, _ETHERNET_HEADER + 2)
    return frame[_ETHERNET_HEADER : _ETHERNET_HEADER + length]
