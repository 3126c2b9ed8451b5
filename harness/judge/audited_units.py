"""The units in the audit: which are held, by which connections, and until when an unused one is kept.

Rules of this file:

* A unit is granted, used by connections, and released after its last use, or kept for a while: a user's assignment
  under ``ual``, a cleared connection's unit where the server says so.
* A method returns what is wrong, and then believes the line.
* Of a unit whose grant was reconstructed (``harness.judge.cut_journal``) the uses are not all known, so that nothing is
  said about its end.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from fakenw.journal.record import Record
from fakenw.journal.sentences import harmless
from harness.judge.audited_connection import seconds


@dataclass(slots=True)
class HeldUnit:
    """A unit that was granted at *since*. An unused one is kept until *until* (None: not known)."""

    since: int
    serial: int | None
    sure: bool
    uses: set[int] = field(default_factory=set)
    until: int | None = None
    line: int = 0  # of its last use


class AuditedUnits:
    """The units of one incarnation of a server."""

    def __init__(self, by_user: bool) -> None:
        self.held: dict[str, HeldUnit] = {}
        self._by_user = by_user

    def grant(self, record: Record, serial: int | None, *, sure: bool) -> str | None:
        """A ``grant`` line."""
        unit = record.get("unit")
        wrong = None
        if not isinstance(unit, str):
            wrong = f"expected the unit that was granted, not {harmless(unit)}"
        elif unit in self.held:
            wrong = f"{harmless(unit)} was granted twice"
        self.held[str(unit)] = HeldUnit(record.t, serial, sure)
        return wrong

    def use(self, unit: str, serial: int) -> None:
        held = self.held[unit]
        held.uses.add(serial)
        held.until = None

    def leave(self, unit: str, serial: int) -> bool:
        """A use has ended. Returns whether it was the last one of a unit that is held."""
        held = self.held.get(unit)
        if held is None:
            return False
        held.uses.discard(serial)
        return not held.uses

    def keep(self, unit: str, line: int, until: int) -> None:
        """An unused unit stays held until *until*."""
        held = self.held[unit]
        held.line, held.until = line, until if held.sure else None

    def release(self, record: Record, serial: int | None, due: str | None, *, resetting: bool) -> str | None:
        """A ``release`` line; *due* is the unit that the transition before it must release."""
        unit, cause = record.get("unit"), record.get("cause")
        held = self.held.pop(str(unit), None)
        name = harmless(unit)
        if held is None or not isinstance(unit, str):
            return f"{name} was released, but was not held (released twice?)"
        if unit == due:
            return None
        if cause == "reset" and resetting and not held.uses and serial is None:
            return None
        if serial is not None and held.serial != serial and not self._by_user:
            return f"{name} was granted to serial {held.serial}, but released by serial {serial}"
        if held.uses:
            return f"{name} was released ({harmless(cause)}), but is used by serial {_numbers(held.uses)}"
        if serial is not None or cause != "expired":
            return f"{name} of a cleared connection was released before it had expired ({harmless(cause)})"
        if held.until is None:
            return f"{name} expired, but was not kept" if held.sure else None
        what = "an assignment" if self._by_user else "a cleared connection"
        early = f"{name} of {what} was released before it had expired, at {seconds(held.until)}"
        return early if record.t < held.until else None

    def too_late(self, unit: str, t: int, times: list[int], second: int) -> str | None:
        """Whether a kept unit is used or released at *t*, more than a *second* after it had to expire.

        A line, of those at *times*, must show that the server ran meanwhile.
        """
        held = self.held.get(unit)
        if held is None or held.until is None:
            return None
        n = bisect_right(times, held.until + second)
        if n == len(times) or times[n] + second >= t:
            return None
        return f"{harmless(unit)} should have expired at {seconds(held.until)}, not later"

    def expired(self, end: int) -> list[tuple[int, str]]:
        """The units that should have expired before *end*: the line of their last use, each with a sentence."""
        what = "an assignment" if self._by_user else "a cleared connection"
        return [
            (held.line, f"{harmless(unit)} of {what} never expired: no release follows")
            for unit, held in self.held.items()
            if held.until is not None and held.until < end
        ]


def _numbers(serials: set[int]) -> str:
    return ", ".join(map(str, sorted(serials)))
