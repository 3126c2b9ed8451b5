"""An IPX link as an address to listen on: where the server gets the frames of a wire from (ipx.md 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from fakenw.core.peer import IPX, Peer
from fakenw.wire.ipx.frames import FrameType

QEMU, STREAM, DOSBOX, TAP, CARD = "qemu", "stream", "dosbox", "tap", "eth"
FORMS = (
    "ipx:qemu:HOST:PORT[,peer=HOST:PORT]",
    "ipx:stream:HOST:PORT[,connect]",
    "ipx:dosbox:HOST:PORT",
    "ipx:tap:NAME",
    "ipx:eth:NAME",
)
LARGEST_NETWORK = 0xFFFFFFFD  # above are the default route and every network
_CARD_NAME = re.compile(r"[^\s/:,]{1,15}")  # IFNAMSIZ of Linux


@dataclass(frozen=True, slots=True)
class IpxLink:
    """*kind* says what the frames are in:

    * qemu: UDP datagrams (``-netdev dgram``), from *address* to *peer*, or to the senders of frames
    * stream: TCP streams (``-netdev stream``), accepted at *address*, or with *connects* made to it
    * dosbox: packets of the IPXNET tunnel of the DOSBox at *address*, without frames
    * tap, eth: a network *card* of this computer, made up by the kernel, or real
    """

    kind: str
    address: tuple[str, int] = ("", 0)
    card: str = ""
    peer: tuple[str, int] | None = None
    connects: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """From one of ``FORMS``. Raises ValueError."""
        where, *options = text.split(",")
        _, _, rest = where.partition(":")
        kind, _, place = rest.partition(":")
        if kind in (TAP, CARD) and not options and _CARD_NAME.fullmatch(place):
            return cls(kind, card=place)
        try:
            if kind == QEMU and not options:
                return cls(kind, _address(place))
            if kind == QEMU and len(options) == 1 and options[0].startswith("peer="):
                return cls(kind, _address(place), peer=_address(options[0].removeprefix("peer=")))
            if kind == STREAM and options in ([], ["connect"]):
                return cls(kind, _address(place), connects=bool(options))
            if kind == DOSBOX and not options:
                return cls(kind, _address(place))
        except ValueError:
            pass
        raise ValueError(f"{text!r} is not {', '.join(FORMS[:-1])} or {FORMS[-1]}, nor tcp:HOST:PORT or udp:HOST:PORT")

    def at(self, port: int) -> str:
        """The link's name, with the *port* that it has: ``qemu:127.0.0.1:20002``, ``eth:eth0``."""
        return f"{self.kind}:{self.card}" if self.card else f"{self.kind}:{self.address[0]}:{port}"

    def __str__(self) -> str:
        return self.at(self.address[1])


@dataclass(frozen=True, slots=True)
class IpxBinding:
    """How IPX is bound to links: in which *frames*, with the number of each network on the first link, which is 4
    higher on each further one. None: a number from the internal network's upwards.

    *nearest*: the nodes that hear of this server when they look for the nearest; None: all of them.
    """

    frames: Mapping[FrameType, int | None] = field(default_factory=lambda: dict.fromkeys(FrameType))
    nearest: frozenset[bytes] | None = None


def network_number(text: str) -> int:
    """The number of an IPX network, 1 to 8 hexadecimal digits. Raises ValueError."""
    if not re.fullmatch("[0-9a-fA-F]{1,8}", text) or not 0 < (number := int(text, 16)) <= LARGEST_NETWORK:
        raise ValueError(f"{text!r} is no IPX network; expected 1 to 8 hexadecimal digits, 1 to FFFFFFFD")
    return number


Listener = Peer | IpxLink


def parse_listener(text: str) -> Listener:
    """An address to listen on. Raises ValueError."""
    return IpxLink.parse(text) if text.startswith(f"{IPX.name}:") else Peer.parse(text)


def _address(text: str) -> tuple[str, int]:
    return Peer.parse(f"udp:{text}").address
