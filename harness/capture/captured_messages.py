"""The NCP packets of captures, from their files on: several files are read as one, in the order of their times."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from heapq import heappop, heappush
from pathlib import Path

from fakenw.transports.captured_frames import CaptureReader, CaptureRefused
from fakenw.wire.ipx import sap
from fakenw.wire.ipx.packet import SAP_SOCKET, BadPacket, IpxPacket
from harness.capture.datagrams import Datagrams
from harness.capture.message import Life, Message
from harness.capture.packets import TCP, Packets, Skipped
from harness.capture.streams import Streams

Frame = tuple[int, int, bytes]

NEVER = 1 << 100
MOST_NAMES = 4096  # of servers
_EVERY = 4096  # frames between two calls of progress


class CapturedMessages:
    """Iterate it once. ``frames`` counts all frames, ``skipped`` those without NCP, by reason; ``last`` is the time of
    the last one, ``cut`` names the files that end within a record or are damaged, and ``names`` are those of servers,
    by address, as SAP announces them. All are complete when the iteration ends.

    The frames of several files are numbered as if the files were merged. *progress* is called with the bytes that
    have been read, and all there are.
    """

    def __init__(self, paths: Sequence[Path], progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Raises CaptureRefused, with the name of the file."""
        self._readers = list(map(_reader, paths))
        self._paths, self._progress = paths, progress
        self.frames = self.last = 0
        self.skipped: Counter[str] = Counter()
        self.names: dict[str, str] = {}

    @property
    def cut(self) -> list[Path]:
        return [path for path, reader in zip(self._paths, self._readers, strict=True) if reader.cut]

    def __iter__(self) -> Iterator[Message | Life]:
        packets, streams, datagrams = Packets(), Streams(), Datagrams()
        total = sum(reader.size for reader in self._readers)
        number = time = 0
        for number, (time, link, data) in enumerate(_in_order(self._readers), 1):
            if not number % _EVERY:
                self._progress(sum(reader.at for reader in self._readers), total)
            self.frames, self.last = number, time
            try:
                packet = packets.decode(time, link, data)
                if packet is None:
                    continue
                if isinstance(packet, IpxPacket):
                    if packet.source.socket == SAP_SOCKET:
                        self._announced(packet)
                    yield datagrams.ipx(number, time, packet)
                elif packet.protocol == TCP:
                    yield from streams.take(number, time, packet)
                else:
                    yield datagrams.udp(number, time, packet)
            except Skipped as skipped:
                self.skipped[str(skipped)] += 1
            except struct.error:
                self.skipped["cut within a header"] += 1
        yield from streams.finish(number, time)
        self.skipped += Counter(
            {
                "IP, a packet of which fragments are missing": packets.fragments.incomplete,
                "TCP, a connection more than can be followed": streams.forgotten,
            }
        )
        self._progress(total, total)

    def _announced(self, packet: IpxPacket) -> None:
        with suppress(BadPacket):
            said = sap.decode_sap(packet.data)
            for service in said.services if isinstance(said, sap.SapResponse) else ():
                if service.type == sap.FILE_SERVER and len(self.names) < MOST_NAMES:
                    self.names.setdefault(str(service.address), service.name)


def _reader(path: Path) -> CaptureReader:
    try:
        return CaptureReader(path)
    except CaptureRefused as problem:
        raise CaptureRefused(f"{path}: {problem}") from None


def _in_order(readers: Sequence[CaptureReader]) -> Iterator[Frame]:
    """The frames of all, each file opened when its first frame is due: a sniffer may have left a thousand of them."""
    ahead = sorted((reader.begins, number) for number, reader in enumerate(readers) if reader.begins is not None)
    under_way: list[tuple[int, int, Frame, Iterator[Frame]]] = []
    ahead.reverse()
    while ahead or under_way:
        while ahead and (not under_way or ahead[-1][0] < under_way[0][0]):
            _, number = ahead.pop()
            frames: Iterator[Frame] = iter(readers[number])
            first = next(frames)
            heappush(under_way, (first[0], number, first, frames))
        _, number, frame, frames = heappop(under_way)
        other = min(ahead[-1][0] if ahead else NEVER, under_way[0][0] if under_way else NEVER)
        yield frame
        for frame in frames:
            if frame[0] > other:
                heappush(under_way, (frame[0], number, frame, frames))
                break
            yield frame
