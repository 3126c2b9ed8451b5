"""A server in a reactor: what is done in which order, and when the timer rings. Nothing here is a real socket."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from fakenw.core.deadlines import AT_ONCE as DEADLINES
from fakenw.core.server import REPLIES_AT_ONCE, Server
from fakenw.core.settings import ServerSettings
from fakenw.core.stall_watch import LOOKS, STALLED_AFTER
from fakenw.journal.record import SECOND, Record
from fakenw.journal.writer import JournalFile
from fakenw.transports.asyncio_transports import AT_ONCE, AsyncioConnection, AsyncioUdpListener
from fakenw.transports.reactor_host import ReactorHost
from fakenw.transports.tcp import TcpConnection
from fakenw.transports.udp import UdpPort
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.layout import Request
from fakenw.wire.packet import RequestPacket, WatchdogPacket
from fakenw.wire.requests import bindery, connection, server

FIRST_QUERY = 5400 / 18.2065
CREATE = RequestPacket(ncp.CREATE, 0, ncp.NO_CONNECTION, 1, 0, b"").encode()
GUEST = bindery.PlainLogin(1, "GUEST", "")


def request(sequence: int, number: int, layout: Request[Any]) -> bytes:
    return RequestPacket(ncp.REQUEST, sequence, number, 1, layout.function, layout.body()).encode()


class Log(JournalFile):
    """A journal that says when it was written, until it is full."""

    def __init__(self, done: list[str]) -> None:
        super().__init__(2)  # to which nothing is written
        self.records: list[Record] = []
        self.full = False
        self._done = done

    def write(self, records: Iterable[Record]) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        for record in records:
            self.records.append(record)
            self._done.append(record.event)


class Wire:
    """The other end of a TCP connection: what asyncio's transport is to the protocol, and Twisted's."""

    def __init__(self, done: list[str], port: int) -> None:
        self.received = b""
        self.waiting = 0  # bytes that the client does not read
        self.offset = self._tempDataLen = 0
        self.reading, self.ending = True, False
        self._done = done
        self._facts = {"peername": ("10.0.0.1", port), "socket": self}
        self.getPeer = self.getHost = lambda: IPv4Address("TCP", "10.0.0.1", port)
        self.setTcpNoDelay = self.setTcpKeepAlive = self.setsockopt
        self.loseConnection = self.close
        self.registerProducer = self.set_write_buffer_limits = self.setsockopt
        self.pauseProducing, self.resumeProducing = self.pause_reading, self.resume_reading
        self.abortConnection = self.abort

    def get_extra_info(self, name: str) -> Any:
        return self._facts[name]

    def fileno(self) -> int:
        return 9

    def setsockopt(self, *option: object, **more: object) -> None:
        pass

    def write(self, data: bytes) -> None:
        self._done.append("send")
        self.received += data

    def close(self) -> None:
        self.ending = True
        self._done.append("close")

    def unregisterProducer(self) -> None:  # noqa: N802
        pass

    def abort(self) -> None:
        self.ending = True
        self._done.append("abort")

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def is_closing(self) -> bool:
        return self.ending

    def get_write_buffer_size(self) -> int:
        return self.waiting

    @property
    def dataBuffer(self) -> bytes:  # noqa: N802
        return bytes(self.waiting)


class Air:
    """A port of UDP: what was written, and to whom. There is no way to the addresses in ``cut``."""

    def __init__(self) -> None:
        self.arrived: list[tuple[bytes, tuple[str, int]]] = []
        self.written: list[tuple[bytes, tuple[str, int]]] = []
        self.cut: list[tuple[str, int]] = []

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.arrived:
            raise BlockingIOError
        return self.arrived.pop(0)

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        if address in self.cut:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        self.written.append((data, address))


class Readers:
    """A reactor that looks after no sockets."""

    def addReader(self, reader: object) -> None:  # noqa: N802
        pass

    def removeReader(self, reader: object) -> None:  # noqa: N802
        pass


class Client:
    """A client's end of a stream."""

    def __init__(self, edge: str, host: ReactorHost, wire: Wire) -> None:
        if edge == "asyncio":
            fast = AsyncioConnection(host)
            fast.connection_made(wire)
            self.send: Callable[[bytes], None] = fast.data_received
            self.end: Callable[[], None] = lambda: fast.connection_lost(None)
            self.full: Callable[[], None] = fast.pause_writing
            self.drained: Callable[[], None] = fast.resume_writing
        else:
            stream = TcpConnection(host)
            stream.makeConnection(wire)  # type: ignore[no-untyped-call]
            self.send, self.end = stream.dataReceived, stream.connectionLost
            self.full, self.drained = stream.pauseProducing, stream.resumeProducing


