"""Which stations a fault concerns, as text."""

from __future__ import annotations

ANY_PORT = ":*"


def concerns(pattern: str | None, station: str) -> bool:
    """Whether *pattern* means *station*: None means all, ``udp:10.0.0.7:*`` every port there."""
    if pattern is None or pattern == station:
        return True
    return pattern.endswith(ANY_PORT) and pattern[: -len(ANY_PORT)] == station.rpartition(":")[0]
