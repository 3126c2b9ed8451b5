"""Writing journals. A record is written with ``write(2)`` before the reply that announces it leaves.

Rules of this file:

* A journal belongs to one server: it is locked (``flock(2)``) as long as that server has it open.
* The journal of a server is never shortened, except for a torn last line, unless it is to be overwritten.
* A device or a pipe is written as it is: it has no earlier lines, no lock, and cannot be removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fakenw.journal.record import Record, parse

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

    @classmethod
    def create(cls, path: Path) -> JournalFile:
        """Begin a new journal at *path*, replacing an existing file. Raises OSError."""
        return cls(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644))

    @classmethod
    def of_server(cls, path: Path, *, overwrite: bool = False) -> tuple[JournalFile, list[str]]:
        """Open the journal of a server, to write behind the lines that it has; *overwrite* removes these.

        Returns the journal, and a sentence for everything about it that the user should know.
        Raises JournalRefused, and OSError.
        """
        writing = os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        if path.exists() and not path.is_file():
            return cls(os.open(path, os.O_WRONLY | writing, 0o644)), []
        descriptor = os.open(path, os.O_RDWR | writing, 0o644)
        try:
            notes = _lock(descriptor, path)
            if overwrite:
                os.ftruncate(descriptor, 0)
            elif not _is_journal(os.pread(descriptor, BLOCK, 0)):
                raise JournalRefused(f"{path} is no journal of a server; expected another file, or --overwrite")
            else:
                notes += _cut_torn_line(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, path), notes

    def write(self, records: Iterable[Record]) -> None:
        """Write the records in one system call, or in several where the kernel writes less."""
        self.check()
        rest = "".join([record.line() for record in records]).encode("ascii")
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
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
