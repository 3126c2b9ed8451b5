"""The server, sans-IO: bytes and time go in, ``Effects`` come out.

Rules of this file:

* The caller carries out the records, sends and closes of ``Effects`` in this order: a line is written
  before the reply that depends on it is sent.
* Time is whole microseconds since the server's start and never decreases.
* A station is a ``Peer``. ``receive`` takes any part of the stream of a framed transport, else one datagram.
* The replies to one call of ``receive`` are bounded, and so are the delayed replies of a station: the requests behind
  stay in the station's stream, as a part of ``kept``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from random import Random
from typing import Any, NamedTuple

from fakenw.bindery.initial_objects import initial_bindery, net_address
from fakenw.bindery.nds_keys import NdsKeys
from fakenw.bindery.nds_tree import NdsTree
from fakenw.core.busy_requests import BusyRequests
from fakenw.core.connection import Connection
from fakenw.core.connection_table import ConnectionTable
from fakenw.core.deadlines import Deadlines
from fakenw.core.dispatch import Dispatch
from fakenw.core.fault_table import FaultTable
from fakenw.core.ledger import Ledger
from fakenw.core.locks import LockTable
from fakenw.core.peer import Peer, net_address_for
from fakenw.core.semaphores import Semaphores
from fakenw.core.service import Counts
from fakenw.core.settings import ServerSettings
from fakenw.core.signing import BadSignature, Signing
from fakenw.core.wall_clock import WallClock
from fakenw.core.watchdog import Watchdog
from fakenw.faults.busy import BusyFault
from fakenw.faults.slow import SlowFault
from fakenw.journal.policy import State
from fakenw.journal.record import FORMAT, SECOND, Record
from fakenw.volumes.volume import Volumes
from fakenw.wire import packet as ncp
from fakenw.wire.framing import DMDT, BadFrame, Deframer, whole_request
from fakenw.wire.known_ncps import name_of
from fakenw.wire.layout import Malformed
from fakenw.wire.packet import Broadcast, Code, ReplyPacket, RequestPacket, WatchdogPacket

LOGOUT = 0x19
UNSUPPORTED = 100  # different functions of a connection that the journal mentions; a program that tries all has many
REPLIES_AT_ONCE = 64 * 1024  # bytes and one reply, of a stream: to one part of it, and of replies that are delayed
LIP_ECHO = b"Lip Echo Data"  # in a large-internet-packet test, which looks like a create and is returned unchanged


class Effects(NamedTuple):
    """The effects of an event, in this order."""

    records: list[Record]
    sends: list[tuple[Peer, bytes]]
    closes: list[Peer]


@cache  # bounded by the numbers of connections; an idle server sends hardly anything else
def _watchdog_query(number: int) -> bytes:
    return WatchdogPacket(number, b"?").encode()


class Server:
    """A NetWare server. Every random choice comes from *random*."""

    def __init__(self, settings: ServerSettings, volumes: Volumes, random: Random) -> None:
        self.settings = settings
        self.volumes = volumes
        self.random = random
        self.now = 0
        self.addresses: tuple[Peer, ...] = ()  # where it listens, which the edge sets
        self._wall_clock = WallClock()
        self.table = ConnectionTable(settings.connections)
        self._deadlines = Deadlines()
        self.ledger = Ledger(settings.policy, settings.licenses, self.emit, self._deadlines, settings.keep_cleared)
        self.locks = LockTable(self._deadlines)
        self.semaphores = Semaphores(self._deadlines)
        self._net_address = net_address(settings.network_number)
        self.bindery = initial_bindery(
            settings.name, self._net_address, settings.users, settings.groups, settings.user_connections
        )
        self.tree = NdsTree(settings.tree, self.bindery) if settings.tree else None
        self.keys = NdsKeys(settings.seed)
        self.logins = True
        self.bindery_closer: Connection | None = None
        self.counts = Counts()
        self._signing = Signing(self.emit, self.counts, lambda: self.now)
        self._watchdog = Watchdog(settings, self.table, self.emit, self._deadlines, self._query, self.clear)
        self._dispatch = Dispatch(self, self._watchdog, self._deadlines, self._send_raw)
        self._by_type = {ncp.REQUEST: self._request, ncp.CREATE: self._create, ncp.DESTROY: self._destroy}
        self.faults = FaultTable(self.emit, self._deadlines, lambda: self.now, Random(f"{settings.seed}/faults"))
        self.faults.changed.append(self._faults_changed)
        self._busy_requests = BusyRequests(
            self.faults,
            self._deadlines,
            self._dispatch,
            self._request,
            self._send_raw,
            lambda connection: self._watchdog.activity(connection, self.now),
        )
        self._streams: dict[Peer, Deframer] = {}
        self.kept: dict[Peer, None] = {}  # stations with whole requests that are not executed yet, in order of arrival
        self._delays = bool(settings.slow)
        self._cleared: set[Peer] = set()
        self._effects = Effects([], [], [])

    # For the edges

    def start(self, now: int, utc: datetime) -> Effects:
        """Begin the journal at the wall time *utc* (with a time zone)."""
        began = self._wall_clock.begin(now, utc)
        settings = self.settings
        self.now = now
        if self.tree is not None:
            self.tree.made = began
        self.emit(
            "start",
            {
                "format": FORMAT,
                "release": settings.release,
                "policy": self.ledger.policy.name,
                "licenses": settings.licenses,
                "seed": settings.seed,
                "instance": settings.instance,
                "speed": settings.speed,
                "utc": utc.isoformat(timespec="microseconds"),
                "idle_after": settings.idle_after / SECOND,
                **({"keep_cleared": settings.keep_cleared / SECOND} if self.ledger.keep_cleared else {}),
            },
        )
        return self.take_effects()

    def receive(self, now: int, peer: Peer, data: bytes) -> Effects:
        """Bytes from a station: a datagram, or the next part of a stream.

        A station that is in ``kept`` afterwards has more requests than are executed at once. Call this again for it,
        where ``can_go_on``, with no bytes.
        """
        self.now = now
        stream = self._streams.get(peer)
        if stream is not None and not stream.rest and not stream.signed and not self._delays:
            packet, connection = whole_request(data), self.table.by_peer.get(peer)
            if packet is not None and (connection is None or connection.wait is None):
                self._request(peer, connection, packet)
                return self.take_effects()
        if stream is None:
            if not peer.transport.framed:
                self._packet(peer, data)
                return self.take_effects()
            stream = self._streams[peer] = Deframer(DMDT)
        try:
            self._execute(peer, stream, data)
        except (BadFrame, BadSignature) as bad:
            self._stream_ended(peer, "lost" if isinstance(bad, BadFrame) else "bad-signature")
            self._effects.closes.append(peer)
        return self.take_effects()

    def can_go_on(self, peer: Peer) -> bool:
        """Whether requests of a station in ``kept`` can be executed: it waits for no lock and no semaphore, and its
        delayed replies are fewer than the bound."""
        connection = self.table.by_peer.get(peer)
        return connection is None or (connection.wait is None and connection.delayed <= REPLIES_AT_ONCE)

    def lost(self, now: int, peer: Peer) -> Effects:
        """The station's TCP connection has ended."""
        self.now = now
        self._stream_ended(peer, "lost")
        return self.take_effects()

    def stalled(self, now: int, peer: Peer) -> Effects:
        """The station does not read its replies, and the edge is about to end its TCP connection."""
        self.now = now
        self._stream_ended(peer, "stalled")
        return self.take_effects()

    def expire(self, now: int) -> Effects:
        """Expire the deadlines up to *now*."""
        self.now = now
        self._deadlines.expire(now)
        return self.take_effects()

    def deadline(self) -> int | None:
        """When ``expire`` must be called next; perhaps nothing is due then."""
        return self._deadlines.next()

    def pending(self) -> int:
        """The number of entries among the deadlines."""
        return len(self._deadlines)

    def stop(self, now: int) -> Effects:
        """End the journal. A stop releases nothing, and lists the holders."""
        self.now = now
        self.faults.end_all("stop")
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
        return self.take_effects()

    # For service functions (fakenw.core.service.ServiceHost)

    def utc(self, now: int) -> datetime:
        """The server's wall time at *now*."""
        return self._wall_clock.at(now)

    def clock(self) -> datetime:
        """The server's wall time now, to the second; the same object within a second."""
        return self._wall_clock.to_the_second(self.now)

    def net_address(self, station: Peer) -> bytes:
        """Network, node and socket at which *station* reaches the server."""
        return net_address_for(station, self.addresses) or self._net_address

    def set_utc(self, utc: datetime) -> None:
        """Set the wall time; the journal's own time does not change."""
        self._wall_clock.set(self.now, utc)

    def emit(self, event: str, fields: dict[str, Any]) -> None:
        """Write a line to the journal, with ``held`` and ``limit`` after the event."""
        more = {"server": self.settings.name, "held": self.ledger.held, "limit": self.ledger.limit}
        self._effects.records.append(Record(self.now, "server", event, {**more, **fields}))

    def clear(self, connection: Connection, cause: str) -> None:
        """End a connection on the server's side, for example by the watchdog; *cause* is that of the journal."""
        if connection.transport.framed:
            self._cleared.add(connection.peer)
        self._signing.end(connection.peer, known=True)
        self._end(connection, cause)

    def leave_message(self, connection: Connection, text: str) -> None:
        """Leave a message for a station: all replies announce it until it is fetched, over UDP a broadcast too."""
        connection.message = text
        if connection.transport.watched:
            self._send(connection.peer, Broadcast(connection.number).encode())

    @property
    def is_down(self) -> bool:
        """Whether the server refuses all requests."""
        return self._dispatch.down

    def reconfigure(self, **changes: Any) -> None:
        """Change *licenses*, *watchdog* or *clear_idle* (see ``ServerSettings``) of a running server."""
        self.settings = replace(self.settings, **changes)
        self.ledger.limit = self.settings.licenses or self.ledger.policy.grace
        self._watchdog.configure(self.settings)

    def reset(self) -> None:
        """End all connections and release every unit: the next client finds a server as it was at the start."""
        for connection in list(self.table.by_serial.values()):
            self.clear(connection, "cleared")
        self.ledger.reset()
        self.table.peak = 0
        self.logins = True
        self._dispatch.down = False
        self._deadlines.only()
        self.faults.end_all("reset")

    def awaits_answers(self, now: int, patience: int) -> bool:
        """Whether a watchdog query of the last *patience* microseconds is unanswered."""
        return not self._dispatch.down and self._watchdog.awaits_answers(now, patience)

    def take_effects(self) -> Effects:
        """The effects since the last call; edges call this after a change from outside, such as ``clear``."""
        effects, self._effects = self._effects, Effects([], [], [])
        return effects

    def down(self) -> None:
        """Refuse all further requests, with the status "server down". Like a stop, this releases nothing."""
        self._dispatch.down = True
        for connection in self.table.by_serial.values():
            self._dispatch.end_wait(connection)
        # Replies to executed requests are still sent, and faults end.
        self._deadlines.only(self._dispatch.reply_later, self.faults.expire)

    def unsupported(
        self, connection: Connection, function: int, subfunction: int | None, verb: int | None = None
    ) -> None:
        """Write to the journal, once per connection, that an NCP or an NDS verb is not supported."""
        key = (function, subfunction, verb)
        if key not in connection.unsupported and len(connection.unsupported) < UNSUPPORTED:
            connection.unsupported.add(key)
            number = f"{function}" if subfunction is None else f"{function}/{subfunction}"
            more: dict[str, Any] = {} if verb is None else {"verb": verb}
            name = name_of(function, subfunction, verb)
            if name is not None:
                more["name"] = name
            self.emit("unsupported", {**connection.about(), "ncp": number, **more})

    # Packets

    def _execute(self, peer: Peer, stream: Deframer, data: bytes) -> None:
        """Execute the requests that *data* completes, until the replies are many. Raises BadFrame."""
        self.kept.pop(peer, None)
        sends, counted, size = self._effects.sends, 0, 0
        full = not self.can_go_on(peer)
        if full:
            stream.rest += data
        else:
            packets = stream.cut(data)
            for packet in packets:
                self._packet(peer, packet)
                size += sum(len(reply) for _, reply in sends[counted:])
                counted = len(sends)
                full = size > REPLIES_AT_ONCE or not self.can_go_on(peer)
                if full:
                    break
            packets.close()
        if full and stream.rest:
            self.kept[peer] = None

    def _packet(self, peer: Peer, data: bytes) -> None:
        connection = self.table.by_peer.get(peer)
        if self._signing.signers or (connection is not None and connection.agreed):
            unsigned = self._signing.packet(peer, connection, data)
            if unsigned is None:
                return
            data = unsigned
        kind = ncp.packet_type(data)
        receiver = self._by_type.get(kind)
        if receiver is None:
            if kind == ncp.WATCHDOG:
                self._watchdog_answer(peer, data)
        elif kind == ncp.CREATE and data.startswith(LIP_ECHO, 4):
            self._send(peer, data)
        else:
            try:
                packet = ncp.decode_request(data)
            except Malformed:
                return
            receiver(peer, connection, packet)

    def _create(self, peer: Peer, old: Connection | None, packet: RequestPacket) -> None:
        """A station has one slot. A second create means that it was restarted, or that a reply was lost."""
        if self._dispatch.down:
            self._reply(peer, packet, number=0, code=Code.FAILURE, status=ncp.SERVER_DOWN)
            return
        if old is not None and old.awaiting_first_request:
            self._watchdog.activity(old, self.now)
            self._reply(peer, packet, number=old.number)
            return
        self._sign_no_more(peer)
        if old is not None:
            self.counts.reused += 1
            self._end(old, "reinitialize", keep_number=True)
        elif not self.ledger.has_room(self.ledger.policy.unit(State.ATTACHED, 0, None)):
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
            locks=self.locks,
            semaphores=self.semaphores,
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
        """Reply with connection, sequence and task 0, and query all stations (mars_nwe ncpserv.c)."""
        self.counts.denied += 1
        code = Code.TABLE_FULL
        self.emit("deny", {"station": str(peer), "user": None, "what": what, "code": code})
        self._send(peer, ReplyPacket(ncp.REPLY, 0, 0, 0, code, 0, b"").encode())
        self._watchdog.query_all(self.now)

    def _destroy(self, peer: Peer, connection: Connection | None, packet: RequestPacket) -> None:
        """Always answered: libncp over UDP waits a minute for it."""
        if connection is not None and connection.number == packet.connection:
            connection.last_request = self.now
            self._end(connection, "destroy")
        self._reply(peer, packet)
        self._sign_no_more(peer)

    def _request(self, peer: Peer, connection: Connection | None, packet: RequestPacket) -> None:
        if connection is None or connection.number != packet.connection:
            self._invalid_connection(peer, packet)
            return
        reply = self._dispatch.request(connection, packet)
        if reply is not None:
            self._effects.sends.append((peer, reply))
        if connection.root is not None:
            self._signing.begin(connection)
            if peer in self._streams:
                self._streams[peer].signed = True

    def _sign_no_more(self, peer: Peer) -> None:
        """The station's connection has ended, or is about to be another."""
        self._signing.end(peer)
        if peer in self._streams:
            self._streams[peer].signed = False

    def _invalid_connection(self, peer: Peer, packet: RequestPacket) -> None:
        """The number is not this station's. The code repeats the status, which libncp ignores."""
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
        self._send_raw(peer, self._signing.seal(peer, packet))

    def _send_raw(self, peer: Peer, data: bytes) -> None:
        """Send bytes that are framed already."""
        self._effects.sends.append((peer, data))

    # Faults

    def _faults_changed(self) -> None:
        faults = self.faults
        slow, busy = faults.any(SlowFault), faults.any(BusyFault)
        self._delays = slow or busy or bool(self.settings.slow)  # then no request takes the short way
        self._dispatch.slow_by(faults if slow else None)
        self._by_type[ncp.REQUEST] = self._request_while_busy if busy else self._request
        self._busy_requests.faults_changed()

    def _request_while_busy(self, peer: Peer, connection: Connection | None, packet: RequestPacket) -> None:
        if not self._busy_requests.request(peer, connection, packet):
            self._request(peer, connection, packet)

    # The watchdog

    def _query(self, connection: Connection) -> None:
        self._send(connection.peer, _watchdog_query(connection.number))

    def _watchdog_answer(self, peer: Peer, data: bytes) -> None:
        try:
            answer = ncp.decode_watchdog(data)
        except Malformed:
            return
        connection = self.table.by_peer.get(peer)
        if connection is not None and connection.number == answer.connection and answer.mark == b"Y":
            self._watchdog.activity(connection, self.now)

    # Ends of connections

    def _stream_ended(self, peer: Peer, cause: str) -> None:
        """The NCP connection of a TCP stream ends with it (ncp.md 1.1)."""
        self._streams.pop(peer, None)
        self._signing.end(peer)
        self.kept.pop(peer, None)
        self._cleared.discard(peer)
        connection = self.table.by_peer.get(peer)
        if connection is not None:
            self._end(connection, cause)

    def _end(self, connection: Connection, cause: str, *, keep_number: bool = False) -> None:
        user = connection.user
        self.counts.requests += connection.requests
        connection.move(self.now, State.GONE, cause)
        last = connection.last_request / SECOND
        self.emit("close", {**connection.about(), "user": user, "cause": cause, "last_request": last})
        self._watchdog.forget(connection)
        self.table.remove(connection, keep_number=keep_number)
