"""NCP over TCP: the same packets come out however the stream arrives, and a bad frame ends it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.wire.framing import DMDT, SIGNED, TNCP, BadFrame, Deframer, frame_reply, frame_request

packets = st.lists(st.binary(min_size=6, max_size=60), min_size=1, max_size=8)
sides = pytest.mark.parametrize("magic", [DMDT, TNCP], ids=["server", "client"])


def wrap(magic: bytes, packet: bytes) -> bytes:
    return frame_request(packet) if magic == DMDT else frame_reply(packet)


def header(magic: bytes, length: int) -> bytes:
    """A frame's header that says *length*."""
    return magic + length.to_bytes(4, "big") + (bytes(8) if magic == DMDT else b"")


def pieces(stream: bytes, cuts: list[int]) -> Iterator[bytes]:
    """The stream, cut at these places."""
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    return (stream[start:end] for start, end in pairwise(places))


def feed(magic: bytes, parts: Iterator[bytes]) -> tuple[list[bytes], bool]:
    """The packets that come out, and whether the stream ended badly."""
    deframer, got = Deframer(magic), list[bytes]()
    for part in parts:
        try:
            got += deframer.feed(part)
        except BadFrame as bad:
            return got + bad.before, True
    return got, False


@sides
@given(sent=packets, cuts=st.lists(st.integers(0, 1000), max_size=20))
def test_any_segmentation_gives_the_same_packets(magic: bytes, sent: list[bytes], cuts: list[int]) -> None:
    """Whole, byte by byte, or in random pieces."""
    stream = b"".join(wrap(magic, packet) for packet in sent)
    assert feed(magic, iter([stream])) == (sent, False)
    assert feed(magic, (stream[at : at + 1] for at in range(len(stream)))) == (sent, False)
    assert feed(magic, pieces(stream, cuts)) == (sent, False)


@sides
@given(packet=st.binary(max_size=20), at=st.integers(0, 7), byte=st.integers(0, 255), more=st.binary(max_size=2))
def test_a_whole_frame_is_cut_as_any_other(magic: bytes, packet: bytes, at: int, byte: int, more: bytes) -> None:
    """``feed`` has a short way for it: one that is whole, or has another byte in its header, too much or too little."""

    def cut(frame: bytes) -> tuple[list[bytes], bool]:
        packets = list[bytes]()
        try:
            packets.extend(Deframer(magic).cut(frame))
        except BadFrame:
            return packets, True
        return packets, False

    frame = wrap(magic, packet)
    for one in (frame, frame[:at] + bytes([byte]) + frame[at + 1 :], frame + more, frame[:-1]):
        assert feed(magic, iter([one])) == cut(one)


@sides
@given(
    sent=packets,
    cuts=st.lists(st.integers(0, 1000), max_size=20),
    bad=st.sampled_from([b"GET / HTTP/1.0\r\n\r\n", bytes(16), b"DmdT\0\0\0\7", b"tNcP\xff\xff\xff\xff"]),
)
def test_packets_before_a_bad_frame_count(magic: bytes, sent: list[bytes], cuts: list[int], bad: bytes) -> None:
    """What came whole before the stream went bad is not lost, however it was cut."""
    stream = b"".join(wrap(magic, packet) for packet in sent) + bad
    for parts in (iter([stream]), pieces(stream, cuts), (stream[at : at + 1] for at in range(len(stream)))):
        assert feed(magic, parts) == (sent, True)


@sides
@given(sent=packets)
def test_signature_is_skipped(magic: bytes, sent: list[bytes]) -> None:
    """The top bit of the length says that eight bytes of signature follow the header."""
    stream = b""
    for packet in sent:
        plain = wrap(magic, packet)
        head = plain[: len(plain) - len(packet)]
        stream += magic + (SIGNED | len(plain) + 8).to_bytes(4, "big") + head[8:] + b"signed!!" + packet
    assert feed(magic, iter([stream])) == (sent, False)


def test_frames_as_documented() -> None:
    """DmdT, length with the header, version 1, reply size; tNcP, length."""
    assert frame_request(b"abcdefg", 128).hex() == "446d6454000000170000000100000080" + b"abcdefg".hex()
    assert frame_reply(b"abcdefgh").hex() == "744e635000000010" + b"abcdefgh".hex()


@sides
@pytest.mark.parametrize("length", [0, 7, 8, 13, 64 * 1024 + 1, 0x0FFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_impossible_length(magic: bytes, length: int) -> None:
    """Too short for its own header, longer than anything real, 2 GiB: refused at once, without waiting for the rest."""
    with pytest.raises(BadFrame):
        Deframer(magic).feed(header(magic, length))


def test_shortest_request() -> None:
    """22 bytes are a header and a create without its function byte; less, or the same with a signature, is not NCP."""
    assert Deframer(DMDT).feed(header(DMDT, 22) + b"\x11\x11\0\xff\0\xff") == [b"\x11\x11\0\xff\0\xff"]
    for length in (21, 22 | SIGNED):
        with pytest.raises(BadFrame):
            Deframer(DMDT).feed(header(DMDT, length) + bytes(22))


@sides
@pytest.mark.parametrize("start", [b"G", b"\x16\x03\x01", b"Dmdt", b"tNcp", b"\x22\x22"])
def test_wrong_signature(magic: bytes, start: bytes) -> None:
    """The first wrong byte is enough: nobody waits for a header that cannot come."""
    with pytest.raises(BadFrame):
        Deframer(magic).feed(start)


def test_the_other_sides_frames_are_refused() -> None:
    """A server reads requests only, a client replies only."""
    with pytest.raises(BadFrame):
        Deframer(DMDT).feed(frame_reply(bytes(8)))
    with pytest.raises(BadFrame):
        Deframer(TNCP).feed(frame_request(bytes(8)))


def test_version_and_reply_size_do_not_matter() -> None:
    """Both are opaque: clients send odd values and are not refused for it."""
    frame = bytearray(frame_request(b"abcdefg"))
    frame[8:16] = b"\xff" * 8
    assert Deframer(DMDT).feed(bytes(frame)) == [b"abcdefg"]


def test_largest_frame() -> None:
    """64 KiB with the header pass; nothing is kept behind them."""
    packet = bytes(64 * 1024 - 16)
    deframer = Deframer(DMDT)
    assert deframer.feed(frame_request(packet)) == [packet]
    assert deframer.feed(frame_request(b"abcdefg")) == [b"abcdefg"]


def test_packets_that_are_not_taken_stay() -> None:
    """In the order of the stream, ahead of what arrives later; a bad frame behind them is found in its turn."""
    deframer = Deframer(DMDT)
    wanted = [bytes([number]) * 10 for number in range(5)]
    stream = b"".join(frame_request(packet) for packet in wanted) + b"garbage"
    taken = []
    for at in (slice(0, 70), slice(70, None)):
        cutting = deframer.cut(stream[at])
        taken.append(next(cutting))
        cutting.close()
    assert taken == wanted[:2]
    assert deframer.rest == stream[-len(deframer.rest) :]
    with pytest.raises(BadFrame) as bad:
        deframer.feed(b"")
    assert bad.value.before == wanted[2:]
