"""The requester: numbering, repeating, matching replies, answering watchdogs."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest

from fakenw.core.peer import TRANSPORTS, UDP
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.framing import DMDT, Deframer, frame_reply
from fakenw.wire.packet import Refused, ReplyPacket, WatchdogPacket, decode_request
from fakenw.wire.requests.connection import BufferSize, EndOfJob, Logout, NegotiateBuffer
from harness.client.workstation import PATIENCE, TRIES, TRY, Exchange, Gone, Lost, Requester, Sleep, failure, sleep


def finish(behaviour: Coroutine[Any, Any, Any], reply: ReplyPacket | Exception | None = None) -> Any:
    """Resume *behaviour*, which must end now; its result."""
    with pytest.raises(StopIteration) as end:
        behaviour.throw(reply) if isinstance(reply, Exception) else behaviour.send(reply)
    return end.value.value


def ask(requester: Requester, behaviour: Coroutine[Any, Any, Any], now: int = 0) -> bytes:
    """Start *behaviour* up to its first exchange and put that on the way; the bytes sent."""
    waits = behaviour.send(None)
    assert isinstance(waits, Exchange)
    assert waits.requester is requester
    (sent,) = requester.begin(now, waits.packet)
    return sent


def reply_to(sent: bytes, number: int = 3, code: int = 0, status: int = 0, data: bytes = b"") -> ReplyPacket:
    """The server's reply to the packet *sent*."""
    packet = decode_request(sent)
    return ReplyPacket(ncp.REPLY, packet.sequence, number, packet.task, code, status, data)


def attached(world: Any, transport: str = "udp") -> Requester:
    """A requester that has connection 3."""
    requester = Requester(world, "FAKENW", TRANSPORTS[transport])
    behaviour = requester.create()
    sent = ask(requester, behaviour)
    if transport == "tcp":
        (sent,) = Deframer(DMDT).feed(sent)
    raw = reply_to(sent).encode()
    assert requester.receive(0, frame_reply(raw) if transport == "tcp" else raw) == []
    outcome = requester.take()
    assert isinstance(outcome, ReplyPacket)
    finish(behaviour, outcome)
    return requester


def test_create_takes_the_number_and_resets_the_sequence(world: Any) -> None:
    """A create asks with no number and sequence 0, and the first request after it has sequence 1."""
    requester = Requester(world, "FAKENW", UDP)
    behaviour = requester.create()
    sent = decode_request(ask(requester, behaviour))
    assert (sent.type, sent.sequence, sent.connection) == (ncp.CREATE, 0, ncp.NO_CONNECTION)
    finish(behaviour, ReplyPacket(ncp.REPLY, 0, 300, 0, 0, 0, b""))
    assert (requester.number, requester.station) == (300, "udp:10.0.0.1:1025")
    first = decode_request(ask(requester, requester.call(EndOfJob(), task=9)))
    assert (first.type, first.sequence, first.connection, first.task) == (ncp.REQUEST, 1, 300, 9)


def test_sequence_wraps_and_destroy_is_the_next(world: Any) -> None:
    """255 is followed by 0, and a destroy has a sequence of its own."""
    requester = attached(world)
    for expected in [*range(1, 256), 0]:
        behaviour = requester.call(EndOfJob())
        sent = ask(requester, behaviour)
        assert decode_request(sent).sequence == expected
        finish(behaviour, reply_to(sent))
    sent = ask(requester, requester.destroy())
    assert (decode_request(sent).type, decode_request(sent).sequence) == (ncp.DESTROY, 1)


def test_call_decodes_the_reply(world: Any) -> None:
    """A call comes back with the layout of its reply."""
    requester = attached(world)
    behaviour = requester.call(NegotiateBuffer(2048))
    sent = ask(requester, behaviour)
    assert finish(behaviour, reply_to(sent, data=b"\x04\x00")) == BufferSize(1024)


