"""Semaphores: values, opens, waits, and what is given back by a station that ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from fakenw.core.services.semaphores import MOST
from fakenw.core.settings import ticks
from fakenw.wire import packet as ncp
from fakenw.wire.layout import Request
from fakenw.wire.packet import RequestPacket, decode_reply
from fakenw.wire.requests import connection, semaphores

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]


class Group(NamedTuple):
    """The five functions, of 32 or of 111."""

    open: Callable[[int, str], Request[Any]]
    examine: Callable[[int], Request[Any]]
    wait: Callable[[int, int], Request[Any]]
    signal: Callable[[int], Request[Any]]
    close: Callable[[int], Request[Any]]


OLD = Group(
    *(semaphores.OpenSemaphoreOld, semaphores.ExamineSemaphoreOld, semaphores.WaitOnSemaphoreOld),
    *(semaphores.SignalSemaphoreOld, semaphores.CloseSemaphoreOld),
)
NEW = Group(
    *(semaphores.OpenSemaphore, semaphores.ExamineSemaphore, semaphores.WaitOnSemaphore),
    *(semaphores.SignalSemaphore, semaphores.CloseSemaphore),
)


@pytest.fixture(params=[OLD, NEW], ids=["32", "111"])
def group(request: pytest.FixtureRequest) -> Group:
    return request.param  # type: ignore[no-any-return]


def stations(stage: Stage, transport: str, count: int = 2) -> list[Station]:
    return [stage.station(f"{transport}:10.0.0.{host}:1025").attached() for host in range(1, count + 1)]


def opened(station: Station, group: Group, value: int = 1, name: str = "GATE", task: int = 1) -> tuple[int, int]:
    """Open a semaphore; its handle, and how often it is open."""
    request = group.open(value, name)
    reply = request.reply.decode(station.call(request, task).data)
    return reply.handle, reply.opens  # type: ignore[attr-defined]


def state(station: Station, group: Group, handle: int) -> tuple[int, int]:
    """Value and opens."""
    told = semaphores.SemaphoreState.decode(station.call(group.examine(handle)).data)
    return told.value, told.opens


def waits(station: Station, request: Request[Any]) -> None:
    """Send a request whose reply is held back."""
    station.sequence = (station.sequence + 1) & 0xFF
    packet = RequestPacket(ncp.REQUEST, station.sequence, station.number, 1, request.function, request.body())
    assert station.send(packet.encode()) == []


def told(station: Station) -> list[int]:
    """The codes of the replies in the inbox."""
    return [decode_reply(packet).completion for packet in station.inbox]


def test_values_and_opens(open_stage: OpenStage, transport: str, group: Group) -> None:
    """The first open gives the value; each wait takes one of it and each signal adds one; the last close ends it."""
    one, two = stations(open_stage("nls"), transport)
    handle, count = opened(one, group, 2)
    assert (count, opened(two, group, 5), opened(two, group, 0)) == (1, (handle, 2), (handle, 3))
    assert state(one, group, handle) == (2, 3)
    assert [one.code(group.wait(handle, 0)) for _ in range(3)] == [0, 0, 0xFE]
    assert state(two, group, handle) == (0, 3)
    assert two.code(group.signal(handle)) == 0
    assert state(two, group, handle) == (1, 3)
    for station, codes in ((two, [0, 0, 0xFF]), (one, [0, 0xFF])):
        assert [station.code(group.close(handle)) for _ in codes] == codes
    assert opened(one, group, 3) == (handle + 1, 1)
    assert state(one, group, handle + 1) == (3, 1)


def test_both_groups_mean_the_same_semaphores(open_stage: OpenStage, transport: str) -> None:
    """With the handle's bytes the other way round; the new close tells how many stations are left."""
    one, two = stations(open_stage("nls"), transport)
    handle, _ = opened(one, OLD)
    assert opened(two, NEW) == (handle, 2)
    assert opened(two, OLD) == (handle, 3)
    assert two.call(semaphores.CloseSemaphore(handle)).data == bytes((2, 2))
    assert two.call(semaphores.CloseSemaphore(handle)).data == bytes((1, 1))


def test_codes(open_stage: OpenStage, transport: str, group: Group) -> None:
    """A handle is good where the semaphore is open; names have 1 to 127 bytes, values 0 to 127 (mars_nwe)."""
    one, two = stations(open_stage("nls"), transport)
    handle, _ = opened(one, group, 127)
    for wrong in (handle, handle + 1):
        requests = group.examine(wrong), group.wait(wrong, 9), group.signal(wrong), group.close(wrong)
        assert [two.code(request) for request in requests] == [0xFF] * 4
    assert one.code(group.signal(handle)) == 0x01
    assert [one.code(group.open(0, name)) for name in ("", "N" * 127, "N" * 128)] == [0xFE, 0, 0xFE]
    assert [one.code(group.open(value, "V")) for value in (128, 127)] == [0xFF, 0]


