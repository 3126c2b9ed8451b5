"""Clients that do not read, and bursts of requests: queues are bounded, and other clients go on."""

from __future__ import annotations

from collections.abc import Callable

from fakenw.core.stall_watch import LOOKS, STALLED_AFTER
from fakenw.core.streams import REPLIES_AT_ONCE
from fakenw.journal.record import SECOND
from fakenw.transports.asyncio_transports import AsyncioConnection
from fakenw.wire.framing import frame_request
from fakenw.wire.requests import server
from tests.fakenw.transports.scene import CREATE, Scene, Wire, replies, request


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
