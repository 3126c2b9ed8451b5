"""Messages: delivered or not, announced, fetched, and never seen by who has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.journal.record import Journal
from fakenw.wire import packet as ncp
from fakenw.wire.packet import Broadcast, decode_reply
from fakenw.wire.requests import connection, message, server
from harness.judge.audit import books_balance

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
SENDER, TARGET = "udp:10.0.0.1:1025", "{}:10.0.0.2:1025"


def pair(stage: Stage, transport: str) -> tuple[Station, Station]:
    """ANN, and JOE who is to get a message."""
    sender = stage.station(SENDER).licensed("ANN")
    return sender, stage.station(TARGET.format(transport)).licensed("JOE", "SECRET")


def send(sender: Station, text: str, *numbers: int, old: bool = True) -> tuple[int, ...]:
    """Send a message; what became of it."""
    if old:
        return message.SendStates.decode(sender.call(message.SendMessageOld(numbers, text)).data).states
    return message.ManySendStates.decode(sender.call(message.SendMessage(numbers, text)).data).states


def fetch(station: Station, *, old: bool = True) -> tuple[str, int]:
    """The text that waits, and the status of the reply that brought it."""
    reply = station.call(message.GetMessageOld() if old else message.GetMessage())
    assert reply.completion == 0
    return message.Message.decode(reply.data).text, reply.status


@pytest.mark.parametrize("old", [True, False])
def test_a_message_waits_until_it_is_fetched(open_stage: OpenStage, transport: str, old: bool) -> None:
    """Every reply has status 0x40 until then, and over UDP the notice came first; the fetching reply has it no more."""
    stage = open_stage("nls")
    sender, target = pair(stage, transport)
    target.inbox.clear()
    assert send(sender, "HELLO", target.number, old=old) == (0,)
    assert target.inbox == ([Broadcast(target.number).encode()] if transport == "udp" else [])
    for _ in range(2):
        reply = target.call(server.GetServerTime())
        assert (reply.completion, reply.status) == (0, ncp.MESSAGE_WAITING)
    refused = target.call(connection.ClearConnection(9))
    assert (refused.completion, refused.status) == (0xC6, ncp.MESSAGE_WAITING)
    assert fetch(target, old=old) == ("HELLO", 0)
    assert fetch(target, old=old) == ("", 0)
    assert target.call(server.GetServerTime()).status == 0
    (line,) = stage.events("operator")
    assert (line["action"], line["by"], line["user"], line["text"]) == ("message", "ANN", "JOE", "HELLO")


def test_a_duplicate_has_the_status_of_its_time(open_stage: OpenStage) -> None:
    """A reply that is sent again is the same bytes, though a message has come since."""
    stage = open_stage("nls")
    sender, target = pair(stage, "udp")
    first = target.send(target.last[:2] + bytes([target.sequence + 1]) + target.last[3:6] + b"\x14")
    assert send(sender, "HELLO", target.number) == (0,)
    assert target.again() == first
    assert decode_reply(first[0]).status == 0


def test_fetching_twice_is_one_fetch(open_stage: OpenStage) -> None:
    """The reply got lost: the duplicate brings the message again."""
    stage = open_stage("nls")
    sender, target = pair(stage, "udp")
    assert send(sender, "HELLO", target.number) == (0,)
    assert fetch(target) == ("HELLO", 0)
    first = list(target.inbox)
    assert target.again() == first


@pytest.mark.parametrize("old", [True, False])
def test_states(open_stage: OpenStage, transport: str, old: bool) -> None:
    """1 no such connection, 2 not logged in, 3 not accepting messages, 4 has one already, 0 sent; in order."""
    stage = open_stage("nls")
    sender, target = pair(stage, transport)
    guest = stage.station("udp:10.0.0.3:1025").attached()
    quiet = stage.station("tcp:10.0.0.4:40001").licensed()
    assert quiet.code(message.DisableBroadcasts()) == 0
    numbers = (77, guest.number, quiet.number, target.number, target.number, sender.number)
    assert send(sender, "HELLO", *numbers, old=old) == (1, 2, 3, 0, 4, 0)
    assert fetch(sender) == ("HELLO", 0)
    assert guest.call(server.GetServerTime()).status == 0
    assert quiet.code(message.EnableBroadcasts()) == 0
    assert send(sender, "AGAIN", quiet.number, old=old) == (0,)
    assert fetch(quiet) == ("AGAIN", 0)


def test_nobody_else_sees_it(open_stage: OpenStage, transport: str) -> None:
    """nmap takes status 0x40 for an error: a connection without a message never has it."""
    stage = open_stage("nls")
    sender, target = pair(stage, transport)
    bystander = stage.station("tcp:10.0.0.5:40001").attached()
    assert send(sender, "HELLO", target.number) == (0,)
    assert [station.call(server.GetServerTime()).status for station in (bystander, sender)] == [0, 0]
    assert not any(ncp.packet_type(packet) == ncp.BROADCAST for packet in bystander.inbox + sender.inbox)


def test_a_message_is_its_users(open_stage: OpenStage) -> None:
    """Who logs out takes it along, and the wish to be left alone too."""
    stage = open_stage("nls")
    sender, target = pair(stage, "udp")
    assert send(sender, "HELLO", target.number) == (0,)
    assert target.code(message.DisableBroadcasts()) == 0
    assert target.logout() == 0
    assert target.login("GUEST") == 0
    assert fetch(target) == ("", 0)
    assert send(sender, "HELLO", target.number) == (0,)


def test_lengths(open_stage: OpenStage) -> None:
    """The old functions carry 58 characters, the new ones 254."""
    stage = open_stage("nls")
    sender, target = pair(stage, "udp")
    text = "x" * 200
    assert send(sender, text, target.number) == (0,)
    assert fetch(target, old=False) == (text[:58], 0)
    assert send(sender, text, target.number, old=False) == (0,)
    assert fetch(target, old=False) == (text, 0)
    assert send(sender, text, target.number, old=False) == (0,)
    assert fetch(target, old=True) == (text[:58], 0)


def test_to_the_console(open_stage: OpenStage, transport: str) -> None:
    """The console is the journal."""
    stage = open_stage("nls")
    _, target = pair(stage, transport)
    assert target.code(message.BroadcastToConsole("FIRE")) == 0
    (line,) = stage.events("operator")
    assert (line["action"], line["by"], line["text"]) == ("console-message", "JOE", "FIRE")


@pytest.mark.parametrize("accepts", [True, False])
def test_a_clear_leaves_a_message_first(open_stage: OpenStage, accepts: bool) -> None:
    """Over UDP the notice comes before the connection goes; who wants no messages gets none."""
    stage = open_stage("nls")
    _, target = pair(stage, "udp")
    console = stage.station("tcp:10.0.0.9:40001").licensed("SUPERVISOR")
    assert accepts or target.code(message.DisableBroadcasts()) == 0
    target.inbox.clear()
    assert console.code(connection.ClearConnection(target.number)) == 0
    assert target.inbox == ([Broadcast(target.number).encode()] if accepts else [])
    reply = target.call(message.GetMessageOld())
    assert (reply.completion, reply.status) == (0xFD, 0x01)


def test_who_clears_himself_sees_the_status(open_stage: OpenStage) -> None:
    """The last reply says that a message waits."""
    stage = open_stage("nls")
    console = stage.station(SENDER).licensed("SUPERVISOR")
    reply = console.call(connection.ClearConnection(console.number))
    assert (reply.completion, reply.status) == (0, ncp.MESSAGE_WAITING)
    assert stage.state(SENDER) == "gone"


def test_an_attachment_may_send_one(open_stage: OpenStage, transport: str) -> None:
    """It has no user, and the books balance all the same."""
    stage = open_stage("nls")
    sender = stage.station(SENDER).attached()
    target = stage.station(TARGET.format(transport)).licensed("JOE", "SECRET")
    send(sender, "hello", target.number)
    assert [record["by"] for record in stage.events("operator")] == [None]
    assert books_balance(Journal("server.jsonl", stage.records)) == []


@pytest.mark.parametrize("kind", [message.ConsoleBroadcast, message.ConsoleBroadcastOld])
def test_a_broadcast_from_the_console(
    open_stage: OpenStage, transport: str, kind: type[message.ConsoleBroadcast] | type[message.ConsoleBroadcastOld]
) -> None:
    """To the stations named, or to all that are logged in and accept messages; at most 60 characters; 0xFD for none."""
    stage = open_stage("nls")
    ann, joe = pair(stage, transport)
    console = stage.station("tcp:10.0.0.9:1025").licensed("SUPERVISOR")
    idle = stage.station("udp:10.0.0.3:1025").attached()
    assert ann.code(kind((joe.number,), "NO")) == 0xC6
    assert console.code(kind((joe.number, 99), "NO")) == 0xFD
    assert stage.events("operator") == []
    assert console.code(kind((joe.number,), "X" * 70)) == 0
    assert (fetch(ann, old=False), fetch(joe, old=False)) == (("", 0), ("X" * 60, 0))
    assert joe.code(message.DisableBroadcasts()) == 0
    assert console.code(kind((), "GO HOME")) == 0
    assert [fetch(each)[0] for each in (ann, joe, console, idle)] == ["GO HOME", "", "GO HOME", ""]
    told = [(line["by"], line["user"], line["text"]) for line in stage.events("operator")]
    assert told == [
        ("SUPERVISOR", *rest) for rest in (("JOE", "X" * 60), ("ANN", "GO HOME"), ("SUPERVISOR", "GO HOME"))
    ]
