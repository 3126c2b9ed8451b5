"""A server machine whose packets are captured. Who wants no capture has none of this: it is a ``ServerHost`` then.

What it captures is what ``fakenw serve --pcap`` would: what the server takes, when it takes it, and what it sends. So
what got lost on the way to the server is not there, and what gets lost on the way from it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fakenw.pcap import Capture
from fakenw.server import Effects, Server
from harness.runners.serverhost import ServerHost, Surroundings


class TappedHost(ServerHost):
    """*local* is the server's address, which nothing but the capture needs."""

    def __init__(self, network: Surroundings, boot: Callable[[int], Server], capture: Capture, local: str) -> None:
        self._capture, self._local = capture, local
        self._streams: dict[str, None] = {}  # that are open, in order
        super().__init__(network, boot)

    def receive(self, station: str, data: bytes, life: int | None) -> None:
        """Something has arrived."""
        if self._hears(life):
            self._capture.received(station, self._local, data)
            if life is not None:
                self._streams[station] = None
        super().receive(station, data, life)

    def lost(self, station: str, life: int | None) -> None:
        """A station's stream has ended."""
        if self._hears(life):
            self._capture.ended(station)
            self._streams.pop(station, None)
        super().lost(station, life)

    def stop(self) -> None:
        """End this life; its machine closes the streams."""
        if self.on:
            self._hang_up(list(self._streams))
        super().stop()

    def _hang_up(self, stations: Iterable[str]) -> None:
        for station in stations:
            self._capture.ended(station, inward=False)
            self._capture.ended(station)  # nothing more comes: the next stream of that name is another
            self._streams.pop(station, None)

    def _hears(self, life: int | None) -> bool:
        return self.on and not self.frozen and (life is None or life == self.life)

    def _carry_out(self, effects: Effects) -> None:
        for station, data in effects.sends:
            self._capture.sent(station, self._local, data)
        self._hang_up(effects.closes)
        super()._carry_out(effects)
