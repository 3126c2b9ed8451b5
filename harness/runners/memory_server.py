"""A server machine of the memory runner: whether it runs, stands still or is down, and what waits meanwhile.

Rules of this file:

* Everything that happens on a server passes here: what arrives, the end of a stream, a deadline.
* With every start the server is a new one, and the time in its journal begins at 0 again, as that of a process does.
  The wall time of the ``start`` line says when that was.
* A stream belongs to one life of the server; a datagram reaches the life that is there.
* A capture has what ``fakenw serve --pcap`` would have: packets when the server takes them, and what it sends. A packet
  that is lost on the way to the server is not there, one that is lost on the way from it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from fakenw.core.delivery import Delivery
from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.journal.record import Record
from fakenw.transports.capture import CaptureFile
from harness.runners.runtime import Alarm, VirtualClock


class Surroundings(Protocol):
    """What a server machine needs of the network."""

    clock: VirtualClock

    def wall(self) -> datetime:
        """The wall time."""

    def to_client(self, host: ServerHost, peer: Peer, data: bytes) -> None:
        """Send something to a client."""

    def hang_up(self, peer: Peer) -> None:
        """Close the stream of *peer*."""


class ServerHost:
    """One server machine with an *address*. *boot* makes the server for each of its lives, which are counted from 1."""

    def __init__(
        self, network: Surroundings, boot: Callable[[int], Server], address: str, capture: CaptureFile | None = None
    ) -> None:
        self.records: list[Record] = []
        self.on = False
        self.frozen = False
        self.incarnation = 0
        self._network, self._boot, self._address, self._capture = network, boot, address, capture
        self._waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = []  # until it is thawed
        self.start()

    def start(self) -> None:
        """Begin a life, empty."""
        self.incarnation += 1
        self.on = True
        self.server = self._boot(self.incarnation)
        self._begun = self._network.clock.time
        self._delivery = Delivery(self.server, self)
        self._delivery.capture = self._capture
        self._delivery.start(self._network.wall())

    def stop(self) -> None:
        """End this life in order; its machine closes the streams. A machine that stands still writes no last line."""
        if self.on and not self.frozen:
            self._delivery.stop()
        if self.on and self._capture is not None:
            self._capture.machine_ended(self._address)
        self._delivery.stopped = True
        self.on = False

    def freeze(self) -> None:
        """Stand still; what arrives waits."""
        self.frozen = True

    def thaw(self) -> None:
        """Go on with what has been waiting."""
        self.frozen = False
        waiting, self._waiting = self._waiting, []
        for call, arguments in waiting:
            call(*arguments)

    def set_clock(self, by: int) -> None:
        """Let the wall clock show so much more. The journal's time goes on as it did."""
        self.server.set_utc(self.server.utc(self.server.now) + timedelta(microseconds=by))

    def receive(self, peer: Peer, data: bytes, incarnation: int | None) -> None:
        """Something has arrived; of a stream that was made in that *incarnation*."""
        if self.frozen:
            self._waiting.append((self.receive, (peer, data, incarnation)))
        elif self.on and (incarnation is None or incarnation == self.incarnation):
            self._delivery.receive(peer, data, self.now())

    def lost(self, peer: Peer, incarnation: int | None) -> None:
        """The stream of *peer* has ended."""
        if self.frozen:
            self._waiting.append((self.lost, (peer, incarnation)))
        elif self.on and (incarnation is None or incarnation == self.incarnation):
            self._delivery.lost(peer)

    # What the delivery asks for (fakenw.core.delivery.Edge)

    def now(self) -> int:
        return self._network.clock.time - self._begun

    def call_at(self, due: int, call: Callable[[], None]) -> Alarm:
        alarm = Alarm(call)
        self._network.clock.call_at(max(due + self._begun, self._network.clock.time), self._ring, alarm)
        return alarm

    def _ring(self, alarm: Alarm) -> None:
        if self.frozen:
            self._waiting.append((self._ring, (alarm,)))
        elif self.on:
            alarm.ring()

    def write(self, records: list[Record]) -> bool:
        self.records.extend(records)
        return True

    def send(self, peer: Peer, data: bytes) -> None:
        self._network.to_client(self, peer, data)

    def close(self, peer: Peer) -> None:
        self._network.hang_up(peer)
        self._delivery.lost(peer)

    def local(self, peer: Peer) -> str:
        return self._address
