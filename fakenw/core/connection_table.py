"""The connection table: slots, stations, serials.

A connection gets the lowest free number, because nmap uses one byte of it (ncp.md 10). A station (a
``Peer``) has at most one slot.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

from fakenw.core.connection import Connection
from fakenw.core.peer import Peer
from fakenw.wire.packet import LARGEST_CONNECTION


class Answering(NamedTuple):
    """What an edge knows of a station: it answers each query *after* so many microseconds, while the answers come
    before *until*, and nothing but queries and answers happens until then."""

    until: int
    after: int


class ConnectionTable:
    """At most *capacity* connections, numbered from 1."""

    def __init__(self, capacity: int) -> None:
        self.capacity = min(capacity, LARGEST_CONNECTION)
        self.by_number: dict[int, Connection] = {}
        self.by_peer: dict[Peer, Connection] = {}
        self.by_serial: dict[int, Connection] = {}
        self.peak = 0
        self.removed: Callable[[Peer], object] | None = None  # set by an edge that keeps something for each station
        self.answering: Callable[[Connection], Answering | None] | None = None  # set by an edge that knows the future
        self._freed: list[int] = []
        self._never_used = 1
        self._serial = 0

    def next_number(self) -> int | None:
        """Allocate the lowest free number; None where the table is full."""
        if self._freed:
            return heapq.heappop(self._freed)
        if self._never_used > self.capacity:
            return None
        self._never_used += 1
        return self._never_used - 1

    def next_serial(self) -> int:
        """A number that no other connection of this server gets."""
        self._serial += 1
        return self._serial

    def add(self, connection: Connection) -> None:
        """Add a connection whose number is from ``next_number``."""
        self.by_number[connection.number] = connection
        self.by_peer[connection.peer] = connection
        self.by_serial[connection.serial] = connection
        self.peak = max(self.peak, len(self.by_number))

    def remove(self, connection: Connection, *, keep_number: bool) -> None:
        """Remove a connection and, unless *keep_number*, free its number."""
        del self.by_number[connection.number]
        del self.by_peer[connection.peer]
        del self.by_serial[connection.serial]
        if not keep_number:
            heapq.heappush(self._freed, connection.number)
        if self.removed is not None:
            self.removed(connection.peer)
