"""The server, sans-IO: bytes and time go in, ``Effects`` come out.

Rules of this file:

* ``receive``, ``lost`` and ``expire`` each return what follows: journal records first, then bytes
  to send, then connections to close. The caller does them in that order, so that a line is
  written before the reply that announces it leaves.
* Time is whole microseconds since the server's start and never runs backwards.
* A station is a ``Peer``. Where its transport is framed ``receive`` takes the stream as it comes, else one datagram.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, NamedTuple

from fakenw.bindery.initial_objects import initial_bindery, net_address
from fakenw.bindery.nds_tree import NdsTree
from fakenw.core.connection import Connection
from fakenw.core.connection_table import ConnectionTable
from fakenw.core.deadlines import Deadlines
from fakenw.core.dispatch import Dispatch
from fakenw.core.ledger import Ledger
from fakenw.core.peer import Peer
from fakenw.core.service import Counts
from fakenw.core.settings import ServerSettings
from fakenw.core.watchdog import Watchdog
from fakenw.journal.policy import State
from fakenw.journal.record import FORMAT, SECOND, Record
from fakenw.volumes.volume import Volumes
from fakenw.wire import packet as ncp
from fakenw.wire.framing import DMDT, BadFrame, Deframer, frame_reply, whole_request
from fakenw.wire.layout import Malformed
from fakenw.wire.packet import Broadcast, Code, ReplyPacket, RequestPacket, WatchdogPacket

LOGOUT = 0x19
LIP_ECHO = b"Lip Echo Data"  # a large-internet-packet test that looks like a create; returned as it is


class Effects(NamedTuple):
    """What follows from an event, in this order."""

    records: list[Record]
    sends: list[tuple[Peer, bytes]]
    closes: list[Peer]


@cache  # there are no more than numbers of connections
def _question(number: int) -> bytes:
    """What the watchdog asks; of all packets this is sent most often."""
    return WatchdogPacket(number, b"?").encode()


class Server:
    """A NetWare server. Every random choice comes from *random*."""

    def __init__(self, config: ServerSettings, volumes: Volumes, random: Random) -> None:
        self.config = config
        self.volumes = volumes
        self.random = random
        self.now = 0
        self.addresses: tuple[Peer, ...] = ()  # where it listens: told by the edge
        self._utc = datetime(1980, 1, 1)  # UTC
        self._second = -SECOND, self._utc  # since when it is that second
        self.table = ConnectionTable(config.connections)
        self._deadlines = Deadlines()
        self.ledger = Ledger(config.policy, config.licenses, self.emit, self._deadlines, config.keep_cleared)
        address = net_address(config.serial_number)
        self.bindery = initial_bindery(config.name, address, config.users, config.groups, config.user_connections)
        self.tree = NdsTree(config.tree, self.bindery) if config.tree else None
        self.logins = True
        self.counts = Counts()
        self._watchdog = Watchdog(config, self.table, self.emit, self._deadlines, self._ask, self.clear)
        self._dispatch = Dispatch(self, self._watchdog, self._deadlines, self._send_raw)
        self._kinds = {ncp.REQUEST: self._request, ncp.CREATE: self._create, ncp.DESTROY: self._destroy}
        self._streams: dict[Peer, Deframer] = {}
        self._cleared: set[Peer] = set()
        self._unsupported: set[tuple[Peer, int, int | None, int | None]] = set()
        self._effects = Effects([], [], [])

    # What the edges call

    def start(self, now: int, utc: datetime) -> Effects:
        """Begin the journal at the wall time *utc* (with a time zone)."""
        self._utc = utc.astimezone(UTC).replace(tzinfo=None) - timedelta(microseconds=now)
        config = self.config
        self.now = now
        if self.tree is not None:
            self.tree.made = int(utc.timestamp())
        self.emit(
            "start",
            {
                "format": FORMAT,
                "release": config.release,
                "policy": self.ledger.policy.name,
                "licenses": config.licenses,
                "seed": config.seed,
                "speed": config.speed,
                "utc": utc.isoformat(timespec="microseconds"),
                "idle_after": config.idle_after / SECOND,
                **({"keep_cleared": config.keep_cleared / SECOND} if self.ledger.keep_cleared else {}),
            },
        )
        return self._take()

    def receive(self, now: int, peer: Peer, data: bytes) -> Effects:
        """Bytes from a station: a datagram, or the next piece of a stream."""
        self.now = now
        stream = self._streams.get(peer)
        if stream is not None and not stream.rest:
            packet = whole_request(data)
            if packet is not None:
                self._request(peer, packet)
                return self._take()
        if stream is None:
            if not peer.transport.framed:
                self._packet(peer, data)
                return self._take()
            stream = self._streams[peer] = Deframer(DMDT)
        broken = False
        try:
            packets = stream.feed(data)
        except BadFrame as bad:
            packets, broken = bad.before, True
        for data in packets:
            self._packet(peer, data)
        if broken:
            self._drop(peer)
            self._effects.closes.append(peer)
        return self._take()

    def lost(self, now: int, peer: Peer) -> Effects:
        """The station's TCP connection has ended."""
        self.now = now
        self._drop(peer)
        return self._take()

    def expire(self, now: int) -> Effects:
        """Do what is due by *now*."""
        self.now = now
        self._deadlines.expire(now)
        return self._take()

    def deadline(self) -> int | None:
        """When ``expire`` wants to be called next; it may find that nothing is due yet."""
        return self._deadlines.next()

    def stop(self, now: int) -> Effects:
        """End the journal. A stop releases nothing: it says who holds what."""
        self.now = now
        holders = [
            {
                "serial": c.serial,
                "station": c.station,
                "user": c.user,
                "since": self.ledger.holdings[c.unit].since / SECOND,
                "last_request": c.last_request / SECOND,
                "files": len(c.files),
            }
            for c in self.table.by_serial.values()
            if c.unit is not None
        ]
        self.emit("stop", {"holders": holders})
        return self._take()

    # What service functions use (fakenw.core.service.Host)

    def utc(self, now: int) -> datetime:
        """The server's wall time at *now*."""
        return self._utc + timedelta(microseconds=now)

    def clock(self) -> datetime:
        """The server's wall time now, to the second: within one it is the same object."""
        since, clock = self._second
        if not since <= self.now < since + SECOND:
            clock = self.utc(self.now)
            self._second = self.now - clock.microsecond, clock
        return clock

    def set_utc(self, utc: datetime) -> None:
        """From now on the wall time is another; the journal's own time is not."""
        self._utc = utc - timedelta(microseconds=self.now)
        self._second = -SECOND, utc

    def emit(self, event: str, fields: dict[str, Any]) -> None:
        """Write a line to the journal, with what is held after the event."""
        more = {"server": self.config.name, "held": self.ledger.held, "limit": self.ledger.limit}
        self._effects.records.append(Record(self.now, "server", event, {**more, **fields}))

    def clear(self, connection: Connection, cause: str) -> None:
        """End a connection on the server's side: *cause* says who does, such as an operator or the watchdog."""
        if connection.transport.framed:
            self._cleared.add(connection.peer)
        self._end(connection, cause)

    def tell(self, connection: Connection, text: str) -> None:
        """Leave a message for a station: every reply says so until it is fetched, and over UDP a notice goes out."""
        connection.message = text
        if connection.transport.watched:
            self._send(connection.peer, Broadcast(connection.number).encode())

    @property
    def is_down(self) -> bool:
        """Whether it answers nothing any more."""
        return self._dispatch.down

    def reconfigure(self, **changes: Any) -> None:
        """Change settings of a running server: *licenses*, *watchdog* and *clear_idle* as in ``ServerSettings``."""
        self.config = replace(self.config, **changes)
        self.ledger.limit = self.config.licenses or self.ledger.policy.grace
        self._watchdog.configure(self.config)

    def reset(self) -> None:
        """End all connections and give up every unit, so that the next client finds a server without a past."""
        for connection in list(self.table.by_serial.values()):
            self.clear(connection, "cleared")
        self.ledger.reset()
        self.table.peak = 0
        self.logins = True
        self._dispatch.down = False
        self._deadlines.only(None)

    def awaits_answers(self, now: int, patience: int) -> bool:
        """Whether the watchdog has asked somebody less than *patience* ago who has not answered yet."""
        return not self._dispatch.down and self._watchdog.waits(now, patience)

    def take(self) -> Effects:
        """What has followed from what was done to the server outside ``receive``, ``lost`` and ``expire``."""
        return self._take()

    def down(self) -> None:
        """Answer nothing any more but that the server is down. Like a stop, it releases nothing."""
        self._dispatch.down = True
        self._deadlines.only(self._dispatch.reply_later)  # what was executed before is still answered

    def unsupported(
        self, connection: Connection, function: int, subfunction: int | None, verb: int | None = None
    ) -> None:
        """Note, once per station, that an NCP or an NDS verb is not ours."""
        key = (connection.peer, function, subfunction, verb)
        if key not in self._unsupported:
            self._unsupported.add(key)
            number = f"{function}" if subfunction is None else f"{function}/{subfunction}"
            more = {} if verb is None else {"verb": verb}
            self.emit("unsupported", {**connection.about(), "ncp": number, **more})

    # Packets

    def _packet(self, peer: Peer, data: bytes) -> None:
        kind = ncp.packet_type(data)
        asked = self._kinds.get(kind)
        if asked is None:
            if kind == ncp.WATCHDOG:
                self._watchdog_answer(peer, data)
        elif kind == ncp.CREATE and data.startswith(LIP_ECHO, 4):
            self._send(peer, data)
        else:
            try:
                packet = ncp.decode_request(data)
            except Malformed:
                return
            asked(peer, packet)

    def _create(self, peer: Peer, packet: RequestPacket) -> None:
        """A station has one slot. Asking again means that it was restarted, or that a reply got lost."""
        if self._dispatch.down:
            self._reply(peer, packet, number=0, code=Code.FAILURE, status=ncp.SERVER_DOWN)
            return
        old = self.table.by_peer.get(peer)
        if old is not None and old.awaiting_first_request:
            self._watchdog.activity(old, self.now)
            self._reply(peer, packet, number=old.number)
            return
        if old is not None:
            self.counts.reused += 1
            self._end(old, "reinitialize", keep_number=True)
        elif not self.ledger.has(self.ledger.policy.unit(State.ATTACHED, 0, None)):
            self._deny_create(peer, "license")
            return
        number = old.number if old is not None else self.table.next_number()
        if number is None:
            self._deny_create(peer, "slot")
            return
        connection = Connection(
            number=number,
            serial=self.table.next_serial(),
            peer=peer,
            ledger=self.ledger,
            emit=self.emit,
            schedule=self._watchdog.schedule,
            created=self.now,
            last_request=self.now,
            last_activity=self.now,
        )
        self._cleared.discard(peer)
        self.table.add(connection)
        self.emit("create", {**connection.about(), "again": True} if old else connection.about())
        connection.move(self.now, State.ATTACHED, "create")
        self._reply(peer, packet, number=number)

    def _deny_create(self, peer: Peer, what: str) -> None:
        """Connection 0, sequence 0, task 0; and now everybody is asked for a sign of life (mars_nwe ncpserv.c)."""
        self.counts.denied += 1
        code = Code.TABLE_FULL
        self.emit("deny", {"station": str(peer), "user": None, "what": what, "code": code})
        self._send(peer, ReplyPacket(ncp.REPLY, 0, 0, 0, code, 0, b"").encode())
        self._watchdog.rouse(self.now)

    def _destroy(self, peer: Peer, packet: RequestPacket) -> None:
        """Always answered: libncp over UDP waits a minute for it."""
        connection = self.table.by_peer.get(peer)
        if connection is not None and connection.number == packet.connection:
            connection.last_request = self.now
            self._end(connection, "destroy")
        self._reply(peer, packet)

    def _request(self, peer: Peer, packet: RequestPacket) -> None:
        connection = self.table.by_peer.get(peer)
        if connection is None or connection.number != packet.connection:
            self._stranger(peer, packet)
            return
        reply = self._dispatch.request(connection, packet)
        if reply is not None:
            self._effects.sends.append((peer, reply))

    def _stranger(self, peer: Peer, packet: RequestPacket) -> None:
        """The number is not this station's. libncp ignores the status byte, so the code says it too."""
        self.counts.invalid_connections += 1
        if self._dispatch.down:
            self._reply(peer, packet, code=Code.FAILURE, status=ncp.SERVER_DOWN)
            return
        if packet.function == LOGOUT:
            self._reply(peer, packet)
            return
        self._reply(peer, packet, code=Code.BAD_CONNECTION, status=ncp.BAD_CONNECTION)
        if peer in self._cleared:
            self._cleared.discard(peer)
            self._effects.closes.append(peer)

    def _reply(
        self, peer: Peer, packet: RequestPacket, *, number: int | None = None, code: int = 0, status: int = 0
    ) -> None:
        answered = packet.connection if number is None else number
        reply = ReplyPacket(ncp.REPLY, packet.sequence, answered, packet.task, code, status, b"")
        self._send(peer, reply.encode())

    def _send(self, peer: Peer, packet: bytes) -> None:
        self._send_raw(peer, frame_reply(packet) if peer.transport.framed else packet)

    def _send_raw(self, peer: Peer, data: bytes) -> None:
        """Send bytes that have their frame."""
        self._effects.sends.append((peer, data))

    def _take(self) -> Effects:
        effects, self._effects = self._effects, Effects([], [], [])
        return effects

    # The watchdog

    def _ask(self, connection: Connection) -> None:
        self._send(connection.peer, _question(connection.number))

    def _watchdog_answer(self, peer: Peer, data: bytes) -> None:
        try:
            answer = ncp.decode_watchdog(data)
        except Malformed:
            return
        connection = self.table.by_peer.get(peer)
        if connection is not None and connection.number == answer.connection and answer.mark == b"Y":
            self._watchdog.activity(connection, self.now)

    # Ends of connections

    def _drop(self, peer: Peer) -> None:
        """A TCP stream is over: its connection goes at once (ncp.md 1.1)."""
        self._streams.pop(peer, None)
        self._cleared.discard(peer)
        connection = self.table.by_peer.get(peer)
        if connection is not None:
            self._end(connection, "lost")

    def _end(self, connection: Connection, cause: str, *, keep_number: bool = False) -> None:
        user = connection.user
        self.counts.requests += connection.requests
        connection.move(self.now, State.GONE, cause)
        last = connection.last_request / SECOND
        self.emit("close", {**connection.about(), "user": user, "cause": cause, "last_request": last})
        self.table.remove(connection, keep_number=keep_number)
