"""Addresses of captured packets as journals write them, and what is remembered of them, within bounds."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

from fakenw.wire.packet import NCP_PORT

_PORT = NCP_PORT.to_bytes(2, "big")
K = TypeVar("K")
V = TypeVar("V")


@lru_cache(maxsize=65_536)
def host(packed: bytes) -> str:
    """Of 4 or 16 bytes. An IPv4 address within one of IPv6 is named as such, as in a server's own journal."""
    address = ip_address(packed)
    return str((isinstance(address, IPv6Address) and address.ipv4_mapped) or address)


# The key of a packet over IP: the addresses of source and target in bytes, then their ports.


def opposite(key: bytes) -> bytes:
    """The key of what comes back."""
    half = len(key) // 2 - 2
    return key[half : 2 * half] + key[:half] + key[-2:] + key[-4:-2]


def target_end(key: bytes) -> bytes:
    """Address and port of the target."""
    half = len(key) // 2 - 2
    return key[half : 2 * half] + key[-2:]


def ends(key: bytes) -> tuple[tuple[str, int], tuple[str, int]]:
    """Source and target."""
    half = len(key) // 2 - 2
    source, target = int.from_bytes(key[-4:-2], "big"), int.from_bytes(key[-2:], "big")
    return (host(key[:half]), source), (host(key[half : 2 * half]), target)


class Recent(dict[K, V]):
    """What was entered last; with more than *most* entries the oldest is forgotten."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self and len(self) >= self._most:
            del self[next(iter(self))]
        super().__setitem__(key, value)


class ServerPorts:
    """Where servers are: at port 524, and at the ports where NCP was seen. *end*: as ``target_end`` has it."""

    def __init__(self) -> None:
        self._seen: Recent[bytes, None] = Recent(8192)

    def __contains__(self, end: bytes) -> bool:
        return end.endswith(_PORT) or end in self._seen

    def add(self, end: bytes) -> None:
        if end not in self:
            self._seen[end] = None
