"""What an operator may do, what an end of job shuts, and units that belong to users and outlive their connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.journal.record import SECOND
from fakenw.wire.requests import connection, files, server

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]
SUBJECT = {"udp": "udp:10.0.0.1:1025", "tcp": "tcp:10.0.0.1:40001"}
DAY = 86_400 * SECOND


def names(transport: str, count: int) -> list[str]:
    """Stations that differ in their port only."""
    return [f"{transport}:10.0.0.1:{1025 + port}" for port in range(count)]


# Operators


@pytest.mark.parametrize("layout", [connection.ClearConnection, connection.ClearConnectionOld])
def test_clear_needs_the_supervisor(
    open_stage: OpenStage,
    transport: str,
    layout: type[connection.ClearConnection] | type[connection.ClearConnectionOld],
) -> None:
    """0xC6 for anybody else, also for a supervisor who has logged out or become another; 0xFD for an unused number."""
    stage = open_stage("nls")
    victim = stage.station("udp:10.0.0.2:1025").licensed("JOE", "SECRET")
    caller = stage.station(SUBJECT[transport]).attached()
    clear = layout(victim.number)
    assert caller.code(clear) == 0xC6
    assert caller.login("GUEST") == 0
    assert caller.code(clear) == 0xC6
    assert caller.login("SUPERVISOR") == 0
    assert caller.code(layout(200)) == caller.code(layout(0)) == 0xFD
    assert caller.login("GUEST") == 0
    assert caller.code(clear) == 0xC6
    assert caller.login("SUPERVISOR") == 0
    assert caller.logout() == 0
    assert caller.code(clear) == 0xC6
    assert stage.state(victim.name) == "licensed"
    assert caller.login("SUPERVISOR") == 0
    assert caller.code(clear) == 0
    assert stage.state(victim.name) == "gone"
    operator, state, release, close = stage.records[-4:]
    assert [record.event for record in (operator, state, release, close)] == ["operator", "state", "release", "close"]
    assert (operator["action"], operator["by"], operator["user"]) == ("clear", "SUPERVISOR", "JOE")
    assert {record["cause"] for record in (state, release, close)} == {"cleared"}
    assert {record["serial"] for record in (operator, state, release, close)} == {1}


def test_clear_oneself(open_stage: OpenStage, transport: str) -> None:
    """A supervisor may clear the own connection: the reply comes, the next one says 0xFD."""
    stage = open_stage("nls")
    caller = stage.station(SUBJECT[transport]).licensed("SUPERVISOR")
    assert caller.code(connection.ClearConnection(caller.number)) == 0
    assert (stage.state(caller.name), stage.held) == ("gone", 0)
    assert caller.code(server.GetServerTime()) == 0xFD


@pytest.mark.parametrize(("kind", "empty"), [("attach", 0x00), ("service", 0x7D), ("nls", 0x7D), ("ual", 0x7D)])
def test_station_info(open_stage: OpenStage, transport: str, kind: str, empty: int) -> None:
    """23/28: 0xFD for no such number, an empty answer (3.x) or 0x7D for who has not logged in, the user otherwise."""
    stage = open_stage(kind)
    caller = stage.station(SUBJECT[transport]).attached()
    assert caller.code(connection.GetStationInfo(7)) == caller.code(connection.GetStationInfo(0)) == 0xFD
    reply = caller.call(connection.GetStationInfo(caller.number))
    assert (reply.completion, reply.data) == (empty, b"" if empty else bytes(62))
    stage.wait(61)
    assert caller.login("JOE", "SECRET") == 0
    info = connection.StationInfo.decode(caller.call(connection.GetStationInfo(caller.number)).data)
    assert (info.name, info.object_type) == ("JOE", 1)
    assert str(info.login_time) == "2000-08-10 09:31:16"
    if kind != "attach":
        assert caller.change(0) == 0
        assert caller.code(connection.GetStationInfo(caller.number)) == 0, "without a license it is still JOE's"
    assert caller.logout() == 0
    assert caller.code(connection.GetStationInfo(caller.number)) == empty


# Files and end of job


def test_end_of_job(open_stage: OpenStage, transport: str) -> None:
    """Only the task's files are shut, all with task 0; login and license stay."""
    stage = open_stage("nls")
    station = stage.station(SUBJECT[transport]).licensed()
    assert [station.open(task=task) for task in (1, 2, 2, 3)] == [0] * 4
    lines = len(stage.records)
    assert station.code(connection.EndOfJob(), task=2) == 0
    shut = stage.records[lines:]
    assert [(r.event, r["cause"]) for r in shut] == [("shut", "end-of-job")] * 2
    opened = stage.events("open")
    assert [r["handle"] for r in shut] == [r["handle"] for r in opened[1:3]]
    assert station.code(connection.EndOfJob(), task=9) == 0
    assert len(stage.records) == lines + 2
    assert station.code(connection.EndOfJob(), task=0) == 0
    assert [r["handle"] for r in stage.records[lines + 2 :]] == [opened[0]["handle"], opened[3]["handle"]]
    assert (stage.state(station.name), stage.held) == ("licensed", 1)


