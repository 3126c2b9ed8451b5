"""The ledger: who holds a license, and which policy says so.

Rules of this file:

* A *unit* is what the limit counts. Its name says what holds it: ``connection:17`` (a serial) or,
  where users are counted, ``user:JOE``.
* The policy alone says which unit a connection needs in a state. The ledger alone grants and
  releases, and reports every move. Nothing else may touch ``held``.
* A unit that is kept for a while after its last use is released with the cause ``expired``: a user's assignment under
  ``ual``, and where that is set a cleared connection's unit under ``nls``.
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
    """One granted unit: since when, by how many connections, and when an unused assignment ends."""

    since: int
    uses: int
    until: int | None = None


Emit = Callable[[str, dict[str, Any]], None]


class Ledger:
    """Grants and releases units up to *licenses*, and reports every move through *emit*."""

    def __init__(self, policy: Policy, licenses: int, emit: Emit, deadlines: Deadlines, keep_cleared: int = 0) -> None:
        self.policy = policy
        self.limit = licenses or policy.grace
        self.holdings: dict[str, Grant] = {}
        self.keep_cleared = keep_cleared if policy.name == "nls" else 0
        self.peak = 0
        self._emit, self._deadlines = emit, deadlines

    @property
    def held(self) -> int:
        """How many units are out."""
        return len(self.holdings)

    def has(self, unit: str | None) -> bool:
        """Whether taking *unit* would succeed now."""
        return unit is None or unit in self.holdings or self.held < self.limit

    def acquire(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        """Grant *unit*, or count one more use of it. Raises NoRoom, and then nothing has changed."""
        holding = self.holdings.get(unit)
        if holding:
            holding.uses += 1
            holding.until = None
            return
        if self.held >= self.limit:
            raise NoRoom
        self.holdings[unit] = Grant(now, 1)
        self.peak = max(self.peak, self.held)
        self._emit("grant", {**about, "unit": unit, "cause": cause})

    def release(self, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        """One use of *unit* has ended; after the last one it is released, or kept for a while."""
        holding = self.holdings[unit]
        holding.uses -= 1
        if holding.uses:
            return
        keeps = self.policy.keeps or (self.keep_cleared if cause == "cleared" else 0)
        if keeps:
            holding.until = now + keeps
            self._deadlines.add(holding.until, self._expire, unit)
        else:
            del self.holdings[unit]
            self._emit("release", {**about, "unit": unit, "cause": cause})

    def reset(self) -> None:
        """Release what is still out: assignments that nobody uses. The peak is of what comes."""
        for unit in list(self.holdings):
            self._release(unit, "reset")
        self.peak = 0

    def _expire(self, at: int, unit: str, now: int) -> None:
        """The assignment of *unit* ends, unless the unit was taken again meanwhile."""
        holding = self.holdings.get(unit)
        if holding is not None and holding.until == at:
            self._release(unit, "expired")

    def _release(self, unit: str, cause: str) -> None:
        """Release an assignment that no connection uses."""
        del self.holdings[unit]
        about = {"user": unit.removeprefix("user:")} if self.policy.by_user else {}
        self._emit("release", {**about, "unit": unit, "cause": cause})
