"""The last use of a connection: from when on it was no longer needed.

Rules of this file:

* A connection of a scripted client is *no longer needed* from the last ``<component>-close`` that leaves no use of it
  open; where a use was never closed, from ``done``, else from the client's exit.
* A user's own client needs a connection until the exit of the client (the last exit of such clients), a ``mark``, or
  ``idle_after`` after its last request; the first of these counts. A connection that has not been idle for that long
  is still in use.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fakenw.journal.fold import Holding
from fakenw.journal.record import Record, microseconds
from harness.judge.captured import is_captured
from harness.judge.history import ClientLine, ConnectionHistory, RunHistory, ServerHistory
from harness.judge.writer_clock import Clock


@dataclass(frozen=True, slots=True)
class LastUse:
    """The time ``at`` on the server's clock from when on a connection was not needed (None: not known), and its sign.

    ``by`` is ``close``, ``done``, ``exit`` (or the cause of an exit), ``mark``, ``idle``, ``nothing``, or ``untold``
    where nothing could be a sign of it. ``at`` may be wrong by ``bound``, as the clocks of a client and the runner are
    known; 0 also where that is not known.
    """

    at: int | None
    by: str
    bound: int = 0


class Usage:
    """The last uses of the connections of a run. *idle_after* (microseconds) overrides the run's own."""

    def __init__(self, run: RunHistory, idle_after: int | None = None) -> None:
        self._clock = Clock.of(run.runner) if run.runner else Clock(None, 1)
        self._exits: dict[str, list[Record]] = {}
        for record in run.runner_lines("exit"):
            self._exits.setdefault(str(record.get("client")), []).append(record)
        spawned = {str(record.get("client")) for record in run.runner_lines("spawn")} | self._exits.keys()
        foreign = spawned - {client.name for client in run.clients} - {server.name for server in run.servers}
        all_exited = all(name in self._exits for name in foreign)
        self._gone = max((self._exits[name][-1].t for name in foreign), default=None) if all_exited else None
        self._marks = [record.t for record in run.runner_lines("mark")]
        self._alone = run.runner is None
        self._asked, self._idle_after = idle_after, microseconds(run.settings.get("idle_after"))

    def of(self, history: ConnectionHistory, holding: Holding) -> LastUse:
        """The last use of a connection; a foreign one's is that of *holding*."""
        return self._foreign(history, holding) if history.client is None else self._scripted(history)

    def at_all(self, history: ConnectionHistory) -> int | None:
        """The time from when on a connection, licensed or not, was not needed; None: not known."""
        if history.client is not None:
            return self._scripted(history).at
        return self._foreign(history, Holding("", history.created, history.ended)).at

    def _scripted(self, history: ConnectionHistory) -> LastUse:
        client, server = history.client, history.server
        assert client is not None
        uses: Counter[str] = Counter()
        unused: ClientLine | None = None
        for line in history.lines:
            component, _, verb = line.record.event.rpartition("-")
            if verb == "open":
                uses[component] += 1
            elif verb == "close" and uses[component]:
                uses[component] -= 1
            else:
                continue
            unused = None if uses.total() else line
        if unused is not None:
            return LastUse(unused.t, "close", unused.client.clock.bound_on(server.clock, unused.record.t))
        if client.done is not None:
            return LastUse(*_mapped(client.clock, server, client.done, "done"))
        for record in self._exits.get(client.name, ()):
            at, by, bound = _mapped(self._clock, server, record.t, str(record.get("cause") or "exit"))
            if at + bound >= history.created:  # a machine that was restarted exits more than once
                return LastUse(at, by, bound)
        return LastUse(None, "nothing")

    def _foreign(self, history: ConnectionHistory, holding: Holding) -> LastUse:
        server = history.server
        found: list[tuple[int, str, int]] = []
        if self._gone is not None:
            at, by, bound = _mapped(self._clock, server, self._gone, "exit")
            after_grant = max(0, at + bound - holding.granted)  # the grant is a time of the server's own
            found.append((max(at, holding.granted), by, min(bound, after_grant)))
        marks = [_mapped(self._clock, server, t, "mark") for t in self._marks]
        marks += [(t, "mark", 0) for t in server.marks]
        found += [mark for mark in marks if mark[0] >= holding.granted]
        own = None if is_captured(server) else server.idle_after  # a capture's is none of the server's settings
        idle_after = self._asked or (own if self._alone else self._idle_after)
        if idle_after is not None:
            until = history.held_until(holding)
            for idle in history.idles:
                # The request that releases the license is no use of it: its time is that of the release.
                idled = idle.busy is None or idle.busy == holding.released
                if idled and holding.granted <= idle.t <= until and idle.since + idle_after <= until:
                    found.append((idle.since + idle_after, "idle", 0))
        told = idle_after is not None or self._gone is not None or marks
        return LastUse(*min(found)) if found else LastUse(None, "nothing" if told else "untold")


def _mapped(clock: Clock, server: ServerHistory, t: int, by: str) -> tuple[int, str, int]:
    """The fields of the ``LastUse`` at *t* on *clock*."""
    return clock.to(server.clock, t), by, clock.bound_on(server.clock, t)
