"""NCP over UDP on any reactor: a station is an address and a port, which receives the watchdog's queries too.

A datagram that cannot be sent is lost. See ``asyncio_transports`` for asyncio's reactor.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol

from fakenw.core.peer import UDP, Peer
from fakenw.transports.reactor_host import ReactorHost

LARGEST = 65_535
BUFFER = 8 * 1024 * 1024  # bytes requested of the kernel: sixty thousand stations may answer at once
DOCUMENTATION = ("192.0.2.1", 9)  # a documentation address (RFC 5737), to which nothing is sent


class UdpPort(DatagramProtocol):
    noisy = False

    def __init__(self, host: ReactorHost) -> None:
        self._host = host

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        peer = Peer(UDP, addr[:2])
        transport: Any = self.transport
        self._host.opened(peer, UdpRoute(transport.socket, addr))
        self._host.received(peer, datagram, self._host.now())


class UdpRoute:
    """The route to the sender of a datagram (a Route of ``reactor_host``). When it is closed *known* forgets it."""

    __slots__ = ("_address", "_known", "_socket", "peer")

    def __init__(self, wire: Any, address: Any, known: dict[Any, UdpRoute] | None = None) -> None:
        self._socket, self._address, self._known = wire, address, known
        self.peer = Peer(UDP, address[:2])

    def send(self, data: bytes) -> None:
        try:  # not suppress(), which costs more than sending
            self._socket.sendto(data, self._address)
        except OSError:
            return  # no route there, or no buffer

    def close(self) -> None:
        if self._known is not None:
            self._known.pop(self._address, None)

    def local(self) -> str:
        return facing(self._socket.getsockname()[0], self._address)


class UdpListener:
    """Listens at once on *host* and *port*. Raises OSError."""

    def __init__(self, server: ReactorHost, reactor: Any, host: str, port: int) -> None:
        try:
            self._port: Any = reactor.listenUDP(port, UdpPort(server), interface=host, maxPacketSize=LARGEST)
        except CannotListenError as problem:
            raise problem.socketError from None
        enlarge(self._port.socket)
        address: Any = self._port.getHost()
        self.address: tuple[str, int] = (address.host, address.port)

    def stop(self) -> object:
        """Stop receiving."""
        return self._port.stopListening()


def enlarge(wire: socket.socket) -> None:
    """Ask the kernel for large buffers."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        wire.setsockopt(socket.SOL_SOCKET, option, BUFFER)


def facing(host: str, address: tuple[str, int] = DOCUMENTATION) -> str:
    """The address by which *address* reaches a listener on *host*, which may be a wildcard address."""
    if host not in ("", "0.0.0.0", "::"):
        return host
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
    return host
