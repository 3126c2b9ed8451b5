"""The frames of a capture file, pcap or pcapng, one by one: the file may be larger than memory.

pcap is read by the library dpkt, an extra: ``fakenw[captures]``. The blocks of pcapng are read here: dpkt knows one
interface in a file, libpcap only interfaces of one link type, and python-pcapng takes 15 µs for a packet. The format is
that of draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

ETHERNET = 1  # link type
LARGEST_RECORD = 16 * 1024 * 1024  # bytes: Wireshark takes a longer block for damage as well
MOST_INTERFACES = 4096
LATEST = 253_402_300_799_000_000  # microseconds: the end of the year 9999

_SECTION = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6  # types of blocks
_RESOLUTION, _OFFSET = 9, 14  # options of an interface: units of its times in a second, and what is added, in seconds


class CaptureRefused(Exception):
    """The file has no frames to read; ``str()`` is a sentence without its name."""


class CapturedFrame(NamedTuple):
    """*number* counts from 1, as Wireshark does; *time* is seconds."""

    number: int
    time: float
    data: bytes


class CapturedFrames(NamedTuple):
    """*cut*: the file ends within a record, or is damaged behind the last frame."""

    frames: list[CapturedFrame]
    cut: bool


class _Damaged(Exception):
    """What follows in the file cannot be read."""


class _File:
    """A read of fewer bytes than were asked for is damage, but for one at the end. ``over``: there was such a read."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._read = file.read
        self.over = False

    def read(self, size: int) -> bytes:
        """Raises _Damaged."""
        if not 0 <= size <= LARGEST_RECORD:
            raise _Damaged
        data = self._read(size)
        if len(data) != size:
            if data:
                raise _Damaged
            self.over = True
        return data

    def all_of(self, size: int) -> bytes:
        """Raises _Damaged at the end of the file, too."""
        data = self.read(size)
        if len(data) < size:
            raise _Damaged
        return data


class CaptureReader:
    """Iterate it: (time, link type, data) of each frame; the time is microseconds since 1970.

    ``begins``: the time of the first frame, None where there is none. ``at``: how many of ``size`` bytes are read.
    ``cut`` is set at the end, where the file ends within a record, or is damaged behind the last frame.
    """

    def __init__(self, path: Path) -> None:
        """Raises CaptureRefused."""
        self._path = path
        self._file: io.BufferedReader | None = None
        self.cut = False
        with closing(iter(self)) as frames:
            first = next(frames, None)
        self.begins = None if first is None else first[0]
        self._read = 0

    @property
    def at(self) -> int:
        return self._read if self._file is None else self._file.tell()

    def __iter__(self) -> Generator[tuple[int, int, bytes]]:
        try:
            self.size = self._path.stat().st_size
            opened = self._file = self._path.open("rb")
        except OSError as problem:
            raise CaptureRefused(problem.strerror or str(problem)) from None
        with opened:
            file = _File(opened)
            records = _pcapng(file) if opened.peek(4)[:4] == _SECTION else _pcap(file)
            try:
                yield from records
            except Exception:  # no list exists of what dpkt and struct raise for a damaged file
                self.cut = True
            finally:
                self._read, self._file = opened.tell(), None


def _pcap(file: _File) -> Iterator[tuple[int, int, bytes]]:
    try:
        import dpkt
    except ImportError:
        raise CaptureRefused("this needs dpkt; expected it here: pip install 'fakenw[captures]'") from None
    try:
        reader = dpkt.pcap.Reader(file)
    except Exception:
        raise CaptureRefused("this is no capture file; expected pcap or pcapng") from None
    return _timed(file, reader)


def _timed(file: _File, reader: Any) -> Iterator[tuple[int, int, bytes]]:
    link = reader.datalink() & 0xFFFF  # above it stands what is said of check sequences
    for time, data in reader:
        if file.over:  # behind the head of a record: dpkt gives what there is
            raise _Damaged
        yield round(time * 1_000_000), link, data


def _pcapng(file: _File) -> Iterator[tuple[int, int, bytes]]:
    try:
        file.all_of(4)
        order = _section(file)
    except Exception:
        raise CaptureRefused("this is no capture file; expected pcap or pcapng") from None
    return _blocks(file, order)


def _section(file: _File) -> str:
    """The byte order of the section that begins here, behind its type."""
    length = file.all_of(4)
    order = _BYTE_ORDERS[file.all_of(4)]
    (size,) = struct.unpack(order + "I", length)
    file.all_of(size - 12)
    return order


def _blocks(file: _File, order: str) -> Iterator[tuple[int, int, bytes]]:
    time = 0
    interfaces: list[_Interface] = []
    word, head = struct.Struct(order + "I"), struct.Struct(order + "IIIII")
    while kind_bytes := file.read(4):
        if kind_bytes == _SECTION:
            order = _section(file)
            interfaces = []
            word, head = struct.Struct(order + "I"), struct.Struct(order + "IIIII")
            continue
        (kind,) = word.unpack(kind_bytes)
        (length,) = word.unpack(file.all_of(4))
        body = file.all_of(length - 8)  # with the length once more at its end
        if kind in (_PACKET, _OLD_PACKET):
            which, high, low, captured, _ = head.unpack_from(body)
            if kind == _OLD_PACKET:  # interface and drops are two bytes each
                (which,) = struct.unpack_from(order + "H", body)
            interface = interfaces[which]
            time = interface.microseconds(high << 32 | low)
            if 20 + captured + 4 > len(body) or not 0 <= time <= LATEST:
                raise _Damaged
            yield time, interface.link, body[20 : 20 + captured]
        elif kind == _INTERFACE:
            if len(interfaces) == MOST_INTERFACES:
                raise _Damaged
            interfaces.append(_interface(order, body))
        elif kind == _SIMPLE_PACKET:  # it has no time
            (original,) = word.unpack_from(body)
            captured = min(original, interfaces[0].snap or original, len(body) - 8)
            yield time, interfaces[0].link, body[4 : 4 + captured]


class _Interface(NamedTuple):
    link: int
    snap: int  # the longest frame that was captured whole, 0: any
    resolution: int
    offset: int

    def microseconds(self, units: int) -> int:
        if self.resolution != 1_000_000:
            units = units * 1_000_000 // self.resolution
        return units + self.offset * 1_000_000


def _interface(order: str, body: bytes) -> _Interface:
    link, _, snap = struct.unpack_from(order + "HHI", body)
    resolution, offset, at = 1_000_000, 0, 8
    while at + 8 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if code == _RESOLUTION:  # its highest bit says power of 2, else of 10
            resolution = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == _OFFSET:
            (offset,) = struct.unpack(order + "q", value)
        elif code == 0:
            break
        at += 4 + length + -length % 4
    return _Interface(link, snap, resolution, offset)


def read_frames(path: Path) -> CapturedFrames:
    """All frames of a capture of Ethernet. Raises CaptureRefused."""
    reader = CaptureReader(path)
    frames: list[CapturedFrame] = []
    for number, (time, link, data) in enumerate(reader, 1):
        if link != ETHERNET:
            raise CaptureRefused(f"its link type is {link}; expected Ethernet ({ETHERNET}): capture on one interface")
        frames.append(CapturedFrame(number, time / 1_000_000, data))
    return CapturedFrames(frames, reader.cut)
