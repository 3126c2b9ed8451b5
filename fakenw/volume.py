"""What a client can open: volumes, their directories and files, paths, DOS names and wild cards.

Rules of this file:

* Nothing here touches a file system: a tree gives its names, its nodes and their bytes (``folder`` serves
  real directories, ``MemoryTree`` comes from a mapping). Everything is read-only.
* Every node is shown under a DOS name (8.3), unique in its directory and the same for the same set of names:
  its own name where that is one, or else an alias such as LONGNA~1.TXT. It can be opened by either.
* A path that leads nowhere raises PathError, which carries the completion code.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from fakenw.dosname import DOS_CHARACTER, dos_names, fold, matches
from fakenw.wire.packet import Code

READ_ONLY = 0x01
DIRECTORY = 0x10
ARCHIVE = 0x20


class PathError(Exception):
    """There is no such volume, directory or file, or it cannot be read; ``code`` is what the client is told."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Node(ABC):
    """What files and directories have in common, as it was when the node was looked up."""

    size: int  # bytes, at most 0xFFFFFFFF; 0 for a directory
    modified: datetime  # naive, UTC
    attributes: int  # READ_ONLY | DIRECTORY | ARCHIVE


class File(Node):
    """A file of a tree."""

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """At most *length* bytes from *offset*, fewer only at the end of the file. Raises PathError."""


class Directory(Node):
    """A directory of a tree. A tree gives ``names`` and ``child``; the rest follows from them."""

    size = 0
    attributes = DIRECTORY

    @abstractmethod
    def names(self) -> Collection[str]:
        """The names in it, in any order: whatever the tree tells its nodes apart by. Raises PathError."""

    @abstractmethod
    def child(self, name: str) -> File | Directory:
        """The node of one of ``names()``, letter by letter. Raises PathError."""

    def find(self, name: str) -> Entry:
        """The entry called *name*, by its own name or its DOS name, in either case. Raises PathError."""
        shown = dos_names(self.names())
        folded = fold(name)
        own = {real: dos for dos, real in shown.items()}
        dos = own.get(name) or (folded if folded in shown else None)
        dos = dos or next((dos for real, dos in own.items() if fold(real) == folded), None)
        if dos is None:
            raise PathError(Code.FAILURE, f"no such name: {name}")
        return Entry(dos, self.child(shown[dos]))

    def search(self, pattern: str, after: int = -1) -> Iterator[tuple[int, Entry]]:
        """The entries whose DOS name matches *pattern*, each with its place in the directory.

        *after* is the place of the entry returned last (the sequence of NCP 64). Nodes are looked up only
        as they are asked for. Raises PathError.
        """
        for place, (dos, name) in enumerate(dos_names(self.names()).items()):
            if place <= after or not matches(pattern, dos):
                continue
            try:
                entry = Entry(dos, self.child(name))
            except PathError:
                continue  # it vanished while we were reading
            yield place, entry

    def entries(self) -> list[Entry]:
        """Everything in the directory, in the order of the DOS names. Raises PathError."""
        return [entry for _, entry in self.search("*.*")]


@dataclass(frozen=True, slots=True)
class Entry:
    """A node under its DOS name (at most 12 characters)."""

    name: str
    node: File | Directory

    @property
    def is_directory(self) -> bool:
        return isinstance(self.node, Directory)

    @property
    def size(self) -> int:
        return self.node.size

    @property
    def modified(self) -> datetime:
        return self.node.modified

    @property
    def attributes(self) -> int:
        return self.node.attributes

    def read(self, offset: int, length: int) -> bytes:
        """Read from a file, see ``File.read``. Raises PathError, also for a directory."""
        if not isinstance(self.node, File):
            raise PathError(Code.NO_READ_RIGHTS, f"{self.name} is a directory")
        return self.node.read(offset, length)


