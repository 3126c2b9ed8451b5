"""Packets take longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fakenw.faults.trip import Trip, Way
from fakenw.journal.record import SECOND


@dataclass(frozen=True, slots=True)
class DelayFault:
    """Each packet takes longer *by* microseconds; the order stays."""

    what: ClassVar[str] = "delay"
    spent: ClassVar[bool] = False

    by: int
    way: Way = "out"

    def affect(self, trip: Trip) -> None:
        if trip.goes(self.way):
            trip.late += self.by

    def numbers(self) -> dict[str, Any]:
        return {"by": self.by / SECOND, "way": self.way}
