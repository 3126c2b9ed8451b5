"""The edge while faults affect its links: on a clock that stands still, at either edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.faults.busy import BusyFault
from fakenw.faults.delay import DelayFault
from fakenw.faults.duplicate import DuplicateFault
from fakenw.faults.loss import LossFault
from fakenw.faults.silence import SilenceFault
from fakenw.transports import faulty_link
from fakenw.wire.framing import frame_request
from fakenw.wire.requests import server
from tests.fakenw.transports.scene import CREATE, GUEST, Scene, replies, request

TIME = server.GetServerTime()


def begin(scene: Scene, fault: Any, station: str | None = None, lasting: int | None = None) -> Any:
    begun: list[Any] = []
    faults = scene.host.server.faults
    scene.host.delivery.act(lambda: begun.append(faults.begin(fault, station, lasting, "127.0.0.1:1")))
    return begun[0]


def end(scene: Scene, live: Any) -> None:
    scene.host.delivery.act(lambda: scene.host.server.faults.end(live, "removed"))


def events(scene: Scene) -> list[str]:
    return [record.event for record in scene.log.records if record.event not in ("start", "fault")]


def test_a_datagram_is_late_both_ways(open_scene: Callable[..., Scene]) -> None:
    """In real time, whatever the speed of the server; another station's is not."""
    scene = open_scene(speed=100.0)
    begin(scene, DelayFault(200_000, "both"), "udp:10.0.0.1:1025")
    assert scene.datagram(CREATE) == []
    assert len(scene.datagram(CREATE, port=1026)) == 1
    scene.air.written.clear()
    scene.clock.advance(0.199)
    assert events(scene) == ["create", "state"]
    scene.clock.advance(0.002)
    assert events(scene) == ["create", "state"] * 2
    assert scene.air.written == []
    scene.clock.advance(0.2)
    assert [address for _, address in scene.air.written] == [("10.0.0.1", 1025)]


def test_a_lost_datagram_leaves_nothing(open_scene: Callable[..., Scene]) -> None:
    """Neither a line nor a route."""
    scene = open_scene()
    live = begin(scene, SilenceFault("out"))
    for port in range(1025, 1035):
        assert scene.datagram(CREATE, port=port) == []
    assert (events(scene), scene.host.routes()) == ([], 0)
    end(scene, live)
    assert len(scene.datagram(CREATE)) == 1
    assert scene.host.routes() == 1


def test_the_station_hears_nothing(open_scene: Callable[..., Scene]) -> None:
    """One-way silence: its request is executed, and the answer does not come."""
    scene = open_scene()
    live = begin(scene, SilenceFault("in"))
    assert scene.datagram(CREATE) == []
    assert events(scene) == ["create", "state"]
    end(scene, live)
    assert len(scene.datagram(CREATE)) == 1


def test_twice(open_scene: Callable[..., Scene]) -> None:
    """The repetition of a create is answered, too."""
    scene = open_scene()
    begin(scene, DuplicateFault(100))
    assert len(scene.datagram(CREATE)) == 1
    scene.air.written.clear()
    scene.clock.advance(0.02)
    assert len(scene.air.written) == 1
    assert events(scene) == ["create", "state"]


def test_a_stream_is_held_and_goes_on(open_scene: Callable[..., Scene]) -> None:
    """What it sent in the silence comes when that ends, in order, behind the line of the end."""
    scene = open_scene()
    socket, wire = scene.socket()
    live = begin(scene, SilenceFault("out"))
    socket.send(frame_request(CREATE))
    socket.send(frame_request(request(1, 1, GUEST)))
    scene.clock.advance(3)
    assert events(scene) == []
    end(scene, live)
    assert scene.done[-1] == "fault"
    scene.clock.advance(0)
    assert [reply.sequence for reply in replies(wire)] == [0, 1]
    socket.send(frame_request(request(2, 1, TIME)))
    assert [reply.sequence for reply in replies(wire)] == [2]
    assert scene.alarms() == [pytest.approx(300, abs=1)]  # until it is idle: the link rings no more


def test_a_stream_keeps_its_order(open_scene: Callable[..., Scene]) -> None:
    """Loss is a later retransmission; what follows waits for it, also when the fault has ended."""
    scene = open_scene()
    socket, wire = scene.socket()
    live = begin(scene, LossFault(90))
    socket.send(frame_request(CREATE))
    scene.clock.advance(0.1)
    assert events(scene) == []
    end(scene, live)
    socket.send(frame_request(request(1, 1, TIME)))
    assert events(scene) == []
    while not replies(wire):
        scene.clock.advance(0.2)
    socket.send(frame_request(request(2, 1, TIME)))
    assert [reply.sequence for reply in replies(wire)] == [2]


