"""Capture files that tests make (the format is that of tcpdump: www.tcpdump.org/manpages/pcap-savefile.5.html)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path


def write_pcap(path: Path, frames: Iterable[bytes], *, apart: float = 0.01, link: int = 1) -> Path:
    """Frames that are *apart* seconds apart."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, link)]
    for number, frame in enumerate(frames):
        seconds, micros = divmod(round(number * apart * 1_000_000), 1_000_000)
        parts += struct.pack("<IIII", seconds, micros, len(frame), len(frame)), frame
    path.write_bytes(b"".join(parts))
    return path
