"""Locks of files and records: their holders, the stations that wait, and that a wait ends at the right moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.core.locks import Kind
from fakenw.core.settings import ticks
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.layout import Request
from fakenw.wire.packet import ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import connection, files, server
from fakenw.wire.requests import synchronization as sync
from harness.runners.runtime import Alarm

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
Endings = Callable[["Stage", "Station"], None]
EXCLUSIVE, SHARED = 1, 3  # flags that lock at once
FILE = "SYS:PUBLIC/LOCKED.DAT"
TIMED_OUT, COLLISION, NOT_LOCKED = 0xFE, 0xFD, 0xFF


def ask(station: Station, request: Request[Any], task: int = 1) -> list[ReplyPacket]:
    """Send a request; the replies that came at once."""
    station.sequence = (station.sequence + 1) & 0xFF
    packet = RequestPacket(ncp.REQUEST, station.sequence, station.number, task, request.function, request.body())
    return [decode_reply(reply) for reply in station.send(packet.encode())]


def replies(station: Station) -> list[tuple[int, int]]:
    """Sequence and completion code of the replies that wait in the inbox."""
    packets = [packet for packet in station.inbox if ncp.packet_type(packet) == ncp.REPLY]
    return [(reply.sequence, reply.completion) for reply in map(decode_reply, packets)]


def three(stage: Stage, transport: str) -> tuple[Station, Station, Station]:
    """Three stations that have logged in, the last as an operator; the file is there."""
    one, two, three = (stage.station(f"{transport}:10.0.0.{host}:1025") for host in (1, 2, 3))
    assert three.licensed("SUPERVISOR").code(files.CloseFile(0, opened(three))) == 0
    return one.licensed(), two.licensed(), three


def opened(station: Station) -> bytes:
    """The handle of the file, which is there afterwards."""
    return files.OpenedFile.decode(station.call(files.OpenOrCreateFile(0, 0, 3, 0x11, FILE)).data).handle


def file(flag: int, limit: int) -> sync.LogFile:
    return sync.LogFile(0, flag, limit, FILE)


def record(flag: int, limit: int) -> sync.LogLogicalRecord:
    return sync.LogLogicalRecord(flag, limit, "RECORD")


def taking(kind: str, station: Station) -> Callable[[int, int], Request[Any]]:
    """How a station asks for a lock of a kind: by flag and time limit."""
    if kind == "physical":
        handle = opened(station)
        return lambda flag, limit: sync.LogPhysicalRecord(flag, handle, 100, 50, limit)
    return file if kind == "file" else record


@pytest.fixture(params=["file", "logical", "physical"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_exclusive_and_shared(open_stage: OpenStage, transport: str, kind: str) -> None:
    """An exclusive lock is one station's; a shared one many can have; what does not wait is refused at once."""
    one, two, three_ = three(open_stage("nls"), transport)
    refused = COLLISION if kind == "physical" else TIMED_OUT
    ones, twos, threes = (taking(kind, station) for station in (one, two, three_))
    assert one.code(ones(EXCLUSIVE, 0)) == 0
    assert two.code(twos(EXCLUSIVE, 0)) == two.code(twos(SHARED, 0)) == refused
    assert one.code(ones(SHARED, 0)) == 0  # it may loosen its own
    assert two.code(twos(SHARED, 0)) == 0
    assert three_.code(threes(EXCLUSIVE, 0)) == refused
    assert one.code(ones(EXCLUSIVE, 0)) == refused  # and cannot tighten it any more


def answering(station: Station) -> Callable[[], None]:
    """A station that waits and still answers the watchdog; what else it is sent stays in its inbox."""

    def answer() -> None:
        asked = [packet for packet in station.inbox if ncp.packet_type(packet) == ncp.WATCHDOG]
        for packet in asked:
            station.inbox.remove(packet)
            station.stage.receive(station.name, ncp.WatchdogPacket(station.number, b"Y").encode())

    return answer


def ended(how: str, station: Station, operator: Station) -> None:
    """The station's locks end, in one of the ways."""
    if how == "killed" and station.tcp:
        station.lost()
    elif how == "killed":
        (waiting,) = (other for other in station.stage.stations.values() if other not in (station, operator))
        station.stage.until(station.stage.now + 889 * SECOND, answering(waiting))
        assert replies(waiting) == []
        station.stage.until(station.stage.now + SECOND, answering(waiting))
        assert station.stage.events("close")[-1]["cause"] == "watchdog"
    elif how == "cleared":
        assert operator.code(connection.ClearConnection(station.number)) == 0
    elif how == "created again":
        station.create(1)
    elif how == "destroyed":
        station.destroy()
    elif how == "end of job":
        assert station.code(connection.EndOfJob()) == 0
    else:
        assert station.logout() == 0


ENDINGS = ("killed", "cleared", "created again", "destroyed", "end of job", "logged out")


