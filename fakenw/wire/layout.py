"""Layouts: one class per NCP request or reply, declared once and used by server and client alike.

Rules of this file:

* A field is an annotation; its type gives its form on the wire (``Byte``, ``Word``, ``LongLE`` …).
  The order of the annotations is the order of the bytes.
* Types without a suffix are big-endian ("hi-lo"), those with ``LE`` little-endian ("lo-hi").
* Bytes beyond the last field are ignored: libncp sends four bytes where Wireshark documents one
  (23/29). Too few bytes raise ``Malformed``.
* Every layout names its ``source``, and whether it is ``sure`` or inferred.
* Text is code page 437, in which all 256 bytes have a character.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, cast, dataclass_transform, get_args, get_type_hints

CODE_PAGE = "cp437"


class Malformed(ValueError):
    """The bytes do not fit the layout."""


class Field:
    """The form of one value on the wire. ``decode`` returns the value and the offset behind it."""

    def decode(self, data: bytes, at: int) -> tuple[Any, int]:
        raise NotImplementedError

    def encode(self, value: Any) -> bytes:
        raise NotImplementedError


class Number(Field):
    """An unsigned number in one ``struct`` format character, with its byte order."""

    def __init__(self, form: str) -> None:
        self._struct = struct.Struct(form)

    def decode(self, data: bytes, at: int) -> tuple[int, int]:
        try:
            (value,) = self._struct.unpack_from(data, at)
        except struct.error:
            raise Malformed(f"expected {self._struct.size} more bytes at {at}") from None
        return value, at + self._struct.size

    def encode(self, value: int) -> bytes:
        try:
            return self._struct.pack(value)
        except struct.error as problem:
            raise Malformed(f"{value} does not fit: {problem}") from None


class Raw(Field):
    """A fixed number of bytes, as they are."""

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, data: bytes, at: int) -> tuple[bytes, int]:
        end = at + self.size
        if end > len(data):
            raise Malformed(f"expected {self.size} more bytes at {at}")
        return bytes(data[at:end]), end

    def encode(self, value: bytes) -> bytes:
        if len(value) != self.size:
            raise Malformed(f"expected {self.size} bytes, got {len(value)}")
        return bytes(value)


class Padded(Field):
    """Text of a fixed size, padded with NUL. Longer text is cut, as NetWare does."""

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, data: bytes, at: int) -> tuple[str, int]:
        end = at + self.size
        if end > len(data):
            raise Malformed(f"expected {self.size} more bytes at {at}")
        return bytes(data[at:end]).split(b"\0", 1)[0].decode(CODE_PAGE), end

    def encode(self, value: str) -> bytes:
        return encode_text(value)[: self.size].ljust(self.size, b"\0")


class Counted(Field):
    """Text behind its length in one byte (``pstr`` in the documents)."""

    def decode(self, data: bytes, at: int) -> tuple[str, int]:
        if at >= len(data):
            raise Malformed(f"expected a length byte at {at}")
        end = at + 1 + data[at]
        if end > len(data):
            raise Malformed(f"expected {data[at]} bytes of text at {at + 1}")
        return bytes(data[at + 1 : end]).decode(CODE_PAGE), end

    def encode(self, value: str) -> bytes:
        raw = encode_text(value)
        if len(raw) > 255:
            raise Malformed(f"text of {len(raw)} bytes; a length byte holds 255")
        return bytes([len(raw)]) + raw


class CountedBytes(Field):
    """Bytes behind their number, which is in a ``struct`` format."""

    def __init__(self, count: str) -> None:
        self._count = Number(count)

    def decode(self, data: bytes, at: int) -> tuple[bytes, int]:
        size, at = self._count.decode(data, at)
        if size > len(data) - at:
            raise Malformed(f"expected {size} bytes at {at}")
        return bytes(data[at : at + size]), at + size

    def encode(self, value: bytes) -> bytes:
        return self._count.encode(len(value)) + value


class Loose(Field):
    """A little-endian number of four bytes, of which a client may send only the first one or two."""

    def decode(self, data: bytes, at: int) -> tuple[int, int]:
        end = min(at + 4, len(data))
        if end == at:
            raise Malformed(f"expected a number at {at}")
        return int.from_bytes(data[at:end], "little"), end

    def encode(self, value: int) -> bytes:
        return _long_le.encode(value)


class Items(Field):
    """Numbers behind their count; both are ``struct`` formats."""

    def __init__(self, count: str, item: str) -> None:
        self._count, self.item = Number(count), Number(item)

    def decode(self, data: bytes, at: int) -> tuple[tuple[int, ...], int]:
        count, at = self._count.decode(data, at)
        items = []
        for _ in range(count):
            item, at = self.item.decode(data, at)
            items.append(item)
        return tuple(items), at

    def encode(self, value: tuple[int, ...]) -> bytes:
        return self._count.encode(len(value)) + b"".join(map(self.item.encode, value))


class Texts(Field):
    """Counted texts behind their number in one byte, such as the components of a path in 87/x.

    With a *room* they take that many bytes, however long they are.
    """

    def __init__(self, room: int = 0) -> None:
        self.room = room

    def decode(self, data: bytes, at: int) -> tuple[tuple[str, ...], int]:
        if at >= len(data):
            raise Malformed(f"expected a count at {at}")
        start, count, at, texts = at, data[at], at + 1, []
        for _ in range(count):
            text, at = _counted.decode(data, at)
            texts.append(text)
        if len(data) < start + self.room:
            raise Malformed(f"expected {self.room} bytes at {start}")
        return tuple(texts), max(at, start + self.room)

    def encode(self, value: tuple[str, ...]) -> bytes:
        if len(value) > 255:
            raise Malformed(f"{len(value)} texts; a count byte holds 255")
        return (bytes([len(value)]) + b"".join(map(_counted.encode, value))).ljust(self.room, b"\0")


class Remaining(Field):
    def decode(self, data: bytes, at: int) -> tuple[bytes, int]:
        return bytes(data[at:]), len(data)

    def encode(self, value: bytes) -> bytes:
        return bytes(value)


class DateAndTime(Field):
    """Seven bytes of time: year-1900, month, day, hour, minute, second, weekday with Sunday 0.

    ``None`` is seven zero bytes: no time.
    """

    def decode(self, data: bytes, at: int) -> tuple[datetime | None, int]:
        end = at + 7
        if end > len(data):
            raise Malformed(f"expected 7 more bytes at {at}")
        year, month, day, hour, minute, second = data[at : at + 6]
        if not month:
            return None, end
        try:
            return datetime(1900 + year, month, day, hour, minute, second), end
        except ValueError as problem:
            raise Malformed(f"not a time at {at}: {problem}") from None

    def encode(self, value: datetime | None) -> bytes:
        if value is None:
            return bytes(7)
        weekday = value.isoweekday() % 7
        return bytes(
            ((value.year - 1900) % 256, value.month, value.day, value.hour, value.minute, value.second, weekday)
        )


def encode_text(value: str) -> bytes:
    """Text in code page 437. Raises Malformed for a character that the code page lacks."""
    try:
        return value.encode(CODE_PAGE)
    except UnicodeEncodeError as problem:
        raise Malformed(f"{value!r} is not in code page 437: {problem.reason}") from None


_long_le = Number("<I")
_counted = Counted()

Byte = Annotated[int, Number(">B")]
Word = Annotated[int, Number(">H")]
Long = Annotated[int, Number(">I")]
WordLE = Annotated[int, Number("<H")]
LongLE = Annotated[int, Number("<I")]
LooseLE = Annotated[int, Loose()]
Bytes2 = Annotated[bytes, Raw(2)]
Bytes6 = Annotated[bytes, Raw(6)]
Bytes8 = Annotated[bytes, Raw(8)]
Text14 = Annotated[str, Padded(14)]
Text16 = Annotated[str, Padded(16)]
Text48 = Annotated[str, Padded(48)]
PString = Annotated[str, Counted()]
PStrings = Annotated[tuple[str, ...], Texts()]
Rest = Annotated[bytes, Remaining()]
Stamp = Annotated[datetime | None, DateAndTime()]


@dataclass_transform(frozen_default=True)
class Layout:
    """A sequence of fields, which a subclass declares: a frozen dataclass.

    A program that starts declares some 300 layouts and uses few, so a layout becomes a dataclass at its first use: the
    code of all of them would be a quarter of a server's start.
    """

    source: ClassVar[str] = ""
    sure: ClassVar[bool] = True
    _forms: ClassVar[tuple[tuple[str, Field], ...] | None] = None
    _decoders: ClassVar[tuple[tuple[str, Callable[[bytes, int], tuple[Any, int]]], ...]] = ()
    _empty: ClassVar[Layout | None] = None  # the only instance of a layout without fields

    def __init_subclass__(cls, *, source: str = "", sure: bool = True, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.source, cls.sure = source, sure
        cls._forms = cls._empty = None
        cls.__init__ = Layout.__init__  # type: ignore[method-assign]  # instead of that of a layout it extends

    def __init__(self, *values: Any, **named: Any) -> None:
        self.forms()
        type(self).__init__(self, *values, **named)  # which is the dataclass's by now

    @classmethod
    def forms(cls) -> tuple[tuple[str, Field], ...]:
        """The names of the fields and their forms, in the order of the bytes."""
        if cls._forms is None:
            for base in cls.__bases__:
                if issubclass(base, Layout) and base is not Layout:
                    base.forms()
            del cls.__init__
            dataclass(frozen=True)(cls)
            hints = get_type_hints(cls, include_extras=True)
            cls._forms = tuple(
                (name, mark) for name, hint in hints.items() for mark in get_args(hint)[1:] if isinstance(mark, Field)
            )
            cls._decoders = tuple((name, mark.decode) for name, mark in cls._forms)
            cls._empty = None if cls._forms else cls()
        return cls._forms

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises Malformed where *data* is too short."""
        if cls._empty is not None:
            return cast(Self, cls._empty)
        if cls._forms is None:
            cls.forms()
            return cls.decode(data)
        made = object.__new__(cls)  # past the constructor of a frozen dataclass, which sets field by field
        values, at = made.__dict__, 0
        for name, decode in cls._decoders:
            values[name], at = decode(data, at)
        return made

    def encode(self) -> bytes:
        """Raises Malformed for a value that does not fit its field."""
        values = self.__dict__
        raw: bytes | None = values.get("")  # encoded once: a layout is frozen, and some replies are sent often
        if raw is None:
            raw = values[""] = b"".join([field.encode(values[name]) for name, field in self.forms()])
        return raw


