"""NDS messages, which 104/2 carries in fragments: their strings, filters and entries.

Rules of this file:

* Numbers are little-endian, entry ids big-endian as bindery ids are (libncp). Every field begins at a multiple of four
  bytes from the start of the message's data.
* A string is its length in bytes, then UTF-16 with a NUL, padded to four bytes.
* A message is a verb and its data; its reply is an NDS code (0, or negative) and data. Either may need several
  fragments; ``NdsExchange`` holds one of each, and no more than ``LARGEST_MESSAGE``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any, ClassVar

from fakenw.wire.layout import Field, Items, Layout, LongLE, Malformed, Number, Rest

NO_HANDLE = 0xFFFFFFFF  # first fragment of a request, last one of a reply; first and last step of an iteration
LARGEST_MESSAGE = 0x10000
LARGEST_FRAGMENT = 0xFC00  # fits into a datagram and into a frame
SMALLEST_FRAGMENT = 64
MESSAGE_HEADER = 12  # flags, verb and reply buffer size, which the message size counts

LOCAL_ENTRY = 1  # Resolve Name: the entry is on this server


class NdsCode(IntEnum):
    """NDS completion codes (Wireshark nds_reply_errors; libncp ndslib.h)."""

    OK = 0
    GRACE_LOGIN = -223  # with the whole reply
    NO_SUCH_ENTRY = -601
    NO_SUCH_ATTRIBUTE = -603
    INVALID_REQUEST = -641
    INVALID_ITERATION = -642
    INSUFFICIENT_BUFFER = -649
    FAILED_AUTHENTICATION = -669
    INVALID_API_VERSION = -683


class NdsRefused(Exception):
    """The NDS code is not 0; *data* may stand behind it all the same."""

    def __init__(self, code: NdsCode, data: bytes = b"") -> None:
        super().__init__(code.name)
        self.code, self.data = code, data


_long = Number("<I")


class Unicode(Field):
    """A string, read without its last NUL. The padding may be missing at the end of a message (nmap)."""

    def decode(self, data: bytes, at: int) -> tuple[str, int]:
        size, at = _long.decode(data, at)
        end = at + size
        if end > len(data):
            raise Malformed(f"expected {size} bytes of text at {at}")
        try:
            text = bytes(data[at:end]).decode("utf-16-le")
        except UnicodeDecodeError as problem:
            raise Malformed(f"not UTF-16 at {at}: {problem.reason}") from None
        return text.removesuffix("\0"), min(end + -size % 4, len(data))

    def encode(self, value: str) -> bytes:
        raw = (value + "\0").encode("utf-16-le") if value else b""
        return struct.pack("<I", len(raw)) + raw + bytes(-len(raw) % 4)


class Repeated(Field):
    """Fields of one kind behind their count."""

    def __init__(self, item: Field) -> None:
        self.item = item

    def decode(self, data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        count, at = _long.decode(data, at)
        found = []
        for _ in range(count):
            value, at = self.item.decode(data, at)
            found.append(value)
        return tuple(found), at

    def encode(self, value: tuple[Any, ...]) -> bytes:
        return _long.encode(len(value)) + b"".join(map(self.item.encode, value))


class Filtering(IntEnum):
    """The first number of each part of a search filter (Wireshark NDS_SEARCH_...)."""

    ITEM = 0
    OR = 1
    AND = 2
    NOT = 3


RDN = 16  # an item: the name, with wild cards
BASE_CLASS = 17  # an item: the class


@dataclass(frozen=True, slots=True)
class Filter:
    """A search filter: an item with *test* and *text*, or a group with *parts*."""

    kind: Filtering
    test: int = 0
    text: str = ""
    parts: tuple[Filter, ...] = ()


class SearchFilter(Field):
    """Nested filters. Only the tests that nmap sends are read; any other is Malformed."""

    DEEPEST: ClassVar[int] = 8

    def decode(self, data: bytes, at: int) -> tuple[Filter, int]:
        return self._decode(data, at, 0)

    def _decode(self, data: bytes, at: int, depth: int) -> tuple[Filter, int]:
        number, at = _long.decode(data, at)
        if depth > self.DEEPEST or number > Filtering.NOT:
            raise Malformed(f"not a filter at {at}")
        kind = Filtering(number)
        if kind is Filtering.ITEM:
            test, at = _long.decode(data, at)
            if test not in (RDN, BASE_CLASS):
                raise Malformed(f"an unknown test at {at}: {test}")
            text, at = _unicode.decode(data, at)
            return Filter(kind, test, text), at
        count, at = (1, at) if kind is Filtering.NOT else _long.decode(data, at)
        parts = []
        for _ in range(count):
            part, at = self._decode(data, at, depth + 1)
            parts.append(part)
        return Filter(kind, parts=tuple(parts)), at

    def encode(self, value: Filter) -> bytes:
        head = _long.encode(value.kind)
        if value.kind is Filtering.ITEM:
            return head + _long.encode(value.test) + _unicode.encode(value.text)
        count = b"" if value.kind is Filtering.NOT else _long.encode(len(value.parts))
        return head + count + b"".join(map(self.encode, value.parts))


class Address(Field):
    """A transport address: type, length, port (big-endian) and IPv4 address, padded to four bytes."""

    def decode(self, data: bytes, at: int) -> tuple[tuple[int, bytes], int]:
        kind, at = _long.decode(data, at)
        size, at = _long.decode(data, at)
        if at + size > len(data):
            raise Malformed(f"expected {size} bytes of address at {at}")
        return (kind, bytes(data[at : at + size])), at + size + -size % 4

    def encode(self, value: tuple[int, bytes]) -> bytes:
        kind, raw = value
        return struct.pack("<II", kind, len(raw)) + raw + bytes(-len(raw) % 4)


_unicode = Unicode()

Text = Annotated[str, _unicode]
Texts = Annotated[tuple[str, ...], Repeated(_unicode)]
Longs = Annotated[tuple[int, ...], Items("<I", "<I")]
EntryId = Annotated[int, Number(">I")]


class Start(Layout, source="libncp ncp_send_nds_frag; Wireshark dissect_nds_request; nmap ncp.lua"):
    """The data behind the handle in the first fragment of a request."""

    max_fragment: LongLE
    message_size: LongLE
    flags: LongLE
    verb: LongLE
    reply_size: LongLE
    data: Rest


class ResolveName(Layout, source="Wireshark dissect_nds_request; nmap ncp.lua"):
    """Verb 1."""

    version: LongLE
    flags: LongLE
    scope: LongLE
    name: Text
    transports: Longs
    walkers: Longs


class Resolved(Layout, source="Wireshark dissect_nds_reply; libncp; nmap needs 26 bytes of it"):
    """The reply to verb 1 for an entry of this server, with the server's addresses: (type, port and IPv4 address)."""

    tag: LongLE
    entry: EntryId
    addresses: Annotated[tuple[tuple[int, bytes], ...], Repeated(Address())]


