"""One TCP connection: both directions of it, from its first packet to its end."""

from __future__ import annotations

from fakenw.wire.framing import DMDT, TNCP
from harness.capture.half import Event, Half
from harness.capture.message import Conversation, Life, Lifeline, Message

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


class Flow:
    """*first*, the event that begins it, is told at once where it is *sure* that this is NCP, else with the first NCP
    packet; ``refuted``: there came something else. *start*: the number of the client's SYN. ``counted``: what
    ``Streams`` has counted of what is ``kept``.
    """

    __slots__ = ("_conversation", "_first", "client", "counted", "over", "refuted", "server", "start", "sure")

    def __init__(
        self,
        conversation: Conversation,
        first: Lifeline,
        start: int | None,
        client: int | None,
        server: int | None,
        *,
        sure: bool,
    ) -> None:
        """*client*, *server*: the sequence numbers of their next bytes, where they are known."""
        joined = first is Lifeline.JOINED
        self._conversation = conversation
        self._first: Lifeline | None = first
        self.start = start
        self.client = Half(DMDT, client, joined=joined)
        self.server = Half(TNCP, server, joined=joined)
        self.sure = sure
        self.refuted = self.over = False
        self.counted = 0

    def take(
        self,
        number: int,
        time: int,
        from_client: bool,
        numbers: tuple[int, int],
        flags: int,
        data: bytes,
        cut: int,
    ) -> list[Message | Life]:
        """What a segment completes; *numbers* are its sequence and acknowledgment, *cut* bytes of it are missing.

        What it acknowledges comes before what it carries: a reply shows that its request was sent.
        """
        sequence, acknowledged = numbers
        out: list[Message | Life] = []
        own, other = (self.client, self.server) if from_client else (self.server, self.client)
        if self._first is not None and self.sure:
            out.append(Life(number, time, self._conversation, self._first, from_client))
            self._first = None
        if flags & ACK and (acknowledged != other.expected or not other.begun):
            self._tell(number, time, not from_client, other.acknowledged(acknowledged), out)
        if flags & SYN:
            sequence = (sequence + 1) & 0xFFFFFFFF
            own.begins_at(sequence)
        if (data or cut or flags & FIN) and not flags & RST:
            self._tell(number, time, from_client, own.segment(sequence, data, cut, fin=bool(flags & FIN)), out)
        if flags & RST:
            out += self.finish(number, time)
            self._close(number, time, from_client, own, out)
            self.over = True
        elif own.ended or other.ended:
            self._close_ended(number, time, out)
        return out

    @property
    def kept(self) -> int:
        """Bytes that wait for others."""
        return self.client.kept + self.server.kept

    def finish(self, number: int, time: int) -> list[Message | Life]:
        """What waits behind holes: no more is waited for."""
        out: list[Message | Life] = []
        self._tell(number, time, True, self.client.give_up(), out)
        self._tell(number, time, False, self.server.give_up(), out)
        self._close_ended(number, time, out)
        return out

    def _tell(self, number: int, time: int, from_client: bool, events: list[Event], out: list[Message | Life]) -> None:
        for event in events:
            if self._first is not None:
                if isinstance(event, Lifeline):
                    self.refuted = True
                    return
                out.append(Life(number, time, self._conversation, self._first, from_client))
                self._first, self.sure = None, True
            if isinstance(event, Lifeline):
                out.append(Life(number, time, self._conversation, event, from_client))
            else:
                out.append(Message(number, time, self._conversation, from_client, event))

    def _close_ended(self, number: int, time: int, out: list[Message | Life]) -> None:
        for half in (self.client, self.server):
            if half.ended:
                self._close(number, time, half is self.client, half, out)
        self.over = self.client.closed and self.server.closed

    def _close(self, number: int, time: int, from_client: bool, half: Half, out: list[Message | Life]) -> None:
        if not half.closed and self._first is None:
            what = Lifeline.CLIENT_CLOSED if from_client else Lifeline.SERVER_CLOSED
            out.append(Life(number, time, self._conversation, what, from_client))
        half.closed = True
