"""Faults on the server of a test: the operator's ``fakenw fault``, by the same means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Ask = Callable[[str, Mapping[str, Any] | None], dict[str, Any]]


class NetwareFaults:
    """Faults of packets and of the server, as of `fakenw fault`; a test's own end with it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def add(
        self, what: str, *, station: str | None = None, lasting: float | str | None = None, **numbers: float | str
    ) -> int:
        """Begin a fault; its number. *station*: the only one, such as ``udp:127.0.0.1:1025`` or ``udp:127.0.0.1:*``.

        *lasting* is its time limit by the server's clock. *what* and the *numbers* are those of `fakenw fault add`:
        ``add("delay", by="200ms")``, ``add("silence", way="in")``. Raises NetwareError.
        """
        limit = {} if lasting is None else {"for": lasting}
        given = {"what": what, **numbers, **limit}
        return int(self._ask("/api/faults", given if station is None else {**given, "station": station})["id"])

    def remove(self, number: int | None = None) -> None:
        """End the fault with that number, or all. Raises NetwareError."""
        self._ask("/api/faults/remove" if number is None else f"/api/faults/{number}/remove", {})

    def present(self) -> list[dict[str, Any]]:
        """Those that have not ended; see docs/api.md."""
        found: list[dict[str, Any]] = self._ask("/api/faults", None)["faults"]
        return found

    @contextmanager
    def during(self, what: str, **given: Any) -> Iterator[int]:
        """``with netware.faults.during("busy"):`` begins a fault as ``add`` does, and ends it behind the block."""
        number = self.add(what, **given)
        yield number
        if any(one["id"] == number for one in self.present()):
            self.remove(number)
