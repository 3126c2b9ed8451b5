"""Semaphores: counters with names, which stations open, wait on and signal.

Rules of this file:

* A semaphore is there from its first open to its last close; the first open gives its value.
* A wait takes one of the value, a signal adds one. The value that is told is less by the number of stations that wait.
* A task that ends without closing gives back what it has taken and not signalled, up to the value at the beginning;
  one that closes gives back nothing (inferred: no source tells of stations that die).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from fakenw.core.deadlines import Deadlines
from fakenw.core.waiting import PendingWait, Waits

MOST = 127  # of a value (mars_nwe)


class Overflow(Exception):
    """The value is as large as it can be."""


@dataclass(slots=True)
class Opening:
    """A task's opens of a semaphore, and what it has taken by waiting and not given back."""

    count: int = 0
    taken: int = 0


@dataclass(slots=True, eq=False)
class Semaphore:
    handle: int
    name: str
    initial: int
    free: int
    openings: dict[tuple[int, int], Opening] = field(default_factory=dict)  # by connection (serial) and task

    @property
    def opens(self) -> int:
        return sum(opening.count for opening in self.openings.values())


class Semaphores:
    """All semaphores. Waits end by *deadlines*."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.waits = Waits(deadlines)
        self.by_name: dict[str, Semaphore] = {}
        self._by_handle: dict[int, Semaphore] = {}
        self._by_serial: dict[int, dict[Semaphore, None]] = {}
        self._last = 0

    def of(self, serial: int) -> list[Semaphore]:
        """The semaphores that a connection has open."""
        return list(self._by_serial.get(serial, ()))

    def find(self, serial: int, handle: int) -> Semaphore | None:
        """The semaphore of a handle, if the connection has it open."""
        semaphore = self._by_handle.get(handle)
        return semaphore if semaphore in self._by_serial.get(serial, ()) else None

    def value(self, semaphore: Semaphore) -> int:
        """What is free, less the stations that wait."""
        return semaphore.free - self.waits.count(semaphore)

    def open(self, serial: int, task: int, name: str, value: int) -> Semaphore:
        """Open the semaphore of that name, which is made with *value* where there is none."""
        semaphore = self.by_name.get(name)
        if semaphore is None:
            self._last += 1
            semaphore = self.by_name[name] = Semaphore(self._last, name, value, value)
            self._by_handle[semaphore.handle] = semaphore
        semaphore.openings.setdefault((serial, task), Opening()).count += 1
        self._by_serial.setdefault(serial, {})[semaphore] = None
        return semaphore

    def wait(self, semaphore: Semaphore, serial: int, task: int, until: int | None) -> PendingWait | bool:
        """Take one of the value. Returns whether there was one, or with *until* the wait for that."""
        opening = semaphore.openings[_key(semaphore, serial, task)]
        if self._take(semaphore, opening):
            return True
        if until is None:
            return False
        return self.waits.add(semaphore, partial(self._take, semaphore, opening), until)

    def signal(self, semaphore: Semaphore, serial: int, task: int) -> None:
        """Add one to the value. Raises Overflow."""
        if semaphore.free >= MOST:
            raise Overflow
        opening = semaphore.openings[_key(semaphore, serial, task)]
        opening.taken = max(0, opening.taken - 1)
        semaphore.free += 1
        self.waits.retry()

    def close(self, semaphore: Semaphore, serial: int, task: int) -> None:
        """Close one open of a semaphore, the task's own if it has one."""
        key = _key(semaphore, serial, task)
        opening = semaphore.openings[key]
        opening.count -= 1
        if not opening.count:
            self._closed(semaphore, key)

    def end(self, serial: int, task: int | None) -> None:
        """A task of a connection has ended, or all of its tasks."""
        freed = False
        for semaphore in self.of(serial):
            for key in [key for key in semaphore.openings if key[0] == serial and task in (None, key[1])]:
                room = max(0, semaphore.initial - semaphore.free)
                returned = min(semaphore.openings[key].taken, room)
                semaphore.free += returned
                freed |= returned > 0
                self._closed(semaphore, key)
        if freed:
            self.waits.retry()

    def _take(self, semaphore: Semaphore, opening: Opening) -> bool:
        if not semaphore.free:
            return False
        semaphore.free -= 1
        opening.taken += 1
        return True

    def _closed(self, semaphore: Semaphore, key: tuple[int, int]) -> None:
        del semaphore.openings[key]
        serial = key[0]
        if not any(other == serial for other, _ in semaphore.openings):
            del self._by_serial[serial][semaphore]
            if not self._by_serial[serial]:
                del self._by_serial[serial]
        if not semaphore.openings:
            del self.by_name[semaphore.name], self._by_handle[semaphore.handle]


def _key(semaphore: Semaphore, serial: int, task: int) -> tuple[int, int]:
    """The task's own opening, else another one of its connection."""
    if (serial, task) in semaphore.openings:
        return serial, task
    return next(key for key in semaphore.openings if key[0] == serial)
