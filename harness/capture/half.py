"""One direction of a TCP stream: its segments in order, cut into NCP packets; what is missing is told and passed over.

Rules of this file:

* The sniffer is not the receiver. A hole is waited for until the receiver has acknowledged what is behind it, for then
  it will not come again; or until too much waits behind it.
* Behind a hole the next packet begins where the frame that the hole is in ends. Where the hole is longer than that,
  the next frame is looked for by its magic, its length and the type of its packet.
* Where segments overlap, the first counts.
"""

from __future__ import annotations

from fakenw.wire.framing import DMDT, LARGEST_FRAME, LENGTH, SIGNED, SMALLEST_PACKET
from fakenw.wire.packet import (
    BEING_PROCESSED,
    BROADCAST,
    BURST,
    CREATE,
    DESTROY,
    REPLY,
    REQUEST,
    WATCHDOG,
    packet_type,
)
from harness.capture.message import Lifeline

CLIENT_TYPES = frozenset({CREATE, REQUEST, DESTROY, WATCHDOG, BURST})
SERVER_TYPES = frozenset({REPLY, BEING_PROCESSED, WATCHDOG, BROADCAST, BURST})

MOST_WAITING = 256  # segments behind a hole
MOST_BYTES = 256 * 1024  # of them
LONG_AGO = 1 << 24  # bytes: no retransmission is so old, it is another connection between the same ports
_SIGNATURE = 8

Event = bytes | Lifeline


