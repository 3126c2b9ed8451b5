"""The bindery closed and opened by a supervisor: what stops meanwhile, what goes on, and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.bindery.objects import USER
from fakenw.wire.layout import Request
from fakenw.wire.packet import Code
from fakenw.wire.requests import bindery, connection, properties, server
from tests.fakenw.file_station import Client

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]

LOCKED: list[Request[Any]] = [
    bindery.CreateObject(1, 0x31, USER, "NEW"),
    bindery.DeleteObject(USER, "ANN"),
    bindery.RenameObject(USER, "ANN", "NEW"),
    bindery.ChangeObjectSecurity(0x33, USER, "ANN"),
    bindery.GetObjectId(USER, "JOE"),
    bindery.GetObjectName(1),
    bindery.ScanObjects(0xFFFFFFFF, 0xFFFF, "*"),
    bindery.GetObjectAccess(1),
    bindery.PlainLogin(USER, "JOE", "SECRET"),
    bindery.LoginUser("JOE", "SECRET"),
    bindery.VerifyPassword(USER, "JOE", "SECRET"),
    bindery.ChangePassword(USER, "JOE", "SECRET", "OTHER"),
    bindery.ChangeUserPassword("JOE", "SECRET", "OTHER"),
    bindery.CloseBindery(),
    properties.CreateProperty(USER, "JOE", 0, 0x31, "NOTE"),
    properties.DeleteProperty(USER, "JOE", "NOTE"),
    properties.ReadProperty(USER, "JOE", 1, "LOGIN_CONTROL"),
    properties.ScanProperties(USER, "JOE", 0xFFFFFFFF, "*"),
    properties.IsInSet(USER, "JOE", "GROUPS_I'M_IN", 2, "EVERYONE"),
    properties.ListRelations(0xFFFFFFFF, USER, "JOE", "GROUP_MEMBERS"),
    connection.GetObjectConnections(0, USER, "JOE"),
    connection.GetObjectConnectionsOld(USER, "JOE"),
    connection.GetUserConnections("JOE"),
    connection.GetConnectionsOfObject(1, 0),
]


def closed(stage: Stage, transport: str) -> Station:
    """A supervisor's station, which has closed the bindery."""
    console = stage.station(f"{transport}:10.0.0.9:1025").licensed("SUPERVISOR")
    assert console.code(bindery.CloseBindery()) == 0
    return console


@pytest.mark.parametrize("request_", LOCKED, ids=lambda request: type(request).__name__)
def test_what_stops(open_stage: OpenStage, transport: str, request_: Request[Any]) -> None:
    """0xFE for whatever asks the bindery, and nothing changes: afterwards JOE's password is as before."""
    stage = open_stage("login")
    console = closed(stage, transport)
    assert console.code(request_) == Code.BINDERY_LOCKED
    assert console.code(bindery.OpenBindery()) == 0
    assert stage.station("udp:10.0.0.1:1025").attached().login("JOE", "SECRET") == 0
    assert {item.name for item in stage.server.bindery.objects.values()} >= {"JOE", "ANN"}


def test_what_goes_on(open_stage: OpenStage, transport: str) -> None:
    """A station that is logged in keeps its license and its files; a login is refused and told."""
    stage = open_stage("login", licenses=5)
    joe = Client(stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))
    handle = joe.open("SYS:LOGIN/LOGIN.EXE")
    console = closed(stage, transport)
    held = stage.held
    assert joe.get(handle) == joe.read("SYS:LOGIN/LOGIN.EXE") != b""
    assert joe.code(bindery.GetOwnAccess()) == joe.code(server.GetServerTime()) == 0
    ann = stage.station("udp:10.0.0.2:1025").attached()
    assert ann.code(bindery.PlainLogin(USER, "ANN", "")) == 0xFE
    (failed,) = stage.events("login-failed")
    assert (failed["user"], failed["code"]) == ("ANN", 0xFE)
    assert (stage.state(ann.name), stage.held) == ("attached", held)
    assert console.code(bindery.OpenBindery()) == 0
    assert ann.login("ANN") == 0
    actions = [(line["action"], line["by"], line["station"]) for line in stage.events("operator")]
    assert actions == [(f"{what}-bindery", "SUPERVISOR", console.name) for what in ("close", "open")]


@pytest.mark.parametrize(
    ("transport", "end"),
    [*((each, end) for each in ("tcp", "udp") for end in ("logout", "destroy")), ("tcp", "lost"), ("udp", "watchdog")],
)
def test_who_closed_it_is_gone(open_stage: OpenStage, transport: str, end: str) -> None:
    """It is open again; otherwise no station could ever log in to open it (inferred)."""
    stage = open_stage("login", licenses=5)
    console = closed(stage, transport)
    if end == "watchdog":
        stage.wait(1000)
    else:
        getattr(console, end)()
    assert stage.station("tcp:10.0.0.1:1025").attached().login("JOE", "SECRET") == 0


def test_another_supervisor_opens_it(open_stage: OpenStage, transport: str) -> None:
    """The closer closes it anew afterwards, and its end opens it once more."""
    stage = open_stage("login", licenses=5)
    other = stage.station("tcp:10.0.0.1:1025").licensed("SUPERVISOR")
    console = closed(stage, transport)
    assert other.code(bindery.GetObjectName(1)) == 0xFE
    assert other.code(bindery.OpenBindery()) == other.code(bindery.GetObjectName(1)) == 0
    assert console.code(bindery.CloseBindery()) == 0
    assert other.code(bindery.GetObjectName(1)) == 0xFE
    assert console.logout() == other.code(bindery.GetObjectName(1)) == 0


@pytest.mark.parametrize("request_", [bindery.CloseBindery(), bindery.OpenBindery()])
def test_supervisors_only(open_stage: OpenStage, transport: str, request_: Request[Any]) -> None:
    """0xFF for any other station, and nothing is closed or opened."""
    stage = open_stage("login")
    console = stage.station("tcp:10.0.0.9:1025").licensed("SUPERVISOR")
    joe = stage.station(f"{transport}:10.0.0.1:1025").licensed("JOE", "SECRET")
    assert joe.code(request_) == 0xFF
    assert console.code(bindery.GetObjectName(1)) == console.code(bindery.CloseBindery()) == 0
    assert joe.code(request_) == 0xFF
    assert console.code(bindery.GetObjectName(1)) == 0xFE


def test_a_tree_s_bindery_is_never_locked(open_stage: OpenStage, transport: str) -> None:
    """From 4.x on it is an emulation without files: the tools get their 0, and all goes on."""
    stage = open_stage("nls")
    console = closed(stage, transport)
    assert console.code(bindery.CloseBindery()) == console.code(bindery.GetObjectName(1)) == 0
    assert stage.station("udp:10.0.0.1:1025").attached().login("JOE", "SECRET") == 0
    assert console.code(bindery.OpenBindery()) == 0
