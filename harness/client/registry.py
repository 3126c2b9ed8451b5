r"""A registry in memory: keys, typed values, and their text form for regedit.

Rules of this file:

* A key is written with its full root name and backslashes: ``HKEY_LOCAL_MACHINE\Software\Microsoft``.
* Names of keys and values are compared without regard to case and keep their first spelling.
  The default value has the name ``""``.
* The Python type of a value's data is its registry type: ``str`` is REG_SZ, ``int`` is REG_DWORD, and there are
  ``Expand``, ``Multi`` and ``Qword``. ``Binary`` is every other type, bytes with its number, and data that does not
  fit its type, such as a REG_DWORD of three bytes.
* As bytes, text is UTF-16LE with a NUL at the end; in REGEDIT4 it is ANSI, here code page 1252. Windows
  leaves no byte of it undefined: 81, 8d, 8f, 90 and 9d are the characters of the same number.
* Subkeys and values keep the order in which they were made.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field

HEADERS = {4: "REGEDIT4", 5: "Windows Registry Editor Version 5.00"}

# The numbers of the types that have a Python type of their own (winnt.h).
_SZ, _EXPAND_SZ, _BINARY, _DWORD, _MULTI_SZ, _QWORD = 1, 2, 3, 4, 7, 11

# regedit breaks a line of hex after the comma that reaches this column; with its backslash a line has at most 80.
_FULL = 77

_ANSI = "".join(bytes([n]).decode("cp1252", "ignore") or chr(n) for n in range(256))
_TO_ANSI = codecs.charmap_build(_ANSI)
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class Expand:
    """REG_EXPAND_SZ: text with variables in it, such as ``%SystemRoot%``."""

    text: str


@dataclass(frozen=True, slots=True)
class Multi:
    """REG_MULTI_SZ: texts, separated by NULs. Raises ValueError for a text with a NUL."""

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if any("\0" in text for text in self.texts):
            raise ValueError(f"{self.texts} contains a NUL; expected texts of a REG_MULTI_SZ without one")


@dataclass(frozen=True, slots=True)
class Qword:
    """REG_QWORD: 64 bits, unsigned. Raises ValueError for another number."""

    number: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < 1 << 64:
            raise ValueError(f"{self.number} does not fit a REG_QWORD")


@dataclass(frozen=True, slots=True)
class Binary:
    """REG_BINARY; with another *type* REG_NONE (0), REG_LINK (6) or any other. Raises ValueError above 32 bits."""

    data: bytes
    type: int = _BINARY

    def __post_init__(self) -> None:
        if not 0 <= self.type < 1 << 32:
            raise ValueError(f"{self.type} is not the number of a type; expected 32 bits")


Data = str | int | Expand | Multi | Qword | Binary


@dataclass
class _Key:
    name: str
    values: dict[str, tuple[str, Data]] = field(default_factory=dict)
    subkeys: dict[str, _Key] = field(default_factory=dict)


class Registry:
    """Keys and values. A key that does not exist has no values and no subkeys."""

    def __init__(self) -> None:
        self._root = _Key("")

    def __bool__(self) -> bool:
        return bool(self._root.subkeys)

    def create(self, key: str) -> None:
        """Create *key* if it does not exist. Raises ValueError."""
        self._make(key)

    def set(self, key: str, name: str, data: Data) -> None:
        """Set a value; its key is created if it does not exist. Raises ValueError."""
        if isinstance(data, int) and not 0 <= data <= 0xFFFFFFFF:
            raise ValueError(f"{data} does not fit a REG_DWORD")
        if isinstance(data, Binary):
            data = from_bytes(data.type, data.data)
        values = self._make(key).values
        spelling, _ = values.get(name.lower(), (name, None))
        values[name.lower()] = (spelling, data)

    def get(self, key: str, name: str) -> Data | None:
        """The data of a value, or None if it does not exist."""
        at = self._find(key)
        return at.values[name.lower()][1] if at and name.lower() in at.values else None

    def values(self, key: str) -> dict[str, Data]:
        """The values of *key*, data by name, in order."""
        at = self._find(key)
        return dict(at.values.values()) if at else {}

    def subkeys(self, key: str) -> list[str]:
        """The names of the keys directly under *key*, in order."""
        at = self._find(key)
        return [subkey.name for subkey in at.subkeys.values()] if at else []

    def __iter__(self) -> Iterator[str]:
        """The full name of every key, each before its subkeys."""
        ahead = [("", self._root)]
        while ahead:
            path, key = ahead.pop()
            if path:
                yield path
            under = [(f"{path}\\{subkey.name}" if path else subkey.name, subkey) for subkey in key.subkeys.values()]
            ahead += reversed(under)

    def delete(self, key: str) -> None:
        """Delete *key* with its subkeys, if it exists."""
        *above, name = _parts(key)
        at = self._find("\\".join(above)) if above else self._root
        if at:
            at.subkeys.pop(name.lower(), None)

    def delete_value(self, key: str, name: str) -> None:
        """Delete a value, if it exists."""
        at = self._find(key)
        if at:
            at.values.pop(name.lower(), None)

    def export(self, version: int = 4) -> str:
        """The text of a .reg file of *version* 4 (REGEDIT4, Windows 95 to NT 4.0) or 5 (Windows 2000 and later).

        Raises ValueError as ``section`` does.
        """
        sections = (self.section(key, version) for key in self)
        return f"{HEADERS[version]}\r\n\r\n{''.join(sections)}"

    def section(self, key: str, version: int = 4) -> str:
        """One key of ``export``; empty for a key without values that the section of a subkey creates.

        Raises ValueError for a name with a line break or NUL, and (UnicodeEncodeError) for a REG_EXPAND_SZ or
        REG_MULTI_SZ which is not ANSI in version 4, where they are bytes. Other text is not checked.
        """
        at = self._find(key)
        if at is None or (at.subkeys and not at.values):
            return ""
        if any(c in key for c in "\0\r\n") or any("\0" in name for name, _ in at.values.values()):
            raise ValueError(f"[{key!r}]: a name contains a line break or NUL, which no .reg file can hold")
        lines = [f"[{key}]", *(_line(name, data, version) for name, data in at.values.values()), ""]
        return "".join(f"{line}\r\n" for line in lines)

    def _make(self, key: str) -> _Key:
        at = self._root
        for part in _parts(key):
            at = at.subkeys.setdefault(part.lower(), _Key(part))
        return at

    def _find(self, key: str) -> _Key | None:
        at: _Key | None = self._root
        for part in _parts(key):
            at = at.subkeys.get(part.lower()) if at else None
        return at


def from_bytes(kind: int, raw: bytes, *, ansi: bool = False) -> Data:
    """The data of the type *kind* from bytes; the NUL at the end of text may be missing."""
    match kind:
        case 1 | 2 | 7 if ansi or not len(raw) % 2:
            text = from_ansi(raw) if ansi else raw.decode("utf-16-le", "surrogatepass")
            if kind == _MULTI_SZ:
                body = text[:-1] if text == "\0" or text.endswith("\0\0") else text
                return Multi(tuple(body.removesuffix("\0").split("\0")) if body else ())
            text = text.removesuffix("\0")
            return text if kind == _SZ else Expand(text)
        case 4 if len(raw) == 4:
            return int.from_bytes(raw, "little")
        case 11 if len(raw) == 8:
            return Qword(int.from_bytes(raw, "little"))
    return Binary(raw, kind)


def to_bytes(data: Data, *, ansi: bool = False) -> tuple[int, bytes]:
    """The number of the type of *data*, and its bytes. Raises UnicodeEncodeError with *ansi* where text is not ANSI."""
    match data:
        case int():
            return _DWORD, data.to_bytes(4, "little")
        case Qword(number):
            return _QWORD, number.to_bytes(8, "little")
        case Binary(raw, kind):
            return kind, raw
        case str():
            kind, text = _SZ, data + "\0"
        case Expand(text):
            kind, text = _EXPAND_SZ, text + "\0"
        case Multi(texts):
            kind, text = _MULTI_SZ, "".join(f"{text}\0" for text in texts) + "\0"
    return kind, to_ansi(text) if ansi else text.encode("utf-16-le", "surrogatepass")


def from_ansi(raw: bytes) -> str:
    """Decode code page 1252."""
    return codecs.charmap_decode(raw, "strict", _ANSI)[0]


def to_ansi(text: str) -> bytes:
    """Encode in code page 1252. Raises UnicodeEncodeError."""
    return codecs.charmap_encode(text, "strict", _TO_ANSI)[0]


def decode(data: bytes, errors: str = "strict") -> str:
    """Text by its byte order mark; without it UTF-8, or else ANSI. *errors*: of UTF-16. Raises UnicodeDecodeError."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "strict" if encoding == "utf-8" else errors)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return from_ansi(data)


