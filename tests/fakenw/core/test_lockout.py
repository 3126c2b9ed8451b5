"""Intruder lockout: wrong passwords are counted, lock the account, and are forgotten by time or by a good login."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fakenw.bindery.login_control import Lockout
from fakenw.bindery.objects import LOGIN_CONTROL, USER
from fakenw.journal.record import SECOND
from fakenw.wire.requests import bindery, properties
from tests.fakenw.login_ways import JOE, MINUTE, Login, every_login, joe, plain, station_of

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]


LOCKOUT = Lockout(attempts=3, within=10 * MINUTE, locked_for=20 * MINUTE)


@every_login
def test_lockout(open_stage: OpenStage, transport: str, login: Login) -> None:
    """The third wrong password locks: 0xC5 even for the right one, from everywhere, until the time is over."""
    stage = open_stage("nls", users=(JOE,), lockout=LOCKOUT)
    station, other = station_of(stage, transport, 1), station_of(stage, transport, 2)
    assert [login(station, "WRONG") for _ in range(3)] == [0xFF] * 3
    assert [login(s, word) for s in (station, other) for word in ("SECRET", "WRONG")] == [0xC5] * 4
    assert other.login() == 0, "another account is not locked"
    assert (joe(stage).control.bad_logins, joe(stage).control.last_intruder[:4]) == (3, bytes((10, 0, 0, 1)))
    stage.now += 20 * MINUTE * SECOND - 1
    assert login(station, "SECRET") == 0xC5, "what is refused meanwhile makes it no longer"
    stage.now += 1
    assert login(station, "SECRET") == 0
    assert joe(stage).control.bad_logins == 0


def test_lockout_is_forgotten(open_stage: OpenStage) -> None:
    """Bad logins add up only within the reset time, each from the one before; a good one forgives them all."""
    stage = open_stage("nls", users=(JOE,), lockout=LOCKOUT)
    station = station_of(stage, "tcp")
    for pause in (0, 9, 10, 0):
        stage.now += pause * MINUTE * SECOND
        assert plain(station, "WRONG") == 0xFF
    assert joe(stage).control.bad_logins == 2, "the third came too late and was the first again"
    assert plain(station) == 0
    assert (joe(stage).control.bad_logins, joe(stage).control.reset_time) == (0, 0)
    assert [plain(station, "WRONG") for _ in range(2)] == [0xFF] * 2
    assert plain(station) == 0


def test_a_lock_that_is_over_begins_anew(open_stage: OpenStage) -> None:
    """After the lock a wrong password is the first one, not the fourth."""
    stage = open_stage("nls", users=(JOE,), lockout=LOCKOUT)
    station = station_of(stage, "tcp")
    assert [plain(station, "WRONG") for _ in range(4)] == [0xFF] * 3 + [0xC5]
    stage.now += 20 * MINUTE * SECOND
    assert [plain(station, "WRONG") for _ in range(2)] == [0xFF] * 2
    assert plain(station) == 0


def test_a_repeated_bad_login_counts_once(open_stage: OpenStage) -> None:
    """The same datagram, five times, is one wrong password and brings one reply."""
    stage = open_stage("nls", users=(JOE,), lockout=LOCKOUT)
    station = station_of(stage, "udp")
    for request in (bindery.PlainLogin(USER, "JOE", "WRONG"), bindery.KeyedLogin(bytes(8), USER, "JOE")):
        before, lines = joe(stage).control.bad_logins, len(stage.events("login-failed"))
        reply = station.call(request)
        assert reply.completion == 0xFF
        assert {packet for _ in range(4) for packet in station.again()} == {reply.encode()}
        assert joe(stage).control.bad_logins == before + 1
        assert len(stage.events("login-failed")) == lines + 1
    assert plain(station) == 0


def test_no_lockout_unless_asked_for(open_stage: OpenStage) -> None:
    """Intruder detection is off, as NetWare is shipped: any number of wrong passwords, and nothing is counted."""
    stage = open_stage("nls", users=(JOE,))
    station = station_of(stage, "tcp")
    assert {plain(station, "WRONG") for _ in range(50)} == {0xFF}
    assert joe(stage).control.bad_logins == 0
    assert plain(station) == 0


def test_verifying_is_guessing(open_stage: OpenStage, transport: str) -> None:
    """A wrong password counts wherever it is asked, and a locked account answers 0xC5 wherever it is asked."""
    stage = open_stage("nls", users=(JOE,), lockout=LOCKOUT)
    station = station_of(stage, transport)
    assert station.code(bindery.VerifyPassword(USER, "JOE", "WRONG")) == 0xFF
    assert station.code(bindery.KeyedVerifyPassword(bytes(8), USER, "JOE")) == 0xFF
    assert station.code(bindery.ChangePassword(USER, "JOE", "WRONG", "NEW")) == 0xFF
    for request in (
        bindery.VerifyPassword(USER, "JOE", "SECRET"),
        bindery.KeyedVerifyPassword(bytes(8), USER, "JOE"),
        bindery.ChangePassword(USER, "JOE", "SECRET", "NEW"),
        bindery.KeyedChangePassword(bytes(8), USER, "JOE", 0x48, bytes(16)),
        bindery.LoginUser("JOE", "SECRET"),
    ):
        assert station.code(request) == 0xC5


def test_a_supervisor_unlocks(open_stage: OpenStage) -> None:
    """The property is the truth: written back with a count of zero, it opens the account."""
    stage = open_stage("nls", users=(JOE,), lockout=LOCKOUT)
    station, boss = station_of(stage, "tcp", 1), station_of(stage, "tcp", 2)
    assert [plain(station, "WRONG") for _ in range(4)][-1] == 0xC5
    assert boss.login("SUPERVISOR") == 0
    read = boss.call(properties.ReadProperty(USER, "JOE", 1, LOGIN_CONTROL))
    value = bytearray(properties.PropertyValue.decode(read.data).data)
    assert value[68:70] == b"\0\3"
    value[68:70] = bytes(2)
    assert boss.code(properties.WriteProperty(USER, "JOE", 1, 0xFF, LOGIN_CONTROL, bytes(value))) == 0
    assert plain(station) == 0