def test_handles_belong_to_their_connection(open_stage: OpenStage, transport: str) -> None:
    """A closed handle, and another connection's, is 0x88; close is written once."""
    stage = open_stage("nls")
    owner, other = (stage.station(name).licensed() for name in names(transport, 2))
    handle = files.OpenedFile.decode(owner.call(files.OpenFile(0, 6, 1, "SYS:PUBLIC/NLIST.EXE")).data).handle
    assert other.code(files.CloseFile(0, handle)) == 0x88
    assert owner.code(files.GetFileSize(0, handle)) == 0
    assert owner.code(files.CloseFile(0, handle)) == 0
    assert owner.code(files.CloseFile(0, handle)) == owner.code(files.ReadFile(0, handle, 0, 10)) == 0x88
    (shut,) = stage.events("shut")
    assert (shut["cause"], shut["handle"], shut["path"]) == ("close", handle.hex(), "SYS:PUBLIC/NLIST.EXE")
    assert owner.open() == 0
    assert owner.change(0) == 0
    assert stage.records[-3]["cause"] == stage.records[-1]["cause"] == "unlicense"
    assert [record.event for record in stage.records[-3:]] == ["shut", "state", "release"]


# Who is who


def test_login_again_as_another(open_stage: OpenStage, policy: str, transport: str) -> None:
    """The license stays with the connection and the user changes; where users are counted there are two units now."""
    stage = open_stage(policy)
    station = stage.station(SUBJECT[transport]).licensed("GUEST")
    since = len(stage.records)
    assert station.login("JOE", "SECRET") == 0
    lines = stage.records[since:]
    assert [record.event for record in lines] == [*["grant"] * (policy == "ual"), "state", "login"]
    assert (lines[-2]["from"], lines[-2]["to"], lines[-2]["user"]) == ("licensed", "licensed", "JOE")
    assert stage.held == (2 if policy == "ual" else 1)


@pytest.mark.parametrize(("licenses", "policy_name", "limit"), [(0, "nls", 2), (0, "service", 0), (1, "nls", 1)])
def test_grace_connections(open_stage: OpenStage, licenses: int, policy_name: str, limit: int) -> None:
    """5.x without a certificate has two connections of grace, and no other policy has any."""
    stage = open_stage(policy_name, licenses=licenses)
    stations = [stage.station(name).attached() for name in names("udp", 3)]
    assert [station.login() for station in stations] == [0] * limit + [0xE0] * (3 - limit)
    assert stage.records[-1]["limit"] == limit


def test_user_has_one_unit(open_stage: OpenStage) -> None:
    """6.x: two connections of one user hold one unit, which outlives them both by 90 days."""
    stage = open_stage("ual", licenses=1)
    first, second = (stage.station(name).licensed("JOE", "SECRET") for name in names("tcp", 2))
    (grant,) = stage.events("grant")
    assert (grant["unit"], stage.held) == ("user:JOE", 1)
    first.destroy()
    stage.wait(60)
    second.lost()
    ended = stage.now
    assert (stage.held, stage.events("release")) == (1, [])
    other = stage.station("tcp:10.0.0.3:1025").attached()
    assert other.login("GUEST") == 0xE0, "assigned means that nobody else can have it"
    assert other.destroy().completion == 0
    stage.until(ended + 90 * DAY - 1)
    assert stage.held == 1
    stage.until(ended + 90 * DAY)
    (release,) = stage.events("release")
    assert (release["unit"], release["user"], release["cause"]) == ("user:JOE", "JOE", "expired")
    assert (release.t, stage.held) == (ended + 90 * DAY, 0)
    assert stage.server.deadline() is None