@pytest.mark.parametrize("how", ENDINGS)
def test_who_waits_is_granted_when_the_other_ends(open_stage: OpenStage, transport: str, kind: str, how: str) -> None:
    """At that moment: a reply that was held back, with code 0; and now the lock is the other one's."""
    one, two, operator = three(open_stage("nls"), transport)
    ones, twos = taking(kind, one), taking(kind, two)
    assert one.code(ones(EXCLUSIVE, 0)) == 0
    assert ask(two, twos(EXCLUSIVE, 0xFFFF)) == []
    ended(how, one, operator)
    assert replies(two) == [(two.sequence, 0)]
    again = one.licensed()
    assert ask(again, taking(kind, again)(EXCLUSIVE, 0))[0].completion in (COLLISION, TIMED_OUT)


@pytest.mark.parametrize("limit", [1, 182, 0xFFFF])
def test_a_wait_ends_at_its_time_limit(open_stage: OpenStage, transport: str, kind: str, limit: int) -> None:
    """To the microsecond, in clock ticks; what was not to be had is neither locked nor logged."""
    stage = open_stage("nls", watchdog=None)
    one, two, _ = three(stage, transport)
    ones, twos = taking(kind, one), taking(kind, two)
    assert one.code(ones(EXCLUSIVE, 0)) == 0
    stage.wait(1.5)
    began = stage.now
    assert ask(two, twos(EXCLUSIVE, limit)) == []
    stage.until(began + ticks(limit) - 1)
    assert replies(two) == []
    stage.until(began + ticks(limit))
    assert replies(two) == [(two.sequence, TIMED_OUT)]
    assert stage.server.locks.of(stage.connection(two.name).serial, *Kind) == []
    assert one.code(ones(EXCLUSIVE, 0)) == 0
    assert stage.server.pending() <= 3, "no deadline is left but those of the connections"


def test_those_who_wait_are_granted_in_order(open_stage: OpenStage, transport: str) -> None:
    """One after another where each wants it alone; together where they share it."""
    stage = open_stage("nls")
    one, two, three_ = three(stage, transport)
    assert one.code(record(EXCLUSIVE, 0)) == 0
    assert ask(two, record(EXCLUSIVE, 500)) == ask(three_, record(EXCLUSIVE, 500)) == []
    assert one.code(sync.ReleaseLogicalRecord("RECORD")) == 0
    assert (replies(two), replies(three_)) == ([(two.sequence, 0)], [])
    assert ask(one, record(SHARED, 500)) == []
    assert two.code(sync.ClearLogicalRecord("RECORD")) == 0
    assert (replies(one), replies(three_)) == ([], [(three_.sequence, 0)])
    assert ask(two, record(SHARED, 500)) == []
    assert three_.code(sync.ClearLogicalRecordSet(0)) == 0
    assert (replies(one), replies(two)) == ([(one.sequence, 0)], [(two.sequence, 0)])


def test_a_lock_that_is_loosened_lets_others_in(open_stage: OpenStage, transport: str) -> None:
    one, two, _ = three(open_stage("nls"), transport)
    assert one.code(record(EXCLUSIVE, 0)) == 0
    assert ask(two, record(SHARED, 500)) == []
    assert one.code(record(SHARED, 0)) == 0
    assert replies(two) == [(two.sequence, 0)]


# What a station may send while it waits


def next_turn(stage: Stage) -> None:
    """What the delivery has put off to the next turn of the reactor, which must be something."""
    portion = stage.delivery._next_portion
    assert isinstance(portion, Alarm)
    portion.ring()


def test_a_duplicate_meanwhile_is_being_processed(open_stage: OpenStage) -> None:
    """Over UDP, with 0x9999; afterwards it gets the reply once more."""
    one, two, _ = three(open_stage("nls"), "udp")
    assert one.code(record(EXCLUSIVE, 0)) == 0
    assert ask(two, record(EXCLUSIVE, 500)) == []
    for _ in range(3):
        (busy,) = two.again()
        assert decode_reply(busy) == ReplyPacket(ncp.BEING_PROCESSED, two.sequence, two.number, 1, 0, 0, b"")
    two.inbox.clear()
    assert one.logout() == 0
    (granted,) = two.inbox
    assert replies(two) == [(two.sequence, 0)]
    assert two.again() == [granted]


def test_another_datagram_gives_the_first_request_up(open_stage: OpenStage) -> None:
    """What the station waited for is not locked for it later, and that request has no reply.

    The station waits no more: a duplicate of the other datagram gets its reply once more.
    """
    one, two, three_ = three(open_stage("nls"), "udp")
    assert one.code(record(EXCLUSIVE, 0)) == 0
    assert ask(two, record(EXCLUSIVE, 500)) == []
    assert two.code(server.GetServerTime()) == 0
    (answered,) = two.inbox
    assert two.again() == [answered]
    two.inbox.clear()
    assert one.logout() == 0
    assert two.inbox == []
    assert three_.code(record(EXCLUSIVE, 0)) == 0


