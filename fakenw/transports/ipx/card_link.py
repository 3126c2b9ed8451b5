"""Frames of a real Ethernet card, by a packet socket of Linux (packet(7)), which needs CAP_NET_RAW.

The four frame types come under three protocol numbers, so that the socket takes them all, and a filter in the kernel
leaves IPX alone (ipx.md 3). Frames that this computer sends come back, and are skipped.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from errno import ENODEV
from typing import Any

from fakenw.core.ipx_link import IpxLink
from fakenw.transports.ipx.link import LONGEST, FrameReader, LinkRefused, Wire

ETH_P_ALL = 3
PACKET_OUTGOING = 4
ARPHRD_ETHER = 1
SO_ATTACH_FILTER = 26

# Classic BPF (linux/filter.h): (code, jump if true, jump if false, operand)
_LOAD_HALF, _IF_EQUAL, _IF_GREATER, _RETURN, _LOAD_BYTE = 0x28, 0x15, 0x25, 0x06, 0x30
_VLAN_TAG_PRESENT = 0xFFFFF000 + 48  # SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT
IPX_ONLY = (
    (_LOAD_BYTE, 0, 0, _VLAN_TAG_PRESENT),
    (_IF_EQUAL, 0, 8, 0),  # a frame of another VLAN: drop
    (_LOAD_HALF, 0, 0, 12),
    (_IF_EQUAL, 5, 0, 0x8137),  # ETHERNET_II
    (_IF_GREATER, 5, 0, 1500),  # another EtherType: drop
    (_LOAD_HALF, 0, 0, 14),
    (_IF_EQUAL, 2, 0, 0xFFFF),  # 802.3
    (_IF_EQUAL, 1, 0, 0xE0E0),  # 802.2
    (_IF_EQUAL, 0, 1, 0xAAAA),  # SNAP
    (_RETURN, 0, 0, LONGEST),
    (_RETURN, 0, 0, 0),
)


class CardLink(FrameReader):
    """Binds at once. Raises OSError, LinkRefused."""

    up = True

    def __init__(self, reactor: Any, link: IpxLink, node: bytes, wire: Wire) -> None:
        if not hasattr(socket, "AF_PACKET"):
            raise LinkRefused("this system has no packet sockets; expected Linux")
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        except PermissionError:
            raise LinkRefused(
                "packet sockets need a privilege; run the server as root, or give it to Python: "
                f"setcap cap_net_raw+ep $(readlink -f {sys.executable})"
            ) from None
        self._socket.setblocking(False)
        try:
            self._filter()
            self._socket.bind((link.card, ETH_P_ALL))
            kind, own = self._socket.getsockname()[3:5]
            if kind != ARPHRD_ETHER:
                raise LinkRefused(f"{link.card} is no Ethernet card; ip -brief link lists the cards")
        except (OSError, LinkRefused) as problem:
            self._socket.close()
            if isinstance(problem, OSError) and problem.errno == ENODEV:
                raise LinkRefused(f"there is no card {link.card}; ip -brief link lists the cards") from None
            raise
        self.name, self.node = str(link), bytes(own)
        super().__init__(reactor, self._socket, wire)

    def read(self) -> bytes | None:
        frame, (_, _, kind, *_) = self._socket.recvfrom(LONGEST)
        return None if kind == PACKET_OUTGOING else frame

    def send(self, frame: bytes) -> None:
        try:
            self._socket.send(frame)
        except OSError:
            return  # the card is down, or no buffer

    def _filter(self) -> None:
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in IPX_ONLY))
        program = struct.pack("@HP", len(IPX_ONLY), ctypes.addressof(code))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
