"""TCP streams put together again: whatever a sniffer does to segments, nothing false comes out, and a loss is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.capture.captured_messages import CapturedMessages
from harness.capture.message import Message
from tests.harness.capture.segments import (
    ACK,
    FIN,
    PORT,
    PUSH,
    RST,
    SYN,
    Connection,
    Event,
    Segment,
    dialogue,
    framed,
    read,
    request,
    said,
    told,
    write,
)

on_a_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
ENDS = [(True, "CLIENT_CLOSED"), (False, "SERVER_CLOSED")]
HUNDRED = dialogue()[:100]


DATA = Path(__file__).parent / "data"


def by_number(events: list[Event]) -> list[tuple[int, tuple[bool, bytes | str]]]:
    return list(zip((event.number for event in events), told(events), strict=True))


def packets(segments: list[Segment]) -> list[bytes]:
    return [segment.packet() for segment in segments]


def closed(connection: Connection) -> Connection:
    connection.send(True, b"", FIN | ACK)
    connection.send(False, b"", FIN | ACK)
    connection.send(True, b"", ACK)
    return connection


def test_a_whole_connection(tmp_path: Path) -> None:
    """In order; each event has the number and the time of the frame that completed it."""
    events = read(tmp_path / "a.pcap", packets(closed(Connection().say(HUNDRED)).segments))
    assert list(told(events)) == [(True, "OPENED"), *HUNDRED, *ENDS]
    assert [event.number for event in events] == [1, *range(4, 104), 104, 105]
    assert all(event.time == (event.number - 1) * 1000 for event in events)
    conversation = events[0].conversation
    assert (str(conversation.client), conversation.server) == ("tcp:10.0.0.7:1025", "10.0.0.1:524")
    assert all(event.conversation == conversation for event in events)


def test_as_a_kernel_sends_it() -> None:
    """Read off in Wireshark (data/README.md). What is said at the port shows that it is one of NCP."""
    events = list(CapturedMessages([DATA / "loopback.pcap"]))
    tcp = [event for event in events if event.conversation.client.transport.framed]
    assert [(number, what if isinstance(what, str) else what[:4].hex()) for number, (_, what) in by_number(tcp)] == [
        *((4, "OPENED"), (4, "111100ff"), (6, "33330001")),
        *((8, "22220101"), (9, "33330101"), (10, "55550201"), (11, "33330201")),
        *((12, "CLIENT_CLOSED"), (14, "SERVER_CLOSED")),
    ]
    assert [event.time - events[0].time for event in events[:3]] == [0, 0, 543]
    assert [event.number for event in events if event not in tcp] == [13, 16]


def test_cut_at_every_byte(tmp_path: Path) -> None:
    """A frame may end in the next segment, and a segment may hold several frames."""
    for from_client in (True, False):
        some = [one for one in HUNDRED if one[0] is from_client][:3]
        stream = b"".join(framed(*one) for one in some)
        for at in range(1, len(stream)):
            connection = Connection()
            connection.send(from_client, stream[:at])
            connection.send(from_client, stream[at:])
            assert list(told(read(tmp_path / "a.pcap", packets(connection.segments)))) == [(True, "OPENED"), *some]


def test_byte_by_byte_over_the_wrap(tmp_path: Path) -> None:
    """Sequence numbers begin again at 0."""
    connection = Connection(start=(0xFFFFFFF0, 0xFFFFFF00))
    for from_client, packet in HUNDRED[:8]:
        for byte in framed(from_client, packet):
            connection.send(from_client, bytes([byte]))
    assert list(told(read(tmp_path / "a.pcap", packets(connection.segments)))) == [(True, "OPENED"), *HUNDRED[:8]]


@st.composite
def disorder(draw: st.DrawFn) -> tuple[list[tuple[bool, bytes]], list[Segment]]:
    """The segments of both directions in any order, some twice, some with what others have too.

    Nothing is acknowledged, so that nothing can be thought of as lost.
    """
    said = list(HUNDRED[: draw(st.integers(1, 20))])
    start = {True: draw(st.integers(0, 0xFFFFFFFF)), False: draw(st.integers(0, 0xFFFFFFFF))}
    segments = []
    for from_client in (True, False):
        stream = b"".join(framed(*one) for one in said if one[0] is from_client)
        cuts = draw(st.lists(st.integers(0, len(stream)), max_size=12))
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(stream)], strict=True):
            for _ in range(draw(st.integers(1, 2))):
                before, behind = draw(st.integers(0, 30)), draw(st.integers(0, 30))
                begin = max(begin - before, 0)
                data, sequence = stream[begin : end + behind], start[from_client] + 1 + begin
                segments.append(Segment(from_client, sequence, start[not from_client] + 1, PUSH | ACK, data))
    opening = [
        Segment(True, start[True], 0, SYN),
        Segment(False, start[False], start[True] + 1, SYN | ACK),
    ]
    return said, [*opening, *draw(st.permutations(segments))]


@on_a_file
@given(disorder())
def test_any_order(tmp_path: Path, disordered: tuple[list[tuple[bool, bytes]], list[Segment]]) -> None:
    expected, segments = disordered
    events = read(tmp_path / "a.pcap", packets(segments))
    for from_client in (True, False):
        opened = ["OPENED"] if from_client else []
        assert said(events, from_client) == opened + [data for client, data in expected if client is from_client]


@on_a_file
@given(st.sets(st.integers(0, 120)), st.integers(8, 400), st.booleans())
def test_lost_segments(tmp_path: Path, lost: set[int], size: int, opened: bool) -> None:
    """What is told is what was said, in order; where something is missing, there is a gap, in its direction."""
    numbered = [(client, packet + number.to_bytes(2, "big")) for number, (client, packet) in enumerate(HUNDRED)]
    connection = Connection(opened=opened)
    for from_client, packet in numbered:
        frame = framed(from_client, packet)
        for at in range(0, len(frame), size):
            connection.send(from_client, frame[at : at + size])
    kept = [segment for number, segment in enumerate(connection.segments) if number not in lost]
    kept += closed(connection).segments[-3:]
    events = read(tmp_path / "a.pcap", packets(kept))
    joined = (True, "JOINED") in told(events[:1]) or (False, "JOINED") in told(events[:1])
    for from_client in (True, False):
        true = [packet for client, packet in numbered if client is from_client]
        at, uncertain = 0, joined
        for what in said(events, from_client):
            if isinstance(what, bytes):
                found = true.index(what, at) if uncertain else at
                assert what == true[found]
                at, uncertain = found + 1, False
            elif what == "GAP":
                uncertain = True
            elif what.endswith("_CLOSED"):
                assert uncertain or at == len(true)
        assert uncertain or at == len(true)


def test_a_lost_request_is_told_before_its_reply(tmp_path: Path) -> None:
    connection = Connection().say(HUNDRED[:8])
    del connection.segments[5]
    events = read(tmp_path / "a.pcap", packets(connection.segments))
    assert list(told(events)) == [(True, "OPENED"), *HUNDRED[:2], (True, "GAP"), *HUNDRED[3:8]]
    assert [event.number for event in events[3:5]] == [6, 6]


def test_a_loss_within_a_frame(tmp_path: Path) -> None:
    """The next packet begins where the broken frame ends, even where what is left of it looks like a frame."""
    looks = b"A" * 200 + request(HUNDRED[0][1]) + b"B" * 100
    connection = Connection()
    broken = request(bytes.fromhex("22220107010048") + looks)
    for at in range(0, len(broken), 64):
        connection.send(True, broken[at : at + 64])
    connection.say([HUNDRED[2]])
    del connection.segments[4]
    connection.send(False, b"", ACK)
    assert said(read(tmp_path / "a.pcap", packets(connection.segments)), True) == ["OPENED", "GAP", HUNDRED[2][1]]


def test_the_longest_behind_a_hole(tmp_path: Path) -> None:
    """Of segments with the same beginning."""
    connection = Connection()
    first = connection.send(True, request(HUNDRED[0][1]))
    long = connection.send(True, request(HUNDRED[2][1]) + request(HUNDRED[4][1]))
    made = [*connection.segments[:3], long, long._replace(data=long.data[:20]), first]
    assert said(read(tmp_path / "a.pcap", packets(made)), True) == ["OPENED", *(one[1] for one in HUNDRED[:6:2])]


def test_much_behind_a_hole(tmp_path: Path) -> None:
    """It is not waited for without end, though the receiver acknowledges nothing that is captured."""
    connection = Connection()
    requests = [packet for from_client, packet in dialogue() if from_client]
    connection.say((True, packet) for packet in requests)
    del connection.segments[3]
    events = read(tmp_path / "a.pcap", packets(connection.segments))
    assert said(events, True) == ["OPENED", "GAP", *requests[1:]]
    assert events[1].number < len(requests)


def test_cut_by_the_snap_length(tmp_path: Path) -> None:
    """What was not captured is lost: a short packet is read, and a long one is a gap."""
    connection = Connection().say([HUNDRED[0], HUNDRED[1], (True, bytes(200)), *HUNDRED[2:6]])
    connection.segments.insert(6, connection.segments[5])  # it was sent twice
    events = read(tmp_path / "a.pcap", packets(connection.segments), snap=100)
    assert [what for what in told(events) if len(what[1]) < 60] == [
        *((True, "OPENED"), *HUNDRED[:2], (True, "GAP")),
        *(one for one in HUNDRED[2:6] if len(one[1]) < 60 - 16),
    ]


def test_the_middle_of_a_connection(tmp_path: Path) -> None:
    """The capture begins within a frame."""
    connection = Connection().say(HUNDRED[:10])
    middle = connection.segments[7]  # a request
    kept = [middle._replace(sequence=middle.sequence + 9, data=middle.data[9:]), *connection.segments[8:]]
    events = read(tmp_path / "a.pcap", packets(kept))
    assert list(told(events)) == [(True, "JOINED"), *HUNDRED[5:10]]


def test_the_middle_cut_at_every_byte(tmp_path: Path) -> None:
    """The first magic that is seen may be in two segments; one with no packet of NCP behind it is only data."""
    data = b"data DmdT\0\0\0\x30\0\0\0\1\0\1\0\0" + b"of a file" * 2
    stream = data + b"".join(framed(*one) for one in HUNDRED[:4:2])
    for at in range(1, len(stream)):
        connection = Connection(opened=False)
        connection.send(True, stream[:at])
        connection.send(True, stream[at:])
        events = read(tmp_path / "a.pcap", packets(connection.segments))
        assert said(events, True) == ["JOINED", HUNDRED[0][1], HUNDRED[2][1]]


def test_keep_alive(tmp_path: Path) -> None:
    """A byte of rubbish, or none, at the number before the next (RFC 9293 3.8.4): an idle client lives."""
    connection = Connection().say(HUNDRED[:4])
    last = connection.segments[-1]
    for data in (b"", b"\0"):
        connection.segments += [
            Segment(True, last.acknowledged - 1, last.sequence + len(last.data), ACK, data),
            Segment(False, last.sequence + len(last.data), last.acknowledged, ACK),
        ]
    connection.say(HUNDRED[4:6])
    assert list(told(read(tmp_path / "a.pcap", packets(connection.segments)))) == [(True, "OPENED"), *HUNDRED[:6]]


@pytest.mark.parametrize("ending", [FIN, RST, 0])
def test_a_port_that_is_used_again(tmp_path: Path, ending: int) -> None:
    """Even where the end of the first connection is not in the capture; what comes late is of the first one."""
    first = Connection().say(HUNDRED[:4])
    late = first.segments[3]
    if ending == FIN:
        closed(first)
    elif ending:
        first.send(True, b"", RST | ACK)
    second = Connection(start=(0x60000000, 0x70000000)).say(HUNDRED[4:8])
    events = read(tmp_path / "a.pcap", packets([*first.segments, late, *second.segments]))
    ends = {FIN: ENDS, RST: ENDS[:1], 0: []}[ending]
    assert list(told(events)) == [(True, "OPENED"), *HUNDRED[:4], *ends, (True, "OPENED"), *HUNDRED[4:8]]


@pytest.mark.parametrize("ends", [True, False])
def test_a_port_that_is_used_again_without_its_opening(tmp_path: Path, ends: bool) -> None:
    first = Connection(start=(0x60000000, 0x70000000)).say(HUNDRED[:4])
    if ends:
        closed(first)
    second = Connection(opened=False).say(HUNDRED[4:8])
    events = read(tmp_path / "a.pcap", packets([*first.segments, *second.segments]))
    assert list(told(events))[-5:] == [(True, "JOINED"), *HUNDRED[4:8]]


def test_the_server_ends_it(tmp_path: Path) -> None:
    connection = Connection().say(HUNDRED[:2])
    connection.send(False, b"", FIN | ACK)
    connection.send(True, b"", FIN | ACK)
    ends = list(told(read(tmp_path / "a.pcap", packets(connection.segments))))[-2:]
    assert ends == [(False, "SERVER_CLOSED"), (True, "CLIENT_CLOSED")]


def test_an_end_behind_a_hole(tmp_path: Path) -> None:
    """It is told when the hole is known to stay, at the latest at the end of the capture."""
    connection = Connection().say(HUNDRED[:4])
    connection.send(True, b"", FIN | ACK)
    connection.send(False, b"", ACK)
    for last in (6, 7):
        kept = [segment for number, segment in enumerate(connection.segments) if number != 5]
        events = read(tmp_path / "a.pcap", packets(kept[:last]))
        assert said(events, True) == ["OPENED", HUNDRED[0][1], "GAP", *["CLIENT_CLOSED"][: last > 6]]


def test_an_end_behind_a_hole_at_the_end_of_the_capture(tmp_path: Path) -> None:
    connection = Connection().say(HUNDRED[:3])
    connection.send(True, b"", FIN | ACK)
    del connection.segments[5]
    events = read(tmp_path / "a.pcap", packets(connection.segments))
    assert said(events, True) == ["OPENED", HUNDRED[0][1], "GAP", "CLIENT_CLOSED"]


def test_reset_with_data(tmp_path: Path) -> None:
    """What is in it is a message of the host, not of the client (RFC 9293 3.5.3)."""
    connection = Connection().say(HUNDRED[:2])
    connection.send(True, framed(*HUNDRED[2]), RST | ACK)
    events = read(tmp_path / "a.pcap", packets(connection.segments))
    assert list(told(events)) == [(True, "OPENED"), *HUNDRED[:2], (True, "CLIENT_CLOSED")]


def test_reset_behind_the_end(tmp_path: Path) -> None:
    """Of one side: the end is told once, and what comes later is nothing new."""
    connection = Connection().say(HUNDRED[:2])
    for flags in (FIN | ACK, RST | ACK, RST):
        connection.send(True, b"", flags)
    events = read(tmp_path / "a.pcap", packets(connection.segments))
    assert list(told(events)) == [(True, "OPENED"), *HUNDRED[:2], (True, "CLIENT_CLOSED")]


def test_another_port(tmp_path: Path) -> None:
    """A server is known by what is said to it; a second connection to it is known at once."""
    port = PORT + 40_000
    first = Connection(server_port=port).say(HUNDRED[:2])
    second = Connection(port=1026, server_port=port)
    middle = Connection(port=1027, server_port=port, opened=False).say(HUNDRED[4:6])
    web = Connection(port=1028, server_port=80)
    web.send(True, b"DmdTDmdT" + b"GET / HTTP/1.0\r\n\r\n" * 20)
    web.send(False, b"<html>" * 50)
    every = [*first.segments, *second.segments, *middle.segments, *web.segments]
    captured = CapturedMessages([write(tmp_path / "a.pcap", packets(every))])
    events = list(captured)
    assert captured.skipped == {"TCP, not NCP": 2 * 2 + 1}  # two handshakes, but for SYN, and what is not NCP
    assert list(told(events)) == [
        *((True, "OPENED"), *HUNDRED[:2]),
        (True, "OPENED"),
        *((True, "JOINED"), *HUNDRED[4:6]),
    ]
    assert {event.conversation.server for event in events} == {f"10.0.0.1:{port}"}


def test_another_port_out_of_order(tmp_path: Path) -> None:
    """The first segment comes last, behind one that begins with a frame, too."""
    connection = Connection(server_port=999)
    for from_client, packet in HUNDRED[:6:2]:
        connection.send(from_client, framed(from_client, packet))
    made = [*connection.segments[:3], *connection.segments[:2:-1]]
    assert said(read(tmp_path / "a.pcap", packets(made)), True) == ["OPENED", *(one[1] for one in HUNDRED[:6:2])]


def test_another_port_cut_at_every_byte(tmp_path: Path) -> None:
    """Even the first segment, within the magic."""
    frame = request(HUNDRED[0][1])
    for at in range(1, len(frame)):
        connection = Connection(server_port=999)
        connection.send(True, frame[:at])
        connection.send(True, frame[at:])
        connection.say(HUNDRED[1:3])
        events = read(tmp_path / "a.pcap", packets(connection.segments))
        assert list(told(events)) == [(True, "OPENED"), *HUNDRED[:3]]


def test_signed_packets(tmp_path: Path) -> None:
    """A signature stands before each packet, flagged (Wireshark) or not (libncp); it is taken off."""
    signature = bytes.fromhex("0123456789abcdef")
    connection = Connection().say(HUNDRED[:2])
    connection.send(True, request(signature + HUNDRED[2][1]))
    reply = framed(False, signature + HUNDRED[3][1])
    connection.send(False, reply[:4] + bytes([reply[4] | 0x80]) + reply[5:])
    like_a_request = bytes.fromhex("2222456789abcdef")
    connection.send(True, request(like_a_request + HUNDRED[4][1]))
    connection.say([HUNDRED[5], *HUNDRED[:2]])  # it begins anew
    events = read(tmp_path / "a.pcap", packets(connection.segments))
    assert list(told(events)) == [(True, "OPENED"), *HUNDRED[:6], *HUNDRED[:2]]


def test_what_is_no_ncp_at_its_port(tmp_path: Path) -> None:
    """A gap, and nothing more; NCP behind it is found."""
    connection = Connection()
    connection.send(True, b"\x16\x03\x01\x02\x00" * 40)
    connection.send(True, b"DmdT" + b"\xff" * 60)
    connection.say(HUNDRED[2:4])
    events = read(tmp_path / "a.pcap", packets(connection.segments))
    assert list(told(events)) == [(True, "OPENED"), (True, "GAP"), *HUNDRED[2:4]]


def test_many_connections(tmp_path: Path) -> None:
    """Each has its own stream."""
    several = [Connection(start=(port, port)[:2], port=port).say(HUNDRED[:6]).segments for port in range(1025, 1065)]
    turns = [segment for turn in zip(*several, strict=True) for segment in turn]
    events = read(tmp_path / "a.pcap", packets(turns))
    for port in range(1025, 1065):
        own = [event for event in events if event.conversation.client.address[1] == port]
        assert list(told(own)) == [(True, "OPENED"), *HUNDRED[:6]]
    assert sum(isinstance(event, Message) for event in events) == 240
