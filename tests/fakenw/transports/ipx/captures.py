"""The captures of a real IPX client (data/README.md), as frames with IPX in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fakenw.transports.captured_frames import read_frames
from fakenw.wire.ipx.frames import Frame, decode_frame
from fakenw.wire.ipx.packet import IpxPacket, decode_ipx

DATA = Path(__file__).parents[1] / "data"
FOUR_FRAMES = DATA / "ncpfs-four-frames-vs-fakenw-core.pcap"
WATCHDOG = DATA / "ncpfs-watchdog-broadcast.pcap"
MARS = DATA / "ncpfs-vs-mars_nwe-guest.pcap"
MARS_WRONG_PASSWORD = DATA / "ncpfs-vs-mars_nwe-wrongpassword.pcap"
CAPTURES = (FOUR_FRAMES, WATCHDOG, MARS, MARS_WRONG_PASSWORD)


class Captured(NamedTuple):
    """``time``: microseconds since the first frame."""

    number: int
    time: int
    data: bytes
    frame: Frame
    packet: IpxPacket


def captured(path: Path) -> Iterator[Captured]:
    frames = read_frames(path).frames
    for number, time, data in frames:
        frame = decode_frame(data)
        if frame is not None:
            yield Captured(number, round((time - frames[0].time) * 1_000_000), data, frame, decode_ipx(frame.packet))
