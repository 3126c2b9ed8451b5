"""HTTP with bounds, for a port that any client can reach.

Rules of this file:

* The size of bodies and the number of connections are bounded, and an idle connection is closed.
* A client that does not read gets no further response, however many requests it has sent. It is disconnected when its
  queue has not shrunk for a minute.
* A new client replaces the oldest idle connection, so that idle connections never exhaust the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from fakenw.core.stall_watch import StallWatch, unsent

LARGEST_BODY = 64 * 1024
DISCARDED = 16 * LARGEST_BODY  # bytes read of a larger body, so that its sender can still read the response
MOST = 256  # connections
IDLE = 60  # seconds after which a connection without a request is closed
TOO_LARGE = f"the body is too large; expected no more than {LARGEST_BODY // 1024} KiB"


class BoundedRequest(Request):
    """A request that stores at most LARGEST_BODY + 1 bytes of its body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._received = 0

    def gotLength(self, length: int | None) -> None:
        """The header is complete. Twisted would make a file for a large body."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        content: Any = self.content
        channel: Any = self.channel
        content.write(data[: max(0, LARGEST_BODY + 1 - self._received)])
        before, self._received = self._received, self._received + len(data)
        if before <= DISCARDED < self._received:
            body = f'{{"error": "{TOO_LARGE}"}}\n'
            head = f"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
            channel.write(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
            channel.loseConnection()


class Channel(HTTPChannel):
    """A connection. ``busy`` between a request and its response."""

    busy = False
    _full = False  # more than Twisted's 64 KiB wait for the client
    _answered: Any = None  # the request whose response is in the full queue; the next one is not begun

    def connectionMade(self) -> None:
        """A client has connected; TCP keep-alive detects its disappearance."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        transport: Any = self.transport
        transport.setTcpKeepAlive(True)
        self.factory.channels[self] = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.channels.pop(self, None)
        self.factory.stalls.forget(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:
        self.busy = True
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:
        if self._full:
            self._answered = request
            return
        self.busy = False
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def pauseProducing(self) -> None:
        """The queue to the client is full."""
        self._full = True
        self.factory.stalls.watch(self, lambda: unsent(self.transport), self.abort)
        super().pauseProducing()  # type: ignore[no-untyped-call]

    def resumeProducing(self) -> None:
        """All of the queue has been sent."""
        self._full = False
        self.factory.stalls.forget(self)
        super().resumeProducing()  # type: ignore[no-untyped-call]
        if not self._full and self._answered is not None:
            request, self._answered = self._answered, None
            self.requestDone(request)

    def abort(self) -> None:
        """Close the connection without sending the rest."""
        transport: Any = self.transport
        transport.abortConnection()


class BoundedSite(Site):
    """Serves *resource* to no more than MOST connections, or as many as *most* returns, and does not log."""

    protocol = Channel  # type: ignore[assignment]  # Twisted's own is a wrapper that may turn into HTTP/2

    def __init__(self, resource: Resource, reactor: IReactorTime, most: Callable[[], int] = lambda: MOST) -> None:
        super().__init__(resource, BoundedRequest, reactor=reactor, timeout=IDLE)  # type: ignore[no-untyped-call]
        self.stalls = StallWatch(reactor.callLater)
        self._most = most
        self.channels: dict[Channel, None] = {}  # an ordered set, the oldest first

    def buildProtocol(self, addr: Any) -> Any:
        """Accept a client, in place of the oldest idle connection where necessary. None where all are busy."""
        if len(self.channels) >= min(MOST, self._most()):
            idle = next((channel for channel in self.channels if not channel.busy), None)
            if idle is None:
                return None
            del self.channels[idle]  # now, since the connection ends one turn later
            idle.abort()
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]

    def log(self, request: Any) -> None:
        """Do not log."""
