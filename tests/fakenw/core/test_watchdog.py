"""The watchdog to the microsecond, and what idleness is."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from fakenw.core.settings import watchdog, watchdog_text
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.framing import frame_request
from fakenw.wire.packet import WatchdogPacket
from fakenw.wire.requests import server

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
UDP, OTHER, TCP = "udp:10.0.0.1:1025", "udp:10.0.0.2:1025", "tcp:10.0.0.1:40001"
HOUR = 3600 * SECOND
QUERY = WatchdogPacket(1, b"?").encode()


def tick(count: int) -> int:
    """The first whole microsecond at which *count* ticks of the PC's clock, 18.2065 a second, have passed."""
    return math.ceil(Fraction(count * SECOND) / Fraction("18.2065"))


ASKED = [tick(5400 + 1080 * place) for place in range(10)]
CLEARED = tick(16_200)


def watch(stage: Stage, station: Station, until: int, answering: Callable[[bytes], bytes | None]) -> list[int]:
    """Let time pass and have the station answer; when it was asked."""
    asked: list[int] = []

    def look() -> None:
        for query in station.inbox:
            assert ncp.packet_type(query) == ncp.WATCHDOG
            asked.append(stage.now)
            reply = answering(query)
            if reply is not None:
                stage.receive(station.name, reply)
        station.inbox.clear()

    station.inbox.clear()
    stage.until(until, look)
    return asked


def silent(query: bytes) -> None:
    """A station that is switched off."""


def alive(query: bytes) -> bytes:
    """A station that returns the ten bytes with Y in the last."""
    assert query[9:] == b"?"
    return query[:9] + b"Y"


def whats(stage: Stage) -> list[str]:
    return [record["what"] for record in stage.events("watchdog")]


def test_its_parameters_as_text() -> None:
    """Novell's times in seconds (4 min 56.6 s, 59.3 s); every text is read as the very ticks."""
    assert watchdog_text((5400, 1080, 10)) == "296.6,59.3,10"
    assert watchdog_text(None) == "off"
    assert [first for first in range(286, 22_801) if watchdog(watchdog_text((first, 180, 5))) != (first, 180, 5)] == []


def test_the_documented_times() -> None:
    """4 min 56.6 s, then 59.3 s, ten times: 889.79210 s."""
    assert f"{ASKED[0] / SECOND:.1f}" == "296.6"
    assert f"{tick(1080) / SECOND:.1f}" == "59.3"
    assert CLEARED == 889_792_108


def test_silent_station_is_cleared_to_the_microsecond(open_stage: OpenStage, policy: str) -> None:
    """Asked at ten moments and cleared at the eleventh, neither sooner nor later."""
    stage = open_stage(policy)
    stage.wait(12.345678)
    station = stage.station(UDP).licensed()
    start = stage.now
    assert watch(stage, station, start + CLEARED - 1, silent) == [start + at for at in ASKED]
    assert stage.state(UDP) == "licensed"
    assert not stage.events("release", "close")
    stage.until(start + CLEARED)
    assert stage.state(UDP) == "gone"
    (close,) = stage.events("close")
    assert (close.t, close["cause"], close["user"]) == (start + CLEARED, "watchdog", "GUEST")
    assert whats(stage) == ["silent", "gave-up"]
    assert [record.t - start for record in stage.events("watchdog")] == [ASKED[1], CLEARED]
    assert stage.held == (1 if policy == "ual" else 0)


def test_a_station_that_has_asked_nothing_is_queried_as_well(open_stage: OpenStage) -> None:
    """It attached, and was switched off before its first request: the same ten moments."""
    stage = open_stage("nls")
    station = stage.station(UDP).attached()
    assert watch(stage, station, CLEARED - 1, silent) == ASKED
    stage.until(CLEARED)
    assert [(close.t, close["cause"]) for close in stage.events("close")] == [(CLEARED, "watchdog")]


