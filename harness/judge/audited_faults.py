"""Faults in the audit of a server: each end has its begin, and no fault outlives its limit.

Rules of this file:

* Where the beginning of a journal is reconstructed, a fault may have begun there: its end alone is believed.
* A limit is met later only by the real time that a busy machine may need, counted from the first line that shows that
  the server ran then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fakenw.faults.concerned import concerns
from fakenw.journal.record import Record, microseconds
from fakenw.journal.sentences import fault_text, harmless

LATE = 10  # seconds of real time
CAUSES = ("limit", "removed", "reset", "stop")
_OF_STATE = ("state", "cause", "from")  # what differs between the two lines of a fault
_OF_LINE = ("server", "held", "limit")


@dataclass(slots=True)
class _Begun:
    record: Record
    until: int | None
    ran: int | None = None  # the first line behind the limit
    told: bool = False

    @property
    def station(self) -> str | None:
        station = self.record.get("station")
        return station if isinstance(station, str) else None


class AuditedFaults:
    """*second* is a second of real time on the server's clock; *reconstructed*: the journal lacks its beginning.

    ``open`` are the faults that have not ended, by their numbers.
    """

    def __init__(self, second: int, *, reconstructed: bool) -> None:
        self._second, self._reconstructed = second, reconstructed
        self.open: dict[int, _Begun] = {}
        self._last: int | None = None
        self._ended: set[int] = set()

    def line(self, record: Record) -> Iterator[str]:
        """The next line, whatever it is about."""
        if record.event == "fault":
            yield from self._fault(record)
        for number, begun in self.open.items():
            if begun.until is None or record.t <= begun.until or begun.told:
                continue
            if begun.ran is None:
                begun.ran = record.t
            if record.t - begun.ran > LATE * self._second:
                begun.told = True
                yield f"fault {number} outlives its limit: it is not ended"

    def logs_in(self, station: object) -> Iterator[str]:
        """A login of a station, which is not refused."""
        for number, begun in self.open.items():
            if begun.record.get("what") == "refuse-logins" and concerns(begun.station, str(station)):
                yield f"{harmless(station)} logged in while fault {number} refuses logins"

    def are_over(self, when: str) -> Iterator[str]:
        """No fault may be left."""
        for number in self.open:
            yield f"{when}, but fault {number} has not ended"
        self.open.clear()

    def _fault(self, record: Record) -> Iterator[str]:
        number, state = record.get("id"), record.get("state")
        if not isinstance(number, int) or isinstance(number, bool):
            yield f"expected the number of a fault, not {harmless(number)}"
        elif state == "begin":
            yield from self._begin(number, record)
        elif state == "end":
            yield from self._end(number, record)
        else:
            yield f"fault {number}: expected begin or end, not {harmless(state)}"

    def _begin(self, number: int, record: Record) -> Iterator[str]:
        if self._last is not None and number != self._last + 1:
            yield f"fault {number} follows {self._last}: a begin is missing or added"
        lasting = microseconds(record.get("for"))
        self._last = number
        self.open[number] = _Begun(record, None if lasting is None else record.t + lasting)

    def _end(self, number: int, record: Record) -> Iterator[str]:
        begun, cause = self.open.pop(number, None), record.get("cause")
        if begun is None:
            if number in self._ended or not self._reconstructed:
                yield f"fault {number} ends, but it {'has ended' if number in self._ended else 'never began'}"
            return
        self._ended.add(number)
        if _numbers(begun.record) != _numbers(record):
            yield f"fault {number} began as {fault_text(begun.record.fields)}, and ends as {fault_text(record.fields)}"
        if cause not in CAUSES:
            yield f"fault {number}: expected {', '.join(CAUSES)}, not {harmless(cause)}"
        elif cause == "limit" and (begun.until is None or record.t < begun.until):
            yield f"fault {number} ends by its limit before that has come"
        if begun.ran is not None and record.t - begun.ran > LATE * self._second and not begun.told:
            yield f"fault {number} outlived its limit"


def _numbers(record: Record) -> dict[str, object]:
    """What both lines of a fault have."""
    return {name: value for name, value in record.fields.items() if name not in (*_OF_STATE, *_OF_LINE)}
