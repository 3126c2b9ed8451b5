"""NCP over UDP: a station is an address and a port; watchdog queries go to that same port.

Rules of this file:

* All that has arrived is read before the reactor goes on, but no more than AT_ONCE, so that others have their turn.
* What cannot be sent is lost, like any other datagram.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from fakenw.transports.house import House

AT_ONCE = 256  # datagrams
LARGEST = 65_535
KNOWN = 70_000  # ways back that are kept at hand, a few more than there can be connections
BUFFER = 8 * 1024 * 1024  # bytes of the kernel's, if it gives so many: sixty thousand stations may answer at once


@implementer(IReadDescriptor)
class Datagrams:
    """A port that is listened on, once *reactor* runs. Raises OSError."""

    def __init__(self, house: House, reactor: Any, host: str, port: int) -> None:
        self._house, self._reactor = house, reactor
        self._known: dict[tuple[str, int], Return] = {}
        self.wire: Any = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.wire.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.wire.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        try:
            self.wire.bind((host, port))
        except OSError:
            self.wire.close()
            raise
        self.address: tuple[str, int] = self.wire.getsockname()[:2]
        reactor.addReader(self)

    def stop(self) -> None:
        """Hear nobody any more."""
        self._reactor.removeReader(self)
        self.wire.close()

    # Twisted's IReadDescriptor

    def fileno(self) -> int:
        """The socket."""
        return int(self.wire.fileno())

    def logPrefix(self) -> str:
        """What Twisted calls it."""
        return "NCP over UDP"

    def doRead(self) -> None:
        """Something has arrived."""
        received, recvfrom, known = self._house.received, self.wire.recvfrom, self._known
        now = self._house.now()  # all of it has arrived by now
        for _ in range(AT_ONCE):
            try:
                data, address = recvfrom(LARGEST)
            except BlockingIOError:
                return
            except OSError:  # of something that was sent: nobody there
                continue
            back = known.get(address)
            if back is None:
                if len(known) >= KNOWN:
                    known.clear()
                back = known[address] = Return(self.wire, address)
            received(back.station, data, back, now)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""


class Return:
    """The way back to where a datagram came from."""

    __slots__ = ("_address", "_wire", "station")

    def __init__(self, wire: Any, address: tuple[str, int]) -> None:
        self._wire, self._address = wire, address
        self.station = f"udp:{address[0]}:{address[1]}"

    def send(self, data: bytes) -> None:
        try:  # not suppress(), which costs more than sending
            self._wire.sendto(data, self._address)
        except OSError:
            return  # no way there, no buffer

    def close(self) -> None:
        """There is nothing to close."""

    def local(self) -> str:
        return facing(self._wire.getsockname()[0], self._address)


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
