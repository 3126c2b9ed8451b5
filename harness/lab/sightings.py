r"""Lists of connections that were taken one after the other: what is gone, what is new, and what is idle.

Rules of this file:

* It is pure. A server is judged by the last list that covers it. A list covers the servers that it names, and those
  that an earlier list named together with one of them.
* A connection is known by its server and number. It is the same one in two lists if user, address, license and since
  are the same, and its requests have not become fewer. Else it is another with the same number, and not known to be
  idle.
* A connection is idle if the same one has the same number of requests in two lists, and in those between them; it is
  in use if it has more of them than in the list before.
* It is idle for at least the time from the first of these lists to the last. A list was taken at its ``as_of``. Without
  one it was taken not before the latest ``since`` in it, and before the ``since`` of each connection that is new in a
  later one. Otherwise the time is not known. Less than five minutes show nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from fakenw.journal.sentences import clock
from harness.lab.evidence import IDLE_AFTER, EvidenceError, ListedConnection
from harness.lab.moments import latest, moment


@dataclass(frozen=True, slots=True)
class ConnectionList:
    """The connections of one moment; ``as_of`` is when the list was taken, None if that is not known."""

    name: str
    connections: tuple[ListedConnection, ...]
    as_of: datetime | None = None


@dataclass(slots=True)
class Sightings:
    """The connections that are there at the end, those that are gone, and those of the end that are new."""

    there: list[ListedConnection] = field(default_factory=list)
    released: list[ListedConnection] = field(default_factory=list)
    new: list[ListedConnection] = field(default_factory=list)


def seen(lists: Sequence[ConnectionList]) -> Sightings:
    """What *lists*, in the order in which they were taken, show together. Raises EvidenceError."""
    named = [(one.name, {_server(connection) for connection in one.connections}) for one in lists]
    if nameless := [name for name, servers in named if None in servers and any(s - {None} for _, s in named)]:
        raise EvidenceError(f"{nameless[0]}: no server; expected the column server, or --server, for each list or none")
    times = [one.as_of for one in lists if one.as_of]
    if times != sorted(times):
        raise EvidenceError("--as-of: a later list was taken earlier; expected the lists in the order of their times")
    found = Sightings()
    for server in dict.fromkeys(_server(one) for each in lists for one in each.connections):
        _of_server([_only(lists[n], server) for n in _covering(named, server)], found)
    return found


def _server(one: ListedConnection) -> str | None:
    return one.server.upper() if one.server else None


def _only(one: ConnectionList, server: str | None) -> ConnectionList:
    return replace(one, connections=tuple(each for each in one.connections if _server(each) == server))


def _covering(named: Sequence[tuple[str, set[str | None]]], server: str | None) -> list[int]:
    """The indices of the lists that cover *server*."""
    together: set[str | None] = set()
    covering = []
    for n, (_, servers) in enumerate(named):
        if server in servers:
            together |= servers
        if servers & together:
            covering.append(n)
    return covering


def _of_server(lists: Sequence[ConnectionList], found: Sightings) -> None:
    numbered = [{one.number: one for one in each.connections} for each in lists]
    last, end = lists[-1], lists[-1].as_of
    for one in last.connections:
        same = _same_before(one, numbered[:-1], end)
        if len(lists) > 1 and not same:
            found.new.append(one)
        another = len(lists) > 1 and one.number in numbered[-2]
        found.there.append(_with_idleness(_with_age(one, last), same, lists, another=another))
    for before, after in pairwise(numbered):
        for number, one in before.items():
            now = after.get(number)
            if one.licensed and not (now and now.licensed and _is_same(one, now, end)):
                found.released.append(one)


def _same_before(
    one: ListedConnection, earlier: Sequence[dict[int, ListedConnection]], end: datetime | None
) -> list[ListedConnection]:
    """The same connection in the lists before, the latest first, up to the first list without it."""
    same: list[ListedConnection] = []
    for each in reversed(earlier):
        before = each.get(one.number)
        if before is None or not _is_same(before, [one, *same][-1], end):
            break
        same.append(before)
    return same


def _is_same(before: ListedConnection, after: ListedConnection, end: datetime | None) -> bool:
    if (before.user.upper(), before.address) != (after.user.upper(), after.address):
        return False
    ports = [one.station for one in (before, after) if one.station != one.address]
    if len(ports) == 2 and ports[0] != ports[1]:
        return False
    if before.since != after.since and _since(before, end) != _since(after, end):
        return False
    return before.requests is None or after.requests is None or before.requests <= after.requests


def _since(one: ListedConnection, end: datetime | None) -> object:
    return latest(moment(one.since), end) or moment(one.since)


def _with_age(one: ListedConnection, last: ConnectionList) -> ListedConnection:
    since = latest(moment(one.since), last.as_of)
    if last.as_of is None or since is None:
        return one
    if since > last.as_of:
        raise EvidenceError(
            f"{last.name}: connection {one.number} since {one.since}, after --as-of {last.as_of:%Y-%m-%d %H:%M};"
            " expected the time when the list was taken"
        )
    return replace(one, held_for=_microseconds(last.as_of - since))


def _with_idleness(
    one: ListedConnection, same: Sequence[ListedConnection], lists: Sequence[ConnectionList], *, another: bool
) -> ListedConnection:
    if len(lists) < 2:
        return replace(one, activity="one list does not show whether it is idle")
    if not same:
        told = "another connection had its number in the list before" if another else "it is not in the list before"
        return replace(one, activity=told)
    if one.licensed != same[0].licensed:
        return replace(one, idle=False, idle_for=0, activity="it took or released its license since the list before")
    if one.requests is None or same[0].requests is None:
        return replace(one, activity="the lists do not have its requests")
    if one.requests > same[0].requests:
        more = one.requests - same[0].requests
        return replace(one, idle=False, idle_for=0, activity=f"it is in use: {more} requests since the list before")
    still = [before for before in same if before.requests == one.requests]
    apart = _apart(lists[len(lists) - 1 - len(still) :])
    if apart is not None and apart < IDLE_AFTER:
        return replace(one, activity=f"lists that are {clock(apart)} apart do not show whether it is idle")
    return replace(
        one, idle=True, idle_for=apart, activity=f"the same {one.requests} requests in {len(still) + 1} lists"
    )


def _apart(lists: Sequence[ConnectionList]) -> int | None:
    """Microseconds from the first to the last of *lists*, at least; None: not known."""
    first, last = lists[0], lists[-1]
    begun, ended = first.as_of or _taken_before(lists), last.as_of or max(_dated(last.connections, None), default=None)
    return None if begun is None or ended is None else max(_microseconds(ended - begun), 0) or None


def _taken_before(lists: Sequence[ConnectionList]) -> datetime | None:
    """When, at the latest, the first of *lists* was taken, by the connections that are new after it."""
    end, known = lists[-1].as_of, {one.number: one for one in lists[0].connections}
    not_before = max(_dated(lists[0].connections, end), default=datetime.min)
    new = [one for each in lists[1:] for one in each.connections if _made_after(known.get(one.number), one, end)]
    return min((since for since in _dated(new, end) if since >= not_before), default=None)


def _made_after(before: ListedConnection | None, one: ListedConnection, end: datetime | None) -> bool:
    return before is None or _since(before, end) != _since(one, end)


def _dated(connections: Iterable[ListedConnection], end: datetime | None) -> list[datetime]:
    moments = [latest(moment(one.since), end) for one in connections]
    return [told for told in moments if told is not None]


def _microseconds(time: timedelta) -> int:
    return time // timedelta(microseconds=1)
