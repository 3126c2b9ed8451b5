"""A writable tree over a read-only one. The changes are in memory, and bounded.

Rules of this file:

* The tree below is only read. A file is copied at its first write; a removed entry is hidden.
* Changes are stored for each directory, under the names that lead to it (``_Layer``). Directories and unchanged files
  are views, made anew at each look-up; a changed file is stored with its bytes.
* Every stored byte uses space, and each entry ENTRY bytes. Beyond the space of the tree a change is refused:
  OUT_OF_SPACE for bytes, DIRECTORY_FULL for entries.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from fakenw.volumes.directory_names import DirectoryNames
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
from fakenw.wire.packet import Code

ENTRY = 512  # bytes that an entry uses, so that a volume of empty files is bounded as well
PIECE = 1 << 20  # bytes read from the tree below at a time

Parts = tuple[str, ...]


@dataclass(slots=True)
class _Layer:
    """The changes in one directory.

    *own* are entries that were made, changed or moved here; a Directory in it is the tree below the one that is shown.
    *hidden* are removed names of the directory below. *attributes* and *modified* are the directory's own. *names* are
    those of the two together, as they were with the names *below* of the directory below.
    """

    own: dict[str, OverlayFile | Directory] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    attributes: int | None = None
    modified: datetime | None = None
    below: DirectoryNames | None = None
    names: DirectoryNames = field(default_factory=DirectoryNames)

    def add(self, name: str, dos: str, node: OverlayFile | Directory) -> None:
        """Enter a new name."""
        self.own[name] = node
        self.names.add(name, dos)

    def discard(self, name: str, *, below: bool) -> OverlayFile | Directory | None:
        """Show nothing under *name* any more; *below*: the directory below has it. Returns the layer's own entry."""
        own = self.own.pop(name, None)
        if own is None or below:
            self.hidden.add(name)
        self.names.discard(name)
        return own


class _Changes:
    """All layers of a tree, by the names that lead there, and the space that they use."""

    def __init__(self, space: int) -> None:
        self.space = space
        self.used = 0
        self.layers: dict[Parts, _Layer] = {}

    def layer(self, parts: Parts) -> _Layer:
        """The layer of a directory that is about to change."""
        layer = self.layers.get(parts)
        if layer is None:
            layer = self.layers[parts] = _Layer()
        return layer

    def reserve(self, amount: int, code: Code = Code.OUT_OF_SPACE) -> None:
        if self.used + amount > self.space:
            raise PathError(code, f"{amount} bytes more than {self.used} of {self.space}")
        self.used += amount

    def move(self, old: Parts, new: Parts) -> None:
        """Move the layers of a directory that has moved, and of those below it."""
        depth = len(old)
        for parts in [parts for parts in self.layers if parts[:depth] == old]:
            self.layers[new + parts[depth:]] = self.layers.pop(parts)


