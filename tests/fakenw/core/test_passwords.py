"""Passwords over the wire: verify, change in the clear, change under the old one, and the rules of the account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.objects import USER, BinderyObject
from fakenw.bindery.passwords import answer, hash_password
from fakenw.wire.requests import bindery
from tests.fakenw.login_ways import encrypt_hash, length_byte

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
Change = Callable[["Station", str, str], int]
JOE = UserSpec("JOE", "SECRET")


def joe(stage: Stage) -> BinderyObject:
    found = stage.server.bindery.find(USER, "JOE")
    assert found is not None
    return found


def fresh_key(station: Station) -> bytes:
    return bindery.LoginKey.decode(station.call(bindery.GetLoginKey()).data).key


def hashed(station: Station, password: str) -> bytes:
    """JOE's hash, as a client makes it."""
    found = station.call(bindery.GetObjectId(USER, "JOE"))
    return hash_password(bindery.ObjectInfo.decode(found.data).object_id, password.encode())


def keyed_change(station: Station, old: str, new: str) -> int:
    """23/75 as libncp sends it."""
    before, after = hashed(station, old), hashed(station, new)
    reply, length = answer(fresh_key(station), before), length_byte(before, len(new))
    return station.code(bindery.KeyedChangePassword(reply, USER, "JOE", length, encrypt_hash(before, after)))


def plain_change(station: Station, old: str, new: str) -> int:
    return station.code(bindery.ChangePassword(USER, "JOE", old, new))


either = pytest.mark.parametrize("change", [keyed_change, plain_change])


def test_verify(open_stage: OpenStage, transport: str) -> None:
    """Right is 0, wrong 0xFF, and nobody is logged in by it; a key serves one question."""
    stage = open_stage("attach")
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert station.code(bindery.VerifyPassword(USER, "JOE", "SECRET")) == 0
    assert station.code(bindery.VerifyPassword(USER, "joe", "secret")) == 0
    assert station.code(bindery.VerifyPassword(USER, "JOE", "WRONG")) == 0xFF
    right = bindery.KeyedVerifyPassword(answer(fresh_key(station), hashed(station, "SECRET")), USER, "JOE")
    assert (station.code(right), station.code(right)) == (0, 0xFF)
    wrong = bindery.KeyedVerifyPassword(answer(fresh_key(station), hashed(station, "WRONG")), USER, "JOE")
    assert station.code(wrong) == 0xFF
    assert stage.state(station.name) == "attached"
    assert stage.held == 1, "attached costs a license here, and nothing else did"


