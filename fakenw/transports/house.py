"""A server in a reactor: carries out effects, keeps one timer, knows the way back to every station."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from fakenw.journal import JournalFile
from fakenw.records import SECOND, Record
from fakenw.server import Effects, Server

ANSWERS_WITHIN = 0.75  # seconds of real time that a client has for an answer while the clock runs ahead
LOOK_EVERY = 0.002


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

    *watch* are those who see every record after it was written. *fail* is called once when the journal cannot be
    written: a server whose books are lost must not go on, and says nothing more to anybody.
    *soon* calls a function at the end of the reactor's turn: the lines of a turn are then written at once.
    ``tap``, if there is one, sees all bytes.
    """

    def __init__(
        self,
        server: Server,
        reactor: IReactorTime,
        watch: Sequence[Callable[[Record], None]] = (),
        fail: Callable[[OSError], None] | None = None,
        soon: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self.server = server
        self._reactor, self._watch, self._fail, self._soon = reactor, watch, fail, soon
        self._later: list[Effects] = []  # of this turn, in order: once a line waits, so does all that follows
        self.tap: Tap | None = None
        self._journal: JournalFile | None = None
        self._speed = server.config.speed
        self._rate = self._speed * SECOND
        self._begun = 0.0
        self._now = 0
        self._skipped = 0  # by which the clock was advanced
        self._routes: dict[str, Route] = {}
        self._stations = server.table.by_station
        self._passing: list[str] = []  # stations over UDP that may own no connection
        self._timer: IDelayedCall | None = None
        self._armed: int | None = None
        self._unarmed = True  # nobody has looked since the timer rang
        self._stopped = False

    def now(self) -> int:
        """Microseconds since the start, of the server's time. A clock that is set back stands still."""
        now = round((self._reactor.seconds() - self._begun) * self._rate) + self._skipped
        if now > self._now:
            self._now = now
        return self._now

    def start(self, utc: datetime, journal: JournalFile | None) -> None:
        """Begin the journal; *utc* is the wall time of this moment."""
        self._journal = journal
        self._begun = self._reactor.seconds()
        self._write(self.server.start(0, utc).records)

    def act(self, what: Callable[[], None]) -> None:
        """Have something done to the server from outside, and carry out what follows."""
        self.server.now = self.now()
        what()
        self._carry_out(self.server.take())
        self._flush()

    async def advance(self, by: int) -> None:
        """Let the server's clock run ahead by so many microseconds. What is due meanwhile happens, in order.

        The clock goes from one deadline to the next, and stands still in real time while somebody whom the watchdog has
        asked may still answer: a living client is not cleared however fast the hours pass.
        """
        target = self.now() + by
        patience = round(ANSWERS_WITHIN * self._speed * SECOND)
        while True:
            await deferLater(self._reactor, 0)  # others have their turn
            while not self._stopped and self.server.awaits_answers(self.now(), patience):
                await deferLater(self._reactor, LOOK_EVERY)
            if self._stopped or self.now() >= target:
                return
            due = self.server.deadline()
            self._skip_to(target if due is None else min(due, target))
            self._carry_out(self.server.expire(self._now))
            self._flush()

    def _skip_to(self, to: int) -> None:
        """It is *to* now, if it was not later already. The timer was set by the clock as it went before."""
        self._skipped += max(0, to - self.now())
        self._now = max(self._now, to)
        if self._timer is not None:
            self._timer.cancel()
        self._disarmed()

    def stop(self) -> None:
        """End the journal. What happens later, such as the end of every socket, is not the clients' doing."""
        self._flush()
        self._soon = None
        self._carry_out(self.server.stop(self.now()))
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def received(self, peer: str, data: bytes, route: Route, now: int | None = None) -> None:
        """Bytes came from *peer*; *route* leads back. *now*: the time, for whoever has just asked for it."""
        self._routes[peer] = route
        if self.tap is not None:
            self.tap.received(peer, route.local(), data)
        self._carry_out(self.server.receive(self.now() if now is None else now, peer, data))
        if peer not in self._stations and not peer.startswith("tcp:"):
            self._passing.append(peer)
            if not self._later:
                self._forget()

    def lost(self, peer: str) -> None:
        """The TCP connection of *peer* has ended."""
        self._routes.pop(peer, None)
        if self.tap is not None:
            self.tap.ended(peer, inward=True)
        self._carry_out(self.server.lost(self.now(), peer))

    def _disarmed(self) -> None:
        self._timer, self._armed, self._unarmed = None, None, True

    def _expire(self) -> None:
        self._disarmed()
        self._carry_out(self.server.expire(self.now()))

    def _carry_out(self, effects: Effects) -> None:
        if self._stopped:
            return
        if self._later or (effects.records and self._soon is not None):
            self._later.append(effects)
            if len(self._later) == 1:
                assert self._soon is not None
                self._soon(self._flush)
        else:
            if effects.records:
                self._write(effects.records)
            self._announce(effects)
        if self._unarmed or self.server.is_sooner:
            self._unarmed = False
            due = self.server.deadline()
            if due is not None and (self._armed is None or due < self._armed):
                self._arm(due)

    def _flush(self) -> None:
        """The turn is over: its lines are written at once, and then what they announce is sent, in the same order."""
        later, self._later = self._later, []
        if later:
            self._write([record for effects in later for record in effects.records])
        for effects in later:
            self._announce(effects)
        self._forget()

    def _forget(self) -> None:
        """There is no way any more to ports that own no connection; they have had their replies."""
        for peer in self._passing:
            if peer not in self._stations:
                self._routes.pop(peer, None)
        self._passing.clear()

    def _announce(self, effects: Effects) -> None:
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
        for watch in self._watch:
            for record in records:
                watch(record)
