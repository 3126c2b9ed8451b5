"""The faults of running servers, from their journals: a verdict stands as it is, and its reason names them.

Rules of this file:

* A fault lies in a span of time if it began before the end of the span and did not end before its beginning.
* Times are the server's. A fault whose end is not in the journal lasted until the end of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fakenw.faults.concerned import concerns
from fakenw.journal.record import Record
from fakenw.journal.sentences import fault_text, harmless
from harness.judge.history import ConnectionHistory, RunHistory, ServerHistory

NAMED = 3  # faults in one sentence


@dataclass(slots=True)
class LastingFault:
    """A fault of *server*, from its ``begin`` to its ``end``. ``station`` None: of all."""

    server: ServerHistory
    begin: Record
    station: str | None
    end: Record | None = None

    @property
    def until(self) -> int:
        return self.server.end if self.end is None else self.end.t

    def lies_in(self, since: int, until: int) -> bool:
        return self.begin.t <= until and self.until >= since

    def __str__(self) -> str:
        at = self.server.at
        to = "the end" if self.end is None else at(self.until)
        of = harmless(self.station or "all stations")
        return f"{fault_text(self.begin.fields)}, {of}, from {at(self.begin.t)} to {to}"


def lasting_faults(server: ServerHistory) -> list[LastingFault]:
    """The faults of a server, in the order in which they began."""
    found: dict[str, LastingFault] = {}
    for record in server.records:
        if record.event != "fault":
            continue
        number = str(record.get("id"))
        if record.get("state") == "begin":
            station = record.get("station")
            found[number] = LastingFault(server, record, station if isinstance(station, str) else None)
        elif number in found:
            found[number].end = record
    return list(found.values())


class LiveFaults:
    """The faults of all servers of *run*."""

    def __init__(self, run: RunHistory) -> None:
        self._by_server = {id(server): faults for server in run.servers if (faults := lasting_faults(server))}

    def of(self, history: ConnectionHistory, since: int, until: int) -> Iterator[LastingFault]:
        """Those that concern a connection, and lie between two times."""
        for fault in self._by_server.get(id(history.server), ()):
            if fault.lies_in(since, until) and concerns(fault.station, history.station):
                yield fault

    def all(self) -> list[LastingFault]:
        return [fault for faults in self._by_server.values() for fault in faults]


def meanwhile(faults: Iterable[LastingFault]) -> str:
    """A clause that follows a reason; empty without a fault."""
    unique = list({id(fault): fault for fault in faults}.values())
    if not unique:
        return ""
    more = f"; and {len(unique) - NAMED} more" if unique[NAMED:] else ""
    what = "a fault" if len(unique) == 1 else f"{len(unique)} faults"
    return f"; meanwhile the server had {what} ({'; '.join(map(str, unique[:NAMED]))}{more})"
