"""The judge: from journals to a verdict, and nothing else.

Rules of this file (the verdicts are a contract, see README "Verdicts"):

* First the books of every server are audited, line by line. Where they do not balance the verdict is
  ``unknown``, whatever else was seen.
* A connection is *no longer needed* from the moment its client says so. A scripted client says it with the
  last ``<component>-close`` that leaves no use of the connection open; where a use was never closed, with
  ``done``, else by exiting. A user's own client says it by exiting (the last of them), by a ``mark``, or by
  having been idle for ``idle_after``; what comes first counts.
* Every holding of every connection is then ``released``, ``reclaimed``, ``leaked`` or cannot be told yet.
  The worst of them is the verdict.
* What a client says about itself never outweighs the server's journal. Where the two differ, a note says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fakenw.records import SECOND, Record
from fakenw.sentences import clock, harmless
from harness.books import Problem, books_balance
from harness.history import GIVEN_BACK, Clock, Holding, Life, Run, microseconds

WITHIN = 300 * SECOND

CHECKS: Mapping[str, frozenset[str]] = {
    "never_over_limit": frozenset(),
    "books_balance": frozenset(),
    "no_work_interrupted": frozenset(),
    "released": frozenset({"within"}),  # seconds; may be left out
    "bounded": frozenset({"units"}),  # a client holds at most so many at the end
}
"""The checks by name, each with its arguments. All but ``bounded`` are part of every verdict."""


def selected(checks: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """A list of ``name`` or ``{name: {argument: number}}`` by name. Raises ValueError for what is no check."""
    found: dict[str, dict[str, Any]] = {}
    for item in checks:
        named = {item: {}} if isinstance(item, str) else item
        if not isinstance(named, dict) or len(named) != 1:
            raise ValueError(f"expected the name of a check, or one name with its arguments, not {harmless(item)}")
        ((name, given),) = named.items()
        if name not in CHECKS:
            raise ValueError(f"unknown check {harmless(name)}: expected one of {', '.join(CHECKS)}")
        arguments = given or {}
        if not isinstance(arguments, dict) or arguments.keys() not in (CHECKS[name], CHECKS[name] - {"within"}):
            raise ValueError(f"{name}: expected {', '.join(CHECKS[name]) or 'no arguments'}, not {harmless(given)}")
        for argument, value in arguments.items():
            number = microseconds(value)
            if number is None or number < 0:
                raise ValueError(f"{name}: expected {argument} to be a number from 0, not {harmless(value)}")
        found[name] = arguments
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """A holding that was not simply given back. Times are on the server's clock, ``held_for`` in seconds."""

    server: str
    serial: int
    connection: int
    station: str
    user: str | None
    held_for: float
    opened_by: str | None
    last_used_by: str | None
    reason: str
    life: Life = field(repr=False)
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
    """What the journals show. ``failed`` are checks that no verdict expresses; ``seconds`` is the server's time."""

    verdict: str = "unknown"
    reason: str = ""
    expected: str = "released"
    problems: list[Problem] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    leaked: list[Held] = field(default_factory=list)
    reclaimed: list[Held] = field(default_factory=list)
    interrupted: list[Held] = field(default_factory=list)
    undecided: list[Held] = field(default_factory=list)
    limit: int = 0  # limit and peak are summed over the servers
    peak: int = 0
    denied: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """The verdict is the expected one, and no further check failed."""
        return self.verdict == self.expected and not self.failed

    def as_json(self) -> dict[str, Any]:
        """The part of an entry of ``--json`` that the journals decide."""
        names = ("verdict", "expected", "ok", "limit", "peak")
        held = {"leaked": self.leaked, "reclaimed": self.reclaimed}
        return {
            **{name: getattr(self, name) for name in names},
            **{name: [one.as_json() for one in entries] for name, entries in held.items()},
            "denied": self.denied,
            "seconds": self.seconds,
        }


