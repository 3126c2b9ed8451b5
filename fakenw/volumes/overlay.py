"""A tree that can be changed, over one that is left as it is. The changes are in memory, and bounded.

Rules of this file:

* What lies below is only read. A file is copied when it is first written to; what is removed is hidden.
* Changes are kept by directory, under the names that lead to it (``_Layer``). The directories and files that
  are handed out are views, made anew for each look-up; a file that was changed is kept, with its bytes.
* Every byte that is kept counts, and ENTRY bytes for each entry. Beyond the space that was given nothing is
  kept: OUT_OF_SPACE for bytes, DIRECTORY_FULL for entries.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from fakenw.volumes.directory_tree import (
    ARCHIVE,
    DIRECTORY,
    LARGEST,
    Directory,
    File,
    MemoryFile,
    MemoryTree,
    PathError,
)
from fakenw.volumes.dos_name import DosNames
from fakenw.wire.packet import Code

ENTRY = 512  # what an entry costs, so that a volume of empty files is bounded as well
PIECE = 1 << 20  # so much is read from below at a time

Parts = tuple[str, ...]


@dataclass(slots=True)
class _Layer:
    """What is different in one directory.

    *own* is what was made, changed or moved here; a Directory in it is what lies below the one that is shown.
    *hidden* are names of the directory below that are gone.
    """

    own: dict[str, OverlayFile | Directory] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    index: tuple[DosNames, DosNames] | None = None  # of the directory below, and ours


class _Changes:
    """All layers of a tree, by the names that lead there, and what they cost."""

    def __init__(self, space: int) -> None:
        self.space = space
        self.used = 0
        self.layers: dict[Parts, _Layer] = {}

    def layer(self, parts: Parts) -> _Layer:
        """The layer of a directory that is about to change."""
        layer = self.layers.setdefault(parts, _Layer())
        layer.index = None
        return layer

    def take(self, amount: int, code: Code = Code.OUT_OF_SPACE) -> None:
        if self.used + amount > self.space:
            raise PathError(code, f"{amount} bytes more than {self.used} of {self.space}")
        self.used += amount

    def move(self, old: Parts, new: Parts) -> None:
        """A directory has moved, and with it what is different in it."""
        depth = len(old)
        for parts in [parts for parts in self.layers if parts[:depth] == old]:
            self.layers[new + parts[depth:]] = self.layers.pop(parts)


class OverlayFile(File):
    """A file: that of the tree below until it is changed, from then on its own bytes."""

    def __init__(self, changes: _Changes, place: tuple[Parts, str], below: File) -> None:
        self._changes = changes
        self._place: tuple[Parts, str] | None = place  # where to be kept once changed; None: it is
        self._below = below
        self._content: bytearray | None = None
        self.size, self.modified, self.attributes = below.size, below.modified, below.attributes

    @classmethod
    def new(cls, changes: _Changes, attributes: int, now: datetime) -> OverlayFile:
        """An empty file that somebody keeps."""
        file = cls(changes, ((), ""), MemoryFile(b"", now))
        file._place, file._content = None, bytearray()
        file.attributes = attributes
        return file

    def read(self, offset: int, length: int) -> bytes:
        if self._content is None:
            return self._below.read(offset, length)
        return bytes(memoryview(self._content)[offset : offset + length])

    def write(self, offset: int, data: bytes, now: datetime) -> None:
        end = offset + len(data)
        content = self._own(max(self.size, end))
        self._resize(max(len(content), end))
        content[offset:end] = data
        self._written(now)

    def truncate(self, size: int, now: datetime) -> None:
        self._own(size)
        self._resize(size)
        self._written(now)

    def change(self, attributes: int | None = None, modified: datetime | None = None) -> None:
        self.keep()
        if attributes is not None:
            self.attributes = attributes & ~DIRECTORY
        if modified is not None:
            self.modified = modified

    def keep(self) -> None:
        """Be what is found from now on."""
        if self._place is not None:
            self._changes.take(ENTRY, Code.DIRECTORY_FULL)
            parts, name = self._place
            self._changes.layer(parts).own[name] = self
            self._place = None

    def discard(self) -> None:
        """Give back what the file costs; it is kept no longer."""
        self._changes.used -= ENTRY + len(self._content or b"")

    def _own(self, size: int) -> bytearray:
        """The bytes, copied as far as *size*, which is what they are to become; kept."""
        if size > LARGEST or size > self._changes.space:
            raise PathError(Code.OUT_OF_SPACE, f"a file of {size} bytes")
        self.keep()
        if self._content is None:
            copy = bytearray()
            while len(copy) < size and (piece := self._below.read(len(copy), min(PIECE, size - len(copy)))):
                copy += piece
            self._changes.take(len(copy))
            self._content = copy
        return self._content

    def _resize(self, size: int) -> None:
        assert self._content is not None
        more = size - len(self._content)
        if more > 0:
            self._changes.take(more)
            self._content.extend(bytes(more))
        else:
            del self._content[size:]
            self._changes.used += more

    def _written(self, now: datetime) -> None:
        assert self._content is not None
        self.size = len(self._content)
        self.modified = now
        self.attributes |= ARCHIVE


class OverlayDirectory(Directory):
    """A directory as it is shown: what lies below, and what is different."""

    def __init__(self, changes: _Changes, parts: Parts, below: Directory) -> None:
        self._changes, self._parts, self._below = changes, parts, below
        self.modified = below.modified

    def names(self) -> Collection[str]:
        layer = self._changes.layers.get(self._parts)
        if layer is None:
            return self._below.names()
        return (set(self._below.names()) - layer.hidden) | layer.own.keys()

    def index(self) -> DosNames:
        layer = self._changes.layers.get(self._parts)
        below = self._below.index()
        if layer is None:
            return below
        if layer.index is None or layer.index[0] is not below:
            names = (set(below.shown.values()) - layer.hidden) | layer.own.keys()
            layer.index = below, DosNames(names)
        return layer.index[1]

    def child(self, name: str) -> File | Directory:
        layer = self._changes.layers.get(self._parts)
        node: File | Directory | None = None
        if layer is not None:
            node = layer.own.get(name)
            if isinstance(node, OverlayFile):
                return node
            if node is None and name in layer.hidden:
                raise PathError(Code.FAILURE, f"no such name: {name}")
        if node is None:
            node = self._below.child(name)
        if isinstance(node, Directory):
            return OverlayDirectory(self._changes, (*self._parts, name), node)
        return OverlayFile(self._changes, (self._parts, name), node)

    def create_file(self, name: str, attributes: int, now: datetime) -> File:
        self._changes.take(ENTRY, Code.DIRECTORY_FULL)
        file = OverlayFile.new(self._changes, attributes & ~DIRECTORY, now)
        self._changes.layer(self._parts).own[name] = file
        return file

    def create_directory(self, name: str, now: datetime) -> Directory:
        self._changes.take(ENTRY, Code.DIRECTORY_FULL)
        empty = self._changes.layer(self._parts).own[name] = MemoryTree({}, now)
        return OverlayDirectory(self._changes, (*self._parts, name), empty)

    def remove(self, name: str) -> None:
        node = self.child(name)
        if isinstance(node, Directory) and node.names():
            raise PathError(Code.NOT_EMPTY, name)
        if isinstance(node, OverlayDirectory):
            self._changes.layers.pop(node._parts, None)
        own = self._leave(name)
        if isinstance(own, OverlayFile):
            own.discard()
        elif own is not None:
            self._changes.used -= ENTRY

    def rename(self, name: str, target: Directory, new: str) -> None:
        node = self.child(name)
        if not isinstance(target, OverlayDirectory) or target._changes is not self._changes:
            raise PathError(Code.OTHER_VOLUME, "not of the same tree")
        if isinstance(node, OverlayFile):
            node.keep()
        elif name not in self._changes.layer(self._parts).own:
            self._changes.take(ENTRY, Code.DIRECTORY_FULL)
        self._leave(name)
        layer = self._changes.layer(target._parts)
        if isinstance(node, OverlayDirectory):
            layer.own[new] = node._below
            self._changes.move(node._parts, (*target._parts, new))
        elif isinstance(node, OverlayFile):
            layer.own[new] = node

    def _leave(self, name: str) -> OverlayFile | Directory | None:
        """Let nothing be shown under *name*; what was our own there."""
        layer = self._changes.layer(self._parts)
        own = layer.own.pop(name, None)
        if own is None or self._is_below(name):
            layer.hidden.add(name)
        return own

    def _is_below(self, name: str) -> bool:
        try:
            self._below.child(name)
        except PathError:
            return False
        return True


class Overlay(OverlayDirectory):
    """The root of a tree over *below*, which keeps changes up to *space* bytes."""

    def __init__(self, below: Directory, space: int) -> None:
        super().__init__(_Changes(space), (), below)

    def room(self) -> tuple[int, int]:
        return self._changes.space, self._changes.space - self._changes.used
