"""Datagrams lose their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fakenw.faults.trip import Trip, Way
from fakenw.journal.record import SECOND

OVERTAKEN = SECOND // 20  # the most that a reordered datagram is late


@dataclass(frozen=True, slots=True)
class ReorderFault:
    """This *percent* of the datagrams is late, and is overtaken by others; streams are not affected."""

    what: ClassVar[str] = "reorder"
    spent: ClassVar[bool] = False

    percent: float
    way: Way = "out"

    def affect(self, trip: Trip) -> None:
        if trip.goes(self.way) and not trip.stream and trip.random.random() < self.percent / 100:
            trip.astray = trip.random.randrange(OVERTAKEN)

    def numbers(self) -> dict[str, Any]:
        return {"percent": self.percent, "way": self.way}
