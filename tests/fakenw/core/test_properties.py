"""Properties and sets over the wire: values in segments, members, security, and each way to be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.objects import FILE_SERVER, GROUP, GROUPS, MEMBERS, SECURITY_EQUALS, SET, START, USER
from fakenw.core.peer import Peer
from fakenw.wire.layout import Request
from fakenw.wire.requests import bindery, properties

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]


def logged_in(stage: Stage, transport: str, user: str | None, password: str = "") -> Station:
    station = stage.station(f"{transport}:10.0.0.1:{1025 + len(stage.stations)}").attached()
    assert user is None or station.login(user, password) == 0
    return station


def segment(content: bytes) -> bytes:
    return content.ljust(128, b"\0")


def read(station: Station, name: str, user: str = "JOE", number: int = 1, kind: int = USER) -> properties.PropertyValue:
    reply = station.call(properties.ReadProperty(kind, user, number, name))
    assert (reply.completion, len(reply.data)) == (0, 130)
    return properties.PropertyValue.decode(reply.data)


def members(station: Station, kind: int, name: str, prop: str) -> list[int]:
    """The ids in all segments of a set."""
    ids: list[int] = []
    number, more = 1, 0xFF
    while more:
        value = read(station, prop, name, number, kind)
        ids += [int.from_bytes(value.data[at : at + 4], "big") for at in range(0, 128, 4)]
        number, more = number + 1, value.more
    return [i for i in ids if i]


def scan(station: Station, name: str = "JOE", pattern: str = "*") -> list[properties.ScannedProperty]:
    """Every property that the station sees; ``more`` is right at each step."""
    found: list[properties.ScannedProperty] = []
    last = START
    while True:
        reply = station.call(properties.ScanProperties(USER, name, last, pattern))
        if reply.completion:
            assert (reply.completion, reply.data) == (0xFB, b"")
            assert not found or not found[-1].more
            return found
        assert len(reply.data) == 24
        assert not found or found[-1].more == 0xFF
        found.append(properties.ScannedProperty.decode(reply.data))
        last = found[-1].number


def test_write_and_read(open_stage: OpenStage, transport: str) -> None:
    """Segment by segment, in order; the last one cuts off what was behind it, and a new object has no value."""
    station = logged_in(open_stage("nls"), transport, "SUPERVISOR")
    assert station.code(properties.CreateProperty(USER, "JOE", 0, 0x31, "notes")) == 0
    assert station.code(properties.ReadProperty(USER, "JOE", 1, "NOTES")) == 0xEC
    for number in (1, 2, 3):
        content = segment(b"part %d" % number)
        assert station.code(properties.WriteProperty(USER, "JOE", number, 0, "NOTES", content)) == 0
    assert [read(station, "Notes", number=n).data for n in (1, 2, 3)] == [segment(b"part %d" % n) for n in (1, 2, 3)]
    assert [read(station, "NOTES", number=n).more for n in (1, 2, 3)] == [0xFF, 0xFF, 0]
    assert station.code(properties.WriteProperty(USER, "JOE", 5, 0, "NOTES", segment(b""))) == 0xEC
    assert station.code(properties.WriteProperty(USER, "JOE", 0, 0, "NOTES", segment(b""))) == 0xEC
    assert station.code(properties.WriteProperty(USER, "JOE", 2, 0xFF, "NOTES", segment(b"end"))) == 0
    assert (read(station, "NOTES", number=2).data, read(station, "NOTES", number=2).more) == (segment(b"end"), 0)
    for number in (0, 3, 255):
        assert station.code(properties.ReadProperty(USER, "JOE", number, "NOTES")) == 0xEC


def test_as_many_segments_as_a_byte_counts(open_stage: OpenStage) -> None:
    """255 segments, and their order is kept."""
    station = logged_in(open_stage("nls"), "tcp", "SUPERVISOR")
    assert station.code(properties.CreateProperty(USER, "JOE", 0, 0x31, "LONG")) == 0
    for number in range(1, 256):
        assert station.code(properties.WriteProperty(USER, "JOE", number, 0, "LONG", bytes([number]) * 128)) == 0
    assert read(station, "LONG", number=255) == properties.PropertyValue(b"\xff" * 128, 0, 0)
    assert read(station, "LONG", number=254).more == 0xFF


def test_the_servers_address(open_stage: OpenStage, transport: str) -> None:
    """NET_ADDRESS of the server object: a network of its own, then where the transport of the asker is served."""
    stage = open_stage("nls")
    station = logged_in(stage, transport, None)
    value = read(station, "NET_ADDRESS", "FAKENW", kind=FILE_SERVER)
    assert value.data[4:12].hex() == "0000000000010451"
    assert value.data[:4] != bytes(4)
    assert (value.data[12:], value.more, value.flags) == (bytes(116), 0, 0)
    stage.server.addresses = tuple(map(Peer.parse, ("tcp:::1:524", "tcp:10.0.0.9:524", "udp:10.0.0.8:10524")))
    value = read(station, "NET_ADDRESS", "FAKENW", kind=FILE_SERVER)
    own = {"tcp": "0a000009020c00000000020c", "udp": "0a000008291c00000000291c"}[transport]
    assert value.data.hex() == own + "00" * 116


def test_scan(open_stage: OpenStage, transport: str) -> None:
    """What the caller may read, with its flags, its security and whether it has a value; PASSWORD is not there."""
    stage = open_stage("nls")
    joe, other = logged_in(stage, transport, "JOE", "SECRET"), logged_in(stage, transport, "ANN")
    seen = {found.name: (found.flags, found.security, found.has_value) for found in scan(joe)}
    assert seen == {
        GROUPS: (SET, 0x31, 0xFF),
        SECURITY_EQUALS: (SET, 0x32, 0xFF),
        "LOGIN_CONTROL": (0, 0x32, 0xFF),
    }
    assert [found.name for found in scan(other)] == [GROUPS]
    assert [found.name for found in scan(joe, pattern="*LOG*")] == ["LOGIN_CONTROL"]
    boss = logged_in(stage, transport, "SUPERVISOR")
    assert boss.code(properties.CreateProperty(USER, "JOE", 1, 0x33, "EMPTY")) == 0
    assert scan(boss)[-1] == properties.ScannedProperty("EMPTY", 1, 0x33, scan(boss)[-1].number, 0, 0)
    assert "EMPTY" not in {found.name for found in scan(joe)}
    assert joe.code(properties.ScanProperties(USER, "NOBODY", START, "*")) == 0xFC


def test_groups(open_stage: OpenStage, transport: str) -> None:
    """Everybody is in EVERYONE; a supervisor adds and deletes, and nobody is in twice or out twice."""
    stage = open_stage("nls")
    boss = logged_in(stage, transport, "SUPERVISOR")
    everyone = stage.server.bindery.find(GROUP, "EVERYONE")
    assert everyone is not None
    assert members(boss, GROUP, "EVERYONE", MEMBERS) == everyone.ids(MEMBERS)
    assert members(boss, USER, "JOE", GROUPS) == [everyone.id]
    assert boss.code(properties.IsInSet(GROUP, "EVERYONE", MEMBERS, USER, "JOE")) == 0
    assert boss.code(properties.AddToSet(GROUP, "EVERYONE", MEMBERS, USER, "JOE")) == 0xE9
    assert boss.code(properties.DeleteFromSet(GROUP, "EVERYONE", MEMBERS, USER, "JOE")) == 0
    assert boss.code(properties.DeleteFromSet(GROUP, "EVERYONE", MEMBERS, USER, "JOE")) == 0xEA
    assert boss.code(properties.IsInSet(GROUP, "EVERYONE", MEMBERS, USER, "JOE")) == 0xEA
    assert boss.code(properties.AddToSet(GROUP, "EVERYONE", MEMBERS, USER, "joe")) == 0
    assert boss.code(properties.IsInSet(GROUP, "everyone", MEMBERS.lower(), USER, "JOE")) == 0


def test_a_set_of_more_than_a_segment(open_stage: OpenStage) -> None:
    """32 ids to a segment: 33 members are two segments, and the 33rd can leave again."""
    stage = open_stage("nls", users=tuple((f"USER{n}", "") for n in range(33)))
    boss = logged_in(stage, "tcp", "SUPERVISOR")
    assert boss.code(bindery.CreateObject(1, 0x31, GROUP, "MANY")) == 0
    assert boss.code(properties.CreateProperty(GROUP, "MANY", SET, 0x31, MEMBERS)) == 0
    assert boss.code(properties.ReadProperty(GROUP, "MANY", 1, MEMBERS)) == 0xEC
    for n in range(33):
        assert boss.code(properties.AddToSet(GROUP, "MANY", MEMBERS, USER, f"USER{n}")) == 0
    first, second = (read(boss, MEMBERS, "MANY", number, GROUP) for number in (1, 2))
    assert (first.more, second.more, first.flags) == (0xFF, 0, SET)
    assert (first.data[-4:] != bytes(4), second.data[4:]) == (True, bytes(124))
    assert boss.code(properties.DeleteFromSet(GROUP, "MANY", MEMBERS, USER, "USER32")) == 0
    assert boss.code(properties.ReadProperty(GROUP, "MANY", 2, MEMBERS)) == 0xEC
    assert len(members(boss, GROUP, "MANY", MEMBERS)) == 32


def test_supervisor_by_set(open_stage: OpenStage, transport: str) -> None:
    """SECURITY_EQUALS counts from the next login on, as long as it lasts."""
    stage = open_stage("nls")
    boss, joe = logged_in(stage, transport, "SUPERVISOR"), logged_in(stage, transport, "JOE", "SECRET")
    assert joe.code(properties.AddToSet(USER, "JOE", SECURITY_EQUALS, USER, "SUPERVISOR")) == 0xF8
    assert boss.code(properties.AddToSet(USER, "JOE", SECURITY_EQUALS, USER, "SUPERVISOR")) == 0
    assert joe.code(bindery.IsManager()) == 0xFF
    assert joe.login("JOE", "SECRET") == 0
    assert joe.code(bindery.IsManager()) == 0
    assert joe.code(bindery.CreateObject(1, 0x31, USER, "NEW")) == 0
    assert joe.code(properties.DeleteFromSet(USER, "JOE", SECURITY_EQUALS, USER, "SUPERVISOR")) == 0
    assert joe.login("JOE", "SECRET") == 0
    assert joe.code(bindery.IsManager()) == 0xFF


REFUSED: list[tuple[str | None, Request[Any], int]] = [
    # no such thing
    ("SUPERVISOR", properties.CreateProperty(USER, "NOBODY", 0, 0x31, "P"), 0xFC),
    ("SUPERVISOR", properties.ReadProperty(USER, "NOBODY", 1, "P"), 0xFC),
    ("SUPERVISOR", properties.ReadProperty(USER, "JOE", 1, "NONE"), 0xFB),
    ("SUPERVISOR", properties.WriteProperty(USER, "JOE", 1, 0, "NONE", bytes(128)), 0xFB),
    ("SUPERVISOR", properties.DeleteProperty(USER, "JOE", "NONE"), 0xFB),
    ("SUPERVISOR", properties.DeleteProperty(USER, "JOE", "N*"), 0xFB),
    ("SUPERVISOR", properties.ChangePropertySecurity(USER, "JOE", 0x31, "NONE"), 0xFB),
    ("SUPERVISOR", properties.AddToSet(GROUP, "EVERYONE", "NONE", USER, "JOE"), 0xFB),
    ("SUPERVISOR", properties.AddToSet(GROUP, "EVERYONE", MEMBERS, USER, "NOBODY"), 0xFC),
    ("SUPERVISOR", properties.IsInSet(GROUP, "EVERYONE", MEMBERS, USER, "NOBODY"), 0xFC),
    # bad names and wild cards
    ("SUPERVISOR", properties.CreateProperty(USER, "JOE", 0, 0x31, GROUPS.lower()), 0xED),
    ("SUPERVISOR", properties.CreateProperty(USER, "JOE", 0, 0x31, "PASSWORD"), 0xED),
    ("SUPERVISOR", properties.CreateProperty(USER, "JOE", 0, 0x31, ""), 0xEF),
    ("SUPERVISOR", properties.CreateProperty(USER, "JOE", 0, 0x31, "P" * 16), 0xEF),
    ("SUPERVISOR", properties.CreateProperty(USER, "JOE", 0, 0x31, "P*"), 0xF0),
    ("SUPERVISOR", properties.CreateProperty(USER, "*", 0, 0x31, "P"), 0xF0),
    ("SUPERVISOR", properties.CreateProperty(0xFFFF, "JOE", 0, 0x31, "P"), 0xF0),
    ("SUPERVISOR", properties.ReadProperty(USER, "JOE", 1, "LOGIN*"), 0xF0),
    ("SUPERVISOR", properties.ScanProperties(USER, "J*", START, "*"), 0xF0),
    # security
    ("SUPERVISOR", properties.CreateProperty(USER, "JOE", 0, 0x44, "P"), 0xF1),
    ("SUPERVISOR", properties.ChangePropertySecurity(USER, "JOE", 0x43, GROUPS), 0xF1),
    ("SUPERVISOR", properties.ChangePropertySecurity(USER, "JOE", 0x31, "PASSWORD"), 0xF1),
    ("SUPERVISOR", properties.ReadProperty(USER, "JOE", 1, "PASSWORD"), 0xF9),
    ("SUPERVISOR", properties.WriteProperty(USER, "JOE", 1, 0, "PASSWORD", bytes(128)), 0xF8),
    ("SUPERVISOR", properties.DeleteProperty(USER, "JOE", "PASSWORD"), 0xF6),
    ("JOE", properties.CreateProperty(USER, "JOE", 0, 0x31, "P"), 0xF7),
    ("JOE", properties.DeleteProperty(USER, "JOE", GROUPS), 0xF6),
    ("JOE", properties.ChangePropertySecurity(USER, "JOE", 0x22, "LOGIN_CONTROL"), 0xF1),
    ("JOE", properties.WriteProperty(USER, "JOE", 1, 0, "LOGIN_CONTROL", bytes(128)), 0xF8),
    ("JOE", properties.AddToSet(GROUP, "EVERYONE", MEMBERS, USER, "SUPERVISOR"), 0xF8),
    ("JOE", properties.DeleteFromSet(GROUP, "EVERYONE", MEMBERS, USER, "JOE"), 0xF8),
    ("JOE", properties.ReadProperty(USER, "ANN", 1, "LOGIN_CONTROL"), 0xF9),
    (None, properties.ReadProperty(USER, "JOE", 1, GROUPS), 0xF9),
    (None, properties.IsInSet(GROUP, "EVERYONE", MEMBERS, USER, "JOE"), 0xF9),
    (None, properties.ScanProperties(USER, "JOE", START, "*"), 0xFB),
    # the wrong kind
    ("SUPERVISOR", properties.WriteProperty(USER, "JOE", 1, 0, GROUPS, bytes(128)), 0xE8),
    ("SUPERVISOR", properties.AddToSet(USER, "JOE", "LOGIN_CONTROL", USER, "ANN"), 0xEB),
    ("SUPERVISOR", properties.DeleteFromSet(USER, "JOE", "LOGIN_CONTROL", USER, "ANN"), 0xEB),
    ("SUPERVISOR", properties.IsInSet(USER, "JOE", "LOGIN_CONTROL", USER, "ANN"), 0xEB),
]


@pytest.mark.parametrize(("user", "request_", "code"), REFUSED, ids=repr)
def test_refused(open_stage: OpenStage, user: str | None, request_: Request[Any], code: int) -> None:
    """Every refusal has its code, and nothing has changed."""
    stage = open_stage("nls")
    station = logged_in(stage, "udp", user, "SECRET" if user == "JOE" else "")
    before = repr(stage.server.bindery.objects)
    assert station.code(request_) == code
    assert repr(stage.server.bindery.objects) == before


def test_own_properties(open_stage: OpenStage, transport: str) -> None:
    """Level 2 is the object itself: it may write what lets it, but give no security beyond its own."""
    stage = open_stage("nls")
    boss, joe = logged_in(stage, transport, "SUPERVISOR"), logged_in(stage, transport, "JOE", "SECRET")
    assert boss.code(bindery.ChangeObjectSecurity(0x21, USER, "JOE")) == 0
    assert joe.code(properties.CreateProperty(USER, "JOE", 0, 0x32, "MINE")) == 0xF1
    assert joe.code(properties.CreateProperty(USER, "JOE", 0, 0x22, "MINE")) == 0
    assert joe.code(properties.WriteProperty(USER, "JOE", 1, 0xFF, "MINE", segment(b"me"))) == 0
    ann = logged_in(stage, transport, "ANN")
    assert ann.code(properties.ReadProperty(USER, "JOE", 1, "MINE")) == 0xF9
    assert ann.code(properties.WriteProperty(USER, "JOE", 1, 0, "MINE", segment(b"ann"))) == 0xF8
    assert joe.code(properties.ChangePropertySecurity(USER, "JOE", 0x20, "MINE")) == 0
    assert read(logged_in(stage, transport, None), "MINE").data == segment(b"me")
    assert joe.code(properties.DeleteProperty(USER, "JOE", "M*")) == 0
    assert joe.code(properties.ReadProperty(USER, "JOE", 1, "MINE")) == 0xFB


def test_delete_with_wild_cards(open_stage: OpenStage) -> None:
    """What may be deleted is deleted, what may not stays, and only where there is nothing else it is refused."""
    stage = open_stage("nls")
    boss = logged_in(stage, "tcp", "SUPERVISOR")
    for name in ("AA", "AB", "B"):
        assert boss.code(properties.CreateProperty(USER, "JOE", 0, 0x31, name)) == 0
    assert boss.code(properties.DeleteProperty(USER, "JOE", "A?")) == 0
    assert {found.name for found in scan(boss)} >= {"B", GROUPS}
    assert boss.code(properties.DeleteProperty(USER, "JOE", "*")) == 0
    assert scan(boss) == []
    assert boss.code(properties.DeleteProperty(USER, "JOE", "*")) == 0xF6, "PASSWORD is the server's"
    assert boss.login("JOE", "SECRET") == 0, "without LOGIN_CONTROL there is no restriction"


@given(
    writes=st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from([0, 1, 0xFF]), st.binary(min_size=128, max_size=128)), max_size=12
    )
)
def test_a_value_is_what_was_written(open_stage: OpenStage, writes: list[tuple[int, int, bytes]]) -> None:
    """Any sequence of writes leaves what a list of segments would have, and no gap."""
    station = logged_in(open_stage("nls"), "tcp", "SUPERVISOR")
    assert station.code(properties.CreateProperty(USER, "JOE", 0, 0x31, "P")) == 0
    model: list[bytes] = []
    for number, erase, data in writes:
        code = station.code(properties.WriteProperty(USER, "JOE", number, erase, "P", data))
        if number < 1 or number > len(model) + 1:
            assert code == 0xEC
            continue
        assert code == 0
        model = [*model[: number - 1], data, *(() if erase == 0xFF else model[number:])]
    for number, data in enumerate(model, 1):
        assert read(station, "P", number=number) == properties.PropertyValue(
            data, 0xFF if number < len(model) else 0, 0
        )
    assert station.code(properties.ReadProperty(USER, "JOE", len(model) + 1, "P")) == 0xEC


def test_relations(open_stage: OpenStage, transport: str) -> None:
    """The groups in whose GROUP_MEMBERS a user is, as far as the caller may read; a list goes on behind its last id."""
    stage = open_stage("nls", groups=("ONE", "TWO"))
    boss = logged_in(stage, transport, "SUPERVISOR")
    ids = {item.name: item.id for item in stage.server.bindery.objects.values()}
    for group in ("ONE", "TWO"):
        assert boss.code(properties.CreateProperty(GROUP, group, SET, 0x31, MEMBERS)) in (0, 0xED)
        assert boss.code(properties.AddToSet(GROUP, group, MEMBERS, USER, "JOE")) == 0
    assert boss.code(properties.ChangePropertySecurity(GROUP, "TWO", 0x33, MEMBERS)) == 0

    def related(station: Station, last: int = START) -> tuple[int, ...]:
        reply = station.call(properties.ListRelations(last, USER, "JOE", "group_members"))
        return properties.Relations.decode(reply.data).ids

    assert related(boss) == (ids["EVERYONE"], ids["ONE"], ids["TWO"])
    assert related(boss, ids["EVERYONE"]) == (ids["ONE"], ids["TWO"])
    assert related(boss, ids["TWO"]) == ()
    assert related(logged_in(stage, transport, "ANN")) == (ids["EVERYONE"], ids["ONE"])
    for name, code in (("NOBODY", 0xFC), ("J*", 0xF0)):
        assert boss.code(properties.ListRelations(START, USER, name, MEMBERS)) == code