@pytest.mark.parametrize(
    ("code", "status", "data", "error"),
    [
        (0xE0, 0, b"", Refused),
        (0, ncp.MESSAGE_WAITING, b"\4\0", None),
        (0xFD, ncp.BAD_CONNECTION, b"", Gone),
        (0, ncp.BAD_CONNECTION, b"\4\0", Gone),
        (0xFF, ncp.SERVER_DOWN, b"", Gone),
        (0, 0, b"\4", Gone),
    ],
)
def test_outcomes(world: Any, code: int, status: int, data: bytes, error: type[Exception] | None) -> None:
    """A code refuses, two status bits and unreadable data end the connection, a waiting message is no error."""
    requester = attached(world)
    behaviour = requester.call(NegotiateBuffer(2048))
    reply = reply_to(ask(requester, behaviour), code=code, status=status, data=data)
    if error is None:
        finish(behaviour, reply)
    else:
        with pytest.raises(error):
            behaviour.send(reply)


def test_full_table_refuses_the_create(world: Any) -> None:
    """The reply without a number, sequence and task (mars_nwe) is matched, and nobody destroys connection 0."""
    requester = Requester(world, "FAKENW", UDP)
    behaviour = requester.create()
    ask(requester, behaviour)
    requester.receive(0, ReplyPacket(ncp.REPLY, 0, 0, 0, 0xF9, 0, b"").encode())
    outcome = requester.take()
    with pytest.raises(Refused) as refused:
        behaviour.send(outcome)
    assert refused.value.code == 0xF9
    finish(requester.destroy())
    assert not world.made[0].is_open


def test_udp_repeats_the_same_bytes_and_gives_up(world: Any) -> None:
    """20 tries 3 seconds apart, byte for byte the same, then Lost; the next request has the next sequence."""
    requester = attached(world)
    behaviour = requester.call(Logout())
    sent = ask(requester, behaviour, now=5)
    tries, now = 1, 5
    while requester.deadline is not None:
        assert requester.deadline == now + TRY
        assert requester.expire(requester.deadline - 1) == []
        now = requester.deadline
        again = requester.expire(now)
        assert again in ([sent], [])
        tries += len(again)
    assert (tries, now) == (TRIES, 5 + 60 * SECOND)
    outcome = requester.take()
    assert isinstance(outcome, Lost)
    assert requester.take() is None
    with pytest.raises(Lost):
        behaviour.throw(outcome)
    assert decode_request(ask(requester, requester.call(Logout()))).sequence == 2


def test_tcp_repeats_nothing(world: Any) -> None:
    """Over TCP one long wait takes the place of all tries."""
    requester = attached(world, "tcp")
    ask(requester, requester.call(Logout()), now=7)
    assert requester.deadline == 7 + PATIENCE
    assert requester.expire(7 + PATIENCE) == []
    assert isinstance(requester.take(), Lost)


def test_being_processed_rearms_the_timer(world: Any) -> None:
    """0x9999 for our request is no reply, but the timer starts anew; for another one it does nothing."""
    requester = attached(world)
    sent = ask(requester, requester.call(Logout()))
    busy = reply_to(sent)._replace(type=ncp.BEING_PROCESSED)
    requester.receive(SECOND, busy.encode())
    assert (requester.take(), requester.deadline) == (None, SECOND + TRY)
    requester.receive(2 * SECOND, busy._replace(sequence=9).encode())
    assert requester.deadline == SECOND + TRY


def test_who_is_told_that_the_server_is_busy_does_not_give_up(world: Any) -> None:
    """A busy answer costs no try: a client asks for as long as it is told so (KB Q176027: the server tires first)."""
    requester = attached(world)
    sent = ask(requester, requester.call(Logout()))
    busy = reply_to(sent)._replace(type=ncp.BEING_PROCESSED).encode()
    now = 0
    for _ in range(10 * TRIES):
        requester.receive(now, busy)
        now += TRY
        assert requester.expire(now) == [sent]
    assert requester.take() is None
    for _ in range(TRIES):
        now += TRY
        requester.expire(now)
    assert isinstance(requester.take(), Lost)


def test_only_the_awaited_reply_matches(world: Any) -> None:
    """Other sequences, other connections, broadcasts, unknown types and scraps are skipped; a reply counts once."""
    requester = attached(world)
    right = reply_to(ask(requester, requester.call(Logout())))
    wrong = [
        right._replace(sequence=9).encode(),
        right._replace(connection=4).encode(),
        right._replace(type=ncp.BROADCAST).encode(),
        right._replace(type=0x7777).encode(),
        right.encode()[:7],
        b"3",
        b"",
    ]
    for data in wrong:
        assert requester.receive(0, data) == []
        assert requester.take() is None
    requester.receive(0, right.encode())
    assert requester.take() == right
    requester.receive(0, right.encode())
    assert requester.take() is None


