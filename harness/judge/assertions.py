"""A test's assertions about a running server: pure functions of its journal, with a sentence for each failure.

Rules of this file:

* A license is *released* when its client released it. A license that the server took is *reclaimed*, which an
  assertion accepts only if *by* says so.
* An undecided assertion is ``waiting``; the caller evaluates it again until its time is over, and then it has failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fakenw.journal.fold import GIVEN_BACK, Holding
from fakenw.journal.record import Journal, Record
from fakenw.journal.sentences import clock, harmless
from harness.judge.history import ConnectionHistory, RunHistory

ANY_CAUSE = "anybody"  # a value of *by*: a license may be released or reclaimed


@dataclass(frozen=True, slots=True)
class LicenseSelection:
    """The licenses of an assertion: of a user, of a station (or its prefix), held at *since* or later.

    *since* is microseconds of the server's time. *by* is ``client``, ``anybody`` or a cause such as ``logout``.
    """

    user: str | None = None
    station: str | None = None
    since: int = 0
    by: str = "client"

    def holdings(self, run: RunHistory) -> Iterator[tuple[ConnectionHistory, Holding]]:
        """The holdings that are selected, each with its connection."""
        for history in run.histories:
            of_user = self.user is None or self.user.upper() in [user.upper() for user in history.users]
            of_station = self.station is None or history.station.startswith(self.station)
            for holding in history.holdings if of_user and of_station else ():
                if holding.released is None or holding.released >= self.since:
                    yield history, holding

    def accepts(self, cause: str | None) -> bool:
        """Whether a license may have been released for *cause*."""
        return self.by == ANY_CAUSE or (cause in GIVEN_BACK if self.by == "client" else cause == self.by)

    def __str__(self) -> str:
        parts = [f"of user {self.user}" if self.user else "", f"from {self.station}" if self.station else ""]
        return " ".join(filter(None, ["the licenses", *parts]))


@dataclass(frozen=True, slots=True)
class AssertionAnswer:
    """``passed``: the assertion holds. ``waiting``: it does not yet. ``why``: a line for each failure."""

    passed: bool
    waiting: bool
    why: tuple[str, ...]


def released(run: RunHistory, wanted: LicenseSelection) -> AssertionAnswer:
    """Whether every license of *wanted* was released, for an accepted cause."""
    selected = list(wanted.holdings(run))
    if not selected:
        return AssertionAnswer(False, True, (f"nothing was licensed, so that {wanted} prove nothing", *_refusals(run)))
    held = [(history, holding) for history, holding in selected if holding.released is None]
    over = [(history, holding) for history, holding in selected if holding.released is not None]
    wrong = [(history, holding) for history, holding in over if not wanted.accepts(holding.cause)]
    why = [
        f"{_holder(history)} holds a license of {history.server.name} since {clock(holding.granted)}; "
        f"its last request was at {clock(history.last_request)}"
        for history, holding in held
    ]
    why += [
        f"{_holder(history)} held a license of {history.server.name} from {clock(holding.granted)} to "
        f"{clock(holding.released or 0)}; its client did not release it: {_reclaimed(holding.cause)}"
        for history, holding in wrong
    ]
    return AssertionAnswer(not held and not wrong, bool(held) and not wrong, tuple(why))


_RECLAIMED = {
    "lost": "the server reclaimed it when the socket closed, as after an exit without a logout",
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


def denials(run: RunHistory, user: str | None = None, what: str | None = None) -> list[Record]:
    """The ``deny`` lines: of *user*, for want of *what* (license, slot or account)."""
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
