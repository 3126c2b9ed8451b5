r"""Hives: the files in which Windows NT keeps its registry: NTUSER.DAT, SOFTWARE, SMSbkSiteRegNAL.dat (KB Q289490).

Rules of this file:

* The library regipy finds the keys; it is an extra, ``fakenw[hives]``. Names and values are read here, from bytes:
  regipy's own reading replaces or drops what it does not know, and the data must be the same as from a .reg file.
* A hive does not say where in the registry it belongs: who reads it does (``root``).
* A name is Latin-1 where the hive says that it is compressed, else UTF-16LE.
* Windows 95 and 98 keep their registry in another form (SYSTEM.DAT, USER.DAT). Export from there with regedit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.client.reg_file import RegError
from harness.client.registry import Data, Registry, from_bytes

_ROOT = 36  # of the header: the place of the root key. regipy takes the first cell for it, and mostly that is so
_BASE = 4096  # a place in a hive is counted from the end of its header,
_CELL = 4  # and there begins a cell, with its size
_INLINE = 0x80000000  # the data stands in the place of its place
_SEGMENT = 16344  # bytes; longer data is in several cells, if the hive says so
_DEEPEST = 512  # keys inside each other: the limit of Windows
_SMALLEST = 80  # bytes of a key


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
    except Exception as problem:  # of what regipy, and struct, may stumble over in a damaged file there is no list
        what = " ".join(f"{type(problem).__name__}: {problem}".split())
        raise RegError(f"{path}: damaged ({what}); expected a whole hive") from None
    return registry


def _values(data: bytes, root: Any, name: str) -> Iterator[tuple[str, str | None, Data]]:
    """Every key, with no value, and every value, in the order of the hive."""
    ahead = [(name, root, 1)]
    left = len(data) // _SMALLEST
    while ahead:
        path, key, depth = ahead.pop()
        left -= 1
        if depth > _DEEPEST or left < 0:
            raise RegError(f"keys stand inside themselves; expected {_DEEPEST} inside each other at most")
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
    """The value whose record (vk) stands at *at*: its name and its data."""
    signature, length, size, place, kind, flags = struct.unpack_from("<2sHIIIH", data, at)
    if signature != b"vk":
        raise RegError(f"{signature!r} at {at:#x}; expected a value (vk)")
    name = _text(data[at + 20 : at + 20 + length], bool(flags & 1))
    inline = struct.pack("<I", place)[: size & ~_INLINE]
    return name, from_bytes(kind, inline if size & _INLINE else _bytes(data, _BASE + _CELL + place, size))


def _bytes(data: bytes, at: int, size: int) -> bytes:
    """*size* bytes of data at *at*, or in the segments of which the record there (db) has a list."""
    if size <= _SEGMENT or data[at : at + 2] != b"db":
        raw = data[at : at + size]
    else:
        count, place = struct.unpack_from("<HI", data, at + 2)
        places = struct.unpack_from(f"<{count}I", data, _BASE + _CELL + place)
        raw = b"".join(data[_BASE + _CELL + one :][:_SEGMENT] for one in places)[:size]
    if len(raw) < size:
        raise RegError(f"data of {size} bytes that ends after {len(raw)}; expected a whole hive")
    return raw
