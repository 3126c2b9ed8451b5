"""The NCP requester of a workstation, without sockets and clocks, and what behaviours await.

Rules of this file:

* A behaviour is an ``async def`` function that awaits only an ``Exchange`` (a request and its reply) or a ``Sleep``;
  a runner carries both out.
* A ``Requester`` is one NCP connection with at most one outstanding request (Novell, "NCP Connection NCPs"); a second
  behaviour waits for its turn.
* A create resets the sequence: the first request after it has sequence 1, whatever the create had.
* UDP: the same bytes again, 20 tries 3 seconds apart (libncp). A "being processed" re-arms the timer
  and costs no try. A malformed packet is ignored. The requester itself answers the watchdog, not the program above it:
  that is why a watchdog does not cure Q257223 (Linux ncpfs).
* TCP: nothing is repeated. A malformed stream, or a bad signature in it, counts as closed. Watchdog packets are
  skipped, as in libncp.
* Times of the requester are network time in microseconds; a ``Sleep`` is scenario time.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any, NamedTuple, Protocol, cast

from fakenw.core.peer import Transport
from fakenw.crypto.signatures import SIZE, Signer
from fakenw.journal.record import SECOND
from fakenw.wire.framing import TNCP, BadFrame, Deframer, frame_request
from fakenw.wire.layout import Malformed, R, Request
from fakenw.wire.packet import (
    BAD_CONNECTION,
    BEING_PROCESSED,
    CREATE,
    DESTROY,
    NO_CONNECTION,
    REPLY,
    REQUEST,
    SERVER_DOWN,
    WATCHDOG,
    Refused,
    ReplyPacket,
    RequestPacket,
    decode_reply,
    decode_watchdog,
    packet_type,
)

TRIES = 20  # libncp, UDP and IPX
TRY = 3 * SECOND
PATIENCE = 60 * SECOND  # TCP: as long as all tries over UDP together
TURN = SECOND // 10  # how often a waiting behaviour looks whether its turn has come


class Gone(Exception):
    """The connection has ended: the reply's status says so, or the server closed the TCP connection."""


class Lost(Exception):
    """No reply came. Whether the server carried the request out is not known."""


Failure = (Refused, Gone, Lost, OSError)


def failure(problem: BaseException) -> dict[str, Any]:
    """The fields of a journal line about *problem*: ``code`` (completion code or None) and ``reason``.

    The reasons are ``refused``, ``gone``, ``lost`` and, for OSError, ``unreachable``.
    """
    for kind, reason in ((Refused, "refused"), (Gone, "gone"), (Lost, "lost")):
        if isinstance(problem, kind):
            return {"code": getattr(problem, "code", None), "reason": reason}
    return {"code": None, "reason": "unreachable"}


class Sleep(NamedTuple):
    """Awaited: wait for *duration* microseconds of scenario time."""

    duration: int


class Exchange(NamedTuple):
    """Awaited: send *packet* and return its ReplyPacket, or raise Gone or Lost."""

    requester: Requester
    packet: RequestPacket


@types.coroutine
def _await(what: Sleep | Exchange) -> Generator[Sleep | Exchange, Any, Any]:
    return (yield what)


async def sleep(duration: int) -> None:
    """Wait for *duration* microseconds of scenario time. Raises ValueError for what is no such number."""
    if not isinstance(duration, int) or duration < 0:
        raise ValueError(f"sleep takes a whole number of microseconds, 0 or more, not {duration!r}")
    await _await(Sleep(duration))


class Link(Protocol):
    """A transport link to a server. ``station`` is its own end as the server sees it: "udp:10.0.0.2:1025"."""

    @property
    def station(self) -> str: ...

    def close(self) -> None: ...


class World(Protocol):
    """The runner, as the behaviours of one client see it."""

    def now(self) -> int:
        """The scenario time of this client's journal, in microseconds."""

    def network_now(self) -> int:
        """The time of the network, in microseconds; ``--speed`` does not scale it."""

    def link(self, server: str, requester: Requester) -> Link:
        """A new link to *server* over the requester's transport, which passes incoming data to it. Raises OSError."""

    def spawn(self, behaviour: Coroutine[Any, Any, None]) -> None:
        """Run *behaviour* concurrently with the others."""

    def write(self, event: str, **fields: Any) -> None:
        """Write a line of the client's journal."""


