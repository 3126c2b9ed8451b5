"""A directory of this computer as a tree of a volume. An edge: it touches the file system.

Rules of this file:

* Nothing outside the root can be reached. A symbolic link is shown as its target if that is inside the root, else it
  is invisible. A place is stored as real names, and opened name by name from the root, each with O_NOFOLLOW: a name
  that is replaced by a link meanwhile is an error, not a way out.
* Regular files and directories are served; pipes, sockets and devices are invisible.
* Nothing is changed through a link, symbolic or hard: another name of the file may be outside.
  ``fakenw.volumes.volume`` decides whether clients may change anything.
* No descriptor outlasts a call: a file that is replaced between two reads is read in its new version.
* Every OSError becomes a PathError.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from fakenw.volumes.directory_names import DirectoryNames
from fakenw.volumes.directory_tree import ARCHIVE, LARGEST, READ_ONLY, Directory, File, PathError
from fakenw.volumes.host_listings import HostListings, stamp_of
from fakenw.wire.packet import Code

_OPEN_DIRECTORY = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe in place of the file must not block

_CHANGE_FILE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_NEW_FILE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CREAT | os.O_EXCL

# DOS dates reach from 1980 to 2107.
_FIRST = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class _Place:
    """A path below a root. All ``parts`` except perhaps the last are real directories.

    *linked*: the place was reached through a symbolic link.
    """

    root: str
    parts: tuple[str, ...] = ()
    linked: bool = False

    @contextmanager
    def opened(self, flags: int, denied: Code = Code.NO_READ_RIGHTS) -> Iterator[int]:
        """A descriptor of the place. Raises PathError, also for an OSError of the body; *denied* without permission."""
        with _refusals(denied):
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
        """The status of the file, directory or symbolic link itself. Raises PathError."""
        if not self.parts:
            with self.opened(_OPEN_DIRECTORY) as descriptor:
                return os.fstat(descriptor)
        with _Place(self.root, self.parts[:-1]).opened(_OPEN_DIRECTORY) as descriptor:
            return os.stat(self.parts[-1], dir_fd=descriptor, follow_symlinks=False)

    def followed(self) -> _Place:
        """The target of a symbolic link. Raises PathError where that is outside the root."""
        with _refusals():
            target = os.path.realpath(os.path.join(self.root, *self.parts), strict=True)
        if os.path.commonpath([self.root, target]) != self.root:
            raise PathError(Code.FAILURE, "a link that leads out of the volume")
        inside = os.path.relpath(target, self.root)
        return _Place(self.root, () if inside == os.curdir else tuple(inside.split(os.sep)), linked=True)

    @contextmanager
    def to_change(self, flags: int, denied: Code) -> Iterator[int]:
        """As ``opened``. Raises PathError with *denied* for a place that was reached through a link."""
        if self.linked:
            raise PathError(denied, "behind a symbolic link")
        with self.opened(flags, denied) as descriptor:
            yield descriptor


class HostFile(File):
    def __init__(self, place: _Place, status: os.stat_result) -> None:
        self._place = place
        self.size = min(status.st_size, LARGEST)
        self.modified = _modified(status)
        # A file that any user may write is not READ_ONLY: programs copy the attribute, and then cannot replace the
        # copy.
        self.attributes = ARCHIVE if status.st_mode & 0o222 else ARCHIVE | READ_ONLY

    def read(self, offset: int, length: int) -> bytes:
        with self._place.opened(_OPEN_FILE) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PathError(Code.FAILURE, "no longer a file")
            return os.pread(descriptor, length, offset)

    def write(self, offset: int, data: bytes, now: datetime) -> None:
        end = offset + len(data)
        if end > LARGEST:
            raise PathError(Code.OUT_OF_SPACE, f"{end} bytes")
        with self._to_change(_CHANGE_FILE, Code.NO_WRITE_RIGHTS) as descriptor:
            while data:
                written = os.pwrite(descriptor, data, offset)
                data, offset = data[written:], offset + written
        self.size, self.modified = max(self.size, end), now

    def truncate(self, size: int, now: datetime) -> None:
        with self._to_change(_CHANGE_FILE, Code.NO_WRITE_RIGHTS) as descriptor:
            os.ftruncate(descriptor, size)
        self.size, self.modified = size, now

    def change(self, attributes: int | None = None, modified: datetime | None = None) -> None:
        """Of the attributes only READ_ONLY is stored, as the permission to write."""
        with self._to_change(_OPEN_FILE, Code.NO_MODIFY_RIGHTS) as descriptor:
            if attributes is not None:
                mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
                os.fchmod(descriptor, mode & ~0o222 if attributes & READ_ONLY else mode | 0o200)
                self.attributes = ARCHIVE | attributes & READ_ONLY
            if modified is not None:
                seconds = modified.replace(tzinfo=UTC).timestamp()
                os.utime(descriptor, (seconds, seconds))
                self.modified = modified

    @contextmanager
    def _to_change(self, flags: int, denied: Code) -> Iterator[int]:
        with self._place.to_change(flags, denied) as descriptor:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PathError(Code.FAILURE, "no longer a file")
            if status.st_nlink != 1:
                raise PathError(denied, "the file has another name, perhaps outside")
            yield descriptor


class HostDirectory(Directory):
    def __init__(self, place: _Place, status: os.stat_result, listings: HostListings) -> None:
        self._place, self._listings = place, listings
        self.modified = _modified(status)

    def names(self) -> Collection[str]:
        with self._place.opened(_OPEN_DIRECTORY) as descriptor:
            return self._read(descriptor)[0]

    def change(self, attributes: int | None = None, modified: datetime | None = None) -> None:
        """Of a directory only the time is stored."""
        with self._place.to_change(_OPEN_DIRECTORY, Code.NO_MODIFY_RIGHTS) as descriptor:
            if modified is not None:
                seconds = modified.replace(tzinfo=UTC).timestamp()
                os.utime(descriptor, (seconds, seconds))
                self.modified = modified

    def index(self) -> DirectoryNames:
        with self._place.opened(_OPEN_DIRECTORY) as descriptor:
            return self._listings.names(self._place.parts, descriptor, lambda: self._read(descriptor))

    def _read(self, descriptor: int) -> tuple[list[str], bool]:
        """The names, and whether they depend on this directory alone: links lead elsewhere."""
        with os.scandir(descriptor) as listing:
            found = list(listing)
            names = [entry.name for entry in found if self._serves(entry)]
        return names, not any(entry.is_symlink() for entry in found)

    def child(self, name: str) -> File | Directory:
        place = self._below(name)
        status = place.status()
        if stat.S_ISLNK(status.st_mode):
            place = place.followed()
            status = place.status()
        if stat.S_ISREG(status.st_mode):
            return HostFile(place, status)
        if stat.S_ISDIR(status.st_mode):
            return HostDirectory(place, status, self._listings)
        raise PathError(Code.FAILURE, f"neither a file nor a directory: {name!r}")

    def create_file(self, name: str, attributes: int, now: datetime, dos: str = "") -> File:
        """The attributes are ignored: a client that creates a file writes to it next."""
        place = self._below(name)
        with self._place.to_change(_OPEN_DIRECTORY, Code.NO_CREATE_RIGHTS) as parent:
            before = stamp_of(parent)
            descriptor = os.open(name, _NEW_FILE, 0o666, dir_fd=parent)
            self._listings.changed(self._place.parts, before, parent, come=(name, dos))
            try:
                return HostFile(place, os.fstat(descriptor))
            finally:
                os.close(descriptor)

    def create_directory(self, name: str, now: datetime, dos: str = "") -> Directory:
        place = self._below(name)
        with self._place.to_change(_OPEN_DIRECTORY, Code.NO_CREATE_RIGHTS) as parent:
            before = stamp_of(parent)
            os.mkdir(name, dir_fd=parent)
            self._listings.changed(self._place.parts, before, parent, come=(name, dos))
        return HostDirectory(place, place.status(), self._listings)

    def remove(self, name: str) -> None:
        self._below(name)
        with self._place.to_change(_OPEN_DIRECTORY, Code.NO_DELETE_RIGHTS) as parent:
            before = stamp_of(parent)
            if _kind(name, parent, Code.NO_DELETE_RIGHTS) == stat.S_IFDIR:
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)
            self._listings.changed(self._place.parts, before, parent, gone=name)

    def rename(self, name: str, target: Directory, new: str, dos: str = "") -> None:
        self._below(name)
        if not isinstance(target, HostDirectory) or target._place.root != self._place.root:
            raise PathError(Code.OTHER_VOLUME, "not of the same root")
        target._below(new)
        denied = Code.NO_RENAME_RIGHTS
        with (
            self._place.to_change(_OPEN_DIRECTORY, denied) as source,
            target._place.to_change(_OPEN_DIRECTORY, denied) as destination,
        ):
            kind = _kind(name, source, denied)
            same_place = self._place.parts == target._place.parts
            if not (same_place and name == new) and _exists(new, destination):
                raise PathError(Code.ALL_EXIST, f"there is a {new}")
            left, entered = stamp_of(source), stamp_of(destination)
            os.rename(name, new, src_dir_fd=source, dst_dir_fd=destination)
            if same_place:
                self._listings.changed(self._place.parts, left, source, gone=name, come=(new, dos))
            else:
                self._listings.changed(self._place.parts, left, source, gone=name)
                self._listings.changed(target._place.parts, entered, destination, come=(new, dos))
            if kind == stat.S_IFDIR:
                self._listings.moved((*self._place.parts, name), (*target._place.parts, new))

    def room(self) -> tuple[int, int]:
        with self._place.opened(_OPEN_DIRECTORY) as descriptor:
            found = os.fstatvfs(descriptor)
            return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize

    def _below(self, name: str) -> _Place:
        """The place of a name in this directory. Raises PathError for an invalid name."""
        if name in ("", os.curdir, os.pardir) or os.sep in name:
            raise PathError(Code.FAILURE, f"not a name: {name!r}")
        return _Place(self._place.root, (*self._place.parts, name), self._place.linked)

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
        """Serve the directory at *path*; a link is followed now. Raises PathError."""
        with _refusals():
            place = _Place(os.path.realpath(path, strict=True))
        super().__init__(place, place.status(), HostListings())


_CODES = {
    errno.EMFILE: Code.OUT_OF_HANDLES,
    errno.ENFILE: Code.OUT_OF_HANDLES,
    errno.ENOSPC: Code.OUT_OF_SPACE,
    errno.EDQUOT: Code.OUT_OF_SPACE,
    errno.EFBIG: Code.OUT_OF_SPACE,
    errno.EROFS: Code.READ_ONLY,
    errno.ENOTEMPTY: Code.NOT_EMPTY,
    errno.ENOMEM: Code.OUT_OF_MEMORY,
}


@contextmanager
def _refusals(denied: Code = Code.NO_READ_RIGHTS) -> Iterator[None]:
    """Turn errors of the operating system into PathError."""
    try:
        yield
    except PermissionError as problem:
        raise PathError(denied, str(problem)) from None
    except OSError as problem:
        raise PathError(_CODES.get(problem.errno or 0, Code.FAILURE), str(problem)) from None
    except ValueError as problem:  # an impossible name: a zero byte, or text that cannot be encoded
        raise PathError(Code.FAILURE, str(problem)) from None


def _modified(status: os.stat_result) -> datetime:
    seconds = min(max(int(status.st_mtime), _FIRST), _LAST)
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _kind(name: str, parent: int, denied: Code) -> int:
    """S_IFDIR or S_IFREG. Raises PathError for anything else, such as a link."""
    kind = stat.S_IFMT(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    if kind not in (stat.S_IFDIR, stat.S_IFREG):
        raise PathError(denied, f"neither a file nor a directory: {name!r}")
    return kind


def _exists(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
