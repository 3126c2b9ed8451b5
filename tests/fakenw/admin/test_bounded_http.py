"""Clients of the administration that ask and do not read: what waits for them is bounded, and they are closed."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource

from fakenw.admin.bounded_http import BoundedSite
from fakenw.core.stall_watch import LOOKS, STALLED_AFTER

BODY = b"x" * 50_000
ASKED = 100
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Large(Resource):
    """Every response is large; ``given`` counts them."""

    isLeaf = True
    given = 0

    def render_GET(self, request: Any) -> bytes:
        self.given += 1
        return BODY


class Wire(StringTransport):
    """The other end: it takes nothing until it is told to, and pauses its producer like Twisted's transports."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dataBuffer, self.offset, self._tempDataLen = b"", 0, 0
        self.taken = b""
        self.paused = self.aborted = False

    def setTcpKeepAlive(self, on: bool) -> None:  # noqa: N802
        pass

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True

    def write(self, data: bytes) -> None:
        self.dataBuffer += data
        if len(self.dataBuffer) > 65_536 and not self.paused:
            self.paused = True
            producer: Any = self.producer
            producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:  # noqa: N802
        self.write(b"".join(data))

    def read(self, size: int) -> None:
        """Take so many bytes."""
        self.taken, self.dataBuffer = self.taken + self.dataBuffer[:size], self.dataBuffer[size:]
        if self.paused and not self.dataBuffer:
            self.paused = False
            producer: Any = self.producer
            producer.resumeProducing()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def large() -> Large:
    return Large()  # type: ignore[no-untyped-call]


@pytest.fixture
def wire(clock: Clock, large: Large) -> Wire:
    """A client that has sent many requests at once."""
    made = Wire()
    channel = BoundedSite(large, clock).buildProtocol(None)
    channel.callLater = clock.callLater
    channel.makeConnection(made)
    channel.dataReceived(REQUEST * ASKED)
    return made


def test_no_response_is_made_for_a_client_that_does_not_read(wire: Wire, large: Large) -> None:
    """The others wait for their turn, and all of them come."""
    assert large.given == 2
    while wire.dataBuffer:
        wire.read(10**6)
        assert len(wire.dataBuffer) < 3 * len(BODY)
    assert (large.given, wire.taken.count(BODY)) == (ASKED, ASKED)
    assert not wire.aborted


def test_a_client_that_never_reads_is_closed(wire: Wire, clock: Clock) -> None:
    """Not while it takes a byte now and then."""
    for _ in range(100):
        clock.advance(STALLED_AFTER / LOOKS)
        wire.read(1)
    assert not wire.aborted
    clock.pump([STALLED_AFTER / LOOKS] * (LOOKS + 1))
    assert wire.aborted