class Scene:
    """A host on a clock that stands still, with what it did, in order; *edge* is asyncio's or Twisted's."""

    def __init__(
        self, soon: Callable[[Callable[[], None]], None] | None = None, edge: str = "asyncio", **more: Any
    ) -> None:
        self.edge = edge
        self.clock = Clock()
        self.done: list[str] = []
        self.log = Log(self.done)
        self.told: list[str] = []
        self.failures: list[OSError] = []
        core = Server(ServerSettings(**more), Volumes([("SYS", sms_tree())]), Random(1))
        self.clock.advance(1_000_000)  # a reactor's clock does not begin with the server
        tell = [lambda record: self.told.append(record.event)]
        self.host = ReactorHost(core, self.clock, tell, self.failures.append, soon)
        self.host.start(datetime(2000, 8, 10, tzinfo=UTC), self.log)
        self.air = Air()
        self.fast = AsyncioUdpListener(self.host, Readers(), "127.0.0.1", 0)
        self.fast.stop()
        self.fast.wire = self.air
        self.datagrams = UdpPort(self.host)
        self.datagrams.transport = SimpleNamespace(socket=self.air)  # type: ignore[assignment]

    def datagram(self, packet: bytes, port: int = 1025) -> list[bytes]:
        """A datagram arrives; what was sent back to its port."""
        before = len(self.air.written)
        if self.edge == "asyncio":
            self.air.arrived.append((packet, ("10.0.0.1", port)))
            self.fast.doRead()
        else:
            self.datagrams.datagramReceived(packet, ("10.0.0.1", port))
        return [data for data, address in self.air.written[before:] if address == ("10.0.0.1", port)]

    def socket(self, port: int = 40001) -> tuple[Client, Wire]:
        """A client connects."""
        wire = Wire(self.done, port)
        return Client(self.edge, self.host, wire), wire

    def queries(self) -> int:
        return sum(data == WatchdogPacket(1, b"?").encode() for data, _ in self.air.written)

    def alarms(self) -> list[float]:
        """When the timer rings, in seconds from now."""
        return [call.getTime() - self.clock.seconds() for call in self.clock.getDelayedCalls()]


@pytest.fixture(params=["asyncio", "twisted"])
def open_scene(request: pytest.FixtureRequest) -> Callable[..., Scene]:
    """Makes a scene with a server's configuration, at either edge."""
    return functools.partial(Scene, edge=request.param)


def replies(wire: Wire) -> list[ncp.ReplyPacket]:
    """What came back over TCP since the last look."""
    data, wire.received = wire.received, b""
    return [ncp.decode_reply(packet) for packet in Deframer(TNCP).feed(data)]


def test_records_then_sends_then_closes(open_scene: Callable[..., Scene]) -> None:
    """A line is written before its reply leaves, and the socket is closed after it."""
    scene = open_scene()
    socket, wire = scene.socket()
    scene.done.clear()
    socket.send(frame_request(CREATE) + frame_request(request(1, 1, GUEST)))
    assert scene.done == ["create", "state", "grant", "state", "send", "send"]
    assert [reply.completion for reply in replies(wire)] == [0, 0]
    scene.done.clear()
    socket.send(frame_request(request(2, 1, connection.Logout())) + b"garbage")
    assert scene.done == ["state", "release", "state", "close", "send", "close"]
    assert scene.told == [record.event for record in scene.log.records]


