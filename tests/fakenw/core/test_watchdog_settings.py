"""The watchdog's SET parameters, its switch, a station's own delay, and the round when slots have run out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from fakenw.cli.main import main
from fakenw.core.settings import ServerSettings, ticks, watchdog
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.packet import WatchdogPacket
from fakenw.wire.requests import connection, server, status

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
UDP = "udp:10.0.0.1:1025"
MINUTE = 60 * SECOND


def asked(stage: Stage, station: Station, until: int) -> list[int]:
    """Let time pass without an answer; when the station was asked."""
    moments: list[int] = []

    def look() -> None:
        moments.extend(stage.now for packet in station.inbox if ncp.packet_type(packet) == ncp.WATCHDOG)
        station.inbox.clear()

    station.inbox.clear()
    stage.until(until, look)
    return moments


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("off", None),
        ("OFF", None),
        ("5400t,1080t,10", (5400, 1080, 10)),
        ("296.6,59.3,10", (5400, 1080, 10)),
        (" 296.6s , 1080t , 10 ", (5400, 1080, 10)),
        ("15.7,9.9,5", (286, 180, 5)),
        ("1252.3,626.2,100", (22_800, 11_400, 100)),
        ("30,10,5", (546, 182, 5)),
    ],
)
def test_notation(text: str, values: tuple[int, int, int] | None) -> None:
    """Seconds or ticks; Novell's own figures in tenths of a second are the ends of the ranges."""
    assert watchdog(text) == values
    assert ServerSettings(watchdog=values).watchdog == values


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("285t,1080t,10", "delay before first watchdog packet: 285 is not within 286 and 22800 ticks"),
        ("22801t,1080t,10", "delay before first watchdog packet: 22801 is not"),
        ("10,59.3,10", "delay before first watchdog packet: 182 is not"),
        ("5400t,179t,10", "delay between watchdog packets: 179 is not within 180 and 11400 ticks"),
        ("5400t,11401t,10", "delay between watchdog packets: 11401 is not"),
        ("5400t,1080t,4", "number of watchdog packets: 4 is not within 5 and 100"),
        ("5400t,1080t,101", "number of watchdog packets: 101 is not"),
        ("5400t,1080t", "is not off or FIRST,BETWEEN,COUNT, for instance 296.6,59.3,10 or 5400t,1080t,10"),
        ("5400t,1080t,10,1", "is not off or"),
        ("-1,1080t,10", "is not off or"),
        ("5400.5t,1080t,10", "is not off or"),
        ("on", "is not off or"),
        ("", "is not off or"),
    ],
)
def test_mistakes_are_named(text: str, complaint: str) -> None:
    """Which parameter, what was given, what is expected; on the command line with exit code 2."""
    with pytest.raises(ValueError, match=r".") as caught:
        watchdog(text)
    assert complaint in str(caught.value)
    run = CliRunner().invoke(main, ["serve", "--watchdog", text])
    assert run.exit_code == 2
    assert complaint.split(":")[0] in " ".join(run.output.split())


@pytest.mark.parametrize("values", [(285, 180, 5), (286, 179, 5), (286, 180, 4), (22_801, 180, 5)])
def test_a_config_is_checked_too(values: tuple[int, int, int]) -> None:
    """However a configuration is made, it holds no value beyond its range."""
    with pytest.raises(ValueError, match="is not within"):
        ServerSettings(watchdog=values)


@pytest.mark.parametrize("values", [(286, 180, 5), (22_800, 11_400, 100), (546, 182, 7)])
def test_set_parameters(open_stage: OpenStage, values: tuple[int, int, int]) -> None:
    """A silent station is asked when they say, as often as they say, and then cleared; to the microsecond."""
    first, between, count = values
    stage = open_stage("nls", watchdog=values)
    station = stage.station(UDP).licensed()
    end = ticks(first + between * count)
    assert asked(stage, station, end - 1) == [ticks(first + between * place) for place in range(count)]
    assert stage.state(UDP) == "licensed"
    stage.until(end)
    assert [record["cause"] for record in stage.events("close")] == ["watchdog"]


def test_off(open_stage: OpenStage) -> None:
    """No packet ever, whoever asks for what: a silent station keeps its license, as on OES Linux."""
    stage = open_stage("nls", watchdog=None, connections=1)
    station = stage.station(UDP).licensed()
    assert station.code(connection.SetWatchdogDelay(1)) == 0
    assert stage.station("udp:10.0.0.2:1025").create().completion == 0xF9
    assert asked(stage, station, 365 * 86_400 * SECOND) == []
    assert stage.state(UDP) == "licensed"
    assert [record.event for record in stage.events("idle", "watchdog")] == ["idle"]


