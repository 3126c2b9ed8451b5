"""The server's clock runs ahead: what is due happens at its own time, and nobody who is alive is cleared."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from fakenw.core.peer import TCP, Peer
from fakenw.health import answers
from fakenw.journal.record import SECOND, read
from fakenw.wire.framing import frame_request
from fakenw.wire.packet import WatchdogPacket
from fakenw.wire.requests import server
from harness.judge.advances import Advances
from tests.fakenw.administered_server import DEADLINE, Client, Served, wait_for
from tests.fakenw.transports.scene import CREATE, GUEST, Scene, request
from tests.harness.runners.journal_page import undocumented


@pytest.mark.parametrize("after", [0.5, None], ids=["answers late", "is silent"])
def test_the_clock_runs_ahead(serve: Callable[..., Served], after: float | None) -> None:
    """Four hours take seconds. A live client that answers the watchdog half a second later is never cleared by it."""
    served = serve()
    client = Client(served, "udp", after=after)
    before = served.get("/api/server")
    said = served.post("/api/clock/advance", seconds="4h")
    assert said["t"] - before["t"] >= 4 * 3600
    assert said["utc"] > before["utc"]
    events = read(served.journal).records
    assert [missing for record in events for missing in undocumented(record)] == []
    (asked,) = [record for record in events if record.get("action") == "clock-advance"]
    assert (asked["seconds"], asked["text"]) == (4 * 3600, "14400 s")
    watchdog = [record["what"] for record in events if record.event == "watchdog"]
    if after is None:
        assert (watchdog, said["held"]) == (["silent", "gave-up"], 0)
        (ended,) = [record for record in events if record.event == "close"]
        assert 889 < ended.t / 1_000_000 < 889 + 30
    else:
        assert (said["held"], "gave-up" in watchdog) == (1, False)
        assert client.asked >= 40
        served.post("/api/connections/1/clear")
    client.close()


def test_the_clock_runs_ahead_over_tcp(serve: Callable[..., Served]) -> None:
    """There is no watchdog: nobody is asked, nobody is cleared; NCP is answered while it runs."""
    served = serve()
    client = Client(served, "tcp")
    assert served.post("/api/clock/advance", seconds=4 * 3600)["held"] == 1
    assert answers(Peer(TCP, served.addresses["tcp"]))
    served.post("/api/connections/1/clear")
    client.close()


def test_whoever_hangs_up_stops_the_clock(serve: Callable[..., Served]) -> None:
    """One at a time; and nobody has to wait for years for which nobody waits any more."""
    served = serve()
    client = Client(served, "udp", after=0.2)
    with socket.create_connection(served.admin_address, DEADLINE) as one:
        body = b'{"seconds": "3650d"}'
        head = b"POST /api/clock/advance HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        one.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_for(lambda: served.get("/api/server")["t"] > 3600)
        assert "being advanced already" in served.refused("/api/clock/advance", {"seconds": 1}, status=409)
    wait_for(lambda: served.ask("POST", "/api/clock/advance", {"seconds": 0})[0] == 200)
    assert served.get("/api/server")["t"] < 3650 * 86_400
    served.post("/api/connections/1/clear")
    client.close()


# The same with a clock that stands still, to the microsecond

TICK = 10_000 / 182_065  # seconds
FIRST, BETWEEN, TRIES = 5400, 1080, 10


class Ahead(Scene):
    """A host whose clock runs ahead, while stations over UDP may answer the watchdog some real time later."""

    def advance(self, seconds: float, answer_after: float | None = None) -> float:
        """Let it; returns how much real time that took."""
        begun, done, seen = self.clock.seconds(), list[Any](), len(self.air.written)
        ensureDeferred(self.host.advance(round(seconds * SECOND))).addBoth(done.append)
        while not done:
            for data, (_, port) in self.air.written[seen:]:
                if answer_after is not None and data[-1:] == b"?":
                    self.clock.callLater(answer_after, self.datagram, data[:-1] + b"Y", port)
            seen = len(self.air.written)
            self.clock.advance(0.001)
        assert done == [None]
        return self.clock.seconds() - begun

    def events(self, *names: str) -> list[tuple[str, float]]:
        """Those lines of the journal, with their times."""
        return [(str(r.get("what") or r.event), r.t / SECOND) for r in self.log.records if r.event in names]


def licensed(scene: Scene, port: int = 40001) -> Any:
    """A client over TCP that has logged in."""
    client, _ = scene.socket(port)
    client.send(frame_request(CREATE))
    number = scene.host.server.table.by_peer[Peer(TCP, ("10.0.0.1", port))].number
    client.send(frame_request(request(1, number, GUEST)))
    return client


@pytest.mark.parametrize("speed", [1.0, 36.0])
def test_a_silent_station_is_cleared_at_its_tick(speed: float) -> None:
    """Its deadlines happen in their order and at their own times, as if the hours had passed."""
    scene = Ahead(speed=speed)
    scene.datagram(CREATE)
    took = scene.advance(4 * 3600)
    asked = [TICK * (FIRST + BETWEEN * n) for n in range(TRIES + 1)]
    slack = 0.1 * speed  # the timer, in the real time that each question is given, may be what rings
    names, times = zip(*scene.events("watchdog", "close"), strict=True)
    assert names == ("silent", "gave-up", "close")
    assert times == pytest.approx((asked[1], asked[-1], asked[-1]), abs=slack)
    assert scene.queries() == TRIES
    assert took < TRIES * 0.8 + 0.1


@pytest.mark.parametrize("speed", [1.0, 36.0])
def test_a_station_that_answers_late_is_never_cleared(speed: float) -> None:
    """Half a second of real time is nothing against four hours, and yet it is waited for."""
    scene = Ahead(speed=speed)
    scene.datagram(CREATE)
    took = scene.advance(4 * 3600, answer_after=0.5)
    assert scene.events("watchdog", "close") == []
    assert scene.queries() >= 4 * 3600 / (FIRST * TICK) - 20 * speed / 36 - 1
    assert took < scene.queries() * 0.52 + 0.1


def test_a_question_that_was_asked_before_is_waited_for_as_well() -> None:
    """An answer may be on its way when the clock begins to run."""
    scene = Ahead()
    scene.datagram(CREATE)
    scene.clock.advance(FIRST * TICK + 0.001)
    assert scene.queries() == 1
    scene.clock.callLater(0.5, scene.datagram, WatchdogPacket(1, b"Y").encode())
    scene.advance(BETWEEN * TICK)
    assert scene.events("watchdog") == []


def test_nobody_is_waited_for_twice() -> None:
    """One silent station does not hold up what is due for a hundred others."""
    scene = Ahead(licenses=200, idle_after=400 * SECOND)
    scene.datagram(CREATE)
    for n in range(100):
        licensed(scene, 40001 + n)
        scene.clock.advance(0.01)
    assert scene.advance(500) < 6
    assert len(scene.events("idle")) == 100
    assert [t for _, t in scene.events("idle")] == [pytest.approx(400 + n / 100, abs=1e-6) for n in range(100)]


def test_the_timer_is_set_anew() -> None:
    """What is due after the clock ran ahead is due in as much less real time."""
    scene = Ahead()
    scene.datagram(CREATE)
    assert scene.alarms() == [pytest.approx(FIRST * TICK, abs=1e-5)]
    scene.advance(280)
    assert scene.alarms() == [pytest.approx(FIRST * TICK - 280, abs=0.01)]
    scene.clock.advance(FIRST * TICK - 279.9)
    assert scene.queries() == 1


def test_requests_are_executed_while_it_runs() -> None:
    """At the time that it is then; the time of day goes with it."""
    scene = Ahead(idle_after=3600 * SECOND)
    client = licensed(scene)
    before = scene.host.server.utc(scene.host.now())
    scene.clock.callLater(0.3, client.send, frame_request(request(2, 1, server.GetServerTime())))
    scene.datagram(CREATE)
    scene.advance(1000)
    (station,) = (one for one in scene.host.server.table.by_serial.values() if one.transport.framed)
    assert 296 < station.last_request / SECOND < 500
    passed = scene.host.server.utc(scene.host.now()) - before
    assert passed.total_seconds() == pytest.approx(1000, abs=20)


@pytest.mark.parametrize("speed", [1.0, 36.0])
def test_the_end_is_told_with_how_far_it_jumped(speed: float) -> None:
    """The clock runs on meanwhile, which is no jump: real time and the jump add up to what it showed."""
    scene = Ahead(speed=speed)
    zero = scene.clock.seconds()
    scene.datagram(CREATE)
    scene.clock.advance(5)
    took = scene.advance(4 * 3600, answer_after=0.1)
    scene.clock.advance(3)
    (told,) = [record for record in scene.log.records if record.event == "advanced"]
    assert took > 0.1
    assert told["since"] == pytest.approx(5 * speed)
    assert told.t / SECOND >= told["since"] + 4 * 3600
    real = scene.clock.seconds() - zero
    assert told["seconds"] == pytest.approx(scene.host.now() / SECOND - real * speed, abs=1e-4)
    assert told["seconds"] <= 4 * 3600 - (took - 0.01) * speed
    clock = Advances.of(scene.log.records)
    assert clock.shown(round(real * speed * SECOND)) == pytest.approx(scene.host.now(), abs=100)
    assert clock.shown(round(4 * speed * SECOND)) == round(4 * speed * SECOND)


def test_an_advance_that_is_broken_off_tells_how_far_it_came() -> None:
    """The operator has hung up."""
    scene = Ahead()
    zero = scene.clock.seconds()
    scene.datagram(CREATE)
    running = ensureDeferred(scene.host.advance(10 * 24 * 3600 * SECOND))
    running.addErrback(lambda _: None)
    for _ in range(20):
        scene.clock.advance(0.001)
    running.cancel()
    (told,) = [record for record in scene.log.records if record.event == "advanced"]
    assert 0 < told["seconds"] < 10 * 24 * 3600
    assert told["seconds"] == pytest.approx(scene.host.now() / SECOND - (scene.clock.seconds() - zero), abs=1e-4)


def test_a_stop_stops_the_clock() -> None:
    """Nothing is written after the last line."""
    scene = Ahead()
    scene.datagram(CREATE)
    scene.clock.callLater(1, scene.host.delivery.stop)
    scene.advance(4 * 3600)
    assert (scene.log.records[-1].event, scene.alarms()) == ("stop", [])
