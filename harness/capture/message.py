"""What a capture holds of NCP: packets in the order of the capture, and what became of the streams that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fakenw.core.peer import Peer


class Lifeline(Enum):
    """What the wire shows of a conversation beside its packets."""

    OPENED = "opened"  # TCP: its SYN is in the capture
    CLIENT_CLOSED = "client-closed"  # TCP: FIN or RST of the client
    SERVER_CLOSED = "server-closed"
    GAP = "gap"  # TCP: bytes of the stream are not in the capture; the next message begins behind them
    JOINED = "joined"  # TCP: the capture begins within the stream


@dataclass(frozen=True, slots=True)
class Conversation:
    """The station of a client as journals name it, and the address of the server, such as ``10.0.0.1:524``."""

    client: Peer
    server: str


@dataclass(frozen=True, slots=True)
class Message:
    """One NCP packet, without the header that frames it in a TCP stream. *time*: microseconds since 1970."""

    number: int  # of the frame that completed it, as Wireshark counts
    time: int
    conversation: Conversation
    from_client: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Life:
    """A change of a conversation. *from_client* is the direction in which a gap is."""

    number: int
    time: int
    conversation: Conversation
    what: Lifeline
    from_client: bool