def judge(run: Run, within: float | None = None) -> Verdict:
    """The verdict on a run. *within* (seconds) overrides what the run says. Raises ValueError for unknown checks."""
    checks = selected(run.settings.get("checks") or ())
    asked = (within, checks.get("released", {}).get("within"), run.settings.get("within"))
    limit = next((t for t in map(microseconds, asked) if t is not None), WITHIN)
    # Delays of the network and of a busy machine are real time, which no speed scales: a little is granted.
    limit += microseconds(run.settings.get("patience")) or 0
    verdict = Verdict(expected=str(run.settings.get("expect") or "released"))
    for journal in {id(server.journal): server.journal for server in run.servers}.values():
        verdict.problems += books_balance(journal)
    verdict.limit = sum(server.limit for server in run.servers)
    verdict.peak = sum(server.peak for server in run.servers)
    verdict.denied = sum(len(server.denied) for server in run.servers)
    verdict.seconds = max((server.end for server in run.servers), default=0) / SECOND
    needs = _Needs(run)
    licensed = 0
    for life in run.lives:
        licensed += len(life.holdings)
        for holding in life.holdings:
            _weigh(verdict, life, holding, needs.of(life, holding), limit)
        if why := _interruption(life):
            verdict.interrupted.append(_held(life, life.holdings[-1] if life.holdings else None, why))
        if note := _claim(life):
            verdict.notes.append(note)
    if "bounded" in checks:
        verdict.failed = _bounded(run, checks["bounded"]["units"])
    verdict.verdict, verdict.reason = _worst(run, verdict, licensed, limit)
    return verdict


@dataclass(frozen=True, slots=True)
class _Need:
    """Until when a connection was needed: ``at`` on the server's clock, None where nothing says so."""

    at: int | None
    by: str


class _Needs:
    """When connections were no longer needed."""

    def __init__(self, run: Run) -> None:
        self._clock = Clock.of(run.runner) if run.runner else Clock(None, 1)
        self._exits: dict[str, list[Record]] = {}
        for record in run.told("exit"):
            self._exits.setdefault(str(record.get("client")), []).append(record)
        spawned = {str(record.get("client")) for record in run.told("spawn")} | self._exits.keys()
        foreign = spawned - {client.name for client in run.clients} - {server.name for server in run.servers}
        over = all(name in self._exits for name in foreign)
        self._gone = max((self._exits[name][-1].t for name in foreign), default=None) if over else None
        self._marks = [record.t for record in run.told("mark")]
        self._alone = run.runner is None
        self._idle_after = microseconds(run.settings.get("idle_after"))

    def of(self, life: Life, holding: Holding) -> _Need:
        """When the connection was no longer needed; a scripted client's word is about its last use."""
        return self._foreign(life, holding) if life.client is None else self._scripted(life)

    def _scripted(self, life: Life) -> _Need:
        client, server = life.client, life.server
        assert client is not None
        uses: Counter[str] = Counter()
        unused: int | None = None
        for said in life.said:
            component, _, verb = said.record.event.rpartition("-")
            if verb == "open":
                uses[component] += 1
            elif verb == "close" and uses[component]:
                uses[component] -= 1
            else:
                continue
            unused = None if uses.total() else said.t
        if unused is not None:
            return _Need(unused, "close")
        if client.done is not None:
            return _Need(client.clock.to(server.clock, client.done), "done")
        for record in self._exits.get(client.name, ()):
            at = self._clock.to(server.clock, record.t)
            if at >= life.created:  # a machine that was started again exits more than once
                return _Need(at, str(record.get("cause") or "exit"))
        return _Need(None, "nothing")

    def _foreign(self, life: Life, holding: Holding) -> _Need:
        server = life.server
        found: list[tuple[int, str]] = []
        if self._gone is not None:
            found.append((max(self._clock.to(server.clock, self._gone), holding.granted), "exit"))
        marks = (self._clock.to(server.clock, t) for t in self._marks)
        found += [(t, "mark") for t in marks if t >= holding.granted][:1]
        idle_after = server.idle_after if self._alone else self._idle_after
        for idle in life.idles if idle_after is not None else []:
            # A request that lets the license go is no use of it: the one at the very moment of the release.
            idled = idle.busy is None or idle.busy == holding.released
            if idled and holding.granted <= idle.t <= (server.end if holding.released is None else holding.released):
                found.append((idle.since + (idle_after or 0), "idle"))
        return _Need(*min(found)) if found else _Need(None, "nothing")


