"""JOE logs in, by each of the four ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import pytest

from fakenw.bindery import passwords
from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.objects import USER, BinderyObject
from fakenw.wire.layout import R, Request
from fakenw.wire.packet import Refused, ReplyPacket
from fakenw.wire.requests import bindery
from harness.client.nds_login import NdsLogin, log_in_to_tree

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

Login = Callable[["Station", str], int]

JOE = UserSpec("JOE", "SECRET")
MINUTE = 60


def encrypt_hash(old: bytes, new: bytes) -> bytes:
    """What a client sends for the hash *new* where the hash *old* is known to both (16 bytes each)."""
    return _encrypt_half(old[:8], new[:8]) + _encrypt_half(old[8:], new[8:])


def length_byte(old: bytes, length: int) -> int:
    """The length of a new password as 23/75 has it under the hash *old*; ``real_length`` reads it again, up to 63."""
    return (min(length, 63) ^ old[0] ^ old[1]) & 0x7F | 0x40


def _encrypt_half(old: bytes, new: bytes) -> bytes:
    key, half = passwords._nibbles(old), passwords._nibbles(new)
    for turn in range(16):
        half = [passwords._SUBSTITUTES[s][half[s] ^ key[s - turn]] for s in range(16)]
        half = [half[place] for place in passwords._PLACES]
    return passwords._join(half)


def keyed(station: Station, password: str = "SECRET") -> int:
    return station.login("JOE", password)


def plain(station: Station, password: str = "SECRET") -> int:
    return station.code(bindery.PlainLogin(USER, "JOE", password))


def user(station: Station, password: str = "SECRET") -> int:
    return station.code(bindery.LoginUser("JOE", password))


def nds(station: Station, password: str = "SECRET") -> int:
    """Into the tree, and then a license; an NDS code as the completion code of a bindery login."""
    try:
        login = nds_login(station, password)
    except Refused as refused:
        return refused.code
    return station.change(1) or (0xDF if login.grace else 0)


class Asked(Protocol):
    """A connection on which replies are there at once."""

    def call(self, request: Request[Any]) -> ReplyPacket: ...


def nds_login(station: Asked, password: str, *, signed: bool = False) -> NdsLogin:
    """JOE logs in to the tree. Raises Refused."""
    try:
        log_in_to_tree(SynchronousCaller(station), "JOE", password, signed=signed).send(None)
    except StopIteration as done:
        return cast(NdsLogin, done.value)
    raise AssertionError("a login that waits")


class SynchronousCaller:
    """Such a connection for what awaits replies."""

    def __init__(self, station: Asked) -> None:
        self._station = station

    async def call(self, request: Request[R], task: int = 1) -> R:
        reply = self._station.call(request)
        if reply.completion:
            raise Refused(reply.completion)
        return cast(R, request.reply.decode(reply.data))


every_login = pytest.mark.parametrize("login", [keyed, plain, user, nds])


def joe(stage: Stage) -> BinderyObject:
    found = stage.server.bindery.find(USER, "JOE")
    assert found is not None
    return found


def station_of(stage: Stage, transport: str, host: int = 1) -> Station:
    return stage.station(f"{transport}:10.0.0.{host}:1025").attached()