# A station's own delay (23/30)


@pytest.mark.parametrize("minutes", [1, 20, 1440])
def test_own_delay(open_stage: OpenStage, minutes: int) -> None:
    """The first packet comes after so many minutes of silence, the others as always, for this connection only."""
    stage = open_stage("nls", licenses=2)
    other = stage.station("udp:10.0.0.2:1025").licensed()
    station = stage.station(UDP).licensed()
    assert station.code(connection.SetWatchdogDelay(minutes)) == 0
    first = minutes * MINUTE
    end = first + ticks(5400 + 10 * 1080) - ticks(5400)
    before = asked(stage, station, end - 1)
    assert before == [first + ticks(5400 + 1080 * place) - ticks(5400) for place in range(10)]
    assert stage.state(UDP) == "licensed"
    stage.until(max(end, ticks(16_200)))
    (own,) = (record for record in stage.events("close") if record["station"] == UDP)
    (others,) = (record for record in stage.events("close") if record["station"] == other.name)
    assert (own.t, others.t) == (end, ticks(16_200))


def test_own_delay_is_kept_and_taken_back(open_stage: OpenStage) -> None:
    """Every request starts the same delay afresh; 0 is the server's own again."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    assert station.code(connection.SetWatchdogDelay(30)) == 0
    stage.wait(1000)
    assert station.code(server.GetServerTime()) == 0
    assert asked(stage, station, 1000 * SECOND + 31 * MINUTE)[:1] == [1000 * SECOND + 30 * MINUTE]
    now = stage.now
    assert station.code(connection.SetWatchdogDelay(0)) == 0
    assert asked(stage, station, now + 10 * MINUTE)[:1] == [now + ticks(5400)]


@pytest.mark.parametrize("minutes", [1441, 0xFFFFFFFF])
def test_own_delay_that_is_too_long(open_stage: OpenStage, transport: str, minutes: int) -> None:
    """0x01, and the delay stays."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1025").licensed()
    assert station.code(connection.SetWatchdogDelay(minutes)) == 0x01
    if transport == "udp":
        assert asked(stage, station, 5 * MINUTE) == [ticks(5400)]


# Changed while it runs

SLOW = (22_800, 11_400, 5)


def reconfigure(stage: Stage, watchdog: tuple[int, int, int] | None) -> int:
    """Change the delays of the running server; when."""
    stage.server.reconfigure(watchdog=watchdog)
    stage.carry_out(stage.server.take_effects())
    return stage.now


def test_other_delays_count_from_the_last_sign_of_life(open_stage: OpenStage) -> None:
    """Shorter ones at once, for stations that were connected before."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    stage.wait(10)
    reconfigure(stage, (546, 182, 7))
    end = ticks(546 + 7 * 182)
    assert asked(stage, station, end - 1) == [ticks(546 + 182 * place) for place in range(7)]
    stage.until(end)
    assert [record["cause"] for record in stage.events("close")] == ["watchdog"]


def test_unanswered_queries_count_as_one_under_other_delays(open_stage: OpenStage) -> None:
    """A station that was asked three times meets the second of the new queries next."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    assert len(asked(stage, station, ticks(5400 + 2 * 1080))) == 3
    reconfigure(stage, SLOW)
    end = ticks(22_800 + 5 * 11_400)
    assert asked(stage, station, end - 1) == [ticks(22_800 + 11_400 * place) for place in (1, 2, 3, 4)]
    stage.until(end)
    assert stage.state(UDP) == "gone"


@pytest.mark.parametrize("before", [0, 3])
def test_off_and_on_again(open_stage: OpenStage, before: int) -> None:
    """Without a watchdog no query is unanswered: the first of the new ones comes first."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    assert len(asked(stage, station, ticks(5400 + 2 * 1080) if before else MINUTE)) == before
    reconfigure(stage, None)
    assert asked(stage, station, ticks(16_200)) == []
    reconfigure(stage, SLOW)
    end = ticks(22_800 + 5 * 11_400)
    assert asked(stage, station, end - 1) == [ticks(22_800 + 11_400 * place) for place in range(5)]
    stage.until(end)
    assert stage.state(UDP) == "gone"


@pytest.mark.parametrize("other", [(286, 180, 5), SLOW])
def test_own_delay_survives_other_delays(open_stage: OpenStage, other: tuple[int, int, int]) -> None:
    """The server's first delay is not the station's, however short it becomes: no query before the station's own."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    assert station.code(connection.SetWatchdogDelay(1)) == 0
    reconfigure(stage, other)
    first, between, count = other
    later = [MINUTE + ticks(first + between * place) - ticks(first) for place in range(count + 1)]
    assert asked(stage, station, later[-1] - 1) == later[:-1]
    stage.until(later[-1])
    assert stage.state(UDP) == "gone"