def test_never_before_its_tick(open_stage: OpenStage) -> None:
    """Whoever calls too early, and as often as he likes, hastens nothing."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    moments = sorted({at + more for at in [*ASKED, CLEARED] for more in (-1, 0)} | set(range(0, CLEARED, SECOND)))
    asked: list[int] = []
    for now in moments:
        stage.now = now
        station.inbox.clear()
        stage.carry_out(stage.server.expire(now))
        asked += [now] * len(station.inbox)
    assert asked == ASKED
    assert [record.t for record in stage.events("close")] == [CLEARED]


def test_any_request_starts_it_afresh(open_stage: OpenStage) -> None:
    """A request, a duplicate and an answer are signs of life alike."""
    for sign in ("request", "duplicate", "answer"):
        stage = open_stage("nls")
        station = stage.station(UDP).licensed()
        watch(stage, station, CLEARED - 1, silent)
        if sign == "request":
            station.call(server.GetServerTime())
        elif sign == "duplicate":
            station.again()
        else:
            stage.receive(UDP, alive(QUERY))
        assert watch(stage, station, 2 * CLEARED - 2, silent) == [CLEARED - 1 + at for at in ASKED]
        assert stage.state(UDP) == "licensed"
        stage.until(2 * CLEARED - 1)
        assert stage.state(UDP) == "gone"
        assert whats(stage) == ["silent", "answered", "silent", "gave-up"]


@pytest.mark.parametrize("after", [SECOND, ASKED[0] - 1])
def test_a_request_before_the_first_query(open_stage: OpenStage, after: int) -> None:
    """The silence begins with the last request, not with the create: no query and no clearing in between."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    stage.until(after)
    assert station.code(server.GetServerTime()) == 0
    assert watch(stage, station, after + CLEARED - 1, silent) == [after + at for at in ASKED]
    assert stage.state(UDP) == "licensed"
    stage.until(after + CLEARED)
    assert [(r.t, r["cause"]) for r in stage.events("close")] == [(after + CLEARED, "watchdog")]


def test_a_request_answers_a_query(open_stage: OpenStage) -> None:
    """Also of a connection that is not idle, since it holds nothing."""
    stage = open_stage("nls")
    station = stage.station(UDP).attached()
    for _ in range(5):
        watch(stage, station, stage.now + CLEARED - 1, silent)
        station.call(server.GetServerTime())
    assert stage.state(UDP) == "attached"
    assert whats(stage) == ["silent", "answered"] * 5


def test_a_living_station_is_never_cleared(open_stage: OpenStage) -> None:
    """24 hours of answers: asked every 5400 ticks, and not a line about it."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    lines = len(stage.records)
    asked = watch(stage, station, 24 * HOUR, alive)
    assert len(asked) == 24 * HOUR // ASKED[0]
    assert {later - earlier for earlier, later in pairwise(asked)} == {ASKED[0]}
    assert [record.event for record in stage.records[lines:]] == ["idle"]
    assert stage.state(UDP) == "licensed"


def test_a_late_answer_is_told_once(open_stage: OpenStage) -> None:
    """Silent after the first query without an answer, answered when it comes back, each time once."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    heard = iter([None, None, None, b"Y", None, b"Y", None, None, b"Y"])

    def sometimes(query: bytes) -> bytes | None:
        mark = next(heard, b"Y")
        return None if mark is None else alive(query)

    watch(stage, station, HOUR, sometimes)
    assert whats(stage) == ["silent", "answered"] * 3
    assert stage.state(UDP) == "licensed"


def test_tcp_is_never_asked(open_stage: OpenStage) -> None:
    """Over TCP no client answers a watchdog: a silent one stays for days, and nothing is sent to it."""
    stage = open_stage("nls")
    station = stage.station(TCP).licensed()
    assert watch(stage, station, 72 * HOUR, silent) == []
    assert stage.state(TCP) == "licensed"
    assert whats(stage) == []


