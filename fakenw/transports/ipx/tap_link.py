"""Frames of a TAP card (tuntap of Linux): bridges to real machines, and emulators that use such a card.

The card is the kernel's end of a wire; the server, at the other end, has a node of its own. A card that is not there is
made, which needs CAP_NET_ADMIN; an existing one may belong to the user.
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from typing import Any

from fakenw.core.ipx_link import IpxLink
from fakenw.transports.ipx.link import LONGEST, FrameReader, LinkRefused, Wire

try:
    import fcntl
except ImportError:  # Windows has no TAP cards of this kind
    fcntl = None  # type: ignore[assignment]

# linux/if_tun.h, linux/if.h, linux/sockios.h
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_UP = 0x0002, 0x1000, 0x0001
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
_interface = struct.Struct("16sH22x")  # struct ifreq with flags


class TapLink(FrameReader):
    """Opens the card at once. Raises OSError, LinkRefused."""

    up = True

    def __init__(self, reactor: Any, link: IpxLink, node: bytes, wire: Wire) -> None:
        card = link.card.encode()
        make = f"ip tuntap add {link.card} mode tap user $USER && ip link set {link.card} up"
        try:
            self._file = open("/dev/net/tun", "r+b", buffering=0)  # noqa: SIM115 (FrameReader closes it)
        except FileNotFoundError:
            raise LinkRefused("there is no /dev/net/tun; modprobe tun makes it") from None
        try:
            fcntl.ioctl(self._file, TUNSETIFF, _interface.pack(card, IFF_TAP | IFF_NO_PI))
        except OSError as problem:
            self._file.close()
            if isinstance(problem, PermissionError):
                raise LinkRefused(f"this user may not have it; as root: {make}") from None
            raise
        os.set_blocking(self._file.fileno(), False)
        with suppress(PermissionError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            _, flags = _interface.unpack(fcntl.ioctl(asking, SIOCGIFFLAGS, _interface.pack(card, 0)))
            fcntl.ioctl(asking, SIOCSIFFLAGS, _interface.pack(card, flags | IFF_UP))
        self.name, self.node = str(link), node
        super().__init__(reactor, self._file, wire)

    def read(self) -> bytes | None:
        return os.read(self._file.fileno(), LONGEST)

    def send(self, frame: bytes) -> None:
        try:
            os.write(self._file.fileno(), frame)
        except OSError:
            return  # the card is down, or no buffer
