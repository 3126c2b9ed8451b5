"""Queues that do not shrink: their readers have stalled."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from fakenw.core.delivery import Timer

STALLED_AFTER = 60.0  # seconds of real time
LOOKS = 4  # at a queue in that time


def unsent(transport: Any) -> int:
    """The bytes that a transport of Twisted has yet to send."""
    return len(transport.dataBuffer) - int(transport.offset) + int(transport._tempDataLen)


class StallWatch:
    """Looks at queues, and says which has not changed for *after* seconds.

    *later* calls a function after so many seconds of real time.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], Timer], after: float = STALLED_AFTER) -> None:
        self._later, self._every = later, after / LOOKS
        self._timers: dict[Hashable, Timer] = {}
        self._stopped = False

    def watch(self, key: Hashable, queued: Callable[[], int], stalled: Callable[[], None]) -> None:
        """Watch a queue of *queued* bytes until ``forget``, and call *stalled* at most once."""
        if key not in self._timers and not self._stopped:
            self._look_later(key, queued, stalled, -1, 0)

    def forget(self, key: Hashable) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def stop(self) -> None:
        """Forget all queues, and watch no further ones."""
        self._stopped = True
        for key in list(self._timers):
            self.forget(key)

    def _look_later(
        self, key: Hashable, queued: Callable[[], int], stalled: Callable[[], None], before: int, unchanged: int
    ) -> None:
        def look() -> None:
            del self._timers[key]
            now = queued()
            same = unchanged + 1 if now == before else 0
            if same == LOOKS:
                stalled()
            else:
                self._look_later(key, queued, stalled, now, same)

        self._timers[key] = self._later(self._every, look)
