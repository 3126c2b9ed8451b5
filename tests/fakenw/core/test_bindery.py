"""Objects of the bindery over the wire: make, rename, find, scan, forget, and each way to be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from fakenw.bindery.objects import FILE_SERVER, GROUP, GROUPS, MEMBERS, START, USER, WILD_TYPE
from fakenw.wire.requests import bindery, connection

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]


def logged_in(stage: Stage, transport: str, user: str | None, password: str = "") -> Station:
    station = stage.station(f"{transport}:10.0.0.1:{1025 + len(stage.stations)}").attached()
    assert user is None or station.login(user, password) == 0
    return station


def scan(station: Station, kind: int = WILD_TYPE, pattern: str = "*") -> Iterator[bindery.ScannedObject]:
    """Every object that the station sees."""
    last = START
    while True:
        reply = station.call(bindery.ScanObjects(last, kind, pattern))
        if reply.completion:
            assert (reply.completion, reply.data) == (0xFC, b"")
            return
        assert len(reply.data) == 57
        found = bindery.ScannedObject.decode(reply.data)
        yield found
        last = found.object_id


def names(station: Station, kind: int = WILD_TYPE, pattern: str = "*") -> list[str]:
    return [found.name for found in scan(station, kind, pattern)]


def test_scan(open_stage: OpenStage, transport: str) -> None:
    """By type and pattern, in order of the ids; flags, security and whether there are properties are the object's."""
    station = logged_in(open_stage("nls"), transport, "JOE", "SECRET")
    assert names(station, USER) == ["SUPERVISOR", "GUEST", "JOE", "ANN"]
    assert names(station, WILD_TYPE, "?NN") == names(station, USER, "a*") == ["ANN"]
    assert names(station, GROUP) == ["EVERYONE"]
    assert names(station, 0x99) == names(station, USER, "NO*") == []
    ids = [found.object_id for found in scan(station)]
    assert ids == sorted(set(ids))
    (supervisor,) = scan(station, USER, "SUPERVISOR")
    assert supervisor == bindery.ScannedObject(1, 1, "SUPERVISOR", 1, 0x31, 0xFF)


def test_who_has_not_logged_in_sees_servers(open_stage: OpenStage, transport: str) -> None:
    """Users and groups can be read by who is logged in; the server by anybody. An id is told to all: login needs it."""
    stage = open_stage("nls")
    station = logged_in(stage, transport, None)
    assert names(station) == ["FAKENW"]
    found = station.call(bindery.GetObjectId(USER, "JOE"))
    assert (found.completion, len(found.data)) == (0, 54)
    joe = bindery.ObjectInfo.decode(found.data).object_id
    assert station.code(bindery.GetObjectName(joe)) == 0xF1
    server = bindery.ObjectInfo.decode(station.call(bindery.GetObjectId(FILE_SERVER, "FAKENW")).data)
    assert station.call(bindery.GetObjectName(server.object_id)).data == server.encode()
    assert station.login("ANN") == 0
    assert bindery.ObjectInfo.decode(station.call(bindery.GetObjectName(joe)).data).name == "JOE"
    assert station.code(bindery.GetObjectName(0x7777)) == 0xFC


def test_create(open_stage: OpenStage, transport: str) -> None:
    """A supervisor makes an object; it is found, and it can log in once it has a password."""
    stage = open_stage("nls")
    station = logged_in(stage, transport, "SUPERVISOR")
    assert station.code(bindery.CreateObject(0, 0x32, USER, "new user")) == 0
    (made,) = scan(station, USER, "NEW*")
    assert (made.name, made.flags, made.security, made.has_properties) == ("NEW USER", 0, 0x32, 0)
    assert station.code(bindery.CreateObject(1, 0x31, GROUP, "NEW USER")) == 0, "a name for each type"
    other = logged_in(stage, transport, None)
    assert other.login("NEW USER") == 0xFC
    assert station.code(bindery.ChangePassword(USER, "NEW USER", "", "PASS")) == 0
    assert other.login("NEW USER", "PASS") == 0


