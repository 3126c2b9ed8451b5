"""The Service Advertising Protocol: which servers there are, and where (ncp.md 9; libncp ``lib/resolve.c``, as facts).

A query is an operation and a type of server; a response is an operation and entries of 64 bytes. libncp asks for one
server by its name (14), which is answered by its entry (15).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from fakenw.wire.ipx.packet import MOST_HOPS, BadPacket, IpxAddress
from fakenw.wire.layout import CODE_PAGE

GENERAL_QUERY, GENERAL_RESPONSE, NEAREST_QUERY, NEAREST_RESPONSE = 1, 2, 3, 4
SPECIFIC_QUERY, SPECIFIC_RESPONSE = 14, 15
ANSWER_TO = {
    GENERAL_QUERY: GENERAL_RESPONSE,
    NEAREST_QUERY: NEAREST_RESPONSE,
    SPECIFIC_QUERY: SPECIFIC_RESPONSE,
}

FILE_SERVER, TREE, EVERY_TYPE = 0x0004, 0x0278, 0xFFFF
GONE = MOST_HOPS  # in an entry: the server has stopped
AT_ONCE = 7  # entries in a response

_NAME = 48
_entry = struct.Struct(f">H{_NAME}sI6sHH")
_specific = struct.Struct(f">HH{_NAME}s")
_TAIL = b"\xff" * 8  # of a specific query, as libncp sends it


class SapQuery(NamedTuple):
    """``name``: of a specific query."""

    operation: int
    type: int
    name: str = ""

    def encode(self) -> bytes:
        if self.operation == SPECIFIC_QUERY:
            return _specific.pack(self.operation, self.type, self.name.encode(CODE_PAGE)) + _TAIL
        return struct.pack(">HH", self.operation, self.type)


class Service(NamedTuple):
    """A server of a response. ``hops``: how many networks away, 1 where it answers itself."""

    type: int
    name: str
    address: IpxAddress
    hops: int

    def encode(self) -> bytes:
        return _entry.pack(self.type, self.name.encode(CODE_PAGE), *self.address, self.hops)


class SapResponse(NamedTuple):
    operation: int
    services: tuple[Service, ...]

    def encode(self) -> bytes:
        return struct.pack(">H", self.operation) + b"".join(service.encode() for service in self.services)


def decode_sap(data: bytes) -> SapQuery | SapResponse:
    """Raises BadPacket."""
    if len(data) < 4:
        raise BadPacket("malformed")
    operation = int.from_bytes(data[:2], "big")
    if operation in (GENERAL_QUERY, NEAREST_QUERY):
        return SapQuery(operation, int.from_bytes(data[2:4], "big"))
    if operation == SPECIFIC_QUERY and len(data) >= 4 + _NAME:
        return SapQuery(operation, int.from_bytes(data[2:4], "big"), _text(data[4 : 4 + _NAME]))
    if operation in ANSWER_TO.values():
        whole = data[2 : 2 + (len(data) - 2) // _entry.size * _entry.size]
        if whole:
            return SapResponse(operation, tuple(_services(whole)))
    raise BadPacket("malformed")


def _services(entries: bytes) -> Iterable[Service]:
    for kind, name, network, node, socket, hops in _entry.iter_unpack(entries):
        yield Service(kind, _text(name), IpxAddress(network, node, socket), hops)


def _text(padded: bytes) -> str:
    return padded.partition(b"\0")[0].decode(CODE_PAGE)
