r"""A small registry, in memory: keys, values, and their text form for regedit.

Rules of this file:

* A key is written with its full root name and backslashes: ``HKEY_LOCAL_MACHINE\Software\Microsoft``.
* Names of keys and values are compared without regard to case and keep the case they were made with.
* The Python type of a value's data is its registry type: ``str`` is REG_SZ, ``int`` is REG_DWORD.
* Subkeys and values keep the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Data = str | int  # REG_SZ | REG_DWORD


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
        """Whether there is any key."""
        return bool(self._root.subkeys)

    def set(self, key: str, name: str, data: Data) -> None:
        """Set a value; the key is made where it is missing. Raises ValueError."""
        if isinstance(data, int) and not 0 <= data <= 0xFFFFFFFF:
            raise ValueError(f"{data} does not fit a REG_DWORD")
        at = self._root
        for part in _parts(key):
            at = at.subkeys.setdefault(part.lower(), _Key(part))
        kept, _ = at.values.get(name.lower(), (name, None))
        at.values[name.lower()] = (kept, data)

    def get(self, key: str, name: str) -> Data | None:
        """The data of a value, or None where there is none."""
        at = self._find(key)
        return at.values[name.lower()][1] if at and name.lower() in at.values else None

    def values(self, key: str) -> dict[str, Data]:
        """The values of *key*, in order."""
        at = self._find(key)
        return dict(at.values.values()) if at else {}

    def subkeys(self, key: str) -> list[str]:
        """The names of the keys directly under *key*, in order."""
        at = self._find(key)
        return [subkey.name for subkey in at.subkeys.values()] if at else []

    def delete(self, key: str) -> None:
        """Delete *key* and all under it; nothing happens where it does not exist."""
        *above, name = _parts(key)
        at = self._find("\\".join(above)) if above else self._root
        if at:
            at.subkeys.pop(name.lower(), None)

    def export(self) -> str:
        """Everything as regedit of Windows 95 to NT 4.0 writes it (REGEDIT4)."""
        lines = ["REGEDIT4", ""]
        for path, key in _walk(self._root, ""):
            if key.values or not key.subkeys:  # a key on the way to another needs no line of its own
                lines += [f"[{path}]", *(_line(name, data) for name, data in key.values.values()), ""]
        return "".join(f"{line}\r\n" for line in lines)

    def _find(self, key: str) -> _Key | None:
        at: _Key | None = self._root
        for part in _parts(key):
            at = at.subkeys.get(part.lower()) if at else None
        return at


def _parts(key: str) -> list[str]:
    parts = key.split("\\")
    if not all(parts):
        raise ValueError(f"expected a key such as HKEY_LOCAL_MACHINE\\Software, got {key!r}")
    return parts


def _walk(key: _Key, path: str) -> Iterator[tuple[str, _Key]]:
    for subkey in key.subkeys.values():
        inner = f"{path}\\{subkey.name}" if path else subkey.name
        yield inner, subkey
        yield from _walk(subkey, inner)


def _line(name: str, data: Data) -> str:
    left = _quoted(name) if name else "@"
    return f"{left}=dword:{data:08x}" if isinstance(data, int) else f"{left}={_quoted(data)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
