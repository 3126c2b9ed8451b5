"""Carrying out what follows from an event of a server: first the journal, then sends, then closes.

Rules of this file:

* Every edge uses it: the reactor, a server machine in memory, a load, a test. An edge says what time it is, how a timer
  is set, and what writing, sending and closing are.
* One timer is kept, for the core's next deadline. It is set anew when a deadline has come nearer.
* With *soon* the lines of one turn of a reactor are written together at its end. What they announce, and all that
  follows, waits for that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from fakenw.core.peer import Peer
from fakenw.core.server import Effects, Server
from fakenw.journal.record import Record


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> object: ...


class Edge(Protocol):
    """The surroundings of a server."""

    def now(self) -> int:
        """Microseconds since the server's start."""

    def call_at(self, due: int, call: Callable[[], None]) -> Timer:
        """Have *call* called when it is *due* on that clock."""

    def write(self, records: list[Record]) -> bool:
        """Write to the journal. False where that failed: then nothing is announced any more."""

    def send(self, peer: Peer, data: bytes) -> None: ...

    def close(self, peer: Peer) -> None:
        """End a stream, after what was sent. The edge calls ``lost`` when it has ended."""

    def local(self, peer: Peer) -> str | None:
        """The address of this machine that *peer* talks to, for a capture; None where no way leads to the peer."""


class Capture(Protocol):
    """Sees every byte; see ``fakenw.transports.capture``."""

    def received(self, peer: Peer, local: str, data: bytes) -> None: ...

    def sent(self, peer: Peer, local: str, data: bytes) -> None: ...

    def ended(self, peer: Peer, *, inward: bool) -> None:
        """The stream was ended by the client (*inward*), or is about to be by the server."""


class Delivery:
    """Passes events of an *edge* to *server*, and carries out their effects."""

    def __init__(self, server: Server, edge: Edge, soon: Callable[[Callable[[], None]], object] | None = None) -> None:
        self.capture: Capture | None = None
        self.stopped = False
        self.waiting: list[Effects] = []  # of this turn, in order
        self._server, self._edge, self._soon = server, edge, soon
        self._timer: tuple[int, Timer] | None = None

    def start(self, utc: datetime) -> None:
        """Begin the journal; *utc* is the wall time of this moment."""
        self._write(self._server.start(0, utc).records)

    def receive(self, peer: Peer, data: bytes, now: int) -> None:
        """Bytes have arrived from *peer*."""
        if self.capture is not None and (local := self._edge.local(peer)) is not None:
            self.capture.received(peer, local, data)
        self.carry_out(self._server.receive(now, peer, data))

    def lost(self, peer: Peer) -> None:
        """The stream of *peer* has ended."""
        if self.capture is not None:
            self.capture.ended(peer, inward=True)
        self.carry_out(self._server.lost(self._edge.now(), peer))

    def expire(self) -> None:
        """Do what is due."""
        self.carry_out(self._server.expire(self._edge.now()))

    def act(self, what: Callable[[], None]) -> None:
        """Have something done to the server from outside, and carry out what follows."""
        self._server.now = self._edge.now()
        what()
        self.carry_out(self._server.take())
        self.flush()

    def stop(self) -> None:
        """End the journal. Later events, such as the end of every socket, are not the clients' doing."""
        self.flush()
        self._soon = None
        self.carry_out(self._server.stop(self._edge.now()))
        self.stopped = True
        self.disarm()

    def carry_out(self, effects: Effects) -> None:
        """Write, send and close, now or at the end of the turn."""
        if self.stopped:
            return
        records, sends, closes = effects
        if self.waiting or (records and self._soon is not None):
            self.waiting.append(effects)
            if len(self.waiting) == 1 and self._soon is not None:
                self._soon(self.flush)
        else:
            if records:
                self._write(records)
            if sends or closes:
                self._announce(effects)
        due = self._server.deadline()
        if due is not None and (self._timer is None or due < self._timer[0]):
            self._arm(due)

    def flush(self) -> None:
        """The turn is over: its lines are written at once, and then what they announce is sent, in the same order."""
        waiting, self.waiting = self.waiting, []
        records = [record for effects in waiting for record in effects.records]
        if records:
            self._write(records)
        for effects in waiting:
            self._announce(effects)

    def disarm(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer[1].cancel()
            self._timer = None

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
            self._timer = due, self._edge.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.carry_out(self._server.expire(self._edge.now()))
