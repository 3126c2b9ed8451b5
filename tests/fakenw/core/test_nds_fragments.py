"""The fragments in which NDS is asked and answered."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.nds_tree import ROOT
from fakenw.bindery.objects import USER
from fakenw.wire import nds
from fakenw.wire.nds import NO_HANDLE, NdsCode, Start
from fakenw.wire.packet import Code
from fakenw.wire.requests.connection import NegotiateBuffer
from fakenw.wire.requests.nds import (
    CloseFragment,
    Fragment,
    FragmentReply,
)
from tests.fakenw.nds_requests import (
    NAMES,
    USERS,
    ask,
    found,
    pieces,
    resolve,
    search,
)

Open = Callable[..., Any]


@pytest.fixture
def stage(open_stage: Open) -> Any:
    """A server with a tree."""
    return open_stage(tree="FAKETREE")


@pytest.fixture
def station(stage: Any, transport: str) -> Any:
    """An attached station of that server; NDS can be looked at without logging in."""
    return stage.station(f"{transport}:10.0.0.1:1025").attached()


@pytest.mark.parametrize("piece", [1, 5, 100, 100_000])
def test_requests_in_pieces(station: Any, piece: int) -> None:
    """However a request is cut, its answer is the same."""
    assert sorted(found(ask(station, search(ROOT), piece=piece)[1])) == sorted(USERS)


@pytest.mark.parametrize("most", [0, 64, 100, 506, 0xFFFFFFFF])
def test_answers_in_pieces(stage: Any, station: Any, most: int) -> None:
    """No fragment is larger than what the client can take; over UDP, than what it has negotiated."""
    for number in range(40):
        stage.server.bindery.add(USER, f"USER{number}")
    verb, asked = search(ROOT, info_flags=NAMES)
    replies = list(pieces(station, verb, asked.encode(), piece=489, most=most, room=0xFFFFFFFF))
    largest = nds.LARGEST_FRAGMENT if station.tcp else 512 - 12
    assert max(reply.size for reply in replies) <= min(max(most, nds.SMALLEST_FRAGMENT), largest)
    assert len({reply.handle for reply in replies[:-1]}) <= 1
    assert b"".join(reply.data for reply in replies)[4:8] == b"\xff" * 4
    assert (len(replies) == 1) == (station.tcp and most > 0xFFFF)


def test_negotiated_size(stage: Any) -> None:
    """A client over UDP that takes more gets more at once."""
    for number in range(40):
        stage.server.bindery.add(USER, f"USER{number}")
    station = stage.station("udp:10.0.0.1:1025").attached()
    assert station.code(NegotiateBuffer(1024)) == 0
    verb, asked = search(ROOT, info_flags=NAMES)
    replies = list(pieces(station, verb, asked.encode(), piece=489, most=4096, room=4096))
    assert {reply.size for reply in replies[:-1]} == {1024 - 12}


def test_duplicate_fragment(stage: Any) -> None:
    """A request that is repeated gets the same fragment, not the next one."""
    station = stage.station("udp:10.0.0.1:1025").attached()
    verb, asked = search(ROOT, info_flags=NAMES)
    for _ in pieces(station, verb, asked.encode(), piece=489, most=100, room=4096):
        first = station.again()
        assert station.again() == first


def test_handles(station: Any) -> None:
    """A handle is good until the last fragment, until it is closed, or until another message begins."""
    start = Start(506, 100, 0, 1, 4096, b"")

    def begin() -> int:
        return FragmentReply.decode(station.call(Fragment(NO_HANDLE, start.encode())).data).handle

    one, two = begin(), begin()
    assert one != two
    assert station.code(Fragment(one, b"")) == Code.FAILURE
    assert station.code(CloseFragment(one)) == Code.FAILURE
    assert station.code(CloseFragment(two)) == 0
    assert station.code(CloseFragment(two)) == Code.FAILURE
    assert ask(station, resolve("[Root]"))[0] == 0


@pytest.mark.parametrize(("size", "code"), [(0, Code.INVALID_LENGTH), (11, Code.INVALID_LENGTH), (12, 0)])
def test_message_that_is_too_short(station: Any, size: int, code: int) -> None:
    """A message is at least its header."""
    assert station.code(Fragment(NO_HANDLE, Start(506, size, 0, 1, 4096, b"").encode())) == code
    assert station.code(Fragment(NO_HANDLE, bytes(19))) == Code.INVALID_LENGTH


@pytest.mark.parametrize("size", [0x10001, 0xFFFFFFFF])
def test_message_that_is_too_long(stage: Any, station: Any, size: int) -> None:
    """A request that announces 4 GB is refused at once."""
    reply = FragmentReply.decode(station.call(Fragment(NO_HANDLE, Start(506, size, 0, 1, 4096, b"").encode())).data)
    assert reply == FragmentReply(8, NO_HANDLE, struct.pack("<i", NdsCode.INSUFFICIENT_BUFFER))
    assert stage.connection(station.name).exchange is None


@given(st.lists(st.tuples(st.sampled_from([NO_HANDLE, 0x101, 0x102, 1]), st.binary(max_size=80)), max_size=6))
def test_random_fragments(open_stage: Open, sent: list[tuple[int, bytes]]) -> None:
    """Whatever is sent, it is answered."""
    station = open_stage(tree="FAKETREE").station("tcp:10.0.0.1:1025").attached()
    for handle, data in sent:
        assert station.call(Fragment(handle, data)).completion in (0, Code.INVALID_LENGTH, Code.FAILURE)
