"""The Ethernet frames of a capture file, pcap or pcapng; the library dpkt reads it, an extra: ``fakenw[captures]``."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

ETHERNET = 1  # link type


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


class _File(BytesIO):
    """``short``: it had fewer bytes than were asked for, but for a read at its end."""

    short = False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.short = self.short or (size is not None and 0 < len(data) < size)
        return data


def read_frames(path: Path) -> CapturedFrames:
    """Raises CaptureRefused."""
    try:
        import dpkt
    except ImportError:
        raise CaptureRefused("this needs dpkt; expected it here: pip install 'fakenw[captures]'") from None
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise CaptureRefused(problem.strerror or str(problem)) from None
    # No list exists of the exceptions that dpkt and struct raise for a damaged file.
    try:
        file = _File(content)
        reader = dpkt.pcap.UniversalReader(file)
        link = reader.datalink()
    except Exception:
        raise CaptureRefused("this is no capture file; expected pcap or pcapng") from None
    if link != ETHERNET:
        raise CaptureRefused(f"its link type is {link}; expected Ethernet ({ETHERNET}): capture on one interface")
    frames: list[CapturedFrame] = []
    records = iter(reader)
    while True:
        try:
            time, data = next(records)
        except StopIteration:
            return CapturedFrames(frames, cut=False)
        except Exception:
            return CapturedFrames(frames, cut=True)
        if file.short:  # dpkt gives what there is of the last frame
            return CapturedFrames(frames, cut=True)
        frames.append(CapturedFrame(len(frames) + 1, float(time), bytes(data)))