def _weigh(verdict: Verdict, life: Life, holding: Holding, need: _Need, within: int) -> None:
    """Put a holding where it belongs; one that its client gave back in time belongs nowhere."""
    at = None if need.at is None else max(need.at, holding.granted)
    end = life.server.end if holding.released is None else holding.released
    late = at is not None and (end > at + within or (holding.released is None and end == at + within))
    why = _why(life, holding, need, at)
    if late:
        verdict.leaked.append(_held(life, holding, why))
    elif holding.released is None:
        if at is None:
            why = "nothing says when it was no longer needed"
        else:
            why = f"no longer needed since {clock(at)}, but the journal ends at {clock(end)}, too early to tell"
        verdict.undecided.append(_held(life, holding, why))
    elif holding.cause not in GIVEN_BACK:
        verdict.reclaimed.append(_held(life, holding, why))


def _held(life: Life, holding: Holding | None, reason: str) -> Held:
    components = [said.record.event.rpartition("-") for said in life.said]
    users = [(component, verb) for component, _, verb in components if verb in ("open", "close")]
    duration = 0
    if holding:
        duration = (life.server.end if holding.released is None else holding.released) - holding.granted
    return Held(
        server=life.server.name,
        serial=life.serial,
        connection=life.connection,
        station=life.station,
        user=life.user,
        held_for=duration / SECOND,
        opened_by=next((component for component, verb in users if verb == "open"), None),
        last_used_by=users[-1][0] if users else None,
        reason=reason,
        life=life,
        holding=holding,
    )


_TAKEN = {
    "lost": "the server took it back when the socket closed",
    "cleared": "an operator cleared the connection",
    "reinitialize": "the station attached anew, and the server ended its old connection",
    "idle-policy": "the server took it back because it was idle",
}


_ENDS = {
    "exit": "its client exited",
    "process-killed": "its client was killed",
    "power-off": "its machine lost power",
    "restart": "its machine was restarted",
}


def _why(life: Life, holding: Holding, need: _Need, at: int | None) -> str:
    """Why a license is still held, was given back late, or was taken back, in one sentence."""
    if holding.released is not None:
        late = ""
        if at is not None and holding.released > at:
            late = f", {clock(holding.released - at)} after it was no longer needed"
        if holding.cause in GIVEN_BACK:
            return f"its client gave it back ({holding.cause}) at {clock(holding.released)}{late}"
        if holding.cause == "watchdog":
            return f"the watchdog took it back at {clock(holding.released)}{late}"
        return f"{_TAKEN.get(str(holding.cause), f'the server took it back ({harmless(holding.cause)})')}{late}"
    asked, refused, gone = (life.heard(event) for event in ("release-asked", "release-refused", "detach"))
    if gone:
        return f"its client let go of it at {clock(gone[-1].t)}, but the server never saw that"
    if need.by in _ENDS:
        return f"{_ENDS[need.by]} at {clock(need.at or 0)} without logging out"
    if refused:
        files = refused[-1].record.get("files")
        count = len(files) if isinstance(files, list) else 0
        times = "was refused" if len(refused) == 1 else f"was refused {len(refused)} times, the last"
        return f"its release {times} at {clock(refused[-1].t)} ({files_text(count)} open), and nobody asked again"
    if asked:
        return f"its release was asked for at {clock(asked[-1].t)}, but the server never saw one"
    if life.client:
        return "nobody asked for its release"
    if need.by == "mark":
        return f"it was marked as no longer needed at {clock(need.at or 0)}"
    return "its client has not let go of it"


def files_text(count: int) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} file" if count == 1 else f"{count} files"


