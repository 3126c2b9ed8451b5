"""A load on virtual time: server and clients in one process, and a clock that jumps.

Rules of this file:

* What is sent has arrived at once: between a request and its reply no time passes, so that a client's whole logon is
  one call deep. What latencies there are over a network, real sockets tell.
* The same order is the same run, line by line.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from fakenw.capfiles import sms_tree
from fakenw.config import Config
from fakenw.records import Record
from fakenw.server import Effects, Server
from fakenw.volume import Volumes
from harness.load.member import SMS_ACCOUNT, Member
from harness.load.order import SECOND, TO_THE_END, Order
from harness.load.tally import Tally
from harness.runners.behavior import Behavior, Driver
from harness.workstation import Requester

EPOCH = datetime(2000, 8, 14, tzinfo=UTC)  # a Monday
STATIONS = 60_000  # of one address


class Wire:
    """A client's end."""

    __slots__ = ("_world", "requester", "station")

    def __init__(self, world: Virtual, station: str, requester: Requester) -> None:
        self._world, self.station, self.requester = world, station, requester

    def close(self) -> None:
        self._world.close(self)


class Virtual(Driver):
    """All clients of *order* and their server. *saw* sees every line of its journal."""

    def __init__(self, order: Order, saw: Callable[[Record], None], idle_after: int = 300 * SECOND) -> None:
        super().__init__()
        self.tally = Tally()
        self.order, self._saw = order, saw
        config = Config(
            name="FAKENW",
            release=order.release,
            licenses=order.licenses,
            connections=65_534,
            users=(*order.accounts(), SMS_ACCOUNT),
            seed=order.seed,
            idle_after=idle_after,
        )
        self.server = Server(config, Volumes([("SYS", sms_tree())]), Random(order.seed))
        self._now = 0
        self._heap: list[tuple[int, int, Behavior]] = []
        self._order = 0
        self._wires: dict[str, Wire] = {}
        self._by_requester: dict[Requester, Wire] = {}
        self._made = 0
        self._over = False
        self._staying: list[Behavior] = []  # until everybody has come

    def run(self) -> Tally:
        """Let all days pass. What is still held then is in the journal's last line."""
        self._carry_out(self.server.start(0, EPOCH))
        for n, logons in enumerate(self.order.logons()):
            self.start(Member(self.order, n, logons, self, self.tally, lambda: self._over).live())
        heap = self._heap
        while heap or self._staying:
            if not heap:  # everybody has come
                self._over, staying, self._staying = True, self._staying, []
                for behavior in staying:
                    self.resume(behavior)
                continue
            due = self.server.deadline()
            if due is not None and due <= heap[0][0]:
                self._now = max(self._now, due)
                self._carry_out(self.server.expire(self._now))
                continue
            self._now, _, behavior = heapq.heappop(heap)
            self.resume(behavior)
        self._carry_out(self.server.stop(self._now))
        return self.tally

    # What a behaviour may use (harness.workstation.World)

    def now(self) -> int:
        return self._now

    def link(self, server: str, transport: str, requester: Requester) -> Wire:
        number, port = divmod(self._made, STATIONS)
        self._made += 1
        station = f"{transport}:10.{number >> 16}.{number >> 8 & 255}.{number & 255}:{1025 + port}"
        wire = self._wires[station] = self._by_requester[requester] = Wire(self, station, requester)
        return wire

    def spawn(self, behaviour: Behavior) -> None:
        self.start(behaviour)

    def write(self, event: str, **fields: Any) -> None:
        """Clients of a load keep no journals."""

    def close(self, wire: Wire) -> None:
        """A socket is closed."""
        if self._wires.pop(wire.station, None) is not None:
            del self._by_requester[wire.requester]
            if wire.station.startswith("tcp:"):
                self._carry_out(self.server.lost(self._now, wire.station))

    # What a driver must say

    def network_now(self) -> int:
        return self._now

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        if duration >= TO_THE_END:
            self._staying.append(behavior)
            return
        self._order += 1
        heapq.heappush(self._heap, (self._now + duration, self._order, behavior))

    def transmit(self, requester: Requester, packets: list[bytes]) -> None:
        wire = self._by_requester.get(requester)
        if wire is not None:
            for data in packets:
                self._carry_out(self.server.receive(self._now, wire.station, data))

    def _carry_out(self, effects: Effects) -> None:
        for record in effects.records:
            self._saw(record)
        for station, data in effects.sends:
            wire = self._wires.get(station)
            if wire is not None:
                for answer in wire.requester.receive(self._now, data):
                    self._carry_out(self.server.receive(self._now, station, answer))
        for station in effects.closes:
            wire = self._wires.pop(station, None)
            self._carry_out(self.server.lost(self._now, station))
            if wire is not None:
                del self._by_requester[wire.requester]
                wire.requester.closed(self._now)
