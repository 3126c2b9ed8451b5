"""Frames in TCP streams, a four-byte length before each: ``-netdev stream`` of QEMU (ipx.md 8).

The server listens, for any number of guests; or it connects to one that listens, and again when that is not there.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, ReconnectingClientFactory, connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

from fakenw.core.ipx_link import IpxLink
from fakenw.transports.ipx.link import KNOWN, LONGEST, Wire
from fakenw.wire.ipx.packet import EVERY_NODE

ENDS_WITHIN = 1.0  # seconds for a guest to read the rest
AGAIN_AFTER = 5  # seconds, at most


class Guest(Int32StringReceiver):
    """One stream. Frames to a guest that does not read are lost, as on a wire."""

    MAX_LENGTH = LONGEST

    def __init__(self, link: StreamLink) -> None:
        self._link = link
        self._reads = True
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self._link.connected(self)

    def stringReceived(self, string: bytes) -> None:
        self._link.arrived(self, string)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._link.lost(self)
        self.ended.callback(None)

    def put(self, frame: bytes) -> None:
        if self._reads:
            self.sendString(frame)  # type: ignore[no-untyped-call]

    def end(self, reactor: Any) -> Deferred[None]:
        """Send the rest, and end the stream."""
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.loseConnection()
        late = reactor.callLater(ENDS_WITHIN, transport.abortConnection)
        return self.ended.addCallback(lambda _: late.cancel() if late.active() else None)

    # Twisted's IPushProducer

    def pauseProducing(self) -> None:
        self._reads = False

    def resumeProducing(self) -> None:
        self._reads = True

    def stopProducing(self) -> None:
        self._reads = False


class Accepting(Factory):
    noisy = False

    def __init__(self, link: StreamLink) -> None:
        self._link = link

    def buildProtocol(self, addr: object) -> Guest:
        return Guest(self._link)


class Connecting(ReconnectingClientFactory):
    noisy = False
    maxDelay = AGAIN_AFTER

    def __init__(self, link: StreamLink) -> None:
        self._link = link

    def buildProtocol(self, addr: object) -> Guest:
        self.resetDelay()  # type: ignore[no-untyped-call]
        return Guest(self._link)


class StreamLink:
    """Listens at once, or connects when the reactor runs. Raises OSError."""

    def __init__(self, reactor: Any, link: IpxLink, node: bytes, wire: Wire) -> None:
        self._reactor, self.node, self._wire = reactor, node, wire
        self._guests: dict[Guest, None] = {}
        self._places: dict[bytes, Guest] = {}  # by node
        host, port = link.address
        if link.connects:
            self._again = Connecting(self)
            self._again.clock = reactor
            self._connector = reactor.connectTCP(host, port, self._again)
        else:
            accepting = Accepting(self)
            try:
                self._connector = reactor.listenTCP(port, accepting, interface=host)
            except CannotListenError as problem:
                raise problem.socketError from None
            port = self._connector.getHost().port
        self._connects = link.connects
        self.name = link.at(port)

    @property
    def up(self) -> bool:
        return bool(self._guests)

    def send(self, frame: bytes) -> None:
        guest = self._places.get(frame[:6])
        if guest is not None:
            guest.put(frame)
        elif frame[:6] == EVERY_NODE:
            for each in self._guests:
                each.put(frame)

    def stop(self) -> Deferred[Any]:
        if self._connects:
            self._again.stopTrying()  # type: ignore[no-untyped-call]
            closed = []
            if not self._guests:
                self._connector.disconnect()
        else:
            closed = [self._connector.stopListening()]
        return gatherResults([*filter(None, closed), *(guest.end(self._reactor) for guest in list(self._guests))])

    # For its guests

    def connected(self, guest: Guest) -> None:
        self._guests[guest] = None
        self._wire.joined()

    def arrived(self, guest: Guest, frame: bytes) -> None:
        node = frame[6:12]
        if self._places.get(node) is not guest and len(node) == 6 and not node[0] & 1:
            if len(self._places) >= KNOWN and node not in self._places:
                del self._places[next(iter(self._places))]  # the one that is known for longest
            self._places[node] = guest
        self._wire.arrived(frame)

    def lost(self, guest: Guest) -> None:
        self._guests.pop(guest, None)
        for node in [node for node, place in self._places.items() if place is guest]:
            del self._places[node]