def test_a_socket_is_a_station(open_scene: Callable[..., Scene]) -> None:
    """It is known by its address and port, and its end is the end of the connection."""
    scene = open_scene()
    first, first_wire = scene.socket(1)
    second, second_wire = scene.socket(2)
    for socket in (first, second):
        socket.send(frame_request(CREATE))
    assert [reply.connection for reply in (*replies(first_wire), *replies(second_wire))] == [1, 2]
    assert [r["station"] for r in scene.log.records if r.event == "create"] == ["tcp:10.0.0.1:1", "tcp:10.0.0.1:2"]
    second.send(frame_request(request(1, 2, GUEST)))
    second.end()
    assert [(r.event, r["cause"]) for r in scene.log.records[-3:]] == [
        *(("state", "lost"), ("release", "lost"), ("close", "lost"))
    ]
    assert replies(first_wire) == []


def test_datagrams_go_back_where_they_came_from(open_scene: Callable[..., Scene]) -> None:
    """Replies and queries alike; a port that owns no connection is forgotten."""
    scene = open_scene()
    (created,) = scene.datagram(CREATE)
    (refused,) = scene.datagram(request(1, 1, server.GetServerTime()), port=1026)
    assert ncp.decode_reply(created).connection == 1
    assert ncp.decode_reply(refused).completion == 0xFD
    assert scene.log.records[-1]["station"] == "udp:10.0.0.1:1025"
    scene.clock.advance(FIRST_QUERY + 0.001)
    assert scene.air.written[-1] == (WatchdogPacket(1, b"?").encode(), ("10.0.0.1", 1025))
    assert scene.datagram(b"", port=1027) == []


def test_timer_rings_at_the_deadline(open_scene: Callable[..., Scene]) -> None:
    """One timer, not a moment early, armed again after each ring until the station is cleared."""
    scene = open_scene()
    assert scene.alarms() == []
    scene.datagram(CREATE)
    assert scene.alarms() == [pytest.approx(FIRST_QUERY, abs=1e-5)]
    scene.clock.advance(FIRST_QUERY - 0.001)
    assert scene.queries() == 0
    scene.clock.advance(0.002)
    assert scene.queries() == 1
    for _ in range(9):
        assert len(scene.alarms()) == 1
        scene.clock.advance(1080 / 18.2065)
    assert scene.queries() == 10
    assert scene.log.records[-1].event == "watchdog"
    scene.clock.advance(1080 / 18.2065)
    assert [record.event for record in scene.log.records[-2:]] == ["state", "close"]
    assert scene.alarms() == []


def test_timer_is_armed_for_an_earlier_deadline(open_scene: Callable[..., Scene]) -> None:
    """What is due sooner rings sooner; what is due later does not move the timer."""
    scene = open_scene(idle_after=60 * SECOND)
    scene.datagram(CREATE)
    socket, _ = scene.socket()
    scene.clock.advance(10)
    socket.send(frame_request(CREATE) + frame_request(request(1, 2, GUEST)))
    assert scene.alarms() == [pytest.approx(60, abs=1e-5)]
    scene.clock.advance(20)
    socket.send(frame_request(request(2, 2, server.GetServerTime())))
    assert scene.alarms() == [pytest.approx(40, abs=1e-5)]
    scene.clock.advance(59)
    assert "idle" not in scene.done
    scene.clock.advance(1.001)
    assert "idle" in scene.done
    assert len(scene.alarms()) == 1


@pytest.mark.parametrize("speed", [0.1, 0.5, 1.0, 3600.0, 100_000.0])
def test_speed(open_scene: Callable[..., Scene], speed: float) -> None:
    """The server lives faster or slower than the reactor, in its journal and in its timers."""
    scene = open_scene(speed=speed)
    scene.clock.advance(1)
    scene.datagram(CREATE)
    assert scene.log.records[-1].t == round(speed * SECOND)
    assert scene.alarms() == [pytest.approx(FIRST_QUERY / speed, abs=1e-5)]
    scene.clock.advance(FIRST_QUERY / speed + 1e-3)
    assert scene.queries() == 1


@pytest.mark.parametrize("speed", [36_000.0, 100_000.0])
def test_a_query_is_given_real_time(open_scene: Callable[..., Scene], speed: float) -> None:
    """However fast the server lives, a station has 100 ms of the reactor's time to answer."""
    scene = open_scene(speed=speed)
    scene.datagram(CREATE)
    elapsed = 0.0
    while scene.alarms():
        (wait,) = scene.alarms()
        assert scene.queries() == 0 or wait >= 0.0999
        scene.clock.advance(wait + 1e-6)
        elapsed += wait
    assert scene.queries() == 10
    assert elapsed >= 1.0


