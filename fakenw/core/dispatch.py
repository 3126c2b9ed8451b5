"""A request on its connection: whether it is a duplicate, its function, its reply, and the time of that.

Rules of this file:

* Execution is synchronous: afterwards all effects are done, and in the journal. The reply of a *slow* NCP
  (``ServerSettings.slow``) is delayed; until then the reply to a duplicate is "being processed" (0x9999).
* Where a reply may be lost it is retained for a duplicate of its request; over TCP there are no duplicates. A reply
  that is longer than the client's buffer is not retained if its function is in ``REPEATABLE``: then the duplicate is
  executed again, which has no effect. The reply of any other function is always retained: a login must not count twice.
* A request that waits for a lock or a semaphore is *held back*: its reply is made when the wait ends. A station has one
  request under way, so that its packet signatures stand where they stood behind that request. If it sends another one
  all the same, a datagram means that the first is given up; in a stream it stays unread until the reply is sent.
* A client that received "being processed" 240 times for one request is dropped (KB Q176027).
* A server that is down executes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fakenw.core.connection import Connection
from fakenw.core.deadlines import Deadlines
from fakenw.core.fault_table import FaultTable
from fakenw.core.ledger import NoRoom
from fakenw.core.peer import Peer
from fakenw.core.service import Call, HeldBack, ServiceHost, Succeeded
from fakenw.core.services import SERVICES, nds
from fakenw.core.signing import signed
from fakenw.core.watchdog import Watchdog
from fakenw.faults.slow import SlowFault
from fakenw.journal.policy import State
from fakenw.wire import packet as ncp
from fakenw.wire.framing import framed_reply
from fakenw.wire.known_ncps import subfunction_of
from fakenw.wire.layout import Malformed, split_body
from fakenw.wire.packet import Code, Refused, RequestPacket

Key = tuple[int, int | None]

# Functions without effects whose replies can be longer than a client's buffer.
REPEATABLE: frozenset[Key] = frozenset({(0x48, None), (22, 52), (23, 201), (123, 14), (123, 16), (123, 17)})
HEADROOM = 64  # bytes for a reply's header and the length of a read; libncp leaves 40
BUSY_REPLIES = 240  # to one request, after which the client is dropped
LATE = 128  # a sequence less than this behind the last one is that of a late datagram, executed before


class Dispatch:
    """The functions of all services, for *host*; *watchdog* is notified of every activity.

    Delayed replies wait among the *deadlines*, and are sent with *send*.
    """

    def __init__(
        self, host: ServiceHost, watchdog: Watchdog, deadlines: Deadlines, send: Callable[[Peer, bytes], None]
    ) -> None:
        self.down = False
        self._host, self._watchdog, self._deadlines, self._send = host, watchdog, deadlines, send
        services = [service for service in SERVICES if service is not nds.service or host.tree is not None]
        self._functions = {
            key: (key, function.layout.decode, function.answer)
            for service in services
            for key, function in service.functions.items()
        }
        self._plain = {function: entry for (function, sub), entry in self._functions.items() if sub is None}
        self._slow = dict(host.settings.slow)
        self._delays = bool(self._slow)
        self._faults: FaultTable | None = None  # where one of them is slow
        self._counted = host.counts.by_function

    def request(self, connection: Connection, packet: RequestPacket) -> bytes | None:
        """Execute a request. Returns the reply to send now, if any."""
        now = self._host.now
        if connection.reply is not None:  # where replies are retained, and not at the first request
            behind = (connection.sequence - packet.sequence) & 0xFF
            if behind < LATE:
                self._watchdog.activity(connection, now)
                if not behind:
                    return self._duplicate(connection, packet)
                self._host.counts.late += 1
                return None
        if connection.wait is not None:
            connection.wait_no_more()
        connection.awaiting_first_request = False
        connection.busy_replies = 0
        connection.sequence = packet.sequence
        connection.requests += 1
        connection.last_activity = connection.last_request = now
        if connection.unanswered or connection.idle:
            self._watchdog.requested(connection, now)
        reply = self._execute(connection, packet)
        if reply is None:  # held back
            if not connection.transport.lossless:
                connection.reply = b""
            return None
        if not connection.transport.lossless:
            short = len(reply) <= connection.buffer + HEADROOM
            connection.reply = reply if short or _key(packet) not in REPEATABLE else b""
        if self._delays and connection.state is not State.GONE and self._delay(connection, packet, reply):
            return None
        return reply

    @staticmethod
    def is_repeated(connection: Connection, packet: RequestPacket) -> bool:
        """Whether a request repeats one that was begun."""
        return connection.reply is not None and (connection.sequence - packet.sequence) & 0xFF < LATE

    def slow_by(self, faults: FaultTable | None) -> None:
        """From now on answers are slow by *faults* too, or by the settings alone."""
        self._faults = faults
        self._delays = faults is not None or bool(self._slow)

    def being_processed(self, connection: Connection, packet: RequestPacket) -> bytes:
        """The reply to a repetition of a request that is not answered yet. The last one ends the connection."""
        self._host.counts.acknowledged += 1
        connection.busy_replies += 1
        if connection.busy_replies == BUSY_REPLIES:
            self._host.clear(connection, "busy")
        return _reply(connection, packet, 0, 0, kind=ncp.BEING_PROCESSED)

    def reply_later(self, at: int, delayed: tuple[Connection, bytes], now: int) -> None:
        """A delayed reply is due; it is sent unless its connection has ended."""
        connection, reply = delayed
        connection.delayed -= len(reply)
        if connection.due == at:
            connection.due = None
        if connection.state is not State.GONE:
            self._send(connection.peer, reply)

    def end_wait(self, connection: Connection) -> None:
        """The server goes down: what a station waits for is not to be had any more."""
        if connection.wait is not None:
            told = connection.wait.told
            connection.wait_no_more()
            told(False)

    def _held_back(self, connection: Connection, packet: RequestPacket, code: Code, granted: bool) -> None:
        """The wait of a request has ended, and its reply is due."""
        connection.wait = None
        if self.down:
            reply = _reply(connection, packet, Code.FAILURE, ncp.SERVER_DOWN)
        else:
            reply = self._answer(connection, packet, Code.OK if granted else code, b"")
        if not connection.transport.lossless:
            connection.reply = reply
        if not (self._delays and self._delay(connection, packet, reply)):
            self._send(connection.peer, reply)

    def _execute(self, connection: Connection, packet: RequestPacket) -> bytes | None:
        """Execute a request. Returns its reply; None where that is held back."""
        if self.down:
            return _reply(connection, packet, Code.FAILURE, ncp.SERVER_DOWN)
        host, code, data = self._host, 0, b""
        try:
            entry, body = self._plain.get(packet.function), packet.body
            if entry is None:
                subfunction, body = split_body(packet.function, body)
                entry = self._functions.get((packet.function, subfunction))
            if entry is None:
                if subfunction is None:
                    subfunction = subfunction_of(packet.function, packet.body)
                self._counted[packet.function, subfunction] += 1
                host.unsupported(connection, packet.function, subfunction)
                code = Code.UNSUPPORTED
            else:
                key, decode, function = entry
                self._counted[key] += 1
                reply = function(Call(host, connection, decode(body), packet.task))
                if reply is not None:
                    data = reply.encode()
        except Malformed:
            code = Code.INVALID_LENGTH
        except (Refused, Succeeded) as outcome:
            code = outcome.code
        except HeldBack as held:
            connection.wait = held.wait
            held.wait.told = partial(self._held_back, connection, packet, held.code)
            return None
        except NoRoom:
            code = Code.NO_LICENSE
            host.emit("deny", {**connection.about(), "what": "license", "code": code})
        return self._answer(connection, packet, code, data)

    def _answer(self, connection: Connection, packet: RequestPacket, code: int, data: bytes) -> bytes:
        """A reply as it is sent: with the status of now, signed and framed."""
        status = 0 if connection.message is None else ncp.MESSAGE_WAITING
        if connection.signer is not None:
            plain = ncp.encode_reply(ncp.REPLY, packet.sequence, packet.connection, packet.task, code, status, data)
            return signed(connection.signer, plain, framed=connection.transport.framed)
        encode = framed_reply if connection.transport.framed else ncp.encode_reply
        return encode(ncp.REPLY, packet.sequence, packet.connection, packet.task, code, status, data)

    def _duplicate(self, connection: Connection, packet: RequestPacket) -> bytes | None:
        """The reply to a duplicate of the last request, whose effects must not be repeated."""
        if connection.due is not None or connection.wait is not None:
            return self.being_processed(connection, packet)
        if connection.reply:
            self._host.counts.duplicates += 1
            return connection.reply
        return self._execute(connection, packet) if _key(packet) in REPEATABLE else None

    def _delay(self, connection: Connection, packet: RequestPacket, reply: bytes) -> bool:
        """Delay the reply if it is not due yet. The order of a connection's replies never changes."""
        now, key = self._host.now, _key(packet)
        slow = self._slow.get(key, 0) if key else 0
        if self._faults is not None:
            slow = max(slow, *(fault.delays(key) for fault in self._faults.of(SlowFault, connection.station)), 0)
        due = max(now + slow, connection.due or 0)
        if due <= now:
            return False
        connection.due = due
        connection.delayed += len(reply)
        self._deadlines.add(due, self.reply_later, (connection, reply))
        return True


def _key(packet: RequestPacket) -> Key | None:
    """The function of a request; None without its sub-function."""
    try:
        return packet.function, split_body(packet.function, packet.body)[0]
    except Malformed:
        return None


def _reply(connection: Connection, packet: RequestPacket, code: int, status: int, kind: int = ncp.REPLY) -> bytes:
    framed = connection.transport.framed
    if connection.signer is not None and kind == ncp.REPLY:
        reply = ncp.encode_reply(kind, packet.sequence, packet.connection, packet.task, code, status, b"")
        return signed(connection.signer, reply, framed=framed)
    encode = framed_reply if framed else ncp.encode_reply
    return encode(kind, packet.sequence, packet.connection, packet.task, code, status, b"")
