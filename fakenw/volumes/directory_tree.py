"""Trees of files and directories, independent of their storage.

Rules of this file:

* Nothing here touches a file system (``host_directory`` serves real directories, ``overlay`` holds changes in
  memory, ``MemoryTree`` comes from a mapping).
* Every node has its own name in the tree, and is shown under a DOS name (8.3) and under a long name; each of these is
  unique in its directory, and stays as it is while others come and go (``directory_names``).
* A tree may be read-only. A caller checks before a change: a new name, with its DOS name, is from ``index().new``, a
  name to be removed or renamed is one of ``names()``.
* A change that fails raises PathError, which carries the completion code, and leaves the tree as it was.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from fakenw.volumes.directory_names import DirectoryNames
from fakenw.volumes.dos_name import matches
from fakenw.volumes.long_name import LongName, matches_long
from fakenw.wire.packet import Code, Refused

READ_ONLY = 0x01
HIDDEN = 0x02
SYSTEM = 0x04
DIRECTORY = 0x10
ARCHIVE = 0x20
RENAME_INHIBIT = 0x20000
DELETE_INHIBIT = 0x40000

LARGEST = 0xFFFFFFFF  # a size has four bytes on the wire

# The codes of an existing node that cannot be read, and of one that cannot be changed
UNREADABLE = (Code.NO_READ_RIGHTS, Code.OUT_OF_HANDLES, Code.OUT_OF_MEMORY)
UNCHANGEABLE = (*UNREADABLE, Code.READ_ONLY, Code.OUT_OF_SPACE, Code.DIRECTORY_FULL)


class PathError(Refused):
    """A volume, directory or file is missing, or does not allow the operation; ``code`` is the completion code."""

    code: Code

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(code)
        self.args = (reason,)


class Node:
    """The attributes of files and directories, at the time of the look-up.

    No ABC, since every step of a look-up asks for the class, which an ABC answers many times as slowly; mypy knows what
    is abstract all the same.
    """

    size: int  # bytes, at most LARGEST; 0 for a directory
    modified: datetime  # naive, UTC
    attributes: int  # READ_ONLY | HIDDEN | SYSTEM | DIRECTORY | ARCHIVE | 0x08 execute only | 0x80 shareable ...

    def change(self, attributes: int | None = None, modified: datetime | None = None) -> None:
        """Set the given values, as far as the tree can store them. Raises PathError."""
        raise _read_only()


class File(Node):
    """A file of a tree. *now* is the time of a change: naive, UTC."""

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """At most *length* bytes from *offset*, fewer only at the end of the file. Raises PathError."""

    def write(self, offset: int, data: bytes, now: datetime) -> None:
        """Write *data* at *offset*; a gap before it is filled with zeros. Raises PathError."""
        raise _read_only()

    def truncate(self, size: int, now: datetime) -> None:
        """Set the size of the file; added bytes are zeros. Raises PathError."""
        raise _read_only()


class Directory(Node):
    """A directory of a tree. A subclass implements ``names`` and ``child``; the rest follows from them."""

    size = 0
    attributes = DIRECTORY

    @abstractmethod
    def names(self) -> Collection[str]:
        """The tree's own names of the nodes, in any order. Raises PathError."""

    @abstractmethod
    def child(self, name: str) -> File | Directory:
        """The node of one of ``names()``, in exactly this spelling. Raises PathError."""

    def index(self) -> DirectoryNames:
        """The names of all entries; the same object while nothing has changed. Raises PathError."""
        return DirectoryNames(self.names())

    def find(self, name: str) -> DirectoryEntry:
        """The entry with the DOS name *name*, or with the long name if it is a ``LongName``. Raises PathError."""
        index = self.index()
        own = index.find(name)
        if own is None:
            raise PathError(Code.FAILURE, f"no such name: {name}")
        return DirectoryEntry(index.dos(own), own, self.child(own), index.long(own))

    def search(self, pattern: str, after: str = "") -> Iterator[DirectoryEntry]:
        """The entries that *pattern* means and whose DOS name comes after *after*, in the order of these names.

        A ``LongName`` means long names. A search can continue after its last entry although the directory has changed.
        Nodes are looked up one at a time. Raises PathError.
        """
        index = self.index()
        for dos, own in index.after(after):
            long = index.long(own)
            if not (matches_long(pattern, long) if isinstance(pattern, LongName) else matches(pattern, dos)):
                continue
            try:
                entry = DirectoryEntry(dos, own, self.child(own), long)
            except PathError:
                continue  # removed since the names were read
            yield entry

    def create_file(self, name: str, attributes: int, now: datetime, dos: str = "") -> File:
        """Make an empty file; *dos* is its DOS name, "" where the first free one will do. Raises PathError."""
        raise _read_only()

    def create_directory(self, name: str, now: datetime, dos: str = "") -> Directory:
        """Make an empty directory. Raises PathError."""
        raise _read_only()

    def remove(self, name: str) -> None:
        """Remove a file or an empty directory. Raises PathError: NOT_EMPTY."""
        raise _read_only()

    def rename(self, name: str, target: Directory, new: str, dos: str = "") -> None:
        """Move a node to *new* in *target*, a directory of the same tree, not below it. Raises PathError.

        *new* may be *name*, in the same directory: then the DOS name alone changes.
        """
        raise _read_only()

    def room(self) -> tuple[int, int]:
        """Of a root: the size of the volume and its free space, in bytes. Raises PathError."""
        return 0, 0


@dataclass(slots=True)
class DirectoryEntry:
    """A node with its DOS name (at most 12 characters), its own name in the tree and its long name."""

    name: str
    own_name: str
    node: File | Directory
    long_name: str

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
    attributes = ARCHIVE

    def __init__(self, content: bytes, modified: datetime) -> None:
        self._content = content
        self.size = len(content)
        self.modified = modified

    def read(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]


class MemoryTree(Directory):
    """A read-only directory in memory: ``{"LOGIN": {"LOGIN.EXE": b"..."}}``, all nodes with the same date."""

    def __init__(self, contents: Contents, modified: datetime) -> None:
        self.modified = modified
        self._children: dict[str, File | Directory] = {
            name: MemoryFile(content, modified) if isinstance(content, bytes) else MemoryTree(content, modified)
            for name, content in contents.items()
        }
        self._index: DirectoryNames | None = None

    def names(self) -> Collection[str]:
        return self._children.keys()

    def index(self) -> DirectoryNames:
        if self._index is None:
            self._index = DirectoryNames(self._children)
        return self._index

    def child(self, name: str) -> File | Directory:
        if name not in self._children:
            raise PathError(Code.FAILURE, f"no such name: {name}")
        return self._children[name]


def _read_only() -> PathError:
    return PathError(Code.READ_ONLY, "nothing can be changed here")
