"""A router between the servers and a machine, which answers the watchdog in the machine's place.

Dial-up routers did so to hang up an unused line: Ascend ("IPX watchdog spoofing"), Cisco (``ipx watchdog-spoof``),
ELSA. The server then never detects that a station is gone.
"""

from __future__ import annotations

from fakenw.core.peer import Peer
from fakenw.wire import packet as ncp
from fakenw.wire.ipx.frames import decode_frame
from fakenw.wire.ipx.packet import BadPacket, decode_ipx
from fakenw.wire.layout import Malformed


class Router:
    """It answers for some machines. ``spoofed``: the time at which that ends (None: never), by address or node."""

    def __init__(self) -> None:
        self.spoofed: dict[str | bytes, int | None] = {}

    def answer(self, now: int, peer: Peer, data: bytes) -> bytes | None:
        """The router's answer to a packet for *peer*; None: it forwards the packet."""
        if not peer.transport.watched or not self._answers_for(peer.address[0], now):
            return None
        try:
            asked = ncp.packet_type(data) == ncp.WATCHDOG and ncp.decode_watchdog(data).mark == b"?"
        except Malformed:
            return None
        return data[:9] + b"Y" if asked else None

    def answer_frame(self, now: int, data: bytes) -> bytes | None:
        """The same over IPX, where a query is the low byte of a connection number and a mark."""
        frame = decode_frame(data)
        if frame is None or not self._answers_for(frame.target, now):
            return None
        try:
            asked = decode_ipx(frame.packet)
        except BadPacket:
            return None
        if len(asked.data) != 2 or asked.data[1:] != b"?":
            return None
        answer = asked._replace(destination=asked.source, source=asked.destination, data=asked.data[:1] + b"Y")
        return frame._replace(target=frame.source, source=frame.target, packet=answer.encode()).encode()

    def _answers_for(self, machine: str | bytes, now: int) -> bool:
        until = self.spoofed.get(machine, 0)
        return until is None or until > now
