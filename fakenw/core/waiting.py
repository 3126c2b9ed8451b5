"""Waits: what a station asked for cannot be had yet, and its reply is held back.

Rules of this file:

* A wait ends once: it is granted, its time limit comes, or it is withdrawn. Of the first two it is *told*.
* Whenever something becomes free all waits are tried again, in the order of their arrival (inferred).
* A wait that cannot be granted keeps nothing from others: those that come later may be granted before it.
"""

from __future__ import annotations

from collections.abc import Callable

from fakenw.core.deadlines import Deadlines


class PendingWait:
    """*take* takes what is waited for, and returns whether it could; *told* is called with whether it was granted."""

    def __init__(self, waits: Waits, about: object, take: Callable[[], bool]) -> None:
        self.about, self.take = about, take
        self.told: Callable[[bool], None] = lambda granted: None
        self._waits = waits

    def withdraw(self) -> None:
        """Nothing is waited for any more, and no reply is sent."""
        self._waits.remove(self)


class Waits:
    """The waits for one kind of thing, which end by *deadlines*."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._entries: dict[PendingWait, int | None] = {}  # in order of arrival; the number of each one's deadline

    def __len__(self) -> int:
        return len(self._entries)

    def count(self, about: object) -> int:
        """How many wait for it."""
        return sum(wait.about is about for wait in self._entries)

    def add(self, about: object, take: Callable[[], bool], until: int | None) -> PendingWait:
        """Wait until *take* is true; *until* None: for as long as that takes."""
        wait = PendingWait(self, about, take)
        self._entries[wait] = None if until is None else self._deadlines.add(until, self._expire, wait)
        return wait

    def retry(self) -> None:
        """Something has become free."""
        again = True
        while again:  # an exclusive lock may have become a shared one
            again = False
            for wait in list(self._entries):
                if wait.take():
                    self.remove(wait)
                    wait.told(True)
                    again = True

    def remove(self, wait: PendingWait) -> None:
        number = self._entries.pop(wait, None)
        if number is not None:
            self._deadlines.cancel(number)

    def _expire(self, at: int, wait: PendingWait, now: int) -> None:
        del self._entries[wait]
        wait.told(False)
