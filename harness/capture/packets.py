"""What a frame carries: a packet of TCP, UDP or IPX, whatever the link, its tags and its fragments.

Link types: www.tcpdump.org/linktypes.html. Checksums of IP are not looked at: a sniffer on the sending machine sees
them before the card fills them in.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from fakenw.transports.captured_frames import ETHERNET
from fakenw.wire.ipx.frames import LONGEST_802_3
from fakenw.wire.ipx.packet import BadPacket, IpxPacket, decode_ipx
from harness.capture.fragments import Fragments

TCP, UDP = 6, 17  # protocols of IP

_COOKED, _COOKED_2 = 113, 276
_RAW_IP = {12, 14, 101, 228, 229}
_LOOPBACK = {0, 108}  # four bytes with the address family before the packet

_IP4, _IP6, _IPX = 0x0800, 0x86DD, 0x8137
_TAGS = {0x8100, 0x88A8, 0x9100}  # 802.1Q, 802.1ad, and QinQ before that
_COOKED_802_3, _COOKED_LLC = 0x0001, 0x0004  # in cooked frames, where Ethernet has a length
_RAW = b"\xff\xff"
_LLC = b"\xe0\xe0\x03"
_SNAP = b"\xaa\xaa\x03"

_FRAGMENT = 44  # extension header of IPv6
_AUTHENTICATION = 51
_OPTIONS = {0, 43, 60}  # hop by hop, routing, for the destination

_ip4 = struct.Struct(">HHHBB")  # total length, identification, flags and offset, time to live, protocol


class Skipped(Exception):
    """The frame carries nothing that can be NCP, or not all of it; ``str()`` is the reason, in a few words."""


class IpPacket(NamedTuple):
    """*source*, *target*: addresses in 4 or 16 bytes. *data*: of UDP or TCP, *cut* bytes of which were not captured."""

    protocol: int
    source: bytes
    target: bytes
    data: bytes
    cut: int


class Packets:
    """Decodes frames one by one; what it keeps is fragments."""

    def __init__(self) -> None:
        self.fragments = Fragments()

    def decode(self, time: int, link: int, data: bytes) -> IpPacket | IpxPacket | None:
        """None: a fragment, whose others are yet to come. Raises Skipped."""
        try:
            kind, at = located(link, data)
            if kind == _IP4:
                return self._ip4(time, data, at)
            if kind == _IP6:
                return self._ip6(time, data, at)
            return decode_ipx(data[at:], checked=data[at : at + 2] != _RAW)
        except BadPacket as bad:
            raise Skipped(f"IPX, {bad}") from None
        except (struct.error, IndexError):
            raise Skipped("cut within a header") from None

    def _ip4(self, time: int, data: bytes, at: int) -> IpPacket | None:
        length, identification, fragment, _, protocol = _ip4.unpack_from(data, at + 2)
        header = (data[at] & 0x0F) * 4
        if header < 20 or data[at] >> 4 != 4:
            raise Skipped("IP, malformed")
        if protocol != TCP and protocol != UDP:
            raise Skipped("IP, neither TCP nor UDP")
        end = at + length if length else len(data)  # 0: cut into segments by the card, behind the sniffer
        body, cut = data[at + header : end], max(end - len(data), 0)
        source, target = data[at + 12 : at + 16], data[at + 16 : at + 20]
        if fragment & 0x3FFF:
            key = (source, target, protocol, identification)
            whole = self._whole(time, key, (fragment & 0x1FFF) * 8, body, cut, more=bool(fragment & 0x2000))
            return None if whole is None else IpPacket(protocol, source, target, whole, 0)
        return IpPacket(protocol, source, target, body, cut)

    def _ip6(self, time: int, data: bytes, at: int) -> IpPacket | None:
        length, protocol = struct.unpack_from(">HB", data, at + 4)
        end = at + 40 + length if length else len(data)
        cut = max(end - len(data), 0)
        source, target = data[at + 8 : at + 24], data[at + 24 : at + 40]
        return self._behind_ip6(time, protocol, source, target, data[at + 40 : end], cut)

    def _behind_ip6(
        self, time: int, protocol: int, source: bytes, target: bytes, data: bytes, cut: int
    ) -> IpPacket | None:
        """Behind the fixed header: extension headers, of which each names the next, then *protocol*'s own."""
        at = 0
        while protocol not in (TCP, UDP):
            if protocol == _FRAGMENT:
                protocol, offset, identification = struct.unpack_from(">BxHI", data, at)
                at += 8
                if offset & 0xFFF9:
                    key = (source, target, protocol, identification)
                    whole = self._whole(time, key, offset & 0xFFF8, data[at:], cut, more=bool(offset & 1))
                    return None if whole is None else self._behind_ip6(time, protocol, source, target, whole, 0)
            elif protocol in _OPTIONS or protocol == _AUTHENTICATION:
                size = (data[at + 1] + 2) * 4 if protocol == _AUTHENTICATION else (data[at + 1] + 1) * 8
                protocol, at = data[at], at + size
            else:
                raise Skipped("IP, neither TCP nor UDP")
        return IpPacket(protocol, source, target, data[at:], cut)

    def _whole(
        self, time: int, key: tuple[bytes, bytes, int, int], offset: int, body: bytes, cut: int, *, more: bool
    ) -> bytes | None:
        if cut:
            raise Skipped("IP, a fragment cut by the snap length")
        return self.fragments.add(time, key, offset, body, more=more)


def located(link: int, data: bytes) -> tuple[int, int]:
    """The EtherType of IPv4, IPv6 or IPX, and where its packet begins. Raises Skipped, IndexError."""
    if link == ETHERNET:
        kind, at = data[12] << 8 | data[13], 14
    elif link == _COOKED:
        kind, at = data[14] << 8 | data[15], 16
    elif link == _COOKED_2:
        kind, at = data[0] << 8 | data[1], 20
    elif link in _RAW_IP or link in _LOOPBACK:
        at = 0 if link in _RAW_IP else 4
        kind = {4: _IP4, 6: _IP6}.get(data[at] >> 4, 0)
    else:
        raise Skipped(f"link type {link}")
    while kind in _TAGS:
        kind, at = data[at + 2] << 8 | data[at + 3], at + 4
    if kind in (_IP4, _IP6, _IPX):
        return kind, at
    if kind <= LONGEST_802_3 and (link == ETHERNET or kind in (_COOKED_802_3, _COOKED_LLC)):
        start = data[at : at + 8]
        if start[:2] == _RAW:
            return _IPX, at
        if start[:3] == _LLC:
            return _IPX, at + 3
        if start[:3] == _SNAP and (kind := start[6] << 8 | start[7]) in (_IP4, _IP6, _IPX):
            return kind, at + 8
    raise Skipped("neither IP nor IPX")
