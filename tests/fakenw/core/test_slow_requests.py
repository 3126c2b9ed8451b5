"""What takes its time, and what is kept for a duplicate: nothing is executed twice that has an effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.core.dispatch import HEADROOM, REPEATABLE
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.layout import Request
from fakenw.wire.packet import ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import bindery, connection, files, server, status

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
UDP, TCP = "udp:10.0.0.1:1025", "tcp:10.0.0.1:40001"
PLAIN_LOGIN, TIME = (23, 20), (0x14, None)
HOUR = 3600 * SECOND
GUEST = bindery.PlainLogin(1, "GUEST", "")


def send(station: Station, request: Request[Any]) -> list[bytes]:
    """Send a request; what comes back at once."""
    station.sequence = (station.sequence + 1) & 0xFF
    body = request.body()
    return station.send(
        RequestPacket(ncp.REQUEST, station.sequence, station.number, 1, request.function, body).encode()
    )


def test_a_slow_request_is_acknowledged(open_stage: OpenStage) -> None:
    """It is executed at once; duplicates get 0x9999 with its sequence and execute nothing; the reply goes when due."""
    stage = open_stage("nls", slow={PLAIN_LOGIN: 10 * SECOND})
    station = stage.station(UDP).attached()
    assert send(station, GUEST) == []
    assert stage.state(UDP) == "licensed"
    lines = len(stage.records)
    for _ in range(3):
        stage.wait(3)
        (acknowledged,) = station.again()
        assert decode_reply(acknowledged) == ReplyPacket(ncp.BEING_PROCESSED, station.sequence, 1, 1, 0, 0, b"")
    station.inbox.clear()
    stage.until(10 * SECOND - 1)
    assert station.inbox == []
    stage.until(10 * SECOND)
    (reply,) = station.inbox
    assert decode_reply(reply) == ReplyPacket(ncp.REPLY, station.sequence, 1, 1, 0, 0, b"")
    assert station.again() == [reply]
    assert len(stage.records) == lines
    assert stage.server.counts.acknowledged == 3


def test_others_need_not_wait(open_stage: OpenStage, transport: str) -> None:
    """Only the function that is slow, and only on the connection that asked."""
    stage = open_stage("nls", slow={PLAIN_LOGIN: 10 * SECOND})
    slow, other = stage.station(f"{transport}:10.0.0.1:1025").attached(), stage.station(TCP).attached()
    assert slow.code(server.GetServerTime()) == 0
    assert send(slow, GUEST) == []
    assert other.code(server.GetServerTime()) == 0


def test_replies_do_not_overtake(open_stage: OpenStage, transport: str) -> None:
    """Who asks on before the answer has come gets both, in order."""
    stage = open_stage("nls", slow={PLAIN_LOGIN: 10 * SECOND})
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert send(station, GUEST) == []
    assert send(station, server.GetServerTime()) == []
    stage.wait(10)
    assert [decode_reply(reply).sequence for reply in station.inbox] == [1, 2]
    assert station.code(server.GetServerTime()) == 0


def test_the_status_is_that_of_the_execution(open_stage: OpenStage) -> None:
    """The reply is made when the request is executed."""
    stage = open_stage("nls", slow={TIME: SECOND})
    station = stage.station(UDP).licensed()
    assert send(station, server.GetServerTime()) == []
    stage.connection(UDP).message = "HELLO"
    stage.wait(1)
    assert [decode_reply(reply).status for reply in station.inbox] == [0]


@pytest.mark.parametrize("ending", ["destroy", "create", "clear"])
def test_the_reply_dies_with_its_connection(open_stage: OpenStage, transport: str, ending: str) -> None:
    """A connection that has ended gets no reply any more, and the deadline is gone with it."""
    stage = open_stage("nls", slow={TIME: SECOND})
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert send(station, server.GetServerTime()) == []
    if ending == "destroy":
        station.destroy()
    elif ending == "create":
        station.create()
    else:
        console = stage.station("tcp:10.0.0.9:40001").licensed("SUPERVISOR")
        assert console.code(connection.ClearConnection(station.number)) == 0
    station.inbox.clear()
    stage.wait(2)
    assert station.inbox == []


def test_what_ends_its_own_connection_is_answered_at_once(open_stage: OpenStage) -> None:
    """There is nobody later to whom a reply could be held back."""
    stage = open_stage("nls", slow={(23, 254): SECOND})
    console = stage.station(UDP).licensed("SUPERVISOR")
    assert console.code(connection.ClearConnection(console.number)) == 0


def test_a_slow_server_still_goes_down(open_stage: OpenStage) -> None:
    """What was executed before is answered though the server is down by then."""
    stage = open_stage("nls", slow={TIME: SECOND})
    station, console = stage.station(UDP).attached(), stage.station(TCP).licensed("SUPERVISOR")
    assert send(station, server.GetServerTime()) == []
    assert console.code(server.DownServer(0)) == 0
    assert stage.server.deadline() == SECOND
    stage.wait(1)
    assert [decode_reply(reply).completion for reply in station.inbox] == [0]


def test_malformed_requests_are_not_slow(open_stage: OpenStage) -> None:
    """A group without a sub-function is no function."""
    station = open_stage("nls", slow={PLAIN_LOGIN: SECOND}).station(UDP).attached()
    (reply,) = station.send(RequestPacket(ncp.REQUEST, 1, 1, 1, 23, b"").encode())
    assert decode_reply(reply).completion == 0x7E


@pytest.mark.parametrize(("ends", "times", "read"), [(4096, 0, True), (4086, 7, False)])
def test_a_stream_is_read_on_up_to_64_kib_of_delayed_replies(
    open_stage: OpenStage, ends: int, times: int, read: bool
) -> None:
    """Over TCP a reply has 16 bytes, of which 8 are the frame's, and that with the time 7 more: 64 KiB, or one over."""
    assert (16 * ends + 23 * times <= 64 * 1024) is read
    stage = open_stage("nls", slow={(0x18, None): HOUR, TIME: HOUR})
    station = stage.station(TCP).attached()
    for request in [connection.EndOfJob()] * ends + [server.GetServerTime()] * times:
        assert send(station, request) == []
    assert stage.connection(TCP).requests == ends + times
    assert send(station, connection.EndOfJob()) == []
    assert stage.connection(TCP).requests == ends + times + read
    stage.wait(3600)
    assert len(station.inbox) == ends + times + read


