"""Many clients over real sockets, in one thread: ``python -m harness.load.crowd``.

Rules of this file:

* It reads its order from standard input, one line of JSON: the order, which clients are its own, where the server is,
  and the addresses to come from. It says how far it is, twice a second, one line of JSON each.
* ``end`` on standard input: everybody has come, whoever holds until the end lets go. ``stop``: everybody lets go now.
* When its clients have done it says its tally and stays, answering the watchdog, until standard input ends: no verdict
  comes from its exit.
"""

from __future__ import annotations

import errno
import heapq
import json
import os
import selectors
import socket
import sys
import time
from contextlib import suppress
from itertools import cycle
from typing import Any

from harness.load.member import Member
from harness.load.order import SECOND, TO_THE_END, Order
from harness.load.tally import Tally
from harness.runners.behavior import Behavior, Driver
from harness.workstation import Requester

CONNECT_WITHIN = 10  # seconds
LARGEST = 65536
TELL_EVERY = SECOND // 2


class Wire:
    """One socket to the server."""

    __slots__ = ("_crowd", "requester", "send", "socket", "station", "stream")

    def __init__(self, crowd: Crowd, transport: str, source: str | None, requester: Requester) -> None:
        self._crowd, self.requester, self.stream = crowd, requester, transport == "tcp"
        kind = socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM
        self.socket = socket.socket(socket.AF_INET6 if ":" in crowd.server[0] else socket.AF_INET, kind)
        try:
            if source is not None:
                if self.stream:  # the port is chosen when the other end is known, so that ports go further
                    with suppress(OSError, AttributeError):
                        self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT (Linux)
                self.socket.bind((source, 0))
            self.socket.settimeout(CONNECT_WITHIN)
            self.socket.connect(crowd.server)
        except OSError:
            self.socket.close()
            raise
        if self.stream:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        host, port = self.socket.getsockname()[:2]
        self.station = f"{transport}:{host}:{port}"
        self.send = self.socket.send

    def close(self) -> None:
        self._crowd.close(self)


class Crowd(Driver):
    """Clients, their sockets and the clock on the wall."""

    def __init__(self, server: tuple[str, int], sources: list[str]) -> None:
        super().__init__()
        self.server, self.tally, self.over = server, Tally(), False
        self._sources = cycle(sources or [None])
        self._selector = selectors.DefaultSelector()
        self._wires: dict[Requester, Wire] = {}
        self._sleepers: list[tuple[int, int, Behavior]] = []
        self._deadlines: list[tuple[int, int, Requester]] = []
        self._armed: set[Requester] = set()
        self._staying: list[Behavior] = []
        self._number = 0
        self._begun = time.monotonic_ns()

    # What a behaviour may use (harness.workstation.World)

    def now(self) -> int:
        return (time.monotonic_ns() - self._begun) // 1000

    def link(self, server: str, transport: str, requester: Requester) -> Wire:
        wire = self._wires[requester] = Wire(self, transport, next(self._sources), requester)
        self._selector.register(wire.socket, selectors.EVENT_READ, wire)
        return wire

    def spawn(self, behaviour: Behavior) -> None:
        self.start(behaviour)

    def write(self, event: str, **fields: Any) -> None:
        """Clients of a load keep no journals."""

    def close(self, wire: Wire) -> None:
        """Close a socket."""
        if self._wires.pop(wire.requester, None) is not None:
            self._selector.unregister(wire.socket)
            wire.socket.close()

    # What a driver must say

    network_now = now

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        if duration >= TO_THE_END and not self.over:
            self._staying.append(behavior)
        else:
            self._number += 1
            due = self.now() + (0 if self.over else duration)
            heapq.heappush(self._sleepers, (due, self._number, behavior))

    def transmit(self, requester: Requester, packets: list[bytes]) -> None:
        wire = self._wires.get(requester)
        if wire is None:
            return
        for data in packets:
            self._send(wire, data)
        if requester.deadline is not None and requester not in self._armed:
            self._arm(requester, requester.deadline)

    def _send(self, wire: Wire, data: bytes) -> None:
        try:
            wire.send(data)
        except OSError as problem:  # over UDP it is lost; a stream that takes not even a request is at its end
            if wire.stream and problem.errno not in (errno.EAGAIN, errno.ENOBUFS):
                self._hang_up(wire)

    def _arm(self, requester: Requester, due: int) -> None:
        self._armed.add(requester)
        self._number += 1
        heapq.heappush(self._deadlines, (due, self._number, requester))

    # Running

    def leave(self, *, now: bool) -> None:
        """Whoever holds until the end lets go; *now*: everybody does, and nobody comes any more."""
        self.over = True
        staying, self._staying = self._staying, []
        if now:
            staying += [behavior for _, _, behavior in self._sleepers]
            self._sleepers.clear()
        for behavior in staying:
            self.wake_after(0, behavior)

    def run(self, commands: int, tell: Any) -> None:
        """Until the descriptor *commands* ends. *tell* is called with what is to be said."""
        self._selector.register(commands, selectors.EVENT_READ, None)
        told, done = 0, False
        while True:
            now = self.now()
            if now - told >= TELL_EVERY and not done:
                told = now
                tell(self._progress())
            if not self.running and not done:
                done = True
                tell({"tally": self.tally.to_json()})
            waits = [heap[0][0] for heap in (self._sleepers, self._deadlines) if heap]
            wait = min([*waits, now + TELL_EVERY]) - now
            for key, _ in self._selector.select(max(0, wait) / SECOND):
                if key.data is not None:
                    self._read(key.data)
                    continue
                words = os.read(commands, 4096)
                if not words:
                    return
                if b"stop" in words or b"end" in words:
                    self.leave(now=b"stop" in words)
            self._wake()

    def _progress(self) -> dict[str, Any]:
        tally = self.tally
        return {
            **{"logons": tally.logons, "granted": tally.granted, "refused": tally.refused, "done": tally.done},
            **{"clients_refused": len(tally.clients_refused), "latencies": tally.latencies[-2000:]},
            "busy": len(self._waiting),
        }

    def _wake(self) -> None:
        now = self.now()
        while self._sleepers and self._sleepers[0][0] <= now:
            self.resume(heapq.heappop(self._sleepers)[2])
            if self.now() - now > TELL_EVERY:
                return  # sockets have their turn, too
        while self._deadlines and self._deadlines[0][0] <= now:
            requester = heapq.heappop(self._deadlines)[2]
            self._armed.discard(requester)
            due = requester.deadline
            if due is not None and due > now:
                self._arm(requester, due)
            elif due is not None:
                self.transmit(requester, requester.expire(now))
                self.settle(requester)

    def _read(self, wire: Wire) -> None:
        try:
            data = wire.socket.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            for answer in wire.requester.receive(self.now(), data):
                self._send(wire, answer)
            self.settle(wire.requester)
        elif wire.stream:
            self._hang_up(wire)

    def _hang_up(self, wire: Wire) -> None:
        self.close(wire)
        wire.requester.closed(self.now())
        self.settle(wire.requester)


def main() -> None:
    """One crowd, from its order."""

    def tell(what: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            return
        line += piece
    asked = json.loads(line)
    order = Order.from_json(asked["order"])
    logons = order.logons()
    crowd = Crowd(tuple(asked["server"]), asked["sources"])
    for n in range(asked["first"], order.clients, asked["every"]):
        crowd.start(Member(order, n, logons[n], crowd, crowd.tally, lambda: crowd.over).live())
    with suppress(BrokenPipeError, KeyboardInterrupt):
        crowd.run(0, tell)


if __name__ == "__main__":
    main()
