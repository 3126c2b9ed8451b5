r"""Hives, the registry files of Windows NT: NTUSER.DAT, SOFTWARE, SMSbkSiteRegNAL.dat (KB Q289490).

Rules of this file:

* The library regipy, an extra (``fakenw[hives]``), finds the keys. Names and values are read here, from bytes: regipy
  replaces or drops values that it does not know, and the data must be the same as from a .reg file.
* A hive does not contain its place in the registry; the caller gives it (``root``).
* A name is Latin-1 where the hive marks it as compressed, else UTF-16LE.
* Windows 95 and 98 have another format (SYSTEM.DAT, USER.DAT): export from there with regedit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.client.reg_file import RegError
from harness.client.registry import Data, Registry, from_bytes

_ROOT = 36  # offset in the header of the root key's offset; regipy takes the first cell instead, which is mostly it
_BASE = 4096  # offsets in a hive are counted from the end of its header
_CELL = 4  # bytes: the size at the beginning of a cell
_INLINE = 0x80000000  # flag of a size: the field of the data's offset holds the data itself
_SEGMENT = 16344  # bytes; longer data is in several cells, if its record is a list (db)
_MAX_DEPTH = 512  # of nested keys: the limit of Windows
_MIN_KEY = 80  # bytes


def read(path: Path, root: str) -> Registry:
    """Read the hive at *path*; its root is the key *root*. Raises RegError, or ValueError if *root* is no key."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise RegError(f"{path}: cannot be read: {problem.strerror}; expected a hive") from None
    if data.startswith(b"CREG"):
        raise RegError(f"{path}: a registry of Windows 95 or 98; expected a hive of Windows NT, or a .reg file")
    if not data.startswith(b"regf"):
        raise RegError(f"{path}: not a hive; expected a file that begins with regf")
    try:
        from regipy.registry import Cell, NKRecord
    except ImportError:
        raise RegError(f"{path}: reading a hive needs regipy; expected it here: pip install 'fakenw[hives]'") from None
    registry = Registry()
    registry.create(root)
    try:
        (place,) = struct.unpack_from("<I", data, _ROOT)
        top: Any = NKRecord(Cell(_BASE + _CELL + place + 2, "nk", 0), BytesIO(data))  # type: ignore[no-untyped-call]
        for key, name, value in _values(data, top, root):
            registry.create(key)
            if name is not None:
                registry.set(key, name, value)
    except RegError as problem:
        raise RegError(f"{path}: {problem}") from None
    except Exception as problem:  # no list exists of the exceptions that regipy and struct raise for a damaged file
        what = " ".join(f"{type(problem).__name__}: {problem}".split())
        raise RegError(f"{path}: damaged ({what}); expected a complete hive") from None
    return registry


def _values(data: bytes, root: Any, name: str) -> Iterator[tuple[str, str | None, Data]]:
    """Every key (its path, None, ""), each before its values (path, name, data), in the order of the hive."""
    ahead = [(name, root, 1)]
    left = len(data) // _MIN_KEY
    while ahead:
        path, key, depth = ahead.pop()
        left -= 1
        if depth > _MAX_DEPTH or left < 0:
            raise RegError(f"a key contains itself; expected at most {_MAX_DEPTH} nested keys")
        yield path, None, ""
        places = _BASE + _CELL + key.header.values_list_offset
        for n in range(key.header.values_count):
            (place,) = struct.unpack_from("<I", data, places + 4 * n)
            yield path, *_value(data, _BASE + _CELL + place)
        under = [(f"{path}\\{_name_of(subkey)}", subkey, depth + 1) for subkey in key.iter_subkeys()]
        ahead += reversed(under)


def _name_of(key: Any) -> str:
    return _text(key.header.key_name_string, key.header.flags.KEY_COMP_NAME)


def _text(raw: bytes, compressed: bool) -> str:
    return raw.decode("latin-1") if compressed else raw.decode("utf-16-le", "surrogatepass")


def _value(data: bytes, at: int) -> tuple[str, Data]:
    """The name and data of the value whose record (vk) is at offset *at*."""
    signature, length, size, place, kind, flags = struct.unpack_from("<2sHIIIH", data, at)
    if signature != b"vk":
        raise RegError(f"{signature!r} at {at:#x}; expected a value (vk)")
    name = _text(data[at + 20 : at + 20 + length], bool(flags & 1))
    inline = struct.pack("<I", place)[: size & ~_INLINE]
    return name, from_bytes(kind, inline if size & _INLINE else _bytes(data, _BASE + _CELL + place, size))


def _bytes(data: bytes, at: int, size: int) -> bytes:
    """*size* bytes of data at offset *at*, or in the segments that the record there (db) lists."""
    if size <= _SEGMENT or data[at : at + 2] != b"db":
        raw = data[at : at + size]
    else:
        count, place = struct.unpack_from("<HI", data, at + 2)
        places = struct.unpack_from(f"<{count}I", data, _BASE + _CELL + place)
        raw = b"".join(data[_BASE + _CELL + one :][:_SEGMENT] for one in places)[:size]
    if len(raw) < size:
        raise RegError(f"data of {size} bytes ends after {len(raw)}; expected a complete hive")
    return raw
