"""The judge: from journals to a verdict.

Rules of this file (the verdicts are a contract, see docs/verdicts.md):

* First the books of every server are audited, line by line. Where they do not balance the verdict is
  ``unknown``, whatever else happened.
* ``released`` needs proof (``harness.judge.proof``): without it the verdict is ``unknown``. A client that is not proven
  makes a run of any verdict not as expected.
* ``harness.judge.usage`` gives the last use of a connection. Every holding of every connection is
  ``released``, ``reclaimed``, ``leaked`` or undecided. The worst of them is the verdict.
* Further checks are in ``harness.judge.checks``. A run is as expected only if exactly the checks fail that are
  expected to.
* A client's lines never outweigh the server's journal. Where the two differ, a note says so.
* Faults of a running server change no verdict; its reason names those between the last use and the release or the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fakenw.journal.fold import GIVEN_BACK, Holding
from fakenw.journal.record import SECOND, microseconds
from fakenw.journal.sentences import clock, harmless
from harness.judge import captured
from harness.judge.audit import Problem, books_balance
from harness.judge.causes import CAUSES
from harness.judge.checks import FUNCTIONS, selected
from harness.judge.completeness import incomplete
from harness.judge.endings import clauses, raised, unexpected
from harness.judge.history import ConnectionHistory, RunHistory
from harness.judge.live_faults import LastingFault, LiveFaults, meanwhile
from harness.judge.proof import NO_PROOF, Proof
from harness.judge.reasons import claim, interruption, too_close, why_held
from harness.judge.selection import LicenseSelection
from harness.judge.usage import LastUse, Usage

NOTED = 3  # failed steps beside a verdict that says something worse
NOT_TOLD = "a capture does not tell until when it was needed: expected --idle-after or a mark"
WITHIN = 300 * SECOND  # the time for releasing a unit, where no check sets another


@dataclass(frozen=True, slots=True)
class Held:
    """A holding that its client did not release in time, and why. ``held_for`` is in seconds of the server's time."""

    server: str
    serial: int
    connection: int
    station: str
    user: str | None
    held_for: float
    opened_by: str | None
    last_used_by: str | None
    reason: str
    history: ConnectionHistory = field(repr=False)
    holding: Holding | None = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The entry of ``leaked`` and ``reclaimed`` in ``--json``."""
        names = ("server", "serial", "connection", "station", "user", "held_for", "opened_by", "last_used_by", "reason")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        user = f" of user {harmless(self.user)}" if self.user else ""
        return f"connection {self.connection} (serial {self.serial}){user} from {harmless(self.station)}"


@dataclass(slots=True)
class Verdict:
    """The verdict on a run and its evidence. ``failed`` are sentences of further checks, ``seconds`` server time."""

    expected: str
    may_fail: frozenset[str]  # checks that are expected to fail
    limit: int | None  # limit and peak are summed over the servers; None: a capture does not show it
    peak: int
    denied: int
    seconds: float
    verdict: str = "unknown"
    reason: str = ""
    problems: list[Problem] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    proof: Proof = NO_PROOF
    notes: list[str] = field(default_factory=list)
    leaked: list[Held] = field(default_factory=list)
    reclaimed: list[Held] = field(default_factory=list)
    interrupted: list[Held] = field(default_factory=list)
    undecided: list[Held] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether verdict and failed checks are exactly the expected ones, and every client is proven."""
        return self.told and not self.proof.unproven

    @property
    def told(self) -> bool:
        """Whether verdict and failed checks are exactly the expected ones."""
        return self.verdict == self.expected and self.failing == self.may_fail

    @property
    def failing(self) -> frozenset[str]:
        """The names of the further checks that failed."""
        return frozenset(text.partition(":")[0] for text in self.failed)

    def as_json(self) -> dict[str, Any]:
        """The fields of an entry of ``--json`` that come from the journals."""
        names = ("verdict", "expected", "ok", "limit", "peak")
        held = {"leaked": self.leaked, "reclaimed": self.reclaimed}
        return {
            **{name: getattr(self, name) for name in names},
            **{name: [one.as_json() for one in entries] for name, entries in held.items()},
            "denied": self.denied,
            "seconds": self.seconds,
            "unproven": [one.as_json() for one in self.proof.unproven],
        }


