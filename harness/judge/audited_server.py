"""One incarnation of a server in the audit.

Rules of this file:

* Every line is compared with the lines before it. What is wrong is told, and then the line is believed.
* The limit changes with ``operator set`` only. A clear, a reset and the end of the watchdog's patience are told before
  the transitions that they cause.
* A kept unit expires, and an idle connection is told to be idle, later only by the real time that a busy machine may
  need. On a server that is down no deadline is met.
* A journal made from a capture has no limit, no operators that no packet shows, and handles of any server.
* A line of a reconstructed beginning is believed, and what such a journal cannot have is not missed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable

from fakenw.journal.record import Record, microseconds
from fakenw.journal.sentences import harmless
from harness.judge.audited_connection import BY_REQUEST, GIVEN_UP, AuditedConnection, seconds
from harness.judge.audited_faults import AuditedFaults
from harness.judge.audited_fields import is_whole, missing
from harness.judge.audited_logins import AuditedLogins
from harness.judge.audited_operators import acts, sets
from harness.judge.audited_transition import AuditedTransitions, OpenTransition
from harness.judge.policy_rules import RULES, PolicyRule

FORGOTTEN = "forgotten"  # the cause of a reconstructed line
IDLE_LATE = 10  # seconds of real time that an idle line may be late; a kept unit may be late by one

_OF_CONNECTIONS = frozenset({"create", "grant", "state", "open", "shut", "idle", "busy", "watchdog", "close"})
_OF_CONNECTIONS |= {"unsupported", "login", "login-failed", "bad-signature"}  # always about a connection
_EXECUTED = frozenset({"create", "open", "deny", "login", "login-failed", "unsupported"})  # never while it is down
_CLEARS = frozenset({"shut", "state", "release", "close"})  # events of a reset


class AuditedServer:
    """The books of one incarnation, which begins with *start*. *tell* is called with a line and its problem."""

    def __init__(self, start: Record, tell: Callable[[int, str], None]) -> None:
        get = start.get
        self.held = 0  # grants minus releases
        self._tell = tell
        self._reconstructed = get("cause") == FORGOTTEN
        self._captured = get("source") == "capture"  # what stands on no wire is not asked for
        self._complete = "instance" in start.fields  # of a server that writes every field
        self._name, self._limit = get("server"), get("limit")
        self._rule = RULES.get(str(get("policy")), PolicyRule(()))
        self._attached_counts = "attached" in self._rule.states
        self._idle_after = microseconds(get("idle_after"))
        keep = microseconds(get("keep_cleared")) if self._rule.keeps_cleared else 0
        if keep is None and not self._reconstructed:
            keep = 0
        self._transitions = AuditedTransitions(
            self._rule,
            attach=get("policy") == "attach" and not self._captured,
            keep_cleared=keep,
            tell=tell,
        )
        self._second = microseconds(get("speed")) or 0  # a second of real time
        self._faults = AuditedFaults(self._second, reconstructed=self._reconstructed)
        self._connections: dict[int, AuditedConnection] = {}  # by serial
        self._numbers: dict[int, AuditedConnection] = {}  # by connection number
        self._ended: set[int] = set()  # serials
        self._last_serial: int | None = None
        self._times: list[int] = []  # of the lines
        self._down = self._was_down = self._stopped = False
        self._logins = AuditedLogins(lockable=str(get("release")).startswith("3"))
        self._reset: int | None = 0 if self._reconstructed else None  # the line of a reset that goes on; 0: is not here
        self._lost = self._reconstructed  # the line before is not in the journal
        self._reinitialized: AuditedConnection | None = None  # by the line before

    def line(self, line: int, record: Record) -> None:
        """Audit the next line."""
        event, forgotten = record.event, self._reconstructed and record.get("cause") == FORGOTTEN
        self._common(line, record)
        if self._complete and not forgotten:
            self._told(line, missing(record))
        serial = record.get("serial")
        if serial is not None and not is_whole(serial):
            self._tell(line, f"expected a serial, not {harmless(serial)}")
            serial = None
        before = self._transitions.follows(record)
        if self._reset is not None and not forgotten and not (before or self._goes_on_with_reset(record)):
            self._reset_is_over()
        known = None
        if serial is not None and event != "create":
            known = self._look_up(line, record, serial)
        elif serial is None and event in _OF_CONNECTIONS and not forgotten:
            self._tell(line, f"{event} without the serial of a connection")
        again, self._reinitialized = self._reinitialized, None
        match event:
            case "start":
                self._start(line, record)
            case "create" if serial is not None:
                self._create(line, record, serial, again, forgotten)
            case "grant":
                self.held += 1
                if forgotten:
                    self._transitions.units.grant(record, serial, sure=False)
                else:
                    self._transitions.grant(line, record, known, before)
            case "release":
                self.held -= 1
                if record.get("cause") == "expired":
                    self._kept_too_long(line, record, record.get("unit"))
                resetting = self._reset is not None
                self._transitions.release(line, record, known, before, resetting=resetting)
                self._asked_last(line, record, known)
            case "operator":
                self._operator(line, record, known)
            case "deny":
                self._deny(line, record, known)
            case "stop":
                self._stop(line, record)
            case _ if known is not None:
                self._about(line, record, known, before, forgotten)
        if self._down and (event in _EXECUTED or (event == "state" and str(record.get("cause")) in BY_REQUEST)):
            self._tell(line, f"{event} on a server that is down")
        if known is not None and event not in ("state", "release"):
            known.login_state = None
        if event == "state" and not forgotten:
            self._told(line, self._logins.moved(record))
            if record.get("cause") == "login":
                self._told(line, self._faults.logs_in(record.get("station")))
        if event == "fault" or self._faults.open:
            self._told(line, self._faults.line(record))
        self._lost = forgotten

    def close(self) -> None:
        """Report what should have happened before the end. Lines that are missing there are no problem."""
        self._expired(self._times[-1])

    def _expired(self, end: int) -> None:
        """Report the units that should have expired by *end*."""
        if not self._down:
            for line, text in self._transitions.units.expired(end - self._second):
                self._tell(line, text)

    def _kept_too_long(self, line: int, record: Record, unit: object) -> None:
        """Audit that a kept unit, which is used again or expires now, did not have to expire before."""
        wrong = self._transitions.units.too_late(str(unit), record.t, self._times, self._second)
        if wrong and not self._was_down:
            self._tell(line, wrong)

    def _common(self, line: int, record: Record) -> None:
        """Audit what every line has."""
        event, limit = record.event, record.get("limit")
        if self._times and record.t < self._times[-1]:
            was = seconds(self._times[-1])
            self._tell(line, f"the clock ran backwards, from {was} to {seconds(record.t)}")
        else:
            self._times.append(record.t)
        if self._stopped:
            self._tell(line, f"{harmless(event)} after the stop")
        if record.role != "server":
            self._tell(line, f"expected the role server, not {harmless(record.role)}")
        if record.get("server") != self._name or not isinstance(self._name, str):
            self._tell(line, f"expected the server {harmless(self._name)}, not {harmless(record.get('server'))}")
        if limit != self._limit and not (event == "operator" and record.get("action") == "set"):
            self._tell(line, f"the limit was {harmless(self._limit)} and is {harmless(limit)}: no operator set it")
            self._limit = limit

    def _start(self, line: int, record: Record) -> None:
        licenses, limit = record.get("licenses"), record.get("limit")
        if str(record.get("policy")) not in RULES:
            self._tell(line, f"no such policy: {harmless(record.get('policy'))}")
        if self._reconstructed:
            return
        if record.t:
            self._tell(line, f"expected a start at 0, not at {seconds(record.t)}")
        if self._captured:
            return
        if not is_whole(licenses) or limit != (licenses or self._rule.grace):
            self._tell(line, f"{harmless(licenses)} licenses do not make a limit of {harmless(limit)}")

    def _look_up(self, line: int, record: Record, serial: int) -> AuditedConnection | None:
        """The connection of a line; a problem if the line may not come now."""
        known = self._connections.get(serial)
        if known is not None:
            self._told(line, known.named(record))
        elif serial in self._ended:
            self._tell(line, f"{harmless(record.event)} of serial {serial} after its close")
        else:
            self._tell(line, f"serial {serial} was never created")
        return known

    def _create(self, line: int, record: Record, serial: int, again: AuditedConnection | None, forgotten: bool) -> None:
        number, station = record.get("connection"), record.get("station")
        if serial in self._connections or serial in self._ended:
            self._tell(line, f"serial {serial} was used before")
        elif not forgotten and self._last_serial is not None and serial != self._last_serial + 1:
            self._tell(line, f"serial {serial} follows {self._last_serial}: a create is missing or added")
        if not is_whole(number) or not isinstance(station, str):
            self._tell(line, f"expected connection and station of serial {serial}")
        elif number in self._numbers:
            self._tell(line, f"connection {number} is that of {self._numbers[number]}, which has not ended")
        same = again is not None and (again.number, again.station) == (number, station)
        if record.get("again", False) is not same and not self._lost:
            had = "attached anew" if same else "had no slot"
            self._tell(line, f"{harmless(station)} {had}, but again is {harmless(record.get('again'))}")
        if record.get("user") is not None or "user" not in record.fields:
            self._tell(line, f"serial {serial} has a user before its login: {harmless(record.get('user'))}")
        known = AuditedConnection(serial, number, station, record.t, counted=not self._captured)
        if forgotten:
            known = AuditedConnection.reconstructed(serial, record)
        else:
            self._last_serial = serial
            self._transitions.created(known, line, record)
        self._connections[serial] = known
        if is_whole(number):
            self._numbers[number] = known

    def _about(
        self, line: int, record: Record, known: AuditedConnection, before: OpenTransition | None, forgotten: bool
    ) -> None:
        """Audit a line about a connection that grants and releases nothing."""
        transitions, cause = self._transitions, record.get("cause")
        if record.event in ("shut", "state") and before is None and not self._lost:
            unseen = self._captured and record.get("sure") == "unknown"
            if cause == "cleared" and self._reset is None and not unseen:
                self._tell(line, f"{known} was cleared, but no operator did it")
            elif cause == "watchdog":
                self._tell(line, f"{known} was ended by the watchdog, which had not given up")
        match record.event:
            case "state" if forgotten:
                transitions.believe(record, known)
            case "state":
                self._kept_too_long(
                    line, record, self._rule.unit(str(record.get("to")), known.serial, record.get("user"))
                )
                transitions.state(line, record, known, before)
            case "shut":
                transitions.shut(line, record, known, before)
            case "close":
                self._close(line, record, known, before)
            case "login":
                self._told(line, known.logs_in(record))
            case "login-failed" | "open" | "unsupported":
                self._told(line, known.requests(record))
                if record.event == "open":
                    self._told(line, known.opens(record))
                    self._may_open(line, record, known)
            case "idle":
                holds = self._rule.unit(known.state, known.serial, known.user) is not None
                self._told(line, known.idles(record, self._idle_after, holds=holds))
            case "busy":
                self._told(line, known.works_again(record))
            case "watchdog":
                self._told(line, known.watched(record.get("what")))
                if record.get("what") == "gave-up":
                    transitions.expect(known, line, record, "watchdog", f"the watchdog gave {known} up")
        if record.event not in ("state", "shut", "close", "login-failed"):  # the last has another user
            self._told(line, known.of_user(record, known.user))

    def _may_open(self, line: int, record: Record, known: AuditedConnection) -> None:
        """Audit that the file may be opened: with a license, or before the login a file of SYS:LOGIN."""
        login = known.state == "attached" and str(record.get("path")).upper().startswith("SYS:LOGIN")
        if self._complete and known.state != "licensed" and not login:
            self._tell(line, f"{known} is {known.state}, and opens {harmless(record.get('path'))}")

    def _close(self, line: int, record: Record, known: AuditedConnection, before: OpenTransition | None) -> None:
        self._transitions.close(line, record, known, before)
        self._asked_last(line, record, known)
        if record.get("cause") == "reinitialize":
            self._reinitialized = known
        del self._connections[known.serial]
        self._ended.add(known.serial)
        if isinstance(known.number, int) and self._numbers.get(known.number) is known:
            del self._numbers[known.number]

    def _asked_last(self, line: int, record: Record, known: AuditedConnection | None) -> None:
        """Audit the field ``last_request``, which a line may lack."""
        if known is None or "last_request" not in record.fields:
            return
        self._told(line, known.asked_last(record["last_request"], record.t, record.get("cause")))
        if known.had_unit and str(record.get("cause")) not in GIVEN_UP:
            self._idle_was_told(line, record["last_request"], record.t, known)

    def _idle_was_told(self, line: int, last_request: object, t: int, known: AuditedConnection) -> None:
        """Audit that a connection with a unit and without a request for long has an ``idle``."""
        last = microseconds(last_request)
        if last is None or self._idle_after is None or known.idle is not None or not known.idle_known:
            return
        n = bisect_right(self._times, last + self._idle_after)
        # Some line shows that the server ran then; one that stood still tells it in the moment in which it goes on.
        ran = n < len(self._times) and self._times[n] + IDLE_LATE * self._second < t
        if ran and not self._was_down:
            self._tell(line, f"{known} made no request since {seconds(last)}, but no idle says so")

    # Operators

    def _operator(self, line: int, record: Record, known: AuditedConnection | None) -> None:
        get, action = record.get, record.get("action")
        if known is not None:
            self._told(line, known.of_user(record, known.user))
        if self._complete:
            everyone = list(self._connections.values())
            self._told(line, acts(record, known, everyone, reconstructed=self._reconstructed))
        self._logins.operator(record)
        match action:
            case "clear":
                number = get("connection")
                known = known or (self._numbers.get(number) if isinstance(number, int) else None)
                if known is None:
                    self._tell(line, f"connection {harmless(number)} was cleared, but there is none")
                else:
                    why = f"an operator cleared {known}"
                    self._transitions.expect(known, line, record, "cleared", why, at_once=False)
            case "reset":
                self._expired(self._times[-2:][0])  # the time of the line before
                self._reset, self._down = line, False
            case "down":
                self._down = self._was_down = True
            case "set":
                self._set(line, record)
            case _ if not isinstance(action, str):
                self._tell(line, f"expected the action of an operator, not {harmless(action)}")

    def _set(self, line: int, record: Record) -> None:
        self._told(line, sets(record, self._limit, self._rule.grace))
        self._limit = record.get("limit")

    def _goes_on_with_reset(self, record: Record) -> bool:
        return record.event in (*_CLEARS, "fault") and record.get("cause") in ("cleared", "reset")

    def _reset_is_over(self) -> None:
        line, self._reset = self._reset, None
        if not line:
            return
        for known in self._connections.values():
            self._tell(line, f"the server was reset, but {known} has not ended")
        for unit in self._transitions.units.held:
            self._tell(line, f"the server was reset, but {harmless(unit)} is still held")
        self._told(line, self._faults.are_over("the server was reset"))

    # Other lines

    def _deny(self, line: int, record: Record, known: AuditedConnection | None) -> None:
        what, limit = record.get("what"), self._limit
        if what not in ("license", "slot", "account") or (what == "account" and known is None):
            self._tell(line, f"expected license, slot or account that was refused, not {harmless(what)}")
        if known is not None:
            self._told(line, known.requests(record))
            if what != "account":
                self._told(line, known.of_user(record, known.user))
        first = self._attached_counts if known is None else known.state == "attached" and not self._attached_counts
        if what == "license" and first and isinstance(limit, int) and self.held < limit:
            self._tell(line, f"a license was refused, but only {self.held} of {limit} are held")

    def _stop(self, line: int, record: Record) -> None:
        self._stopped = True
        self._told(line, self._faults.are_over("the server stopped"))
        listed = record.get("holders")
        holders = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        named = sorted(harmless(one.get("serial")) for one in holders)
        holding = {known.serial: known for known in self._connections.values() if self._holds(known)}
        if named != sorted(map(str, holding)) or not isinstance(listed, list) or len(holders) != len(listed):
            self._tell(line, f"stop names the holders {_names(named)}, but {_names(map(str, holding))} hold a unit")
        for one in holders:
            serial = one.get("serial")
            known = holding.get(serial) if isinstance(serial, int) else None
            if known is not None:
                self._holder(line, record.t, Record(record.t, "server", "holder", one), known)

    def _holds(self, known: AuditedConnection) -> bool:
        return self._rule.unit(known.state, known.serial, known.user) is not None

    def _holder(self, line: int, t: int, holder: Record, known: AuditedConnection) -> None:
        """Audit an entry of ``holders``."""
        if holder.get("station") != known.station:
            self._tell(
                line, f"{known} has the station {harmless(known.station)}, not {harmless(holder.get('station'))}"
            )
        self._told(line, known.of_user(holder, known.user))
        self._told(line, known.asked_last(holder.get("last_request"), t))
        self._idle_was_told(line, holder.get("last_request"), t, known)
        self._told(line, known.counts_files(holder.get("files"), "stop"))
        unit = self._transitions.units.held.get(known.unit or "")
        since = microseconds(holder.get("since"))
        if unit is not None and unit.sure and since != unit.since:
            self._tell(line, f"{known} holds its unit since {seconds(unit.since)}, not {harmless(holder.get('since'))}")

    def _told(self, line: int, problems: Iterable[str]) -> None:
        for text in problems:
            self._tell(line, text)


def _names(items: Iterable[str]) -> str:
    return ", ".join(sorted(items)) or "none"
