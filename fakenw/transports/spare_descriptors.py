"""Descriptors that no client gets: for the administration, for files of volumes, and for the next file of the journal.

A client over TCP that would get one of them is disconnected at once, and is *unserved*. A descriptor is always the
lowest free number (POSIX), so that of a socket tells how many are left. Without this ``accept`` fails in the end;
Twisted and libuv have one more descriptor to disconnect the client with, and an operator cannot connect either.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

from fakenw.core.delivery import Timer

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

SPARE = 320  # but no more than an eighth of all; a fifth of them is for files
UNLIMITED = sys.maxsize
TELL_EVERY = 60.0  # seconds of real time


class SpareDescriptors:
    """Keeps them, and calls *tell* with the number of unserved clients: for the first one, then once a minute.

    *later* calls a function after so many seconds of real time.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], Timer], tell: Callable[[int], None]) -> None:
        self._later, self._tell = later, tell
        self._unserved = 0  # and not told
        self._timer: Timer | None = None

    def are_kept(self, descriptor: int) -> bool:
        """Whether they are, with the client that has this descriptor; if not, the client is unserved."""
        limit = _limit()
        if descriptor < limit - _spare(limit):
            return True
        self._unserved += 1
        if self._timer is None:
            self._tell_now()
        return False

    def stop(self) -> None:
        """Tell what is not told, and nothing later."""
        if self._timer is not None:
            self._timer.cancel()
        if self._unserved:
            self._tell(self._unserved)

    def _tell_now(self) -> None:
        count, self._unserved = self._unserved, 0
        self._timer = self._later(TELL_EVERY, self._tell_later)
        self._tell(count)

    def _tell_later(self) -> None:
        self._timer = None
        if self._unserved:
            self._tell_now()


def most_operators() -> int:
    """How many connections to the administration the spare descriptors are enough for."""
    return _spare(_limit()) * 4 // 5


def raise_limit() -> None:
    """Let the process have as many descriptors as it may."""
    if resource is not None:
        with suppress(OSError, ValueError):
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _limit() -> int:
    """How many descriptors the process may have; that may change meanwhile (prlimit)."""
    limit = UNLIMITED if resource is None else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return UNLIMITED if resource is not None and limit == resource.RLIM_INFINITY else limit


def _spare(limit: int) -> int:
    return min(SPARE, limit // 8)
