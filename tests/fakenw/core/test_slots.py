"""Slots, sequences and duplicates; what is said to a connection that is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.core.peer import Peer
from fakenw.wire import packet as ncp
from fakenw.wire.packet import ReplyPacket, RequestPacket
from fakenw.wire.requests import bindery, connection, server

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]
SUBJECT = {"udp": "udp:10.0.0.1:1025", "tcp": "tcp:10.0.0.1:40001"}


def names(transport: str, count: int) -> list[str]:
    """Stations that differ in their port only."""
    return [f"{transport}:10.0.0.1:{1025 + port}" for port in range(count)]


# Slots


def test_create(open_stage: OpenStage, transport: str) -> None:
    """The reply has the sequence and the task of the create, and the lowest number."""
    stage = open_stage("nls")
    station = stage.station(SUBJECT[transport])
    assert station.create(sequence=1) == ReplyPacket(ncp.REPLY, 1, 1, 1, 0, 0, b"")
    create, state = stage.records[1:]
    assert (create.event, create["connection"], create["serial"], create.get("again")) == ("create", 1, 1, None)
    assert (state.event, state["from"], state["to"], state["cause"]) == ("state", "gone", "attached", "create")
    assert create["station"] == station.name


@pytest.mark.parametrize("first", [0, 1])
def test_create_resets_the_sequence(open_stage: OpenStage, transport: str, first: int) -> None:
    """libncp's create and its first request both have sequence 1: the second is no duplicate of the first."""
    station = open_stage("nls").station(SUBJECT[transport])
    station.create(sequence=first)
    reply = station.call(server.GetServerTime())
    assert (reply.sequence, reply.completion, len(reply.data)) == (1, 0, 7)


def test_create_again_reuses_the_slot(open_stage: OpenStage, transport: str) -> None:
    """A workstation that was restarted gets its old number; its login, license and files are gone."""
    stage = open_stage("nls")
    first, second = (stage.station(name) for name in names(transport, 2))
    first.licensed()
    second.attached()
    assert first.open() == 0
    assert first.create().connection == 1
    assert (stage.state(first.name), stage.held) == ("attached", 0)
    (create,) = [record for record in stage.events("create") if record.get("again")]
    assert (create["connection"], create["serial"], create["again"]) == (1, 3, True)
    assert {record["cause"] for record in stage.events("release", "close", "shut")} == {"reinitialize"}
    assert first.open() == 0x7D


def test_create_again_when_the_table_is_full(open_stage: OpenStage, transport: str) -> None:
    """Who owns a slot gets it again though none is free."""
    stage = open_stage("attach", licenses=1, connections=1)
    station = stage.station(SUBJECT[transport]).licensed()
    assert station.create().completion == 0
    assert (stage.held, stage.state(station.name)) == (1, "attached")
    assert not stage.events("deny")


def test_retransmitted_create(open_stage: OpenStage, transport: str) -> None:
    """A create that nothing followed is a retransmission: same number, nothing in the journal, nobody else affected."""
    stage = open_stage("attach")
    station = stage.station(SUBJECT[transport])
    first = station.create()
    lines = len(stage.records)
    assert [station.create() for _ in range(3)] == [first] * 3
    assert (len(stage.records), stage.held) == (lines, 1)
    assert station.code(server.GetServerTime()) == 0


def test_retransmitted_create_is_a_sign_of_life(open_stage: OpenStage) -> None:
    """A workstation that attaches again is not cleared for the silence before."""
    stage = open_stage("nls")
    station = stage.station(SUBJECT["udp"]).attached()
    stage.wait(889)
    station.create()
    stage.wait(800)
    assert stage.state(station.name) == "attached"


def test_lowest_free_number_first(open_stage: OpenStage, transport: str) -> None:
    """Numbers are given out from 1, and a free one lower down first."""
    stage = open_stage("nls")
    stations = [stage.station(name).attached() for name in names(transport, 6)]
    assert [station.number for station in stations] == [1, 2, 3, 4, 5, 6]
    for place in (4, 1, 2):
        stations[place].destroy()
    assert [stations[place].create().connection for place in (1, 2, 4)] == [2, 3, 5]
    assert [record["serial"] for record in stage.events("create")] == list(range(1, 10))


