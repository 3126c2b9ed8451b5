"""The watchdog, and the deadlines of idle connections.

Rules of this file:

* The watchdog queries a station over UDP after 5400 ticks of silence, and again every 1080, ten times; then the
  connection is cleared, after 16,200 ticks and never before (BANalyzer; UnixWare and HP-UX documents). Any packet of
  the station starts it again. Over TCP there is no watchdog: no source shows a client that answers there.
* SET parameters can switch the watchdog off. A station can set its own first delay (23/30). When no slot is free
  every station over UDP is queried at once (mars_nwe).
* A query is unanswered only after some *real* time, or a fast clock would clear running clients.
* A connection that holds a license and has made no request for ``idle_after`` is idle. An answer to the watchdog is no
  request: it comes from the network stack, not from the client.
* With ``clear_idle`` a licensed connection is cleared after this time without a request. No NetWare did that by itself;
  administrators asked for it.
* Rounds of queries and answers whose outcome the edge knows (``ConnectionTable.answering``) are passed over: they leave
  no line, and what they leave in the connection is computed.
* A connection has one entry among the server's deadlines, which is checked when it is due, not moved at every request.
"""

from __future__ import annotations

from collections.abc import Callable

from fakenw.core.connection import Connection
from fakenw.core.connection_table import ConnectionTable
from fakenw.core.deadlines import Deadlines
from fakenw.core.ledger import Emit
from fakenw.core.settings import ServerSettings, ticks
from fakenw.journal.policy import State
from fakenw.journal.record import SECOND


