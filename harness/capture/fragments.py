"""The fragments of IP packets, put together again; what is kept is bounded."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

LARGEST = 65_535  # bytes of an IP packet
MOST_PACKETS = 256  # that wait for fragments; the oldest is given up
LIFETIME = 30_000_000  # microseconds; RFC 791 says 15 s, RFC 8200 60 s: later the number is that of another packet
MOST_PARTS = 1024  # of one packet: the smallest MTU of IPv4 has 48 bytes of data


@dataclass(slots=True)
class _Parts:
    time: int  # of the fragment that came first
    parts: dict[int, bytes] = field(default_factory=dict)  # by offset
    size: int | None = None  # of the whole, from the last fragment


class Fragments:
    """*key* tells packets apart. Of fragments that overlap, the first counts."""

    def __init__(self) -> None:
        self._packets: dict[Hashable, _Parts] = {}
        self._given_up = 0

    @property
    def incomplete(self) -> int:
        """How many packets were never whole."""
        return self._given_up + len(self._packets)

    def add(self, time: int, key: Hashable, offset: int, data: bytes, *, more: bool) -> bytes | None:
        """The whole packet, where this was the last of its fragments to arrive. *more*: it is not its end."""
        if offset + len(data) > LARGEST:
            self._give_up(key)
            return None
        packet = self._packets.get(key)
        if packet is not None and abs(time - packet.time) > LIFETIME:
            self._give_up(key)
            packet = None
        if packet is None:
            if len(self._packets) >= MOST_PACKETS:
                self._give_up(next(iter(self._packets)))
            packet = self._packets[key] = _Parts(time)
        packet.parts.setdefault(offset, data)
        if not more:
            packet.size = offset + len(data)
        if len(packet.parts) > MOST_PARTS:
            self._give_up(key)
            return None
        whole = None if packet.size is None else _joined(packet.parts, packet.size)
        if whole is not None:
            del self._packets[key]
        return whole

    def _give_up(self, key: Hashable) -> None:
        self._packets.pop(key, None)
        self._given_up += 1


def _joined(parts: dict[int, bytes], size: int) -> bytes | None:
    """None: there is a hole."""
    whole = bytearray()
    for offset in sorted(parts):
        if offset > len(whole):
            return None
        whole += parts[offset][len(whole) - offset :]
    return bytes(whole[:size]) if len(whole) >= size else None
