r"""Lists of connections that were taken one after the other: what is gone, what is new, and what is idle.

Rules of this file:

* It is pure. A server is judged by the last list that covers it. A list covers the servers that it names, and those
  that an earlier list named together with one of them.
* A connection is known by its server and number. It is the same one in two lists if user, address and since are the
  same, and its requests have not become fewer. Else it is another with the same number, and not known to be idle; so
  is one without a ``since``, because numbers are used again, and each poll makes the same number of requests.
* A connection is idle if the same one has the same number of requests in two lists, and in those between them; it is
  in use if it has more of them than in the list before.
* It is idle for at least the time from the first of these lists to the last. A list was taken at its ``as_of``. Without
  one it was taken not before the latest ``since`` in it, and before the ``since`` of each connection that is new in a
  later one. Otherwise the time is not known. Less than five minutes show nothing; nor do two lists that are the same in
  everything, unless each has its time: they may be one list, copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from itertools import chain, pairwise, takewhile

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
    whole = [_table(each) for each in lists]
    for server in dict.fromkeys(server for server, _ in chain.from_iterable(whole)):
        covering = _covering(named, server)
        _of_server([lists[n] for n in covering], [whole[n] for n in covering], server, found)
    return found


def _server(one: ListedConnection) -> str | None:
    return one.server.upper() if one.server else None


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


@dataclass(frozen=True, slots=True)
class _Seen:
    """A connection in a list, and since when it exists: with the list's time, a time of day has a date."""

    one: ListedConnection
    since: datetime | time | None

    def is_same(self, later: _Seen) -> bool:
        """Whether *later* is this connection in a later list."""
        ours, theirs = self.one, later.one
        ports = [one.station for one in (ours, theirs) if one.station != one.address]
        counts = [one.requests for one in (ours, theirs) if one.requests is not None]
        return (
            (ours.user.upper(), ours.address) == (theirs.user.upper(), theirs.address)
            and (len(ports) < 2 or ports[0] == ports[1])
            and (len(counts) < 2 or counts[0] <= counts[1])
            and _same_moment(self.since, later.since)
        )

    def differs(self, later: _Seen) -> bool:
        """Whether something has happened to it until the list of *later*."""
        return not self.is_same(later) or not self.is_as_before(later) or self.one.licensed != later.one.licensed

    def is_as_before(self, other: _Seen) -> bool:
        """Whether both have the same requests."""
        return self.one.requests == other.one.requests


def _same_moment(one: datetime | time | None, other: datetime | time | None) -> bool:
    if isinstance(one, datetime) and isinstance(other, time):
        return one.time() == other
    if isinstance(one, time) and isinstance(other, datetime):
        return one == other.time()
    return one == other


Key = tuple[str | None, int]  # server and number
Table = dict[Key, _Seen]


def _table(each: ConnectionList) -> Table:
    seen = {}
    for one in each.connections:
        since = moment(one.since)
        seen[_server(one), one.number] = _Seen(one, latest(since, each.as_of) or since)
    return seen


def _of_server(lists: Sequence[ConnectionList], whole: Sequence[Table], server: str | None, found: Sightings) -> None:
    tables = [{key: one for key, one in each.items() if key[0] == server} for each in whole]
    between: dict[int, tuple[int | None, bool]] = {}  # from each first list to the last: time, and whether they differ
    for key, now in tables[-1].items():
        same: list[_Seen] = []
        for each in reversed(tables[:-1]):
            before = each.get(key)
            if before is None or not before.is_same([now, *same][-1]):
                break
            same.append(before)
        if tables[1:] and not same:
            found.new.append(now.one)
        activity = _activity(now, same, len(tables) > 1 and key in tables[-2], len(tables))
        if activity is None:
            still = sum(1 for _ in takewhile(now.is_as_before, same))
            first = len(lists) - 1 - still
            if first not in between:
                between[first] = _apart(lists[first:], whole[first:]), _differ(whole[first], whole[-1])
            activity = _quiet(now, still + 1, *between[first])
        idle, idle_for, told = activity
        found.there.append(replace(_with_age(now, lists[-1]), idle=idle, idle_for=idle_for, activity=told))
    for earlier, later in pairwise(tables):
        for key, one in earlier.items():
            after = later.get(key)
            if one.one.licensed and not (after and after.one.licensed and one.is_same(after)):
                found.released.append(one.one)


Activity = tuple[bool | None, int | None, str]


def _activity(now: _Seen, same: Sequence[_Seen], another: bool, lists: int) -> Activity | None:
    """Idle or not, for how long, and how that is known; None where its requests are those of the list before."""
    if lists < 2:
        return None, None, "one list does not show whether it is idle"
    if not same:
        told = "another connection had its number in the list before" if another else "it is not in the list before"
        return None, None, told
    before = same[0].one
    if now.one.licensed != before.licensed:
        return False, 0, "it took or released its license since the list before"
    if now.one.requests is None or before.requests is None:
        return None, None, "the lists do not have its requests"
    if now.one.requests > before.requests:
        return False, 0, f"it is in use: {now.one.requests - before.requests} requests since the list before"
    if now.since is None:
        return None, None, "the lists do not say since when it exists, so that it may be another"
    return None


def _quiet(now: _Seen, lists: int, apart: int | None, differ: bool) -> Activity:
    """The same for a connection that has the same requests in the last *lists*."""
    if apart is None and not differ:
        return None, None, "nothing differs between the lists, as if they were one"
    if apart is not None and apart < IDLE_AFTER:
        return None, None, f"lists that are {clock(apart)} apart do not show whether it is idle"
    return True, apart, f"the same {now.one.requests} requests in {lists} lists"


def _differ(first: Table, last: Table) -> bool:
    """Whether something has happened between two lists."""
    return first.keys() != last.keys() or any(one.differs(last[key]) for key, one in first.items())


def _apart(lists: Sequence[ConnectionList], whole: Sequence[Table]) -> int | None:
    """Microseconds from the first to the last of *lists*, at least; None: not known."""
    begun = lists[0].as_of or _taken_before(whole)
    ended = lists[-1].as_of or max(_dated(whole[-1].values()), default=None)
    return None if begun is None or ended is None or ended <= begun else _microseconds(ended - begun)


def _taken_before(whole: Sequence[Table]) -> datetime | None:
    """When, at the latest, the first list was taken, by the connections that are new after it."""
    not_before = max(_dated(whole[0].values()), default=datetime.min)
    new = [one for each in whole[1:] for key, one in each.items() if not _known(whole[0].get(key), one)]
    return min((since for since in _dated(new) if since >= not_before), default=None)


def _known(before: _Seen | None, one: _Seen) -> bool:
    return before is not None and _same_moment(before.since, one.since)


def _dated(seen: Iterable[_Seen]) -> list[datetime]:
    return [one.since for one in seen if isinstance(one.since, datetime)]


def _with_age(now: _Seen, last: ConnectionList) -> ListedConnection:
    if last.as_of is None or not isinstance(now.since, datetime):
        return now.one
    if now.since > last.as_of:
        raise EvidenceError(
            f"{last.name}: connection {now.one.number} since {now.one.since}, after --as-of"
            f" {last.as_of:%Y-%m-%d %H:%M}; expected the time when the list was taken"
        )
    return replace(now.one, held_for=_microseconds(last.as_of - now.since))


def _microseconds(time: timedelta) -> int:
    return time // timedelta(microseconds=1)
