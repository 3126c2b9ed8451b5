"""Capture files, made by hand from their formats, and by Wireshark's editcap: frames, times, link types, damage."""

from __future__ import annotations

import struct
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from fakenw.transports.captured_frames import CaptureReader, CaptureRefused
from tests.fakenw.transports.ipx.captures import CAPTURES, MARS

MINUTE = 60_000_000
FRAMES = [b"first frame", b"", b"the third"]
Read = list[tuple[int, int, bytes]]


def read(path: Path, content: bytes) -> Read:
    path.write_bytes(content)
    return list(CaptureReader(path))


def pcap(order: str, magic: int, fractions: tuple[int, ...], link: int = 1) -> bytes:
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65_535, link)]
    for fraction, frame in zip(fractions, FRAMES, strict=True):
        parts.append(struct.pack(order + "IIII", 60, fraction, len(frame), 1500) + frame)
    return b"".join(parts)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap(tmp_path: Path, order: str) -> None:
    """Of microseconds and of nanoseconds, in both byte orders; the length of a check sequence is beside the type."""
    expected = [(MINUTE + micros, 276, frame) for micros, frame in zip((0, 7, 999_999), FRAMES, strict=True)]
    assert read(tmp_path / "a.pcap", pcap(order, 0xA1B2C3D4, (0, 7, 999_999), 276)) == expected
    fractions = (0, 7_000, 999_999_000)
    assert read(tmp_path / "a.pcap", pcap(order, 0xA1B23C4D, fractions, 0x50000000 | 276)) == expected


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def section(order: str) -> bytes:
    more = option(order, 4, b"by hand")  # its user
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + more)


def interface(order: str, link: int, *options: tuple[int, bytes], snap: int = 0) -> bytes:
    more = b"".join(option(order, *one) for one in options)
    return block(order, 1, struct.pack(order + "HHI", link, 0, snap) + more)