def test_a_connection_can_open_so_many(open_stage: OpenStage, transport: str, group: Group) -> None:
    """Then it is 0x96, but for one that it has open already."""
    (one,) = stations(open_stage("nls"), transport, 1)
    for number in range(MOST):
        assert one.code(group.open(0, f"N{number}")) == 0
    assert (one.code(group.open(0, "MORE")), one.code(group.open(0, "N0"))) == (0x96, 0)


def test_a_wait_is_a_reply_held_back(open_stage: OpenStage, transport: str, group: Group) -> None:
    """Until a signal, in order of arrival; meanwhile the value is below zero, one for each station that waits."""
    one, two, three = stations(open_stage("nls"), transport, 3)
    (handle, _), _, _ = (opened(station, group, 0) for station in (one, two, three))
    waits(two, group.wait(handle, 0xFFFF))
    waits(three, group.wait(handle, 0xFFFF))
    assert state(one, group, handle) == (0xFE, 3)
    assert one.code(group.signal(handle)) == 0
    assert (told(two), told(three), state(one, group, handle)) == ([0], [], (0xFF, 3))
    assert one.code(group.signal(handle)) == 0
    assert (told(two), told(three), state(one, group, handle)) == ([0], [0], (0, 3))


@pytest.mark.parametrize("limit", [1, 182])
def test_a_wait_ends_at_its_time_limit(open_stage: OpenStage, transport: str, group: Group, limit: int) -> None:
    """And takes nothing: the next signal is for another station."""
    stage = open_stage("nls")
    one, two = stations(stage, transport)
    (handle, _), _ = (opened(station, group, 0) for station in (one, two))
    stage.wait(0.7)
    began = stage.now
    waits(two, group.wait(handle, limit))
    stage.until(began + ticks(limit) - 1)
    assert told(two) == []
    stage.until(began + ticks(limit))
    assert told(two) == [0xFE]
    assert one.code(group.signal(handle)) == 0
    assert state(one, group, handle) == (1, 2)


ENDINGS = ("lost", "destroyed", "logged out", "end of job", "end of its task")


@pytest.mark.parametrize("how", ENDINGS)
def test_what_was_taken_is_given_back(open_stage: OpenStage, transport: str, group: Group, how: str) -> None:
    """To the station that waits, at that moment; and the opens of the one that ended are closed."""
    stage = open_stage("nls")
    one, two = stations(stage, transport)
    one.login()
    (handle, _), _ = (opened(station, group, 1) for station in (one, two))
    assert one.code(group.wait(handle, 0)) == 0
    waits(two, group.wait(handle, 0xFFFF))
    match how:
        case "lost" if one.tcp:
            one.lost()
        case "logged out":
            assert one.logout() == 0
        case "end of job" | "end of its task":
            assert one.code(connection.EndOfJob(), task=2) == 0
            assert told(two) == []
            assert one.code(connection.EndOfJob(), task=0 if how == "end of job" else 1) == 0
        case _:
            one.destroy()
    assert told(two) == [0]
    assert state(two, group, handle) == (0, 1)
    assert two.logout() == 0
    two.destroy()
    assert stage.server.semaphores.by_name == {}


def test_a_close_gives_nothing_back(open_stage: OpenStage, transport: str, group: Group) -> None:
    """A station that closes a semaphore gives nothing back: the value stays as it is (mars_nwe)."""
    one, two = stations(open_stage("nls"), transport)
    (handle, _), _ = (opened(station, group, 2) for station in (one, two))
    assert one.code(group.wait(handle, 0)) == 0
    assert one.code(group.close(handle)) == 0
    assert state(two, group, handle) == (1, 1)


def test_what_is_given_back_is_no_more_than_there_was(open_stage: OpenStage, transport: str, group: Group) -> None:
    """A semaphore that begins with 0 passes events on: a station that waits for them has nothing of it to give back."""
    one, two = stations(open_stage("nls"), transport)
    (handle, _), _ = (opened(station, group, 0) for station in (one, two))
    for _ in range(3):
        assert two.code(group.signal(handle)) == 0
        assert one.code(group.wait(handle, 0)) == 0
    one.destroy()
    assert state(two, group, handle) == (0, 1)


def test_a_task_closes_its_own_opens_first(open_stage: OpenStage, transport: str, group: Group) -> None:
    """And one that has none closes another one's."""
    stage = open_stage("nls")
    one, two = stations(stage, transport)
    handle, _ = opened(one, group, 1, task=1)
    opened(one, group, 1, task=2)
    opened(two, group, 1)
    assert one.code(group.close(handle), task=2) == 0
    assert one.code(connection.EndOfJob(), task=2) == 0
    assert state(two, group, handle) == (1, 2)
    assert one.code(group.close(handle), task=3) == 0
    assert state(two, group, handle) == (1, 1)


def test_libncp_sends_the_name_in_512_bytes(open_stage: OpenStage, transport: str) -> None:
    """Of which all but the name is padding."""
    (one,) = stations(open_stage("nls"), transport, 1)
    body = b"\0\x01\x04GATE" + bytes(508)
    one.sequence += 1
    assert one.ask(RequestPacket(ncp.REQUEST, one.sequence, one.number, 1, 111, body)).data == b"\1\0\0\0\1"
