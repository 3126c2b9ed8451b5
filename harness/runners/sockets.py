"""Behaviours over real sockets, in one thread: what a client process and ``harness hold`` run on.

Scripted waits and the journal's ``t`` are scenario time, *speed* times as fast as the clock on the
wall; retransmission and everything else of the network is real time.
"""

from __future__ import annotations

import errno
import heapq
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fakenw.journal import JournalFile
from fakenw.records import SECOND, Record
from harness.runners.behavior import Behavior, Driver
from harness.workstation import Requester

CONNECT_WITHIN = 10  # seconds
LARGEST = 65536
LAST_PORT = 65535


class SocketLink:
    """One socket to a server, for one requester."""

    def __init__(
        self, loop: SocketWorld, transport: str, address: tuple[str, int], requester: Requester, port: int
    ) -> None:
        self.transport, self.requester = transport, requester
        self.unsent: list[bytes] = []  # a stream's, while the cable is cut
        self._loop = loop
        if transport == "tcp":
            source = ("", port) if port else None
            self.socket = socket.create_connection(address, CONNECT_WITHIN, source)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            family = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0][0]
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            if port:
                self.socket.bind(("", port))
            self.socket.connect(address)
        self.socket.setblocking(False)
        host, port = self.socket.getsockname()[:2]
        self.station = f"{transport}:{host}:{port}"

    def send(self, data: bytes) -> None:
        """Send; what the network does not take is lost, and the requester finds out."""
        if self._loop.is_cut:
            if self.transport == "tcp":
                self.unsent.append(data)
            return
        try:
            if self.transport == "tcp":
                self.socket.sendall(data)
            else:
                self.socket.send(data)
        except OSError:
            if self.transport == "tcp":
                self._loop.closed(self)

    def close(self) -> None:
        self._loop.close(self)


class SocketWorld(Driver):
    """The behaviours of one client, its sockets and its clock.

    *servers* are addresses by name; *journal* may be None for a client that keeps none. With *ports_from*
    it takes that port and the next ones, as a machine does that has just been started, not any free one.
    """

    def __init__(
        self,
        name: str,
        servers: Mapping[str, tuple[str, int]],
        journal: JournalFile | None,
        speed: float = 1.0,
        ports_from: int = 0,
    ) -> None:
        super().__init__()
        self.is_cut = False
        self._name, self._servers, self._journal, self._speed = name, servers, journal, speed
        self._first_port = self._port = ports_from
        self._closing: list[SocketLink] = []  # streams that the server cannot hear the end of, for the cable is cut
        self._begun = time.monotonic()
        self.utc = datetime.now(UTC)  # the wall time at t = 0
        self._selector = selectors.DefaultSelector()
        self._links: dict[Requester, SocketLink] = {}
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0

    # What a behaviour may use (harness.workstation.World)

    def now(self) -> int:
        return round(self.network_now() * self._speed)

    def link(self, server: str, transport: str, requester: Requester) -> SocketLink:
        address = self._servers.get(server.upper())
        if address is None:
            raise ConnectionRefusedError(f"there is no server {server}")
        if self.is_cut and transport == "tcp":
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        link = SocketLink(self, transport, address, requester, self._port)
        if self._port:
            self._port = self._port + 1 if self._port < LAST_PORT else self._first_port
        self._links[requester] = link
        self._selector.register(link.socket, selectors.EVENT_READ, link)
        return link

    def spawn(self, behaviour: Behavior) -> None:
        self.start(behaviour)

    def write(self, event: str, **fields: Any) -> None:
        if self._journal is not None:
            self._journal.write([Record(self.now(), "client", event, {"client": self._name, **fields})])

    # Running

    def run(self, until: Callable[[], bool], readable: Mapping[int, Callable[[], None]] | None = None) -> None:
        """Let things happen until *until* is true. *readable*: what to call when a descriptor can be read."""
        for descriptor, call in (readable or {}).items():
            self._selector.register(descriptor, selectors.EVENT_READ, call)
        while not until():
            wait = None if not self._heap else max(0.0, (self._heap[0][0] - self.network_now()) / SECOND)
            for key, _ in self._selector.select(wait):
                if isinstance(key.data, SocketLink):
                    self._read(key.data)
                else:
                    key.data()
            while self._heap and self._heap[0][0] <= self.network_now():
                heapq.heappop(self._heap)[2]()

    def network_now(self) -> int:
        return round((time.monotonic() - self._begun) * SECOND)

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        self._at(self.network_now() + round(duration / self._speed), lambda: self.resume(behavior))

    def transmit(self, requester: Requester, packets: list[bytes]) -> None:
        link = self._links.get(requester)
        if link is None:
            return
        for data in packets:
            link.send(data)
        if requester.deadline is not None:
            self._at(requester.deadline, lambda: self._expire(requester))

    def closed(self, link: SocketLink) -> None:
        """The server has ended a TCP connection."""
        self.close(link)
        link.requester.closed(self.network_now())
        self.settle(link.requester)

    def close(self, link: SocketLink) -> None:
        """Close a socket."""
        if self._links.pop(link.requester, None) is not None:
            if self.is_cut and link.transport == "tcp":
                self._closing.append(link)
            else:
                self._selector.unregister(link.socket)
                link.socket.close()
            self._at(self.network_now(), lambda: self.settle(link.requester))

    def cut(self) -> None:
        """The cable is pulled out: nothing arrives any more, neither here nor there."""
        if self.is_cut:
            return
        self.is_cut = True
        for link in self._links.values():
            if link.transport == "tcp":  # the kernel keeps what comes, as it would come again after the cable is back
                self._selector.unregister(link.socket)

    def heal(self) -> None:
        """The cable is back: what streams held back goes out."""
        if not self.is_cut:
            return
        self.is_cut = False
        for link in [*self._links.values(), *self._closing]:
            if link.transport == "tcp":
                self._selector.register(link.socket, selectors.EVENT_READ, link)
                unsent, link.unsent = link.unsent, []
                for data in unsent:
                    link.send(data)
        closing, self._closing = self._closing, []
        for link in closing:
            self._selector.unregister(link.socket)
            link.socket.close()

    def _at(self, when: int, what: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._heap, (when, self._order, what))

    def _expire(self, requester: Requester) -> None:
        due = requester.deadline
        if due is not None and due > self.network_now():
            self._at(due, lambda: self._expire(requester))
        elif due is not None:
            self.transmit(requester, requester.expire(self.network_now()))
            self.settle(requester)

    def _read(self, link: SocketLink) -> None:
        try:
            data = link.socket.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # over UDP: nobody listens there now; the requester asks again
        if self.is_cut:
            return  # a datagram that has not arrived
        if data:
            for answer in link.requester.receive(self.network_now(), data):
                link.send(answer)
            self.settle(link.requester)
        elif link.transport == "tcp":
            self.closed(link)
