"""The clock of a reactor: Twisted's measure delays by the wall clock (Twisted issue 2424), which a user or NTP sets."""

from __future__ import annotations

import time
from typing import Any


def go_by_monotonic_clock(reactor: Any) -> None:
    """Let the timers of *reactor* ignore that the wall clock is set. What is scheduled keeps its delay.

    A reactor that runs already keeps its own clock: it may be going through its timers by the time of that one.
    """
    if reactor.seconds is time.monotonic or getattr(reactor, "running", False):
        return
    offset = time.monotonic() - reactor.seconds()
    for call in reactor.getDelayedCalls():
        call.time += offset
        call.seconds = time.monotonic
    reactor.seconds = time.monotonic