@pytest.mark.parametrize("user", [None, "GUEST"])
def test_only_a_supervisor_changes_objects(open_stage: OpenStage, transport: str, user: str | None) -> None:
    """0xF5 create, 0xF4 delete, 0xF3 rename, 0xF1 security: for anybody else, and nothing has changed."""
    stage = open_stage("nls")
    station = logged_in(stage, transport, user)
    before = [(i.id, i.type, i.name, i.security) for i in stage.server.bindery.objects.values()]
    assert station.code(bindery.CreateObject(1, 0x31, USER, "MINE")) == 0xF5
    assert station.code(bindery.DeleteObject(USER, "ANN")) == 0xF4
    assert station.code(bindery.RenameObject(USER, "ANN", "EVE")) == 0xF3
    assert station.code(bindery.ChangeObjectSecurity(0x00, USER, "ANN")) == 0xF1
    assert [(i.id, i.type, i.name, i.security) for i in stage.server.bindery.objects.values()] == before


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (bindery.CreateObject(1, 0x31, USER, "JOE"), 0xEE),
        (bindery.CreateObject(1, 0x31, USER, "joe"), 0xEE),
        (bindery.CreateObject(1, 0x31, USER, "J*"), 0xF0),
        (bindery.CreateObject(1, 0x31, WILD_TYPE, "NEW"), 0xF0),
        (bindery.CreateObject(1, 0x31, USER, ""), 0xEF),
        (bindery.CreateObject(1, 0x31, USER, "N" * 48), 0xEF),
        (bindery.CreateObject(1, 0x31, USER, "A/B"), 0xEF),
        (bindery.CreateObject(1, 0x41, USER, "NEW"), 0xF1),
        (bindery.CreateObject(1, 0x34, USER, "NEW"), 0xF1),
        (bindery.CreateObject(1, 0xFF, USER, "NEW"), 0xF1),
        (bindery.DeleteObject(USER, "NOBODY"), 0xFC),
        (bindery.DeleteObject(GROUP, "JOE"), 0xFC),
        (bindery.DeleteObject(USER, "*"), 0xF0),
        (bindery.RenameObject(USER, "NOBODY", "NEW"), 0xFC),
        (bindery.RenameObject(USER, "JOE", "ANN"), 0xEE),
        (bindery.RenameObject(USER, "J?E", "NEW"), 0xF0),
        (bindery.RenameObject(USER, "JOE", "N*"), 0xF0),
        (bindery.RenameObject(USER, "JOE", "A:B"), 0xEF),
        (bindery.ChangeObjectSecurity(0x31, USER, "NOBODY"), 0xFC),
        (bindery.ChangeObjectSecurity(0x31, USER, "*"), 0xF0),
        (bindery.ChangeObjectSecurity(0x44, USER, "JOE"), 0xF1),
        (bindery.GetObjectId(USER, "NOBODY"), 0xFC),
    ],
    ids=repr,
)
def test_refused(open_stage: OpenStage, request_: bindery.CreateObject, code: int) -> None:
    """Exists 0xEE, bad name 0xEF, wild card 0xF0, a security beyond a supervisor's 0xF1, nobody 0xFC."""
    stage = open_stage("nls")
    station = logged_in(stage, "udp", "SUPERVISOR")
    before = sorted((i.id, i.name, i.security) for i in stage.server.bindery.objects.values())
    assert station.code(request_) == code
    assert sorted((i.id, i.name, i.security) for i in stage.server.bindery.objects.values()) == before


def test_rename(open_stage: OpenStage, transport: str) -> None:
    """The id stays, and with it the password and the groups; the old name is free."""
    stage = open_stage("nls")
    station = logged_in(stage, transport, "SUPERVISOR")
    old = bindery.ObjectInfo.decode(station.call(bindery.GetObjectId(USER, "JOE")).data)
    assert station.code(bindery.RenameObject(USER, "JOE", "jim")) == 0
    new = bindery.ObjectInfo.decode(station.call(bindery.GetObjectId(USER, "JIM")).data)
    assert (new.object_id, new.name) == (old.object_id, "JIM")
    assert station.code(bindery.GetObjectId(USER, "JOE")) == 0xFC
    assert logged_in(stage, transport, "JIM", "SECRET")
    assert station.code(bindery.RenameObject(USER, "JIM", "JIM")) == 0
    assert station.code(bindery.CreateObject(1, 0x31, USER, "JOE")) == 0