@pytest.mark.parametrize(
    ("sender", "forged"),
    [
        (OTHER, WatchdogPacket(1, b"Y").encode()),
        ("udp:10.0.0.1:1026", WatchdogPacket(1, b"Y").encode()),
        (TCP, frame_request(WatchdogPacket(1, b"Y").encode())),
        (UDP, WatchdogPacket(2, b"Y").encode()),
        (UDP, WatchdogPacket(0x0101, b"Y").encode()),
        (UDP, WatchdogPacket(0, b"Y").encode()),
        (UDP, WatchdogPacket(1, b"?").encode()),
        (UDP, WatchdogPacket(1, b"y").encode()),
        (UDP, WatchdogPacket(1, b"Y").encode()[:9]),
        (UDP, b"\x01Y"),
    ],
)
def test_forged_answers_do_not_count(open_stage: OpenStage, sender: str, forged: bytes) -> None:
    """Another station, another number, another mark, or too short: the station is cleared in time."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    stage.station(OTHER).licensed()

    def forge(query: bytes) -> None:
        stage.receive(sender, forged)

    watch(stage, station, CLEARED - 1, forge)
    assert stage.state(UDP) == "licensed"
    stage.until(CLEARED)
    assert stage.state(UDP) == "gone"
    assert station.name in [record["station"] for record in stage.events("close")]


def test_a_fast_clock_leaves_time_to_answer(open_stage: OpenStage) -> None:
    """At speed 3600 the ticks are too short for a network: every query is given 100 ms of real time."""
    stage = open_stage("nls", speed=3600.0)
    station = stage.station(UDP).licensed()
    patience = 360 * SECOND  # 100 ms, 3600 times as fast
    asked = watch(stage, station, 2 * HOUR, silent)
    (close,) = stage.events("close")
    gaps = [later - earlier for earlier, later in zip(asked, [*asked[1:], close.t], strict=True)]
    assert len(gaps) == 10
    assert min(gaps) >= patience
    assert asked[0] == ASKED[0]


def test_an_answer_within_patience_counts(open_stage: OpenStage) -> None:
    """A client that needs 99 ms of real time for each answer lives for a day at speed 3600."""
    stage = open_stage("nls", speed=3600.0)
    station = stage.station(UDP).licensed()
    while stage.now < 24 * HOUR:
        due = stage.server.deadline()
        assert due is not None
        watch(stage, station, due, silent)
        stage.until(stage.now + 99 * 3600 * SECOND // 1000)
        stage.receive(UDP, alive(QUERY))
    assert stage.state(UDP) == "licensed"
    assert whats(stage) == []


def test_late_calls_do_not_skip_queries(open_stage: OpenStage) -> None:
    """A server that slept for an hour asks before it clears: one query now, the others 100 ms apart at least."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    station.inbox.clear()
    stage.now = HOUR
    stage.carry_out(stage.server.expire(HOUR))
    assert station.inbox == [QUERY]
    assert stage.state(UDP) == "licensed"
    stage.receive(UDP, alive(QUERY))
    assert watch(stage, station, HOUR + ASKED[0], silent) == [HOUR + ASKED[0]]


# Idleness


def test_answering_is_not_asking(open_stage: OpenStage) -> None:
    """A licensed connection is idle though its station answers; one line, at the threshold, with its open files."""
    stage = open_stage("nls", idle_after=60 * SECOND)
    station = stage.station(UDP).licensed()
    assert station.open() == 0
    stage.wait(30)
    station.call(server.GetServerTime())
    watch(stage, station, 5 * HOUR, alive)
    (idle,) = stage.events("idle")
    assert (idle.t, idle["since"], idle["files"]) == (90 * SECOND, 30.0, 1)
    assert (idle["user"], idle["station"], idle["held"]) == ("GUEST", UDP, 1)
    assert not stage.events("busy")
    station.call(server.GetServerTime())
    (busy,) = stage.events("busy")
    assert (busy.t, busy["serial"]) == (5 * HOUR, idle["serial"])
    watch(stage, station, 6 * HOUR, alive)
    assert [record.t for record in stage.events("idle")] == [90 * SECOND, 5 * HOUR + 60 * SECOND]


