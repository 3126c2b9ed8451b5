"""Driving behaviours: coroutines that await a ``Sleep`` or an ``Exchange``, and nothing else.

A runner subclasses ``Driver`` and says how bytes travel and how time passes; what a behaviour waits
for is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from harness.workstation import Exchange, Requester, Sleep

Behavior = Coroutine[Any, Any, None]


class Driver:
    """Resumes behaviours. ``running`` counts those that were started and have not ended."""

    def __init__(self) -> None:
        self.running = 0
        self._waiting: dict[Requester, Behavior] = {}

    def start(self, behavior: Behavior) -> None:
        """Run *behavior* up to the first thing it waits for."""
        self.running += 1
        self.resume(behavior)

    def resume(self, behavior: Behavior, value: Any = None, error: Exception | None = None) -> None:
        """Go on with what was waited for. An exception that a behaviour does not expect goes up."""
        while True:
            try:
                what = behavior.throw(error) if error is not None else behavior.send(value)
            except StopIteration:
                self.running -= 1
                return
            if isinstance(what, Sleep):
                self.wake_after(what.duration, behavior)
                return
            assert isinstance(what, Exchange), what
            requester = what.requester
            self._waiting[requester] = behavior
            self.transmit(requester, requester.begin(self.network_now(), what.packet))
            outcome = requester.take() if requester in self._waiting else None
            if outcome is None:
                return
            del self._waiting[requester]
            value, error = (None, outcome) if isinstance(outcome, Exception) else (outcome, None)

    def settle(self, requester: Requester) -> None:
        """Something happened to *requester*: if its exchange is over, whoever waits goes on."""
        if requester not in self._waiting:
            return
        outcome = requester.take()
        if outcome is None:
            return
        behavior = self._waiting.pop(requester)
        if isinstance(outcome, Exception):
            self.resume(behavior, error=outcome)
        else:
            self.resume(behavior, outcome)

    def network_now(self) -> int:
        """Microseconds on the clock of the network, which no speed scales."""
        raise NotImplementedError

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        """Resume *behavior* after *duration* microseconds of scenario time."""
        raise NotImplementedError

    def transmit(self, requester: Requester, packets: list[bytes]) -> None:
        """Send what *requester* wants sent, and see to its deadline."""
        raise NotImplementedError
