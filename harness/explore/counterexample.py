"""Whether a run is a counterexample: its clients could have kept their licenses in order, and did not.

Rules of this file:

* Books that do not balance are one, whatever happened.
* A leak is one if the client's machine and its server were up and reachable from the last use until the time for a
  release was over. Faults before the last use are no excuse.
* An interruption is one if both were up and reachable as long as the connection existed.
* A license that the server took back is one if neither had any fault as long as the connection existed.
* A verdict that the scenario expects is none. Where a verdict is asked for, runs with it are the only ones.
* Where no client's journal knows of a connection, its reply was lost, and it may be that of any client.
* A machine with some loss, with delays, with duplicated or reordered datagrams is reachable: its requester repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fakenw.journal.record import SECOND, Record
from harness.explore.schedule import FOREVER, LONGEST_DELAY, MOST_LOSS
from harness.judge.history import ConnectionHistory, RunHistory
from harness.judge.usage import Usage
from harness.judge.verdict import Held, Verdict
from harness.scenario.plan import Plan

BOOKS = "books"
_ENDED_BY = {"heal": "cut", "thaw": "freeze", "server-up": "server-down"}
_RESTARTED = ("restart", "power-off", "process-killed")  # after these the machine, if it is on, has no fault
_OUTAGES = ("cut", "freeze", "server-down", *_RESTARTED)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault of a machine from *begin* to *end*, on the clock of the runner; *outage*: nothing reaches the machine."""

    machine: str
    begin: int
    end: int
    outage: bool


@dataclass(frozen=True, slots=True)
class Counterexample:
    """*kind* is a verdict, or ``books``; *text* says what happened."""

    kind: str
    text: str


def counterexample(plan: Plan, run: RunHistory, verdict: Verdict, wanted: str | None = None) -> Counterexample | None:
    """What makes *run*, which is one of *plan*, a counterexample; *wanted* is a verdict that is asked for."""
    if verdict.problems:
        return Counterexample(BOOKS, verdict.reason)
    if wanted is not None:
        return Counterexample(wanted, verdict.reason) if verdict.verdict == wanted else None
    troubles = list(_troubles(run))
    usage = Usage(run)
    for kind, entries in (
        ("interrupted", verdict.interrupted),
        ("leaked", verdict.leaked),
        ("reclaimed", verdict.reclaimed),
    ):
        for held in entries:
            if kind != plan.expect and not _excused(kind, held, plan, run, usage, troubles):
                return Counterexample(kind, f"{held}: {held.reason}")
    return None


def _excused(kind: str, held: Held, plan: Plan, run: RunHistory, usage: Usage, troubles: list[Trouble]) -> bool:
    """Whether a fault of the client's machine or of its server explains it."""
    history = held.history
    since, until = history.created, history.server.end if history.ended is None else history.ended
    if kind == "leaked":
        assert held.holding is not None
        last = usage.of(history, held.holding).at
        since = max(last or 0, held.holding.granted)
        until = since + plan.within
    return any(
        (trouble.outage or kind == "reclaimed")
        and (history.client is None or trouble.machine in (history.client.name, history.server.name))
        and _shown(run, history, trouble.begin) <= until
        and _shown(run, history, trouble.end) >= since
        for trouble in troubles
    )


def _shown(run: RunHistory, history: ConnectionHistory, t: int) -> int:
    """The time on the server's clock."""
    assert run.runner is not None
    return run.to_server(run.runner, history.server, t)


def _troubles(run: RunHistory) -> Iterator[Trouble]:
    """The faults of every machine, from their beginnings to their ends."""
    begun: dict[tuple[str, str], tuple[int, bool]] = {}

    def end(machine: str, what: str, t: int) -> Iterator[Trouble]:
        if (machine, what) in begun:
            begin, outage = begun.pop((machine, what))
            yield Trouble(machine, begin, t, outage)

    for record in run.runner_lines("fault"):
        what, machine = str(record.get("what")), str(record.get("client") or record.get("server"))
        if what in _ENDED_BY:
            yield from end(machine, _ENDED_BY[what], record.t)
            continue
        if what in _RESTARTED:
            for other in [other for name, other in begun if name == machine]:
                yield from end(machine, other, record.t)
        yield from end(machine, what, record.t)
        if what == "restart":
            yield Trouble(machine, record.t, record.t, True)
        elif _strength(record) != 0:
            begun[machine, what] = record.t, what in _OUTAGES or _is_heavy(record)
    for machine, what in list(begun):
        yield from end(machine, what, FOREVER)


def _strength(record: Record) -> float | None:
    """That of a fault that 0 ends; None: it has none."""
    return next((record[name] for name in ("percent", "by") if record.get(name) is not None), None)


def _is_heavy(record: Record) -> bool:
    """Whether a link loses so much that all tries of a request may be lost."""
    match record.get("what"):
        case "loss":
            return bool(record["percent"] > MOST_LOSS)
        case "drop":
            return True
        case "delay":
            return bool(record["by"] > LONGEST_DELAY / SECOND)
    return False
