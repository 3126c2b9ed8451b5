"""A server in a reactor: carries out effects, keeps one timer, knows the way back to every station."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fakenw.journal import JournalFile
from fakenw.records import SECOND, Record
from fakenw.server import Effects, Server


class Route(Protocol):
    """The way to one station."""

    def send(self, data: bytes) -> None:
        """Send bytes to the station."""

    def close(self) -> None:
        """End the station's connection, after what was sent."""

    def local(self) -> str:
        """The address of this computer that the station talks to."""


class Tap(Protocol):
    """Sees every byte; see ``fakenw.pcap``."""

    def received(self, station: str, local: str, data: bytes) -> None:
        """Bytes came from *station* to the address *local*."""

    def sent(self, station: str, local: str, data: bytes) -> None:
        """Bytes are about to be sent from *local* to *station*."""

    def ended(self, station: str, *, inward: bool) -> None:
        """The connection of *station* was ended by the client (*inward*), or is about to be by us."""


class House:
    """Runs *server* on *reactor*'s time, *speed* times as fast.

    *watch* sees every record after it was written. *fail* is called once when the journal cannot be
    written: a server whose books are lost must not go on, and says nothing more to anybody.
    ``tap``, if there is one, sees all bytes.
    """

    def __init__(
        self,
        server: Server,
        reactor: IReactorTime,
        watch: Callable[[Record], None] | None = None,
        fail: Callable[[OSError], None] | None = None,
    ) -> None:
        self.server = server
        self._reactor, self._watch, self._fail = reactor, watch, fail
        self.tap: Tap | None = None
        self._journal: JournalFile | None = None
        self._speed = server.config.speed
        self._begun = 0.0
        self._now = 0
        self._routes: dict[str, Route] = {}
        self._timer: IDelayedCall | None = None
        self._armed: int | None = None
        self._stopped = False

    def now(self) -> int:
        """Microseconds since the start, of the server's time. A clock that is set back stands still."""
        self._now = max(self._now, round((self._reactor.seconds() - self._begun) * self._speed * SECOND))
        return self._now

    def start(self, utc: datetime, journal: JournalFile | None) -> None:
        """Begin the journal; *utc* is the wall time of this moment."""
        self._journal = journal
        self._begun = self._reactor.seconds()
        self._carry_out(self.server.start(0, utc))

    def stop(self) -> None:
        """End the journal. What happens later, such as the end of every socket, is not the clients' doing."""
        self._carry_out(self.server.stop(self.now()))
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def received(self, peer: str, data: bytes, route: Route) -> None:
        """Bytes came from *peer*; *route* leads back."""
        self._routes[peer] = route
        if self.tap is not None:
            self.tap.received(peer, route.local(), data)
        self._carry_out(self.server.receive(self.now(), peer, data))
        if peer not in self.server.table.by_station and not peer.startswith("tcp:"):
            self._routes.pop(peer, None)

    def lost(self, peer: str) -> None:
        """The TCP connection of *peer* has ended."""
        self._routes.pop(peer, None)
        if self.tap is not None:
            self.tap.ended(peer, inward=True)
        self._carry_out(self.server.lost(self.now(), peer))

    def _expire(self) -> None:
        self._timer = self._armed = None
        self._carry_out(self.server.expire(self.now()))

    def _carry_out(self, effects: Effects) -> None:
        if self._stopped:
            return
        if effects.records:
            self._write(effects.records)
        if self._stopped:
            return  # what could not be written is not announced either
        for peer, data in effects.sends:
            route = self._routes.get(peer)
            if route is not None:
                if self.tap is not None:
                    self.tap.sent(peer, route.local(), data)
                route.send(data)
        for peer in effects.closes:
            route = self._routes.get(peer)
            if route is not None:
                if self.tap is not None:
                    self.tap.ended(peer, inward=False)
                route.close()
        due = self.server.deadline()
        if due is not None and (self._armed is None or due < self._armed):
            self._arm(due)

    def _arm(self, due: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait = max(0.0, (due - self._now) / SECOND / self._speed)
        self._armed, self._timer = due, self._reactor.callLater(wait, self._expire)

    def _write(self, records: list[Record]) -> None:
        if self._journal is not None:
            try:
                self._journal.write(records)
            except OSError as problem:
                self._stopped = True
                if self._fail is not None:
                    self._fail(problem)
                return
        if self._watch is not None:
            for record in records:
                self._watch(record)