class OverlayFile(File):
    """A file: the one of the tree below until its first change, from then on its own bytes."""

    def __init__(self, changes: _Changes, place: tuple[Parts, str], below: File) -> None:
        self._changes = changes
        self._place: tuple[Parts, str] | None = place  # where a changed file is stored; None: it is stored
        self._below = below
        self._content: bytearray | None = None
        self.size, self.modified, self.attributes = below.size, below.modified, below.attributes

    @classmethod
    def new(cls, changes: _Changes, attributes: int, now: datetime) -> OverlayFile:
        """An empty file, which the caller stores."""
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
        self.store()
        if attributes is not None:
            self.attributes = attributes & ~DIRECTORY
        if modified is not None:
            self.modified = modified

    def store(self) -> None:
        """Enter the file into its layer: later look-ups find it."""
        if self._place is not None:
            self._changes.reserve(ENTRY, Code.DIRECTORY_FULL)
            parts, name = self._place
            self._changes.layer(parts).own[name] = self
            self._place = None

    def discard(self) -> None:
        """Release the space of the file, which is stored no longer."""
        self._changes.used -= ENTRY + len(self._content or b"")

    def _own(self, size: int) -> bytearray:
        """The file's own bytes, stored; at first a copy of no more than *size* bytes, the size after the change."""
        if size > LARGEST or size > self._changes.space:
            raise PathError(Code.OUT_OF_SPACE, f"a file of {size} bytes")
        self.store()
        if self._content is None:
            copy = bytearray()
            while len(copy) < size and (piece := self._below.read(len(copy), min(PIECE, size - len(copy)))):
                copy += piece
            self._changes.reserve(len(copy))
            self._content = copy
        return self._content

    def _resize(self, size: int) -> None:
        assert self._content is not None
        more = size - len(self._content)
        if more > 0:
            self._changes.reserve(more)
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
    """A directory as shown: the one below, with the changes of its layer."""

    def __init__(self, changes: _Changes, parts: Parts, below: Directory) -> None:
        self._changes, self._parts, self._below = changes, parts, below
        layer = changes.layers.get(parts)
        self.modified = below.modified
        if layer is not None:
            self.modified = layer.modified or below.modified
            self.attributes = layer.attributes or below.attributes

    def names(self) -> Collection[str]:
        layer = self._changes.layers.get(self._parts)
        if layer is None:
            return self._below.names()
        return (set(self._below.names()) - layer.hidden) | layer.own.keys()

    def index(self) -> DirectoryNames:
        layer = self._changes.layers.get(self._parts)
        return self._below.index() if layer is None else self._brought_up_to_date(layer).names

    def _brought_up_to_date(self, layer: _Layer) -> _Layer:
        """The layer with the names that the directory below has now; those that it shows keep their names."""
        below = self._below.index()
        if layer.below is None:
            layer.names = below.copy()
        if layer.below is not below:
            layer.names = layer.names.updated((set(below) - layer.hidden) | layer.own.keys())
            layer.below = below
        return layer

    def _layer(self) -> _Layer:
        """The layer, whose names are about to change."""
        return self._brought_up_to_date(self._changes.layer(self._parts))

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

    def change(self, attributes: int | None = None, modified: datetime | None = None) -> None:
        layer = self._changes.layer(self._parts)
        if attributes is not None:
            layer.attributes = self.attributes = attributes | DIRECTORY
        if modified is not None:
            layer.modified = self.modified = modified

    def create_file(self, name: str, attributes: int, now: datetime, dos: str = "") -> File:
        layer = self._layer()
        self._changes.reserve(ENTRY, Code.DIRECTORY_FULL)
        file = OverlayFile.new(self._changes, attributes & ~DIRECTORY, now)
        layer.add(name, dos, file)
        return file

    def create_directory(self, name: str, now: datetime, dos: str = "") -> Directory:
        layer = self._layer()
        self._changes.reserve(ENTRY, Code.DIRECTORY_FULL)
        empty = MemoryTree({}, now)
        layer.add(name, dos, empty)
        return OverlayDirectory(self._changes, (*self._parts, name), empty)

    def remove(self, name: str) -> None:
        node = self.child(name)
        if isinstance(node, Directory) and node.names():
            raise PathError(Code.NOT_EMPTY, name)
        if isinstance(node, OverlayDirectory):
            self._changes.layers.pop(node._parts, None)
        own = self._hide(name)
        if isinstance(own, OverlayFile):
            own.discard()
        elif own is not None:
            self._changes.used -= ENTRY

    def rename(self, name: str, target: Directory, new: str, dos: str = "") -> None:
        node = self.child(name)
        if not isinstance(target, OverlayDirectory) or target._changes is not self._changes:
            raise PathError(Code.OTHER_VOLUME, "not of the same tree")
        layer = target._layer()
        if isinstance(node, OverlayFile):
            node.store()
        elif name not in self._layer().own:
            self._changes.reserve(ENTRY, Code.DIRECTORY_FULL)
        self._hide(name)
        if isinstance(node, OverlayDirectory):
            layer.add(new, dos, node._below)
            self._changes.move(node._parts, (*target._parts, new))
        elif isinstance(node, OverlayFile):
            layer.add(new, dos, node)

    def _hide(self, name: str) -> OverlayFile | Directory | None:
        """Show nothing under *name* any more. Returns the layer's own entry."""
        return self._layer().discard(name, below=self._is_below(name))

    def _is_below(self, name: str) -> bool:
        try:
            self._below.child(name)
        except PathError:
            return False
        return True


class Overlay(OverlayDirectory):
    """The root of a tree over *below*, with *space* bytes for changes."""

    def __init__(self, below: Directory, space: int) -> None:
        super().__init__(_Changes(space), (), below)

    def room(self) -> tuple[int, int]:
        return self._changes.space, self._changes.space - self._changes.used
