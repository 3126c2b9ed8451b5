"""Behaviours over real sockets, in one thread: client processes, ``harness hold`` and the clients of a load.

Rules of this file:

* Scripted waits and the journal's ``t`` are scenario time, *speed* times as fast as real time. Retransmission and all
  other network times are real.
* A datagram that the network does not accept is lost; the requester detects that.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

from fakenw.core.peer import IPX, Peer, Transport
from fakenw.health import Address
from fakenw.journal.record import Record
from fakenw.journal.writer import JournalFile
from fakenw.wire.ipx.frames import FrameType
from harness.client.workstation import Requester
from harness.runners.ipx_cables import Cable, node_named
from harness.runners.ipx_card import Card, sockets
from harness.runners.machine_link import MachineLink
from harness.runners.runtime import Driver, SelectorLoop, SendingLink

CONNECT_WITHIN = 10  # seconds
LARGEST = 65_536
LAST_PORT = 65_535
BIND_ADDRESS_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT of Linux: connect chooses the port, so that more are free


def connected(transport: Transport, server: Address, source: Address | None) -> socket.socket:
    """A socket to *server*, from *source* if that is given; its port may be 0. Raises OSError."""
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
            if stream and not source[1]:
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
        except OSError:  # a stream that does not accept a request has ended
            if self.framed:
                self._driver.disconnected(self)

    def close(self) -> None:
        if self._driver.links.pop(self.requester, None) is not None:
            self.drop()

    def drop(self) -> None:
        self._driver.loop.forget(self.socket)
        self.socket.close()

    def readable(self) -> None:
        """Data has arrived, or the stream has ended."""
        try:
            data = self.socket.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # over UDP no program listens at present; the requester sends again
        if data:
            self.arrived(data)
        elif self.framed:
            self._driver.disconnected(self)

    def arrived(self, data: bytes) -> None:
        self._driver.received(self, data)


class SocketDriver(Driver):
    """Behaviours whose links are sockets. A subclass returns the addresses of servers and of this machine."""

    loop: SelectorLoop
    kind: ClassVar[type[SocketLink]] = SocketLink

    def address(self, server: str) -> Address:
        """The address of *server*. Raises OSError."""
        raise NotImplementedError

    def source(self) -> Address | None:
        """The address to which the next socket is bound; None: any."""
        return None

    def link(self, server: str, requester: Requester) -> SendingLink:
        link = self.kind(self, requester, self.address(server), self.source())
        self.links[requester] = link
        self.loop.watch(link.socket, link.readable)
        return link


class ConditionedLink(SocketLink):
    """A socket of a machine whose link can be cut, and can lose datagrams."""

    _driver: SocketWorld

    def __init__(self, driver: SocketDriver, requester: Requester, server: Address, source: Address | None) -> None:
        super().__init__(driver, requester, server, source)
        self.unsent: list[bytes] = []  # of a stream, while the link is cut

    def send(self, data: bytes) -> None:
        if not self.framed:
            self._driver.carry(super().send, data, sent=True)
        elif self._driver.is_cut:
            self.unsent.append(data)
        else:
            super().send(data)

    def drop(self) -> None:
        if self._driver.is_cut and self.framed:
            self._driver.closing.append(self)
        else:
            super().drop()

    def arrived(self, data: bytes) -> None:
        if self.framed:
            super().arrived(data)
        else:
            self._driver.carry(super().arrived, data, sent=False)


class CableCard(Card):
    """A card with a cable to the *link* of one server. A stream that has ended is made anew at the next frame."""

    machine: SocketWorld

    def __init__(
        self, world: SocketWorld, node: bytes, frame: FrameType, sockets: Iterator[int], link: Address
    ) -> None:
        super().__init__(world, node, frame, sockets, lambda data: world.carry(self._send, data, sent=True))
        self._link = link
        self._cable: Cable | None = None

    def _send(self, frame: bytes) -> None:
        if self._cable is None:
            try:
                self._cable = Cable(self._link)
            except OSError:
                return
            self.machine.loop.watch(self._cable.socket, self._readable)
        self._cable.put(frame)

    def _readable(self) -> None:
        assert self._cable is not None
        try:
            frames = self._cable.get()
        except OSError:  # no program listens at present, or the stream was reset
            frames = None if self._cable.is_stream else []
        if frames is None:
            self.machine.loop.forget(self._cable.socket)
            self._cable.close()
            self._cable = None
        for frame in frames or ():
            self.machine.carry(self.receive, frame, sent=False)


class SocketWorld(SocketDriver):
    """The behaviours of one client, its sockets, its clock and its link to the network.

    *servers* are addresses by name; *journal* is None for a client without one. With *ports_from* its sockets have that
    port and the following ones, as on a machine that was just started, and not any free ones. *seed* chooses the
    packets that its link loses, *frame* is the frame type of its IPX.
    """

    kind = ConditionedLink

    def __init__(
        self,
        name: str,
        servers: Mapping[str, Address],
        journal: JournalFile | None,
        speed: float = 1.0,
        ports_from: int = 0,
        seed: int = 0,
        frame: FrameType = FrameType.ETHERNET_802_2,
    ) -> None:
        super().__init__(SelectorLoop(), speed)
        self.conditions = MachineLink(Random(f"{seed}/{name}/link"))  # of datagrams and frames
        self.utc = datetime.now(UTC)  # the wall time at t = 0
        self.is_cut = False
        self.closing: list[ConditionedLink] = []  # streams to close when the link heals: no end reaches the server now
        self._name, self._servers, self._journal = name, servers, journal
        self._first_port = self._port = ports_from
        self._cards: dict[Address, CableCard] = {}  # by the server's link
        self._sockets, self._frame = sockets(), frame  # of IPX

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

    def link(self, server: str, requester: Requester) -> SendingLink:
        if requester.transport is IPX:
            link = self.links[requester] = self._card(self.address(server)).open(server, requester)
            return link
        if self.is_cut and requester.transport.framed:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        return super().link(server, requester)

    def _card(self, link: Address) -> CableCard:
        if link not in self._cards:
            self._cards[link] = CableCard(self, node_named(self._name), self._frame, self._sockets, link)
        return self._cards[link]

    def write(self, event: str, **fields: Any) -> None:
        if self._journal is not None:
            self._journal.write([Record(self.now(), "client", event, {"client": self._name, **fields})])

    # Faults

    def carry(self, deliver: Callable[[bytes], None], data: bytes, *, sent: bool) -> None:
        """Deliver a datagram or a frame, unless the link loses it."""
        if self.is_cut:
            return
        if self.conditions.calm:
            deliver(data)
        else:
            self.conditions.carry(lambda late, in_order: deliver(data), sent=sent, stream=False)

    def cut(self) -> None:
        """Cut the link: nothing arrives any more, at either end."""
        if self.is_cut:
            return
        self.is_cut = True
        for link in self._streams():  # the kernel keeps what arrives: the server would send it again after the heal
            self.loop.forget(link.socket)

    def heal(self) -> None:
        """Heal the link: streams send what they held back."""
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
