"""A test's assertions about a running server: pure functions of its journal, with a sentence for each failure.

Rules of this file:

* The judge decides (``harness.judge.verdict``). Licenses are released where the verdict is ``released``; where it is
  ``reclaimed``, an assertion accepts that if *by* says so.
* An undecided assertion is ``waiting``; the caller evaluates it again until its time is over, and then it has failed.
"""

from __future__ import annotations

from dataclasses import dataclass

from fakenw.journal.fold import Holding
from fakenw.journal.record import Journal, Record
from fakenw.journal.sentences import clock, harmless
from harness.judge.history import ConnectionHistory, RunHistory
from harness.judge.live_faults import LiveFaults, meanwhile
from harness.judge.selection import LicenseSelection
from harness.judge.verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class AssertionAnswer:
    """``passed``: the assertion holds. ``waiting``: it does not yet. ``why``: a line for each failure."""

    passed: bool
    waiting: bool
    why: tuple[str, ...]
    verdict: Verdict


def released(run: RunHistory, wanted: LicenseSelection, connections: int = 1) -> AssertionAnswer:
    """Whether every license of *wanted* was released, for an accepted cause, and so many *connections* had one."""
    verdict = judge(run, connections=connections, wanted=wanted)
    selected = [(history, holding) for history in run.histories for holding in wanted.holdings_of(history)]
    held = [(history, holding) for history, holding in selected if holding.released is None]
    over = [(history, holding) for history, holding in selected if holding.released is not None]
    wrong = [(history, holding) for history, holding in over if not wanted.accepts(holding.cause)]
    for_good = bool(verdict.problems or verdict.interrupted or wrong)
    why = [verdict.reason] if verdict.problems or verdict.interrupted else []
    faults = LiveFaults(run)

    def during(history: ConnectionHistory, holding: Holding) -> str:
        return meanwhile(faults.of(history, history.last_request, history.held_until(holding)))

    if not selected:
        nothing = f"nothing was licensed, so that {wanted} prove nothing{meanwhile(faults.all())}"
        why += [nothing, *_refusals(run)]
    why += [
        f"{_holder(history)} holds a license of {history.server.name} since {clock(holding.granted)}: "
        f"not released by its client; its last request was at {clock(history.last_request)}{during(history, holding)}"
        for history, holding in held
    ]
    why += [
        f"{_holder(history)} held a license of {history.server.name} from {clock(holding.granted)} to "
        f"{clock(holding.released or 0)}; its client did not release it: {_reclaimed(holding.cause)}"
        f"{during(history, holding)}"
        for history, holding in wrong
    ]
    if not why and verdict.verdict not in ("released", "reclaimed"):
        why = [verdict.reason]
    return AssertionAnswer(not why, bool(why) and not for_good, tuple(why), verdict)


_RECLAIMED = {
    "lost": "the server reclaimed it when the socket closed, as after an exit without a logout",
    "bad-signature": "the server closed the socket, since a packet had a bad signature",
    "stalled": "the server closed the socket, since the client did not read the replies",
    "watchdog": "the watchdog reclaimed it, after the station had been silent",
    "cleared": "an operator cleared the connection",
    "reinitialize": "the station attached anew without a logout",
}


def _reclaimed(cause: str | None) -> str:
    return _RECLAIMED.get(str(cause), f"the server reclaimed it ({harmless(cause)})")


def _holder(history: ConnectionHistory) -> str:
    user = f"user {harmless(history.user)}" if history.user else "no user"
    return f"{user} on connection {history.connection} from {harmless(history.station)}"


def _refusals(run: RunHistory) -> list[str]:
    denied = denials(run)
    return [f"{len(denied)} times the server refused: {harmless(denied[0].get('what'))}"] if denied else []


REFUSED_FOR = ("license", "slot", "account")


def denials(run: RunHistory, user: str | None = None, what: str | None = None) -> list[Record]:
    """The ``deny`` lines: of *user*, for want of *what*. Raises ValueError for a *what* that is not in REFUSED_FOR."""
    if what not in (None, *REFUSED_FOR):
        raise ValueError(f"what={what!r}; expected {', '.join(REFUSED_FOR)}")
    return [
        record
        for server in run.servers
        for record in server.denied
        if (user is None or str(record.get("user")).upper() == user.upper()) and what in (None, record.get("what"))
    ]


def slice_of(journal: Journal, start: int) -> Journal:
    """The journal from line number *start* (0 is the first) on, after its ``start`` line.

    The server must have been reset there, so that no earlier connection is left.
    """
    return Journal(journal.name, [journal.records[0], *journal.records[max(start, 1) :]])
