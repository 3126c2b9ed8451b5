"""Locks: files, logical records (names that programs agree on) and physical records (ranges of bytes in a file).

Rules of this file:

* A task logs what it wants to lock in its sets, one for each kind, and locks a record at once or a whole set. A set is
  locked as a whole or not at all. *Release* unlocks, *clear* removes from the set as well (Wireshark; mars_nwe).
* A lock is exclusive or shared. It concerns other connections only, as a deny mode does (inferred).
* What could not be locked is not logged either (mars_nwe).
* A connection that ends gives back everything. Each release tries the waits again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import NamedTuple, TypeVar

from fakenw.core.deadlines import Deadlines
from fakenw.core.waiting import PendingWait, Waits

K = TypeVar("K", bound=Hashable)


class Kind(Enum):
    FILE = "file"
    LOGICAL = "logical record"
    PHYSICAL = "physical record"


FILES = (Kind.FILE, Kind.PHYSICAL)


class LockedRecord(NamedTuple):
    """What can be locked: a file's place, a name, or the bytes from *start* up to *end* of a place."""

    kind: Kind
    name: Hashable
    start: int = 0
    end: int = 1

    def overlaps(self, other: LockedRecord) -> bool:
        return self[:2] == other[:2] and self.start < other.end and other.start < self.end


@dataclass(slots=True, eq=False)
class Lock:
    """A record in the set of a task of connection *serial*; of a physical record the file handle."""

    serial: int
    task: int
    record: LockedRecord
    handle: bytes = b""
    shared: bool = False
    held: bool = False


class LockTable:
    """The logged records of all connections. Waits end by *deadlines*."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.waits = Waits(deadlines)
        self._by_serial: dict[int, list[Lock]] = {}
        self._by_name: dict[tuple[Kind, Hashable], list[Lock]] = {}

    def __bool__(self) -> bool:
        """Whether anything is logged."""
        return bool(self._by_serial)

    def of(self, serial: int, *kinds: Kind) -> list[Lock]:
        """The logged records of a connection."""
        return [lock for lock in self._by_serial.get(serial, ()) if lock.record.kind in kinds]

    def at(self, kind: Kind, name: Hashable) -> list[Lock]:
        """The logged records of that name, of all connections."""
        return list(self._by_name.get((kind, name), ()))

    def entry(self, serial: int, task: int, record: LockedRecord, handle: bytes = b"") -> Lock:
        """The entry of a task's set, or a new one, which is not in the set yet."""
        for lock in self._by_serial.get(serial, ()):
            if (lock.task, lock.record, lock.handle) == (task, record, handle):
                return lock
        return Lock(serial, task, record, handle)

    def log(self, lock: Lock, *, shared: bool) -> None:
        """Put a record into its task's set, to be locked with the set."""
        self._enter(lock)
        if not lock.held:
            lock.shared = shared

    def lock(self, locks: list[Lock], shared: bool | None, until: int | None) -> PendingWait | bool:
        """Lock all of *locks* and log them, or none of them; *shared* None: each as it was logged.

        Returns whether it could be done, or with *until* the wait for that.
        """
        exclusive = [lock for lock in locks if lock.held and not lock.shared]
        if self._take(locks, shared):
            if any(lock.shared for lock in exclusive):
                self.waits.retry()
            return True
        return False if until is None else self.waits.add(locks, partial(self._take, locks, shared), until)

    def release(self, locks: Iterable[Lock]) -> None:
        """Unlock records, which stay in their sets."""
        self._free(list(locks))

    def clear(self, locks: Iterable[Lock]) -> None:
        """Unlock records and remove them from their sets."""
        cleared = list(locks)
        for lock in cleared:
            record = lock.record
            _remove(self._by_serial, lock.serial, lock)
            _remove(self._by_name, (record.kind, record.name), lock)
        self._free(cleared)

    def end(self, serial: int, task: int | None, kinds: Iterable[Kind]) -> None:
        """A task of a connection has ended, or all of its tasks."""
        if serial in self._by_serial:
            self.clear(lock for lock in self.of(serial, *kinds) if task is None or lock.task == task)

    def close(self, serial: int, handle: bytes) -> None:
        """A file handle is closed, and its physical records go with it."""
        if serial in self._by_serial:
            self.clear(lock for lock in self.of(serial, Kind.PHYSICAL) if lock.handle == handle)

    def hinder(self, serial: int, record: LockedRecord, *, writing: bool) -> bool:
        """Whether another connection has locked the record, or a part of it; a shared lock hinders writing only."""
        return self._locked(serial, record, shared=not writing)

    def hinder_files(self, serial: int, place: tuple[str, ...], *, below: bool) -> bool:
        """Whether another connection has locked the file at *place*, or with *below* one below that directory."""
        if not below:
            return self.hinder(serial, LockedRecord(Kind.FILE, place), writing=True)
        return any(
            lock.held and lock.serial != serial
            for (kind, name), locks in self._by_name.items()
            if kind is Kind.FILE and isinstance(name, tuple) and name[: len(place)] == place
            for lock in locks
        )

    def _enter(self, lock: Lock) -> None:
        mine = self._by_serial.setdefault(lock.serial, [])
        if lock not in mine:
            mine.append(lock)
            self._by_name.setdefault((lock.record.kind, lock.record.name), []).append(lock)

    def _take(self, locks: list[Lock], shared: bool | None) -> bool:
        wanted = [(lock, lock.shared if shared is None else shared) for lock in locks]
        if any(self._locked(lock.serial, lock.record, shared=share) for lock, share in wanted):
            return False
        for lock, share in wanted:
            self._enter(lock)
            lock.shared, lock.held = share, True
        return True

    def _locked(self, serial: int, record: LockedRecord, *, shared: bool) -> bool:
        """Whether another connection's lock excludes one on *record*."""
        return any(
            other.held and other.serial != serial and not (shared and other.shared) and other.record.overlaps(record)
            for other in self._by_name.get((record.kind, record.name), ())
        )

    def _free(self, locks: list[Lock]) -> None:
        held = [lock for lock in locks if lock.held]
        for lock in held:
            lock.held = False
        if held:
            self.waits.retry()


def _remove(index: dict[K, list[Lock]], key: K, lock: Lock) -> None:
    index[key].remove(lock)
    if not index[key]:
        del index[key]