@either
def test_change(open_stage: OpenStage, transport: str, change: Change) -> None:
    """With the old password, and without a login, a new one counts from then on: for all three logins."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert change(station, "WRONG", "OTHER") == 0xFF
    assert station.code(bindery.VerifyPassword(USER, "JOE", "SECRET")) == 0
    assert change(station, "SECRET", "NEWPASS99") == 0
    assert station.login("JOE", "SECRET") == 0xFF
    assert station.login("JOE", "NEWPASS99") == 0
    assert station.code(bindery.PlainLogin(USER, "JOE", "NewPass99")) == 0
    assert station.code(bindery.LoginUser("JOE", "NEWPASS99")) == 0
    assert change(station, "NEWPASS99", "") == 0
    assert station.login("JOE", "") == 0


def test_an_answer_changes_once(open_stage: OpenStage) -> None:
    """A change that was overheard cannot be sent again, not even by a supervisor."""
    stage = open_stage("nls")
    station = stage.station("udp:10.0.0.1:1025").attached()
    old, new = hashed(station, "SECRET"), hashed(station, "NEW")
    sent = bindery.KeyedChangePassword(
        answer(fresh_key(station), old), USER, "JOE", length_byte(old, 3), encrypt_hash(old, new)
    )
    assert (station.code(sent), station.code(sent)) == (0, 0xFF)
    assert station.login("SUPERVISOR") == 0
    assert station.code(sent) == 0xFF


@either
def test_a_supervisor_needs_no_old_password(open_stage: OpenStage, transport: str, change: Change) -> None:
    """A supervisor sends an empty one instead, also for an object without a password; anybody else is refused."""
    stage = open_stage("nls", users=(JOE, ("ANN", "")))
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert station.login("ANN") == 0
    assert change(station, "", "MINE") == 0xFF
    assert station.login("SUPERVISOR") == 0
    assert change(station, "", "MINE") == 0
    assert change(station, "MINE", "YOURS") == 0
    del joe(stage).properties["PASSWORD"]
    assert station.login("JOE", "YOURS") == 0xFC
    assert change(station, "", "AGAIN") == 0
    assert station.login("JOE", "AGAIN") == 0
    del joe(stage).properties["PASSWORD"]
    assert change(station, "", "AGAIN") == 0xFB


@either
def test_what_the_account_asks_for(open_stage: OpenStage, change: Change) -> None:
    """Too short 0xD8, the same again 0xD7, not allowed 0xF8; the password stays as it was."""
    stage = open_stage("nls", users=(replace(JOE, least_password=5, unique_passwords=True),))
    station = stage.station("udp:10.0.0.1:1025").attached()
    assert change(station, "SECRET", "FOUR") == 0xD8
    assert change(station, "SECRET", "SECRET") == 0xD7
    assert station.code(bindery.VerifyPassword(USER, "JOE", "SECRET")) == 0
    assert change(station, "SECRET", "FIVER") == 0
    stage = open_stage("nls", users=(replace(JOE, may_change_password=False),))
    station = stage.station("udp:10.0.0.1:1025").attached()
    assert change(station, "SECRET", "OTHER") == 0xF8
    assert station.login("SUPERVISOR") == 0
    assert change(station, "", "OTHER") == 0


@either
def test_a_change_ends_the_expiry(open_stage: OpenStage, change: Change) -> None:
    """The next expiry is so many days off, and the grace logins are as many as there may be."""
    spec = replace(JOE, password_expires=date(2000, 8, 9), password_days=30, grace_logins=3)
    stage = open_stage("nls", users=(spec,))
    station = stage.station("udp:10.0.0.1:1025").attached()
    assert station.login("JOE", "SECRET") == 0xDF
    assert joe(stage).control.grace_logins == 2
    assert change(station, "SECRET", "OTHER") == 0
    assert (joe(stage).control.password_expires, joe(stage).control.grace_logins) == (date(2000, 9, 9), 3)
    assert station.login("JOE", "OTHER") == 0


def test_nobody_has_no_password(open_stage: OpenStage) -> None:
    """0xFC where there is no such object."""
    stage = open_stage("nls", users=())
    station = stage.station("udp:10.0.0.1:1025").attached()
    assert station.code(bindery.ChangePassword(USER, "JOE", "", "")) == 0xFC
    assert station.code(bindery.KeyedChangePassword(bytes(8), USER, "JOE", 0x40, bytes(16))) == 0xFC


def test_passwords_in_the_clear_can_be_forbidden(open_stage: OpenStage, transport: str) -> None:
    """SET ALLOW UNENCRYPTED PASSWORDS=OFF: 0xD6, right or wrong, and nothing is counted; keys work."""
    stage = open_stage("nls", plain_passwords=False)
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    for word in ("SECRET", "WRONG"):
        for request in (
            bindery.PlainLogin(USER, "JOE", word),
            bindery.LoginUser("JOE", word),
            bindery.VerifyPassword(USER, "JOE", word),
            bindery.ChangePassword(USER, "JOE", word, "NEW"),
        ):
            assert station.code(request) == 0xD6
    assert not stage.events("login-failed")
    assert keyed_change(station, "SECRET", "NEW") == 0
    assert station.login("JOE", "NEW") == 0


def test_the_change_of_netware_286(open_stage: OpenStage, transport: str) -> None:
    """23/1 is 23/64 of a user: a wrong old password is 0xFF, and no such user 0xFC."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1025").licensed("JOE", "SECRET")
    assert station.code(bindery.ChangeUserPassword("JOE", "WRONG", "OTHER")) == 0xFF
    assert station.code(bindery.ChangeUserPassword("NOBODY", "", "OTHER")) == 0xFC
    assert station.code(bindery.ChangeUserPassword("JOE", "SECRET", "OTHER")) == 0
    assert station.login("JOE", "SECRET") == 0xFF
    assert station.login("JOE", "OTHER") == 0
    assert (
        open_stage("nls", plain_passwords=False)
        .station("tcp:10.0.0.1:1025")
        .licensed("JOE", "SECRET")
        .code(bindery.ChangeUserPassword("JOE", "SECRET", "OTHER"))
        == 0xD6
    )