class ListEntries(Layout, source="libncp list.c; nmap ncp.lua"):
    """Verb 5: the entries directly below an entry. Version 2 adds a time stamp at the end, which is ignored."""

    version: LongLE
    flags: LongLE
    iteration: LongLE
    entry: EntryId
    info_flags: LongLE
    name_filter: Text
    class_filter: Text


class SearchEntries(Layout, source="libncp search.c, filter as Wireshark has it; nmap ncp.lua"):
    """Verb 6, version 3."""

    version: LongLE
    flags: LongLE
    iteration: LongLE
    entry: EntryId
    scope: LongLE
    nodes: LongLE
    info_type: LongLE
    info_flags: LongLE
    all_attributes: LongLE
    attributes: Texts
    filter: Annotated[Filter, SearchFilter()]


@dataclass(frozen=True, slots=True)
class NdsEntry:
    """The information about an entry. Its names are with or without types, as the client requested."""

    id: int
    flags: int
    subordinates: int
    modified: int  # seconds since 1970
    root: int
    parent: int
    base_class: str
    rdn: str
    dn: str
    parent_dn: str

    @property
    def stamp(self) -> bytes:
        return struct.pack("<IHH", self.modified, 1, 0)

    @property
    def root_dn(self) -> str:
        return "[Root]"

    @property
    def zero(self) -> int:
        return 0


class _Stamp(Field):
    def encode(self, value: bytes) -> bytes:
        return value


OUTPUT_FIELDS = 0x0001  # each entry begins with the flags of its fields
TYPELESS = 0x0001  # request flag: names without CN= and O=
ONLY_CONTAINERS = 0x0002  # request flag of List

# Bit, attribute of NdsEntry and form, in the order of the wire (libncp nwnet.c NWDSGetObjectName).
_id = Number(">I")
ENTRY_FIELDS: tuple[tuple[int, str, Field], ...] = (
    (0x0002, "id", _id),
    (0x0004, "flags", _long),
    (0x0008, "subordinates", _long),
    (0x0010, "modified", _long),
    (0x0020, "stamp", _Stamp()),  # of the modification
    (0x0040, "stamp", _Stamp()),  # of the creation
    (0x0080, "root", _id),
    (0x0100, "parent", _id),
    (0x0200, "zero", _long),  # revisions
    (0x0400, "zero", _long),  # replica type: master
    (0x0800, "base_class", _unicode),
    (0x1000, "rdn", _unicode),
    (0x2000, "dn", _unicode),
    (0x4000, "root_dn", _unicode),
    (0x8000, "parent_dn", _unicode),
)
KNOWN_FIELDS = OUTPUT_FIELDS | sum(bit for bit, _, _ in ENTRY_FIELDS)


def encode_entry(entry: NdsEntry, info_flags: int) -> bytes:
    """The known fields that *info_flags* requests.

    Raises NdsRefused where an unknown one is requested and the reply could not show that it is missing.
    """
    known = info_flags & KNOWN_FIELDS
    if known != info_flags and not known & OUTPUT_FIELDS:
        raise NdsRefused(NdsCode.INVALID_REQUEST)
    head = _long.encode(known) if known & OUTPUT_FIELDS else b""
    return head + b"".join(form.encode(getattr(entry, name)) for bit, name, form in ENTRY_FIELDS if known & bit)


@dataclass(slots=True)
class NdsExchange:
    """One incoming message, and the reply to it."""

    handle: int
    start: Start
    request: bytearray = field(default_factory=bytearray)
    reply: bytes | None = None  # the part that was not sent yet

    @property
    def missing(self) -> int:
        """How many bytes of the request have not been received yet."""
        return self.start.message_size - MESSAGE_HEADER - len(self.request)

    def add(self, data: bytes) -> None:
        """The next bytes of the request. Bytes beyond the announced size are ignored."""
        self.request += data[: self.missing]

    def next(self, largest: int = LARGEST_FRAGMENT) -> tuple[int, bytes]:
        """The handle and data of the reply's next fragment. *largest* and the client's size count the handle."""
        assert self.reply is not None
        room = min(max(self.start.max_fragment, SMALLEST_FRAGMENT), largest, LARGEST_FRAGMENT) - 4
        part, self.reply = self.reply[:room], self.reply[room:]
        return (self.handle if self.reply else NO_HANDLE), part
