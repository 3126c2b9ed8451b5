"""A capture's connections, joined with those of lists: each tells what the other cannot know.

Rules of this file:

* It is pure. A connection of the capture and one of a list are the same if number, machine and server are; a server
  whose name one of them does not have is any server.
* The capture shows whether a connection is idle, for longer and more closely than lists do. Lists tell whether one is
  licensed where the capture does not, because it began later or lacks packets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.lab.evidence import ListedConnection
from harness.lab.sightings import Sightings


def joined(captured: Sequence[ListedConnection], lists: Sightings) -> Sightings:
    """The connections of a capture and of lists, each once."""
    left = list(captured)
    there = []
    for one in lists.there:
        seen = next((other for other in left if _is_same(one, other)), None)
        if seen is None:
            there.append(one)
            continue
        left.remove(seen)
        there.append(_both(one, seen))
    return Sightings([*there, *left], lists.released, lists.new)


def _is_same(listed: ListedConnection, seen: ListedConnection) -> bool:
    servers = {one.server.upper() for one in (listed, seen) if one.server}
    return (listed.number, listed.address) == (seen.number, seen.address) and len(servers) < 2


def _both(listed: ListedConnection, seen: ListedConnection) -> ListedConnection:
    known = listed if seen.idle is None else seen
    return replace(
        listed,
        user=listed.user or seen.user,
        licensed=seen.licensed if seen.sure else listed.licensed,
        since=listed.since or seen.since,
        server=listed.server or seen.server,
        idle=known.idle,
        idle_for=known.idle_for,
        held_for=listed.held_for or seen.held_for,
        activity=known.activity,
    )
