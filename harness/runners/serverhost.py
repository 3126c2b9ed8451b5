"""A server machine of the memory runner: whether it runs, stands still or is down, and what waits meanwhile.

Rules of this file:

* Everything that happens on a server passes here: what arrives, the end of a stream, a deadline.
* With every start the server is a new one, and the time in its journal begins at 0 again, as that of a process does.
  Who reads the journal knows by the wall time of the ``start`` line when that was.
* A stream belongs to one life of the server; a datagram reaches whoever is there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from fakenw.records import Record
from fakenw.server import Effects, Server


class Surroundings(Protocol):
    """What a server machine needs of the network."""

    now: int

    def at(self, when: int, what: Callable[..., None], *arguments: Any) -> None: ...

    def wall(self) -> datetime:
        """The wall time."""

    def to_client(self, host: ServerHost, station: str, data: bytes) -> None:
        """Send something to a station."""

    def hang_up(self, station: str) -> None:
        """Close the TCP connection of a station."""


class ServerHost:
    """One server machine. *boot* makes the server for each of its lives, which are counted from 1."""

    def __init__(self, network: Surroundings, boot: Callable[[int], Server]) -> None:
        self.records: list[Record] = []
        self.on = False
        self.frozen = False
        self.life = 0
        self._network, self._boot = network, boot
        self._waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = []  # until it is thawed
        self.start()

    def start(self) -> None:
        """Begin a life, empty."""
        self.life += 1
        self.on = True
        self.server = self._boot(self.life)
        self._begun = self._network.now
        self._armed: int | None = None
        self._carry_out(self.server.start(0, self._network.wall()))

    def stop(self) -> None:
        """End this life in order. Who stands still says nothing."""
        if self.on and not self.frozen:
            self.records.extend(self.server.stop(self._now()).records)
        self.on = False

    def freeze(self) -> None:
        """Stand still; what arrives waits."""
        self.frozen = True

    def thaw(self) -> None:
        """Go on with what has been waiting."""
        self.frozen = False
        waiting, self._waiting = self._waiting, []
        for what, arguments in waiting:
            what(*arguments)

    def set_clock(self, by: int) -> None:
        """Let the wall clock show so much more. The journal's time goes on as it did."""
        self.server.set_utc(self.server.utc(self.server.now) + timedelta(microseconds=by))

    def receive(self, station: str, data: bytes, life: int | None) -> None:
        """Something has arrived; of a stream that was made in that *life*."""
        if self.frozen:
            self._waiting.append((self.receive, (station, data, life)))
        elif self.on and (life is None or life == self.life):
            self._carry_out(self.server.receive(self._now(), station, data))

    def lost(self, station: str, life: int | None) -> None:
        """A station's stream has ended."""
        if self.frozen:
            self._waiting.append((self.lost, (station, life)))
        elif self.on and (life is None or life == self.life):
            self._carry_out(self.server.lost(self._now(), station))

    def _now(self) -> int:
        return self._network.now - self._begun

    def _expire(self, armed: int) -> None:
        if self.frozen:
            self._waiting.append((self._expire, (armed,)))
        elif self.on and self._armed == armed:
            self._armed = None
            self._carry_out(self.server.expire(self._now()))

    def _carry_out(self, effects: Effects) -> None:
        records, sends, closes = effects
        if records:
            self.records.extend(records)
        for station, data in sends:
            self._network.to_client(self, station, data)
        for station in closes:
            self._network.hang_up(station)
            self._carry_out(self.server.lost(self._now(), station))
        due = self.server.deadline()
        if due is not None and (self._armed is None or due < self._armed):
            self._armed = due = max(due, self._now())
            self._network.at(due + self._begun, self._expire, due)