@pytest.mark.parametrize("how", ["cleared", "lost", "an operator's page"])
def test_a_stream_is_not_read_on_meanwhile(open_stage: OpenStage, how: str) -> None:
    """The requests behind stay in the stream until the reply to the first has been sent, and are executed then."""
    stage = open_stage("nls")
    one, two, three_ = three(stage, "tcp")
    assert one.code(record(EXCLUSIVE, 0)) == 0
    assert ask(two, record(EXCLUSIVE, 500)) == []
    first = two.sequence
    for request in (server.GetServerTime(), sync.ReleaseLogicalRecord("RECORD")):
        assert ask(two, request) == []
    next_turn(stage)
    if how == "cleared":
        assert one.code(sync.ClearLogicalRecord("RECORD")) == 0
    elif how == "lost":
        one.lost()
    else:
        stage.delivery.act(lambda: stage.server.clear(stage.connection(one.name), "cleared"))
    assert replies(two) == [(first, 0)]
    assert stage.server.locks.of(stage.connection(two.name).serial, Kind.LOGICAL)[0].held
    next_turn(stage)
    assert replies(two) == [(first, 0), (first + 1, 0), (first + 2, 0)]
    assert three_.code(record(EXCLUSIVE, 0)) == 0


def test_a_reply_that_was_held_back_is_signed(open_stage: OpenStage, transport: str) -> None:
    """With the chain as it was behind its request, which is where it still is: nothing else came meanwhile."""
    stage = open_stage("nls")
    one, two = (stage.station(f"{transport}:10.0.0.{host}:1025").attached() for host in (1, 2))
    for station in (one, two):
        assert station.negotiate() == 2
        assert station.login() == 0
        station.signs(station.root)
    for limit, code in ((500, 0), (18, TIMED_OUT)):
        assert one.code(record(EXCLUSIVE, 0)) == 0
        assert ask(two, record(EXCLUSIVE, limit)) == []
        if not two.tcp:
            (busy,) = two.again()
            assert ncp.packet_type(busy) == ncp.BEING_PROCESSED
            two.inbox.clear()
        if code:
            stage.wait(1)
        else:
            assert one.code(sync.ClearLogicalRecord("RECORD")) == 0
        assert replies(two) == [(two.sequence, code)]  # the station has verified it
        assert two.code(server.GetServerTime()) == 0
        assert two.code(sync.ClearLogicalRecordSet(0)) == 0
    if not two.tcp:  # the chain moves on with a request that gives the first one up
        assert one.code(record(EXCLUSIVE, 0)) == 0
        assert ask(two, record(EXCLUSIVE, 500)) == []
        assert two.code(server.GetServerTime()) == 0


@pytest.mark.parametrize("how", ["lost", "cleared", "destroyed"])
def test_who_waits_and_ends_gets_nothing(open_stage: OpenStage, how: str) -> None:
    """Its wait is gone with it: nothing is sent to it, and nothing is locked for it."""
    stage = open_stage("nls")
    one, two, operator = three(stage, "udp" if how == "destroyed" else "tcp")
    assert one.code(record(EXCLUSIVE, 0)) == 0
    assert ask(two, record(EXCLUSIVE, 500)) == []
    ended({"lost": "killed"}.get(how, how), two, operator)
    two.inbox.clear()
    assert one.code(sync.ClearLogicalRecord("RECORD")) == 0
    stage.wait(60)
    assert two.inbox == []
    assert operator.code(record(EXCLUSIVE, 0)) == 0


def test_a_server_that_goes_down_ends_the_waits(open_stage: OpenStage, transport: str) -> None:
    """With its status; nothing is granted any more."""
    stage = open_stage("nls")
    one, two, operator = three(stage, transport)
    assert one.code(record(EXCLUSIVE, 0)) == 0
    assert ask(two, record(EXCLUSIVE, 500)) == []
    assert operator.code(server.DownServer(0xFF)) == 0
    (reply,) = map(decode_reply, two.inbox)
    assert (reply.sequence, reply.completion, reply.status) == (two.sequence, 0xFF, ncp.SERVER_DOWN)


def test_a_slow_lock_is_slow_when_it_is_granted(open_stage: OpenStage) -> None:
    """It waits first, and then takes its time."""
    stage = open_stage("nls", slow={(107, None): 10 * SECOND})
    one, two, _ = three(stage, "udp")
    assert one.code(sync.LogLogicalRecordOld(EXCLUSIVE, 0, "RECORD")) == 0
    assert ask(two, record(EXCLUSIVE, 5000)) == []
    stage.wait(1)
    assert one.logout() == 0
    assert two.inbox == []
    stage.wait(9.9)
    (busy,) = two.again()
    assert ncp.packet_type(busy) == ncp.BEING_PROCESSED
    two.inbox.clear()
    stage.wait(0.1)
    assert replies(two) == [(two.sequence, 0)]
