"""A server in a reactor: what is done in which order, and when the timer rings. Nothing here is a real socket."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from fakenw.core.deadlines import AT_ONCE as DEADLINES
from fakenw.journal.record import SECOND
from fakenw.transports.asyncio_transports import AT_ONCE
from fakenw.wire import packet as ncp
from fakenw.wire.framing import frame_request
from fakenw.wire.packet import RequestPacket, WatchdogPacket
from fakenw.wire.requests import connection, server
from tests.fakenw.transports.scene import CREATE, FIRST_QUERY, GUEST, Scene, replies, request


def test_records_then_sends_then_closes(open_scene: Callable[..., Scene]) -> None:
    """A line is written before its reply leaves, and the socket is closed after it."""
    scene = open_scene()
    socket, wire = scene.socket()
    scene.done.clear()
    socket.send(frame_request(CREATE) + frame_request(request(1, 1, GUEST)))
    assert scene.done == ["create", "state", "grant", "state", "login", "send", "send"]
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
    assert scene.done == ["create", "state", "grant", "state", "login", "send", "send", "send"]
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
