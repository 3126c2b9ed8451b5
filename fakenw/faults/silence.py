"""No packet passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fakenw.faults.trip import Trip, Way


@dataclass(frozen=True, slots=True)
class SilenceFault:
    """No packet passes in this *way*: datagrams are lost, and what streams sent arrives when it ends."""

    what: ClassVar[str] = "silence"
    spent: ClassVar[bool] = False

    way: Way = "both"

    def affect(self, trip: Trip) -> None:
        trip.held |= trip.goes(self.way)

    def numbers(self) -> dict[str, Any]:
        return {"way": self.way}
