"""The clients of a load on one loop, on virtual time or over real sockets.

Rules of this file:

* A client that holds its license to the end waits outside the loop's clock, until ``end`` is called.
* Clients of a load write no journals; their events are counted in the statistics.
"""

from __future__ import annotations

from harness.load.specification import TO_THE_END, LoadSpecification
from harness.load.statistics import LoadStatistics
from harness.load.virtual_user import VirtualUser
from harness.runners.runtime import Behavior, Driver, Loop


class Clients(Driver):
    """Clients of *spec*. ``ended``: ``end`` was called."""

    def __init__(self, loop: Loop, spec: LoadSpecification) -> None:
        super().__init__(loop)
        self.spec, self.statistics, self.ended = spec, LoadStatistics(), False
        self._sleeping_until_end: list[Behavior] = []

    def begin_all(self, first: int = 0, every: int = 1) -> None:
        """Start the client *first* and each *every*-th after it."""
        logons = self.spec.logons()
        for n in range(first, self.spec.clients, every):
            self.start(VirtualUser(self.spec, n, logons[n], self, self.statistics, lambda: self.ended).run())

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        if duration >= TO_THE_END and not self.ended:
            self._sleeping_until_end.append(behavior)
        else:
            super().wake_after(0 if self.ended else duration, behavior)

    def end(self, *, now: bool = False) -> None:
        """Let the clients that hold to the end log out; *now*: let every client do so, and no further one log in."""
        self.ended = True
        sleeping, self._sleeping_until_end = self._sleeping_until_end, []
        for behavior in sleeping:
            self.wake_after(0, behavior)
        if now:
            self.wake_all()