def test_table_is_full(open_stage: OpenStage, transport: str) -> None:
    """Without a free slot the create is refused with 0xF9 on connection 0; a slot that is freed serves again."""
    stage = open_stage("nls", connections=2)
    stations = [stage.station(name) for name in names(transport, 3)]
    for station in stations[:2]:
        station.attached()
    assert stations[2].create(sequence=1) == ReplyPacket(ncp.REPLY, 0, 0, 0, 0xF9, 0, b"")
    (denial,) = stage.events("deny")
    assert (denial["what"], denial["code"], denial["station"]) == ("slot", 0xF9, stations[2].name)
    stations[0].destroy()
    assert stations[2].create().connection == 1


# Sequences and duplicates


def test_sequence_wraps(open_stage: OpenStage, transport: str) -> None:
    """After 255 comes 0, which is a new request and no duplicate."""
    station = open_stage("nls").station(SUBJECT[transport]).attached()
    replies = [station.call(server.GetServerTime()) for _ in range(600)]
    assert [reply.sequence for reply in replies] == [n % 256 for n in range(1, 601)]
    assert {reply.completion for reply in replies} == {0}


def test_duplicates_are_not_executed_twice(open_stage: OpenStage, policy: str) -> None:
    """Over UDP the same bytes get the same bytes: one login, one grant, one key, one handle."""
    stage = open_stage(policy)
    station = stage.station(SUBJECT["udp"]).attached()
    key = station.send(RequestPacket(ncp.REQUEST, 1, 1, 1, 0x17, bindery.GetLoginKey().body()).encode())
    assert station.again() == key
    station.sequence = 1
    assert station.code(bindery.PlainLogin(1, "GUEST", "")) == 0
    lines = len(stage.records)
    assert [station.again() for _ in range(3)] == [station.again()] * 3
    assert len(stage.records) == lines
    assert len(stage.events("grant")) == stage.held == 1
    assert station.open() == 0
    assert station.again() == station.again()
    assert len(stage.events("open")) == 1
    assert station.code(bindery.PlainLogin(1, "JOE", "WRONG")) == 0xFF
    station.again()
    assert len(stage.events("login-failed")) == 1
    assert station.code(connection.Logout()) == 0
    station.again()
    assert len([r for r in stage.events("state") if r["cause"] == "logout"]) == 1


def test_duplicate_is_answered_as_it_was(open_stage: OpenStage) -> None:
    """The retained reply is repeated even where the world has changed since."""
    stage = open_stage("service", licenses=1)
    first, second = (stage.station(name).attached() for name in names("udp", 2))
    assert first.login() == 0
    assert second.code(bindery.PlainLogin(1, "GUEST", "")) == 0xE0
    first.destroy()
    assert ncp.decode_reply(second.again()[0]).completion == 0xE0
    assert stage.held == 0
    stage.wait(1.5)
    first_time = second.call(server.GetServerTime()).data
    stage.wait(10)
    assert ncp.decode_reply(second.again()[0]).data == first_time


def test_datagram_that_took_its_time(open_stage: OpenStage) -> None:
    """A copy that arrives after later requests is neither executed nor answered: the login it carries is long over."""
    stage = open_stage("nls")
    station = stage.station(SUBJECT["udp"]).attached()
    assert station.code(bindery.PlainLogin(1, "GUEST", "")) == 0
    login = station.last
    for behind in range(1, 128):
        if behind == 1:
            assert station.logout() == 0
        else:
            assert station.code(server.GetServerTime()) == 0
        if behind in (1, 2, 64, 127):
            newest, lines = station.last, len(stage.records)
            assert station.send(login) == []
            assert (len(stage.records), stage.held) == (lines, 0)
            assert len(station.send(newest)) == 1
    assert station.code(server.GetServerTime()) == 0


