"""The clocks of a run's writers, and the time on one when another shows a time.

Rules of this file:

* A clock runs at its ``speed``. Where the runner has measured two clocks they are compared by that, else by the wall
  times of their first lines.
* A server's clock may have been advanced: see ``harness.judge.advances``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from fakenw.journal.record import Journal, JournalError
from fakenw.journal.sentences import harmless
from harness.judge.advances import Advances

SLOWEST, FASTEST = 1e-6, 1e9  # seconds of a writer's time in one real second
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """A writer's clock: the wall time (microseconds since 1970) at its t = 0, and its speed (1: real time).

    ``origin``: its t = 0 by the runner's clock, and ``bound`` how far that may be wrong; in real microseconds since the
    runner's t = 0. None: it was not measured.
    """

    utc: int | None
    speed: float
    origin: float | None = None
    bound: float = 0.0
    advances: Advances = field(default=Advances(), compare=False)

    @classmethod
    def of(cls, journal: Journal, line: int = 1) -> Clock:
        """The clock of the writer whose records start on *line*. Raises JournalError."""
        record = journal.records[line - 1]
        speed = record.get("speed", 1)
        if isinstance(speed, bool) or not isinstance(speed, int | float) or not SLOWEST <= speed <= FASTEST:
            raise JournalError(
                f"{journal.at(line)}: expected a speed from {SLOWEST:g} to {FASTEST:g}, not {harmless(speed)}"
            )
        try:
            written = datetime.fromisoformat(record["utc"])
            written = written if written.tzinfo else written.replace(tzinfo=UTC)
        except KeyError:
            utc = None
        except (TypeError, ValueError):
            raise JournalError(f"{journal.at(line)}: utc is not a time: {harmless(record['utc'])}") from None
        else:
            utc = (written - EPOCH) // timedelta(microseconds=1)
        return cls(utc, speed, 0.0 if record.role == "runner" else None)

    def measured(self, by: Clock, t: int, theirs: int, bound: int) -> Clock:
        """This clock, which showed *theirs*, give or take *bound* on the runner's clock *by*, when that showed *t*."""
        return replace(self, origin=t / by.speed - self.advances.steady(theirs) / self.speed, bound=bound / by.speed)

    def to(self, other: Clock, t: int) -> int:
        """The time on *other* when this clock shows *t*. Two clocks without wall time started together."""
        return other.advances.shown(self._to_steady(other, t))

    def bound_on(self, other: Clock, t: int) -> int:
        """How far ``to(other, t)`` may be wrong; a bound that is not known counts as 0."""
        measured = self.origin is not None and other.origin is not None
        bound = math.ceil((self.bound + other.bound) * other.speed) if measured else 0
        return other.advances.doubt(self._to_steady(other, t), bound)

    def wall(self, t: int) -> float:
        """Microseconds since 1970 when this clock shows *t*, by the wall clock of its own machine."""
        return (self.utc or 0) + t / self.speed

    def _to_steady(self, other: Clock, t: int) -> int:
        steady = self.advances.steady(t)
        if self.origin is not None and other.origin is not None:
            later = self.origin - other.origin
        elif self.utc is not None and other.utc is not None:
            later = self.utc - other.utc
        else:
            return steady
        if self.speed == other.speed:
            return steady + round(later * self.speed)
        return round((later + steady / self.speed) * other.speed)