@dataclass(frozen=True, slots=True)
class Path:
    """A volume and the names that lead from its root, as the client wrote them."""

    volume: str
    parts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, base: Path | None = None) -> Path:
        r"""Read ``VOL:DIR\SUB/FILE``, or a path from *base* where no volume is named. Raises PathError.

        Empty names and ``.`` are skipped; ``..`` goes up, but not above the root.
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
                parts.append(part)
        return cls(base.volume, tuple(parts))

    def __str__(self) -> str:
        return f"{self.volume}:{'/'.join(self.parts)}"


@dataclass(frozen=True, slots=True)
class Volume:
    """A mounted volume."""

    name: str
    number: int
    root: Directory


class Volumes:
    """The volumes of a server, numbered from 0 in the order they were mounted."""

    def __init__(self, roots: Iterable[tuple[str, Directory]]) -> None:
        """Mount each root under its name, SYS first. Raises ValueError for a bad name or one that is taken."""
        self._mounted: list[Volume] = []
        self._named: dict[str, Volume] = {}
        for number, (given, root) in enumerate(roots):
            name = fold(given)
            if not re.fullmatch(f"{DOS_CHARACTER}{{1,15}}", name):
                raise ValueError(f"a volume cannot be called {given!r}: 1 to 15 letters, digits and signs, please")
            if name in self._named:
                raise ValueError(f"there are two volumes called {name}")
            self._mounted.append(Volume(name, number, root))
            self._named[name] = self._mounted[-1]

    def __iter__(self) -> Iterator[Volume]:
        return iter(self._mounted)

    def __len__(self) -> int:
        return len(self._mounted)

    def numbered(self, number: int) -> Volume:
        """The volume with this number. Raises PathError."""
        if not 0 <= number < len(self._mounted):
            raise PathError(Code.NO_SUCH_VOLUME, f"no volume {number}")
        return self._mounted[number]

    def named(self, name: str) -> Volume:
        """The volume with this name, in either case. Raises PathError."""
        volume = self._named.get(fold(name))
        if volume is None:
            raise PathError(Code.NO_SUCH_VOLUME, f"no volume {name}")
        return volume

    def find(self, path: Path) -> Entry:
        """The file or directory at *path*.

        Raises PathError: NO_SUCH_VOLUME; INVALID_PATH where a directory on the way is missing; FAILURE where
        only the last name is.
        """
        volume = self.named(path.volume)
        entry = Entry(volume.name, volume.root)
        for depth, part in enumerate(path.parts):
            if not isinstance(entry.node, Directory):
                raise PathError(Code.INVALID_PATH, f"{path}: {entry.name} is a file")
            try:
                entry = entry.node.find(part)
            except PathError as problem:
                on_the_way = problem.code is Code.FAILURE and depth < len(path.parts) - 1
                code = Code.INVALID_PATH if on_the_way else problem.code
                raise PathError(code, f"{path}: {problem}") from None
        return entry

    def directory(self, path: Path) -> Directory:
        """The directory at *path*. Raises PathError, INVALID_PATH where it is missing or a file."""
        try:
            node = self.find(path).node
        except PathError as problem:
            code = Code.INVALID_PATH if problem.code is Code.FAILURE else problem.code
            raise PathError(code, str(problem)) from None
        if not isinstance(node, Directory):
            raise PathError(Code.INVALID_PATH, f"{path} is a file")
        return node


Contents = Mapping[str, "bytes | Contents"]


class MemoryFile(File):
    """A file whose bytes are in memory."""

    attributes = ARCHIVE

    def __init__(self, content: bytes, modified: datetime) -> None:
        self._content = content
        self.size = len(content)
        self.modified = modified

    def read(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]


class MemoryTree(Directory):
    """A directory in memory: ``{"LOGIN": {"LOGIN.EXE": b"..."}}``, everything with one date."""

    def __init__(self, contents: Contents, modified: datetime) -> None:
        self.modified = modified
        self._children: dict[str, File | Directory] = {
            name: MemoryFile(content, modified) if isinstance(content, bytes) else MemoryTree(content, modified)
            for name, content in contents.items()
        }

    def names(self) -> Collection[str]:
        return self._children.keys()

    def child(self, name: str) -> File | Directory:
        if name not in self._children:
            raise PathError(Code.FAILURE, f"no such name: {name}")
        return self._children[name]
