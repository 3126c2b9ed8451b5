"""Units that outlive their last use: how long they are held, by whom they are used meanwhile, and what a reset does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.core.peer import Peer
from fakenw.journal.record import SECOND
from fakenw.wire.requests import server

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]
FIRST, SECOND_STATION = "tcp:10.0.0.1:40001", "tcp:10.0.0.2:40001"
DAY = 86_400 * SECOND


def test_a_unit_in_use_does_not_expire(open_stage: OpenStage) -> None:
    """JOE has two connections; one of them ends, and the other goes on for longer than 90 days."""
    stage = open_stage("ual")
    first, second = (stage.station(name).licensed("JOE", "SECRET") for name in (FIRST, SECOND_STATION))
    assert first.logout() == 0
    stage.until(100 * DAY)
    assert (stage.held, stage.events("release")) == (1, [])
    assert second.logout() == 0
    stage.until(190 * DAY)
    assert [(record.t, record["cause"]) for record in stage.events("release")] == [(190 * DAY, "expired")]


def test_an_assignment_begins_anew(open_stage: OpenStage) -> None:
    """JOE comes back for a moment after 50 days: the assignment ends 90 days after that, not after the first end."""
    stage = open_stage("ual")
    joe = stage.station(FIRST).licensed("JOE", "SECRET")
    assert joe.logout() == 0
    stage.until(50 * DAY)
    assert joe.login("JOE", "SECRET") == joe.logout() == 0
    stage.until(140 * DAY - 1)
    assert (stage.held, stage.events("release")) == (1, [])
    stage.until(140 * DAY)
    assert [record["cause"] for record in stage.events("release")] == ["expired"]


def test_a_reset_frees_every_unit(open_stage: OpenStage) -> None:
    """Those of connections with these, then the assignments that nobody uses."""
    stage = open_stage("ual", users=(("JOE", "SECRET"), ("ANN", ""), ("BOB", "")))
    station = stage.station(FIRST).licensed("JOE", "SECRET")
    assert station.login("ANN") == station.login("BOB") == 0
    assert stage.held == 3
    lines = len(stage.records)
    stage.delivery.act(stage.server.reset)
    assert [(r["unit"], r["cause"], r["user"]) for r in stage.records[lines:] if r.event == "release"] == [
        ("user:JOE", "reset", "JOE"),
        ("user:ANN", "reset", "ANN"),
        ("user:BOB", "reset", "BOB"),
    ]
    assert stage.held == stage.server.ledger.peak == 0


def test_an_assignment_that_a_reset_ended_does_not_end_again(open_stage: OpenStage) -> None:
    """JOE's next one has 90 days of its own."""
    stage = open_stage("ual")
    station = stage.station(FIRST).licensed("JOE", "SECRET")
    assert station.login("ANN") == 0
    stage.delivery.act(stage.server.reset)
    stage.until(10 * DAY)
    assert stage.station(SECOND_STATION).licensed("JOE", "SECRET").logout() == 0
    stage.until(100 * DAY - 1)
    assert [record["cause"] for record in stage.events("release")] == ["reset", "reset"]
    stage.until(100 * DAY)
    assert [record["cause"] for record in stage.events("release")] == ["reset", "reset", "expired"]


def test_a_reset_ends_every_connection(open_stage: OpenStage) -> None:
    """In the order of their serials, and the next client is connection 1 again."""
    stage = open_stage("nls")
    for host in (1, 2, 3):
        stage.station(f"tcp:10.0.0.{host}:40001").licensed()
    stage.delivery.act(stage.server.reset)
    assert [(record["serial"], record["cause"]) for record in stage.events("close")] == [
        (serial, "cleared") for serial in (1, 2, 3)
    ]
    assert stage.held == 0
    assert stage.station("tcp:10.0.0.4:40001").create().connection == 1


def test_the_peak_stays(open_stage: OpenStage) -> None:
    """The most units that were ever held at once."""
    stage = open_stage("nls")
    first, second = (stage.station(name).licensed() for name in (FIRST, SECOND_STATION))
    assert (first.logout(), second.logout(), first.login()) == (0, 0, 0)
    assert (stage.held, stage.server.ledger.peak) == (1, 2)


@pytest.mark.parametrize("end", ["lost", "destroy", "logout", "unlicense"])
def test_only_a_clear_keeps_the_unit(open_stage: OpenStage, end: str) -> None:
    """With --keep-cleared: whatever else ends the use of a unit releases it at once."""
    stage = open_stage("nls", keep_cleared=DAY)
    station = stage.station(FIRST).licensed()
    match end:
        case "lost":
            station.lost()
        case "destroy":
            station.destroy()
        case "logout":
            station.logout()
        case _:
            station.change(0)
    assert [record["cause"] for record in stage.events("release")] == [end]
    assert stage.held == 0


def test_a_second_user_frees_the_first(open_stage: OpenStage) -> None:
    """ANN logs in where JOE is: his assignment ends 90 days later, though the connection goes on."""
    stage = open_stage("ual")
    station = stage.station(FIRST).licensed("JOE", "SECRET")
    assert station.login("ANN") == 0
    stage.until(90 * DAY)
    assert [(record["unit"], record["cause"]) for record in stage.events("release")] == [("user:JOE", "expired")]
    assert (stage.held, stage.state(FIRST)) == (1, "licensed")


# Ends that no packet of the station causes


@pytest.mark.parametrize("cause", ["lost", "stalled"])
def test_a_stream_that_ends_gives_the_unit_back(open_stage: OpenStage, cause: str) -> None:
    """The socket closed, or the client read none of its replies."""
    stage = open_stage("nls")
    station = stage.station(FIRST).licensed()
    assert station.open() == 0
    lines = len(stage.records)
    {"lost": stage.delivery.lost, "stalled": stage.delivery.stalled}[cause](Peer.parse(FIRST))
    ended = stage.records[lines:]
    assert [record.event for record in ended] == ["shut", "state", "release", "close"]
    assert {record["cause"] for record in ended} == {cause}
    assert (stage.held, stage.state(FIRST)) == (0, "gone")


# Signs of life


def test_a_request_is_a_sign_of_life(open_stage: OpenStage) -> None:
    """A station that was not asked yet makes a request: the watchdog's patience begins again."""
    stage = open_stage("nls")
    station = stage.station("udp:10.0.0.1:1025").licensed()
    stage.wait(290)
    assert station.call(server.GetServerTime()).completion == 0
    station.inbox.clear()
    stage.wait(889)
    assert (stage.state(station.name), len(station.inbox)) == ("licensed", 10)
    stage.wait(1)
    assert stage.state(station.name) == "gone"


# Numbers


def test_a_kept_number_is_nobody_elses(open_stage: OpenStage) -> None:
    """The station that attaches anew has its number; the next station gets another."""
    stage = open_stage("nls")
    first, second = (stage.station(f"udp:10.0.0.{host}:1025") for host in (1, 2))
    assert (first.licensed().number, first.create().connection) == (1, 1)
    assert second.create().connection == 2