def _parts(key: str) -> list[str]:
    parts = key.split("\\")
    if not all(parts):
        raise ValueError(f"expected a key such as HKEY_LOCAL_MACHINE\\Software, got {key!r}")
    return parts


def _line(name: str, data: Data, version: int) -> str:
    left = f"{_quoted(name) if name else '@'}="
    if isinstance(data, int):
        return f"{left}dword:{data:08x}"
    if isinstance(data, str) and "\0" not in data:  # regedit ends a text in quotes at its first NUL
        return left + _quoted(data)
    kind, raw = to_bytes(data, ansi=version == 4)
    if version == 4 and isinstance(data, Binary) and kind in (_SZ, _EXPAND_SZ, _MULTI_SZ):
        raise ValueError(f"{name!r} has an odd number of bytes, and so is not UTF-16 text; expected version 5")
    lines, line = [], left + ("hex:" if kind == _BINARY else f"hex({kind:x}):")
    for byte in raw[:-1]:
        line += f"{byte:02x},"
        if len(line) >= _FULL:
            lines.append(f"{line}\\")
            line = "  "
    return "\r\n".join([*lines, line + raw[-1:].hex()])


def _quoted(text: str) -> str:
    """In quotes. A line break is not escaped: regedit too goes on in the next line of the file."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
