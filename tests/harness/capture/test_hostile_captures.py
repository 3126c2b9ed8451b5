"""Whatever is in a capture: each frame is read or skipped for a reason, and what is kept of all of them is bounded."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakenw.transports.captured_frames import CaptureReader, CaptureRefused
from harness.capture import streams
from harness.capture.addresses import Recent
from harness.capture.captured_messages import CapturedMessages
from harness.capture.message import Message
from tests.fakenw.transports.ipx.captures import FOUR_FRAMES, WATCHDOG
from tests.harness.capture.segments import (
    ACK,
    PUSH,
    RAW_IP,
    SYN,
    Connection,
    Segment,
    dialogue,
    framed,
    ip,
    request,
    told,
    udp,
    write,
)
from tests.harness.capture.test_packets import LONG, NODES, fragments4, fragments6, on_links

MEGABYTE = 1 << 20
on_a_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

PACKETS = [segment.packet() for segment in Connection().say(dialogue()[:12]).segments]
PACKETS += [udp(*one) for one in dialogue()[:4]] + fragments4(udp(*LONG), 512)
PACKETS += fragments6(udp(*LONG, hosts=("fd00::7", "fd00::1")), 512)
FRAMES = [(RAW_IP, packet) for packet in PACKETS] + on_links(PACKETS[5])
FRAMES += [(1, NODES + b"\x08\x00" + packet) for packet in PACKETS]
FRAMES += [(1, data) for path in (FOUR_FRAMES, WATCHDOG) for _, _, data in CaptureReader(path)]
LARGE = b"\x22\x22" + bytes(60_000)
edits = st.lists(st.tuples(st.integers(0, 120), st.binary(min_size=1, max_size=4)), max_size=6)


def edited(data: bytes, changes: list[tuple[int, bytes]], length: int) -> bytes:
    for at, new in changes:
        at %= len(data) + 1
        data = data[:at] + new + data[at + len(new) :]
    return data[:length]


def pcapng(frames: Iterable[tuple[int, bytes]]) -> bytes:
    """A file with frames of several link types."""
    links = sorted({link for link, _ in FRAMES})
    blocks = [struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)]
    blocks += [struct.pack("<IIHHII", 1, 20, link, 0, 0, 20) for link in links]
    for number, (link, frame) in enumerate(frames):
        padded = frame + b"\0" * (-len(frame) % 4)
        head = struct.pack("<IIIIIII", 6, 32 + len(padded), links.index(link), 0, number, len(frame), len(frame))
        blocks.append(head + padded + struct.pack("<I", 32 + len(padded)))
    return b"".join(blocks)


def look_at(path: Path) -> None:
    """All frames, of which each is told or skipped; times and numbers do not go back."""
    captured = CapturedMessages([path])
    events = list(captured)
    assert captured.frames >= sum(captured.skipped.values())
    assert [event.number for event in events] == sorted(event.number for event in events)
    assert all(isinstance(what, str) or 2 <= len(what) <= 65_535 for _, what in told(events))


@on_a_file
@given(st.lists(st.tuples(st.sampled_from(FRAMES), edits, st.integers(0, 3000)), max_size=40))
def test_damaged_frames(tmp_path: Path, frames: list[tuple[tuple[int, bytes], list[tuple[int, bytes]], int]]) -> None:
    """In any order."""
    path = tmp_path / "a.pcapng"
    path.write_bytes(pcapng((link, edited(data, changes, length)) for (link, data), changes, length in frames))
    look_at(path)


@on_a_file
@given(edits, st.integers(0, 20_000), st.booleans())
def test_damaged_files(tmp_path: Path, changes: list[tuple[int, bytes]], length: int, ng: bool) -> None:
    path = tmp_path / "a"
    content = pcapng(FRAMES[:60]) if ng else write(path, PACKETS).read_bytes()
    spread = [(at * 97, new) for at, new in changes]
    path.write_bytes(edited(content, spread, length))
    with suppress(CaptureRefused):
        look_at(path)


@on_a_file
@given(st.lists(st.tuples(st.booleans(), st.integers(-70_000, 70_000), st.integers(0, 63), st.binary(max_size=30))))
def test_any_segments(tmp_path: Path, segments: list[tuple[bool, int, int, bytes]]) -> None:
    """Any numbers and flags, and data that may begin a frame."""
    made = [
        Segment(client, 1000 + number, 1000 - number, flags, b"DmdTtNcP"[: flags % 9] + data)
        for client, number, flags, data in segments
    ]
    look_at(write(tmp_path / "a.pcap", [segment.packet() for segment in made]))


def test_a_frame_of_two_gigabytes(tmp_path: Path) -> None:
    """Its stream is read on behind it, at the next frame."""
    connection = Connection().say(dialogue()[:2])
    connection.send(True, b"DmdT" + (0x7FFFFFFF).to_bytes(4, "big") + bytes(100))
    connection.say(dialogue()[2:4])
    captured = CapturedMessages([write(tmp_path / "a.pcap", [segment.packet() for segment in connection.segments])])
    assert list(told(captured)) == [(True, "OPENED"), *dialogue()[:2], (True, "GAP"), *dialogue()[2:4]]


def opening(number: int) -> bytes:
    """A SYN of another client each."""
    header = struct.pack(">HHIIBBHHH", 1025, 524, number, 0, 0x50, SYN, 0, 0, 0)
    return ip(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "10.0.0.1", 6, header)


def behind_holes(number: int) -> bytes:
    """What never comes in order, of many connections."""
    return Segment(True, 1 + 2800 * (number // 400), 1, PUSH | ACK, bytes(1400), 1025 + number % 400).packet()


def never_whole(number: int) -> bytes:
    return fragments4(udp(False, bytes(60_000)), 4096, number & 0xFFFF)[number % 14]


def endless_frame(number: int) -> bytes:
    """The beginning of a frame that is never complete, on each connection."""
    return Segment(True, 1001, 1, PUSH | ACK, request(LARGE)[:1400], 1 + number % 60_000).packet()


def long_frames(number: int) -> bytes:
    """Frames that come nearly to their ends, of many connections at once."""
    at = number // 300 * 1400
    return Segment(True, 1001 + at, 1, PUSH | ACK, request(LARGE)[at : at + 1400], 1 + number % 300).packet()


FLOODS: list[Callable[[int], bytes]] = [opening, behind_holes, never_whole, endless_frame, long_frames]


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__)
def test_a_flood(tmp_path: Path, flood: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of it does not grow with it, and NCP behind it is read. Lower bounds make it short."""
    monkeypatch.setattr(streams, "MOST_FLOWS", 500)
    monkeypatch.setattr(streams, "MOST_KEPT", MEGABYTE)
    behind = Connection(port=65_500).say(dialogue()[:20])
    packets = chain(map(flood, range(6000)), (segment.packet() for segment in behind.segments))
    path = write(tmp_path / "a.pcap", packets)
    tracemalloc.start()
    told_last: list[Message] = []
    for event in CapturedMessages([path]):
        if isinstance(event, Message):
            told_last = [*told_last[-19:], event]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert list(told(told_last)) == list(dialogue()[:20])
    assert peak < 5 * MEGABYTE


def test_what_is_remembered() -> None:
    """The last ones; a value that is entered again stays in its place."""
    recent: Recent[int, str] = Recent(3)
    for key in (1, 2, 3, 1, 4, 5):
        recent[key] = str(key)
    assert recent == {3: "3", 4: "4", 5: "5"}


def test_a_long_conversation(tmp_path: Path) -> None:
    """What is kept of it does not grow."""
    peaks = []
    for rounds in (2, 20):

        def packets(rounds: int = rounds) -> Iterator[bytes]:
            connection = Connection()
            for _ in range(rounds):
                for from_client, packet in dialogue()[:200]:
                    yield connection.send(from_client, framed(from_client, packet)).packet()

        path = write(tmp_path / "a.pcap", packets())
        tracemalloc.start()
        count = sum(isinstance(event, Message) for event in CapturedMessages([path]))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == rounds * 200
    assert peaks[1] < peaks[0] + MEGABYTE
