"""Behaviours over real sockets, in one thread: client processes, ``harness hold`` and the clients of a load.

Rules of this file:

* Scripted waits and the journal's ``t`` are scenario time, *speed* times as fast as the clock on the wall;
  retransmission and everything else of the network is real time.
* A datagram that the network does not take is lost; the requester finds out.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

from fakenw.core.peer import Peer, Transport
from fakenw.journal.record import Record
from fakenw.journal.writer import JournalFile
from harness.client.workstation import Requester
from harness.runners.runtime import Driver, SelectorLoop

CONNECT_WITHIN = 10  # seconds
LARGEST = 65_536
LAST_PORT = 65_535
BIND_ADDRESS_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT of Linux: the port is chosen when the other end is known

Address = tuple[str, int]


def connected(transport: Transport, server: Address, source: Address | None) -> socket.socket:
    """A socket to *server*, from *source* where that is given; its port may be 0. Raises OSError."""
    kind, problem = socket.SOCK_STREAM if transport.framed else socket.SOCK_DGRAM, OSError("it has no address")
    for family, _, _, _, address in socket.getaddrinfo(*server, type=kind):
        try:
            return _connected(family, kind, address, source)
        except OSError as reason:  # such as ::1 of a server that listens on 127.0.0.1
            problem = reason
    raise problem


def _connected(family: int, kind: int, address: Any, source: Address | None) -> socket.socket:
    made, stream = socket.socket(family, kind), kind == socket.SOCK_STREAM
    try:
        if source is not None:
            if stream and not source[1]:  # so that ports go further
                with suppress(OSError):
                    made.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
            made.bind(source)
        made.settimeout(CONNECT_WITHIN)
        made.connect(address)
        if stream:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


class SocketLink:
    """One socket to a server, for one requester."""

    def __init__(self, driver: SocketDriver, requester: Requester, server: Address, source: Address | None) -> None:
        self.requester, self.framed = requester, requester.transport.framed
        self._driver = driver
        self.socket = connected(requester.transport, server, source)
        self.peer = Peer(requester.transport, self.socket.getsockname()[:2])
        self.station = str(self.peer)

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError:  # a stream that takes not even a request is at its end
            if self.framed:
                self._driver.hung_up(self)

    def close(self) -> None:
        if self._driver.links.pop(self.requester, None) is not None:
            self.drop()

    def drop(self) -> None:
        self._driver.loop.forget(self.socket)
        self.socket.close()

    def readable(self) -> None:
        """Something has arrived, or the stream has ended."""
        try:
            data = self.socket.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # over UDP: no program listens there now; the requester asks again
        if data:
            self._driver.arrived(self, data)
        elif self.framed:
            self._driver.hung_up(self)


class SocketDriver(Driver):
    """Behaviours whose links are sockets. A subclass says where servers are and where to come from."""

    loop: SelectorLoop
    kind: ClassVar[type[SocketLink]] = SocketLink

    def address(self, server: str) -> Address:
        """Where *server* answers. Raises OSError."""
        raise NotImplementedError

    def source(self) -> Address | None:
        """The address that the next socket comes from; None: any."""
        return None

    def link(self, server: str, requester: Requester) -> SocketLink:
        link = self.kind(self, requester, self.address(server), self.source())
        self.links[requester] = link
        self.loop.watch(link.socket, link.readable)
        return link


class ConditionedLink(SocketLink):
    """A socket of a machine whose cable can be pulled out."""

    _driver: SocketWorld

    def __init__(self, driver: SocketDriver, requester: Requester, server: Address, source: Address | None) -> None:
        super().__init__(driver, requester, server, source)
        self.unsent: list[bytes] = []  # a stream's, while the cable is cut

    def send(self, data: bytes) -> None:
        if not self._driver.is_cut:
            super().send(data)
        elif self.framed:
            self.unsent.append(data)

    def drop(self) -> None:
        if self._driver.is_cut and self.framed:
            self._driver.closing.append(self)
        else:
            super().drop()

    def readable(self) -> None:
        if self._driver.is_cut:
            self.socket.recv(LARGEST)  # a datagram that has not arrived
        else:
            super().readable()


class SocketWorld(SocketDriver):
    """The behaviours of one client, its sockets, its clock and its cable.

    *servers* are addresses by name; *journal* may be None for a client that keeps none. With *ports_from*
    it takes that port and the next ones, as a machine does that has just been started, not any free one.
    """

    kind = ConditionedLink

    def __init__(
        self,
        name: str,
        servers: Mapping[str, Address],
        journal: JournalFile | None,
        speed: float = 1.0,
        ports_from: int = 0,
    ) -> None:
        super().__init__(SelectorLoop(), speed)
        self.utc = datetime.now(UTC)  # the wall time at t = 0
        self.is_cut = False
        self.closing: list[ConditionedLink] = []  # streams that the server cannot hear the end of, for the cable is cut
        self._name, self._servers, self._journal = name, servers, journal
        self._first_port = self._port = ports_from

    # What a behaviour may use (harness.client.workstation.World)

    def address(self, server: str) -> Address:
        address = self._servers.get(server.upper())
        if address is None:
            raise ConnectionRefusedError(f"there is no server {server}")
        return address

    def source(self) -> Address | None:
        if not self._port:
            return None
        port = self._port
        self._port = port + 1 if port < LAST_PORT else self._first_port
        return "", port

    def link(self, server: str, requester: Requester) -> SocketLink:
        if self.is_cut and requester.transport.framed:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        return super().link(server, requester)

    def write(self, event: str, **fields: Any) -> None:
        if self._journal is not None:
            self._journal.write([Record(self.now(), "client", event, {"client": self._name, **fields})])

    # The cable

    def cut(self) -> None:
        """The cable is pulled out: nothing arrives any more, neither here nor there."""
        if self.is_cut:
            return
        self.is_cut = True
        for link in self._streams():  # the kernel keeps what comes, as it would come again after the cable is back
            self.loop.forget(link.socket)

    def heal(self) -> None:
        """The cable is back: what streams held back goes out."""
        if not self.is_cut:
            return
        self.is_cut = False
        closing, self.closing = self.closing, []
        for link in [*self._streams(), *closing]:
            self.loop.watch(link.socket, link.readable)
            unsent, link.unsent = link.unsent, []
            for data in unsent:
                link.send(data)
        for link in closing:
            link.drop()

    def _streams(self) -> list[ConditionedLink]:
        return [link for link in self.links.values() if link.framed]
