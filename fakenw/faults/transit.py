"""Packets under way: each is called when its time has come.

Rules of this file:

* Times are the caller's, microseconds that never decrease.
* What goes one way in order arrives in order; what is out of order may be overtaken, and overtakes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable


class Transit:
    """The packets under way. *way* is one direction of one link."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Hashable | None, Callable[[], None]]] = []
        self._added = 0
        self._last: dict[Hashable, tuple[int, int]] = {}  # of a way: the last arrival, and how many are under way

    def __len__(self) -> int:
        return len(self._heap)

    def send(self, now: int, late: int, way: Hashable, arrive: Callable[[], None], *, in_order: bool) -> bool:
        """Call *arrive* when the packet is there. True: it is there at once, and *arrive* is not called."""
        last, count = self._last.get(way, (now, 0))
        at = max(now + late, last) if in_order else now + late
        if at <= now and not (in_order and count):
            return True
        self._put(at, way, arrive, in_order=in_order)
        return False

    def hurry(self, now: int, way: Hashable, arrive: Callable[[], None]) -> None:
        """Call *arrive* at the next ``arrive``, behind what goes the same way."""
        self._put(max(now, self._last.get(way, (now, 0))[0]), way, arrive, in_order=True)

    def _put(self, at: int, way: Hashable, arrive: Callable[[], None], *, in_order: bool) -> None:
        if in_order:
            self._last[way] = at, self._last.get(way, (at, 0))[1] + 1
        self._added += 1
        heapq.heappush(self._heap, (at, self._added, way if in_order else None, arrive))

    def next(self) -> int | None:
        """When ``arrive`` must be called next."""
        return self._heap[0][0] if self._heap else None

    def arrive(self, now: int) -> None:
        """Deliver what is there by *now*."""
        while self._heap and self._heap[0][0] <= now:
            _, _, way, arrive = heapq.heappop(self._heap)
            if way is not None:
                last, count = self._last.pop(way)
                if count > 1:
                    self._last[way] = last, count - 1
            arrive()
