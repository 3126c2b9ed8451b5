"""Requests for NDS: each verb as a layout, sent in fragments, and what is read from the answer."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from fakenw.wire import nds
from fakenw.wire.layout import Layout
from fakenw.wire.nds import NO_HANDLE, Filter, Filtering, Start, Unicode
from fakenw.wire.requests.nds import (
    Fragment,
    FragmentReply,
)

SET_KEYS = 54  # a verb that we lack
NAMES = 0x381D  # what nmap wants to know of an entry
ONLY_RDN = 0x1001
ALL = Filter(
    Filtering.AND,
    parts=(Filter(Filtering.ITEM, nds.RDN, "*"), Filter(Filtering.ITEM, nds.BASE_CLASS, "User")),
)
USERS = ["CN=SUPERVISOR", "CN=GUEST", "CN=JOE", "CN=ANN"]


def resolve(name: str, version: int = 0) -> tuple[int, Layout]:
    return 1, nds.ResolveName(version, 0x62, 0, name, (9,), (9,))


def listing(entry: int, *, flags: int = 0, fields: int = ONLY_RDN, **more: Any) -> tuple[int, Layout]:
    asked: dict[str, Any] = {"iteration": NO_HANDLE, "name_filter": "", "class_filter": "", **more}
    return 5, nds.ListEntries(1, flags, entry=entry, info_flags=fields, **asked)


def search(entry: int, wanted: Filter = ALL, *, scope: int = 2, flags: int = 0, **more: Any) -> tuple[int, Layout]:
    asked: dict[str, Any] = {"iteration": NO_HANDLE, "info_flags": ONLY_RDN, "version": 3, "flags": flags, **more}
    asked |= {"entry": entry, "scope": scope, "filter": wanted}
    return 6, nds.SearchEntries(nodes=0, info_type=1, all_attributes=0, attributes=(), **asked)


def pieces(station: Any, verb: int, data: bytes, *, piece: int, most: int, room: int) -> Iterator[FragmentReply]:
    """Send a message in fragments of *piece* bytes, as libncp does; what comes back for each request."""
    start = Start(most, nds.MESSAGE_HEADER + len(data), 0, verb, room, data[:piece])
    request, rest = Fragment(NO_HANDLE, start.encode()), data[piece:]
    while True:
        got = station.call(request)
        assert got.completion == 0
        reply = FragmentReply.decode(got.data)
        assert reply.size == 4 + len(reply.data)
        yield reply
        if reply.handle == NO_HANDLE:
            return
        request, rest = Fragment(reply.handle, rest[:piece]), rest[piece:]


def ask(
    station: Any, message: tuple[int, Layout | bytes], *, piece: int = 489, most: int = 506, room: int = 4096
) -> tuple[int, bytes]:
    """The NDS code and the data that answer a message."""
    verb, asked = message
    data = asked.encode() if isinstance(asked, Layout) else asked
    found = b"".join(reply.data for reply in pieces(station, verb, data, piece=piece, most=most, room=room))
    return int.from_bytes(found[:4], "little", signed=True), found[4:]


def texts(data: bytes, *, behind: int = 0) -> list[str]:
    """The names in a list of entries that have nothing else; *behind* each are so many bytes."""
    (count,) = struct.unpack_from("<I", data)
    at, found = 4, []
    for _ in range(count):
        assert struct.unpack_from("<I", data, at)[0] == ONLY_RDN
        text, at = Unicode().decode(data, at + 4)
        found.append(text)
        at += behind
    assert at == len(data)
    return found


def found(data: bytes) -> list[str]:
    """The names in the answer to a search (libncp search.c)."""
    iteration, _, kind, size = struct.unpack_from("<IIII", data)
    assert (iteration, kind) == (NO_HANDLE, 1)
    assert data[16 + size :] == struct.pack("<II", 4, 0)
    return texts(data[16 : 16 + size], behind=8)
