"""A packet on its way, and what faults have done to it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Literal, Protocol

from fakenw.journal.record import SECOND

REPEATED_AFTER = SECOND // 5  # a stream's first retransmission (Linux: TCP_RTO_MIN); each further one doubles it

Way = Literal["out", "in", "both"]
"""Of a station: ``out`` are the packets that it sends, ``in`` those for it."""


@dataclass(slots=True)
class Trip:
    """*sent* by the station, else for it. Nothing of a *stream* is lost, and its order stays.

    The rest is what has become of the packet, times in microseconds: ``late`` in its order, ``astray`` even later and
    out of it, ``again`` the time until its duplicate.
    """

    sent: bool
    stream: bool
    random: Random
    held: bool = False
    lost: bool = False
    late: int = 0
    astray: int | None = None
    again: int | None = None
    _repeated_after: int = field(default=REPEATED_AFTER, repr=False)

    def goes(self, way: Way) -> bool:
        return way == "both" or (way == "out") is self.sent

    def lose(self) -> None:
        """A datagram is lost; a stream repeats it, and waits twice as long each time."""
        if self.stream:
            self.late += self._repeated_after
            self._repeated_after *= 2
        else:
            self.lost = True


class LinkFault(Protocol):
    """A fault of a link."""

    what: ClassVar[str]

    @property
    def spent(self) -> bool:
        """Whether it affects no further packet."""

    def affect(self, trip: Trip) -> None:
        """Change what becomes of a packet."""

    def numbers(self) -> dict[str, Any]:
        """As a journal has them, times in seconds."""
