"""Faults of a running server: what they do to requests, and what the journal says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.core.dispatch import BUSY_REPLIES
from fakenw.core.fault_table import MOST, TooManyFaults
from fakenw.faults.busy import BusyFault
from fakenw.faults.delay import DelayFault
from fakenw.faults.refuse_logins import RefuseLoginsFault
from fakenw.faults.slow import SlowFault
from fakenw.journal.record import SECOND, read_lines
from fakenw.wire import packet as ncp
from fakenw.wire.packet import ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import bindery, server
from harness.judge.audit import books_balance

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
UDP, OTHER, TCP = "udp:10.0.0.1:1025", "udp:10.0.0.2:1025", "tcp:10.0.0.1:40001"
ADMIN = "127.0.0.1:5000"
TIME = server.GetServerTime()


def begin(stage: Stage, fault: Any, station: str | None = None, lasting: int | None = None) -> Any:
    begun: list[Any] = []
    stage.delivery.act(lambda: begun.append(stage.server.faults.begin(fault, station, lasting, ADMIN)))
    return begun[0]


def end(stage: Stage, live: Any) -> None:
    stage.delivery.act(lambda: stage.server.faults.end(live, "removed", ADMIN))


def send(station: Station, request: Any = TIME) -> list[bytes]:
    """Send a request; what comes back at once."""
    station.sequence = (station.sequence + 1) & 0xFF
    body = request.body()
    return station.send(
        RequestPacket(ncp.REQUEST, station.sequence, station.number, 1, request.function, body).encode()
    )


def told(stage: Stage) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in record.fields.items() if name not in ("server", "held", "limit")}
        for record in stage.events("fault")
    ]


def test_begin_and_end_are_lines(open_stage: OpenStage) -> None:
    """With the numbers, the station, the operator's address, and the cause of the end."""
    stage = open_stage()
    begin(stage, DelayFault(200_000), UDP, 300 * SECOND)
    stage.wait(1)
    end(stage, begin(stage, SlowFault(2 * SECOND, (23, 29))))
    stage.wait(300)
    delay = {"id": 1, "what": "delay", "by": 0.2, "way": "out", "station": UDP, "for": 300.0}
    slow = {"id": 2, "what": "slow", "by": 2.0, "ncp": "23/29", "station": None}
    assert told(stage) == [
        {**delay, "state": "begin", "from": ADMIN},
        {**slow, "state": "begin", "from": ADMIN},
        {**slow, "state": "end", "cause": "removed", "from": ADMIN},
        {**delay, "state": "end", "cause": "limit"},
    ]
    assert [record.t for record in stage.events("fault")] == [0, SECOND, SECOND, 300 * SECOND]


def test_a_reset_and_a_stop_end_them(open_stage: OpenStage) -> None:
    """A reset behind all that it ends; a stop before its own line."""
    stage = open_stage()
    stage.station(UDP).licensed()
    begin(stage, BusyFault())
    stage.delivery.act(stage.server.reset)
    assert (stage.records[-2].event, told(stage)[-1]["cause"]) == ("close", "reset")
    begin(stage, RefuseLoginsFault(), lasting=SECOND)
    stage.delivery.stop()
    assert [record.event for record in stage.records[-2:]] == ["fault", "stop"]
    assert told(stage)[-1]["cause"] == "stop"
    assert stage.server.faults.link.calm


def test_a_limit_comes_on_a_server_that_is_down(open_stage: OpenStage) -> None:
    stage = open_stage()
    begin(stage, BusyFault(), lasting=10 * SECOND)
    stage.server.down()
    stage.wait(10)
    assert told(stage)[-1] == {"id": 1, "what": "busy", "station": None, "for": 10.0, "state": "end", "cause": "limit"}


def test_there_are_so_many_at_most(open_stage: OpenStage) -> None:
    stage = open_stage()
    for _ in range(MOST):
        begin(stage, BusyFault())
    with pytest.raises(TooManyFaults):
        begin(stage, BusyFault())
    stage.server.faults.end_all("removed")
    assert begin(stage, BusyFault()).number == MOST + 1


@pytest.mark.parametrize(("pattern", "slow"), [(None, True), (UDP, True), ("udp:10.0.0.1:*", True), (OTHER, False)])
def test_slow_answers(open_stage: OpenStage, pattern: str | None, slow: bool) -> None:
    """The request is executed at once, and its reply comes later; a repetition is "being processed"."""
    stage = open_stage()
    station = stage.station(UDP).licensed()
    begin(stage, SlowFault(2 * SECOND), pattern, 5 * SECOND)
    if not slow:
        assert len(send(station)) == 1
        return
    assert send(station) == []
    stage.wait(1)
    assert decode_reply(station.again()[0]).type == ncp.BEING_PROCESSED
    station.inbox.clear()
    stage.wait(1)
    assert decode_reply(station.inbox[0]).type == ncp.REPLY
    stage.wait(3)
    assert len(send(station)) == 1


