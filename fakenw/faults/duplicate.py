"""Datagrams arrive twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fakenw.faults.trip import Trip, Way
from fakenw.journal.record import SECOND

AGAIN = (SECOND // 500, SECOND // 100)  # the time between a datagram and its duplicate


@dataclass(frozen=True, slots=True)
class DuplicateFault:
    """This *percent* of the datagrams arrives twice; streams are not affected."""

    what: ClassVar[str] = "duplicate"
    spent: ClassVar[bool] = False

    percent: float
    way: Way = "out"

    def affect(self, trip: Trip) -> None:
        if trip.goes(self.way) and not trip.stream and trip.random.random() < self.percent / 100:
            trip.again = trip.random.randrange(*AGAIN)

    def numbers(self) -> dict[str, Any]:
        return {"percent": self.percent, "way": self.way}