def test_user_who_comes_back_keeps_the_unit(open_stage: OpenStage) -> None:
    """A login within the 90 days takes no second unit and starts them anew at its end."""
    stage = open_stage("ual", licenses=1)
    station = stage.station(SUBJECT["tcp"]).licensed("JOE", "SECRET")
    assert station.logout() == 0
    stage.until(89 * DAY)
    assert station.login("JOE", "SECRET") == 0
    stage.until(400 * DAY)
    assert stage.held == 1, "it is in use"
    assert station.change(0) == 0
    stage.until(490 * DAY - 1)
    assert (stage.held, len(stage.events("grant")), stage.events("release")) == (1, 1, [])
    stage.until(490 * DAY)
    assert stage.held == 0
    assert station.change(1) == 0
    assert [record["cause"] for record in stage.events("grant")] == ["login", "request"]


def test_unit_stays_while_one_connection_of_the_user_does(open_stage: OpenStage) -> None:
    """6.x: the 90 days begin with the end of the last connection, however long ago another one ended."""
    stage = open_stage("ual", licenses=1)
    first, second = (stage.station(name).licensed("JOE", "SECRET") for name in names("tcp", 2))
    first.destroy()
    stage.until(200 * DAY)
    assert (stage.held, stage.events("release")) == (1, []), "JOE is still there"
    assert stage.station("tcp:10.0.0.3:1025").attached().login("GUEST") == 0xE0
    assert second.logout() == 0
    stage.until(290 * DAY - 1)
    assert stage.held == 1
    stage.until(290 * DAY)
    assert [(r.t, r["cause"]) for r in stage.events("release")] == [(290 * DAY, "expired")]


def test_peak(open_stage: OpenStage) -> None:
    """The most units at once; a refused login adds none, and a reset begins anew."""
    stage = open_stage("nls", licenses=2)
    ledger = stage.server.ledger
    assert ledger.peak == 0
    first, second, third = (stage.station(name).attached() for name in names("udp", 3))
    assert first.login() == 0
    assert ledger.peak == 1
    assert first.logout() == 0
    assert second.login() == 0
    assert ledger.peak == 1, "one after the other"
    assert first.login() == 0
    assert third.login() == 0xE0
    assert second.logout() == 0
    assert (ledger.held, ledger.peak) == (1, 2)
    stage.carry_out(stage.server.take_effects())
    stage.server.reset()
    stage.carry_out(stage.server.take_effects())
    assert (ledger.held, ledger.peak) == (0, 0)
    assert first.attached().login() == 0
    assert ledger.peak == 1


def test_reset_ends_assignments(open_stage: OpenStage) -> None:
    """6.x: the next client finds every unit free, also that of a user who has gone."""
    stage = open_stage("ual", licenses=1)
    assert stage.station(SUBJECT["tcp"]).licensed("JOE", "SECRET").logout() == 0
    assert stage.held == 1
    stage.server.reset()
    stage.carry_out(stage.server.take_effects())
    assert [(r["unit"], r["user"], r["cause"]) for r in stage.events("release")] == [("user:JOE", "JOE", "reset")]
    assert stage.held == 0
    assert stage.station("udp:10.0.0.2:1025").attached().login("GUEST") == 0


def test_handles_are_never_used_again(open_stage: OpenStage) -> None:
    """A client that keeps a handle for too long does not read another file with it.

    They count up by one, from 1: so the audit sees that a line is missing (docs/journal.md).
    """
    stage = open_stage("nls")
    station = stage.station(SUBJECT["tcp"]).licensed()
    for _ in range(3):
        reply = station.call(files.OpenFile(0, 6, 1, "SYS:PUBLIC/NLIST.EXE"))
        assert station.code(files.CloseFile(0, files.OpenedFile.decode(reply.data).handle)) == 0
    assert [record["handle"] for record in stage.events("open")] == [f"{number:012x}" for number in (1, 2, 3)]
