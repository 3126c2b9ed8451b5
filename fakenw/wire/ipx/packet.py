"""IPX packets: a header of 30 bytes, then data (ncp.md 1.3; the Linux kernel's ``net/ipx/af_ipx.c``, as facts)::

    @0 checksum  @2 length  @4 hops  @5 packet type
    @6 network  @10 node  @16 socket of the destination  @18 the same of the source

All numbers are big-endian. The packet type is a hint: receivers go by the destination's socket.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = 30
NO_CHECKSUM = 0xFFFF
MOST_HOPS = 16  # a packet that has passed so many routers is dropped

EVERY_NETWORK = 0xFFFFFFFF
EVERY_NODE = b"\xff" * 6
SERVER_NODE = bytes(5) + b"\x01"  # on a server's internal network

NCP_SOCKET = 0x0451
SAP_SOCKET = 0x0452
RIP_SOCKET = 0x0453
NETBIOS_SOCKET = 0x0455
DIAGNOSTIC_SOCKET = 0x0456
SERIALIZATION_SOCKET = 0x0457
SMB_SOCKETS = range(0x0550, 0x0556)  # NWLink's SMB and browser (Wireshark packet-ipx.c)

PLAIN_TYPE, RIP_TYPE, SAP_TYPE, NCP_TYPE, NETBIOS_TYPE = 0, 1, 4, 17, 20

_header = struct.Struct(">HHBBI6sHI6sH")


class BadPacket(ValueError):
    """The bytes are no IPX packet; ``str()`` is the reason, one word: short, length, checksum, hops or malformed."""


class IpxAddress(NamedTuple):
    network: int
    node: bytes
    socket: int

    @property
    def packed(self) -> bytes:
        """Network, node and socket in twelve bytes, as in NET_ADDRESS and in SAP."""
        return self.network.to_bytes(4, "big") + self.node + self.socket.to_bytes(2, "big")

    def __str__(self) -> str:
        return f"{self.network:08X}:{self.node.hex().upper()}:{self.socket:04X}"


class IpxPacket(NamedTuple):
    destination: IpxAddress
    source: IpxAddress
    type: int
    data: bytes
    hops: int = 0

    def encode(self) -> bytes:
        """Without a checksum, as NetWare sends packets unless a client has agreed to checksums."""
        length = HEADER + len(self.data)
        return _header.pack(NO_CHECKSUM, length, self.hops, self.type, *self.destination, *self.source) + self.data


def decode_ipx(data: bytes, *, checked: bool = True) -> IpxPacket:
    """A packet, at the start of *data*; what follows it is padding. Raises BadPacket.

    *checked*: a checksum is accepted where it is right. Otherwise only its absence is, as in 802.3 frames, which are
    known by it.
    """
    if len(data) < HEADER:
        raise BadPacket("short")
    checksum, length, hops, kind, *addresses = _header.unpack_from(data)
    if not HEADER <= length <= len(data):
        raise BadPacket("length")
    packet = data[:length]
    if checksum != NO_CHECKSUM and not (checked and checksum == ipx_checksum(packet)):
        raise BadPacket("checksum")
    if hops >= MOST_HOPS:
        raise BadPacket("hops")
    return IpxPacket(IpxAddress(*addresses[:3]), IpxAddress(*addresses[3:]), kind, packet[HEADER:], hops)


def ipx_checksum(packet: bytes) -> int:
    """The one's complement of the sum of all words but the checksum's own; the hops count as 0, as they change."""
    summed = packet[2:4] + b"\0" + packet[5:] + b"\0" * (len(packet) % 2)
    total = sum(struct.unpack(f">{len(summed) // 2}H", summed)) if summed else 0
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
