"""A server's clock that was advanced: its time against the time that it would show if it had only run.

Rules of this file:

* *Steady* time only runs. *Shown* time is the ``t`` of the journal; every advance takes it further ahead.
* Both mappings never go back, and ``steady`` is the inverse of ``shown``. Times are microseconds.
* No journal says when in an advance the clock showed what: a steady time within one is mapped in proportion, and may
  have been any time of that advance (``doubt``).
* Setting the wall clock (``set-time``, the fault ``clock-jump``) changes no ``t``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple, Self

from fakenw.journal.record import Record, microseconds


class Advance(NamedTuple):
    """From the shown time *since* to *until* the clock ran ahead, by *by*: more than 0, at most ``until - since``."""

    since: int
    until: int
    by: int


class Advances:
    """The advances of one incarnation of a server, in their order; none begins before the last has ended."""

    def __init__(self, advances: Iterable[Advance] = ()) -> None:
        self._shown: list[int] = []  # of the beginning and the end of each advance
        self._steady: list[int] = []
        ahead = 0
        for since, until, by in advances:
            self._shown += since, until
            self._steady += since - ahead, until - ahead - by
            ahead += by

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """The advances that the records of one incarnation tell of. What is no advance is ignored."""
        found: list[Advance] = []
        asked: tuple[int, int] | None = None  # an advance whose end is in no line: its time, and by how much
        latest = 0

        def end(by: int, since: int, until: int) -> None:
            if 0 < by <= until - since and since >= (found[-1].until if found else 0):
                found.append(Advance(since, until, by))

        def end_asked() -> None:
            if asked is not None:  # where the server ended first, the clock was not advanced by the whole
                by = min(asked[1], latest - asked[0])
                end(by, asked[0], asked[0] + by)

        for record in records:
            if record.event == "operator" and record.get("action") == "clock-advance":
                latest = max(latest, record.t)
                end_asked()
                asked = record.t, _asked(record)
            elif record.event == "advanced":
                asked = None
                since, by = microseconds(record.get("since")), microseconds(record.get("seconds"))
                if since is not None and by is not None:
                    end(by, since, record.t)
            latest = max(latest, record.t)
        end_asked()
        return cls(found)

    def shown(self, steady: int) -> int:
        """The time that the clock shows at *steady*; at the moment of a jump, the time before it."""
        n = bisect_left(self._steady, steady)
        if n % 2 == 0:
            return steady + self._ahead(n)
        began, ended = self._steady[n - 1], self._steady[n]
        return self._shown[n - 1] + (steady - began) * (self._shown[n] - self._shown[n - 1]) // (ended - began)

    def steady(self, shown: int) -> int:
        """The steady time at which the clock shows *shown*, or has jumped over it."""
        n = bisect_left(self._shown, shown)
        if n % 2 == 0:
            return shown - self._ahead(n)
        since, until = self._shown[n - 1], self._shown[n]
        passed = (shown - since) * (self._steady[n] - self._steady[n - 1])
        return self._steady[n - 1] - -passed // (until - since)  # rounded up, as the other way is rounded down

    def doubt(self, steady: int, bound: int) -> int:
        """By how much the clock may have shown another time than ``shown(steady)``.

        *bound*: how far *steady* may be from the true time.
        """
        shown = self.shown(steady)
        first, last = bisect_left(self._steady, steady - bound), bisect_left(self._steady, steady + bound)
        earliest = self._shown[first - 1] if first % 2 else self.shown(steady - bound)
        latest = self._shown[last] if last % 2 else self.shown(steady + bound)
        return max(shown - earliest, latest - shown)

    def _ahead(self, n: int) -> int:
        """How far the shown time is ahead after *n* beginnings and ends."""
        return self._shown[n - 1] - self._steady[n - 1] if n else 0


def _asked(record: Record) -> int:
    """By how much an operator's line says that the clock is advanced; 0 where it does not."""
    by = microseconds(record.get("seconds"))
    if by is None:  # a journal from before the field
        try:
            by = microseconds(float(str(record.get("text")).removesuffix(" s")))
        except ValueError:
            by = None
    return max(0, by or 0)
