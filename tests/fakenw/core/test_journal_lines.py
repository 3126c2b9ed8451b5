"""What single lines of a server's journal say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fakenw.admin.operations import Administration
from fakenw.journal.record import Record
from fakenw.wire.requests.connection import ClearConnection
from fakenw.wire.requests.server import DownServer

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]
UDP, TCP, OTHER = "udp:10.0.0.1:1025", "tcp:10.0.0.1:40001", "tcp:10.0.0.2:40001"
PEER = "127.0.0.1:40000"


def said(record: Record, *names: str) -> list[object]:
    return [record.get(name) for name in names]


def do(stage: Stage, operation: str, **given: object) -> None:
    Administration(stage.server, lambda: stage.now, stage.delivery.act).do(operation, given, PEER)


def test_a_start_says_what_the_server_is(open_stage: OpenStage) -> None:
    """Its release, policy and licenses, and the wall time."""
    start = open_stage("service", licenses=7, connections=30).records[0]
    assert (start.event, start.t) == ("start", 0)
    assert said(start, "release", "policy", "licenses", "limit", "held") == ["4.11", "service", 7, 7, 0]
    assert said(start, "idle_after", "utc") == [300.0, "2000-08-10T09:30:15.000000+00:00"]


def test_a_create_says_that_it_is_another(open_stage: OpenStage) -> None:
    """The second of a station that has a slot, and only that."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    station.create()
    station.destroy()
    station.create()
    assert [said(r, "serial", "again") for r in stage.events("create")] == [[1, None], [2, True], [3, None]]


def test_a_grant_names_its_unit(open_stage: OpenStage) -> None:
    """That of the connection, not the number of those that are held."""
    stage = open_stage("nls")
    stage.station(UDP).attached()
    stage.station(TCP).licensed()
    (grant,) = stage.events("grant")
    assert said(grant, "unit", "serial", "connection", "station", "cause") == ["connection:2", 2, 2, TCP, "login"]


def test_a_close_says_when_the_last_request_was(open_stage: OpenStage) -> None:
    """Not when the connection ended."""
    stage = open_stage("nls")
    station = stage.station(TCP).attached()
    stage.wait(2)
    assert station.login("JOE", "SECRET") == 0
    stage.wait(3)
    station.lost()
    (close,) = stage.events("close")
    assert (close.t, *said(close, "last_request", "user", "cause")) == (5_000_000, 2.0, "JOE", "lost")


def test_who_cleared_is_told(open_stage: OpenStage) -> None:
    """The operator comes before what is cleared, and the line is about the other's connection."""
    stage = open_stage("nls")
    boss, ann = stage.station(UDP).licensed("SUPERVISOR"), stage.station(OTHER).licensed("ANN")
    lines = len(stage.records)
    assert boss.code(ClearConnection(ann.number)) == 0
    assert [record.event for record in stage.records[lines:]] == ["operator", "state", "release", "close"]
    assert said(stage.records[lines], "action", "by", "serial", "user") == ["clear", "SUPERVISOR", 2, "ANN"]


def test_a_stop_names_the_holders(open_stage: OpenStage) -> None:
    """``stop`` lists each connection that holds a unit, with or without files, since its grant, and no other."""
    stage = open_stage("nls")
    stage.station(UDP).attached()
    joe, ann = stage.station(TCP).attached(), stage.station(OTHER).attached()
    stage.wait(1)
    assert joe.login("JOE", "SECRET") == joe.open() == 0
    stage.wait(1)
    assert ann.login("ANN") == 0
    stage.wait(1)
    stage.carry_out(stage.server.stop(stage.now))
    assert stage.records[-1].event == "stop"
    assert stage.records[-1]["holders"] == [
        {"serial": 2, "station": TCP, "user": "JOE", "since": 1.0, "last_request": 1.0, "files": 1},
        {"serial": 3, "station": OTHER, "user": "ANN", "since": 2.0, "last_request": 2.0, "files": 0},
    ]


def test_a_file_has_one_path(open_stage: OpenStage) -> None:
    """With its volume, in the open and in the shut."""
    stage = open_stage("nls")
    station = stage.station(TCP).licensed()
    assert station.open("SYS:PUBLIC/NLIST.EXE") == station.logout() == 0
    assert [said(r, "path", "handle") for r in stage.events("open", "shut")] == [
        ["SYS:PUBLIC/NLIST.EXE", "000000000001"]
    ] * 2


def test_a_refused_attach_is_told(open_stage: OpenStage) -> None:
    """For want of a slot, or under attach of a license; the line is about a station that has no connection."""
    for policy, settings, what in (("nls", {"connections": 1}, "slot"), ("attach", {"licenses": 1}, "license")):
        stage = open_stage(policy, **settings)
        stage.station(UDP).attached()
        assert stage.station(OTHER).create().completion == 0xF9
        assert [said(r, "what", "station", "user", "code", "serial") for r in stage.events("deny")] == [
            [what, OTHER, None, 0xF9, None]
        ]


def test_a_down_is_told(open_stage: OpenStage) -> None:
    """The ``down`` line has the user, the force flag, and the number of open files."""
    stage = open_stage("nls")
    boss = stage.station(TCP).licensed("SUPERVISOR")
    assert (boss.open(), boss.code(DownServer(0)), boss.code(DownServer(0xFF))) == (0, 0xFF, 0)
    assert [said(r, "action", "by", "station", "forced", "files") for r in stage.events("operator")] == [
        ["down", "SUPERVISOR", TCP, True, 1]
    ]


# The administration


def test_licenses_are_set(open_stage: OpenStage) -> None:
    """The line has the new limit, and a third client is let in."""
    stage = open_stage("nls", licenses=2)
    stations = [stage.station(f"tcp:10.0.0.{host}:40001").attached() for host in (1, 2, 3)]
    assert [station.login() for station in stations] == [0, 0, 0xE0]
    do(stage, "set", licenses=3)
    assert stations[2].login() == 0
    assert [said(r, "action", "by", "from", "text", "limit") for r in stage.events("operator")] == [
        ["set", "admin", PEER, "licenses=3", 3]
    ]


def test_a_mark_is_told(open_stage: OpenStage) -> None:
    stage = open_stage("nls")
    stage.wait(4)
    do(stage, "mark", text="over")
    assert [(record.t, *said(record, "text", "from")) for record in stage.events("mark")] == [(4_000_000, "over", PEER)]
