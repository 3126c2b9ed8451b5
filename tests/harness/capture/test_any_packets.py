"""Whatever packets a capture has, in whatever order: the observer reads on, and the books of its journal balance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fakenw.core.peer import IPX, TCP, UDP, Peer, Transport
from fakenw.journal.record import SECOND
from fakenw.wire.packet import CREATE, DESTROY, REPLY, REQUEST, ReplyPacket, RequestPacket, WatchdogPacket
from harness.capture.changes import HANDLERS
from harness.capture.message import Conversation, Life, Lifeline, Message
from harness.capture.observer import Observer
from harness.judge.audit import books_balance

STATIONS = {
    UDP: [Peer(UDP, ("10.0.0.1", 1025)), Peer(UDP, ("10.0.0.2", 1025))],
    TCP: [Peer(TCP, ("10.0.0.1", 1026)), Peer(TCP, ("10.0.0.2", 1026))],
    IPX: [Peer(IPX, ("00000001:000000000002", 0x4003)), Peer(IPX, ("00000001:000000000003", 0x4003))],
}
NUMBERS, SEQUENCES = st.integers(1, 3), st.integers(0, 6)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda sub, name: bytes([0, len(name) + 10, sub]) + bytes(10) + bytes([len(name)]) + name,
        st.sampled_from([sub or 0 for _, sub in HANDLERS]),
        st.binary(max_size=8),
    ),
)
FUNCTIONS = st.sampled_from([*(function for function, _ in HANDLERS), 0x48, 0x49])
CODES = st.sampled_from([0, 0, 0, 0x7A, 0x7B, 0x7C, 0xD9, 0xDF, 0xE0, 0xF9, 0xFB, 0xFD, 0xFF])

REQUESTS = st.builds(RequestPacket, st.just(REQUEST), SEQUENCES, NUMBERS, st.just(1), FUNCTIONS, BODIES)
ENDS = st.builds(
    RequestPacket, st.sampled_from([CREATE, DESTROY]), SEQUENCES, NUMBERS, st.just(0), st.just(0), st.just(b"")
)
REPLIES = st.builds(
    ReplyPacket, st.just(REPLY), SEQUENCES, NUMBERS, st.just(1), CODES, st.sampled_from([0, 0, 0, 1, 0x10]), BODIES
)
WATCHDOG = st.builds(WatchdogPacket, NUMBERS, st.sampled_from([b"?", b"Y"]))
PACKETS = st.one_of(REQUESTS, REQUESTS, ENDS, REPLIES, REPLIES, REPLIES, WATCHDOG).map(lambda one: one.encode())
EVENTS = st.tuples(
    st.integers(0, 1),  # which station
    st.integers(-2, 400),  # seconds since the last packet
    st.one_of(PACKETS, PACKETS, PACKETS, st.binary(max_size=30), st.sampled_from(list(Lifeline))),
)


@given(
    st.sampled_from(list(STATIONS)), st.sampled_from(["attach", "service", "nls", "ual"]), st.lists(EVENTS, max_size=60)
)
def test_any_packets(transport: Transport, policy: str, events: list[tuple[int, int, bytes | Lifeline]]) -> None:
    observer, now = Observer(), 1_000_000_000 * SECOND
    for number, (which, later, what) in enumerate(events, 1):
        now += later * SECOND
        conversation = Conversation(STATIONS[transport][which], "10.0.0.9:524")
        if isinstance(what, Lifeline):
            if transport is TCP:
                observer.take(Life(number, now, conversation, what, True))
        else:
            from_client = what[:2] not in (b"\x33\x33",) and what[9:10] != b"?"
            observer.take(Message(number, now, conversation, from_client, what))
    for journal in observer.journals(policy=policy):
        assert not books_balance(journal), books_balance(journal)[0]