def judge(
    run: RunHistory,
    within: float | None = None,
    *,
    idle_after: int | None = None,
    connections: int = 1,
    wanted: LicenseSelection | None = None,
) -> Verdict:
    """The verdict on a run. Raises ValueError for unknown checks.

    *within* (seconds) and *idle_after* (microseconds) override the run's own. Without a plan *connections* must be
    proven licensed. *wanted* are the licenses of an assertion, or are in the field ``assertion`` of the run: the
    verdict is about them alone, and at the end of the journal they are not needed.
    """
    asserted = run.settings.get("assertion")
    if wanted is None and asserted is not None:
        wanted, connections = LicenseSelection.of(asserted), asserted.get("clients", 1)
    checks = selected(run.settings.get("checks") or ())
    asked = (within, checks.get("released", {}).get("within"), run.settings.get("within"))
    stated = next((t for t in map(microseconds, asked) if t is not None), WITHIN)
    # Delays of the network and of a busy machine are real time, which --speed does not scale: an allowance for them.
    limit = stated + (microseconds(run.settings.get("patience")) or 0)
    verdict = Verdict(
        expected=str(run.settings.get("expect") or "released"),
        may_fail=frozenset(str(name) for name in run.settings.get("fails") or ()),
        limit=None if any(map(captured.is_captured, run.servers)) else sum(server.limit for server in run.servers),
        peak=sum(server.peak for server in run.servers),
        denied=sum(len(server.denied) for server in run.servers),
        seconds=max((server.end for server in run.servers), default=0) / SECOND,
    )
    for journal in {id(server.journal): server.journal for server in run.servers}.values():
        verdict.problems += books_balance(journal)
    usage, faults = Usage(run, idle_after), LiveFaults(run)
    between: list[LastingFault] = []  # the last use of any license and its end
    licensed = 0
    chosen: list[ConnectionHistory] = []
    for history in run.histories:
        holdings = history.holdings if wanted is None else list(wanted.holdings_of(history))
        if wanted is not None and not holdings:
            continue
        chosen.append(history)
        licensed += len(holdings)
        for holding in holdings:
            need = LastUse(history.server.end, "asked") if wanted else usage.of(history, holding)
            there = list(faults.of(history, _since(history, need), history.held_until(holding)))
            between += there
            _sort(verdict, history, holding, need, 0 if wanted else limit, meanwhile(there))
            if wanted and wanted.by in CAUSES and holding.cause not in (None, wanted.by):
                verdict.failed.append(f"by: {_held(history, holding, '')}: {harmless(holding.cause)}, not {wanted.by}")
        for doubt in captured.doubts(history):
            _doubt(verdict, history, doubt, usage.of(history, doubt.holding), limit)
        if why := interruption(history, wanted.since if wanted else 0):
            why += meanwhile(faults.of(history, history.last_request, _ended(history)))
            unclear = captured.files_are_doubtful(history)
            if unclear:
                why = f"it cannot be told whether its files were open: {why}"
            found = verdict.undecided if unclear else verdict.interrupted
            found.append(_held(history, history.holdings[-1] if history.holdings else None, why))
        if note := claim(history):
            verdict.notes.append(note)
    for name, arguments in checks.items():
        if name in FUNCTIONS:
            problems = FUNCTIONS[name](run, usage, limit, **arguments)
            verdict.failed += [f"{name}: {text}" for text in problems]
    verdict.proof = Proof.of(run, chosen, checks, connections)
    verdict.failed += verdict.proof.wrongly_licensed
    if wanted is not None:
        verdict.expected = wanted.expected(reclaimed=bool(verdict.reclaimed))
    when = "by the time of the assertion" if wanted else _within(run, stated, limit)
    verdict.verdict, verdict.reason = _worst(run, verdict, licensed, when)
    if verdict.verdict == "released":
        verdict.reason += meanwhile(between)
    elif verdict.verdict == "unknown" and not verdict.problems and not verdict.undecided:
        verdict.reason += meanwhile(faults.all())
    if verdict.verdict != "unknown":
        verdict.notes += [*raised(run)[:NOTED], *verdict.proof.failed_steps[:NOTED]]
    return verdict


def _within(run: RunHistory, stated: int, limit: int) -> str:
    """``within 0:05:15 of ...``, and why where that is not the time that is *stated*."""
    text, more, speed = f"within {clock(limit)} of being no longer needed", limit - stated, run.settings.get("speed", 1)
    if clock(limit) == clock(stated):
        return text
    real = f"{more / SECOND / speed:g} s of real time for a busy machine"
    return f"{text} ({clock(stated)}, and {real}, which is {clock(more)} at --speed {speed:g})"


def _since(history: ConnectionHistory, need: LastUse) -> int:
    """The last use: the connection's last request, or what is known to have been earlier."""
    return history.last_request if need.at is None else min(need.at, history.last_request)


def _ended(history: ConnectionHistory) -> int:
    return history.server.end if history.ended is None else history.ended


