"""Carrying out the effects of a server's events: first the journal, then sends, then closes.

Rules of this file:

* Every edge uses it: the reactor, a server in memory, a load, a test. An edge implements the clock, timers, writing,
  sending and closing.
* There is one timer, for the core's next deadline. It is set again when that moves forward.
* With *soon* the lines of one turn of a reactor are written together at its end. Their sends and closes, and all later
  effects, wait for that.
* Back pressure: a peer that is ``full`` does not read, and its requests wait until it has ``drained``. What the server
  keeps of a peer is executed portion by portion, one in a turn. Meanwhile the edge reads nothing from such a peer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from fakenw.core.effects import Effects
from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.journal.record import Record


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> object: ...


class Edge(Protocol):
    """The surroundings of a server."""

    def now(self) -> int:
        """Microseconds since the server's start."""

    def call_at(self, due: int, call: Callable[[], None]) -> Timer:
        """Schedule *call* for the time *due* of ``now``."""

    def write(self, records: list[Record]) -> bool:
        """Write to the journal. False for a failure: then nothing is sent any more."""

    def send(self, peer: Peer, data: bytes) -> None: ...

    def close(self, peer: Peer) -> None:
        """End a stream after the bytes already sent. The edge calls ``lost`` when it has ended."""

    def read(self, peer: Peer, *, on: bool) -> None:
        """Read no more from the stream of *peer*, or go on reading. An edge without queues ignores it."""

    def local(self, peer: Peer) -> str | None:
        """The address of this machine that *peer* uses, for a capture; None without a route to the peer."""


class Capture(Protocol):
    """Receives every byte; see ``fakenw.transports.capture``."""

    def received(self, peer: Peer, local: str, data: bytes) -> None: ...

    def sent(self, peer: Peer, local: str, data: bytes) -> None: ...

    def ended(self, peer: Peer, *, inward: bool) -> None:
        """The client has ended the stream (*inward*), or the server is about to end it."""


class Delivery:
    """Passes events of an *edge* to *server*, and carries out their effects."""

    def __init__(self, server: Server, edge: Edge, soon: Callable[[Callable[[], None]], object] | None = None) -> None:
        self.capture: Capture | None = None
        self.stopped = False
        self.waiting: list[Effects] = []  # of this turn, in order
        self._server, self._edge, self._soon = server, edge, soon
        self._timer: tuple[int, Timer] | None = None
        self._full: set[Peer] = set()
        self._next_portion: Timer | None = None

    def start(self, utc: datetime) -> None:
        """Begin the journal; *utc* is the wall time of this moment."""
        self._write(self._server.start(0, utc).records)

    def receive(self, peer: Peer, data: bytes, now: int) -> None:
        """Bytes have arrived from *peer*."""
        if self.capture is not None and (local := self._edge.local(peer)) is not None:
            self.capture.received(peer, local, data)
        self.carry_out(self._server.receive(now, peer, data))
        if self._server.kept:
            if peer in self._server.kept:
                self._edge.read(peer, on=False)
            self._go_on_soon()  # also of others: what they waited for may have become free

    def full(self, peer: Peer) -> None:
        """The edge's queue to *peer* is full: *peer* does not read. The edge reads nothing from it meanwhile."""
        self._full.add(peer)

    def drained(self, peer: Peer) -> None:
        """The edge's queue to *peer* has room again."""
        self._full.discard(peer)
        if peer in self._server.kept:
            self._go_on_soon()
        else:
            self._edge.read(peer, on=True)

    def stalled(self, peer: Peer) -> None:
        """*peer* has read nothing for long; the edge aborts its stream afterwards, and calls ``lost``."""
        self.flush()
        if self.capture is not None:
            self.capture.ended(peer, inward=False)
        self.carry_out(self._server.stalled(self._edge.now(), peer))
        self.flush()

    def lost(self, peer: Peer) -> None:
        """The stream of *peer* has ended."""
        self._full.discard(peer)
        if self.capture is not None:
            self.capture.ended(peer, inward=True)
        self.carry_out(self._server.lost(self._edge.now(), peer))
        if self._server.kept:
            self._go_on_soon()

    def expire(self) -> None:
        """Expire the deadlines that are due."""
        self.carry_out(self._server.expire(self._edge.now()))
        if self._server.kept:
            self._go_on_soon()

    def act(self, action: Callable[[], None]) -> None:
        """Call *action*, which changes the server from outside, and carry out the effects."""
        self._server.now = self._edge.now()
        action()
        self.carry_out(self._server.take_effects())
        self.flush()
        if self._server.kept:
            self._go_on_soon()

    def stop(self) -> None:
        """End the journal. Later events, such as closing sockets, do not come from clients."""
        self.flush()
        self._soon = None
        self.carry_out(self._server.stop(self._edge.now()))
        self.stopped = True
        self.disarm()
        if self._next_portion is not None:
            self._next_portion.cancel()
            self._next_portion = None

    def carry_out(self, effects: Effects) -> None:
        """Write, send and close, now or at the end of the turn."""
        if self.stopped:
            return
        if self.waiting or (effects.records and self._soon is not None):
            self.waiting.append(effects)
            if len(self.waiting) == 1 and self._soon is not None:
                self._soon(self.flush)
        else:
            if effects.records:
                self._write(effects.records)
            self._announce(effects)
        due = self._server.deadline()
        if due is not None and (self._timer is None or due < self._timer[0]):
            self._arm(due)

    def flush(self) -> None:
        """At the end of a turn, write its lines together, then send and close in the same order."""
        waiting, self.waiting = self.waiting, []
        records = [record for effects in waiting for record in effects.records]
        if records:
            self._write(records)
        for effects in waiting:
            self._announce(effects)

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer[1].cancel()
            self._timer = None

    def _go_on_soon(self) -> None:
        if self._next_portion is None and not self.stopped:
            self._next_portion = self._edge.call_at(self._edge.now(), self._go_on)

    def _go_on(self) -> None:
        """Execute a portion of the requests that the server keeps of each peer that reads."""
        self._next_portion = None
        self.flush()  # which shows which peers are full
        server, now = self._server, self._edge.now()
        for peer in [peer for peer in server.kept if peer not in self._full and server.can_go_on(peer)]:
            self.carry_out(server.receive(now, peer, b""))
            if peer in server.kept:
                self._go_on_soon()
            elif peer not in self._full:
                self._edge.read(peer, on=True)

    def _write(self, records: list[Record]) -> None:
        if not self._edge.write(records):
            self.stopped = True
            self.disarm()

    def _announce(self, effects: Effects) -> None:
        if self.stopped:
            return
        edge, capture = self._edge, self.capture
        for peer, data in effects.sends:
            if capture is not None and (local := edge.local(peer)) is not None:
                capture.sent(peer, local, data)
            edge.send(peer, data)
        for peer in effects.closes:
            if capture is not None:
                capture.ended(peer, inward=False)
            edge.close(peer)

    def _arm(self, due: int) -> None:
        if self._timer is not None:
            self._timer[1].cancel()
        if not self.stopped:
            self._timer = due, self._edge.call_at(due, self._timer_expired)

    def _timer_expired(self) -> None:
        self._timer = None
        self.expire()
