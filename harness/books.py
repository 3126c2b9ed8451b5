"""The books of a server, audited line by line.

Rules of this file:

* ``held`` is grants minus releases after every line, never below 0, never over the limit.
* A grant is followed by the state that holds it, a state that no longer holds a unit by its release; a
  line that is missing is named by the one that asked for it.
* Where the server says that it keeps the units of cleared connections, such a unit is out until it has expired, and
  not a moment less; a busy machine may be a second of real time late. A server that is down lets nothing expire.
* A torn or missing end is tolerated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from fakenw.ledger import POLICIES, Policy
from fakenw.records import SECOND, Journal, Record
from fakenw.sentences import harmless
from harness.history import microseconds


@dataclass(frozen=True, slots=True)
class Problem:
    """Where the books do not balance. ``str()`` names the file and the line."""

    check: str  # books_balance or never_over_limit
    journal: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.journal}:{self.line}: {self.check}: {self.text}"


@dataclass(slots=True)
class _Account:
    """What the books know of one serial. ``due`` is the event that its next line must be."""

    state: str | None = "gone"
    units: set[str] = field(default_factory=set)
    closed: bool = False
    due: str | None = None
    since: tuple[int, int] = (0, 0)  # line and t of what made it due
    why: str = ""


class _Books:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.problems: list[Problem] = []
        self._policy: Policy | None = None
        self._begin()

    def _begin(self) -> None:
        """A server knows nothing of its earlier lives."""
        self._accounts: dict[int, _Account] = {}
        self._out: dict[str, int | None] = {}  # unit -> serial
        self._kept: dict[str, tuple[int, int]] = {}  # unit of a cleared connection -> line, and when it expires
        self._keep_cleared = self._late = 0
        self._down = False
        self._t = self._balance = self._off = 0
        self._over = self._below = self._stopped = False

    def audit(self) -> list[Problem]:
        for line, record in enumerate(self._journal.records, 1):
            if record.event == "start":
                self._overdue()
                self._begin()
                self._policy = POLICIES.get(str(record.get("policy")))
                if record.get("policy") == "nls":
                    self._keep_cleared = microseconds(record.get("keep_cleared")) or 0
                self._late = microseconds(record.get("speed")) or 0  # a second of real time
            self._line(line, record)
        self._overdue()
        return sorted(self.problems, key=lambda problem: problem.line)

    def _line(self, line: int, record: Record) -> None:
        if record.t < self._t:
            self._problem(line, f"the clock ran backwards, from {self._t / SECOND:.6f} to {record.t / SECOND:.6f}")
        self._t = max(self._t, record.t)
        serial = record.get("serial")
        account = self._account(line, record, serial) if isinstance(serial, int) else _Account(None)
        match record.event:
            case "grant":
                self._grant(line, record, serial, account)
            case "release":
                self._release(line, record, serial, account)
            case "state":
                self._state(line, record, serial, account)
            case "close":
                if account.units and not self._by_user():
                    self._problem(line, f"serial {serial} ended, but {_names(account.units)} is still held")
                account.closed = True
            case "operator" if record.get("action") == "down":
                self._down = True
            case "stop":
                self._stop(line, record)
        self._held(line, record)

    def _account(self, line: int, record: Record, serial: int) -> _Account:
        account = self._accounts.get(serial)
        if record.event == "create":
            if account:
                self._problem(line, f"serial {serial} was used before")
            account = self._accounts[serial] = _Account()
        elif account is None:
            self._problem(line, f"serial {serial} was never created")
            account = self._accounts[serial] = _Account(None)
        elif account.closed:
            self._problem(line, f"{harmless(record.event)} of serial {serial} after its close")
        # A file is shut between the grant and the state that ends it.
        if account.due and not (account.due == "state" and record.event == "shut"):
            if account.due != record.event:
                self._problem(account.since[0], account.why)
                account.units.clear()  # told once
            account.due = None
        return account

    def _grant(self, line: int, record: Record, serial: int | None, account: _Account) -> None:
        unit = str(record.get("unit"))
        self._balance += 1
        if unit in self._out:
            self._problem(line, f"{harmless(unit)} was granted twice")
        self._out[unit] = serial
        account.units.add(unit)
        self._due(account, "state", line, record, f"{harmless(unit)} was granted, but no state follows that holds it")

    def _release(self, line: int, record: Record, serial: int | None, account: _Account) -> None:
        unit = str(record.get("unit"))
        self._balance -= 1
        if unit not in self._out:
            self._problem(line, f"{harmless(unit)} was released, but nobody held it (released twice?)")
            return
        owner = self._out.pop(unit)
        if unit in self._kept:
            _, expires = self._kept.pop(unit)
            if record.get("cause") != "reset" and (record.t < expires or record.get("cause") != "expired"):
                self._problem(line, f"{harmless(unit)} of a cleared connection was released before it had expired")
        elif owner != serial and not self._by_user():
            self._problem(line, f"{harmless(unit)} was granted to serial {owner}, but released by serial {serial}")
        account.units.discard(unit)

    def _state(self, line: int, record: Record, serial: int | None, account: _Account) -> None:
        before, after = str(record.get("from")), str(record.get("to"))
        who = f"serial {serial} went from {harmless(before)} to {harmless(after)} ({harmless(record.get('cause'))})"
        if account.state is not None and account.state != before:
            self._problem(line, f"{who}, but it was {harmless(account.state)}")
        account.state = after
        if after in self._holding():
            unit = f"user:{record.get('user')}"
            if not (unit in self._out if self._by_user() else account.units):
                self._problem(line, f"{who} without a grant")
        elif self._keep_cleared and record.get("cause") == "cleared" and not self._by_user():
            self._kept |= dict.fromkeys(account.units, (line, record.t + self._keep_cleared))
            account.units.clear()
        elif account.units and not self._by_user():
            why = f"{who}, but {_names(account.units)} is still held: no release follows"
            self._due(account, "release", line, record, why)

    def _stop(self, line: int, record: Record) -> None:
        self._stopped = True
        holders = record.get("holders")
        told = {str(h.get("serial")) for h in holders if isinstance(h, dict)} if isinstance(holders, list) else set()
        if self._by_user():  # a user's unit may have outlived every connection of the user
            held = {str(serial) for serial, account in self._accounts.items() if account.state in self._holding()}
        else:
            held = {str(serial) for unit, serial in self._out.items() if unit not in self._kept}
        if told != held:
            self._problem(line, f"stop names the holders {_names(told)}, but {_names(held)} hold a unit")

    def _held(self, line: int, record: Record) -> None:
        """The running balance; a difference is told where it begins, not on every line after it."""
        held, limit = record.get("held"), record.get("limit")
        if not isinstance(held, int) or not isinstance(limit, int):
            self._problem(line, "expected the numbers held and limit")
            return
        if held - self._balance != self._off:
            self._problem(line, f"held is {held}, but grants minus releases make {self._balance}")
        over, below = max(held, self._balance) > limit, min(held, self._balance) < 0
        if over and not self._over:
            self._problem(line, f"{max(held, self._balance)} units held, the limit is {limit}", "never_over_limit")
        if below and not self._below:
            self._problem(line, f"{min(held, self._balance)} units held: more was released than granted")
        self._off, self._over, self._below = held - self._balance, over, below

    def _due(self, account: _Account, event: str, line: int, record: Record, why: str) -> None:
        account.due, account.since, account.why = event, (line, record.t), why

    def _overdue(self) -> None:
        """At the end: what was due is missing, unless the journal broke off in that very instant."""
        for unit, (line, expires) in self._kept.items():
            if expires + self._late < self._t and not self._down:
                self._problem(line, f"{harmless(unit)} of a cleared connection never expired: no release follows")
        for account in self._accounts.values():
            if account.due and (self._stopped or account.since[1] < self._t):
                self._problem(account.since[0], account.why)

    def _holding(self) -> Collection[str]:
        return self._policy.holding if self._policy else ()

    def _by_user(self) -> bool:
        return self._policy is not None and self._policy.by_user

    def _problem(self, line: int, text: str, check: str = "books_balance") -> None:
        self.problems.append(Problem(check, self._journal.name, line, text))


def _names(items: Iterable[object]) -> str:
    return ", ".join(sorted(harmless(item) for item in items)) or "none"


def books_balance(journal: Journal) -> list[Problem]:
    """Audit a server's journal: held = grants - releases, 0 <= held <= limit, and every move has its pair."""
    return _Books(journal).audit()
