"""A server in a reactor: the time, the journal, and the route to every peer.

A stream whose outgoing queue is full is not read from until the queue has drained. If it does not shrink for
STALLED_AFTER seconds the stream is aborted: its NCP connection ends with the cause ``stalled``. So is a stream that is
being closed, and whose peer does not read the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from fakenw.core.delivery import Delivery
from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.core.stall_watch import STALLED_AFTER, StallWatch
from fakenw.journal.record import SECOND, Record
from fakenw.journal.writer import JournalFile
from fakenw.transports.spare_descriptors import SpareDescriptors

ANSWERS_WITHIN = 0.75  # seconds of real time that a client has for a watchdog answer while the clock is advanced
LOOK_EVERY = 0.002
QUEUE = 64 * 1024  # bytes to one stream, beyond which it is full


class Route(Protocol):
    """The way to one peer."""

    def send(self, data: bytes) -> None: ...

    def close(self) -> None:
        """End the connection after the bytes already sent. Of a datagram's sender: nothing more is sent there."""

    def local(self) -> str | None:
        """The address of this computer that the peer uses; None where a capture gets the frames themselves."""


class StreamRoute(Route, Protocol):
    """The way to the peer of a stream, which calls ``full`` and ``drained`` of the host until it is closed."""

    def read(self, *, on: bool) -> None:
        """Read no more, or go on reading."""

    def queued(self) -> int:
        """Bytes that wait to be sent."""

    def abort(self) -> None:
        """End the connection without the bytes that wait."""