def test_the_end_of_a_stream_waits_too(open_scene: Callable[..., Scene]) -> None:
    """The server hears of it when the silence ends: behind the bytes before it."""
    scene = open_scene()
    socket, _ = scene.socket()
    socket.send(frame_request(CREATE))
    live = begin(scene, SilenceFault("out"))
    socket.send(frame_request(request(1, 1, GUEST)))
    socket.end()
    scene.clock.advance(10)
    assert events(scene) == ["create", "state"]
    end(scene, live)
    scene.clock.advance(0)
    assert events(scene)[2:] == ["grant", "state", "login", "state", "release", "close"]


def test_the_same_port_again(open_scene: Callable[..., Scene]) -> None:
    """A station that connects anew shows that its former stream has ended; what that sent is gone."""
    scene = open_scene()
    first, _ = scene.socket(1)
    first.send(frame_request(CREATE))
    live = begin(scene, SilenceFault("out"))
    first.send(frame_request(request(1, 1, GUEST)))
    first.end()
    second, wire = scene.socket(1)
    assert events(scene) == ["create", "state", "state", "close"]
    second.send(frame_request(CREATE))
    end(scene, live)
    scene.clock.advance(0)
    assert [reply.connection for reply in replies(wire)] == [1]
    assert events(scene)[4:] == ["create", "state"]


def test_the_server_closes_behind_its_replies(open_scene: Callable[..., Scene]) -> None:
    scene = open_scene()
    socket, wire = scene.socket()
    begin(scene, DelayFault(200_000, "in"))
    socket.send(frame_request(CREATE))
    socket.send(b"garbage that is no frame of NCP")
    assert (wire.received, wire.ending) == (b"", False)
    scene.clock.advance(0.201)
    assert (len(replies(wire)), wire.ending) == (1, True)


def test_a_stream_that_is_held_is_not_read(open_scene: Callable[..., Scene]) -> None:
    """What the server keeps for it is bounded."""
    scene = open_scene()
    socket, wire = scene.socket()
    live = begin(scene, SilenceFault("out"))
    socket.send(bytes(faulty_link.HELD))
    assert wire.reading
    socket.send(b"1")
    assert not wire.reading
    end(scene, live)
    scene.clock.advance(0)
    assert wire.ending or wire.reading


def test_a_stream_that_hears_nothing_is_not_answered_for_ever(open_scene: Callable[..., Scene]) -> None:
    """So many replies are held; then its requests wait, and all are answered in the end."""
    scene = open_scene()
    socket, wire = scene.socket()
    socket.send(frame_request(CREATE))
    replies(wire)
    live = begin(scene, SilenceFault("in"))
    sent = 0
    while wire.reading and sent < 20_000:
        sent += 1
        socket.send(frame_request(request(sent & 0xFF, 1, TIME)))
    assert 1000 < sent < 20_000
    assert wire.received == b""
    end(scene, live)
    for _ in range(10):
        scene.clock.advance(0)
    assert wire.reading
    assert len(replies(wire)) == sent


def test_datagrams_under_way_are_bounded(open_scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """Further ones are lost."""
    monkeypatch.setattr(faulty_link, "DATAGRAMS", 3)
    scene = open_scene()
    begin(scene, DelayFault(1_000_000))
    for port in range(1025, 1030):
        scene.datagram(CREATE, port=port)
    scene.clock.advance(1.001)
    assert events(scene) == ["create", "state"] * 3
    assert scene.host.routes() == 3


def test_nothing_is_in_between_without_a_fault(open_scene: Callable[..., Scene]) -> None:
    """Neither before nor after, nor while a fault of the server alone is there."""
    scene = open_scene()
    assert scene.host._faulty is None
    begin(scene, BusyFault())
    assert scene.host._faulty is None
    live = begin(scene, DelayFault(1000))
    assert scene.host._faulty is not None
    scene.datagram(CREATE)
    end(scene, live)
    assert scene.host._faulty is not None  # a packet is under way
    scene.clock.advance(0.002)
    assert scene.host._faulty is None


def test_a_stop_delivers_nothing(open_scene: Callable[..., Scene]) -> None:
    """The last line is that of the stop, and nothing rings afterwards."""
    scene = open_scene()
    socket, _ = scene.socket()
    begin(scene, SilenceFault("out"))
    begin(scene, DelayFault(1000), "udp:10.0.0.1:*")
    socket.send(frame_request(CREATE))
    scene.datagram(CREATE)
    scene.host.stop()
    scene.clock.advance(5)
    assert [record.event for record in scene.log.records[-3:]] == ["fault", "fault", "stop"]
    assert scene.alarms() == []
