"""The ledger: the licenses held.

Rules of this file:

* The limit counts *units*. A unit is named after its holder: ``connection:17`` (a serial) or,
  where users are counted, ``user:JOE``.
* The policy alone decides which unit a connection needs in a state. The ledger alone grants and
  releases units, and emits an event for each.
* A unit that stays held after its last use is released with the cause ``expired``: a user's assignment under ``ual``
  and, with ``keep_cleared``, a cleared connection's unit under ``nls``.
* A unit that several connections share (a user's) is granted to the first and released after the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fakenw.core.deadlines import Deadlines
from fakenw.journal.policy import Policy


class NoRoom(Exception):
    """Every license is held."""


@dataclass(slots=True)
class Grant:
    """A granted unit: its time, the number of connections that use it, and the end of an unused assignment.

    *entry* is the time of its entry among the deadlines; there is one, however often a user logs in.
    """

    since: int
    uses: int
    until: int | None = None
    entry: int | None = None


Emit = Callable[[str, dict[str, Any]], None]


class Ledger:
    """Grants and releases units up to *licenses*."""

    def __init__(self, policy: Policy, licenses: int, emit: Emit, deadlines: Deadlines, keep_cleared: int) -> None:
        self.policy = policy
        self.limit = licenses or policy.grace
        self.holdings: dict[str, Grant] = {}
        self.keep_cleared = keep_cleared if policy.name == "nls" else 0
        self.peak = 0
        self._emit, self._deadlines = emit, deadlines

    @property
    def held(self) -> int:
        return len(self.holdings)

    def has_room(self, unit: str | None) -> bool:
        """Whether *unit* could be acquired now."""
        return unit is None or unit in self.holdings or self.held < self.limit

    def acquire(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        """Grant *unit*, or count one more use of it. Raises NoRoom, and then nothing has changed."""
        grant = self.holdings.get(unit)
        if grant:
            grant.uses += 1
            grant.until = None
            return
        if self.held >= self.limit:
            raise NoRoom
        self.holdings[unit] = Grant(now, 1)
        self.peak = max(self.peak, self.held)
        self._emit("grant", {**about, "unit": unit, "cause": cause})

    def release(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        """One use of *unit* has ended; after the last one it is released, or stays assigned for a while."""
        grant = self.holdings[unit]
        grant.uses -= 1
        if grant.uses:
            return
        keeps = self.policy.keeps or (self.keep_cleared if cause == "cleared" else 0)
        if keeps:
            grant.until = now + keeps
            if grant.entry is None:  # else that entry is earlier, and enters the new end when it is due
                self._enter(grant, unit, grant.until)
        else:
            del self.holdings[unit]
            self._emit("release", {**about, "unit": unit, "cause": cause})

    def reset(self) -> None:
        """Release the remaining units, which are unused assignments, and begin a new peak."""
        for unit in list(self.holdings):
            self._release(unit, "reset")
        self.peak = 0

    def _expire(self, at: int, unit: str, now: int) -> None:
        """The assignment of *unit* ends, unless the unit was acquired again meanwhile."""
        grant = self.holdings.get(unit)
        if grant is None or grant.entry != at:
            return
        grant.entry = None
        if grant.until == at:
            self._release(unit, "expired")
        elif grant.until is not None:
            self._enter(grant, unit, grant.until)

    def _enter(self, grant: Grant, unit: str, until: int) -> None:
        """Enter the end of an assignment among the deadlines."""
        grant.entry = until
        self._deadlines.add(until, self._expire, unit)

    def _release(self, unit: str, cause: str) -> None:
        """Release an assignment that no connection uses."""
        del self.holdings[unit]
        about = {"user": unit.removeprefix("user:")} if self.policy.by_user else {}
        self._emit("release", {**about, "unit": unit, "cause": cause})
