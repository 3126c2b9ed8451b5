"""What a test asserts of a running server: pure functions of its journal, each with the sentences of a failure.

Rules of this file:

* A license is *released* when its client gave it back. One that the server took back is *reclaimed*, which an assertion
  accepts only if it says so.
* What is not decided yet is ``waiting``; whoever asks looks again until the time is over, and then it has failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fakenw.journal.fold import GIVEN_BACK, Holding
from fakenw.journal.record import Journal, Record
from fakenw.journal.sentences import clock, harmless
from harness.judge.history import ConnectionHistory, RunHistory

ANYBODY = "anybody"  # by whom a license may come back: the client, or anybody, or one cause such as logout


@dataclass(frozen=True, slots=True)
class LicenseSelection:
    """Which connections an assertion is about: of a user, of a station (or its beginning), held at *since* or later.

    *since* is microseconds of the server's time. *by* is ``client``, ``anybody`` or a cause.
    """

    user: str | None = None
    station: str | None = None
    since: int = 0
    by: str = "client"

    def holdings(self, run: RunHistory) -> Iterator[tuple[ConnectionHistory, Holding]]:
        """The licenses that it is about."""
        for history in run.histories:
            named = self.user is None or self.user.upper() in [user.upper() for user in history.users]
            there = self.station is None or history.station.startswith(self.station)
            for holding in history.holdings if named and there else ():
                if holding.released is None or holding.released >= self.since:
                    yield history, holding

    def accepts(self, cause: str | None) -> bool:
        """Whether a license may have come back so."""
        return self.by == ANYBODY or (cause in GIVEN_BACK if self.by == "client" else cause == self.by)

    def __str__(self) -> str:
        parts = [f"of user {self.user}" if self.user else "", f"from {self.station}" if self.station else ""]
        return " ".join(filter(None, ["the licenses", *parts]))


@dataclass(frozen=True, slots=True)
class AssertionAnswer:
    """``kept``: the promise is kept. ``waiting``: it may still be. ``why``: what is wrong, a line each."""

    kept: bool
    waiting: bool
    why: tuple[str, ...]


def released(run: RunHistory, wanted: LicenseSelection) -> AssertionAnswer:
    """Every license that is wanted came back, and from whom it should."""
    about = list(wanted.holdings(run))
    if not about:
        return AssertionAnswer(False, True, (f"nothing was licensed, so that {wanted} prove nothing", *_refusals(run)))
    held = [(history, holding) for history, holding in about if holding.released is None]
    taken = [(history, holding) for history, holding in about if holding.released is not None]
    wrong = [(history, holding) for history, holding in taken if not wanted.accepts(holding.cause)]
    told = [
        f"{_holder(history)} holds a license of {history.server.name} since {clock(holding.granted)}; "
        f"its last request was at {clock(history.last_request)}"
        for history, holding in held
    ]
    told += [
        f"{_holder(history)} held a license of {history.server.name} from {clock(holding.granted)} to "
        f"{clock(holding.released or 0)}; its client did not give it back: {_taken(holding.cause)}"
        for history, holding in wrong
    ]
    return AssertionAnswer(not held and not wrong, bool(held) and not wrong, tuple(told))


_TAKEN = {
    "lost": "the server took it back when the socket closed, which only an exit without a logout does",
    "watchdog": "the watchdog took it back, after the station had been silent",
    "cleared": "an operator cleared the connection",
    "reinitialize": "the station attached anew without a logout",
}


def _taken(cause: str | None) -> str:
    return _TAKEN.get(str(cause), f"the server took it back ({harmless(cause)})")


def _holder(history: ConnectionHistory) -> str:
    user = f"user {harmless(history.user)}" if history.user else "nobody"
    return f"{user} on connection {history.connection} from {harmless(history.station)}"


def _refusals(run: RunHistory) -> list[str]:
    denied = denials(run)
    return [f"{len(denied)} times the server refused: {harmless(denied[0].get('what'))}"] if denied else []


def denials(run: RunHistory, user: str | None = None, what: str | None = None) -> list[Record]:
    """Who was refused."""
    return [
        record
        for server in run.servers
        for record in server.denied
        if (user is None or str(record.get("user")).upper() == user.upper()) and what in (None, record.get("what"))
    ]


def slice_of(journal: Journal, start: int) -> Journal:
    """The journal from line number *start* (0 is the first) on, with the line that says which server it is.

    What happened before must have ended: the server was reset.
    """
    return Journal(journal.name, [journal.records[0], *journal.records[max(start, 1) :]])
