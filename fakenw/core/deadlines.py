"""The deadlines of a server, in one queue.

Rules of this file:

* Entries with the same time come in their *order*, then as they were added. Those of connections have their serial as
  order: it does not matter when they were entered. All others have 0; ``besides`` is the time of the first of these.
* An entry is never moved. If a deadline moves back its entry becomes stale, and the handler must detect that; if it
  moves forward another entry is added, and the first one cancelled.
* The entry of a subject that has ended is cancelled: the queue is as long as what there is, not as what there was.
  Cancelled entries are swept once they are the larger part, so that an entry costs the same however many there are.
* ``next`` changes nothing.
* A deadline that soon moves again (a queried station answers at once) is *checked later*: its entry is added at the
  next ``expire``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

SWEEP = 1000  # cancelled entries that are not worth a sweep
AT_ONCE = 500  # entries; when thousands are due, the answers of the first stations are read in between

Handler = Callable[[int, Any, int], None]
"""Called with the time of the entry, its subject, and the present time."""


class Deadlines:
    """Entries in the order of their times."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Handler, Any]] = []  # time, order, number, handler, subject
        self._besides: dict[int, int] = {}  # the times of those with order 0, by number
        self._added = 0
        self._cancelled: set[int] = set()
        self._only: tuple[Handler, ...] = ()
        self._checks: list[tuple[Callable[[Any], None], Any]] = []
        self._check_by: int | None = None

    def __len__(self) -> int:
        """The entries whose handlers will be called. An entry may be cancelled after ``only`` has dropped it."""
        return sum(number not in self._cancelled for _, _, number, *_ in self._heap)

    def add(self, at: int, handler: Handler, subject: Any, order: int = 0) -> int:
        """Call *handler* at the time *at* or soon after. Returns the number of the entry."""
        self._added += 1
        if not self._only or handler in self._only:
            heapq.heappush(self._heap, (at, order, self._added, handler, subject))
            if not order:
                self._besides[self._added] = at
        return self._added

    def cancel(self, number: int) -> None:
        """Do not call the handler of an entry that is not yet due."""
        self._cancelled.add(number)
        self._besides.pop(number, None)
        if len(self._cancelled) > max(SWEEP, len(self._heap) // 2):
            self._heap = [entry for entry in self._heap if entry[2] not in self._cancelled]
            heapq.heapify(self._heap)
            self._cancelled.clear()

    def check_later(self, by: int, check: Callable[[Any], None], subject: Any) -> None:
        """Call *check* with *subject* at the next ``expire``, which must be at *by* or before."""
        self._checks.append((check, subject))
        self._check_by = by if self._check_by is None else min(by, self._check_by)

    def next(self) -> int | None:
        """When ``expire`` must be called next; the entry may be stale."""
        at = self._heap[0][0] if self._heap else None
        by = self._check_by
        return at if by is None or (at is not None and at < by) else by

    def besides(self) -> int | None:
        """The time of the first entry that is none of a connection."""
        return min(self._besides.values(), default=None)

    def expire(self, now: int) -> None:
        """Call the handlers that are due by *now*, at most AT_ONCE of them: then ``next`` is still in the past."""
        if self._checks:
            checks, self._checks, self._check_by = self._checks, [], None
            for check, subject in checks:
                check(subject)
        for _ in range(AT_ONCE):
            heap = self._heap  # a handler may sweep it
            if not heap or heap[0][0] > now:
                return
            at, order, number, handler, subject = heapq.heappop(heap)
            if not order:
                self._besides.pop(number, None)
            if number in self._cancelled:
                self._cancelled.discard(number)
            else:
                handler(at, subject, now)

    def only(self, *handlers: Handler) -> None:
        """Drop and refuse the entries of all other handlers; without any: accept all handlers again."""
        self._only = handlers
        if handlers:
            self._heap = [entry for entry in self._heap if entry[3] in handlers]
            heapq.heapify(self._heap)
            self._besides = {number: at for at, order, number, *_ in self._heap if not order}
            self._checks, self._check_by = [], None
