"""The next packets are lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fakenw.faults.trip import Trip, Way


@dataclass(slots=True, eq=False)
class DropFault:
    """The next *packets* are lost, and what a stream repeats counts."""

    what: ClassVar[str] = "drop"

    packets: int
    way: Way = "out"

    @property
    def spent(self) -> bool:
        return not self.packets

    def affect(self, trip: Trip) -> None:
        while trip.goes(self.way) and not trip.lost and self.packets:
            self.packets -= 1
            trip.lose()

    def numbers(self) -> dict[str, Any]:
        return {"packets": self.packets, "way": self.way}