def test_clock_that_is_set_back_stands_still(open_scene: Callable[..., Scene]) -> None:
    """Time in the journal never runs backwards."""
    scene = open_scene()
    scene.clock.advance(100)
    scene.datagram(CREATE)
    scene.clock.rightNow -= 50
    scene.datagram(CREATE, port=1026)
    assert [record.t for record in scene.log.records] == [0, *[100 * SECOND] * 4]


def test_stop_is_the_last_line(open_scene: Callable[..., Scene]) -> None:
    """After it no timer rings, and the sockets that close are not the clients' doing."""
    scene = open_scene()
    socket, _ = scene.socket()
    socket.send(frame_request(CREATE) + frame_request(request(1, 1, GUEST)))
    scene.datagram(CREATE)
    scene.clock.advance(5)
    scene.host.delivery.stop()
    socket.end()
    scene.clock.advance(10_000)
    stop = scene.log.records[-1]
    assert (stop.event, stop["held"]) == ("stop", 1)
    assert stop["holders"] == [
        {
            **{"serial": 1, "station": "tcp:10.0.0.1:40001", "user": "GUEST"},
            **{"since": 0.0, "last_request": 0.0, "files": 0},
        }
    ]
    assert scene.alarms() == []


def test_journal_that_is_full(open_scene: Callable[..., Scene]) -> None:
    """What could not be written is not announced: no reply leaves any more, and the failure is told once."""
    scene = open_scene()
    socket, wire = scene.socket()
    socket.send(frame_request(CREATE))
    assert len(replies(wire)) == 1
    scene.log.full = True
    scene.told.clear()
    socket.send(frame_request(request(1, 1, GUEST)))
    socket.send(frame_request(request(2, 1, server.GetServerTime())))
    assert scene.datagram(CREATE) == []
    scene.host.delivery.stop()
    assert (replies(wire), scene.told) == ([], [])
    assert [problem.errno for problem in scene.failures] == [errno.ENOSPC]


def test_datagram_that_cannot_be_sent_is_lost(open_scene: Callable[..., Scene]) -> None:
    """Where there is no way to a station the server goes on: others are asked, and it is cleared in time."""
    scene = open_scene()
    scene.datagram(CREATE)
    scene.datagram(CREATE, port=1026)
    scene.air.cut.append(("10.0.0.1", 1025))
    for _ in range(1000):
        scene.clock.advance(1)
    assert [address for _, address in scene.air.written[2:]] == [("10.0.0.1", 1026)] * 10
    assert [record.event for record in scene.log.records].count("close") == 2


def test_one_turn_is_one_write_and_still_comes_before_its_replies() -> None:
    """What several stations ask in a turn is written together, then announced, in order; nothing overtakes."""
    turn: list[Callable[[], None]] = []
    scene = Scene(soon=turn.append)
    first, _ = scene.socket(1)
    second, _ = scene.socket(2)
    first.send(frame_request(CREATE))
    turn.pop()()
    scene.done.clear()
    second.send(frame_request(CREATE))
    first.send(frame_request(request(1, 1, server.GetServerTime())))
    first.send(frame_request(request(2, 1, GUEST)))
    assert (scene.done, len(turn)) == ([], 1)
    turn.pop()()
    assert scene.done == ["create", "state", "grant", "state", "send", "send", "send"]
    scene.done.clear()
    first.send(frame_request(request(3, 1, server.GetServerTime())))
    assert (scene.done, turn) == (["send"], [])
    first.send(frame_request(request(4, 1, connection.Logout())))
    scene.host.delivery.stop()
    assert scene.done[1:] == ["state", "release", "send", "stop"]


def test_who_ends_a_connection_is_answered_at_the_end_of_the_turn() -> None:
    """Its port is forgotten only then."""
    turn: list[Callable[[], None]] = []
    scene = Scene(soon=turn.append)
    destroy = RequestPacket(ncp.DESTROY, 1, 1, 1, 0, b"").encode()
    for packet in (CREATE, destroy):
        assert scene.datagram(packet) == []
        turn.pop()()
    assert [ncp.decode_reply(data).completion for data, _ in scene.air.written] == [0, 0]
    assert not scene.host._routes


