"""Logins: each code of a refusal, their order, and what a login with an expired password is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.login_control import Lockout, LoginControl
from fakenw.bindery.objects import LOGIN_CONTROL, NODE_CONTROL, SUPERVISOR_ID, USER
from fakenw.wire.requests import bindery, connection
from tests.fakenw.login_ways import JOE, MINUTE, Login, every_login, joe, keyed, plain, station_of

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]

YESTERDAY, TODAY = date(2000, 8, 9), date(2000, 8, 10)  # a Thursday, 9:30:15


# One restriction, one code

RESTRICTED = {
    "disabled": (replace(JOE, disabled=True), 0xDC),
    "expired": (replace(JOE, expires=YESTERDAY), 0xDC),
    "station": (replace(JOE, stations=("10.0.0.2",)), 0xDB),
    "hours": (replace(JOE, hours=("mon-wed", "thu 10:00-18:00")), 0xDA),
    "password expired": (replace(JOE, password_expires=YESTERDAY), 0xDE),
}


@every_login
@pytest.mark.parametrize("restriction", RESTRICTED)
def test_refused(open_stage: OpenStage, policy: str, restriction: str, login: Login) -> None:
    """Disabled or expired 0xDC, station 0xDB, time 0xDA, password expired 0xDE; nothing moves, and it is told."""
    spec, code = RESTRICTED[restriction]
    stage = open_stage(policy, users=(spec,))
    station = station_of(stage, "udp")
    held, lines = stage.held, len(stage.records)
    assert login(station, "SECRET") == code
    assert (stage.held, stage.state(station.name)) == (held, "attached")
    (failed,) = stage.records[lines:]
    assert (failed.event, failed["user"], failed["code"]) == ("login-failed", "JOE", code)
    assert login(station, "WRONG") == 0xFF, "who does not know the password is not told"


@every_login
@pytest.mark.parametrize(
    "spec",
    [
        replace(JOE, expires=TODAY),
        replace(JOE, password_expires=TODAY),
        replace(JOE, stations=("10.0.0.2", "10.0.0.1")),
        replace(JOE, stations=("0A000001:*",)),
        replace(JOE, hours=("thu 09:30-10:00",)),
        replace(JOE, max_connections=1, groups=("CLERKS",), full_name="Joe"),
    ],
)
def test_within_the_restrictions(open_stage: OpenStage, transport: str, spec: UserSpec, login: Login) -> None:
    """The last day counts, a station that is named, the half hour that is open, the only connection."""
    stage = open_stage("nls", users=(spec,))
    assert login(station_of(stage, transport), "SECRET") == 0


def test_the_clock_refuses(open_stage: OpenStage) -> None:
    """Hours and dates are the server's: what is good now is not in a day, to the second."""
    spec = replace(JOE, expires=TODAY, hours=("thu 09:00-24:00", "fri 00:00-00:30"))
    stage = open_stage("nls", users=(spec,))
    station = station_of(stage, "tcp")
    stage.wait(14 * 3600 + 29 * MINUTE + 44)  # 23:59:59
    assert keyed(station) == 0
    stage.wait(1)
    assert keyed(station) == 0xDC
    stage = open_stage("nls", users=(replace(spec, expires=None),))
    station = station_of(stage, "tcp")
    stage.wait(14 * 3600 + 59 * MINUTE + 44)  # 0:29:59 on Friday
    assert keyed(station) == 0
    stage.wait(1)
    assert keyed(station) == 0xDA


@every_login
def test_concurrent_connections(open_stage: OpenStage, transport: str, login: Login) -> None:
    """0xD9 counts the object's other connections, licensed or not, and not the one that asks; the journal denies."""
    stage = open_stage("nls", users=(replace(JOE, max_connections=1), ("ANN", "")))
    first, second, ann = (station_of(stage, transport, host) for host in (1, 2, 3))
    assert ann.login("ANN") == 0
    assert login(first, "SECRET") == 0
    assert login(first, "SECRET") == 0, "again on the same connection"
    assert login(second, "SECRET") == 0xD9
    assert first.change(0) == 0
    assert (stage.held, stage.state(first.name)) == (1, "authenticated")
    assert login(second, "SECRET") == 0xD9, "Q175877: one without a license counts"
    assert login(second, "WRONG") == 0xFF
    assert [(r["what"], r["code"], r["user"]) for r in stage.events("deny")] == [("account", 0xD9, "JOE")] * 2
    assert stage.held == 1
    assert first.logout() == 0
    assert login(second, "SECRET") == 0


