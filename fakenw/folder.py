"""A directory of this computer as a tree of a volume, read-only. An edge: it touches the file system.

Rules of this file:

* Nothing outside the root can be reached. A symbolic link counts as what it leads to if that is inside, and
  is invisible if not. A place is kept as the real names that lead to it, and opened name by name from the
  root, each with O_NOFOLLOW: whoever swaps a name for a link meanwhile gains an error, not a way out.
* Regular files and directories are served; pipes, sockets and devices are invisible.
* No descriptor outlives a call. A file that is replaced between two reads is read on in its new self.
* What the operating system refuses becomes PathError; no OSError leaves this file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from fakenw.volume import ARCHIVE, READ_ONLY, Directory, File, PathError
from fakenw.wire.packet import Code

_OPEN_DIRECTORY = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe put there meanwhile must not block us

_LARGEST = 0xFFFFFFFF  # a size has four bytes on the wire
# DOS dates reach from 1980 to 2107.
_FIRST = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class _Place:
    """A name below a root: ``parts`` lead to it, and all of them but perhaps the last are real directories."""

    root: str
    parts: tuple[str, ...] = ()

    @contextmanager
    def opened(self, flags: int) -> Iterator[int]:
        """A descriptor of the place. Raises PathError for every OSError, also for those of the body."""
        with _refusals():
            descriptor = os.open(self.root, _OPEN_DIRECTORY)
            try:
                for depth, part in enumerate(self.parts, 1):
                    step = flags if depth == len(self.parts) else _OPEN_DIRECTORY
                    inner = os.open(part, step, dir_fd=descriptor)
                    os.close(descriptor)
                    descriptor = inner
                yield descriptor
            finally:
                os.close(descriptor)

    def status(self) -> os.stat_result:
        """What is there, a symbolic link as itself. Raises PathError."""
        if not self.parts:
            with self.opened(_OPEN_DIRECTORY) as descriptor:
                return os.fstat(descriptor)
        with _Place(self.root, self.parts[:-1]).opened(_OPEN_DIRECTORY) as descriptor:
            return os.stat(self.parts[-1], dir_fd=descriptor, follow_symlinks=False)

    def followed(self) -> _Place:
        """The real place a symbolic link leads to. Raises PathError where that is outside the root."""
        with _refusals():
            target = os.path.realpath(os.path.join(self.root, *self.parts), strict=True)
        if os.path.commonpath([self.root, target]) != self.root:
            raise PathError(Code.FAILURE, "a link that leads out of the volume")
        inside = os.path.relpath(target, self.root)
        return _Place(self.root, () if inside == os.curdir else tuple(inside.split(os.sep)))


class HostFile(File):
    """A regular file of this computer."""

    def __init__(self, place: _Place, status: os.stat_result) -> None:
        self._place = place
        self.size = min(status.st_size, _LARGEST)
        self.modified = _modified(status)
        # A file that could be written is not marked: programs copy the mark and then cannot replace the copy.
        self.attributes = ARCHIVE if status.st_mode & 0o222 else ARCHIVE | READ_ONLY

    def read(self, offset: int, length: int) -> bytes:
        with self._place.opened(_OPEN_FILE) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PathError(Code.FAILURE, "no longer a file")
            return os.pread(descriptor, length, offset)


class HostDirectory(Directory):
    """A directory of this computer."""

    def __init__(self, place: _Place, status: os.stat_result) -> None:
        self._place = place
        self.modified = _modified(status)

    def names(self) -> Collection[str]:
        with self._place.opened(_OPEN_DIRECTORY) as descriptor, os.scandir(descriptor) as listing:
            return [found.name for found in listing if self._serves(found)]

    def child(self, name: str) -> File | Directory:
        if name in ("", os.curdir, os.pardir) or os.sep in name:
            raise PathError(Code.FAILURE, f"not a name: {name!r}")
        place = _Place(self._place.root, (*self._place.parts, name))
        status = place.status()
        if stat.S_ISLNK(status.st_mode):
            place = place.followed()
            status = place.status()
        if stat.S_ISREG(status.st_mode):
            return HostFile(place, status)
        if stat.S_ISDIR(status.st_mode):
            return HostDirectory(place, status)
        raise PathError(Code.FAILURE, f"neither a file nor a directory: {name!r}")

    def _serves(self, found: os.DirEntry[str]) -> bool:
        if not found.is_symlink():
            return found.is_file(follow_symlinks=False) or found.is_dir(follow_symlinks=False)
        try:
            self.child(found.name)
        except PathError:
            return False
        return True


class Folder(HostDirectory):
    """A directory of this computer as the root of a volume."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Serve the directory at *path*, which may be a link and is followed now. Raises PathError."""
        with _refusals():
            place = _Place(os.path.realpath(path, strict=True))
        super().__init__(place, place.status())


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the operating system refuses into PathError."""
    try:
        yield
    except PermissionError as problem:
        raise PathError(Code.NO_READ_RIGHTS, str(problem)) from None
    except OSError as problem:
        full = problem.errno in (errno.EMFILE, errno.ENFILE)
        raise PathError(Code.OUT_OF_HANDLES if full else Code.FAILURE, str(problem)) from None
    except ValueError as problem:  # a name no file can have: a zero byte, or text that has no bytes
        raise PathError(Code.FAILURE, str(problem)) from None


def _modified(status: os.stat_result) -> datetime:
    seconds = min(max(int(status.st_mtime), _FIRST), _LAST)
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
