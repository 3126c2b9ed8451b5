"""Rounds of the watchdog whose outcome the edge knows: they are not played, and what comes behind them is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from fakenw.core.connection_table import Answering
from fakenw.journal.record import SECOND
from tests.fakenw.core.test_watchdog import ASKED, HOUR, OTHER, QUERY, UDP, alive, silent, watch
from tests.fakenw.stage import Stage

if TYPE_CHECKING:
    from tests.fakenw.stage import Station

OpenStage = Callable[..., "Stage"]


def known(stage: Stage, until: int) -> None:
    """The edge knows that stations answer at once, until then."""
    stage.server.table.answering = lambda connection: Answering(until, 0)


@given(until=st.integers(0, 5 * HOUR), delay=st.sampled_from([0, 1, 7]))
def test_the_queries_behind_are_at_the_same_times(until: int, delay: int) -> None:
    """With the server's delay before the first query, and with the station's own, in minutes."""
    asked = []
    for passing in (False, True):
        stage = Stage()
        station = stage.station(UDP).licensed()
        if delay:
            stage.connection(UDP).delay(delay * 60 * SECOND)
        if passing:
            known(stage, until)
        asked.append(watch(stage, station, 6 * HOUR, alive))
    played, passed = asked
    assert passed == [at for at in played if at >= until]
    assert passed


def passing(stage: Stage, until: int) -> Station:
    station = stage.station(UDP).licensed()
    known(stage, until)
    return station


def test_the_answers_take_their_time(open_stage: OpenStage) -> None:
    """The round that is not over in time is played: its query is as late as the answers before it."""
    for until, rounds in ((ASKED[0] + 2000, 0), (ASKED[0] + 2001, 1), (10 * (ASKED[0] + 2000) + 1, 10)):
        stage = open_stage("nls")
        station = passing(stage, 0)
        stage.server.table.answering = lambda connection, until=until: Answering(until, 2000)
        first, *_ = watch(stage, station, 12 * ASKED[0], silent)
        assert first == rounds * (ASKED[0] + 2000) + ASKED[0]


def test_a_station_that_has_not_answered_is_asked(open_stage: OpenStage) -> None:
    """Until it does; from then on the rounds are passed over, and both changes are in the journal."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    assert watch(stage, station, ASKED[0], silent) == ASKED[:1]
    known(stage, 9 * HOUR)
    assert watch(stage, station, ASKED[2], silent) == ASKED[1:3]
    stage.receive(UDP, alive(QUERY))
    assert watch(stage, station, 8 * HOUR, alive) == []
    assert [record["what"] for record in stage.events("watchdog")] == ["silent", "answered"]


def test_an_idle_connection_is_cleared_at_its_time(open_stage: OpenStage) -> None:
    """Idle after five minutes, cleared after one hour: the watchdog's known rounds put off neither."""
    stage = open_stage("nls", clear_idle=HOUR)
    assert watch(stage, passing(stage, 9 * HOUR), 9 * HOUR, alive) == []
    assert [(record.event, record.t) for record in stage.events("idle", "close")] == [
        ("idle", 300 * SECOND),
        ("close", HOUR),
    ]


def test_what_else_the_server_waits_for(open_stage: OpenStage) -> None:
    """It may have consequences that an edge does not know: only rounds before it are passed over, unless it is
    cancelled."""
    for cancelled, asked in ((False, [25 * ASKED[0]]), (True, [])):
        stage = open_stage("nls")
        station, deadlines = passing(stage, 9 * HOUR), stage.server._deadlines
        entry = deadlines.add(
            25 * ASKED[0], lambda at, table, now: setattr(table, "answering", None), stage.server.table
        )
        if cancelled:
            deadlines.cancel(entry)
        assert watch(stage, station, 26 * ASKED[0] - 1, alive) == asked


def test_lines_of_the_same_time(open_stage: OpenStage) -> None:
    """Two connections fall idle in one microsecond: the order of their lines is that of their serials, whichever of
    them the edge knows."""
    for station in (None, UDP, OTHER):
        stage = open_stage("nls")
        for name in (UDP, OTHER):
            stage.station(name).licensed()
        known_one = station and stage.connection(station)
        stage.server.table.answering = lambda one, known=known_one: Answering(9 * HOUR, 0) if one is known else None
        stage.wait(301)
        assert [record["station"] for record in stage.events("idle")] == [UDP, OTHER]
