"""The passive observer: NCP packets go in, the journal of each server comes out.

Rules of this file:

* A connection is created by its 0x1111, or comes into sight with the first packet that shows that it is there.
* Time never runs backwards in a journal: where the clock of the capture was set back a ``gap`` says by how much, and
  all later times are later by that.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from fakenw.core.dispatch import BUSY_REPLIES
from fakenw.core.packets import LIP_ECHO, LOGOUT
from fakenw.core.peer import IPX
from fakenw.journal.record import SECOND, Journal
from fakenw.wire import packet as ncp
from harness.capture.changes import executed, unanswered
from harness.capture.facts import PendingRequest, SeenConnection, Sure, What
from harness.capture.message import Conversation, Life, Lifeline, Message
from harness.capture.observed_journals import Period, journals_of
from harness.capture.pairing import Pairing
from harness.capture.seen_server import MISSING, SeenServer
from harness.capture.station import TYPES, Station
from harness.capture.watchdog_rounds import answered, asked, gave_up

MOST_STATIONS = 1 << 16  # without a connection
IDLE_AFTER = 300 * SECOND  # as fakenw serve has it
SET_BACK = SECOND  # packets of several files may be in another order by less

_header = struct.Struct(">HBBBBB")


class Observer:
    """Takes packets in the order of their times; *idle_after*: microseconds without a request that are idle."""

    def __init__(self, idle_after: int = IDLE_AFTER) -> None:
        self._idle_after = idle_after
        self._stations: dict[Conversation, Station] = {}
        self._servers: dict[str, SeenServer] = {}
        self.begun: int | None = None  # the wall time of the first packet
        self._behind = 0  # by which the clock was set back
        self._now = 0
        self._room = MOST_STATIONS
        self._last: int | None = None  # the end of the capture

    def take(self, event: Message | Life) -> None:
        """The next packet, or change of a stream."""
        now = self._time(event.time)
        station = self._stations.get(event.conversation)
        if station is None:
            station = self._station(event.conversation)
        if station.connection is not None and station.connection.ended:
            station.former, station.connection = station.connection, None
        if type(event) is Life:
            self._life(now, event, station)
            return
        assert isinstance(event, Message)
        station.server.spoke = now
        data = event.data
        kind = data[0] << 8 | data[1] if len(data) > 1 else 0
        if station.signed or kind not in TYPES:
            data, kind = station.unsigned(data, kind)
        if event.from_client:
            if kind in (ncp.REQUEST, ncp.CREATE, ncp.DESTROY):
                self._request(now, event, station, data)
            elif kind == ncp.WATCHDOG and data[9:10] == b"Y" and station.peer.transport.watched:
                self._answer(now, event, station)
            elif kind == ncp.BURST and station.connection is not None:
                self._works(now, event, station.server, station.connection)
        elif kind == ncp.REPLY:
            self._reply(now, event, station, data)
        elif kind == ncp.WATCHDOG and data[9:10] == b"?" and station.peer.transport.watched:
            self._query(now, event, station, data)
        elif kind == ncp.BEING_PROCESSED and station.connection is not None:
            station.busy += 1
            if station.busy == BUSY_REPLIES:
                station.server.ends(now, event.number, station.connection, "busy", Sure.INFERRED)

    def journals(
        self,
        *,
        end: int | None = None,
        release_of: str | None = None,
        policy: str | None = None,
        names: Mapping[str, str] | None = None,
    ) -> list[Journal]:
        """The journals of all servers; no packet may be taken after the first call.

        *end*: the wall time until which the capture lasted, where that is known; else it is that of the last packet.
        *release_of* and *policy* where they are known otherwise, *names* of servers by address.
        """
        if self._last is None:
            self._last = self._finish(end)
        servers = (server for server in self._servers.values() if server.facts)
        period = Period(self.begun or 0, self._last, self._idle_after)
        return journals_of(servers, period, release_of, policy, names or {})

    def _finish(self, end: int | None) -> int:
        """What became of each connection until the end of the capture, whose time is returned."""
        last = self._now if end is None or self.begun is None else max(self._now, end - self.begun + self._behind)
        for station in self._stations.values():
            known = station.connection
            if known is not None and not known.ended:
                for request in station.pairing.pending:
                    unanswered(station.server, known, request)
                if not gave_up(station.server, known, last):
                    station.server.idles(last, known)
        return last

    # Time

    def _time(self, wall: int) -> int:
        if self.begun is None:
            self.begun = wall
        now = wall - self.begun + self._behind
        if now < self._now:
            back = self._now - now
            if back > SET_BACK:
                self._behind += back
                for server in self._servers.values():
                    server.tell(self._now, 0, What.GAP, Sure.INFERRED, None, seconds=-back / SECOND)
            return self._now
        self._now = now
        return now

    # Packets

    def _station(self, conversation: Conversation) -> Station:
        if len(self._stations) >= self._room:
            self._forget()
        server = self._servers.get(conversation.server)
        if server is None:
            server = self._servers[conversation.server] = SeenServer(conversation.server, self._idle_after)
        peer = conversation.client
        server.transports.add(peer.transport.name)
        station = self._stations[conversation] = Station(server, peer, Pairing(peer.transport.lossless))
        return station

    def _forget(self) -> None:
        """Drop the stations without a connection, and servers of which nothing is known: a capture may invent them.

        One that shows a connection later was there before, as far as this is known.
        """
        kept = {key: one for key, one in self._stations.items() if one.connection and not one.connection.ended}
        used = {conversation.server for conversation in kept}
        self._stations = kept
        self._servers = {key: one for key, one in self._servers.items() if one.facts or key in used}
        self._room = len(kept) + MOST_STATIONS

    def _request(self, now: int, event: Message, station: Station, data: bytes) -> None:
        if len(data) < 7:
            if len(data) < 6:
                return
            data += b"\0"
        kind, sequence, low, task, high, function = _header.unpack_from(data)
        if kind == ncp.CREATE and data.startswith(LIP_ECHO, 4):
            return
        known, server, pairing = station.connection, station.server, station.pairing
        request = PendingRequest(event.number, now, kind, sequence, task, function, data[7:], low | high << 8)
        if kind != ncp.REQUEST:
            if not any(one.type == kind and one.sequence == sequence for one in pairing.pending):
                pairing.pending.append(request)
            return
        if known is not None and known.queries:
            if gave_up(server, known, now):
                station.former, known = known, None
                station.connection = None
            else:
                answered(server, known, now, event.number)
        if known is not None:
            if pairing.is_repeated(sequence):
                return
            station.busy = 0
            missing, given_up = pairing.request(request)
            if missing:
                server.doubts(known.alive, event.number, known)
            for former in given_up:
                unanswered(server, known, former)
            self._works(now, event, server, known)
            known.requests += 1
        else:
            if pairing.sequence == sequence and pairing.pending:
                return
            pairing.request(request)

    def _works(self, now: int, event: Message, server: SeenServer, known: SeenConnection) -> None:
        """The client makes a request, or reads and writes in bursts."""
        if server.idles(now, known):
            known.last_request = now
            server.tell(now, event.number, What.BUSY, Sure.SEEN, known)
        known.last_request = now

    def _reply(self, now: int, event: Message, station: Station, data: bytes) -> None:
        if len(data) < 8:
            return
        _, sequence, low, _, high, code = _header.unpack_from(data)
        status, number, pairing = data[7], low | high << 8, station.pairing
        request, given_up = pairing.reply(sequence)
        known = station.connection
        if known is not None:
            for former in given_up:
                unanswered(station.server, known, former)
        if request is None:
            self._unasked(event, station, code, number, sequence)
        elif request.type == ncp.CREATE:
            self._created(event, station, request, code, number)
        elif request.type == ncp.DESTROY:
            self._destroyed(station, request)
        elif status & ncp.BAD_CONNECTION:
            self._unknown_there(now, event, station, request)
        elif not status & ncp.SERVER_DOWN:
            self._answered(station, request, code, number, data[8:])

    def _answered(self, station: Station, request: PendingRequest, code: int, number: int, data: bytes) -> None:
        known, server = station.connection, station.server
        if known is not None and known.number != number:  # it has ended, and another has begun, unseen
            server.ends(request.time, request.number, known, "lost", Sure.UNKNOWN)
            known = station.connection = None
        if known is None:
            if request.function == LOGOUT:  # is answered on no connection, too
                return
            known = self._back(request, station, number) or self._sighted(request.time, request.number, station, number)
            known.last_request, known.requests = request.time, known.requests + 1
        elif request.time > known.last_request:  # its connection was not answered yet when it was sent
            known.last_request = request.time
        executed(server, known, request, code, data)

    def _unasked(self, event: Message, station: Station, code: int, number: int, sequence: int) -> None:
        """A reply whose request is missing, or that has come before."""
        pairing, known = station.pairing, station.connection
        creates = [request for request in pairing.pending if request.type == ncp.CREATE]
        if code == ncp.Code.TABLE_FULL and not number and creates:
            pairing.pending.remove(creates[0])
            self._denied(station, creates[0])
        elif known is not None and sequence not in (pairing.answered, pairing.sequence):
            station.server.doubts(known.alive, event.number, known)

    def _denied(self, station: Station, request: PendingRequest) -> None:
        detail = {"event": "deny", "station": str(station.peer), "what": "slot", "code": ncp.Code.TABLE_FULL}
        station.server.tell(request.time, request.number, What.REFUSED, Sure.SEEN, None, **detail)

    def _sighted(self, t: int, number: int, station: Station, connection: int) -> SeenConnection:
        """A connection that was there before its first packet here."""
        server = station.server
        self._same_number(t, number, server, connection)
        known = station.connection = SeenConnection(connection, station.peer, t, None)
        server.appears(t, number, known, Sure.UNKNOWN)
        return known

    def _back(self, request: PendingRequest, station: Station, number: int) -> SeenConnection | None:
        """The former connection, which the watchdog has not ended after all: an answer to it is missing."""
        former = station.former
        if former is None or former.number != number or not former.given_up:
            return None
        station.server.revives(request.number, former)
        answered(station.server, former, request.time, request.number)
        station.connection = former
        return former

    def _created(self, event: Message, station: Station, request: PendingRequest, code: int, number: int) -> None:
        old, server, t = station.connection, station.server, request.time
        if code == ncp.Code.TABLE_FULL:
            self._denied(station, request)
        if code != ncp.Code.OK:
            return
        if old is not None and not old.requests and old.number == number and old.state is not None:
            return  # the reply to the first create was lost
        if old is not None and not gave_up(server, old, t):
            cause, sure = ("reinitialize", Sure.INFERRED) if old.number == number else ("lost", Sure.UNKNOWN)
            server.ends(t, request.number, old, cause, sure)
        self._same_number(t, request.number, server, number)
        known = station.connection = SeenConnection(number, station.peer, t)
        station.pairing.begin(request.sequence)
        station.signed = False
        server.appears(t, request.number, known, Sure.SEEN)

    def _destroyed(self, station: Station, request: PendingRequest) -> None:
        known = station.connection
        mine = known is not None and known.number == request.connection
        if known is not None and mine and not gave_up(station.server, known, request.time):
            station.server.idles(request.time, known)
            known.last_request = request.time
            station.server.ends(request.time, request.number, known, "destroy", Sure.SEEN)
        station.connection, station.signed = None, False
        station.pairing.forget()

    def _unknown_there(self, now: int, event: Message, station: Station, request: PendingRequest) -> None:
        """The server knows the connection no more, and no packet has told when it ended it."""
        known = station.connection
        if known is not None and known.number == request.connection:
            station.server.ends(now, event.number, known, "cleared", Sure.UNKNOWN)
            station.connection = None

    def _same_number(self, t: int, number: int, server: SeenServer, connection: int) -> None:
        """The connection that has had a number must have ended, unseen."""
        other = server.connections.get(connection)
        if other is not None:
            server.ends(t, number, other, "lost", Sure.UNKNOWN)

    def _answer(self, now: int, event: Message, station: Station) -> None:
        known = station.connection
        if known is not None and not gave_up(station.server, known, now):
            answered(station.server, known, now, event.number)

    def _query(self, now: int, event: Message, station: Station, data: bytes) -> None:
        number, known = data[3] | data[5] << 8, station.connection
        if known is not None and station.peer.transport is IPX and known.number & 0xFF == number:
            number = known.number  # the rest of it is not on the wire
        if known is None or known.number != number:
            if known is not None:
                station.server.ends(now, event.number, known, "lost", Sure.UNKNOWN)
            known = self._sighted(now, event.number, station, number)
        asked(station.server, known, now, event.number)

    # Streams

    def _life(self, now: int, event: Life, station: Station) -> None:
        known, what = station.connection, event.what
        if what is Lifeline.GAP:
            station.pairing.forget()
            if known is not None:
                station.server.doubts(known.alive, event.number, known, MISSING)
        elif what in (Lifeline.CLIENT_CLOSED, Lifeline.SERVER_CLOSED):
            if known is not None:
                self._closed(now, event, station, known)
            station.connection, station.signed = None, False
            station.pairing = Pairing(lossless=True)

    def _closed(self, now: int, event: Life, station: Station, known: SeenConnection) -> None:
        """A stream ends with its connection, which the server may have destroyed before, when it was asked to."""
        destroyed = [request for request in station.pairing.pending if request.type == ncp.DESTROY]
        sure = Sure.INFERRED if known.unsure is None else Sure.UNKNOWN
        if destroyed:
            known.last_request = destroyed[0].time
            station.server.ends(destroyed[0].time, destroyed[0].number, known, "destroy", Sure.INFERRED)
            return
        if known.unsure is None:
            known.alive = now
        by_server = event.what is Lifeline.SERVER_CLOSED
        station.server.ends(now, event.number, known, "lost", sure, by_server=by_server)


def observe(events: Iterable[Message | Life], idle_after: int = IDLE_AFTER) -> Observer:
    """An observer that has taken *events*."""
    observer = Observer(idle_after)
    for event in events:
        observer.take(event)
    return observer