class Reply(Layout):
    """The data of a reply, from @8 on."""


class Nothing(Reply, source="replies without data"):
    """A reply without data, only with its completion code."""


R = TypeVar("R", bound=Reply)

# Groups whose sub-function stands behind a length word (Wireshark ncp2222.py, has_length).
WITH_LENGTH = frozenset({0x15, 0x16, 0x17, 0x72, 0x7B})
# Groups whose sub-function follows at once.
WITHOUT_LENGTH = frozenset({0x20, 0x22, 0x57, 0x68, 0x6F})


class Request(Layout, Generic[R]):
    """The data of a request. ``ncp=19`` is a function, ``ncp=(23, 29)`` a function and its sub-function."""

    function: ClassVar[int] = -1
    subfunction: ClassVar[int | None] = None
    reply: ClassVar[type[Reply]] = Nothing

    def __init_subclass__(cls, *, ncp: int | tuple[int, int], **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.function, cls.subfunction = ncp if isinstance(ncp, tuple) else (ncp, None)
        for origin in cls.__dict__.get("__orig_bases__", ()):
            for argument in get_args(origin):
                if isinstance(argument, type) and issubclass(argument, Reply):
                    cls.reply = argument

    def body(self) -> bytes:
        """The bytes behind the function byte of the request header, sub-function and length included."""
        data = self.encode()
        if self.subfunction is None:
            return data
        if self.function in WITH_LENGTH:
            return struct.pack(">HB", 1 + len(data), self.subfunction) + data
        return bytes([self.subfunction]) + data


def split_body(function: int, body: bytes) -> tuple[int | None, bytes]:
    """The sub-function (if the group has one) and the data behind it. Raises Malformed without the sub-function.

    The length word is not checked: nmap understates it by one in 22/52.
    """
    if function in WITH_LENGTH:
        if len(body) < 3:
            raise Malformed("expected a length word and a sub-function")
        return body[2], body[3:]
    if function in WITHOUT_LENGTH:
        if not body:
            raise Malformed("expected a sub-function")
        return body[0], body[1:]
    return None, body
