"""The wall clock of a server: what it says to its stations, which an operator may set.

Rules of this file:

* It runs with the server's time, which never decreases, and has no time zone: it is UTC until it is set.
* It stands still at the ends of what the dates of DOS can say. The year of NetWare's times is one byte since 1900,
  which reaches further.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fakenw.journal.record import SECOND

FIRST = datetime(1980, 1, 1)
LAST = datetime(2107, 12, 31, 23, 59, 58)
LAST_OF_NDS = 2**32 - 1  # seconds since 1970: in the year 2106


def _since_first(moment: datetime) -> int:
    return (moment - FIRST) // timedelta(microseconds=1)


_END = _since_first(LAST)


class WallClock:
    """Times *now* are microseconds of the server's time."""

    def __init__(self) -> None:
        self._at_start = 0  # microseconds since FIRST
        self._second = -SECOND, FIRST  # the start of a second, and its wall time

    def begin(self, now: int, utc: datetime) -> int:
        """It is *utc*, which has a time zone. Returns that as NDS says it."""
        self.set(now, utc.astimezone(UTC).replace(tzinfo=None))
        return min(max(int(utc.timestamp()), 0), LAST_OF_NDS)

    def set(self, now: int, moment: datetime) -> None:
        self._at_start = _since_first(moment) - now
        self._second = -SECOND, FIRST

    def at(self, now: int) -> datetime:
        return FIRST + timedelta(microseconds=min(max(self._at_start + now, 0), _END))

    def to_the_second(self, now: int) -> datetime:
        """The wall time of *now*, to the second; the same object within a second."""
        since, moment = self._second
        if not since <= now < since + SECOND:
            moment = self.at(now)
            self._second = now - moment.microsecond, moment
        return moment
