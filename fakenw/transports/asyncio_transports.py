"""NCP over TCP and UDP in Twisted's asyncio reactor, bypassing Twisted's transports: the faster edge.

Rules of this file:

* A stream's bytes are written at once. Twisted's transports write in the next turn of the reactor, which costs more
  than a request.
* One turn reads no more than AT_ONCE datagrams, so that streams have their turn.
* A listener is bound at once, and accepts when the reactor runs.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from fakenw.core.peer import TCP, Peer
from fakenw.transports.reactor_host import QUEUE, ReactorHost
from fakenw.transports.tcp import BACKLOG
from fakenw.transports.udp import LARGEST, UdpRoute, enlarge

AT_ONCE = 256  # datagrams
KNOWN = 70_000  # routes, a few more than the largest number of connections: of a station that uses two ports one stays


class AsyncioConnection(asyncio.Protocol):
    """One client's connection. The core cuts the stream into frames."""

    def __init__(self, host: ReactorHost) -> None:
        self._host = host

    def connection_made(self, transport: Any) -> None:
        address = transport.get_extra_info("peername")[:2]
        self._transport, self._peer = transport, Peer(TCP, address)
        self.send: Callable[[bytes], None] = transport.write
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        transport.set_write_buffer_limits(high=QUEUE)
        self._host.connected(self._peer, self, wire.fileno())

    def data_received(self, data: bytes) -> None:
        self._host.received(self._peer, data, self._host.now())

    def pause_writing(self) -> None:
        self._host.full(self._peer)

    def resume_writing(self) -> None:
        if not self._transport.is_closing():
            self._host.drained(self._peer)

    def eof_received(self) -> None:
        """The transport sends what it has, and closes."""
        self._host.closing(self._peer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.lost(self._peer)

    # fakenw.transports.reactor_host.StreamRoute

    def close(self) -> None:
        self._transport.close()

    def read(self, *, on: bool) -> None:
        transport = self._transport
        if not transport.is_closing() and transport.is_reading() is not on:
            (transport.resume_reading if on else transport.pause_reading)()

    def queued(self) -> int:
        return int(self._transport.get_write_buffer_size())

    def abort(self) -> None:
        self._transport.abort()

    def local(self) -> str:
        return str(self._transport.get_extra_info("sockname")[0])


class AsyncioTcpListener:
    """Listens at once on *host* and *port*, and accepts once *reactor* runs. Raises OSError."""

    def __init__(self, server: ReactorHost, reactor: Any, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = server
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._begin = reactor.callLater(0, self._accept)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        making = loop.create_server(lambda: AsyncioConnection(self._server), sock=self._socket, backlog=BACKLOG)
        self._making = loop.create_task(making)

    def stop(self) -> None:
        """Accept no more connections; open ones stay."""
        if self._begin.active():
            self._begin.cancel()
        elif self._making.done() and not self._making.cancelled():
            self._making.result().close()
        self._socket.close()


@implementer(IReadDescriptor)
class AsyncioUdpListener:
    """Listens at once on *host* and *port*, and reads once *reactor* runs. Raises OSError."""

    def __init__(self, server: ReactorHost, reactor: Any, host: str, port: int) -> None:
        self._server, self._reactor = server, reactor
        self._known: dict[tuple[str, int], UdpRoute] = {}
        self.wire: Any = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.wire.setblocking(False)
        enlarge(self.wire)
        try:
            self.wire.bind((host, port))
        except (OSError, OverflowError):
            self.wire.close()
            raise
        self.address: tuple[str, int] = self.wire.getsockname()[:2]
        reactor.addReader(self)

    def stop(self) -> None:
        """Receive nothing more."""
        self._reactor.removeReader(self)
        self.wire.close()

    # Twisted's IReadDescriptor

    def fileno(self) -> int:
        return int(self.wire.fileno())

    def logPrefix(self) -> str:
        return "NCP over UDP"

    def doRead(self) -> None:
        server, recvfrom, known = self._server, self.wire.recvfrom, self._known
        now = server.now()  # all datagrams of this turn have arrived by now
        for _ in range(AT_ONCE):
            try:
                data, address = recvfrom(LARGEST)
            except BlockingIOError:
                return
            except OSError:  # of an earlier send: no program listens there
                continue
            route = known.get(address)
            if route is None:
                if len(known) >= KNOWN:
                    known.clear()
                route = known[address] = UdpRoute(self.wire, address, known)
            server.opened(route.peer, route)
            server.received(route.peer, data, now)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops."""
