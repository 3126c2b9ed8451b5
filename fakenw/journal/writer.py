"""Writing journals. A record is written with ``write(2)`` before the reply that announces it leaves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fakenw.journal.record import Record


class JournalFile:
    """A journal in a file descriptor. Writing raises OSError, for instance when the disk is full."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path) -> JournalFile:
        """Begin a new journal at *path*, replacing an existing file. Raises OSError."""
        return cls(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644))

    def write(self, records: Iterable[Record]) -> None:
        """Write the records in one system call, or in several where the kernel writes less."""
        rest = "".join([record.line() for record in records]).encode("ascii")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def close(self) -> None:
        os.close(self._descriptor)
