"""NCP over TCP on any reactor: Twisted's protocol and transport. See ``asyncio_transports`` for asyncio's reactor."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from fakenw.core.peer import TCP, Peer
from fakenw.core.stall_watch import unsent
from fakenw.transports.reactor_host import ReactorHost

BACKLOG = 1024


class TcpConnection(Protocol):
    """One client's connection. The core cuts the stream into frames."""

    def __init__(self, host: ReactorHost) -> None:
        self._host = host

    def connectionMade(self) -> None:
        transport: Any = self.transport
        address = transport.getPeer()
        self._peer = Peer(TCP, (address.host, address.port))
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        transport.registerProducer(self, True)
        self._host.connected(self._peer, self, transport.fileno())

    def dataReceived(self, data: bytes) -> None:
        self._host.received(self._peer, data, self._host.now())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._host.lost(self._peer)

    # Twisted's IPushProducer: its transports call these where they have more than 64 KiB to send, and when that is sent

    def pauseProducing(self) -> None:
        self._host.full(self._peer)

    def resumeProducing(self) -> None:
        self._host.drained(self._peer)

    def stopProducing(self) -> None:
        """``connectionLost`` follows."""

    # fakenw.transports.reactor_host.StreamRoute

    def send(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def close(self) -> None:
        transport: Any = self.transport
        transport.unregisterProducer()  # else a transport that is full would not close when it has sent all
        transport.loseConnection()

    def read(self, *, on: bool) -> None:
        transport: Any = self.transport
        if on:
            transport.resumeProducing()
        else:
            transport.pauseProducing()

    def queued(self) -> int:
        return unsent(self.transport)

    def abort(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()

    def local(self) -> str:
        transport: Any = self.transport
        return str(transport.getHost().host)


class StreamFactory(Factory):
    """Makes a ``TcpConnection`` for every client, and does not log."""

    noisy = False

    def __init__(self, host: ReactorHost) -> None:
        self._host = host

    def buildProtocol(self, addr: object) -> TcpConnection:
        return TcpConnection(self._host)


class TcpListener:
    """Listens at once on *host* and *port*. Raises OSError."""

    def __init__(self, server: ReactorHost, reactor: Any, host: str, port: int) -> None:
        try:
            self._port: Any = reactor.listenTCP(port, StreamFactory(server), backlog=BACKLOG, interface=host)
        except CannotListenError as problem:
            raise problem.socketError from None
        address = self._port.getHost()
        self.address: tuple[str, int] = (address.host, address.port)

    def stop(self) -> object:
        """Accept no more connections; open ones stay."""
        return self._port.stopListening()
