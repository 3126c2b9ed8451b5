"""The Routing Information Protocol of IPX: how far networks are (ncp.md 9).

An operation, then entries of eight bytes. Requesters leave the hops and ticks of an entry 0 or all ones.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from fakenw.wire.ipx.packet import MOST_HOPS, BadPacket

REQUEST, RESPONSE = 1, 2
UNREACHABLE = MOST_HOPS
AT_ONCE = 50  # entries in a packet

_entry = struct.Struct(">IHH")


class Reach(NamedTuple):
    """How far a network is; a tick is 1/18 second."""

    network: int
    hops: int = 0xFFFF
    ticks: int = 0xFFFF


class RipPacket(NamedTuple):
    operation: int
    networks: tuple[Reach, ...]

    def encode(self) -> bytes:
        return struct.pack(">H", self.operation) + b"".join(_entry.pack(*reach) for reach in self.networks)


def decode_rip(data: bytes) -> RipPacket:
    """Raises BadPacket."""
    operation = int.from_bytes(data[:2], "big")
    entries = data[2 : 2 + (len(data) - 2) // _entry.size * _entry.size] if len(data) > 2 else b""
    if operation not in (REQUEST, RESPONSE) or not entries:
        raise BadPacket("malformed")
    return RipPacket(operation, tuple(Reach(*entry) for entry in _entry.iter_unpack(entries)))
