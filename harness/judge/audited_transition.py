"""The transitions of connections in the audit: their lines, the order of these, and the units that they move.

Rules of this file:

* The lines of one transition follow one another without another line between, in this order: create, grant, shut,
  state, release, close. The clear of an operator, and the end of the watchdog's patience, come directly before it.
* They have one cause and one user. The problem of a missing line names the line that required it.
* What is wrong is told, and then the line is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fakenw.journal.record import Record
from fakenw.journal.sentences import harmless
from harness.judge.audited_connection import BY_REQUEST, FILE_CLOSED, AuditedConnection, seconds
from harness.judge.audited_units import AuditedUnits
from harness.judge.policy_rules import PolicyRule

_STATES = ("attached", "authenticated", "licensed")
_MOVES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # by cause: from one of these states to one of those
    "create": (("gone",), ("attached",)),
    "login": (_STATES, ("licensed", "authenticated")),  # the latter in a tree
    "request": (("authenticated",), ("licensed",)),
    "service": (("authenticated",), ("licensed",)),
    "unlicense": (("licensed",), ("authenticated",)),
    "logout": (("authenticated", "licensed"), ("attached",)),
    **dict.fromkeys(
        ("destroy", "lost", "stalled", "bad-signature", "watchdog", "cleared", "reinitialize", "idle-policy", "busy"),
        (_STATES, ("gone",)),
    ),
}
_NOT_UNDER_ATTACH = ("request", "unlicense")  # NetWare 3.x has no such request


@dataclass(slots=True)
class OpenTransition:
    """What must follow the last line directly: one of *events* of that serial, with that cause.

    *why* is the problem of *line* where nothing follows.
    """

    serial: int
    line: int
    t: int
    why: str
    cause: object
    user: object
    events: tuple[str, ...] = ("shut", "state")
    granted: str | None = None  # by a line before
    shuts: bool = False  # a file was shut by a line before
    release: str | None = None  # the unit that must be released
    ends: bool = False  # the connection
    at_once: bool = True  # all of it has one time


class AuditedTransitions:
    """The transitions of one incarnation of a server.

    *keep_cleared*: microseconds for which the unit of a cleared connection is kept, None: not known. *tell* is called
    with a line and its problem.
    """

    def __init__(
        self, rule: PolicyRule, *, attach: bool, keep_cleared: int | None, tell: Callable[[int, str], None]
    ) -> None:
        self.open: OpenTransition | None = None
        self.units = AuditedUnits(rule.holder == "user")
        self._rule, self._attach, self._keep_cleared, self._tell = rule, attach, keep_cleared, tell

    def follows(self, record: Record) -> OpenTransition | None:
        """The transition that *record* continues, which is open no longer."""
        before, self.open = self.open, None
        if before is None:
            return None
        mine = record.get("serial") == before.serial
        if not mine or record.event not in before.events:
            self._tell(before.line, before.why)
            return before if mine and before.ends and record.event == "close" else None
        return before

    def expect(
        self, known: AuditedConnection, line: int, record: Record, cause: str, why: str, *, at_once: bool = True
    ) -> None:
        """A transition of *known* must follow, in the same moment if *at_once*."""
        why += ", but no state follows"
        self.open = OpenTransition(known.serial, line, record.t, why, cause, known.user, at_once=at_once)

    def created(self, known: AuditedConnection, line: int, record: Record) -> None:
        self.expect(known, line, record, "create", f"{known} was created")
        assert self.open is not None
        self.open.events = ("grant", "state")

    def grant(self, line: int, record: Record, known: AuditedConnection | None, before: OpenTransition | None) -> None:
        unit = harmless(record.get("unit"))
        if wrong := self.units.grant(record, known.serial if known else None, sure=True):
            self._tell(line, wrong)
        if known is None:
            return
        if record.get("cause") == "create" and before is None and known.whole:
            self._tell(line, f"{unit} was granted (create), but no create is before it")
        self._goes_on(line, record, known, before, f"{unit} was granted, but no state follows that holds it")
        assert self.open is not None
        self.open.granted = str(record.get("unit"))

    def shut(self, line: int, record: Record, known: AuditedConnection, before: OpenTransition | None) -> None:
        self._told(line, known.shuts(record))
        cause = record.get("cause")
        if str(cause) in FILE_CLOSED and before is None:
            self._told(line, known.requests(record))
            self._told(line, known.of_user(record, known.user))
            return
        if str(cause) not in _MOVES:
            self._tell(line, f"expected the cause of a shut, not {harmless(cause)}")
        elif _MOVES[str(cause)][1] == ("licensed",):
            self._tell(line, f"{known} is licensed ({harmless(cause)}), and a file was shut, which that does not do")
        granted = before.granted if before else None
        path = harmless(record.get("path"))
        why = f"{path} of {known} was shut ({harmless(cause)}), but no state follows"
        if granted is not None:
            why = f"{harmless(granted)} was granted, but no state follows that holds it"
        self._goes_on(line, record, known, before, why)
        assert self.open is not None
        self.open.granted, self.open.shuts = granted, True

    def state(self, line: int, record: Record, known: AuditedConnection, before: OpenTransition | None) -> None:
        get, serial = record.get, known.serial
        was, to, cause = str(get("from")), str(get("to")), str(get("cause"))
        move = f"serial {serial} went from {harmless(was)} to {harmless(to)} ({harmless(cause)})"
        self._same(line, record, known, before)
        if known.state != was:
            self._tell(line, f"{move}, but it was {harmless(known.state)}")
        origins, targets = _MOVES.get(cause, ((), ()))
        absent = (self._attach and cause in _NOT_UNDER_ATTACH) or (cause == "create" and before is None and known.whole)
        unseen = get("sure") == "unknown"  # of a capture: a part of the way is missing from it
        if (was not in origins or to not in targets or absent) and not unseen:
            self._tell(line, f"{move}, which that cause does not do")
        if to == "licensed" and before is not None and before.shuts:
            self._tell(line, f"{move}, and a file was shut, which that does not do")
        if to != "licensed" and known.files:
            self._tell(
                line, f"{move}, but {harmless(next(iter(known.files.values())))} is still open: no shut before it"
            )
            known.files.clear()
        held, unit = known.unit, self._rule.unit(to, serial, get("user"))
        granted = before.granted if before else None
        if cause == "idle-policy" and held is None and known.whole:
            self._tell(line, f"{move}, but it held no unit")
        if granted is not None and (granted != unit or granted == held):
            self._tell(line, f"{harmless(granted)} was granted, but {move}, which does not need it")
        if unit is not None and unit not in self.units.held:
            self._tell(line, f"{move} without a grant")
            unit = None
        if unit is not None:
            self.units.use(unit, serial)
        known.unit, known.state, known.user_known, known.had_unit = unit, to, True, held is not None
        known.user = get("user") if to in ("authenticated", "licensed") else None
        known.login_state = (record.t, to) if cause == "login" else None
        self._leave(line, record, known, held, move)

    def _leave(self, line: int, record: Record, known: AuditedConnection, held: str | None, move: str) -> None:
        """Release or keep the unit *held* before a state, if that was its last use, and expect what follows."""
        cause, ends = record.get("cause"), known.state == "gone"
        why = f"{move}, but no close follows"
        made = OpenTransition(known.serial, line, record.t, why, cause, record.get("user"), ("close",), ends=ends)
        kept: int | None = self._rule.kept
        if not kept and cause == "cleared":
            kept = self._keep_cleared
        if held is not None and held != known.unit and self.units.leave(held, known.serial):
            if kept is None:  # it is not known whether
                made.release, made.events = held, ("close", "release")
                self.units.held[held].sure = False
            elif kept:
                self.units.keep(held, line, record.t + kept)
            else:
                made.release, made.events = held, ("release",)
                made.why = f"{move}, but {harmless(held)} is still held: no release follows"
        self.open = made if ends or made.release is not None else None

    def believe(self, record: Record, known: AuditedConnection) -> None:
        """A reconstructed state."""
        known.state, known.user = str(record.get("to")), record.get("user")
        unit = self._rule.unit(known.state, known.serial, known.user)
        if unit is not None and unit in self.units.held:
            known.unit = unit
            self.units.use(unit, known.serial)

    def release(
        self,
        line: int,
        record: Record,
        known: AuditedConnection | None,
        before: OpenTransition | None,
        *,
        resetting: bool,
    ) -> None:
        unit, due = record.get("unit"), before.release if before else None
        if wrong := self.units.release(record, known.serial if known else None, due, resetting=resetting):
            self._tell(line, wrong)
        if due is not None and due in self.units.held:
            self._tell(line, f"expected the release of {harmless(due)}, not of {harmless(unit)}")
            del self.units.held[due]
        if known is None and self._rule.holder == "user" and unit != f"user:{record.get('user')}":
            self._tell(line, f"{harmless(unit)} is not of user {harmless(record.get('user'))}")
        if known is None or before is None:
            return
        self._same(line, record, known, before)
        if before.ends:
            self.open = before
            before.line, before.release, before.events = line, None, ("close",)
            before.why = f"{known} is gone ({harmless(before.cause)}), but no close follows"

    def close(self, line: int, record: Record, known: AuditedConnection, before: OpenTransition | None) -> None:
        if before is not None:
            self._same(line, record, known, before)
        elif known.whole or known.state != "gone":
            held = known.unit if self._rule.holder == "connection" else None
            self._tell(line, f"close of {known}, but no state to gone before it")
            if held is not None:
                self._tell(line, f"{known} ended, but {harmless(held)} is still held")

    def _goes_on(
        self, line: int, record: Record, known: AuditedConnection, before: OpenTransition | None, why: str
    ) -> None:
        """A shut or a state must follow."""
        self._same(line, record, known, before)
        self.open = OpenTransition(known.serial, line, record.t, why, record.get("cause"), record.get("user"))

    def _same(self, line: int, record: Record, known: AuditedConnection, before: OpenTransition | None) -> None:
        """Compare cause and user with those of the transition before the line."""
        cause = record.get("cause")
        if before is None:
            if str(cause) in BY_REQUEST:
                self._told(line, known.requests(record))
            if cause != "login" or not isinstance(record.get("user"), str):
                self._told(line, known.of_user(record, known.user))
            return
        if before.at_once and record.t != before.t:
            self._tell(line, f"{record.event} of {known} is not at {seconds(before.t)}, as the line before it")
        if cause != before.cause:
            told = f"{record.event} of {known} has the cause {harmless(cause)}"
            self._tell(line, f"{told}, the line before it {harmless(before.cause)}")
        self._told(line, known.of_user(record, before.user))

    def _told(self, line: int, problems: Iterable[str]) -> None:
        for text in problems:
            self._tell(line, text)
