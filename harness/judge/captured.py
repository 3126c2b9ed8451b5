"""What can be told from a journal that was made from a capture (``start`` says ``source: capture``).

Rules of this file:

* A line says how ``sure`` it is: seen, inferred or unknown. A holding whose end was not seen is proven until ``alive``,
  the last packet that showed the connection in its state.
* From ``uncertain`` to ``certain``, or to the end of the connection, packets are missing, or it was there before the
  capture: it may have held a license that no line tells of.
* What cannot be told makes a verdict ``unknown``, never ``released`` and never ``leaked``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fakenw.journal.fold import GIVEN_BACK, Holding
from fakenw.journal.record import Record, microseconds
from fakenw.journal.sentences import harmless
from harness.judge.history import ConnectionHistory, ServerHistory


class Doubt(NamedTuple):
    """A time in which the connection may have held a license, as a holding that ended with it, and the reason."""

    holding: Holding
    why: str


def is_captured(server: ServerHistory) -> bool:
    return bool(server.records[0].get("source") == "capture")


def proven_until(history: ConnectionHistory, holding: Holding) -> int:
    """The last time at which a holding is known to have lasted."""
    if not is_captured(history.server):
        return history.held_until(holding)
    if holding.released is None:
        return max(_alive(history), holding.granted)
    left = _left(history, holding)
    alive = None if left is None or left.get("sure") == "seen" else microseconds(left.get("alive"))
    return holding.released if alive is None else max(alive, holding.granted)


def end_is_unknown(history: ConnectionHistory, holding: Holding) -> bool:
    """Whether no packet tells how a holding has ended."""
    left = _left(history, holding) if is_captured(history.server) else None
    return left is not None and left.get("sure") == "unknown"


def files_are_doubtful(history: ConnectionHistory) -> bool:
    """Whether the files that its client left open may have been closed in packets that are missing."""
    shut = [record for record in history.server_lines("shut") if str(record.get("cause")) in GIVEN_BACK]
    return bool(shut) and all(record.get("sure") == "unknown" for record in shut)


def doubts(history: ConnectionHistory) -> Iterator[Doubt]:
    """The times in which a connection may have held a license that no line tells of."""
    since: int | None = None
    why = ""
    for record in history.records:
        if record.event == "uncertain" and since is None:
            since, why = record.t, harmless(record.get("why"))
        elif record.event in ("certain", "close") and since is not None:
            cause = str(record.get("cause")) if record.event == "close" else "logout"
            found = Doubt(Holding("", since, record.t, cause), why)
            since = None
            if not _is_covered(history, found.holding):
                yield found
    if since is not None:
        found = Doubt(Holding("", since), why)
        if not _is_covered(history, found.holding):
            yield found


def _is_covered(history: ConnectionHistory, doubt: Holding) -> bool:
    """Whether the journal has a license of the connection in all of that time."""
    end = history.held_until(doubt)
    return any(one.granted <= doubt.granted and history.held_until(one) >= end for one in history.holdings)


def _left(history: ConnectionHistory, holding: Holding) -> Record | None:
    """The line with which the connection left the state that held the license."""
    states = (record for record in history.server_lines("state") if record.t == holding.released)
    return next(states, None)


def _alive(history: ConnectionHistory) -> int:
    for holder in history.server.holders or ():
        if holder.get("serial") == history.serial:
            return microseconds(holder.get("alive")) or 0
    return 0
