"""Faults of a running server over real sockets: what a client sees, and what the journal has."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakenw.journal.record import Record, read
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.packet import RequestPacket, decode_reply
from fakenw.wire.requests import server
from tests.fakenw.administered_server import DEADLINE, Served, wait_for

pytestmark = pytest.mark.process

TIME = server.GetServerTime()


class Bare:
    """A client without a clock: it sends what it is told to, and looks what has come."""

    def __init__(self, served: Served, transport: str) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        self.socket.connect(served.addresses[transport])
        self.station = f"{transport}:127.0.0.1:{self.socket.getsockname()[1]}"
        self._deframer = Deframer(TNCP) if transport == "tcp" else None
        self._came: list[bytes] = []

    def send(self, kind: int, sequence: int, number: int, request: Any = None) -> None:
        function, body = (0, b"") if request is None else (request.function, request.body())
        packet = RequestPacket(kind, sequence, number, 1, function, body).encode()
        self.socket.sendall(frame_request(packet) if self._deframer else packet)

    def came(self, within: float = DEADLINE) -> Any:
        """The next packet; None where none comes."""
        self.socket.settimeout(within)
        while not self._came:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return None
            self._came += self._deframer.feed(data) if self._deframer else [data]
        return decode_reply(self._came.pop(0))

    def attached(self) -> int:
        self.send(ncp.CREATE, 0, ncp.NO_CONNECTION)
        number: int = self.came().connection
        return number


@pytest.fixture(params=["udp", "tcp"])
def both(request: pytest.FixtureRequest, serve: Callable[..., Served]) -> Iterator[tuple[Served, Bare]]:
    served = serve()
    client = Bare(served, request.param)
    yield served, client
    client.socket.close()


def lines(served: Served, *events: str) -> list[Record]:
    return [record for record in read(served.journal).records if record.event in events]


def test_delay(both: tuple[Served, Bare]) -> None:
    """The answer takes at least that long, and the order stays."""
    served, client = both
    served.post("/api/faults", what="delay", by="300ms", station=client.station)
    begun = time.monotonic()
    assert client.attached() == 1
    assert time.monotonic() - begun > 0.299
    served.post("/api/faults/remove")
    client.send(ncp.REQUEST, 1, 1, TIME)
    assert client.came().sequence == 1


def test_loss(both: tuple[Served, Bare]) -> None:
    """Of many datagrams some are missing; of a stream nothing is."""
    served, client = both
    number = client.attached()
    served.post("/api/faults", what="loss", percent=50, way="in")
    asked = 40 if client.station.startswith("udp:") else 3
    for sequence in range(1, asked + 1):
        client.send(ncp.REQUEST, sequence, number, TIME)
    if asked == 3:
        assert [client.came().sequence for _ in range(3)] == [1, 2, 3]
        return
    wait_for(lambda: served.get("/api/connections")["connections"][0]["requests"] == asked)
    served.post("/api/faults/remove")
    client.send(ncp.REQUEST, asked + 1, number, TIME)
    came = [client.came().sequence]
    while came[-1] != asked + 1:
        came.append(client.came().sequence)
    assert 1 < len(came) < asked


@pytest.mark.parametrize("both", ["udp"], indirect=True)
def test_duplicates_execute_nothing_twice(both: tuple[Served, Bare]) -> None:
    """A datagram that comes twice is answered twice, and executed once."""
    served, client = both
    number = client.attached()
    served.post("/api/faults", what="duplicate", percent=100)
    served.post("/api/faults", what="reorder", percent=50, way="in")
    client.send(ncp.REQUEST, 1, number, TIME)
    assert [client.came().sequence for _ in range(2)] == [1, 1]
    assert served.get("/api/connections")["connections"][0]["requests"] == 1


@pytest.mark.parametrize("way", ["out", "in"])
def test_one_way_silence(both: tuple[Served, Bare], way: str) -> None:
    """The server hears nothing, or the client does; a stream goes on when it ends, a datagram is repeated."""
    served, client = both
    number = client.attached()
    served.post("/api/faults", what="silence", way=way, station=client.station)
    client.send(ncp.REQUEST, 1, number, TIME)

    def requests() -> int:
        return int(served.get("/api/connections")["connections"][0]["requests"])

    if way == "in":
        wait_for(lambda: requests() == 1)
    assert client.came(within=0.2) is None
    assert requests() == (way == "in")
    served.post("/api/faults/remove")
    if client.station.startswith("udp:"):
        client.send(ncp.REQUEST, 1, number, TIME)
    assert client.came().sequence == 1
    assert requests() == 1


def test_busy_slow_and_closed(both: tuple[Served, Bare]) -> None:
    """A limit ends each, by the server's clock; the request is executed in the end."""
    served, client = both
    number = client.attached()
    served.post("/api/faults", what="busy", **{"for": "2m"})
    client.send(ncp.REQUEST, 1, number, TIME)
    assert client.came().type == ncp.BEING_PROCESSED
    served.post("/api/clock/advance", seconds="2m")
    reply = client.came()
    assert (reply.type, reply.sequence) == (ncp.REPLY, 1)
    served.post("/api/faults", what="slow", by="200ms")
    begun = time.monotonic()
    client.send(ncp.REQUEST, 2, number, TIME)
    assert client.came().sequence == 2
    assert time.monotonic() - begun > 0.199
    ends = [record.get("cause") for record in lines(served, "fault") if record.get("state") == "end"]
    assert ends == ["limit"]


def test_a_restart_begins_without_faults(serve: Callable[..., Served]) -> None:
    """The end of the server is the end of its faults: the line of it stands before the stop."""
    served = serve()
    served.post("/api/faults", what="busy")
    served.stop(DEADLINE)
    assert [record.event for record in read(served.journal).records[-2:]] == ["fault", "stop"]
    assert lines(served, "fault")[-1].get("cause") == "stop"