def test_a_second_request_puts_idleness_off(open_stage: OpenStage) -> None:
    """A client with a request every 50 seconds is never idle for a minute."""
    stage = open_stage("nls", idle_after=60 * SECOND)
    station = stage.station(TCP).licensed()
    for _ in range(5):
        stage.wait(50)
        station.call(server.GetServerTime())
    assert stage.events("idle", "busy") == []


def test_idle_over_tcp(open_stage: OpenStage) -> None:
    """There is no watchdog there, but idleness is the same."""
    stage = open_stage("nls", idle_after=60 * SECOND)
    station = stage.station(TCP).licensed()
    stage.until(60 * SECOND - 1)
    assert not stage.events("idle")
    stage.until(60 * SECOND)
    station.call(server.GetServerTime())
    stage.wait(60)
    assert [record.event for record in stage.events("idle", "busy")] == ["idle", "busy", "idle"]


def test_only_who_holds_a_license_is_idle(open_stage: OpenStage, policy: str) -> None:
    """An attached connection costs nothing and may rest, except where attaching is what costs."""
    stage = open_stage(policy, idle_after=60 * SECOND)
    station = stage.station(TCP).attached()
    stage.wait(600)
    assert len(stage.events("idle")) == (1 if policy == "attach" else 0)
    assert station.login() == 0
    assert len(stage.events("busy")) == (1 if policy == "attach" else 0)
    before = len(stage.events("idle"))
    if policy != "attach":
        assert station.logout() == 0
    stage.wait(600)
    assert len(stage.events("idle")) - before == (1 if policy == "attach" else 0)


# Deadlines that meet


@pytest.mark.parametrize("place", [0, 3])
def test_idleness_between_two_queries_is_on_time(open_stage: OpenStage, place: int) -> None:
    """A query that was just sent does not delay the deadlines before the next one."""
    idle_after = ASKED[place] + 10 * SECOND
    stage = open_stage("nls", idle_after=idle_after)
    station = stage.station(UDP).licensed()
    watch(stage, station, HOUR, silent)
    assert [record.t for record in stage.events("idle")] == [idle_after]


@pytest.mark.parametrize("place", [0, 3])
def test_clearing_between_two_queries_is_on_time(open_stage: OpenStage, place: int) -> None:
    """The same for a server that clears idle connections."""
    clear_idle = ASKED[place] + 10 * SECOND
    stage = open_stage("nls", clear_idle=clear_idle)
    station = stage.station(UDP).licensed()
    assert watch(stage, station, HOUR, silent) == ASKED[: place + 1]
    assert [(record.t, record["cause"]) for record in stage.events("close")] == [(clear_idle, "idle-policy")]


def test_a_connection_that_is_cleared_is_not_asked_any_more(open_stage: OpenStage) -> None:
    """Where its query, or its end by the watchdog, is due in the same moment."""
    for place, moment in enumerate([*ASKED, CLEARED]):
        stage = open_stage("nls", clear_idle=moment)
        station = stage.station(UDP).licensed()
        assert watch(stage, station, HOUR, silent) == ASKED[:place]
        assert [(record.t, record["cause"]) for record in stage.events("close")] == [(moment, "idle-policy")]
        assert "gave-up" not in whats(stage)


@pytest.mark.parametrize("station", [UDP, TCP])
@pytest.mark.parametrize(("idle_after", "clear_idle"), [(60, 90), (90, 60), (60, 60)])
def test_idle_and_cleared_each_in_its_time(
    open_stage: OpenStage, station: str, idle_after: int, clear_idle: int
) -> None:
    """Idleness is told where it comes first, or in the same moment."""
    stage = open_stage("nls", idle_after=idle_after * SECOND, clear_idle=clear_idle * SECOND)
    stage.station(station).licensed()
    stage.until(HOUR)
    idle = [idle_after] if idle_after <= clear_idle else []
    assert [record.t // SECOND for record in stage.events("idle")] == idle
    assert [record.t // SECOND for record in stage.events("close")] == [clear_idle]