# What is retained


def reading(stage: Stage, proposed: int | None) -> tuple[Station, files.ReadFile]:
    """A station with an open file, which has negotiated a buffer or not, and a read of 2000 bytes."""
    station = stage.station(UDP).licensed()
    if proposed is not None:
        assert station.code(connection.NegotiateBuffer(proposed)) == 0
    assert station.open() == 0
    (handle,) = stage.connection(UDP).files
    return station, files.ReadFile(0, handle, 0, 2000)


@pytest.mark.parametrize("proposed", [None, 512, 1024, 1444, 65535])
def test_retained_replies_are_bounded(open_stage: OpenStage, proposed: int | None) -> None:
    """What is kept of a connection is never longer than the negotiated size; a long read is executed again."""
    stage = open_stage("nls")
    station, read = reading(stage, proposed)
    core = stage.connection(UDP)
    size = {None: 512, 65535: 1444}.get(proposed, proposed or 0)
    assert core.buffer == size
    (node,) = core.files.values()
    node.node.read = lambda offset, length: bytes(length)  # type: ignore[method-assign]
    for length in (size, size + HEADROOM - 10, size + HEADROOM - 9, 2000):
        first = send(station, files.ReadFile(0, read.handle, 0, length))
        assert len(first[0]) == 8 + 2 + length
        assert core.reply is not None
        assert len(core.reply) == (len(first[0]) if len(first[0]) <= size + HEADROOM else 0)
        assert station.again() == first


def test_a_forged_duplicate_executes_nothing(open_stage: OpenStage) -> None:
    """After a reply that was too long, only a function without effects may be executed under that sequence."""
    stage = open_stage("nls")
    station = stage.station(UDP).attached()
    assert len(send(station, status.GetActiveConnections(0, 2))[0]) == 528
    stage.connection(UDP).reply = b""  # as if it had been longer than the buffer
    lines = len(stage.records)
    forged = RequestPacket(ncp.REQUEST, station.sequence, 1, 1, 23, GUEST.body())
    assert station.send(forged.encode()) == []
    assert (stage.state(UDP), len(stage.records)) == ("attached", lines)


def test_only_functions_without_effects_are_repeated(open_stage: OpenStage) -> None:
    """None of them writes a line, moves a license or opens anything."""
    stage = open_stage("nls")
    station = stage.station(UDP).licensed()
    requests = stage.server._dispatch._functions
    for key in REPEATABLE:
        _, decode, _ = requests[key]
        lines = len(stage.records)
        send(station, decode(bytes(40)))
        assert len(stage.records) == lines, key


def test_nothing_is_retained_over_tcp(open_stage: OpenStage) -> None:
    """TCP delivers once: the same bytes again are another request."""
    stage = open_stage("nls")
    station = stage.station(TCP).attached()
    assert station.login("JOE", "wrong") == 0xFF
    station.again()
    assert stage.connection(TCP).reply is None
    assert len(stage.events("login-failed")) == 2


# Using a file without a license


def test_a_file_licenses_or_is_refused(open_stage: OpenStage, transport: str) -> None:
    """By default using a file takes a license; where that is switched off it is 0xE0, and nothing moves."""
    for auto in (True, False):
        stage = open_stage("nls", auto_license=auto)
        station = stage.station(f"{transport}:10.0.0.1:1025").licensed()
        assert station.change(0) == 0
        assert station.open() == (0 if auto else 0xE0)
        assert stage.state(station.name) == ("licensed" if auto else "authenticated")
        assert stage.held == int(auto)
        assert [(record["what"], record["code"]) for record in stage.events("deny")] == [("license", 0xE0)] * (not auto)
        assert station.change(1) == (0x7B if auto else 0)
        assert station.open() == 0
