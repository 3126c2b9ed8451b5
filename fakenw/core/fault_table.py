"""The faults of a running server: their numbers, their stations and their ends.

Rules of this file:

* Every begin and every end is a line of the journal. A fault ends by its time limit, when it is removed, with a reset,
  or with the server.
* Time limits are the server's time. A fault of packets affects the link, which is that of the edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from fakenw.core.deadlines import Deadlines
from fakenw.faults.busy import BusyFault
from fakenw.faults.concerned import concerns
from fakenw.faults.link_conditions import ORDER, LinkConditions
from fakenw.faults.refuse_logins import RefuseLoginsFault
from fakenw.faults.slow import SlowFault
from fakenw.faults.trip import LinkFault
from fakenw.journal.record import SECOND

MOST = 100  # faults at the same time

ServerFault = SlowFault | BusyFault | RefuseLoginsFault
Kind = TypeVar("Kind", SlowFault, BusyFault, RefuseLoginsFault)


class TooManyFaults(Exception):
    """There are MOST faults already."""


@dataclass(slots=True, eq=False)
class LiveFault:
    """A fault of a running server, begun by *origin*, the address of an operator. Times are the server's."""

    number: int
    fault: LinkFault | ServerFault
    station: str | None  # a pattern of fakenw.faults.concerned
    lasting: int | None
    origin: str
    until: int | None
    entry: int | None = None  # among the deadlines

    def about(self) -> dict[str, Any]:
        """As a journal has it."""
        about = {"id": self.number, "what": self.fault.what, **self.fault.numbers(), "station": self.station}
        return about if self.lasting is None else {**about, "for": self.lasting / SECOND}


class FaultTable:
    """The faults, by their numbers. *changed* are called after each begin and each end."""

    def __init__(
        self, emit: Callable[[str, dict[str, Any]], None], deadlines: Deadlines, now: Callable[[], int], random: Random
    ) -> None:
        self.entries: dict[int, LiveFault] = {}
        self.link = LinkConditions(random)
        self.changed: list[Callable[[], None]] = []
        self._emit, self._deadlines, self._now = emit, deadlines, now
        self._begun = 0

    def begin(self, fault: LinkFault | ServerFault, station: str | None, lasting: int | None, origin: str) -> LiveFault:
        """Begin a fault of *station*, or of all. Raises TooManyFaults."""
        if len(self.entries) >= MOST:
            raise TooManyFaults
        self._begun += 1
        until = None if lasting is None else self._now() + lasting
        live = self.entries[self._begun] = LiveFault(self._begun, fault, station, lasting, origin, until)
        if until is not None:
            live.entry = self._deadlines.add(until, self.expire, live)
        self._emit("fault", {**live.about(), "state": "begin", "from": origin})
        if isinstance(fault, ORDER):
            self.link.add(fault, station)
        self._tell()
        return live

    def end(self, live: LiveFault, cause: str, origin: str | None = None) -> None:
        """End a fault, because of *cause*: limit, removed, reset or stop; *origin*: the operator's address."""
        del self.entries[live.number]
        if cause != "limit" and live.entry is not None:
            self._deadlines.cancel(live.entry)
        by = {} if origin is None else {"from": origin}
        self._emit("fault", {**live.about(), "state": "end", "cause": cause, **by})
        if isinstance(live.fault, ORDER):
            self.link.remove(live.fault)
        self._tell()

    def end_all(self, cause: str, origin: str | None = None) -> list[LiveFault]:
        """End every fault. Returns those that were there."""
        ended = list(self.entries.values())
        for live in ended:
            self.end(live, cause, origin)
        return ended

    def expire(self, at: int, live: LiveFault, now: int) -> None:
        """The time limit of a fault has come."""
        self.end(live, "limit")

    def of(self, kind: type[Kind], station: str) -> Iterator[Kind]:
        """The faults of one kind that concern *station*."""
        for live in self.entries.values():
            if isinstance(live.fault, kind) and concerns(live.station, station):
                yield live.fault

    def any(self, kind: type[ServerFault], station: str | None = None) -> bool:
        """Whether there is a fault of that kind, for *station* or for any one."""
        return any(
            isinstance(live.fault, kind) and (station is None or concerns(live.station, station))
            for live in self.entries.values()
        )

    def _tell(self) -> None:
        for changed in self.changed:
            changed()