def test_an_unknown_account(open_stage: OpenStage, transport: str) -> None:
    """0xFC for nobody, for an object of another type, and for one without a password."""
    stage = open_stage("nls")
    station = station_of(stage, transport)
    for kind, name in ((USER, "NOBODY"), (2, "JOE"), (2, "EVERYONE"), (4, "FAKENW")):
        assert station.code(bindery.PlainLogin(kind, name, "SECRET")) == 0xFC
        assert station.code(bindery.KeyedLogin(bytes(8), kind, name)) == 0xFC
        assert station.code(bindery.KeyedVerifyPassword(bytes(8), kind, name)) == 0xFC
        assert station.code(bindery.VerifyPassword(kind, name, "")) == 0xFC
    assert station.code(bindery.LoginUser("NOBODY", "")) == 0xFC


def test_without_a_license(open_stage: OpenStage) -> None:
    """0xE0 comes last: only a login that nothing else refuses asks for a license, and it costs no grace login."""
    everything = replace(JOE, password_expires=YESTERDAY, grace_logins=2)
    stage = open_stage("service", licenses=1, users=(everything, ("ANN", "")))
    ann, station = station_of(stage, "udp", 1), station_of(stage, "udp", 2)
    assert ann.login("ANN") == 0
    assert keyed(station, "WRONG") == 0xFF
    assert keyed(station) == 0xE0
    assert (stage.state(station.name), joe(stage).control.grace_logins) == ("attached", 2)
    joe(stage).control = replace(joe(stage).control, grace_logins=0)
    assert keyed(station) == 0xDE
    assert [record["what"] for record in stage.events("deny")] == ["license"]
    assert ann.logout() == 0
    joe(stage).control = replace(joe(stage).control, grace_logins=2)
    assert keyed(station) == 0xDF


def test_order(open_stage: OpenStage) -> None:
    """All at once: each refusal hides the next, from the lock to the license."""
    stage = open_stage("service", licenses=1, users=(JOE, ("ANN", "")), lockout=Lockout())
    item, control = joe(stage), LoginControl()
    item.add(NODE_CONTROL, 0, 0x32, bytes.fromhex("0a000009000000000000"))
    other, station = station_of(stage, "tcp", 9), station_of(stage, "tcp", 1)
    assert other.login("JOE", "SECRET") == 0
    item.control = replace(
        control,
        disabled=0xFF,
        expires=YESTERDAY,
        max_connections=1,
        hours=bytes(42),
        password_expires=YESTERDAY,
        bad_logins=7,
        reset_time=0xFFFFFFFF,
    )
    stage.server.logins = False
    assert (keyed(station), keyed(station, "WRONG")) == (0xC5, 0xC5)
    stage.server.logins = True
    assert (keyed(station), keyed(station, "WRONG")) == (0xC5, 0xC5)
    item.control = replace(item.control, bad_logins=0)
    assert keyed(station, "WRONG") == 0xFF
    seen = []
    for change in ({}, {"disabled": 0}, {"expires": None}, "here", {"max_connections": 0}, {"hours": b"\xff" * 42}):
        if isinstance(change, dict):
            item.control = replace(item.control, **change)
        else:
            del item.properties[NODE_CONTROL]
        seen.append(keyed(station))
    item.control = replace(item.control, grace_logins=1)
    seen += [keyed(station), other.logout(), keyed(station)]
    assert seen == [0xDC, 0xDC, 0xDB, 0xD9, 0xDA, 0xDE, 0xE0, 0, 0xDF]


def test_nobody_is_exempt(open_stage: OpenStage, transport: str) -> None:
    """SUPERVISOR is restricted like anybody else: no source exempts it unless so configured."""
    stage = open_stage("nls", users=(UserSpec("SUPERVISOR", "", disabled=True),))
    assert stage.server.bindery.objects[SUPERVISOR_ID].control.disabled
    assert station_of(stage, transport).login("SUPERVISOR") == 0xDC


def test_login_is_disabled(open_stage: OpenStage, transport: str) -> None:
    """0xC5 for everybody while a console operator has disabled login; who is logged in stays so."""
    stage = open_stage("nls")
    inside, outside = station_of(stage, transport, 1), station_of(stage, transport, 2)
    assert inside.login() == 0
    stage.server.logins = False
    assert (outside.login(), outside.login("SUPERVISOR")) == (0xC5, 0xC5)
    assert (stage.held, stage.state(inside.name)) == (1, "licensed")
    stage.server.logins = True
    assert outside.login() == 0