def _sort(
    verdict: Verdict, history: ConnectionHistory, holding: Holding, need: LastUse, within: int, faults: str
) -> None:
    """Add a holding to its list of *verdict*, unless its client released it in time; *faults* follow the reason."""
    at = None if need.at is None else max(need.at, holding.granted)
    end = history.held_until(holding)
    possible = () if need.at is None else (need.at - need.bound, need.at, need.at + need.bound)
    limits = [max(moment, holding.granted) + within for moment in possible]
    late = {end > limit or (holding.released is None and end == limit) for limit in limits}
    why, proven = why_held(history, holding, need, at), captured.proven_until(history, holding)
    if need.by == "untold" and captured.is_captured(history.server):
        verdict.undecided.append(_held(history, holding, f"{NOT_TOLD}{faults}"))
    elif late == {True, False}:
        verdict.undecided.append(_held(history, holding, f"{too_close(history, need, end)}{faults}"))
    elif late == {True} and not (proven > max(limits) or (holding.released is None and proven == max(limits))):
        verdict.undecided.append(_held(history, holding, f"{_unproven(history, at, proven)}{faults}"))
    elif late == {True}:
        verdict.leaked.append(_held(history, holding, f"{why}{faults}"))
    elif holding.released is None:
        if at is None:
            why = "its last use is not known"
        else:
            since, over = history.server.at(at), history.server.at(end)
            why = f"no longer needed since {since}, but the journal ends at {over}, too early to decide"
        verdict.undecided.append(_held(history, holding, f"{why}{faults}"))
    elif captured.end_is_unknown(history, holding):
        verdict.undecided.append(_held(history, holding, f"{_unproven(history, at, proven)}{faults}"))
    elif holding.cause not in GIVEN_BACK:
        verdict.reclaimed.append(_held(history, holding, f"{why}{faults}"))


def _doubt(verdict: Verdict, history: ConnectionHistory, doubt: captured.Doubt, need: LastUse, within: int) -> None:
    """Note a license that a connection may have held, unless its client would have released that in time as well."""
    holding, end = doubt.holding, history.held_until(doubt.holding)
    since = holding.granted if need.at is None else max(need.at - need.bound, holding.granted)
    if holding.cause not in GIVEN_BACK or end > since + within:
        at = history.server.at(holding.granted)
        why = f"it cannot be told whether it held a license from {at} to {history.server.at(end)}: {doubt.why}"
        verdict.undecided.append(_held(history, holding, why))


def _unproven(history: ConnectionHistory, at: int | None, proven: int) -> str:
    """Why it cannot be told from a capture until when a license was held."""
    moment = history.server.at
    needed = "" if at is None else f"no longer needed since {moment(at)}, "
    return f"{needed}and held at {moment(proven)}; no later packet of the capture tells when that ended"


def _held(history: ConnectionHistory, holding: Holding | None, reason: str) -> Held:
    components = [line.record.event.rpartition("-") for line in history.lines]
    users = [(component, verb) for component, _, verb in components if verb in ("open", "close")]
    duration = history.held_until(holding) - holding.granted if holding else 0
    return Held(
        server=history.server.name,
        serial=history.serial,
        connection=history.connection,
        station=history.station,
        user=history.user,
        held_for=duration / SECOND,
        opened_by=next((component for component, verb in users if verb == "open"), None),
        last_used_by=users[-1][0] if users else None,
        reason=reason,
        history=history,
        holding=holding,
    )


def _worst(run: RunHistory, verdict: Verdict, licensed: int, when: str) -> tuple[str, str]:
    """The word of the verdict, and its reason; *when* is the end of a sentence about the release."""
    if verdict.problems:
        more = f" (and {len(verdict.problems) - 1} more)" if verdict.problems[1:] else ""
        return "unknown", f"the books do not balance: {verdict.problems[0]}{more}"
    proof = verdict.proof
    unproven = f"{proof.sentence()}; " if proof.unproven else ""
    if verdict.interrupted:
        return "interrupted", f"{unproven}{verdict.interrupted[0]}: {verdict.interrupted[0].reason}"
    if verdict.leaked:
        count = f"{unproven}{len(verdict.leaked)} of {licensed}"
        first = f"{verdict.leaked[0]}: {verdict.leaked[0].reason}"
        return "leaked", f"{count} licenses not released {when}; {first}"
    if broken := raised(run):
        return "unknown", f"{broken[0]}{f' (and {len(broken) - 1} more)' if broken[1:] else ''}"
    if failures := run.runner_lines("failed"):
        return "unknown", f"the run could not be carried out: {harmless(failures[0].get('reason'))}{clauses(run)}"
    if not run.servers:
        return "unknown", "there is no server's journal"
    if verdict.undecided:
        return "unknown", f"{verdict.undecided[0]}: {verdict.undecided[0].reason}"
    if not licensed:
        what = ", ".join(sorted({harmless(r.get("what")) for s in run.servers for r in s.denied}))
        refused = f"; {verdict.denied} times the server had no free {what}" if what else ""
        return "unknown", f"{proof.sentence() or 'nothing was ever licensed'}{refused}{clauses(run)}"
    if why := incomplete(run) or unexpected(run):
        return "unknown", why
    if verdict.reclaimed:
        count = f"{len(verdict.reclaimed)} of {licensed}"
        first = f"{verdict.reclaimed[0]}: {verdict.reclaimed[0].reason}"
        return "reclaimed", f"{unproven}no license is held, but {count} were reclaimed by the server; {first}"
    if lacking := proof.lacking():
        return "unknown", f"{lacking}{clauses(run)}"
    return "released", f"every license was released {when}"
