"""Ethernet frames with IPX in them: the four frame types of NetWare, by the names of NET.CFG (ipx.md 3).

Each frame type is a network of its own: client and server must use the same one.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

ETHERTYPE = b"\x81\x37"
LONGEST_802_3 = 1500  # larger numbers there are EtherTypes
SHORTEST = 60  # bytes, without the frame check sequence
_LLC = b"\xe0\xe0\x03"
_SNAP = b"\xaa\xaa\x03\x00\x00\x00" + ETHERTYPE
_RAW = b"\xff\xff"  # no checksum, the first word of the packet


class FrameType(Enum):
    """In the order of NT's ``PktType`` (KB Q103002)."""

    ETHERNET_II = "ETHERNET_II"
    ETHERNET_802_3 = "ETHERNET_802.3"
    ETHERNET_802_2 = "ETHERNET_802.2"
    ETHERNET_SNAP = "ETHERNET_SNAP"

    @classmethod
    def parse(cls, text: str) -> FrameType:
        """With or without ``ETHERNET_``, in any case. Raises ValueError."""
        name = text.upper().removeprefix("ETHERNET_")
        for known in cls:
            if known.value.removeprefix("ETHERNET_") == name:
                return known
        raise ValueError(f"{text!r} is no frame type; expected {', '.join(known.value for known in cls)}")


class Frame(NamedTuple):
    """``packet`` is the IPX packet, perhaps with padding behind it."""

    type: FrameType
    target: bytes
    source: bytes
    packet: bytes

    def encode(self) -> bytes:
        head, packet = self.target + self.source, self.packet
        if self.type is FrameType.ETHERNET_II:
            frame = head + ETHERTYPE + packet
        else:
            body = _BEFORE[self.type] + packet
            frame = head + len(body).to_bytes(2, "big") + body
        return frame.ljust(SHORTEST, b"\0")


_BEFORE = {FrameType.ETHERNET_802_3: b"", FrameType.ETHERNET_802_2: _LLC, FrameType.ETHERNET_SNAP: _SNAP}


def decode_frame(data: bytes) -> Frame | None:
    """The IPX frame in *data*; None: it carries another protocol, or none.

    The length field is not looked at further: drivers count differently, and the packet has a length of its own.
    """
    target, source, kind, rest = data[:6], data[6:12], data[12:14], data[14:]
    if kind == ETHERTYPE:
        return Frame(FrameType.ETHERNET_II, target, source, rest)
    if len(kind) < 2 or int.from_bytes(kind, "big") > LONGEST_802_3:
        return None
    if rest.startswith(_RAW):
        return Frame(FrameType.ETHERNET_802_3, target, source, rest)
    for known, before in ((FrameType.ETHERNET_802_2, _LLC), (FrameType.ETHERNET_SNAP, _SNAP)):
        if rest.startswith(before):
            return Frame(known, target, source, rest[len(before) :])
    return None
