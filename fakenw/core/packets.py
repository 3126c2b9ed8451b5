"""A packet of a station: a create, a request, a destroy, an answer to the watchdog; and how a connection ends.

A request goes on to ``Dispatch`` once it is known to be its station's.
"""

from __future__ import annotations

from fakenw.core.busy_requests import BusyRequests
from fakenw.core.connection import Connection
from fakenw.core.deadlines import Deadlines
from fakenw.core.dispatch import Dispatch
from fakenw.core.effects import Effects
from fakenw.core.peer import Peer
from fakenw.core.service import ServiceHost
from fakenw.core.signing import Signing
from fakenw.core.streams import Streams
from fakenw.core.watchdog import Watchdog
from fakenw.faults.busy import BusyFault
from fakenw.faults.slow import SlowFault
from fakenw.journal.policy import State
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.layout import Malformed
from fakenw.wire.packet import Code, ReplyPacket, RequestPacket

LOGOUT = 0x19
LIP_ECHO = b"Lip Echo Data"  # in a large-internet-packet test, which looks like a create and is returned unchanged


class Packets:
    """Executes the packets of all stations for *host*. What is to be sent and closed comes to *effects*."""

    def __init__(
        self,
        host: ServiceHost,
        effects: Effects,
        streams: Streams,
        signing: Signing,
        watchdog: Watchdog,
        dispatch: Dispatch,
        deadlines: Deadlines,
    ) -> None:
        self.plain = not host.settings.slow  # no reply is delayed, and no request is held
        self._host, self._effects, self._streams, self._signing = host, effects, streams, signing
        self._watchdog, self._dispatch = watchdog, dispatch
        self._by_type = {ncp.REQUEST: self.request, ncp.CREATE: self._create, ncp.DESTROY: self._destroy}
        self._cleared: set[Peer] = set()
        self._busy_requests = BusyRequests(
            host.faults,
            deadlines,
            dispatch,
            self.request,
            effects.send,
            lambda connection: watchdog.activity(connection, host.now),
        )

    def packet(self, peer: Peer, data: bytes) -> None:
        """Execute a packet without its frame. Raises BadSignature."""
        connection = self._host.table.by_peer.get(peer)
        if self._signing.signers or (connection is not None and connection.agreed):
            unsigned = self._signing.packet(peer, connection, data)
            if unsigned is None:
                return
            data = unsigned
        try:
            packet = ncp.decode_request(data)
        except Malformed:
            return
        kind = packet.type
        if kind == ncp.CREATE and data.startswith(LIP_ECHO, 4):
            self.send(peer, data)
        elif kind in self._by_type:
            self._by_type[kind](peer, connection, packet)
        elif kind == ncp.WATCHDOG:
            self._watchdog_answer(connection, data)

    def request(self, peer: Peer, connection: Connection | None, packet: RequestPacket) -> None:
        """Execute a request of a station, of which *connection* is the one that it has."""
        if connection is None or connection.number != packet.connection:
            self._invalid_connection(peer, packet)
            return
        reply = self._dispatch.request(connection, packet)
        if reply is not None:
            self._effects.sends.append((peer, reply))
        if connection.root is not None:
            self._signing.begin(connection)
            self._streams.sign(peer, on=True)

    def send(self, peer: Peer, packet: bytes) -> None:
        """Send a packet in the frame and with the signature of its station."""
        self._effects.send(peer, self._signing.seal(peer, packet))

    def clear(self, connection: Connection, cause: str) -> None:
        """End a connection on the server's side."""
        if connection.transport.framed:
            self._cleared.add(connection.peer)
        self._signing.end(connection.peer, known=True)
        self._end(connection, cause)

    def stream_ended(self, peer: Peer, cause: str) -> None:
        """The NCP connection of a TCP stream ends with it (ncp.md 1.1)."""
        self._streams.end(peer)
        self._signing.end(peer)
        self._cleared.discard(peer)
        connection = self._host.table.by_peer.get(peer)
        if connection is not None:
            self._end(connection, cause)

    def faults_changed(self) -> None:
        faults = self._host.faults
        slow, busy = faults.any(SlowFault), faults.any(BusyFault)
        self.plain = not (slow or busy or self._host.settings.slow)
        self._dispatch.slow_by(faults if slow else None)
        self._by_type[ncp.REQUEST] = self._request_while_busy if busy else self.request
        self._busy_requests.faults_changed()

    def _request_while_busy(self, peer: Peer, connection: Connection | None, packet: RequestPacket) -> None:
        if not self._busy_requests.request(peer, connection, packet):
            self.request(peer, connection, packet)

    def _create(self, peer: Peer, old: Connection | None, packet: RequestPacket) -> None:
        """A station has one slot. A second create means that it was restarted, or that a reply was lost."""
        host = self._host
        if self._dispatch.down:
            self._reply(peer, packet, number=0, code=Code.FAILURE, status=ncp.SERVER_DOWN)
            return
        if old is not None and old.awaiting_first_request:
            self._watchdog.activity(old, host.now)
            self._reply(peer, packet, number=old.number)
            return
        self._sign_no_more(peer)
        if old is not None:
            host.counts.reused += 1
            self._end(old, "reinitialize", keep_number=True)
        elif not host.ledger.has_room(host.ledger.policy.unit(State.ATTACHED, 0, None)):
            self._deny_create(peer, "license")
            return
        number = old.number if old is not None else host.table.next_number()
        if number is None:
            self._deny_create(peer, "slot")
            return
        connection = Connection(
            number=number,
            serial=host.table.next_serial(),
            peer=peer,
            ledger=host.ledger,
            locks=host.locks,
            semaphores=host.semaphores,
            emit=host.emit,
            schedule=self._watchdog.schedule,
            created=host.now,
            last_request=host.now,
            last_activity=host.now,
        )
        self._cleared.discard(peer)
        host.table.add(connection)
        host.emit("create", {**connection.about(), "again": True} if old else connection.about())
        connection.move(host.now, State.ATTACHED, "create")
        self._reply(peer, packet, number=number)

    def _deny_create(self, peer: Peer, what: str) -> None:
        """Reply with connection, sequence and task 0, and query all stations (mars_nwe ncpserv.c)."""
        self._host.counts.denied += 1
        code = Code.TABLE_FULL
        self._host.emit("deny", {"station": str(peer), "user": None, "what": what, "code": code})
        self.send(peer, ReplyPacket(ncp.REPLY, 0, 0, 0, code, 0, b"").encode())
        self._watchdog.query_all(self._host.now)

    def _destroy(self, peer: Peer, connection: Connection | None, packet: RequestPacket) -> None:
        """Always answered: libncp over UDP waits a minute for it."""
        if connection is not None and connection.number == packet.connection:
            connection.last_request = self._host.now
            self._end(connection, "destroy")
        self._reply(peer, packet)
        self._sign_no_more(peer)

    def _invalid_connection(self, peer: Peer, packet: RequestPacket) -> None:
        """The number is not this station's. The code repeats the status, which libncp ignores."""
        self._host.counts.invalid_connections += 1
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

    def _watchdog_answer(self, connection: Connection | None, data: bytes) -> None:
        try:
            answer = ncp.decode_watchdog(data)
        except Malformed:
            return
        if connection is not None and connection.number == answer.connection and answer.mark == b"Y":
            self._watchdog.activity(connection, self._host.now)

    def _reply(
        self, peer: Peer, packet: RequestPacket, *, number: int | None = None, code: int = 0, status: int = 0
    ) -> None:
        answered = packet.connection if number is None else number
        reply = ReplyPacket(ncp.REPLY, packet.sequence, answered, packet.task, code, status, b"")
        self.send(peer, reply.encode())

    def _sign_no_more(self, peer: Peer) -> None:
        """The station's connection has ended, or is about to be another."""
        self._signing.end(peer)
        self._streams.sign(peer, on=False)

    def _end(self, connection: Connection, cause: str, *, keep_number: bool = False) -> None:
        host, user = self._host, connection.user
        host.counts.requests += connection.requests
        connection.move(host.now, State.GONE, cause)
        last = connection.last_request / SECOND
        host.emit("close", {**connection.about(), "user": user, "cause": cause, "last_request": last})
        self._watchdog.forget(connection)
        host.table.remove(connection, keep_number=keep_number)
