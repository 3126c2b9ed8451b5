"""A link that is watched: its frames go to a ``WireLog``, and none is sent."""

from __future__ import annotations

from collections.abc import Callable

from fakenw.transports.ipx.wire_log import WireLog

UNUSED_NODE = bytes.fromhex("020000000000")  # for links that need one; nothing is sent from there


class WireWatch:
    """A link's ``Wire``. *seconds* is a clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.log = WireLog()
        self._seconds = seconds

    def arrived(self, frame: bytes) -> None:
        self.log.saw(self.log.frames + 1, self._seconds(), frame)

    def joined(self) -> None:
        """Nothing: a watch does not introduce itself."""