class Watchdog:
    """Enters the deadlines of all connections of *table* into *deadlines*.

    *query* sends a query to a connection's station, *clear* clears a connection, for a cause.
    """

    def __init__(
        self,
        settings: ServerSettings,
        table: ConnectionTable,
        emit: Emit,
        deadlines: Deadlines,
        query: Callable[[Connection], None],
        clear: Callable[[Connection, str], None],
    ) -> None:
        self._table, self._emit, self._deadlines, self._send_query, self._clear = table, emit, deadlines, query, clear
        self._all_queried: int | None = None
        self.configure(settings)

    def configure(self, settings: ServerSettings) -> None:
        """Use other delays from now on; several unanswered queries of a station then count as one."""
        self._settings = settings
        self._delays: list[int] = []  # none without a watchdog
        if settings.watchdog:
            first, between, self._tries = settings.watchdog
            self._delays = [ticks(first + between * count) for count in range(self._tries + 1)]
            self._between = ticks(between)
        self._patience = settings.patience
        for connection in self._table.by_serial.values():
            connection.unanswered = min(connection.unanswered, 1) if self._delays else 0
            self.schedule(connection)

    def awaits_answers(self, now: int, patience: int) -> bool:
        """Whether a query of the last *patience* microseconds is unanswered."""
        return any(c.unanswered and now < c.queried_at + patience for c in self._table.by_serial.values())

    def schedule(self, connection: Connection) -> None:
        """Enter the next deadline of *connection*, unless its entry is as early."""
        due = self._next(connection)
        if due is not None and (connection.entry is None or due < connection.entry):
            self.forget(connection)
            connection.entry = due
            connection.entry_number = self._deadlines.add(due, self._entry_due, connection.serial, connection.serial)

    def forget(self, connection: Connection) -> None:
        """Cancel the entry of *connection*, which may have ended."""
        if connection.entry is not None:
            self._deadlines.cancel(connection.entry_number)

    def _entry_due(self, at: int, serial: int, now: int) -> None:
        """The entry of a connection is due; its deadline may have moved back meanwhile."""
        connection = self._table.by_serial[serial]  # the entry of one that has ended was cancelled
        connection.entry = None
        self._due(connection, now)

    def _check(self, connection: Connection) -> None:
        if connection.state is not State.GONE:
            self.schedule(connection)

    def query_all(self, now: int) -> None:
        """Query every station at once, since no slot is free; not again before the delay between packets."""
        if not self._delays or (self._all_queried is not None and now < self._all_queried + self._between):
            return
        self._all_queried = now
        for connection in self._table.by_serial.values():
            if connection.transport.watched and not connection.unanswered:
                connection.last_activity = now - self._first(connection)  # as if silent for long enough
                self._query(connection, now)
                self.schedule(connection)

    def activity(self, connection: Connection, now: int) -> None:
        """The station has sent a request, or an answer to the watchdog."""
        connection.last_activity, connection.unanswered = now, 0
        if connection.silent:
            connection.silent = False
            self._emit("watchdog", {**connection.about(), "what": "answered"})

    def requested(self, connection: Connection, now: int) -> None:
        """A queried or idle station has sent a request."""
        self.activity(connection, now)
        if connection.idle:
            connection.idle = False
            self._emit("busy", connection.about())
            self.schedule(connection)

    def _next(self, connection: Connection) -> int | None:
        """The earliest of the three deadlines below."""
        due = None
        if connection.unit is not None:
            due = None if connection.idle else connection.last_request + self._settings.idle_after
            clear = self._clear_due(connection)
            if clear is not None and (due is None or clear < due):
                due = clear
        watchdog = self._watchdog_due(connection)
        if watchdog is not None and (due is None or watchdog < due):
            due = watchdog
        return due

    def _first(self, connection: Connection) -> int:
        """The silence before the first query: the station's own delay, or the server's."""
        return self._delays[0] if connection.own_delay is None else connection.own_delay

    def _watchdog_due(self, connection: Connection) -> int | None:
        if not self._delays or not connection.transport.watched:
            return None
        after_first = self._delays[connection.unanswered] - self._delays[0]
        due = connection.last_activity + self._first(connection) + after_first
        return max(due, connection.queried_at + self._patience) if connection.unanswered else due

    def _idle_due(self, connection: Connection) -> int | None:
        if connection.unit is None or connection.idle:
            return None
        return connection.last_request + self._settings.idle_after

    def _clear_due(self, connection: Connection) -> int | None:
        if connection.unit is None or self._settings.clear_idle is None:
            return None
        return connection.last_request + self._settings.clear_idle

    def _due(self, connection: Connection, now: int) -> None:
        idle, watchdog = self._idle_due(connection), self._watchdog_due(connection)
        if idle is not None and idle <= now:
            connection.idle = True
            since = connection.last_request / SECOND
            self._emit("idle", {**connection.about(), "since": since, "files": len(connection.files)})
        clear = self._clear_due(connection)
        if clear is not None and clear <= now:
            self._clear(connection, "idle-policy")
            return
        if watchdog is not None and watchdog <= now and not self._passed_over(connection, now):
            if connection.unanswered and not connection.silent:
                connection.silent = True
                self._emit("watchdog", {**connection.about(), "what": "silent"})
            if connection.unanswered == self._tries:
                self._emit("watchdog", {**connection.about(), "what": "gave-up"})
                self._clear(connection, "watchdog")
                return
            self._query(connection, now)
            by = self._watchdog_due(connection) or now
            for due in (idle, clear):
                if due is not None and now < due < by:
                    by = due
            self._deadlines.check_later(by, self._check, connection)
        else:
            self.schedule(connection)

    def _passed_over(self, connection: Connection, now: int) -> bool:
        """Pass over the rounds of a connection whose outcome is known, of which the first is due now."""
        known = self._table.answering
        if known is None or connection.unanswered or connection.silent or (answering := known(connection)) is None:
            return False
        until, after = answering
        for other in (self._deadlines.besides(), self._clear_due(connection)):
            if other is not None and other < until:
                until = other
        every = after + self._first(connection)
        rounds = (until - now - after - 1) // every + 1
        if rounds < 1:
            return False
        connection.last_activity = now + (rounds - 1) * every + after
        return True

    def _query(self, connection: Connection, now: int) -> None:
        connection.unanswered += 1
        connection.queried_at = now
        self._send_query(connection)
