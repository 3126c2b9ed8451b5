"""The console over the wire: who may use it, what it does, and the line in the journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.layout import Request
from fakenw.wire.packet import Code, ReplyPacket, RequestPacket
from fakenw.wire.requests import connection, server

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
DOWN = (Code.FAILURE, ncp.SERVER_DOWN, b"")
FORCE = 0xFF

OPERATORS_ONLY: list[Request[Any]] = [
    server.CheckConsolePrivileges(),
    server.SetServerTime(100, 8, 10, 9, 30, 15),
    server.DisableLogin(),
    server.EnableLogin(),
    server.DownServer(FORCE),
    connection.ClearConnection(1),
    connection.ClearConnectionOld(1),
    connection.GetConnectionUsage(1),
]


def operator(stage: Stage, transport: str) -> Station:
    """SUPERVISOR's station, attached last."""
    return stage.station(f"{transport}:10.0.0.9:1025").licensed("SUPERVISOR")


def seen(reply: ReplyPacket) -> tuple[int, int, bytes]:
    return reply.completion, reply.status, reply.data


@pytest.mark.parametrize("request_", OPERATORS_ONLY, ids=lambda request: type(request).__name__)
def test_only_operators(open_stage: OpenStage, transport: str, request_: Request[Any]) -> None:
    """Whoever is not an operator is refused with 0xC6: before the login, as a user, and after the logout."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert station.code(request_) == Code.NOT_OPERATOR
    assert station.login("JOE", "SECRET") == 0
    assert station.code(request_) == Code.NOT_OPERATOR
    assert station.login("SUPERVISOR") == 0
    assert station.logout() == 0
    assert station.code(request_) == Code.NOT_OPERATOR
    assert not stage.events("operator")
    assert stage.server.logins


def test_privileges(open_stage: OpenStage, transport: str) -> None:
    """An operator is told so with 0."""
    assert operator(open_stage("nls"), transport).code(server.CheckConsolePrivileges()) == 0


def test_disabled_login_refuses_logins_not_creates(open_stage: OpenStage, policy: str) -> None:
    """0xC5, for SUPERVISOR too; who is logged in stays so, and 23/205 says how it is to everybody."""
    stage = open_stage(policy)
    console = operator(stage, "udp")
    inside = stage.station("tcp:10.0.0.1:40001").licensed("JOE", "SECRET")
    assert console.code(server.DisableLogin()) == 0
    outside = stage.station("udp:10.0.0.2:1025").attached()
    assert outside.call(server.GetLoginStatus()).data == b"\0"
    for name, password in (("JOE", "SECRET"), ("SUPERVISOR", ""), ("GUEST", "")):
        assert outside.login(name, password) == 0xC5
    assert [record["code"] for record in stage.events("login-failed")] == [0xC5] * 3
    assert stage.state(inside.name) == "licensed"
    assert console.code(server.EnableLogin()) == 0
    assert outside.call(server.GetLoginStatus()).data == b"\1"
    assert outside.login("JOE", "SECRET") == 0
    lines = [(record["action"], record["by"], record["station"]) for record in stage.events("operator")]
    assert lines == [("disable-login", "SUPERVISOR", console.name), ("enable-login", "SUPERVISOR", console.name)]


def test_set_time(open_stage: OpenStage) -> None:
    """The wall time changes and goes on from there; the journal's own time does not."""
    stage = open_stage("nls")
    console = operator(stage, "tcp")
    stage.wait(10)
    assert console.code(server.SetServerTime(99, 12, 31, 23, 59, 58)) == 0
    (line,) = stage.events("operator")
    assert (line.t, line["action"], line["utc"]) == (10 * SECOND, "set-time", "1999-12-31T23:59:58")
    stage.wait(3)
    told = console.call(server.GetServerTime())
    assert server.ServerTime.decode(told.data).now == datetime(2000, 1, 1, 0, 0, 1)
    assert console.code(server.SetServerTime(7, 2, 3, 4, 5, 6)) == 0
    told = console.call(server.GetServerTime())
    assert server.ServerTime.decode(told.data).now == datetime(2007, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("wrong", [(100, 13, 1, 0, 0, 0), (100, 2, 30, 0, 0, 0), (100, 1, 1, 24, 0, 0), (0,) * 6])
def test_set_time_that_there_is_not(open_stage: OpenStage, wrong: tuple[int, int, int, int, int, int]) -> None:
    """0xFF, and the time stays."""
    stage = open_stage("nls")
    console = operator(stage, "udp")
    before = console.call(server.GetServerTime()).data
    assert console.code(server.SetServerTime(*wrong)) == 0xFF
    assert console.call(server.GetServerTime()).data == before
    assert not stage.events("operator")


def test_down_needs_force_while_files_are_open(open_stage: OpenStage, transport: str) -> None:
    """0xFF and nothing happens; with force, or once the file is closed, it goes down."""
    for forced in (True, False):
        stage = open_stage("nls")
        console = operator(stage, transport)
        user = stage.station("tcp:10.0.0.1:40001").licensed()
        assert user.open() == 0
        assert console.code(server.DownServer(0)) == 0xFF
        assert not stage.events("operator")
        assert user.code(server.GetServerTime()) == 0
        if not forced:
            assert user.code(connection.EndOfJob()) == 0
        assert seen(console.call(server.DownServer(FORCE if forced else 0))) == (0, 0, b"")
        (line,) = stage.events("operator")
        assert (line["action"], line["by"], line["forced"], line["files"]) == (
            "down",
            "SUPERVISOR",
            forced,
            int(forced),
        )
        assert seen(user.call(server.GetServerTime())) == DOWN


def test_down_refuses_everything(open_stage: OpenStage, transport: str, policy: str) -> None:
    """Every request of everybody gets 0xFF with status 0x10, a create too; a destroy is answered as ever."""
    stage = open_stage(policy)
    console = operator(stage, transport)
    user = stage.station(f"{transport}:10.0.0.1:1025").licensed()
    assert console.code(server.DownServer(0)) == 0
    lines = len(stage.records)
    for request in (server.GetServerTime(), connection.Logout(), server.EnableLogin(), connection.ClearConnection(2)):
        assert seen(console.call(request)) == DOWN
        assert seen(user.call(request)) == DOWN
    stranger = stage.station(f"{transport}:10.0.0.3:1025")
    refused = stranger.create(sequence=1)
    assert (refused.sequence, refused.connection, *seen(refused)) == (1, 0, *DOWN)
    assert seen(stranger.ask(RequestPacket(ncp.REQUEST, 1, 77, 1, 0x14, b""))) == DOWN
    assert seen(stranger.ask(RequestPacket(ncp.REQUEST, 1, 77, 1, 0x19, b""))) == DOWN
    assert len(stage.records) == lines, "a server that is down has nothing to tell"
    assert seen(user.destroy()) == (0, 0, b"")
    assert stage.state(user.name) == "gone"


def test_down_stops_the_clocks(open_stage: OpenStage) -> None:
    """No watchdog, no idleness, and no license taken back: what was held is held when the server stops."""
    stage = open_stage("ual", licenses=3)
    console = operator(stage, "udp")
    away = stage.station("udp:10.0.0.1:1025").licensed("JOE", "SECRET")
    assert away.destroy().completion == 0
    assert console.code(server.DownServer(0)) == 0
    lines, held = len(stage.records), stage.held
    assert stage.server.deadline() is None
    stage.wait(100 * 86_400)
    stage.carry_out(stage.server.expire(stage.now))
    assert (len(stage.records), stage.held) == (lines, held)
    stage.carry_out(stage.server.stop(stage.now))
    assert [holder["user"] for holder in stage.records[-1]["holders"]] == ["SUPERVISOR"]


def test_down_is_answered_once_more(open_stage: OpenStage) -> None:
    """The reply that got lost was a success, and a duplicate gets it again."""
    stage = open_stage("nls")
    console = operator(stage, "udp")
    assert console.code(server.DownServer(0)) == 0
    first = list(console.inbox)
    assert console.again() == first
    assert len(stage.events("operator")) == 1


def test_serial_number(open_stage: OpenStage, transport: str) -> None:
    """The number that 23/18 shows is verified with 0 by 23/12, any other is 0xFF; two servers have two."""
    stages = [open_stage("nls"), open_stage("nls")]
    station = stages[0].station(f"{transport}:10.0.0.1:1025").attached()
    told = station.call(server.GetSerialNumber())
    assert len(told.data) == 6
    number = server.SerialNumber.decode(told.data).serial_number
    assert station.code(server.VerifySerialNumber(number)) == 0
    assert station.code(server.VerifySerialNumber(number ^ 1)) == 0xFF
    from fakenw.core.settings import ServerSettings

    assert ServerSettings(name="OTHER").serial_number != ServerSettings().serial_number == number


def test_description_strings(open_stage: OpenStage) -> None:
    """Four texts with a NUL behind each, in a hundred bytes at least."""
    station = open_stage("attach").station("udp:10.0.0.1:1025").attached()
    data = station.call(server.GetDescriptionStrings()).data
    assert 100 <= len(data) <= 512
    company, revision, date, rights, *rest = data.split(b"\0")
    assert all((company, date, rights))
    assert b"3.12" in revision
    assert not any(rest)


def test_synchronized_time(open_stage: OpenStage, transport: str) -> None:
    """114/1: seconds since 1970 and their fraction, little-endian; synchronized, a single server, no event to come."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    stage.wait(0.5)
    told = station.call(server.GetSynchronizedTime())
    assert told.data.hex() == "2776923900000080070500000000000000000000ffffffff00000000"
