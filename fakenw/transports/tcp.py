"""NCP over TCP: every socket is a station."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from fakenw.transports.house import House


class Socket(Protocol):
    """One client's socket. The core cuts the stream into frames."""

    transport: ITCPTransport

    def __init__(self, house: House, peer: str) -> None:
        self._house, self._peer = house, peer

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)

    def dataReceived(self, data: bytes) -> None:
        self._house.received(self._peer, data, self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._house.lost(self._peer)

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def close(self) -> None:
        self.transport.loseConnection()

    def local(self) -> str:
        host: Any = self.transport.getHost()
        return str(host.host)


class SocketFactory(Factory):
    """Makes a station of every connection that is accepted."""

    noisy = False

    def __init__(self, house: House) -> None:
        self._house = house

    def buildProtocol(self, addr: IAddress | None) -> Socket:
        assert isinstance(addr, IPv4Address | IPv6Address)
        return Socket(self._house, f"tcp:{addr.host}:{addr.port}")