def _interruption(life: Life) -> str | None:
    """How work on the connection was interrupted by its own client; None where it was not."""
    shut = [file for file in life.files if file.cause in GIVEN_BACK]
    if shut:
        return f"{shut[0].cause} with {files_text(len(shut))} still open: {harmless(shut[0].path)}"
    if life.cause is not None and life.cause not in GIVEN_BACK:
        return None
    let_go = life.causes & GIVEN_BACK or any(said.record.get("forced") for said in life.heard("detach"))
    failed = life.heard("work-failed")
    if not failed or not let_go:
        return None
    record = failed[0].record
    what = f"{harmless(record.get('component'))} could not go on with {harmless(record.get('file'))}"
    return f"after the connection was let go {what}: {harmless(record.get('reason'))}"


def _claim(life: Life) -> str | None:
    """A release that only the client knows of."""
    detached = life.heard("detach")
    if not detached or life.cause in GIVEN_BACK or life.cause in ("lost", "reinitialize"):
        return None
    said = detached[-1]
    return (
        f"the client {harmless(said.client.name)} says that it let go of connection {life.connection} (serial "
        f"{life.serial}) at {clock(said.t)} ({harmless(said.client.journal.name)}:{said.line}); the server never saw it"
    )


def _bounded(run: Run, most: float) -> list[str]:
    """Which clients hold more at the end. A user's own client is known by its address."""
    units: dict[str, set[tuple[int, str]]] = {}
    for life in run.lives:
        if life.holdings and life.holdings[-1].released is None:
            client = life.client.name if life.client else life.station.rpartition(":")[0]
            units.setdefault(client, set()).add((id(life.server), life.holdings[-1].unit))
    return [
        f"bounded: {harmless(client)} holds {len(held)} licenses at the end, at most {most:g} were allowed"
        for client, held in units.items()
        if len(held) > most
    ]


def _ends(run: Run) -> str:
    """What became of the user's own clients, where that is all there is to tell."""
    told = []
    for record in [*run.told("exit"), *run.told("still-running")]:
        how = "was still running" if record.event == "still-running" else f"ended with exit code {record.get('code')}"
        if record.get("cause") is None:
            said = f": {harmless(record['output'])}" if record.get("output") else ""
            told.append(f"; {harmless(record.get('client'))} {how}{said}")
    return "".join(told[:3])


def _worst(run: Run, verdict: Verdict, licensed: int, within: int) -> tuple[str, str]:
    """The verdict's name, and why."""
    if verdict.problems:
        more = f" (and {len(verdict.problems) - 1} more)" if verdict.problems[1:] else ""
        return "unknown", f"the books do not balance: {verdict.problems[0]}{more}"
    if verdict.interrupted:
        return "interrupted", f"{verdict.interrupted[0]}: {verdict.interrupted[0].reason}"
    if verdict.leaked:
        count = f"{len(verdict.leaked)} of {licensed}"
        first = f"{verdict.leaked[0]}: {verdict.leaked[0].reason}"
        return "leaked", f"{count} licenses not given back within {clock(within)} of being no longer needed; {first}"
    if failures := run.told("failed"):
        return "unknown", f"the run could not be carried out: {harmless(failures[0].get('reason'))}"
    if not run.servers:
        return "unknown", "there is no server's journal"
    if not licensed:
        what = ", ".join(sorted({harmless(r.get("what")) for s in run.servers for r in s.denied}))
        refused = f"; {verdict.denied} times the server had no {what} to give" if what else ""
        return "unknown", f"nothing was ever licensed{refused}{_ends(run)}"
    if verdict.undecided:
        return "unknown", f"{verdict.undecided[0]}: {verdict.undecided[0].reason}"
    if verdict.reclaimed:
        count = f"{len(verdict.reclaimed)} of {licensed}"
        first = f"{verdict.reclaimed[0]}: {verdict.reclaimed[0].reason}"
        return "reclaimed", f"no license is left, but {count} were only taken back by the server; {first}"
    return "released", f"every license was given back within {clock(within)} of being no longer needed"