class ReactorHost:
    """Runs *server* on *reactor*'s time, *speed* times as fast.

    *watch* are called with every record after it was written. *fail* is called once when the journal cannot be
    written; the server then sends nothing more, since its journal would be incomplete.
    *soon* calls a function at the end of the reactor's turn: the lines of a turn are then written together.
    *stalled_after* are seconds of real time.
    """

    def __init__(
        self,
        server: Server,
        reactor: IReactorTime,
        watch: Sequence[Callable[[Record], None]] = (),
        fail: Callable[[OSError], None] | None = None,
        soon: Callable[[Callable[[], None]], object] | None = None,
        stalled_after: float = STALLED_AFTER,
    ) -> None:
        self.server = server
        self.delivery = Delivery(server, self, None if soon is None else self._at_end_of_turn)
        self._reactor, self._watch, self._fail, self._soon = reactor, watch, fail, soon
        self._journal: JournalFile | None = None
        self._speed = server.settings.speed
        self._rate = self._speed * SECOND
        self._begun = 0.0
        self._now = 0
        self._skipped = 0  # microseconds by which the clock was advanced
        self._routes: dict[Peer, Route] = {}
        self._streams: dict[Peer, StreamRoute] = {}
        self._stalls = StallWatch(reactor.callLater, stalled_after)
        self._spare = SpareDescriptors(reactor.callLater, self._unserved)
        self._owners = server.table.by_peer
        server.table.removed = self._removed
        self._unowned: list[Peer] = []  # peers without a stream that may own no connection

    def now(self) -> int:
        """Microseconds of the server's time since the start. It stands still where the reactor's clock is set back."""
        now = round((self._reactor.seconds() - self._begun) * self._rate) + self._skipped
        if now > self._now:
            self._now = now
        return self._now

    def call_at(self, due: int, call: Callable[[], None]) -> IDelayedCall:
        return self._reactor.callLater(max(0.0, (due - self._now) / self._rate), call)

    def start(self, utc: datetime, journal: JournalFile | None) -> None:
        """Begin the journal; *utc* is the wall time of this moment."""
        self._journal = journal
        self._begun = self._reactor.seconds()
        self.delivery.start(utc)

    def stop(self) -> None:
        """End the journal; the streams are no longer watched."""
        self._spare.stop()
        self.delivery.stop()
        self._stalls.stop()

    async def advance(self, by: int) -> None:
        """Advance the server's clock by so many microseconds, through all deadlines in between, in order.

        At each deadline the clock waits, in real time, until the stations that the watchdog has queried have answered
        or had their time: a running client is not cleared. A line at the end says how far the clock jumped: less than
        *by*, since it also runs meanwhile, or where this is cancelled.
        """
        begun, skipped = self.now(), self._skipped
        try:
            await self._advance_to(begun + by)
        finally:
            told = {"since": begun / SECOND, "seconds": (self._skipped - skipped) / SECOND}
            self.delivery.act(lambda: self.server.emit("advanced", told))

    async def _advance_to(self, target: int) -> None:
        delivery, patience = self.delivery, round(ANSWERS_WITHIN * self._rate)
        while True:
            await deferLater(self._reactor, 0)  # the sockets have their turn
            while not delivery.stopped and self.server.awaits_answers(self.now(), patience):
                await deferLater(self._reactor, LOOK_EVERY)
            if delivery.stopped or self.now() >= target:
                return
            due = self.server.deadline()
            self._skip_to(target if due is None else min(due, target))
            delivery.expire()
            delivery.flush()

    def _skip_to(self, to: int) -> None:
        """Set the clock forward to *to*, and drop the timer, which was set by the former clock."""
        self._skipped += max(0, to - self.now())
        self._now = max(self._now, to)
        self.delivery.disarm()

    def routes(self) -> int:
        """The number of stations to which there is a route."""
        return len(self._routes)

    def opened(self, peer: Peer, route: Route) -> None:
        """A peer has sent a datagram; *route* leads to it."""
        self._routes[peer] = route

    def connected(self, peer: Peer, stream: StreamRoute, descriptor: int) -> None:
        """A peer has connected; it is disconnected where its *descriptor* is one of the last."""
        if self._spare.are_kept(descriptor):
            self._routes[peer] = self._streams[peer] = stream
        else:
            stream.abort()

    def received(self, peer: Peer, data: bytes, now: int) -> None:
        """Bytes have arrived from a peer that was ``opened`` or has ``connected``."""
        self.delivery.receive(peer, data, now)
        if not peer.transport.framed and peer not in self._owners:
            self._unowned.append(peer)
        if self._unowned and not self.delivery.waiting:
            self._forget()

    def lost(self, peer: Peer) -> None:
        """The stream of *peer* has ended."""
        self._routes.pop(peer, None)
        self._streams.pop(peer, None)
        self._stalls.forget(peer)
        self.delivery.lost(peer)

    def full(self, peer: Peer) -> None:
        """The queue to *peer* is longer than QUEUE."""
        self.delivery.full(peer)
        self.read(peer, on=False)
        self._watch_queue(peer)

    def drained(self, peer: Peer) -> None:
        """The queue to *peer* is short again."""
        self._stalls.forget(peer)
        self.delivery.drained(peer)

    def closing(self, peer: Peer) -> None:
        """The stream of *peer* ends as soon as its queue has been sent."""
        stream = self._streams.get(peer)
        if stream is not None and stream.queued():
            self._watch_queue(peer)

    def _unserved(self, clients: int) -> None:
        """So many clients were disconnected, since there is no descriptor for them."""
        self.delivery.act(lambda: self.server.emit("unserved", {"clients": clients}))

    def _watch_queue(self, peer: Peer) -> None:
        stream = self._streams[peer]

        def stalled() -> None:
            self.delivery.stalled(peer)
            stream.abort()

        self._stalls.watch(peer, stream.queued, stalled)

    def _removed(self, peer: Peer) -> None:
        """The connection of *peer* has ended, perhaps on the server's side: it was cleared. Replies may still wait."""
        if not peer.transport.framed:
            self._unowned.append(peer)

    def _at_end_of_turn(self, flush: Callable[[], None]) -> None:
        def end() -> None:
            flush()
            self._forget()

        assert self._soon is not None
        self._soon(end)

    def _forget(self) -> None:
        """Drop the routes to peers that own no connection and have received their replies."""
        for peer in self._unowned:
            if peer not in self._owners:
                route = self._routes.pop(peer, None)
                if route is not None:
                    route.close()
        self._unowned.clear()

    # fakenw.core.delivery.Edge

    def write(self, records: list[Record]) -> bool:
        if self._journal is not None:
            try:
                self._journal.write(records)
            except OSError as problem:
                if self._fail is not None:
                    self._fail(problem)
                return False
        for watch in self._watch:
            for record in records:
                watch(record)
        return True

    def send(self, peer: Peer, data: bytes) -> None:
        route = self._routes.get(peer)
        if route is not None:
            route.send(data)

    def close(self, peer: Peer) -> None:
        route = self._routes.get(peer)
        if route is not None:
            route.close()
            self.closing(peer)

    def read(self, peer: Peer, *, on: bool) -> None:
        stream = self._streams.get(peer)
        if stream is not None:
            stream.read(on=on)

    def local(self, peer: Peer) -> str | None:
        route = self._routes.get(peer)
        return None if route is None else route.local()
