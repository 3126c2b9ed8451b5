"""A router between the servers and a machine, which answers the watchdog in the machine's place.

Dial-up routers did so to hang up an unused line: Ascend ("IPX watchdog spoofing"), Cisco (``ipx watchdog-spoof``),
ELSA. The server then never detects that a station is gone.
"""

from __future__ import annotations

from fakenw.core.peer import Peer
from fakenw.wire import packet as ncp
from fakenw.wire.layout import Malformed


class Router:
    """It answers for some addresses. ``spoofed``: the time at which that ends (None: never), by address."""

    def __init__(self) -> None:
        self.spoofed: dict[str, int | None] = {}

    def answer(self, now: int, peer: Peer, data: bytes) -> bytes | None:
        """The router's answer to a packet for *peer*; None: it forwards the packet."""
        until = self.spoofed.get(peer.address[0], 0)
        if not peer.transport.watched or (until is not None and until <= now):
            return None
        try:
            asked = ncp.packet_type(data) == ncp.WATCHDOG and ncp.decode_watchdog(data).mark == b"?"
        except Malformed:
            return None
        return data[:9] + b"Y" if asked else None