def test_watchdog_is_answered_by_the_requester(world: Any) -> None:
    """The same ten bytes with a Y, for our own connection, whatever the program is doing (Linux ncpfs)."""
    requester = attached(world)
    asked = bytearray(WatchdogPacket(3, b"?").encode())
    asked[2] = 77  # a field we know nothing about comes back as it was
    assert requester.receive(0, bytes(asked)) == [bytes(asked[:9]) + b"Y"]
    assert requester.receive(0, WatchdogPacket(4, b"?").encode()) == []
    assert requester.receive(0, WatchdogPacket(3, b"!").encode()) == []
    assert requester.receive(0, WatchdogPacket(3, b"?").encode()[:9]) == []
    requester.close()
    assert requester.receive(0, WatchdogPacket(3, b"?").encode()) == []


def test_watchdog_is_not_answered_before_there_is_a_connection(world: Any) -> None:
    """No number, no answer; and over TCP none at all (libncp skips it)."""
    assert Requester(world, "FAKENW", UDP).receive(0, WatchdogPacket(ncp.NO_CONNECTION, b"?").encode()) == []
    assert attached(world, "tcp").receive(0, frame_reply(WatchdogPacket(3, b"?").encode())) == []


def test_tcp_stream_byte_by_byte(world: Any) -> None:
    """A reply in pieces is put together, and a broadcast before it is skipped."""
    requester = attached(world, "tcp")
    (sent,) = Deframer(DMDT).feed(ask(requester, requester.call(Logout())))
    reply = reply_to(sent)
    for byte in frame_reply(reply._replace(type=ncp.BROADCAST).encode()) + frame_reply(reply.encode()):
        assert requester.take() is None
        requester.receive(0, bytes([byte]))
    assert requester.take() == reply


@pytest.mark.parametrize("data", [b"GET / HTTP/1.0\r\n", frame_reply(b"\x33\x33\x01\x03\x01\x00")])
def test_unreadable_tcp_is_gone(world: Any, data: bytes) -> None:
    """There is no way on in a broken stream: the exchange fails and the link is closed."""
    requester = attached(world, "tcp")
    ask(requester, requester.call(Logout()))
    assert requester.receive(0, data) == []
    assert isinstance(requester.take(), Gone)
    assert not world.made[0].is_open
    with pytest.raises(Gone):
        requester.call(Logout()).send(None)


def test_closed_by_the_server(world: Any) -> None:
    """A closed TCP connection ends the exchange on the way, and every later one; a destroy is content."""
    requester = attached(world, "tcp")
    ask(requester, requester.call(Logout()))
    requester.closed(0)
    assert isinstance(requester.take(), Gone)
    assert requester.deadline is None
    requester = attached(world, "tcp")
    requester.closed(0)
    with pytest.raises(Gone):
        requester.call(Logout()).send(None)
    finish(requester.destroy())


def test_unknown_server_is_an_os_error(world: Any) -> None:
    """The runner knows no such server."""
    with pytest.raises(OSError, match="NOWHERE"):
        Requester(world, "NOWHERE", UDP).create().send(None)


def test_second_behaviour_waits_for_its_turn(world: Any) -> None:
    """A connection has one request on the way; the sequence is taken when the turn comes."""
    requester = attached(world)
    first, second = requester.call(EndOfJob()), requester.call(Logout())
    sent = ask(requester, first)
    assert isinstance(second.send(None), Sleep)
    finish(first, reply_to(sent))
    assert decode_request(ask(requester, second)).sequence == 2


def test_sleep_yields_its_duration() -> None:
    """A behaviour waits by yielding."""
    assert sleep(5).send(None) == Sleep(5)


def test_failures_in_words() -> None:
    """What a journal says about each failure."""
    assert failure(Refused(0xE0)) == {"code": 0xE0, "reason": "refused"}
    assert failure(Gone()) == {"code": None, "reason": "gone"}
    assert failure(Lost()) == {"code": None, "reason": "lost"}
    assert failure(OSError()) == {"code": None, "reason": "unreachable"}