# Grace logins


@every_login
def test_grace_logins(open_stage: OpenStage, transport: str, login: Login) -> None:
    """0xDF is a login that succeeded, and one grace login less; 0xDE is none."""
    stage = open_stage("nls", users=(replace(JOE, password_expires=YESTERDAY, grace_logins=2),))
    station = station_of(stage, transport)
    for left in (1, 0):
        assert login(station, "SECRET") == 0xDF
        assert (stage.held, stage.state(station.name)) == (1, "licensed")
        assert stage.connection(station.name).user == "JOE"
        assert joe(stage).control.grace_logins == left
        assert station.code(connection.GetStationInfo(station.number)) == 0
        assert station.logout() == 0
    assert login(station, "SECRET") == 0xDE
    assert (stage.held, stage.state(station.name)) == (0, "attached")
    assert len(stage.events("grant")) == 2


def test_a_repeated_grace_login_costs_one(open_stage: OpenStage) -> None:
    """The same datagram again brings the same reply, and uses no other grace login."""
    stage = open_stage("nls", users=(replace(JOE, password_expires=YESTERDAY, grace_logins=2),))
    station = station_of(stage, "udp")
    assert plain(station) == 0xDF
    assert station.again() == station.again()
    assert joe(stage).control.grace_logins == 1


def test_grace_without_end(open_stage: OpenStage) -> None:
    """255 grace logins are never used up."""
    stage = open_stage("nls", users=(replace(JOE, password_expires=YESTERDAY, grace_logins=255),))
    station = station_of(stage, "tcp")
    assert [plain(station) for _ in range(3)] == [0xDF] * 3
    assert joe(stage).control.grace_logins == 255


# Who one is afterwards


def test_security_equal_to_supervisor(open_stage: OpenStage, transport: str) -> None:
    """Who is security equal to SUPERVISOR is a console operator as well; anybody else is not."""
    stage = open_stage("nls", users=(replace(JOE, supervisor=True), ("ANN", "")))
    station = station_of(stage, transport)
    for name, password, level in (("JOE", "SECRET", 0x33), ("ANN", "", 0x22), ("SUPERVISOR", "", 0x33)):
        assert station.login(name, password) == 0
        assert bindery.OwnAccess.decode(station.call(bindery.GetOwnAccess()).data).level == level
        assert stage.connection(station.name).operator is (level == 0x33)


def test_last_login(open_stage: OpenStage) -> None:
    """LOGIN_CONTROL tells when the last login was; a refused one was none."""
    stage = open_stage("nls", users=(JOE,))
    station = station_of(stage, "tcp")
    stage.wait(60)
    assert plain(station, "WRONG") == 0xFF
    assert joe(stage).control.last_login == bytes(6)
    assert plain(station) == 0
    assert tuple(joe(stage).control.last_login) == (100, 8, 10, 9, 31, 15)


@pytest.mark.parametrize("value", [b"", b"\xff" * 128, bytes(128), b"\x63\x63\x63" * 40, bytes(range(128))])
def test_any_value_of_the_properties(open_stage: OpenStage, value: bytes) -> None:
    """Whatever a supervisor writes into LOGIN_CONTROL and NODE_CONTROL, a login is admitted or refused with a code."""
    stage = open_stage("nls", users=(JOE,), lockout=Lockout())
    station = station_of(stage, "tcp")
    for name in (LOGIN_CONTROL, NODE_CONTROL):
        joe(stage).add(name, 0, 0x32, value)
        for word in ("SECRET", "WRONG"):
            assert plain(station, word) in (0, 0xC5, 0xD9, 0xDA, 0xDB, 0xDC, 0xDE, 0xDF, 0xFF)


@pytest.mark.parametrize("password", ["", "S", "SECRE", "SECRETS", " SECRET"])
@every_login
def test_no_password_is_not_any_password(open_stage: OpenStage, login: Login, password: str) -> None:
    """An account that has a password is not entered with none, nor with a part of it."""
    stage = open_stage("nls", users=(JOE,))
    station = station_of(stage, "udp")
    assert login(station, password) == 0xFF
    assert (stage.state(station.name), stage.held) == ("attached", 0)
    assert login(station, "SECRET") == 0
