"""LOGIN_CONTROL and NODE_CONTROL as bytes, spans of the week, and the accounts a server begins with."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.initial_objects import UserSpec, initial_bindery
from fakenw.bindery.login_control import ANY_TIME, LoginControl, node, week
from fakenw.bindery.objects import FILE_SERVER, GROUP, GROUPS, MEMBERS, NODE_CONTROL, SECURITY_EQUALS, USER
from fakenw.wire.layout import Malformed

days = st.none() | st.dates(date(1980, 1, 1), date(2079, 12, 31))


def test_offsets() -> None:
    """86 bytes, each field where libncp's struct has it."""
    control = LoginControl(
        expires=date(2001, 2, 3),
        disabled=0xFF,
        password_expires=date(1999, 12, 31),
        grace_logins=6,
        password_days=0x0102,
        most_grace_logins=7,
        least_password=5,
        max_connections=0x0304,
        hours=bytes(range(42)),
        last_login=b"LOGIN!",
        restrictions=3,
        max_disk=0x0A0B0C0D,
        bad_logins=0x0E0F,
        reset_time=0x11121314,
        last_intruder=b"NETWNODENOSO",
    )
    raw = control.encode()
    assert len(raw) == 86
    assert raw[:14].hex(" ") == "65 02 03 ff 63 0c 1f 06 01 02 07 05 03 04"
    assert (raw[14:56], raw[56:62], raw[62:64]) == (bytes(range(42)), b"LOGIN!", b"\3\0")
    assert raw[64:74].hex(" ") == "0a 0b 0c 0d 0e 0f 11 12 13 14"
    assert raw[74:] == b"NETWNODENOSO"
    assert LoginControl.decode(raw + bytes(42)) == control


@given(st.builds(LoginControl, expires=days, password_expires=days))
def test_round_trip(control: LoginControl) -> None:
    """Dates of a hundred years come back."""
    assert LoginControl.decode(control.encode()) == control


@given(st.binary(min_size=86, max_size=128))
def test_any_bytes_are_a_login_control(raw: bytes) -> None:
    """A date that is none is no date: whoever may write the property can write anything."""
    control = LoginControl.decode(raw)
    assert LoginControl.decode(control.encode()) == control


def test_too_short() -> None:
    """A value that is cut off is Malformed, wherever."""
    for size in range(86):
        with pytest.raises(Malformed):
            LoginControl.decode(bytes(size))


def test_a_year_below_80_is_of_this_century() -> None:
    """Some tools write 2001 as 1, others as 101 (libncp reads both)."""
    assert LoginControl.decode(b"\1\2\3" + bytes(83)).expires == date(2001, 2, 3)
    assert LoginControl.decode(b"\x65\2\3" + bytes(83)).expires == date(2001, 2, 3)


def is_open(hours: bytes, moment: datetime) -> bool:
    """Read off the bitmap: bit 0 of byte 0 is Sunday from midnight."""
    half_hours = (moment.weekday() + 1) % 7 * 48 + (moment.hour * 60 + moment.minute) // 30
    return bool(int.from_bytes(hours, "little") >> half_hours & 1)


@pytest.mark.parametrize(
    ("spans", "open_for", "first"),
    [
        (["mon-fri 08:00-18:00"], 5 * 20, "2000-08-07T08:00"),
        (["sun"], 48, "2000-08-06T00:00"),
        (["sat-sun"], 96, "2000-08-06T00:00"),
        (["FRI-MON 23:30-24:00"], 4, "2000-08-06T23:30"),
        (["sun-sat"], 336, "2000-08-06T00:00"),
        (["mon 00:00-00:30", " tue 12:00-12:30 "], 2, "2000-08-07T00:00"),
        ([], 0, None),
    ],
)
def test_week(spans: list[str], open_for: int, first: str | None) -> None:
    """Spans become half hours; the week begins with Sunday, and a span may go round its end."""
    hours = week(spans)
    sunday = datetime(2000, 8, 6)
    moments = [sunday + timedelta(minutes=30 * n) for n in range(336)]
    opened = [moment for moment in moments if is_open(hours, moment)]
    assert len(opened) == open_for
    assert first is None or opened[0] == datetime.fromisoformat(first)


@pytest.mark.parametrize(
    "span", ["", "monday", "mon 8:00-9:00", "mon 08:15-09:00", "mon 09:00-09:00", "mon 23:00-24:30", "foo 08:00-09:00"]
)
def test_no_week(span: str) -> None:
    """A span that is none is told as it was written."""
    with pytest.raises(ValueError, match=r"."):
        week([span])


def test_node() -> None:
    """An IPv4 address with no node, or network and node with one that may be any."""
    assert node("10.0.0.5").hex() == "0a000005" + "00" * 6
    assert node("1:C0A80001").hex() == "00000001" + "0000c0a80001"
    assert node("DEADBEEF:*").hex() == "deadbeef" + "ff" * 6
    for text in ("", "10.0.0", "host", "1:2:3", "*"):
        with pytest.raises(ValueError, match="no station"):
            node(text)


def test_accounts() -> None:
    """SUPERVISOR, the server, GUEST and EVERYONE are there; users are in EVERYONE and their groups, both ways."""
    users = (("JOE", "SECRET"), UserSpec("ann", groups=("clerks",), supervisor=True, stations=("10.0.0.1", "2:*")))
    bindery = initial_bindery("SRV", bytes(12), users, ("EMPTY",))
    found = {(item.type, item.name): item for item in bindery.objects.values()}
    assert set(found) == {
        *((USER, name) for name in ("SUPERVISOR", "GUEST", "JOE", "ANN")),
        *((GROUP, name) for name in ("EVERYONE", "EMPTY", "CLERKS")),
        (FILE_SERVER, "SRV"),
    }
    ann, everyone, clerks = found[USER, "ANN"], found[GROUP, "EVERYONE"], found[GROUP, "CLERKS"]
    assert ann.ids(GROUPS) == [everyone.id, clerks.id]
    assert ann.ids(SECURITY_EQUALS) == [everyone.id, clerks.id, 1]
    assert clerks.ids(MEMBERS) == [ann.id]
    assert sorted(everyone.ids(MEMBERS)) == sorted(item.id for (kind, _), item in found.items() if kind == USER)
    assert {item.name for item in found.values() if bindery.is_supervisor(item)} == {"SUPERVISOR", "ANN"}
    assert (ann.item(NODE_CONTROL) or b"")[:20].hex() == "0a000001" + "00" * 6 + "00000002" + "ff" * 6
    assert found[USER, "JOE"].control == LoginControl(hours=ANY_TIME)
    assert NODE_CONTROL not in found[USER, "JOE"].properties


@pytest.mark.parametrize(
    "spec", [UserSpec("A*"), UserSpec(""), UserSpec("A", hours=("x",)), UserSpec("A", stations=("x",))]
)
def test_bad_accounts(spec: UserSpec) -> None:
    """A name, a time or a station that is none is a ValueError, before anything starts."""
    with pytest.raises(ValueError, match=r"."):
        initial_bindery("SRV", bytes(12), (spec,))
