"""What a server has to do, and when: one queue for all of it.

Rules of this file:

* An entry is never moved or taken out. Where a deadline has moved away the entry is stale, and its handler finds that
  out when it comes; where it has come nearer another entry is added.
* Asking for the next deadline changes nothing.
* What has its deadline moved again and again before it comes (a station that was asked answers at once) is *checked
  later*: it gets its entry only when ``expire`` is called next.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

AT_ONCE = 500  # entries; when a whole company is due, the answers of its first stations are read in between

Handler = Callable[[int, Any, int], None]
"""Called with the time of the entry, its subject, and the time it is."""


class Deadlines:
    """Entries in the order of their time, and where that is the same in the order of their addition."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Handler, Any]] = []
        self._added = 0
        self._only: Handler | None = None
        self._checks: list[tuple[Callable[[Any], None], Any]] = []
        self._check_by: int | None = None

    def add(self, at: int, handler: Handler, subject: Any) -> None:
        """Have *handler* called at the time *at* or soon after."""
        if self._only is None or handler == self._only:
            self._added += 1
            heapq.heappush(self._heap, (at, self._added, handler, subject))

    def check_later(self, by: int, check: Callable[[Any], None], subject: Any) -> None:
        """Have *check* called with *subject* when ``expire`` is called next, which is *by* then at the latest."""
        self._checks.append((check, subject))
        self._check_by = by if self._check_by is None else min(by, self._check_by)

    def next(self) -> int | None:
        """When ``expire`` wants to be called; the entry may turn out to be stale."""
        at = self._heap[0][0] if self._heap else None
        by = self._check_by
        return at if by is None or (at is not None and at < by) else by

    def expire(self, now: int) -> None:
        """Call the handlers that are due by *now*, or AT_ONCE of them: then ``next`` still lies in the past."""
        if self._checks:
            checks, self._checks, self._check_by = self._checks, [], None
            for check, subject in checks:
                check(subject)
        heap = self._heap
        for _ in range(AT_ONCE):
            if not heap or heap[0][0] > now:
                return
            at, _, handler, subject = heapq.heappop(heap)
            handler(at, subject, now)

    def only(self, handler: Handler | None) -> None:
        """From now on keep only the entries of *handler*; None: of every handler again."""
        self._only = handler
        if handler is not None:
            self._heap = [entry for entry in self._heap if entry[2] == handler]
            heapq.heapify(self._heap)
            self._checks, self._check_by = [], None
