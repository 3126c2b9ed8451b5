"""What a link and the edge are to each other, and the reading of frames from a descriptor.

A link only moves frames. Between stations it moves none.
"""

from __future__ import annotations

import errno
from typing import Any, Protocol

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

AT_ONCE = 256  # frames of one link in one turn of the reactor
LONGEST = 65_535
KNOWN = 70_000  # stations whose place a link remembers, a few more than the largest number of connections


class LinkRefused(Exception):
    """The server cannot have the link; ``str()`` is the reason and a remedy."""


class Wire(Protocol):
    """Gets what a link brings."""

    def arrived(self, frame: bytes) -> None: ...

    def joined(self) -> None:
        """The link is ``up``, or up again, perhaps with another node."""


class Link(Protocol):
    """*name* is that of ``IpxLink.at``."""

    name: str

    @property
    def node(self) -> bytes | None:
        """The server's on the link; None where that is not known yet."""

    @property
    def up(self) -> bool:
        """Whether a frame can reach a station."""

    def send(self, frame: bytes) -> None: ...

    def stop(self) -> object:
        """Move no more frames, and release the sockets; a Deferred where that takes time."""


@implementer(IReadDescriptor)
class FrameReader:
    """Reads frames from a *descriptor*, which has a ``fileno`` and does not block, by calling ``read``."""

    def __init__(self, reactor: Any, descriptor: Any, wire: Wire) -> None:
        self._reactor, self._descriptor, self._wire = reactor, descriptor, wire
        reactor.addReader(self)

    def read(self) -> bytes | None:
        """The next frame, None where that is to be ignored. Raises OSError."""
        raise NotImplementedError

    def stop(self) -> None:
        self._reactor.removeReader(self)
        self._descriptor.close()

    # Twisted's IReadDescriptor

    def fileno(self) -> int:
        return int(self._descriptor.fileno())

    def logPrefix(self) -> str:
        return "IPX"

    def doRead(self) -> None:
        read, arrived = self.read, self._wire.arrived
        for _ in range(AT_ONCE):
            try:
                frame = read()
            except BlockingIOError:
                return
            except (ConnectionRefusedError, ConnectionResetError):  # of an earlier datagram: no program listens there
                continue
            except OSError as problem:  # the card is down
                self._reactor.removeReader(self)
                if problem.errno == errno.ENETDOWN:  # which is told once; uvloop looks no more after an error
                    self._reactor.addReader(self)
                return
            if frame is not None:
                arrived(frame)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops."""