@pytest.mark.parametrize("edge", ["asyncio", "twisted"])
def test_a_station_that_was_cleared_leaves_no_route(edge: str) -> None:
    """By the watchdog, or by an operator: it sends nothing itself, and its port is forgotten when it was told."""
    turn: list[Callable[[], None]] = []
    scene = Scene(soon=turn.append, edge=edge)

    def end_turns() -> None:
        while turn:
            turn.pop(0)()

    for port in (1025, 1026):
        scene.datagram(CREATE, port)
        end_turns()
    assert len(scene.host._routes) == 2
    core = scene.host.server
    scene.host.delivery.act(lambda: core.clear(core.table.by_number[2], "cleared"))
    end_turns()
    assert [peer.address[1] for peer in scene.host._routes] == [1025]
    for _ in range(12):
        scene.clock.advance(FIRST_QUERY)
        end_turns()
    assert scene.log.records[-1]["cause"] == "watchdog"
    assert not scene.host._routes
    assert not scene.fast._known


def test_a_station_that_comes_back_in_the_turn_in_which_it_was_cleared_is_answered() -> None:
    turn: list[Callable[[], None]] = []
    scene = Scene(soon=turn.append)
    scene.datagram(CREATE)
    turn.pop()()
    core = scene.host.server
    core.clear(core.table.by_number[1], "cleared")
    scene.host.delivery.carry_out(core.take_effects())
    scene.datagram(CREATE)
    turn.pop()()
    assert [ncp.decode_reply(data).completion for data, _ in scene.air.written] == [0, 0]
    assert len(scene.host._routes) == len(scene.fast._known) == 1


def test_a_turn_has_an_end(open_scene: Callable[..., Scene]) -> None:
    """However much arrives at once, others have their turn after so many datagrams."""
    scene = open_scene()
    scene.air.arrived = [(request(0, 9, server.GetServerTime()), ("10.0.0.1", 1025))] * (AT_ONCE + 10)
    scene.fast.doRead()
    assert (len(scene.air.written), len(scene.air.arrived)) == (AT_ONCE, 10)


def test_a_whole_company_is_not_asked_in_one_breath(open_scene: Callable[..., Scene]) -> None:
    """Queries go out in portions, so that answers can be read in between; everybody is asked all the same."""
    scene = open_scene(connections=2 * DEADLINES + 10)
    for port in range(2 * DEADLINES + 5):
        scene.datagram(CREATE, port=1025 + port)
    now = round((FIRST_QUERY + 0.001) * SECOND)
    core = scene.host.server
    portions = [len(core.expire(now).sends) for _ in range(3)]
    assert portions == [DEADLINES, DEADLINES, 5]
    assert (core.deadline() or 0) > now


def test_a_client_that_does_not_read_is_not_read_from(open_scene: Callable[..., Scene]) -> None:
    """Until its queue has drained; and a client that reads a little now and then is never closed."""
    scene = open_scene()
    socket, wire = scene.socket()
    socket.send(frame_request(CREATE))
    wire.waiting = 100_000
    socket.full()
    assert not wire.reading
    for _ in range(1_000):
        scene.clock.advance(STALLED_AFTER * 0.9)
        wire.waiting -= 1
    assert "abort" not in scene.done
    socket.drained()
    assert (wire.reading, scene.alarms()) == (True, [])


def test_a_client_that_never_reads_is_closed(open_scene: Callable[..., Scene]) -> None:
    """A minute of real time after the last byte that it took, however fast the server lives; the line comes first."""
    scene = open_scene(speed=60.0)
    socket, wire = scene.socket()
    socket.send(frame_request(CREATE))
    wire.waiting = 100_000
    socket.full()
    scene.clock.pump([1.0] * round(STALLED_AFTER))
    assert "abort" not in scene.done
    scene.clock.pump([1.0] * round(STALLED_AFTER / LOOKS))
    assert scene.done[-3:] == ["state", "close", "abort"]
    assert scene.log.records[-1]["cause"] == "stalled"
    socket.end()
    assert (scene.done[-1], scene.alarms()) == ("abort", [])