def test_own_delay_from_a_time_without_a_watchdog(open_stage: OpenStage) -> None:
    """It counts as soon as there is a watchdog."""
    stage = open_stage("nls", watchdog=None)
    station = stage.station(UDP).licensed()
    assert station.code(connection.SetWatchdogDelay(20)) == 0
    reconfigure(stage, (5400, 1080, 10))
    assert asked(stage, station, 21 * MINUTE - 1)[:1] == [20 * MINUTE]


# A full table


@pytest.mark.parametrize("what", ["slot", "license"])
def test_a_full_table_asks_everybody_at_once(open_stage: OpenStage, what: str) -> None:
    """0xF9 goes out, then a query to every station over UDP; the dead are gone ten delays later, the living stay."""
    policy, more = ("nls", {"connections": 3}) if what == "slot" else ("attach", {"licenses": 3})
    stage = open_stage(policy, **more)
    dead = stage.station(UDP).attached()
    alive = stage.station("udp:10.0.0.2:1025").attached()
    stream = stage.station("tcp:10.0.0.3:40001").attached()
    stage.wait(10)
    for station in (dead, alive, stream):
        station.inbox.clear()
    newcomer = stage.station("udp:10.0.0.4:1025")
    assert newcomer.create().completion == 0xF9
    assert [record["what"] for record in stage.events("deny")] == [what]
    assert dead.inbox == [WatchdogPacket(1, b"?").encode()]
    assert alive.inbox == [WatchdogPacket(2, b"?").encode()]
    assert stream.inbox == []
    assert stage.order[-3] == ("send", newcomer.name)
    stage.receive(alive.name, alive.inbox[0][:9] + b"Y")
    start = stage.now
    end = start + ticks(5400 + 10 * 1080) - ticks(5400)
    later = asked(stage, dead, end - 1)
    assert later == [start + ticks(5400 + 1080 * place) - ticks(5400) for place in range(1, 10)]
    stage.until(end)
    assert stage.state(UDP) == "gone"
    assert stage.state(alive.name) == stage.state(stream.name) == "attached"
    assert newcomer.create().completion == 0


def test_a_crowd_at_the_door_is_no_flood(open_stage: OpenStage) -> None:
    """Who is refused again and again causes one round in the delay between packets, not one each."""
    stage = open_stage("nls", connections=1)
    station = stage.station(UDP).attached()
    newcomer = stage.station("udp:10.0.0.4:1025")
    station.inbox.clear()
    for _ in range(50):
        assert newcomer.create().completion == 0xF9
        for query in station.inbox[1:]:
            stage.receive(UDP, query[:9] + b"Y")
        stage.receive(UDP, station.inbox[0][:9] + b"Y")
    assert len(station.inbox) == 1
    stage.until(stage.now + ticks(1080))
    assert newcomer.create().completion == 0xF9
    assert len(station.inbox) == 2


def test_the_round_is_counted(open_stage: OpenStage) -> None:
    """A monitor sees how often there was no slot."""
    stage = open_stage("nls", connections=1)
    station = stage.station("tcp:10.0.0.3:40001").attached()
    for _ in range(3):
        stage.station("udp:10.0.0.4:1025").create()
    told = station.call(status.GetStatistics())
    assert status.Statistics.decode(told.data).no_slot == 3


def test_a_station_with_its_own_delay_is_asked_at_once_too(open_stage: OpenStage) -> None:
    """From then on its queries come in the delay between packets."""
    stage = open_stage("nls", connections=1)
    station = stage.station(UDP).attached()
    assert station.code(connection.SetWatchdogDelay(30)) == 0
    stage.wait(10)
    assert stage.station("udp:10.0.0.4:1025").create().completion == 0xF9
    start = stage.now
    assert station.inbox[-1:] == [WatchdogPacket(1, b"?").encode()]
    later = [start + ticks(5400 + 1080 * place) - ticks(5400) for place in range(1, 11)]
    assert asked(stage, station, later[-1] - 1) == later[:-1]
    stage.until(later[-1])
    assert stage.state(UDP) == "gone"
