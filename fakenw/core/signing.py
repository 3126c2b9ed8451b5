"""Packet signatures on the server's side: which stations sign, and what is done with each of their packets.

Rules of this file (ncpfs 2.2.6 and the Linux kernel as clients, since NetWare's side is not documented):

* The state of a connection tells whether a packet is signed, not a bit in it. Signing begins with the request behind
  the login whose reply carried code 0 or 0xDF, and ends with the connection.
* A bad signature executes nothing and leaves the chain where it is. Over UDP the packet is dropped, since the client
  sends it again; a stream is closed, since it can never be read again. Both are inferred.
* A datagram that equals the last one is a duplicate and is not verified, for the chain has moved on: also the login,
  which was not signed. A late one is dropped before that.
* A server that clears a connection still knows its signer for a while: the station's next request is told what has
  happened in a reply that it can verify.
"""

from __future__ import annotations

from collections.abc import Callable

from fakenw.core.connection import Connection
from fakenw.core.ledger import Emit
from fakenw.core.peer import Peer
from fakenw.core.service import Counts
from fakenw.crypto.signatures import SIZE, Signer
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.framing import frame_reply

LATE = 128  # a sequence less than this behind the last one is that of a late datagram, executed before
TOLD_EVERY = 60 * SECOND  # a connection's bad signatures are a line of the journal at most so often
_SMALLEST = 6  # bytes of a packet
_MOST_ENDED = 1000  # signers of connections that the server has ended
_SIGNED_TYPES = (ncp.REQUEST, ncp.DESTROY)


class BadSignature(Exception):
    """A packet of a stream that is not what its station has signed."""


def signed(signer: Signer, packet: bytes, *, framed: bool) -> bytes:
    """A reply to a station's last request. Over a framed transport every packet has the eight bytes, read or not."""
    signature = signer.sign_reply(packet)
    return frame_reply(packet, signature) if framed else packet + signature


class Signing:
    """The *signers* of all stations. *emit* writes to the journal, *now* is the server's time."""

    def __init__(self, emit: Emit, counts: Counts, now: Callable[[], int]) -> None:
        self._emit, self._counts, self._now = emit, counts, now
        self.signers: dict[Peer, Signer] = {}
        self._ended: dict[Peer, None] = {}  # of these, those whose connection the server has ended

    def begin(self, connection: Connection) -> None:
        """A login has been answered: the next packet of the station is signed, and so is the reply to it."""
        assert connection.root is not None
        signer = Signer(connection.root, connection.transport.signed)
        self.signers[connection.peer] = connection.signer = signer
        connection.root = None

    def end(self, peer: Peer, *, known: bool = False) -> None:
        """The connection of a station has ended; *known*: its next request is told so in a signed reply."""
        if peer not in self.signers:
            return
        if not known:
            del self.signers[peer]
            self._ended.pop(peer, None)
            return
        self._ended[peer] = None
        if len(self._ended) > _MOST_ENDED:
            oldest = next(iter(self._ended))
            del self._ended[oldest], self.signers[oldest]

    def packet(self, peer: Peer, connection: Connection | None, data: bytes) -> bytes | None:
        """The packet in *data*, which for a signing station over a framed transport begins with its signature.

        None: it is dropped. Raises BadSignature, over such a transport.
        """
        signer, framed = self.signers.get(peer), peer.transport.framed
        if signer is None:
            if connection is not None and not framed:
                connection.datagram = data, data
            return data
        if framed:
            signature, packet = data[:SIZE], data[SIZE:]
            if len(packet) >= _SMALLEST and signer.accept_request(packet, signature):
                return packet
            if ncp.packet_type(data) == ncp.CREATE:
                return data  # a client that has started again, and knows of no signatures
            self._bad(connection)
            raise BadSignature
        if ncp.packet_type(data) not in _SIGNED_TYPES:
            return data
        if connection is not None:
            if connection.datagram is not None and connection.datagram[0] == data:
                return connection.datagram[1]
            if len(data) > _SMALLEST and (connection.sequence - data[2]) & 0xFF < LATE:
                self._counts.late += 1
                return None
        packet, signature = data[:-SIZE], data[-SIZE:]
        if len(packet) < _SMALLEST or not signer.accept_request(packet, signature):
            self._bad(connection)
            return None
        if connection is not None:
            connection.datagram = data, packet
        return packet

    def seal(self, peer: Peer, packet: bytes) -> bytes:
        """A packet as it is sent to a station, which may sign."""
        signer, framed = self.signers.get(peer), peer.transport.framed
        if signer is not None and (framed or ncp.packet_type(packet) == ncp.REPLY):
            return signed(signer, packet, framed=framed)
        return frame_reply(packet) if framed else packet

    def _bad(self, connection: Connection | None) -> None:
        self._counts.bad_signatures += 1
        if connection is None:
            return
        connection.bad_signatures += 1
        now = self._now()
        if connection.told_bad is None or now >= connection.told_bad + TOLD_EVERY:
            self._emit("bad-signature", {**connection.about(), "packets": connection.bad_signatures})
            connection.bad_signatures, connection.told_bad = 0, now
