"""The last records of the journal, for readers over HTTP."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from fakenw.admin.routes import ApiError
from fakenw.journal.record import Record

KEPT = 100_000  # records that can be read; older ones are in the journal file only


class JournalBuffer:
    """The last records, each with its number: the first of a journal is 0."""

    def __init__(self) -> None:
        self.next = 0
        self.listeners: list[Callable[[], None]] = []
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._line: tuple[int, bytes] = (-1, b"")  # the last one requested: all readers request the same one in turn

    @property
    def first(self) -> int:
        """The number of the oldest record."""
        return self.next - len(self._records)

    def add(self, record: Record) -> None:
        self._records.append(record)
        self.next += 1
        for listener in list(self.listeners):  # a copy, since a slow reader is removed
            listener()

    def check(self, number: int) -> None:
        """Raises ApiError where the record *number* is no longer stored, or beyond the next one."""
        first = self.first
        if number < first:
            raise ApiError(410, f"record {number} is no longer stored; the oldest is {first}", oldest=first)
        if number > self.next:
            raise ApiError(400, f"record {number} is not there yet; expected no more than {self.next}, the next one")

    def line(self, number: int) -> bytes:
        """The line of the record *number*, which must be stored."""
        if self._line[0] != number:
            self._line = number, self._records[number - self.first].line().encode("ascii")
        return self._line[1]
