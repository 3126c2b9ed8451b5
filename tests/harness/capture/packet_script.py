"""A station whose packets an observer takes, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fakenw.core.peer import IPX, TCP, UDP, Peer, Transport
from fakenw.journal.record import SECOND, Journal, Record
from fakenw.wire.layout import Request
from fakenw.wire.packet import CREATE, DESTROY, REPLY, REQUEST, ReplyPacket, RequestPacket, WatchdogPacket
from fakenw.wire.requests.bindery import KeyedLogin
from fakenw.wire.requests.files import OpenedFile, OpenFile
from harness.capture.message import Conversation, Life, Lifeline, Message
from harness.capture.observer import Observer
from harness.judge.audit import books_balance

JOE = KeyedLogin(bytes(8), 1, "JOE")
FILE = OpenFile(0, 0, 1, "SYS:DIR/FILE")
HANDLE = bytes(range(6))
OPENED = OpenedFile(HANDLE, bytes(2), "FILE", 0, 0, 0, 0, 0, 0, 0).encode()
ADDRESSES = {UDP: ("10.0.0.1", 1025), TCP: ("10.0.0.1", 1025), IPX: ("00000001:000000000002", 0x4003)}


@dataclass
class PacketScript:
    """A station at a server; each packet is a second later than the one before."""

    transport: Transport = UDP
    connection: int = 7
    observer: Observer = field(default_factory=Observer)
    now: int = 1_000_000_000 * SECOND
    frame: int = 0
    sequence: int = 0
    address: str = "10.0.0.9:524"

    @property
    def conversation(self) -> Conversation:
        return Conversation(Peer(self.transport, ADDRESSES[self.transport]), self.address)

    def send(self, data: bytes, *, from_client: bool) -> None:
        self.frame += 1
        self.now += SECOND
        self.observer.take(Message(self.frame, self.now, self.conversation, from_client, data))

    def life(self, what: Lifeline) -> None:
        self.frame += 1
        self.now += SECOND
        self.observer.take(Life(self.frame, self.now, self.conversation, what, True))

    def attach(self) -> None:
        self.sequence = 0
        self.send(RequestPacket(CREATE, 0, 0xFFFF, 0, 0, b"").encode(), from_client=True)
        self.send(ReplyPacket(REPLY, 0, self.connection, 0, 0, 0, b"").encode(), from_client=False)

    def asks(self, request: Request[Any]) -> None:
        self.sequence = (self.sequence + 1) & 0xFF
        packet = RequestPacket(REQUEST, self.sequence, self.connection, 1, request.function, request.body())
        self.send(packet.encode(), from_client=True)

    def hears(self, code: int = 0, data: bytes = b"", status: int = 0) -> None:
        packet = ReplyPacket(REPLY, self.sequence, self.connection, 1, code, status, data)
        self.send(packet.encode(), from_client=False)

    def call(self, request: Request[Any], code: int = 0, data: bytes = b"") -> None:
        self.asks(request)
        self.hears(code, data)

    def destroy(self) -> None:
        self.sequence = (self.sequence + 1) & 0xFF
        self.send(RequestPacket(DESTROY, self.sequence, self.connection, 0, 0, b"").encode(), from_client=True)
        self.hears()

    def watchdog(self, *, answered: bool) -> None:
        self.now += 60 * SECOND
        self.send(WatchdogPacket(self.connection, b"?").encode(), from_client=False)
        if answered:
            self.send(WatchdogPacket(self.connection, b"Y").encode(), from_client=True)

    def journal(self, after: int = 0) -> Journal:
        (journal,) = self.observer.journals(end=self.now + after)
        assert not books_balance(journal)
        return journal

    def story(self, after: int = 0) -> list[str]:
        """Events with what tells them apart, and how sure they are."""
        return [_told(record) for record in self.journal(after).records[1:-1]]


def _told(record: Record) -> str:
    get, what = record.get, str(record.event)
    if what == "state":
        what = f"{get('from')}>{get('to')}"
    more = [str(get(name)) for name in ("cause", "what", "why", "path") if get(name) is not None]
    sure = "" if get("sure") == "seen" else f" ({get('sure')})"
    return " ".join([what, *more]) + sure
