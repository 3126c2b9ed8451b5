"""The watchdog of a server as a capture shows it: its questions, the answers, and the round that has none.

Rules of this file:

* A question without an answer is told as ``silent`` when the next one is asked, as the server does.
* The watchdog gave a station up where it has asked ten times and no other question follows; or fewer times, and the
  capture goes on for longer than it takes to ask again, had an answer been missing from the capture.
"""

from __future__ import annotations

from harness.capture.facts import SeenConnection, Sure, What
from harness.capture.seen_server import SeenServer

ROUND = 10  # questions (BANalyzer; UnixWare and HP-UX documents)


def asked(server: SeenServer, known: SeenConnection, now: int, number: int) -> None:
    """The server has asked whether the station is there, and so shows that the connection is."""
    if known.queries:
        if not known.silent:
            known.silent = True
            server.tell(now, number, What.WATCHDOG, Sure.SEEN, known, what="silent")
        known.between = now - known.queried
    else:
        known.patience = now - max(known.last_activity, known.last_request)
    known.queries += 1
    known.queried = now
    if known.unsure is None:
        known.alive = now


def answered(server: SeenServer, known: SeenConnection, now: int, number: int) -> None:
    """The station has answered, or made a request."""
    known.last_activity = now
    known.queries = 0
    if known.silent:
        known.silent = False
        server.tell(now, number, What.WATCHDOG, Sure.SEEN, known, what="answered")


def gave_up(server: SeenServer, known: SeenConnection, now: int) -> bool:
    """Whether the watchdog has ended the connection before *now*."""
    if not known.queries or not known.silent:
        return False
    due = known.queried + known.between
    patience = 0 if known.queries >= ROUND else known.patience + known.between
    if now < due + patience:
        return False
    server.tell(due, 0, What.WATCHDOG, Sure.INFERRED, known, what="gave-up")
    server.ends(due, 0, known, "watchdog", Sure.INFERRED)
    known.given_up = True
    return True