# Destroy, logout and what is gone


def test_destroy_and_logout_are_always_answered(open_stage: OpenStage, transport: str) -> None:
    """Also the second time, and after the connection was cleared: a silent server costs libncp a minute."""
    stage = open_stage("nls")
    operator = stage.station("udp:10.0.0.9:1025").licensed("SUPERVISOR")
    station = stage.station(SUBJECT[transport]).licensed()
    assert station.destroy().completion == 0
    assert [(reply.completion, reply.status) for reply in (station.destroy(), station.destroy())] == [(0, 0)] * 2
    assert station.logout() == 0
    station.attached()
    assert operator.code(connection.ClearConnection(station.number)) == 0
    assert station.logout() == 0
    assert station.destroy().completion == 0
    assert stage.state(station.name) == "gone"


def test_after_a_clear(open_stage: OpenStage, transport: str) -> None:
    """The next request gets 0xFD and status 1 without data; over TCP the socket is closed behind that reply."""
    stage = open_stage("nls")
    operator = stage.station("tcp:10.0.0.9:1025").licensed("SUPERVISOR")
    station = stage.station(SUBJECT[transport]).licensed()
    stage.order.clear()
    assert operator.code(connection.ClearConnection(station.number)) == 0
    notice = [("send", station.name)] if transport == "udp" else []
    assert stage.order == [*notice, ("send", operator.name)], "the socket is not closed before somebody asks"
    stage.order.clear()
    reply = station.call(server.GetServerTime())
    assert (reply.completion, reply.status, reply.data) == (0xFD, 0x01, b"")
    closes = [("close", station.name)] if transport == "tcp" else []
    assert stage.order == [("send", station.name), *closes]
    assert station.create().completion == 0
    assert station.code(server.GetServerTime()) == 0


def test_after_a_clear_the_client_may_attach_again(open_stage: OpenStage) -> None:
    """A TCP client that attaches anew on the same socket is not closed for what was before."""
    stage = open_stage("nls")
    operator = stage.station("udp:10.0.0.9:1025").licensed("SUPERVISOR")
    station = stage.station(SUBJECT["tcp"]).licensed()
    assert operator.code(connection.ClearConnection(station.number)) == 0
    station.attached().destroy()
    assert station.call(server.GetServerTime()).completion == 0xFD
    assert ("close", station.name) not in stage.order


# Packets of another station


@pytest.mark.parametrize("number", [0, 2, 257, 0xFFFF])
def test_a_destroy_needs_the_number(open_stage: OpenStage, transport: str, number: int) -> None:
    """A destroy with another number is answered, and ends nothing: neither this connection nor that one."""
    stage = open_stage("nls")
    first, second = (stage.station(name).licensed() for name in names(transport, 2))
    lines = len(stage.records)
    reply = first.ask(RequestPacket(ncp.DESTROY, first.sequence + 1, number, 1, 0, b""))
    assert (reply.completion, reply.connection, len(stage.records)) == (0, number, lines)
    assert stage.state(first.name) == stage.state(second.name) == "licensed"
    assert first.code(server.GetServerTime()) == 0


def test_a_reply_goes_where_the_request_came_from(open_stage: OpenStage, transport: str) -> None:
    """To no other station."""
    stage = open_stage("nls")
    stations = [stage.station(name).attached() for name in names(transport, 3)]
    for station in stations:
        stage.order.clear()
        packet = RequestPacket(ncp.REQUEST, 1, station.number, 1, server.GetServerTime.function, b"")
        station.send(packet.encode())
        assert stage.order == [("send", station.name)]


def test_an_edge_hears_which_station_has_no_slot_any_more(open_stage: OpenStage, transport: str) -> None:
    """So that it keeps nothing for a station that has gone."""
    stage = open_stage()
    gone: list[Peer] = []
    stage.server.table.removed = gone.append
    station = stage.station(f"{transport}:10.0.0.1:1025")
    station.create()
    assert gone == []
    station.destroy()
    assert [str(peer) for peer in gone] == [station.name]
