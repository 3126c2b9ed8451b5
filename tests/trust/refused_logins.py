"""Days on which nobody should be let in."""

from __future__ import annotations

from datetime import date

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.wire.requests import bindery
from tests.fakenw.stage import Stage
from tests.harness.judge.lived_journals import station
from tests.trust.server_days import Day

ACCOUNTS = (
    UserSpec("JOE", "SECRET"),
    UserSpec("DISABLED", "", disabled=True),
    UserSpec("ELSEWHERE", "", stations=("10.0.0.99",)),
    UserSpec("EXPIRED", "", expires=date(2000, 8, 9)),
    UserSpec("NEVER", "", hours=("sat 00:00-00:30",)),
)


def refused(name: str, *passwords: str) -> Day:
    """The server refuses every login."""

    def day(stage: Stage) -> None:
        here = station(stage, 1).attached()
        for password in passwords:
            here.login(name, password)
            here.code(bindery.PlainLogin(1, name, password))
        here.destroy()

    return day


def guessed(stage: Stage) -> None:
    """A station tries seven wrong passwords, then the right one."""
    here = station(stage, 1).attached()
    for password in (*("WRONG",) * 7, "SECRET"):
        here.code(bindery.PlainLogin(USER, "JOE", password))
    here.destroy()


def replayed(stage: Stage) -> None:
    """A station sends the answer to a login key a second time, after a request that used the key up."""
    here = station(stage, 1).attached()
    found = bindery.ObjectInfo.decode(here.call(bindery.GetObjectId(USER, "JOE")).data)
    key = bindery.LoginKey.decode(here.call(bindery.GetLoginKey()).data).key
    right = answer(key, hash_password(found.object_id, b"SECRET"))
    here.code(bindery.KeyedVerifyPassword(bytes(8), USER, "JOE"))
    here.code(bindery.KeyedLogin(right, USER, "JOE"))
    here.destroy()
