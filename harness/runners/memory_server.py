"""A server machine of the memory runner: it is up, frozen or down, and defers events while it is frozen.

Rules of this file:

* All that happens on a server passes here: arriving packets, the end of a stream, a deadline.
* Every start makes a new server whose journal begins at time 0, as that of a process does. The ``start`` line has the
  wall time.
* A stream belongs to one incarnation of the server; a datagram reaches the present one.
* A capture has what ``fakenw serve --pcap`` would have: packets when the server receives and sends them. A packet lost
  on the way to the server is not in it, a packet lost on the way from the server is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from fakenw.core.connection import Connection
from fakenw.core.connection_table import Answering
from fakenw.core.delivery import Delivery
from fakenw.core.peer import IPX, Peer
from fakenw.core.server import Server
from fakenw.journal.record import Record
from fakenw.transports.capture import CaptureFile
from fakenw.transports.ipx.stack import Stack
from fakenw.wire.packet import WatchdogPacket
from harness.runners.memory_wire import WATCHDOG_TRIP, ServerBoard, Wire, node_of
from harness.runners.runtime import Alarm, VirtualClock


class ServerNetwork(Protocol):
    """The network as a server machine uses it."""

    clock: VirtualClock

    def wall(self) -> datetime:
        """The wall time."""

    def to_client(self, host: ServerHost, peer: Peer, data: bytes) -> None: ...

    def disconnect(self, peer: Peer) -> None:
        """Close the stream of *peer*."""

    def answers(self, host: ServerHost, peer: Peer, query: bytes) -> bool:
        """Whether a station over UDP answers *query* of a server in ``WATCHDOG_TRIP`` each way."""


class ServerHost:
    """One server machine with an *address*. *boot* makes the server of each incarnation, counted from 1.

    With a *wire* it serves IPX there.
    """

    def __init__(
        self,
        network: ServerNetwork,
        boot: Callable[[int], Server],
        address: str,
        capture: CaptureFile | None = None,
        wire: Wire | None = None,
    ) -> None:
        self.records: list[Record] = []
        self.on = False
        self.frozen = False
        self.incarnation = 0
        self.node = node_of(address)
        self.wrote: Callable[[], None] | None = None  # called behind the lines of a turn
        self._network, self._boot, self._address, self._capture = network, boot, address, capture
        self._wire = wire
        self._board: ServerBoard | None = None
        if wire is not None:
            wire.attach(self)
        self._until_thaw: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.start()

    def start(self) -> None:
        """Begin an incarnation with empty tables."""
        self.incarnation += 1
        self.on = True
        self.server = self._boot(self.incarnation)
        self._begun = self._network.clock.time
        self._delivery = Delivery(self.server, self)
        self._delivery.capture = self._capture
        self._delivery.start(self._network.wall())
        self.server.table.answering = self._answering
        if self._wire is not None:
            self._board = ServerBoard(self._wire, self.server, self.node, self._asked)
            self._board.announce()

    def stop(self) -> None:
        """Stop the server in order; its machine closes the streams. A frozen machine writes no ``stop`` line."""
        if self.on and not self.frozen:
            if self._board is not None:
                self._board.announce(gone=True)
            self._delivery.stop()
        if self.on and self._capture is not None:
            self._capture.machine_ended(self._address)
        self._delivery.stopped = True
        self.on = False

    def freeze(self) -> None:
        """Defer everything that happens on this machine until its thaw."""
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
        waiting, self._until_thaw = self._until_thaw, []
        for call, arguments in waiting:
            call(*arguments)

    def holders(self) -> list[str]:
        """The stations that hold a license."""
        return [str(one.peer) for one in self.server.table.by_number.values() if one.unit is not None]

    def set_clock(self, by: int) -> None:
        """Move the wall clock *by* microseconds. The journal's time is not affected."""
        self.server.set_utc(self.server.utc(self.server.now) + timedelta(microseconds=by))

    def receive(self, peer: Peer, data: bytes, incarnation: int | None) -> None:
        """Bytes have arrived; *incarnation* is that of their stream, None for a datagram."""
        if self.frozen:
            self._until_thaw.append((self.receive, (peer, data, incarnation)))
        elif self.on and (incarnation is None or incarnation == self.incarnation):
            self._delivery.receive(peer, data, self.now())

    def receive_frame(self, frame: bytes) -> None:
        """A frame has arrived on the wire."""
        if self.frozen:
            self._until_thaw.append((self.receive_frame, (frame,)))
        elif self.on and self._board is not None:
            self._board.receive(frame)

    def _asked(self, peer: Peer, data: bytes) -> None:
        self._delivery.receive(peer, data, self.now())

    def lost(self, peer: Peer, incarnation: int | None) -> None:
        """The stream of *peer* has ended."""
        if self.frozen:
            self._until_thaw.append((self.lost, (peer, incarnation)))
        elif self.on and (incarnation is None or incarnation == self.incarnation):
            self._delivery.lost(peer)

    @property
    def stack(self) -> Stack | None:
        """IPX of this incarnation."""
        return None if self._board is None else self._board.stack

    # The delivery's edge (fakenw.core.delivery.Edge)

    def now(self) -> int:
        return self._network.clock.time - self._begun

    def call_at(self, due: int, call: Callable[[], None]) -> Alarm:
        alarm = Alarm(call)
        self._network.clock.call_last(max(due + self._begun, self._network.clock.time), self._ring, alarm)
        return alarm

    def _answering(self, connection: Connection) -> Answering | None:
        """Whether the station answers the watchdog, which only its own requester knows; None where a round leaves a
        trace, in a capture, or something else than a time may be awaited."""
        if self._capture is not None or self.wrote is not None:
            return None
        peer, query = connection.peer, WatchdogPacket(connection.number, b"?").encode()
        if peer.transport is IPX:
            answers = self._board is not None and self._board.answers(peer, query)
        else:
            answers = self._network.answers(self, peer, query)
        return Answering(self._network.clock.next() - self._begun, 2 * WATCHDOG_TRIP) if answers else None

    def _ring(self, alarm: Alarm) -> None:
        if self.frozen:
            self._until_thaw.append((self._ring, (alarm,)))
        elif self.on:
            alarm.ring()
            if self._board is not None:
                self._board.forget()

    def write(self, records: list[Record]) -> bool:
        self.records.extend(records)
        if self.wrote is not None:
            self.wrote()
        return True

    def send(self, peer: Peer, data: bytes) -> None:
        if peer.transport is IPX and self._board is not None:
            self._board.send(peer, data)
        else:
            self._network.to_client(self, peer, data)

    def close(self, peer: Peer) -> None:
        self._network.disconnect(peer)
        self._delivery.lost(peer)

    def read(self, peer: Peer, *, on: bool) -> None:
        """Nothing: there are no queues."""

    def local(self, peer: Peer) -> str | None:
        return None if peer.transport is IPX else self._address