def test_one_ncp_is_slow(open_stage: OpenStage, transport: str) -> None:
    """Others are not, and the order of a station's replies stays."""
    stage = open_stage()
    station = stage.station(UDP if transport == "udp" else TCP).attached()
    begin(stage, SlowFault(2 * SECOND, (23, 20)))
    assert len(send(station)) == 1
    assert send(station, bindery.PlainLogin(1, "GUEST", "")) == []
    assert stage.state(station.name) == "licensed"
    assert send(station) == []
    stage.wait(2)
    assert [decode_reply(reply).sequence for reply in station.inbox] == [2, 3]


def test_a_busy_server_executes_when_that_is_over(open_stage: OpenStage, transport: str) -> None:
    """The first answer and that to each repetition are 0x9999; then the request is executed once, and answered."""
    stage = open_stage()
    station = stage.station(UDP if transport == "udp" else TCP).attached()
    other = stage.station(OTHER).attached()
    begin(stage, BusyFault(), station.name, 3 * SECOND)
    (busy,) = send(station, bindery.PlainLogin(1, "GUEST", ""))
    assert decode_reply(busy) == ReplyPacket(ncp.BEING_PROCESSED, 1, station.number, 1, 0, 0, b"")
    if transport == "udp":
        stage.wait(1)
        assert decode_reply(station.again()[0]).type == ncp.BEING_PROCESSED
    assert len(send(other)) == 1
    assert stage.held == 0
    station.inbox.clear()
    stage.until(3 * SECOND)
    (reply,) = station.inbox
    assert decode_reply(reply) == ReplyPacket(ncp.REPLY, 1, station.number, 1, 0, 0, b"")
    assert stage.held == 1
    if transport == "udp":
        assert station.again() == [reply]
    assert len(send(station)) == 1
    assert stage.held == 1


def test_what_waits_in_a_stream_follows(open_stage: OpenStage) -> None:
    """One request of a station is held at a time; those behind it stay in its stream, in their order."""
    stage = open_stage()
    station = stage.station(TCP).attached()
    live = begin(stage, BusyFault())
    assert len(send(station)) == 1
    assert send(station) == send(station) == []
    end(stage, live)
    while stage.server.kept:
        stage.receive(TCP, b"")
    assert [decode_reply(reply).sequence for reply in station.inbox] == [1, 2, 3]


def test_a_client_that_repeats_for_too_long_is_dropped(open_stage: OpenStage) -> None:
    """As of any request that is being processed (KB Q176027)."""
    stage = open_stage()
    station = stage.station(UDP).licensed()
    live = begin(stage, BusyFault())
    send(station)
    for _ in range(BUSY_REPLIES - 1):
        station.again()
    assert stage.records[-1]["cause"] == "busy"
    station.inbox.clear()
    end(stage, live)
    assert station.inbox == []


def test_a_reply_is_repeated_by_a_busy_server(open_stage: OpenStage) -> None:
    """What was executed before is not held back."""
    stage = open_stage()
    station = stage.station(UDP).attached()
    (reply,) = send(station)
    begin(stage, BusyFault())
    assert station.again() == [reply]


def test_a_server_that_goes_down_answers_what_it_held(open_stage: OpenStage) -> None:
    stage = open_stage()
    station = stage.station(UDP).attached()
    begin(stage, BusyFault())
    send(station)
    station.inbox.clear()
    stage.delivery.act(stage.server.down)
    assert decode_reply(station.inbox[0]).status == ncp.SERVER_DOWN


@pytest.mark.parametrize("how", ["keyed", "plain"])
def test_logins_are_refused(open_stage: OpenStage, how: str) -> None:
    """For the station alone, and with the code of a login that an operator has disabled."""
    stage = open_stage()
    station, other = (stage.station(name).attached() for name in (UDP, OTHER))
    begin(stage, RefuseLoginsFault(), UDP, SECOND)

    def log_in(one: Station) -> int:
        return one.login() if how == "keyed" else one.code(bindery.PlainLogin(1, "GUEST", ""))

    assert (log_in(station), log_in(other)) == (0xC5, 0)
    assert stage.events("login-failed")[0]["code"] == 0xC5
    stage.wait(1)
    assert log_in(station) == 0


def test_a_silent_station_has_answered_before_it_is_dropped(open_stage: OpenStage) -> None:
    """A request that is held is a sign of life; the audit takes no line about a connection that is gone."""
    stage = open_stage()
    station = stage.station(UDP).licensed()
    stage.wait(300)
    station.inbox.clear()
    stage.wait(60)
    assert stage.events("watchdog")[-1]["what"] == "silent"
    begin(stage, BusyFault())
    send(station)
    assert stage.events("watchdog")[-1]["what"] == "answered"
    stage.wait(240)
    for _ in range(BUSY_REPLIES - 1):
        station.again()
    assert books_balance(read_lines([record.line() for record in stage.records], "server.jsonl")) == []
