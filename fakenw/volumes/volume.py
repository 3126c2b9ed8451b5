"""The volumes of a server: paths, their entries, and the numbers of entries.

Rules of this file:

* A path to no entry raises PathError, which carries the completion code.
* An entry is identified by its volume and the DOS names that lead to it, whatever the client wrote.
* A volume that is not declared writable is changed in memory only (``fakenw.volumes.overlay``).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fakenw.volumes.directory_tree import Directory, DirectoryEntry, PathError
from fakenw.volumes.dos_name import DOS_CHARACTER, fold
from fakenw.volumes.long_name import LongName
from fakenw.volumes.overlay import Overlay
from fakenw.volumes.remarks import Remarks
from fakenw.volumes.sharing import Sharing
from fakenw.wire.packet import Code

__all__ = ["Found", "Numbers", "PathError", "Volume", "VolumePath", "Volumes"]

SPACE = 64 << 20  # bytes of changes that a volume holds in memory
MOST_ENTRIES = 1 << 20  # that have a number at the same time
SPARE = 1024  # numbers of removed entries that are not given again yet: a client may still refer to them

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class VolumePath:
    """A volume and the names that lead from its root, as the client wrote them: DOS names, and long ones so marked."""

    volume: str
    parts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, base: VolumePath | None = None) -> VolumePath:
        r"""Read ``VOL:DIR\SUB/FILE``, or a path from *base* where no volume is named. Raises PathError.

        Empty names and ``.`` are skipped; ``..`` goes up, but not above the root. The names of a ``LongName`` are long
        names too.
        """
        head, colon, tail = text.rpartition(":")
        if colon:
            base = cls(fold(head))
        elif base is None:
            raise PathError(Code.NO_SUCH_VOLUME, f"no volume in {tail!r}")
        parts = list(base.parts)
        for part in re.split(r"[/\\]", tail):
            if part == "..":
                if not parts:
                    raise PathError(Code.INVALID_PATH, f"above the root of {base.volume}: {tail!r}")
                parts.pop()
            elif part not in ("", "."):
                parts.append(LongName(part) if isinstance(text, LongName) else part)
        return cls(base.volume, tuple(parts))

    @property
    def place(self) -> tuple[str, ...]:
        return (self.volume, *self.parts)

    def __truediv__(self, name: str) -> VolumePath:
        return VolumePath(self.volume, (*self.parts, name))

    def __str__(self) -> str:
        return f"{self.volume}:{'/'.join(self.parts)}"


class Numbers(Generic[K]):
    """Numbers by which a client refers to things. There are at most *most*; then a new one replaces the oldest."""

    def __init__(self, most: int, first: int = 1) -> None:
        self._most, self._first = most, first
        self._numbers: dict[K, int] = {}
        self._keys: dict[int, K] = {}
        self._next = first
        self._freed: deque[int] = deque()  # the first one was freed first

    def number(self, key: K) -> int:
        """The number of *key*, which gets one if it has none."""
        number = self._numbers.get(key)
        if number is None:
            unused = self._next < self._first + self._most
            if len(self._freed) > (SPARE if unused else 0):
                number = self._freed.popleft()
            elif unused:
                number, self._next = self._next, self._next + 1
            else:
                number = self._numbers.pop(next(iter(self._numbers)))
            self._numbers[key] = number
            self._keys[number] = key
        return number

    def key(self, number: int) -> K | None:
        return self._keys.get(number)

    def replace(self, old: K, new: K) -> None:
        """Give the number of *old* to *new*."""
        number = self._numbers.pop(old, None)
        if number is None:
            return
        taken = self._numbers.get(new)
        self._numbers[new] = number
        self._keys[number] = new
        if taken is not None:  # a client may refer to *new* by its former number too
            self._keys[taken] = new

    def forget(self, key: K) -> None:
        """*key* is gone, and its number means nothing."""
        number = self._numbers.pop(key, None)
        if number is not None:
            del self._keys[number]
            self._freed.append(number)

    def keys(self) -> list[K]:
        return list(self._numbers)


@dataclass(frozen=True, slots=True)
class Volume:
    """A mounted volume. *numbers* are the directory entry numbers, by DOS names; the root is 0.

    *searches* are two-byte numbers of directories, for NCP 62 and 63.
    """

    name: str
    number: int
    root: Directory
    numbers: Numbers[tuple[str, ...]] = field(default_factory=lambda: Numbers(MOST_ENTRIES))
    searches: Numbers[tuple[str, ...]] = field(default_factory=lambda: Numbers(0xFFFF))
    remarks: Remarks = field(default_factory=Remarks)

    def number_of(self, parts: tuple[str, ...]) -> int:
        """The directory entry number of the DOS names *parts*."""
        return self.numbers.number(parts) if parts else 0

    def parts_of(self, number: int) -> tuple[str, ...]:
        """The DOS names of an entry. Raises PathError."""
        parts = self.numbers.key(number) if number else ()
        if parts is None:
            raise PathError(Code.BAD_DIRECTORY_HANDLE, f"no entry {number} in {self.name}")
        return parts

    def removed(self, parts: tuple[str, ...]) -> None:
        """Forget the numbers of a removed entry, and what was noted of it."""
        for numbers in (self.numbers, self.searches):
            numbers.forget(parts)
        self.remarks.forget(parts)

    def moved(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        """Update the numbers and remarks of a renamed entry and of everything below it."""
        depth = len(old)
        self.remarks.move(old, new)
        for numbers in (self.numbers, self.searches):
            for parts in numbers.keys():  # noqa: SIM118  # a copy, which does not change meanwhile
                if parts[:depth] == old:
                    numbers.replace(parts, new + parts[depth:])


@dataclass(slots=True)
class Found:
    """An entry, its path of DOS names, and its directory (a root's is the root itself)."""

    path: VolumePath
    entry: DirectoryEntry
    parent: Directory


class Volumes:
    """The volumes of a server, numbered from 0 in the order they were mounted, and the files open on them."""

    def __init__(
        self, roots: Iterable[tuple[str, Directory] | tuple[str, Directory, bool]], space: int = SPACE
    ) -> None:
        """Mount each root under its name, SYS first; a third value is True for a writable root.

        The others hold up to *space* bytes of changes each. Raises ValueError for an invalid or repeated name.
        """
        self._mounted: list[Volume] = []
        self._named: dict[str, Volume] = {}
        self.sharing = Sharing()
        self.places: Numbers[str] = Numbers(0xFFFF, 0)  # names after which searches continue; 0xFFFF starts one
        for number, (given, root, *more) in enumerate(roots):
            name, writable = fold(given), bool(more and more[0])
            if not re.fullmatch(f"{DOS_CHARACTER}{{1,15}}", name):
                raise ValueError(f"{given!r} is no name of a volume: expected 1 to 15 letters, digits and signs")
            if name in self._named:
                raise ValueError(f"there are two volumes called {name}")
            volume = Volume(name, number, root if writable else Overlay(root, space))
            self._mounted.append(volume)
            self._named[name] = volume

    def __iter__(self) -> Iterator[Volume]:
        return iter(self._mounted)

    def numbered(self, number: int) -> Volume:
        """Raises PathError."""
        if not 0 <= number < len(self._mounted):
            raise PathError(Code.NO_SUCH_VOLUME, f"no volume {number}")
        return self._mounted[number]

    def named(self, name: str) -> Volume:
        """The volume called *name*, in either case. Raises PathError."""
        volume = self._named.get(fold(name))
        if volume is None:
            raise PathError(Code.NO_SUCH_VOLUME, f"no volume {name}")
        return volume

    def look_up(self, path: VolumePath) -> Found:
        """The entry at *path*.

        Raises PathError: NO_SUCH_VOLUME; INVALID_PATH where a directory on the way is missing; FAILURE where
        only the last name is missing.
        """
        volume = self.named(path.volume)
        entry, parent, parts = DirectoryEntry(volume.name, "", volume.root, volume.name), volume.root, []
        for depth, part in enumerate(path.parts):
            if not isinstance(entry.node, Directory):
                raise PathError(Code.INVALID_PATH, f"{path}: {entry.name} is a file")
            parent = entry.node
            try:
                entry = parent.find(part)
            except PathError as problem:
                on_the_way = problem.code is Code.FAILURE and depth < len(path.parts) - 1
                code = Code.INVALID_PATH if on_the_way else problem.code
                raise PathError(code, f"{path}: {problem}") from None
            parts.append(entry.name)
        return Found(VolumePath(volume.name, tuple(parts)), entry, parent)

    def look_up_directory(self, path: VolumePath) -> tuple[VolumePath, Directory]:
        """The directory at *path*, and its path of DOS names. Raises PathError, INVALID_PATH if missing or a file."""
        try:
            found = self.look_up(path)
        except PathError as problem:
            code = Code.INVALID_PATH if problem.code is Code.FAILURE else problem.code
            raise PathError(code, str(problem)) from None
        if not isinstance(found.entry.node, Directory):
            raise PathError(Code.INVALID_PATH, f"{path} is a file")
        return found.path, found.entry.node

    def directory(self, path: VolumePath) -> Directory:
        """The directory at *path*, see ``look_up_directory``."""
        return self.look_up_directory(path)[1]
