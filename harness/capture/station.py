"""A station at a server as the packets show it: its requests, and the connection that it has there."""

from __future__ import annotations

from dataclasses import dataclass

from fakenw.core.peer import Peer
from fakenw.wire import packet as ncp
from harness.capture.facts import SeenConnection
from harness.capture.pairing import Pairing
from harness.capture.seen_server import SeenServer

TYPES = (ncp.REQUEST, ncp.REPLY, ncp.CREATE, ncp.DESTROY, ncp.BEING_PROCESSED)
_SIGNATURE = 8  # bytes before a packet of a signed stream


@dataclass(slots=True, eq=False)
class Station:
    """A station at a server, and the connection that it has there."""

    server: SeenServer
    peer: Peer
    pairing: Pairing
    connection: SeenConnection | None = None
    former: SeenConnection | None = None  # the connection before, which the server may have ended
    busy: int = 0  # "being processed", to the last request
    signed: bool = False  # a stream whose packets begin with a signature

    def unsigned(self, data: bytes, kind: int) -> tuple[bytes, int]:
        """The packet behind the signature, in a stream that is signed, and its type."""
        if self.peer.transport.framed and len(data) > _SIGNATURE + 1:
            behind = data[_SIGNATURE] << 8 | data[_SIGNATURE + 1]
            if behind in TYPES and (self.signed or kind not in TYPES):
                self.signed = True
                return data[_SIGNATURE:], behind
        return data, kind