class Requester:
    """One NCP connection, seen from the client.

    Behaviours use ``create``, ``call``, ``destroy`` and ``close``, runners the rest: after ``begin``,
    ``receive``, ``closed`` and ``expire`` a runner looks with ``take`` whether the exchange is over.
    """

    def __init__(self, world: World, server: str, transport: Transport) -> None:
        self.server, self.transport = server, transport
        self.station = ""
        self.number = NO_CONNECTION
        self.deadline: int | None = None  # network time at which to call expire
        self._world = world
        self._deframer = Deframer(TNCP) if transport.framed else None
        self._signer: Signer | None = None
        self._link: Link | None = None
        self._sequence = 0
        self._busy = False  # an exchange is outstanding
        self._over = False
        self._pending: RequestPacket | None = None
        self._sent = b""
        self._tries = 0
        self._outcome: ReplyPacket | Exception | None = None

    # For behaviours.

    async def create(self) -> None:
        """Attach to the server. Raises OSError, Refused (0xF9: no slot), Gone, Lost."""
        self._link = self._world.link(self.server, self)
        self.station = self._link.station
        try:
            reply = await self._exchange(CREATE, 0, b"", task=0)
        finally:
            if self._link is not None:  # over IPX a station has learnt its network
                self.station = self._link.station
        if reply.completion:
            raise Refused(reply.completion)
        self.number = reply.connection
        self._sequence = 0

    async def call(self, request: Request[R], task: int = 1) -> R:
        """The server's reply to *request*. Raises Refused, Gone, Lost."""
        reply = await self._exchange(REQUEST, request.function, request.body(), task)
        if reply.completion:
            raise Refused(reply.completion)
        try:
            return cast(R, request.reply.decode(reply.data))
        except Malformed as problem:
            raise Gone(f"a malformed reply: {problem}") from None

    def sign(self, root: bytes) -> None:
        """A login has succeeded, and signatures were agreed: packets are signed from now on, and replies verified."""
        self._signer = Signer(root, self.transport.signed)
        if self._deframer is not None:
            self._deframer.signed = True

    async def destroy(self) -> None:
        """Destroy the connection, whatever the reply, and close the link. Raises Lost, after the link is closed."""
        try:
            if self.number != NO_CONNECTION:
                await self._exchange(DESTROY, 0, b"", task=0)
        except Gone:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the link; nothing is sent."""
        self._over = True
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _exchange(self, kind: int, function: int, body: bytes, task: int) -> ReplyPacket:
        while self._busy:
            await sleep(TURN)
        if self._over:
            raise Gone("the connection has ended")
        self._busy = True
        if kind != CREATE:
            self._sequence = (self._sequence + 1) & 0xFF
        packet = RequestPacket(kind, self._sequence, self.number, task, function, body)
        try:
            reply: ReplyPacket = await _await(Exchange(self, packet))
        finally:
            self._busy = False
        # The completion code does not matter then: mars_nwe sends 0 here, and libncp takes it for success.
        if reply.status & (BAD_CONNECTION | SERVER_DOWN):
            raise Gone(f"connection status 0x{reply.status:02X}")
        return reply

    # For runners.

    def begin(self, now: int, packet: RequestPacket) -> list[bytes]:
        """Start the exchange of *packet*. Returns the bytes to send."""
        if self._over:
            self._outcome = Gone("the connection has ended")
            return []
        raw = packet.encode()
        signature = self._signer.sign_request(raw) if self._signer is not None and packet.type != CREATE else b""
        self._pending, self._outcome, self._tries = packet, None, 1
        self._sent = frame_request(raw, signature=signature) if self._deframer else raw + signature
        self._arm(now)
        return [self._sent]

    def receive(self, now: int, data: bytes) -> list[bytes]:
        """Process a datagram, or bytes of the stream. Returns the bytes to send at once. Raises nothing."""
        if self._over:
            return []
        try:
            if self._deframer is None:
                return self._read(now, data)
            return [answer for packet in self._deframer.feed(data) for answer in self._read(now, packet)]
        except (BadFrame, Malformed) as problem:
            if self._deframer:
                self.close()
                self._finish(Gone(str(problem)))
            return []

    def closed(self, now: int) -> None:
        """End the exchange: the server closed the TCP connection."""
        self._over = True
        self._finish(Gone("the server closed the connection"))

    def expire(self, now: int) -> list[bytes]:
        """Act on the deadline, if *now* has reached it. Returns the bytes to send again."""
        if self.deadline is None or now < self.deadline:
            return []
        if self._deframer or self._tries >= TRIES:
            self._finish(Lost(f"no answer from {self.server}"))
            return []
        self._tries += 1
        self._arm(now)
        return [self._sent]

    def take(self) -> ReplyPacket | Exception | None:
        """The outcome of the exchange, once; None while it is outstanding."""
        outcome, self._outcome = self._outcome, None
        return outcome

    def _read(self, now: int, data: bytes) -> list[bytes]:
        """Process one packet from the server. Raises Malformed, over TCP also for a bad signature."""
        if self._signer is not None:
            verified = self._verified(self._signer, data)
            if verified is None:
                return []
            data = verified
        kind = packet_type(data)
        if kind == WATCHDOG and not self._deframer:
            asked = decode_watchdog(data)
            mine = asked.mark == b"?" and asked.connection == self.number != NO_CONNECTION
            return [data[:9] + b"Y"] if mine else []
        if kind in (REPLY, BEING_PROCESSED):
            reply = decode_reply(data)
            if self._is_awaited(reply):
                if kind == REPLY:
                    self._finish(reply)
                else:
                    self._tries -= 1
                    self._arm(now)
        return []  # a broadcast (0xBBBB) or an unknown packet is skipped, as in libncp

    def _verified(self, signer: Signer, data: bytes) -> bytes | None:
        """A packet without its signature. A datagram with a bad one is ignored, as in libncp. Raises Malformed."""
        framed = self._deframer is not None
        packet, signature = (data[SIZE:], data[:SIZE]) if framed else (data[:-SIZE], data[-SIZE:])
        if packet_type(packet if framed else data) != REPLY:  # not signed, but framed all the same
            return packet if framed else data
        if signer.accept_reply(packet, signature):
            return packet
        if framed:
            raise Malformed("a bad signature")
        return None

    def _is_awaited(self, reply: ReplyPacket) -> bool:
        asked = self._pending
        if asked is None or reply.sequence != asked.sequence:
            return False
        return asked.type == CREATE or reply.connection == asked.connection

    def _arm(self, now: int) -> None:
        self.deadline = now + (PATIENCE if self._deframer else TRY)

    def _finish(self, outcome: ReplyPacket | Exception) -> None:
        if self._pending is not None:
            self._pending, self.deadline, self._outcome = None, None, outcome
