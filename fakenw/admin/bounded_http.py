"""What everybody may do to the administration's port: HTTP with bounds.

Rules of this file:

* Whatever is asked, and by however many, costs little: bodies and connections are bounded, and who asks nothing goes.
* Who has a connection that does nothing makes way for whoever comes, so that idle connections shut nobody out.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

LARGEST_BODY = 64 * 1024
SWALLOWED = 16 * LARGEST_BODY  # of a larger body, so that its sender lives to read the answer
MOST = 256  # connections
IDLE = 60  # seconds after which a connection that asks nothing is closed
TOO_LARGE = f"the body is too large; expected no more than {LARGEST_BODY // 1024} KiB"


class BoundedRequest(Request):
    """A request that keeps no more of its body than one byte too many."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._came = 0

    def gotLength(self, length: int | None) -> None:
        """The head is read. Twisted would make a file for a large body."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        content: Any = self.content
        channel: Any = self.channel
        content.write(data[: max(0, LARGEST_BODY + 1 - self._came)])
        before, self._came = self._came, self._came + len(data)
        if before <= SWALLOWED < self._came:
            said = f'{{"error": "{TOO_LARGE}"}}\n'
            head = f"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nContent-Length: {len(said)}\r\n"
            channel.write(f"{head}Content-Type: application/json\r\n\r\n{said}".encode())
            channel.loseConnection()


class Channel(HTTPChannel):
    """A connection. ``at_work`` while it is owed an answer."""

    at_work = False

    def connectionMade(self) -> None:
        """Somebody has come; who disappears without a word is found out by TCP."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        transport: Any = self.transport
        transport.setTcpKeepAlive(True)
        self.factory.channels[self] = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Somebody has gone."""
        self.factory.channels.pop(self, None)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:
        """A request is complete."""
        self.at_work = True
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:
        """It is answered."""
        self.at_work = False
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def abort(self) -> None:
        """Hang up, whatever is still to be sent."""
        transport: Any = self.transport
        transport.abortConnection()


class BoundedSite(Site):
    """Serves *resource* to no more than MOST connections, and does not log."""

    protocol = Channel  # type: ignore[assignment]  # Twisted's own is a wrapper that may turn into HTTP/2

    def __init__(self, resource: Resource, reactor: IReactorTime) -> None:
        super().__init__(resource, BoundedRequest, reactor=reactor, timeout=IDLE)  # type: ignore[no-untyped-call]
        self.channels: dict[Channel, None] = {}  # the oldest first

    def buildProtocol(self, addr: Any) -> Any:
        """Somebody comes: the oldest that does nothing makes way. None where all are at work."""
        if len(self.channels) >= MOST:
            idle = next((channel for channel in self.channels if not channel.at_work), None)
            if idle is None:
                return None
            del self.channels[idle]  # now, since the connection ends a turn later, and more may come before
            idle.abort()
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]

    def log(self, request: Any) -> None:
        """Nothing."""
