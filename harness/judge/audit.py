"""The books of a server, audited line by line.

Rules of this file:

* A line is compared with the fold of the lines before it (``fakenw.journal.fold``), its ``held`` with that after it.
* ``held`` is grants minus releases after every line, never below 0, never over the limit.
* A grant is followed by the state that holds it, a state that no longer holds a unit by its release; the problem of a
  missing line names the line that required it.
* Where the server keeps the units of cleared connections, such a unit is held until it expires, at most a second of
  real time late. On a server that is down no unit expires.
* A torn or missing end is tolerated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from fakenw.journal.fold import Fold, ServiceConnection
from fakenw.journal.record import SECOND, Journal, Record, microseconds
from fakenw.journal.sentences import harmless


@dataclass(frozen=True, slots=True)
class Problem:
    """A line at which the books do not balance. ``str()`` names the file and the line."""

    check: str  # books_balance or never_over_limit
    journal: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.journal}:{self.line}: {self.check}: {self.text}"


class Balance:
    """The running balance; a difference is reported where it begins, not on every line after it."""

    def __init__(self) -> None:
        self._off = 0
        self._over = self._below = False

    def after(self, record: Record, fold: Fold) -> list[tuple[str, str]]:
        """The problems of ``held`` of a line that *fold* has seen: names of checks, each with a sentence."""
        held, limit = record.get("held"), record.get("limit")
        if not isinstance(held, int) or not isinstance(limit, int):
            return [("books_balance", "expected the numbers held and limit")]
        most, least, off = max(held, fold.held), min(held, fold.held), held - fold.held
        found = []
        if off != self._off:
            found.append(("books_balance", f"held is {held}, but grants minus releases make {fold.held}"))
        if most > limit and not self._over:
            found.append(("never_over_limit", f"{most} units held, the limit is {limit}"))
        if least < 0 and not self._below:
            found.append(("books_balance", f"{least} units held: more was released than granted"))
        self._off, self._over, self._below = off, most > limit, least < 0
        return found


class _Due(NamedTuple):
    """The event of the next line of a serial; the line that requires it, its time, and the problem without it."""

    event: str
    line: int
    t: int
    why: str


class _Books:
    """The books of one incarnation of a server."""

    def __init__(self, name: str, start: Record) -> None:
        self._name = name
        self.problems: list[Problem] = []
        self._fold, self._balance = Fold(), Balance()
        self._known: dict[int, ServiceConnection] = {}  # by serial, those that have ended as well
        self._due: dict[int, _Due] = {}  # by serial
        # Units whose missing release was reported (None), or that await their expiry: the line, and its time.
        self._settled: dict[str, tuple[int, int] | None] = {}
        keeps = start.get("policy") == "nls"
        self._keep_cleared = microseconds(start.get("keep_cleared")) or 0 if keeps else 0
        self._late = microseconds(start.get("speed")) or 0  # a second of real time
        self._down = False

    def line(self, line: int, record: Record) -> None:
        """Audit the next line."""
        fold, serial = self._fold, record.get("serial")
        if record.t < fold.end:
            self._problem(line, f"the clock ran backwards, from {fold.end / SECOND:.6f} to {record.t / SECOND:.6f}")
        known = self._look_up(line, record, serial) if isinstance(serial, int) else None
        mine = known.units.difference(self._settled) if known else frozenset()
        match record.event:
            case "grant":
                self._grant(line, record, serial)
            case "release":
                self._release(line, record, serial)
            case "state":
                self._state(line, record, known, mine)
            case "close" if mine and not fold.policy.by_user:
                self._problem(line, f"serial {serial} ended, but {_names(mine)} is still held")
            case "operator" if record.get("action") == "down":
                self._down = True
        connection = fold.saw(record)
        if record.event == "stop":
            self._stop(line)
        if connection and (known is None or record.event == "create"):
            self._known[connection.serial] = connection
        for check, text in self._balance.after(record, fold):
            self._problem(line, text, check)

    def _look_up(self, line: int, record: Record, serial: int) -> ServiceConnection | None:
        """The connection of a line; a problem if the line may not come now."""
        known = self._known.get(serial)
        if record.event == "create":
            if known:
                self._problem(line, f"serial {serial} was used before")
        elif known is None:
            self._problem(line, f"serial {serial} was never created")
        elif known.ended is not None:
            self._problem(line, f"{harmless(record.event)} of serial {serial} after its close")
        due = self._due.get(serial)
        # A file is shut between the grant and the state that ends it.
        if due and not (due.event == "state" and record.event == "shut"):
            del self._due[serial]
            if due.event != record.event:
                self._problem(due.line, due.why)
                self._settled = dict.fromkeys(known.units if known else ()) | self._settled  # reported once
        return known

    def _grant(self, line: int, record: Record, serial: int | None) -> None:
        unit = str(record.get("unit"))
        if unit in self._fold.units:
            self._problem(line, f"{harmless(unit)} was granted twice")
        self._settled.pop(unit, None)
        self._next(serial, "state", line, record, f"{harmless(unit)} was granted, but no state follows that holds it")

    def _release(self, line: int, record: Record, serial: int | None) -> None:
        unit, held = str(record.get("unit")), self._fold.units
        if unit not in held:
            self._problem(line, f"{harmless(unit)} was released, but was not held (released twice?)")
        elif expiry := self._settled.pop(unit, None):
            if record.get("cause") != "reset" and (record.t < expiry[1] or record.get("cause") != "expired"):
                self._problem(line, f"{harmless(unit)} of a cleared connection was released before it had expired")
        elif held[unit] != serial and not self._fold.policy.by_user:
            self._problem(line, f"{harmless(unit)} was granted to serial {held[unit]}, but released by serial {serial}")

    def _state(self, line: int, record: Record, known: ServiceConnection | None, mine: frozenset[str]) -> None:
        policy, serial = self._fold.policy, record.get("serial")
        before, after, cause = str(record.get("from")), str(record.get("to")), record.get("cause")
        move = f"serial {serial} went from {harmless(before)} to {harmless(after)} ({harmless(cause)})"
        if known and known.state is not None and known.state != before:
            self._problem(line, f"{move}, but it was {harmless(known.state)}")
        if after in policy.holding:
            if not (f"user:{record.get('user')}" in self._fold.units if policy.by_user else mine):
                self._problem(line, f"{move} without a grant")
        elif policy.by_user:
            return
        elif self._keep_cleared and cause == "cleared":
            self._settled |= dict.fromkeys(mine, (line, record.t + self._keep_cleared))
        elif mine:
            why = f"{move}, but {_names(mine)} is still held: no release follows"
            self._next(serial, "release", line, record, why)

    def _stop(self, line: int) -> None:
        fold = self._fold
        named = {str(holder.get("serial")) for holder in fold.holders or ()}
        if fold.policy.by_user:  # a user's unit may have outlived every connection of the user
            held = {str(serial) for serial, known in self._known.items() if known.state in fold.policy.holding}
        else:
            held = {str(serial) for unit, serial in fold.units.items() if not self._settled.get(unit)}
        if named != held:
            self._problem(line, f"stop names the holders {_names(named)}, but {_names(held)} hold a unit")

    def _next(self, serial: int | None, event: str, line: int, record: Record, why: str) -> None:
        if isinstance(serial, int):
            self._due[serial] = _Due(event, line, record.t, why)

    def close(self) -> None:
        """Report the lines that are missing at the end, unless the journal ends at the time of the line before."""
        fold = self._fold
        for unit, expiry in self._settled.items():
            if expiry and expiry[1] + self._late < fold.end and not self._down:
                self._problem(expiry[0], f"{harmless(unit)} of a cleared connection never expired: no release follows")
        for due in self._due.values():
            if fold.holders is not None or due.t < fold.end:
                self._problem(due.line, due.why)

    def _problem(self, line: int, text: str, check: str = "books_balance") -> None:
        self.problems.append(Problem(check, self._name, line, text))


def _names(items: Iterable[object]) -> str:
    return ", ".join(sorted(harmless(item) for item in items)) or "none"


def books_balance(journal: Journal) -> list[Problem]:
    """Audit a server's journal: held = grants - releases, 0 <= held <= limit, and every transition is complete."""
    problems: list[Problem] = []
    for first, records in journal.incarnations():
        books = _Books(journal.name, records[0])
        for line, record in enumerate(records, first):
            books.line(line, record)
        books.close()
        problems += books.problems
    return sorted(problems, key=lambda problem: problem.line)
