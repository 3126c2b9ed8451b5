"""The clients of a load on one loop: what is the same on virtual time and over real sockets.

Rules of this file:

* A client that holds until the end waits outside the loop's clock. The end is called when every client has come.
* Clients of a load keep no journals; the tally counts what they see.
"""

from __future__ import annotations

from harness.load.specification import TO_THE_END, LoadSpecification
from harness.load.statistics import LoadStatistics
from harness.load.virtual_user import VirtualUser
from harness.runners.runtime import Behavior, Driver, Loop


class Clients(Driver):
    """Clients of *spec*. ``over``: the end was called."""

    def __init__(self, loop: Loop, spec: LoadSpecification) -> None:
        super().__init__(loop)
        self.spec, self.statistics, self.over = spec, LoadStatistics(), False
        self._staying: list[Behavior] = []

    def begin_all(self, first: int = 0, every: int = 1) -> None:
        """Start the client *first* and each *every*-th after it."""
        logons = self.spec.logons()
        for n in range(first, self.spec.clients, every):
            self.start(VirtualUser(self.spec, n, logons[n], self, self.statistics, lambda: self.over).live())

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        if duration >= TO_THE_END and not self.over:
            self._staying.append(behavior)
        else:
            super().wake_after(0 if self.over else duration, behavior)

    def leave(self, *, now: bool = False) -> None:
        """Call the end: clients that hold until then let go. *now*: every client does, and none comes any more."""
        self.over = True
        staying, self._staying = self._staying, []
        for behavior in staying:
            self.wake_after(0, behavior)
        if now:
            self.wake_all()
