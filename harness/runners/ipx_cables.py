"""Real sockets as the cable between a simulated workstation's card and the link of a server.

A server's link is an address ``("qemu:127.0.0.1", 20002)``, as ``fakenw serve`` prints it: Ethernet frames in UDP
datagrams, one in each, or with ``stream`` in a TCP stream, a four-byte length before each (ipx.md 8).
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from hashlib import blake2b

from fakenw.health import Address
from fakenw.wire.packet import NO_CONNECTION, REPLY, REQUEST, RequestPacket, packet_type
from fakenw.wire.requests.connection import Logout
from harness.client.ipx_station import IpxStation

LARGEST = 65_536
LENGTH = 4
TRIES, TRY = 3, 0.5  # of a probe: how many, and seconds for each
STREAM = "stream"


def node_named(name: str) -> bytes:
    """The node of the machine of this name, locally administered."""
    return b"\x02" + blake2b(name.encode(), digest_size=5).digest()


class Cable:
    """A connected cable to *link*. Raises OSError."""

    def __init__(self, link: Address) -> None:
        kind, _, host = link[0].partition(":")
        self.is_stream = kind == STREAM
        self.socket = socket.socket(type=socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM)
        self._partial = b""
        try:
            self.socket.connect((host, link[1]))
            if self.is_stream:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self.socket.close()
            raise

    def put(self, frame: bytes) -> None:
        """Send a frame. One that the network does not accept is lost, as on any wire."""
        with suppress(OSError):
            self.socket.sendall(len(frame).to_bytes(LENGTH, "big") + frame if self.is_stream else frame)

    def get(self) -> list[bytes] | None:
        """The frames that have arrived, none where it was a part of one; None: the stream has ended. Raises OSError."""
        data = self.socket.recv(LARGEST)
        if not self.is_stream:
            return [data]
        if not data:
            return None
        frames, rest = [], self._partial + data
        while len(rest) >= LENGTH and len(rest) >= (end := LENGTH + int.from_bytes(rest[:LENGTH], "big")):
            frames.append(rest[LENGTH:end])
            rest = rest[end:]
        self._partial = rest
        return frames

    def close(self) -> None:
        self.socket.close()


def answers(server: str, link: Address) -> bool:
    """Whether *server* answers NCP on *link*: a logout without a connection, which leaves no trace in its books."""
    try:
        cable = Cable(link)
    except OSError:
        return False
    station = IpxStation(server, node_named("probe"))
    packet = RequestPacket(REQUEST, 1, NO_CONNECTION, 0, Logout.function, b"").encode()
    try:
        return any(_replied(cable, station, packet, time.monotonic() + TRY) for _ in range(TRIES))
    finally:
        cable.close()


def _replied(cable: Cable, station: IpxStation, packet: bytes, until: float) -> bool:
    for frame in station.send(packet):
        cable.put(frame)
    while (left := until - time.monotonic()) > 0:
        cable.socket.settimeout(left)
        try:
            frames = cable.get()
        except OSError:
            return False
        if frames is None:
            return False
        for frame in frames:
            heard = station.receive(frame)
            for answer in heard.frames:
                cable.put(answer)
            if heard.packet is not None and packet_type(heard.packet) == REPLY:
                return True
    return False
