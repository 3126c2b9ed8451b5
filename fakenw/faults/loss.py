"""Packets are lost by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fakenw.faults.trip import Trip, Way

MOST = 90  # percent: of a stream the rest comes, however late


@dataclass(frozen=True, slots=True)
class LossFault:
    """This *percent* of the packets is lost, and of what a stream repeats."""

    what: ClassVar[str] = "loss"
    spent: ClassVar[bool] = False

    percent: float
    way: Way = "out"

    def affect(self, trip: Trip) -> None:
        share = self.percent / 100
        while trip.goes(self.way) and not trip.lost and trip.random.random() < share:
            trip.lose()

    def numbers(self) -> dict[str, Any]:
        return {"percent": self.percent, "way": self.way}