def packet(order: str, which: int, units: int, frame: bytes) -> bytes:
    head = struct.pack(order + "IIIII", which, units >> 32, units & 0xFFFFFFFF, len(frame), len(frame))
    return block(order, 6, head + frame + b"\0" * (-len(frame) % 4) + option(order, 1, b"a comment"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng(tmp_path: Path, order: str) -> None:
    """Interfaces of other link types and resolutions; sections of other byte orders; blocks of other kinds."""
    offset = struct.pack(order + "q", 3600)
    other = "<" if order == ">" else ">"
    content = [
        section(order),
        interface(order, 1, (2, b"eth0"), (1, b"\xff\xfe no text"), (9, b"\x09"), (0, b"")),
        block(order, 5, bytes(20)),  # statistics
        interface(order, 113, (9, b"\x94")),  # 2**20 in a second
        interface(order, 101, (14, offset)),
        interface(order, 276, (9, b"\x03")),
        packet(order, 0, 60_000_007_999, b"nano"),
        packet(order, 1, 61 << 20 | 1 << 19, b"binary"),
        packet(order, 2, 2**33 + 5, b"later"),
        packet(order, 3, 90_001, b"milli"),
        block(order, 2, struct.pack(order + "HHIIII", 1, 9, 0, 1 << 20, 3, 3) + b"old"),
        block(order, 3, struct.pack(order + "I", 6) + b"simple"),
        section(other),
        interface(other, 147),
        packet(other, 0, 5, b"second"),
    ]
    assert read(tmp_path / "a.pcapng", b"".join(content)) == [
        (MINUTE + 7, 1, b"nano"),
        (MINUTE + 1_500_000, 113, b"binary"),
        (60 * MINUTE + 2**33 + 5, 101, b"later"),
        (MINUTE + 30_001_000, 276, b"milli"),
        (1_000_000, 113, b"old"),
        (1_000_000, 1, b"simple"),
        (5, 147, b"second"),
    ]


@pytest.mark.tshark
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_what_editcap_writes(tmp_path: Path, path: Path) -> None:
    """The same frames as pcapng, and as pcap with nanoseconds."""
    expected = list(CaptureReader(path))
    for form in ("pcapng", "nsecpcap", "modpcap"):
        converted = tmp_path / form
        subprocess.run(["editcap", "-F", form, path, converted], check=True, timeout=60)
        assert list(CaptureReader(converted)) == expected


@pytest.mark.parametrize("ng", [False, True])
def test_a_file_that_ends_anywhere(tmp_path: Path, ng: bool) -> None:
    """What is before the cut is read; before its first frame too, where the file is one of captures."""
    plain = pcap("<", 0xA1B2C3D4, (0, 1, 2))
    with_blocks = section("<") + interface("<", 1) + b"".join(packet("<", 0, 9, frame) for frame in FRAMES)
    content, path = with_blocks if ng else plain, tmp_path / "a"
    whole = read(path, content)
    heads = len(section("<") if ng else plain[:24])
    read_so_far = []
    for end in range(len(content) + 1):
        path.write_bytes(content[:end])
        if end < heads:
            with pytest.raises(CaptureRefused, match=r"^this is no capture file"):
                CaptureReader(path)
            continue
        reader = CaptureReader(path)
        frames = list(reader)
        assert frames == whole[: len(frames)]
        read_so_far.append((len(frames), reader.cut))
    assert read_so_far[-1] == (3, False)
    assert [count for count, _ in read_so_far] == sorted(count for count, _ in read_so_far)
    assert sum(not cut for _, cut in read_so_far) == (5 if ng else 4)  # the ends of records


@pytest.mark.parametrize(
    "content",
    [
        pcap("<", 0xA1B2C3D4, (0, 1, 2)) + struct.pack("<IIII", 60, 0, 0x7FFFFFFF, 0x7FFFFFFF) + bytes(100),
        section("<") + interface("<", 1) + packet("<", 0, 1, b"x") + struct.pack("<II", 6, 0x7FFFFFFC) + bytes(100),
        section("<") + interface("<", 1) + packet("<", 0, 1, b"x") + struct.pack("<II", 6, 4) + bytes(100),
        section("<") + interface("<", 1) + packet("<", 7, 1, b"x"),
        section("<") + interface("<", 1) + block("<", 6, struct.pack("<IIIII", 0, 0, 1, 1 << 31, 4) + b"abcd"),
        section("<") + interface("<", 1, (9, b"\0")) + packet("<", 0, 1 << 50, b"far in the future"),
        section("<") + interface("<", 1, (14, b"\xff" * 8)) + packet("<", 0, 1, b"before 1970"),
        section("<") + interface("<", 1) * 10_000 + packet("<", 9_999, 1, b"x"),
    ],
)
def test_damage(tmp_path: Path, content: bytes) -> None:
    """Lengths of 2 GiB or below the smallest, interfaces that are not there or very many, times without a calendar.

    The file counts as cut, and takes no room.
    """
    path = tmp_path / "a"
    path.write_bytes(content)
    tracemalloc.start()
    reader = CaptureReader(path)
    frames = list(reader)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reader.cut
    assert len(frames) in (0, 1, 3)
    assert peak < 20_000_000


def test_how_far_it_is(tmp_path: Path) -> None:
    """From 0 to all bytes, also when the file is read a second time."""
    reader = CaptureReader(MARS)
    assert (reader.at, reader.size) == (0, MARS.stat().st_size)
    for _ in range(2):
        frames = iter(reader)
        assert next(frames)[0] == reader.begins
        assert 0 < reader.at < reader.size
        assert len(list(frames)) == 801
        assert reader.at == reader.size


def test_no_capture(tmp_path: Path) -> None:
    for content in (b"", b"{}\n", bytes(24), b"\x0a\x0d\x0d\x0a" + bytes(24)):
        with pytest.raises(CaptureRefused, match=r"^this is no capture file; expected pcap or pcapng$"):
            read(tmp_path / "a", content)
    with pytest.raises(CaptureRefused, match=r"^No such file or directory$"):
        CaptureReader(tmp_path / "nowhere")
    with pytest.raises(CaptureRefused, match=r"^Is a directory$"):
        CaptureReader(tmp_path)
