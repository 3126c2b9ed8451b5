"""The server, sans-IO: bytes and time go in, ``Effects`` come out.

Rules of this file:

* The caller carries out the records, sends and closes of ``Effects`` in this order: a line is written
  before the reply that depends on it is sent.
* Time is whole microseconds since the server's start and never decreases.
* A station is a ``Peer``. ``receive`` takes any part of the stream of a framed transport, else one datagram.
* What comes of a part of a stream is bounded (``streams.py``): the requests behind stay in the stream, which is *kept*.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

from fakenw.bindery.initial_objects import initial_bindery, net_address
from fakenw.bindery.nds_keys import NdsKeys
from fakenw.bindery.nds_tree import NdsTree
from fakenw.core.connection import Connection
from fakenw.core.connection_table import ConnectionTable
from fakenw.core.deadlines import Deadlines
from fakenw.core.dispatch import Dispatch
from fakenw.core.effects import Effects
from fakenw.core.fault_table import FaultTable
from fakenw.core.ledger import Ledger
from fakenw.core.locks import LockTable
from fakenw.core.packets import Packets
from fakenw.core.peer import Peer, net_address_for
from fakenw.core.semaphores import Semaphores
from fakenw.core.service import Counts
from fakenw.core.settings import ServerSettings
from fakenw.core.signing import BadSignature, Signing
from fakenw.core.start_and_stop import started, stopped
from fakenw.core.streams import Streams
from fakenw.core.wall_clock import WallClock
from fakenw.core.watchdog import Watchdog
from fakenw.journal.record import Record
from fakenw.volumes.volume import Volumes
from fakenw.wire.framing import BadFrame, whole_request
from fakenw.wire.known_ncps import name_of
from fakenw.wire.packet import Broadcast, WatchdogPacket

UNSUPPORTED = 100  # different functions of a connection that the journal mentions; a program that tries all has many


@cache  # bounded by the numbers of connections; an idle server sends hardly anything else
def _query(number: int) -> bytes:
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
        self.faults = FaultTable(self.emit, self._deadlines, lambda: self.now, Random(f"{settings.seed}/faults"))
        self._effects = Effects()
        self._streams = Streams(self.table, self._effects)
        self.kept = self._streams.kept
        self.deadline = self._deadlines.next  # when ``expire`` must be called next; perhaps nothing is due then
        self._watchdog = Watchdog(settings, self.table, self.emit, self._deadlines, self.query, self.clear)
        self._dispatch = Dispatch(self, self._watchdog, self._deadlines, self._effects.send)
        signing = Signing(self.emit, self.counts, lambda: self.now)
        self._packets = Packets(
            self, self._effects, self._streams, signing, self._watchdog, self._dispatch, self._deadlines
        )
        self.faults.changed.append(self._packets.faults_changed)

    # For the edges

    def start(self, now: int, utc: datetime) -> Effects:
        """Begin the journal at the wall time *utc* (with a time zone)."""
        began = self._wall_clock.begin(now, utc)
        self.now = now
        if self.tree is not None:
            self.tree.made = began
        self.emit("start", started(self.settings, self.ledger, utc))
        return self._effects.take()

    def receive(self, now: int, peer: Peer, data: bytes) -> Effects:
        """Bytes from a station: a datagram, or the next part of a stream.

        A station that is in ``kept`` afterwards has more requests than are executed at once. Call this again for it,
        where ``can_go_on``, with no bytes.
        """
        self.now = now
        if not peer.transport.framed:
            self._packets.packet(peer, data)
            return self._effects.take()
        stream = self._streams.by_peer.get(peer)
        if stream is not None and not stream.rest and not stream.signed and self._packets.plain:
            packet, connection = whole_request(data), self.table.by_peer.get(peer)
            if packet is not None and (connection is None or connection.wait is None):
                self._packets.request(peer, connection, packet)
                return self._effects.take()
        try:
            self._streams.execute(peer, data, self._packets.packet)
        except (BadFrame, BadSignature) as bad:
            self._packets.stream_ended(peer, "lost" if isinstance(bad, BadFrame) else "bad-signature")
            self._effects.closes.append(peer)
        return self._effects.take()

    def can_go_on(self, peer: Peer) -> bool:
        """Whether requests of a station in ``kept`` can be executed now."""
        return self._streams.can_go_on(peer)

    def lost(self, now: int, peer: Peer) -> Effects:
        """The station's TCP connection has ended."""
        self.now = now
        self._packets.stream_ended(peer, "lost")
        return self._effects.take()

    def stalled(self, now: int, peer: Peer) -> Effects:
        """The station does not read its replies, and the edge is about to end its TCP connection."""
        self.now = now
        self._packets.stream_ended(peer, "stalled")
        return self._effects.take()

    def expire(self, now: int) -> Effects:
        """Expire the deadlines up to *now*."""
        self.now = now
        self._deadlines.expire(now)
        return self._effects.take()

    def pending(self) -> int:
        """The number of entries among the deadlines."""
        return len(self._deadlines)

    def stop(self, now: int) -> Effects:
        """End the journal. A stop releases nothing, and lists the holders."""
        self.now = now
        self.faults.end_all("stop")
        self.emit("stop", stopped(self.table, self.ledger))
        return self._effects.take()

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
        name, ledger = self.settings.name, self.ledger
        whole = {"server": name, "held": ledger.held, "limit": ledger.limit, **fields}
        self._effects.records.append(Record(self.now, "server", event, whole))

    def clear(self, connection: Connection, cause: str) -> None:
        """End a connection on the server's side, for example by the watchdog; *cause* is that of the journal."""
        self._packets.clear(connection, cause)

    def query(self, connection: Connection) -> None:
        """Send the watchdog's query to a station."""
        self._packets.send(connection.peer, _query(connection.number))

    def leave_message(self, connection: Connection, text: str) -> None:
        """Leave a message for a station: all replies announce it until it is fetched, over UDP a broadcast too."""
        connection.message = text
        if connection.transport.watched:
            self._packets.send(connection.peer, Broadcast(connection.number).encode())

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
        return self._effects.take()

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