def test_delete(open_stage: OpenStage, transport: str) -> None:
    """It is gone from every set, nobody can log in as it, and its id is not used again; who is logged in stays so."""
    stage = open_stage("nls")
    station, joe = logged_in(stage, transport, "SUPERVISOR"), logged_in(stage, transport, "JOE", "SECRET")
    everyone = stage.server.bindery.find(GROUP, "EVERYONE")
    assert everyone is not None
    gone = bindery.ObjectInfo.decode(station.call(bindery.GetObjectId(USER, "JOE")).data).object_id
    assert gone in everyone.ids(MEMBERS)
    assert station.code(bindery.DeleteObject(USER, "JOE")) == 0
    assert gone not in everyone.ids(MEMBERS)
    assert joe.code(bindery.GetObjectId(USER, "JOE")) == 0xFC
    assert (stage.state(joe.name), stage.held) == ("licensed", 2)
    for number in (joe.number, station.number):
        assert station.code(connection.GetStationInfo(number)) in (0, 0x7D, 0xFC)
    assert joe.logout() == 0
    assert joe.login("JOE", "SECRET") == 0xFC
    assert station.code(bindery.CreateObject(1, 0x31, USER, "JOE")) == 0
    made = bindery.ObjectInfo.decode(station.call(bindery.GetObjectId(USER, "JOE")).data)
    assert made.object_id > gone
    assert station.code(bindery.DeleteObject(GROUP, "EVERYONE")) == 0
    ann = stage.server.bindery.find(USER, "ANN")
    assert ann is not None
    assert ann.ids(GROUPS) == []


def test_change_security(open_stage: OpenStage, transport: str) -> None:
    """An object that only the supervisor may read is not there for others."""
    stage = open_stage("nls")
    station, guest = logged_in(stage, transport, "SUPERVISOR"), logged_in(stage, transport, "GUEST")
    assert station.code(bindery.ChangeObjectSecurity(0x33, USER, "ANN")) == 0
    assert names(guest, USER) == ["SUPERVISOR", "GUEST", "JOE"]
    assert "ANN" in names(station, USER)
    assert station.code(bindery.ChangeObjectSecurity(0x32, USER, "GUEST")) == 0
    assert "GUEST" in names(guest, USER), "2 is the object itself"
    assert station.code(bindery.ChangeObjectSecurity(0x30, USER, "ANN")) == 0
    assert names(logged_in(stage, transport, None), USER) == ["ANN"]


def test_access_levels(open_stage: OpenStage, transport: str) -> None:
    """23/70 and 23/72: not logged in 0x00, logged in 0x11, the object itself 0x22, a supervisor 0x33; 23/73."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    ids = {
        name: bindery.ObjectInfo.decode(station.call(bindery.GetObjectId(USER, name)).data).object_id
        for name in ("SUPERVISOR", "GUEST", "ANN")
    }

    def levels() -> tuple[int, ...]:
        own = station.call(bindery.GetOwnAccess())
        assert (own.completion, len(own.data)) == (0, 5)
        reply = bindery.OwnAccess.decode(own.data)
        found = [bindery.ObjectAccess.decode(station.call(bindery.GetObjectAccess(i)).data).level for i in ids.values()]
        assert reply.object_id == (stage.connection(station.name).object_id or 0xFFFFFFFF)
        return (reply.level, *found)

    assert levels() == (0, 0, 0, 0)
    assert station.code(bindery.IsManager()) == 0xFF
    assert station.login("GUEST") == 0
    assert levels() == (0x22, 0x11, 0x22, 0x11)
    assert station.code(bindery.IsManager()) == 0xFF
    assert station.change(0) == 0
    assert levels() == (0x22, 0x11, 0x22, 0x11), "without a license it is still GUEST"
    assert station.login("SUPERVISOR") == 0
    assert levels() == (0x33, 0x33, 0x33, 0x33)
    assert station.code(bindery.IsManager()) == 0
    assert station.code(bindery.GetObjectAccess(0x7777)) == 0xFC
    assert station.logout() == 0
    assert levels() == (0, 0, 0, 0)
