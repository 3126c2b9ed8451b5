"""Who has gone silent, and who is idle: the server's deadlines.

Rules of this file:

* The watchdog asks a station over UDP that has sent nothing for 5400 ticks, and again every 1080, ten
  times; then it is cleared, after 16,200 ticks and never before (BANalyzer; UnixWare and HP-UX
  documents). Any sign of life starts it afresh. Over TCP there is no watchdog: no source shows a
  client that answers one there.
* SET parameters can say that there is no first packet, and so no watchdog. A station can ask for its own first
  delay (23/30). When the slots have run out every station over UDP is asked at once (mars_nwe).
* A query is given a while of *real* time before it counts as unanswered, or a fast clock would
  turn a live client into a dead one.
* A connection that holds a license and has asked nothing for ``idle_after`` is idle. Answering the
  watchdog is not asking: that is the network stack's doing, not the client's.
* With ``clear_idle`` a connection that holds a license is cleared when it has asked nothing for so long. No NetWare did
  that by itself; it is what administrators wished for.
* There is one entry per connection among the server's deadlines. It is looked at when it is due, not moved at every
  request.
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


def first_delay(config: ServerSettings) -> int:
    """Microseconds of silence before the first packet; 0 without a watchdog."""
    return ticks(config.watchdog[0]) if config.watchdog else 0


class Watchdog:
    """The deadlines of all connections of a table, kept in *deadlines*.

    *ask* sends a query to a connection's station, *give_up* clears a connection, for the cause that it is told.
    """

    def __init__(
        self,
        config: ServerSettings,
        table: ConnectionTable,
        emit: Emit,
        deadlines: Deadlines,
        ask: Callable[[Connection], None],
        give_up: Callable[[Connection, str], None],
    ) -> None:
        self._table, self._emit, self._deadlines, self._ask, self._give_up = table, emit, deadlines, ask, give_up
        self._roused: int | None = None
        self.configure(config)

    def configure(self, config: ServerSettings) -> None:
        """From now on other delays; who has been asked already has been asked once."""
        self._config = config
        first, between, self._tries = config.watchdog or (0, 0, -1)  # without a watchdog there are no delays
        self._delays = [ticks(first + between * asked) for asked in range(self._tries + 1)]
        self._between = ticks(between)
        self._patience = config.patience
        for connection in self._table.by_serial.values():
            connection.entry = None
            connection.asked = min(connection.asked, 1) if self._delays else 0
            self.schedule(connection)

    def waits(self, now: int, patience: int) -> bool:
        """Whether somebody who was asked less than *patience* ago has not answered yet."""
        return any(c.asked and now < c.asked_at + patience for c in self._table.by_serial.values())

    def schedule(self, connection: Connection) -> None:
        """Enter a deadline of *connection* that has come nearer, if one has."""
        due = self._next(connection)
        if due is not None and (connection.entry is None or due < connection.entry):
            connection.entry = due
            self._deadlines.add(due, self._look, connection.serial)

    def _look(self, at: int, serial: int, now: int) -> None:
        """The entry of a connection has come: something is due, or the station was active meanwhile."""
        connection = self._table.by_serial.get(serial)
        if connection is not None and connection.entry == at:
            connection.entry = None
            self._due(connection, now)

    def _check(self, connection: Connection) -> None:
        if connection.state is not State.GONE:
            self.schedule(connection)

    def rouse(self, now: int) -> None:
        """Ask every quiet station at once, because slots have run out; not again before the delay between packets."""
        if not self._delays or (self._roused is not None and now < self._roused + self._between):
            return
        self._roused = now
        for connection in self._table.by_serial.values():
            if connection.transport.watched and not connection.asked:
                connection.last_activity = (
                    now - self._delays[0] - connection.postponed
                )  # it has been silent long enough
                self._query(connection, now)
                self.schedule(connection)

    def activity(self, connection: Connection, now: int) -> None:
        """The station has given a sign of life: a request, or an answer to the watchdog."""
        connection.last_activity, connection.asked = now, 0
        if connection.silent:
            connection.silent = False
            self._emit("watchdog", {**connection.about(), "what": "answered"})

    def requested(self, connection: Connection, now: int) -> None:
        """The station has asked for something, after it was asked or had been idle."""
        self.activity(connection, now)
        if connection.idle:
            connection.idle = False
            self._emit("busy", connection.about())
            self.schedule(connection)

    def _next(self, connection: Connection) -> int | None:
        """The earliest of the three deadlines below."""
        due = None
        if connection.unit is not None:
            due = None if connection.idle else connection.last_request + self._config.idle_after
            clear = self._clear_due(connection)
            if clear is not None and (due is None or clear < due):
                due = clear
        watchdog = self._watchdog_due(connection)
        if watchdog is not None and (due is None or watchdog < due):
            due = watchdog
        return due

    def _watchdog_due(self, connection: Connection) -> int | None:
        if not self._delays or not connection.transport.watched:
            return None
        due = connection.last_activity + connection.postponed + self._delays[connection.asked]
        return max(due, connection.asked_at + self._patience) if connection.asked else due

    def _idle_due(self, connection: Connection) -> int | None:
        if connection.unit is None or connection.idle:
            return None
        return connection.last_request + self._config.idle_after

    def _clear_due(self, connection: Connection) -> int | None:
        if connection.unit is None or self._config.clear_idle is None:
            return None
        return connection.last_request + self._config.clear_idle

    def _due(self, connection: Connection, now: int) -> None:
        idle, watchdog = self._idle_due(connection), self._watchdog_due(connection)
        if idle is not None and idle <= now:
            connection.idle = True
            since = connection.last_request / SECOND
            self._emit("idle", {**connection.about(), "since": since, "files": len(connection.files)})
        clear = self._clear_due(connection)
        if clear is not None and clear <= now:
            self._give_up(connection, "idle-policy")
            return
        if watchdog is not None and watchdog <= now:
            if connection.asked and not connection.silent:
                connection.silent = True
                self._emit("watchdog", {**connection.about(), "what": "silent"})
            if connection.asked == self._tries:
                self._emit("watchdog", {**connection.about(), "what": "gave-up"})
                self._give_up(connection, "watchdog")
                return
            self._query(connection, now)
            by = self._watchdog_due(connection) or now
            for due in (idle, clear):
                if due is not None and now < due < by:
                    by = due
            self._deadlines.check_later(by, self._check, connection)
        else:
            self.schedule(connection)

    def _query(self, connection: Connection, now: int) -> None:
        connection.asked += 1
        connection.asked_at = now
        self._ask(connection)
