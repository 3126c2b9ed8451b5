"""JOE logs in, by each of the three ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.objects import USER, BinderyObject
from fakenw.wire.requests import bindery

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

Login = Callable[["Station", str], int]

JOE = UserSpec("JOE", "SECRET")
MINUTE = 60


def keyed(station: Station, password: str = "SECRET") -> int:
    return station.login("JOE", password)


def plain(station: Station, password: str = "SECRET") -> int:
    return station.code(bindery.PlainLogin(USER, "JOE", password))


def user(station: Station, password: str = "SECRET") -> int:
    return station.code(bindery.LoginUser("JOE", password))


every_login = pytest.mark.parametrize("login", [keyed, plain, user])


def joe(stage: Stage) -> BinderyObject:
    found = stage.server.bindery.find(USER, "JOE")
    assert found is not None
    return found


def station_of(stage: Stage, transport: str, host: int = 1) -> Station:
    return stage.station(f"{transport}:10.0.0.{host}:1025").attached()
