"""Trees of files and directories, whatever they are made of.

Rules of this file:

* Nothing here touches a file system: a tree gives its names, its nodes and their bytes (``folder`` serves
  real directories, ``overlay`` keeps changes in memory, ``MemoryTree`` comes from a mapping).
* Every node is shown under a DOS name (8.3), unique in its directory and the same for the same set of names:
  its own name where that is one, or else an alias such as LONGNA~1.TXT. It can be opened by either.
* A tree need not take changes. Whoever changes one has looked first: a name to be made is a DOS name that
  ``find`` does not find, a name to be removed or renamed is one of ``names()``.
* What cannot be done raises PathError, which carries the completion code; then nothing has changed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from fakenw.volumes.dos_name import DosNames, matches
from fakenw.wire.packet import Code, Refused

READ_ONLY = 0x01
HIDDEN = 0x02
SYSTEM = 0x04
DIRECTORY = 0x10
ARCHIVE = 0x20

LARGEST = 0xFFFFFFFF  # a size has four bytes on the wire

# The codes of a tree that cannot be read, and of one that cannot be changed, where the name is there
UNREADABLE = (Code.NO_READ_RIGHTS, Code.OUT_OF_HANDLES, Code.OUT_OF_MEMORY)
UNCHANGEABLE = (*UNREADABLE, Code.READ_ONLY, Code.OUT_OF_SPACE, Code.DIRECTORY_FULL)


class PathError(Refused):
    """There is no such volume, directory or file, or it cannot be used so; ``code`` is what the client is told."""

    code: Code

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(code)
        self.args = (reason,)


class Node(ABC):
    """What files and directories have in common, as it was when the node was looked up."""

    size: int  # bytes, at most LARGEST; 0 for a directory
    modified: datetime  # naive, UTC
    attributes: int  # READ_ONLY | HIDDEN | SYSTEM | DIRECTORY | ARCHIVE | 0x08 execute only | 0x80 shareable


class File(Node):
    """A file of a tree. Whoever changes it says when (*now*: naive, UTC)."""

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """At most *length* bytes from *offset*, fewer only at the end of the file. Raises PathError."""

    def write(self, offset: int, data: bytes, now: datetime) -> None:
        """Put *data* at *offset*; a gap before it is zeros. Raises PathError."""
        raise _read_only()

    def truncate(self, size: int, now: datetime) -> None:
        """Make the file *size* bytes long, with zeros where there was nothing. Raises PathError."""
        raise _read_only()

    def change(self, attributes: int | None = None, modified: datetime | None = None) -> None:
        """Set what is given, as far as the tree can keep it. Raises PathError."""
        raise _read_only()


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

    def index(self) -> DosNames:
        """The names with their DOS names; the same object again where nothing can have changed. Raises PathError."""
        return DosNames(self.names())

    def find(self, name: str) -> DirectoryEntry:
        """The entry called *name*, by its own name or its DOS name, in either case. Raises PathError."""
        index = self.index()
        dos = index.find(name)
        if dos is None:
            raise PathError(Code.FAILURE, f"no such name: {name}")
        own = index.shown[dos]
        return DirectoryEntry(dos, own, self.child(own))

    def search(self, pattern: str, after: str = "") -> Iterator[DirectoryEntry]:
        """The entries whose DOS name matches *pattern* and comes after *after*, in the order of these names.

        So a search can go on after the entry it returned last, whatever has come or gone meanwhile. Nodes are
        looked up only as they are asked for. Raises PathError.
        """
        for dos, name in self.index().shown.items():
            if dos <= after or not matches(pattern, dos):
                continue
            try:
                entry = DirectoryEntry(dos, name, self.child(name))
            except PathError:
                continue  # it vanished while we were reading
            yield entry

    def create_file(self, name: str, attributes: int, now: datetime) -> File:
        """Make an empty file. Raises PathError."""
        raise _read_only()

    def create_directory(self, name: str, now: datetime) -> Directory:
        """Make an empty directory. Raises PathError."""
        raise _read_only()

    def remove(self, name: str) -> None:
        """Remove a file or an empty directory. Raises PathError: NOT_EMPTY."""
        raise _read_only()

    def rename(self, name: str, target: Directory, new: str) -> None:
        """Let a file or directory be *new* in *target*, a directory of the same tree not below it. Raises PathError."""
        raise _read_only()

    def room(self) -> tuple[int, int]:
        """Of a root: how many bytes the volume has, and how many of them are free. Raises PathError."""
        return 0, 0


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A node under its DOS name (at most 12 characters), and under its own, by which its tree knows it."""

    name: str
    own_name: str
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
    """A directory in memory that stays as it is: ``{"LOGIN": {"LOGIN.EXE": b"..."}}``, everything with one date."""

    def __init__(self, contents: Contents, modified: datetime) -> None:
        self.modified = modified
        self._children: dict[str, File | Directory] = {
            name: MemoryFile(content, modified) if isinstance(content, bytes) else MemoryTree(content, modified)
            for name, content in contents.items()
        }
        self._index: DosNames | None = None

    def names(self) -> Collection[str]:
        return self._children.keys()

    def index(self) -> DosNames:
        if self._index is None:
            self._index = DosNames(self._children)
        return self._index

    def child(self, name: str) -> File | Directory:
        if name not in self._children:
            raise PathError(Code.FAILURE, f"no such name: {name}")
        return self._children[name]


def _read_only() -> PathError:
    return PathError(Code.READ_ONLY, "nothing can be changed here")
