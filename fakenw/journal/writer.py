"""Writing journals. A record is written with ``write(2)`` before the reply that announces it leaves.

Rules of this file:

* A journal belongs to one server: it is locked (``flock(2)``) as long as that server has it open.
* The journal of a server is never shortened, except for a torn last line, unless it is to be overwritten.
* A device or a pipe is written as it is: it has no earlier lines, no lock, and cannot be removed. A pipe that
  nobody reads is an error.
* The next of several numbered files is written beside the journal, and takes its name when its first lines are in it.
  So the journal is whole wherever the server is killed; what is beside it then was announced to nobody.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from fakenw.journal.numbered_files import part_at, remove_earlier
from fakenw.journal.pipe import pipe_of
from fakenw.journal.record import PART, Record, numbered, parse

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

BEGINNING = Record(0, "server", "start").line().encode("ascii").rstrip(b"}\n")
"""The first bytes of every journal of a server."""
BLOCK = 65_536  # bytes; a server's first line is shorter


class JournalRefused(Exception):
    """A file cannot become the journal of this server. ``str()`` is a sentence that names the file."""


class JournalFile:
    """A journal in a file descriptor. Writing raises OSError, for instance when the disk is full.

    Where *path* is given, errors name it, and a removed file is an error as well.
    """

    def __init__(self, descriptor: int, path: Path | None = None) -> None:
        self._descriptor, self._path = descriptor, path
        self._pipe = pipe_of(descriptor)

    @classmethod
    def create(cls, path: Path) -> JournalFile:
        """Begin a new journal at *path*, replacing an existing file. Raises OSError."""
        return cls(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644))

    @classmethod
    def of_server(
        cls, path: Path, *, overwrite: bool = False, rotate: int | None = None
    ) -> tuple[JournalFile, list[str]]:
        """Open the journal of a server, to write behind the lines that it has; *overwrite* removes these.

        A file that would have more than *rotate* bytes gets a number, and the next one begins.
        Returns the journal, and a sentence for everything about it that the user should know.
        Raises JournalRefused, and OSError.
        """
        writing = os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        if rotate and (path.is_symlink() or (path.exists() and not path.is_file())):
            raise JournalRefused(f"{path} is not a file; expected one for --rotate")
        if path.exists() and not path.is_file():
            return cls(os.open(path, os.O_WRONLY | writing, 0o644)), []
        descriptor = os.open(path, os.O_RDWR | writing, 0o644)
        try:
            notes = _lock(descriptor, path)
            if overwrite:
                remove_earlier(path)
                os.ftruncate(descriptor, 0)
            elif not _is_journal(os.pread(descriptor, BLOCK, 0)):
                raise JournalRefused(f"{path} is no journal of a server; expected another file, or --overwrite")
            else:
                notes += _cut_torn_line(descriptor, path)
            return RotatedJournal(descriptor, path, rotate) if rotate else cls(descriptor, path), notes
        except BaseException:
            os.close(descriptor)
            raise

    def write(self, records: Iterable[Record]) -> None:
        """Write the records in one system call, or in several where the kernel writes less."""
        self.check()
        self._put(self._descriptor, _encoded(records))

    def _put(self, descriptor: int, rest: bytes) -> None:
        try:
            while rest:
                rest = rest[self._pipe.write(rest) if self._pipe else os.write(descriptor, rest) :]
        except OSError as problem:
            if self._path is None:
                raise
            raise OSError(problem.errno, problem.strerror, str(self._path)) from None

    def check(self) -> None:
        """Raises OSError where the file was removed: its lines would be lost when it is closed."""
        if self._path is not None and not os.fstat(self._descriptor).st_nlink:
            raise OSError(f"{self._path} was removed")

    def close(self) -> None:
        os.close(self._descriptor)


class RotatedJournal(JournalFile):
    """The journal of a server at *path* in files of at most *size* bytes, unless the lines of one write are more."""

    def __init__(self, descriptor: int, path: Path, size: int) -> None:
        """Raises JournalRefused, and OSError."""
        super().__init__(descriptor, path)
        self._own, self._next, self._limit = path, path.with_name(f"{path.name}.next"), size
        self._part = part_at(path) or 1
        self._size = os.fstat(descriptor).st_size
        earlier = numbered(path, self._part)
        if earlier.exists() and not earlier.samefile(path):
            raise JournalRefused(f"{path} would become {earlier}, which exists; expected that to be moved away")
        self._next.unlink(missing_ok=True)  # of a server that was killed
        try:
            os.link(path, self._next)
        except OSError as problem:
            raise JournalRefused(f"{path} cannot have a second name, as --rotate needs: {problem.strerror}") from None
        self._next.unlink()

    def write(self, records: Iterable[Record]) -> None:
        self.check()
        records = list(records)
        data = _encoded(records) if self._size else _beginning(records, self._part)
        if not self._size or self._size + len(data) <= self._limit or not self._begin_next(records):
            self._put(self._descriptor, data)
            self._size += len(data)

    def _begin_next(self, records: list[Record]) -> bool:
        """Write the records to the next file. False where no descriptor is free: then they belong in this one."""
        data = _beginning(records, self._part + 1)
        try:
            descriptor = os.open(self._next, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as problem:
            if problem.errno in (errno.EMFILE, errno.ENFILE):
                return False
            raise
        try:
            _lock(descriptor, self._next)
            self._put(descriptor, data)
            self._give_number()
            self._next.replace(self._own)
        except BaseException:
            os.close(descriptor)
            self._next.unlink(missing_ok=True)
            raise
        os.close(self._descriptor)
        self._descriptor, self._part, self._size = descriptor, self._part + 1, len(data)
        return True

    def _give_number(self) -> None:
        """Raises OSError, for instance where another file has the number."""
        if not os.path.samestat(self._own.stat(), os.fstat(self._descriptor)):
            raise OSError(f"{self._own} has become another file")
        earlier = numbered(self._own, self._part)
        try:
            os.link(self._own, earlier)
        except FileExistsError:
            if not earlier.samefile(self._own):  # else an earlier server was killed here
                raise


def _encoded(records: Iterable[Record]) -> bytes:
    return "".join([record.line() for record in records]).encode("ascii")


def _beginning(records: list[Record], part: int) -> bytes:
    """The first lines of a file."""
    first, *rest = records
    return _encoded([Record(first.t, first.role, first.event, {**first.fields, PART: part}), *rest])


def _lock(descriptor: int, path: Path) -> list[str]:
    """Raises JournalRefused where another server has the lock. Returns a sentence where there are no locks."""
    if fcntl is None:
        return [f"{path} is not locked, since this system has no fcntl: no other server may write it"]
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalRefused(
            f"{path} is the journal of another server, which is running; expected another file"
        ) from None
    except OSError as problem:  # some file systems have no locks
        return [f"{path} is not locked ({problem.strerror}): no other server may write it"]
    if not os.path.samestat(path.stat(), os.fstat(descriptor)):
        raise JournalRefused(f"{path} has just become another file, of a server that is running; expected another file")
    return []


def _is_journal(head: bytes) -> bool:
    """Whether a file with the first bytes *head* is empty, or was begun by a server."""
    line, whole, _ = head.partition(b"\n")
    if not whole:
        return line.startswith(BEGINNING) or BEGINNING.startswith(line)
    try:
        return parse(line.decode("utf-8")).role == "server"
    except ValueError:
        return False


def _cut_torn_line(descriptor: int, path: Path) -> list[str]:
    """Cut off what follows the last line feed. Returns a sentence where that is anything."""
    size = end = os.fstat(descriptor).st_size
    while end:
        begin = max(0, end - BLOCK)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end == size:
        return []
    os.ftruncate(descriptor, end)
    return [f"the last line of {path} was torn, without a line feed: its {size - end} bytes are cut off"]
