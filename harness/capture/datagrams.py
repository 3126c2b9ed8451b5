"""NCP over UDP and IPX, where a packet is a datagram.

Rules of this file:

* Over UDP a server is at port 524, or at a port of which a create, or a request and its reply, has shown that NCP is
  spoken there. Over IPX it is at socket 0x0451.
* Over IPX the watchdog asks the socket behind the client's, and messages are announced on the one after it, in two
  bytes (ncp.md 7.2). Both are told as packets of the connection, in the form that they have over UDP, where the high
  byte of the connection's number is 0: it is not on the wire.
* A sniffer on a bridge, on "any" or at a mirror port sees a datagram several times, within microseconds: the copies are
  no packets of their own. No station repeats one so soon.
* The signature of a signed session is at the end of a packet, and stays there.
"""

from __future__ import annotations

import struct

from fakenw.core.peer import IPX, UDP, Peer
from fakenw.wire.ipx.packet import NCP_SOCKET, IpxAddress, IpxPacket
from fakenw.wire.packet import (
    BEING_PROCESSED,
    CREATE,
    REPLY,
    REQUEST,
    Broadcast,
    WatchdogPacket,
    packet_type,
)
from harness.capture.addresses import Recent, ServerPorts, ends, opposite, target_end
from harness.capture.half import CLIENT_TYPES, SERVER_TYPES
from harness.capture.message import Conversation, Message
from harness.capture.packets import IpPacket, Skipped

MOST_TALKS = 32_768

_length = struct.Struct(">4xH")
_NO_CONNECTION = {b"\0\0", b"\xff\xff"}
_COPY = 1000  # microseconds, within which a datagram that is the same is a copy
_CREATE_SIZES = (6, 7, 8)  # with and without the function, and a byte to make it even


class _Talk:
    """A conversation, and the last datagram of it: when, from which side, and the hash of its data."""

    __slots__ = ("_conversation", "_from_client", "_hash", "_time")

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._from_client, self._time, self._hash = False, 0, 0

    def message(self, number: int, time: int, from_client: bool, data: bytes) -> Message:
        """Raises Skipped for a copy of the last datagram."""
        known, self._hash = self._hash, hash(data)
        if known == self._hash and from_client is self._from_client and 0 <= time - self._time < _COPY:
            raise Skipped("a copy, within a millisecond, of the datagram before it")
        self._from_client, self._time = from_client, time
        return Message(number, time, self._conversation, from_client, data)


class Datagrams:
    """``udp`` and ``ipx`` return the NCP packet that a datagram is. They raise Skipped, and struct.error."""

    def __init__(self) -> None:
        self._servers = ServerPorts()
        self._asked: Recent[bytes, bytes] = Recent(8192)  # by key: the head of a request, perhaps
        self._udp: Recent[bytes, tuple[_Talk, bool]] = Recent(MOST_TALKS)  # by key; True: from the client
        self._ipx: Recent[tuple[IpxAddress, IpxAddress], _Talk] = Recent(MOST_TALKS)  # by client and server
        self._watched: Recent[tuple[IpxAddress, IpxAddress, int], int] = Recent(8192)  # the socket that was asked

    def udp(self, number: int, time: int, packet: IpPacket) -> Message:
        data = packet.data
        (length,) = _length.unpack_from(data)
        if packet.cut:
            raise Skipped("UDP, cut by the snap length")
        payload = data[8:length] if length else data[8:]
        key = packet.source + packet.target + data[:4]
        kind = packet_type(payload)
        talk, from_client = self._udp.get(key) or self._begun(key, kind, payload)
        if kind not in (CLIENT_TYPES if from_client else SERVER_TYPES):
            raise Skipped("UDP, not NCP")
        return talk.message(number, time, from_client, payload)

    def ipx(self, number: int, time: int, packet: IpxPacket) -> Message:
        source, target, data = packet.source, packet.destination, packet.data
        kind = packet_type(data)
        if target.socket == NCP_SOCKET and kind in CLIENT_TYPES:
            return self._over_ipx(source, target).message(number, time, True, data)
        if source.socket == NCP_SOCKET and kind in SERVER_TYPES:
            return self._over_ipx(target, source).message(number, time, False, data)
        if len(data) == 2 and data[1:] in b"?!Y":
            return self._beside(number, time, source, target, data)
        raise Skipped("IPX, not NCP")

    def _begun(self, key: bytes, kind: int, payload: bytes) -> tuple[_Talk, bool]:
        """The conversation of which this is the first packet. Raises Skipped."""
        from_client = self._from_client(key, kind, payload)
        client, server = ends(key) if from_client else reversed(ends(key))
        talk = _Talk(Conversation(Peer(UDP, client), f"{server[0]}:{server[1]}"))
        self._udp[key], self._udp[opposite(key)] = (talk, from_client), (talk, not from_client)
        return talk, from_client

    def _from_client(self, key: bytes, kind: int, payload: bytes) -> bool:
        """Raises Skipped where nothing shows that this is NCP."""
        source, target = target_end(opposite(key)), target_end(key)
        if target in self._servers and kind in CLIENT_TYPES:
            return True
        if source in self._servers and kind in SERVER_TYPES:
            return False
        connection = payload[3:4] + payload[5:6]
        if kind == CREATE and len(payload) in _CREATE_SIZES and connection in _NO_CONNECTION:
            self._servers.add(target)
            return True
        if kind == REQUEST:
            self._asked[key] = payload[2:6]
        elif kind in (REPLY, BEING_PROCESSED) and self._asked.pop(opposite(key), None) == payload[2:6]:
            self._servers.add(source)
            return False
        raise Skipped("UDP, not NCP")

    def _over_ipx(self, client: IpxAddress, server: IpxAddress) -> _Talk:
        talk = self._ipx.get((client, server))
        if talk is None:
            station = Peer(IPX, (str(client)[:-5], client.socket))
            talk = self._ipx[client, server] = _Talk(Conversation(station, str(server)))
        return talk

    def _beside(self, number: int, time: int, source: IpxAddress, target: IpxAddress, data: bytes) -> Message:
        """A packet of the watchdog, or the announcement of a message."""
        connection, mark = data[0], data[1:]
        if mark == b"Y":
            server, client = target, source
            socket = self._watched.get((client._replace(socket=0), server, connection), client.socket - 1)
        else:
            server, client = source, target
            socket = client.socket - (1 if mark == b"?" else 2)
            if mark == b"?":
                self._watched[client._replace(socket=0), server, connection] = socket
        if socket <= 0:
            raise Skipped("IPX, not NCP")
        packet = Broadcast(connection) if mark == b"!" else WatchdogPacket(connection, mark)
        talk = self._over_ipx(client._replace(socket=socket), server._replace(socket=NCP_SOCKET))
        return talk.message(number, time, mark == b"Y", packet.encode())