def test_a_client_that_is_being_closed_must_read_the_rest(open_scene: Callable[..., Scene]) -> None:
    """What waits is sent first, and a client that does not take it keeps no socket of the server."""
    scene = open_scene()
    socket, wire = scene.socket()
    socket.send(frame_request(CREATE))
    wire.waiting = 10
    socket.send(b"garbage")
    assert scene.done[-1] == "close"
    scene.clock.pump([1.0] * round(STALLED_AFTER * 1.5))
    assert scene.done[-1] == "abort"
    assert scene.log.records[-1]["cause"] == "lost"


def test_a_client_that_has_ended_its_own_side_must_read_the_rest() -> None:
    """On asyncio's edge, where its end is the stream's only after the last byte is sent."""
    scene = Scene()
    wire = Wire(scene.done, 1)
    fast = AsyncioConnection(scene.host)
    fast.connection_made(wire)
    fast.data_received(frame_request(CREATE))
    wire.waiting = 10
    fast.eof_received()
    scene.clock.pump([1.0] * round(STALLED_AFTER * 1.5))
    assert scene.done[-1] == "abort"
    assert scene.log.records[-1]["cause"] == "stalled"


def test_a_stopped_server_watches_no_client(open_scene: Callable[..., Scene]) -> None:
    """Neither one that is full already, nor one that becomes so."""
    scene = open_scene()
    (first, _), (second, _) = scene.socket(1), scene.socket(2)
    first.full()
    assert len(scene.alarms()) == 1
    scene.host.stop()
    second.full()
    assert scene.alarms() == []


def test_a_burst_is_executed_portion_by_portion(open_scene: Callable[..., Scene]) -> None:
    """A portion at once, none while the client does not read, and all of it in order."""
    scene = open_scene()
    socket, wire = scene.socket()
    socket.send(frame_request(CREATE))
    (created,) = replies(wire)
    asked = 3 * REPLIES_AT_ONCE // 20
    burst = [frame_request(request(i & 0xFF, created.connection, server.GetServerTime())) for i in range(asked)]
    socket.send(b"".join(burst))
    answered = [reply.sequence for reply in replies(wire)]
    assert 0 < len(answered) < asked / 2
    assert not wire.reading
    socket.full()
    scene.clock.advance(0)
    assert replies(wire) == []
    socket.drained()
    assert not wire.reading  # until the rest is executed
    scene.clock.advance(0)
    assert wire.reading
    answered += [reply.sequence for reply in replies(wire)]
    assert answered == [i & 0xFF for i in range(asked)]


def test_the_end_of_a_burst_is_never_executed_for_a_client_that_is_gone(open_scene: Callable[..., Scene]) -> None:
    """Nor is there anything left of it."""
    scene = open_scene()
    socket, _ = scene.socket()
    socket.send(frame_request(CREATE) + frame_request(request(1, 1, server.GetServerTime())) * REPLIES_AT_ONCE)
    socket.full()
    socket.end()
    scene.clock.advance(0)
    assert scene.log.records[-1]["cause"] == "lost"
    assert (scene.host.server.kept, scene.alarms()) == ({}, [])


def test_replies_that_are_held_back_are_bounded(open_scene: Callable[..., Scene]) -> None:
    """A station may not ask without end for what takes long; when a reply is due, it goes on."""
    hour = 3600 * SECOND
    scene = open_scene(slow={(server.GetServerTime.function, None): hour})
    socket, wire = scene.socket()
    socket.send(frame_request(CREATE))
    replies(wire)
    asked = REPLIES_AT_ONCE // 10
    sent = 0
    while wire.reading and sent < asked:
        socket.send(frame_request(request(sent & 0xFF, 1, server.GetServerTime())))
        sent += 1
    assert REPLIES_AT_ONCE // 40 < sent < asked
    (held,) = scene.host.server.table.by_number.values()
    assert held.delayed < REPLIES_AT_ONCE + 100
    scene.clock.advance(3601)
    scene.clock.advance(0)
    assert wire.reading
    scene.clock.advance(3601)
    assert len(replies(wire)) == sent
    assert held.delayed == 0
