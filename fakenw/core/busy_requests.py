"""Requests to a server that says it is busy: each is held, and executed when that is over.

Rules of this file:

* The station is told "being processed" (0x9999) at once, and again for each repetition. As many as end the connection
  of any slow request end this one.
* One request of a station is held at a time, as where it waits for a lock: behind a datagram the one before is given
  up, and what follows in a stream stays unread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fakenw.core.connection import Connection
from fakenw.core.deadlines import Deadlines
from fakenw.core.dispatch import Dispatch
from fakenw.core.fault_table import FaultTable
from fakenw.core.peer import Peer
from fakenw.core.waiting import Waits
from fakenw.faults.busy import BusyFault
from fakenw.wire.packet import RequestPacket

Execute = Callable[[Peer, Connection | None, RequestPacket], None]


class BusyRequests:
    """*execute* executes a request and sends its reply, *send* sends what is framed already, *heard* is called for a
    connection whose station has sent something.
    """

    def __init__(
        self,
        faults: FaultTable,
        deadlines: Deadlines,
        dispatch: Dispatch,
        execute: Execute,
        send: Callable[[Peer, bytes], None],
        heard: Callable[[Connection], None],
    ) -> None:
        self._faults, self._dispatch, self._execute, self._send, self._heard = faults, dispatch, execute, send, heard
        self._waits = Waits(deadlines)

    def faults_changed(self) -> None:
        """Execute the requests of stations for which the server is busy no longer."""
        self._waits.retry()

    def request(self, peer: Peer, connection: Connection | None, packet: RequestPacket) -> bool:
        """Hold a request, or tell the station again that it is held. False: it is to be executed now."""

        def is_over() -> bool:
            return not self._faults.any(BusyFault, str(peer))

        if connection is None or connection.number != packet.connection or is_over():
            return False
        if self._dispatch.is_repeated(connection, packet):
            return False
        held = None if connection.wait is None else connection.wait.about
        if not isinstance(held, RequestPacket) or held.sequence != packet.sequence:
            connection.wait_no_more()
            connection.busy_replies = 0
            connection.wait = self._waits.add(packet, is_over, None)
            connection.wait.told = partial(self._not_busy, peer, connection, packet)
        self._heard(connection)
        reply = self._dispatch.being_processed(connection, packet)
        if connection.signer is None or not peer.transport.framed:  # a signed stream has no signature for it
            self._send(peer, reply)
        return True

    def _not_busy(self, peer: Peer, connection: Connection, packet: RequestPacket, granted: bool) -> None:
        connection.wait = None
        self._execute(peer, connection, packet)
