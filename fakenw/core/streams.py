"""The streams of framed transports: where each is cut into packets, and what is kept of it.

Rules of this file:

* The replies to one part of a stream are bounded, and so are the delayed replies of a station: the requests behind stay
  in the station's stream, which is then *kept*.
* A station that waits for a lock or a semaphore has one request under way; what follows it is kept, too.
"""

from __future__ import annotations

from collections.abc import Callable

from fakenw.core.connection_table import ConnectionTable
from fakenw.core.effects import Effects
from fakenw.core.peer import Peer
from fakenw.wire.framing import DMDT, Deframer

REPLIES_AT_ONCE = 64 * 1024  # bytes and one reply, of a stream: to one part of it, and of replies that are delayed


class Streams:
    """The streams of the stations in *table*; the replies to their requests come to *effects*."""

    def __init__(self, table: ConnectionTable, effects: Effects) -> None:
        self._table, self._effects = table, effects
        self.by_peer: dict[Peer, Deframer] = {}
        self.kept: dict[Peer, None] = {}  # stations with whole requests that are not executed yet, in order of arrival

    def end(self, peer: Peer) -> None:
        self.by_peer.pop(peer, None)
        self.kept.pop(peer, None)

    def sign(self, peer: Peer, *, on: bool) -> None:
        """From now on a signature stands in every frame of *peer*, if that is a stream; or no longer."""
        if peer in self.by_peer:
            self.by_peer[peer].signed = on

    def can_go_on(self, peer: Peer) -> bool:
        """Whether requests of a station in ``kept`` can be executed: it waits for no lock and no semaphore, and its
        delayed replies are fewer than the bound."""
        connection = self._table.by_peer.get(peer)
        return connection is None or (connection.wait is None and connection.delayed <= REPLIES_AT_ONCE)

    def execute(self, peer: Peer, data: bytes, packet: Callable[[Peer, bytes], None]) -> None:
        """Execute each packet that *data* completes, until the replies are many. Raises BadFrame, BadSignature."""
        stream = self.by_peer.get(peer)
        if stream is None:
            stream = self.by_peer[peer] = Deframer(DMDT)
        self.kept.pop(peer, None)
        sends, counted, size = self._effects.sends, 0, 0
        full = not self.can_go_on(peer)
        if full:
            stream.rest += data
        else:
            packets = stream.cut(data)
            for cut in packets:
                packet(peer, cut)
                size += sum(len(reply) for _, reply in sends[counted:])
                counted = len(sends)
                full = size > REPLIES_AT_ONCE or not self.can_go_on(peer)
                if full:
                    break
            packets.close()
        if full and stream.rest:
            self.kept[peer] = None