def after(sequence: int, reference: int) -> int:
    """How far *sequence* is behind *reference* in the stream; negative: before it. The numbers wrap."""
    return ((sequence - reference + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Half:
    """``expected`` is the sequence number of the next byte, where it is ``begun``: known. *joined*: it may be within a
    frame. ``closed``: its end has been told.
    """

    __slots__ = (
        *("_bytes", "_end", "_header", "_magic", "_passed_over", "_rest", "_seeking", "_signed", "_told", "_types"),
        *("_waiting", "begun", "closed", "expected"),
    )

    def __init__(self, magic: bytes, expected: int | None, *, joined: bool) -> None:
        self._magic, self._types = magic, CLIENT_TYPES if magic == DMDT else SERVER_TYPES
        self._header = 16 if magic == DMDT else 8
        self.begun = expected is not None
        self.expected = expected or 0
        self._seeking = joined
        self._told = False  # that a gap is behind the last packet
        self._rest = b""  # of a frame, or while seeking the end of what was searched
        self._passed_over = 0  # bytes still to come of a frame that has a hole
        self._signed = False
        self._waiting: dict[int, tuple[bytes, int]] = {}  # by sequence number: data, and how much of it was cut off
        self._bytes = 0  # that wait
        self._end: int | None = None  # the sequence number of FIN
        self.closed = False

    def begins_at(self, sequence: int) -> None:
        """The number of the first byte, where nothing has told it yet."""
        if not self.begun:
            self.begun, self.expected = True, sequence

    def segment(self, sequence: int, data: bytes, cut: int, *, fin: bool) -> list[Event]:
        """What it completes, in order: NCP packets, and gaps. Behind *data*, *cut* bytes were not captured."""
        events: list[Event] = []
        self.begins_at(sequence)
        if fin:
            self._end = (sequence + len(data) + cut) & 0xFFFFFFFF
        ahead = after(sequence, self.expected)
        if not ahead and not cut and not self._waiting:  # nearly always
            self.expected = (sequence + len(data)) & 0xFFFFFFFF
            self._consume(data, events)
        elif ahead <= 0:
            self._take(-ahead, data, cut, events)
            if self._waiting:
                self._go_on(events)
        elif data or cut:
            known, _ = self._waiting.get(sequence, (b"", 0))
            if len(known) <= len(data):
                self._bytes += len(data) - len(known)
                self._waiting[sequence] = data, cut
            if len(self._waiting) > MOST_WAITING or self._bytes > MOST_BYTES:
                self._jump(self._distance(), events)
        return events

    def acknowledged(self, sequence: int) -> list[Event]:
        """The receiver has all that is before *sequence*: what of it is missing was not captured."""
        events: list[Event] = []
        self.begins_at(sequence)
        if self._end is not None and after(sequence, self._end) > 0:  # FIN counts as one
            sequence = self._end
        while (missing := after(sequence, self.expected)) > 0:
            self._jump(min(missing, self._distance()), events)
        return events

    def give_up(self) -> list[Event]:
        """No more packets come."""
        events: list[Event] = []
        while self._waiting:
            self._jump(self._distance(), events)
        if self._end is not None and not self.ended:
            self._hole(after(self._end, self.expected), events)
        return events

    @property
    def ended(self) -> bool:
        """FIN, and all that is before it, has been seen."""
        return self._end is not None and after(self._end, self.expected) <= 0

    @property
    def kept(self) -> int:
        """Bytes that wait behind a hole, or for the rest of their frame."""
        return self._bytes + len(self._rest)

    def _distance(self) -> int:
        """From here to what waits first."""
        return min((after(sequence, self.expected) for sequence in self._waiting), default=0x7FFFFFFF)

    def _jump(self, size: int, events: list[Event]) -> None:
        """Take so much as lost."""
        self._hole(size, events)
        self._go_on(events)

    def _go_on(self, events: list[Event]) -> None:
        """Take what no longer waits for a hole."""
        while (ahead := self._distance()) <= 0:
            data, cut = self._waiting.pop((self.expected + ahead) & 0xFFFFFFFF)
            self._bytes -= len(data)
            self._take(-ahead, data, cut, events)

    def _take(self, known: int, data: bytes, cut: int, events: list[Event]) -> None:
        """*data*, and a hole behind it; the first *known* bytes were there before."""
        if known:
            data, cut = data[known:], min(cut, max(len(data) + cut - known, 0))
        if data:
            self.expected = (self.expected + len(data)) & 0xFFFFFFFF
            self._consume(data, events)
        if cut:
            self._hole(cut, events)

    def _hole(self, size: int, events: list[Event]) -> None:
        self.expected = (self.expected + size) & 0xFFFFFFFF
        if size <= self._passed_over:
            self._passed_over -= size
            return
        self._tell_gap(events)
        if not self._seeking:
            missing = self._frame_length() - len(self._rest)
            if size <= missing:
                self._rest, self._passed_over = b"", missing - size
                return
        self._rest, self._passed_over, self._seeking = b"", 0, True

    def _tell_gap(self, events: list[Event]) -> None:
        if not self._told:
            events.append(Lifeline.GAP)
            self._told = True

    def _frame_length(self) -> int:
        """Of the frame that has begun, as far as it is known."""
        if len(self._rest) < 8:
            return 0
        return int.from_bytes(self._rest[4:8], "big") & LENGTH

    def _consume(self, data: bytes, events: list[Event]) -> None:
        if self._passed_over:
            passed = min(self._passed_over, len(data))
            self._passed_over -= passed
            data = data[passed:]
        buffer = self._rest + data if self._rest else data
        at, size = 0, len(buffer)
        while True:
            if self._seeking:
                at = self._sought(buffer, at)
                if self._seeking:
                    break
            if size - at < 8:
                if self._magic.startswith(buffer[at : at + 4]):
                    break
                length = 0
            elif buffer.startswith(self._magic, at):
                word = int.from_bytes(buffer[at + 4 : at + 8], "big")
                length = word & LENGTH
            else:
                length = 0
            if not self._header + SMALLEST_PACKET <= length <= LARGEST_FRAME:
                self._tell_gap(events)
                self._seeking = True
                at += 1
                continue
            if size - at < length:
                break
            packet = self._unsigned(buffer[at + self._header : at + length], bool(word & SIGNED))
            at += length
            if packet is not None:
                events.append(packet)
                self._told = False
        self._rest = buffer[at:] if at else buffer

    def _unsigned(self, packet: bytes, flagged: bool) -> bytes | None:
        """Without its signature, which stands before it; None: it is of no type that this side sends."""
        if packet_type(packet) in self._types and not (flagged or self._signed):
            return packet
        if packet_type(packet[_SIGNATURE : _SIGNATURE + 2]) in self._types:
            self._signed = True
            return packet[_SIGNATURE:]
        self._signed = False
        return packet if packet_type(packet) in self._types else None

    def _sought(self, buffer: bytes, at: int) -> int:
        """Where the next frame begins, and then it is no longer sought; else from where to search on."""
        while (found := buffer.find(self._magic, at)) >= 0:
            if len(buffer) - found < 8:
                return found
            length = int.from_bytes(buffer[found + 4 : found + 8], "big") & LENGTH
            if self._header + SMALLEST_PACKET <= length <= LARGEST_FRAME:
                enough = min(length, self._header + _SIGNATURE + 2)
                if len(buffer) - found < enough:
                    return found
                head = buffer[found + self._header : found + enough]
                if packet_type(head) in self._types or packet_type(head[_SIGNATURE:]) in self._types:
                    self._seeking = False
                    return found
            at = found + 1
        return max(at, len(buffer) - 3)
