"""Until when a connection was needed.

Rules of this file:

* A connection is *no longer needed* from the moment its client says so. A scripted client says it with the
  last ``<component>-close`` that leaves no use of the connection open; where a use was never closed, with
  ``done``, else by exiting. A user's own client says it by exiting (the last of them), by a ``mark``, or by
  having been idle for ``idle_after``; what comes first counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fakenw.journal.fold import Holding
from fakenw.journal.record import Record, microseconds
from harness.judge.history import Clock, ConnectionHistory, RunHistory


@dataclass(frozen=True, slots=True)
class LastUse:
    """Until when a connection was needed: ``at`` on the server's clock, None where nothing says so."""

    at: int | None
    by: str


class Usage:
    """When connections were no longer needed."""

    def __init__(self, run: RunHistory) -> None:
        self._clock = Clock.of(run.runner) if run.runner else Clock(None, 1)
        self._exits: dict[str, list[Record]] = {}
        for record in run.runner_lines("exit"):
            self._exits.setdefault(str(record.get("client")), []).append(record)
        spawned = {str(record.get("client")) for record in run.runner_lines("spawn")} | self._exits.keys()
        foreign = spawned - {client.name for client in run.clients} - {server.name for server in run.servers}
        over = all(name in self._exits for name in foreign)
        self._gone = max((self._exits[name][-1].t for name in foreign), default=None) if over else None
        self._marks = [record.t for record in run.runner_lines("mark")]
        self._alone = run.runner is None
        self._idle_after = microseconds(run.settings.get("idle_after"))

    def of(self, history: ConnectionHistory, holding: Holding) -> LastUse:
        """When the connection was no longer needed; a scripted client's word is about its last use."""
        return self._foreign(history, holding) if history.client is None else self._scripted(history)

    def at_all(self, history: ConnectionHistory) -> int | None:
        """When a connection was no longer needed, whether it ever held a license or not; None where nothing says so."""
        if history.client is not None:
            return self._scripted(history).at
        return self._foreign(history, Holding("", history.created, history.ended)).at

    def _scripted(self, history: ConnectionHistory) -> LastUse:
        client, server = history.client, history.server
        assert client is not None
        uses: Counter[str] = Counter()
        unused: int | None = None
        for said in history.said:
            component, _, verb = said.record.event.rpartition("-")
            if verb == "open":
                uses[component] += 1
            elif verb == "close" and uses[component]:
                uses[component] -= 1
            else:
                continue
            unused = None if uses.total() else said.t
        if unused is not None:
            return LastUse(unused, "close")
        if client.done is not None:
            return LastUse(client.clock.to(server.clock, client.done), "done")
        for record in self._exits.get(client.name, ()):
            at = self._clock.to(server.clock, record.t)
            if at >= history.created:  # a machine that was started again exits more than once
                return LastUse(at, str(record.get("cause") or "exit"))
        return LastUse(None, "nothing")

    def _foreign(self, history: ConnectionHistory, holding: Holding) -> LastUse:
        server = history.server
        found: list[tuple[int, str]] = []
        if self._gone is not None:
            found.append((max(self._clock.to(server.clock, self._gone), holding.granted), "exit"))
        marks = [self._clock.to(server.clock, t) for t in self._marks]
        marks += server.marks
        found += [(t, "mark") for t in marks if t >= holding.granted][:1]
        idle_after = server.idle_after if self._alone else self._idle_after
        for idle in history.idles if idle_after is not None else []:
            # A request that lets the license go is no use of it: the one at the very moment of the release.
            idled = idle.busy is None or idle.busy == holding.released
            if idled and holding.granted <= idle.t <= history.held_until(holding):
                found.append((idle.since + (idle_after or 0), "idle"))
        return LastUse(*min(found)) if found else LastUse(None, "nothing")
