"""NCP over UDP: a station is an address and a port; watchdog queries go to that same port."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from fakenw.transports.house import House


class Datagrams(DatagramProtocol):
    """One listening port."""

    transport: IUDPTransport
    noisy = False

    def __init__(self, house: House) -> None:
        self._house = house

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._house.received(f"udp:{addr[0]}:{addr[1]}", datagram, Return(self.transport, addr))


class Return:
    """The way back to where a datagram came from."""

    __slots__ = ("_address", "_transport")

    def __init__(self, transport: IUDPTransport, address: tuple[str, int]) -> None:
        self._transport, self._address = transport, address

    def send(self, data: bytes) -> None:
        with suppress(OSError):  # no way there, no buffer: lost like any other datagram
            self._transport.write(data, self._address)

    def close(self) -> None:
        """There is nothing to close."""

    def local(self) -> str:
        host: Any = self._transport.getHost()
        return facing(host.host, self._address)


ANYBODY = ("192.0.2.1", 9)  # a documentation address (RFC 5737): nobody there, and nothing is sent


def facing(host: str, address: tuple[str, int] = ANYBODY) -> str:
    """The address of this computer that *address* sees where we listen on *host*, which may stand for all of them."""
    if host not in ("", "0.0.0.0", "::"):
        return host
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
    return host
