"""Does a server answer? ``python -m fakenw.health [--no-trace] [ADDRESS]...``: what a container's health check runs.

Rules of this file:

* It attaches, reads the server's information, and goes. That stands in the books, and where attaching costs a
  license it takes one for a moment.
* So there is ``--no-trace``: it asks to log out connection 0xFFFF, which every server answers and which leaves no
  trace.
* A server that has no room left is full, not sick.
* IPX links are not asked, since only their stations reach the server: where the environment names some, only the other
  addresses are.
* It is run again and again: it imports little, and starts fast.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fakenw.core.peer import IPX, Peer, Transport
from fakenw.wire.framing import TNCP, BadFrame, Deframer, frame_request
from fakenw.wire.layout import Malformed
from fakenw.wire.packet import (
    CREATE,
    DESTROY,
    NCP_PORT,
    NO_CONNECTION,
    REPLY,
    REQUEST,
    Code,
    ReplyPacket,
    RequestPacket,
    decode_reply,
    packet_type,
)
from fakenw.wire.requests.connection import Logout
from fakenw.wire.requests.server import GetServerInfo, ServerInfo

TRIES = 3
TRY = 1.0  # seconds; over TCP nothing is repeated, and all of them are waited for
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}

Address = tuple[str, int]


class Unhealthy(Exception):
    """The server does not answer as one does; says how."""


class Probe:
    """A way to a server, on which one packet after the other is answered."""

    def __init__(self, transport: Transport, stream: socket.socket) -> None:
        self._socket, self._deframer = stream, Deframer(TNCP) if transport.framed else None

    def ask(self, packet: RequestPacket) -> ReplyPacket:
        """The reply to *packet*. Raises OSError, BadFrame, Malformed, Unhealthy."""
        data = frame_request(packet.encode()) if self._deframer else packet.encode()
        for _ in range(1 if self._deframer else TRIES):
            self._socket.sendall(data)
            try:
                return self._reply()
            except TimeoutError:
                pass
        raise Unhealthy("no answer")

    def _reply(self) -> ReplyPacket:
        while True:
            received = self._socket.recv(65536)
            if not received and self._deframer:
                raise Unhealthy("it closed the connection")
            for data in self._deframer.feed(received) if self._deframer else [received]:
                if packet_type(data) == REPLY:
                    return decode_reply(data)


@contextmanager
def asking(server: Peer) -> Iterator[Probe]:
    """A way to *server*. Raises OSError."""
    transport, address = server
    if transport.framed:
        stream = socket.create_connection(address, TRIES * TRY)
    else:
        family = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0][0]
        stream = socket.socket(family, socket.SOCK_DGRAM)
        stream.settimeout(TRY)
    with stream:
        if not transport.framed:
            stream.connect(address)
        yield Probe(transport, stream)


def answers(server: Peer) -> bool:
    """Whether a server answers there. Leaves no trace in its books."""
    try:
        with asking(server) as asker:
            asker.ask(RequestPacket(REQUEST, 1, NO_CONNECTION, 0, Logout.function, b""))
    except (OSError, BadFrame, Malformed, Unhealthy):
        return False
    return True


def visit(server: Peer) -> str:
    """Attach, read the server's information, go: what is to be said of it. May raise what ``ask`` raises."""
    with asking(server) as asker:
        created = asker.ask(RequestPacket(CREATE, 0, NO_CONNECTION, 0, 0, b""))
        if created.completion == Code.TABLE_FULL:
            return "a server answers, and has no room left"
        if created.completion:
            raise Unhealthy(f"completion code 0x{created.completion:02X}")
        number, request = created.connection, GetServerInfo()
        try:
            reply = asker.ask(RequestPacket(REQUEST, 1, number, 1, request.function, request.body()))
            if reply.completion:
                raise Unhealthy(f"completion code 0x{reply.completion:02X}")
            info = ServerInfo.decode(reply.data)
        finally:
            asker.ask(RequestPacket(DESTROY, 2, number, 0, 0, b""))
        return f"{info.name} answers, {info.connections_in_use} connections in use"


def main() -> int:
    """Returns the exit code: 0 if a server answers at every address, else 1, and 2 where there is no address."""
    arguments = sys.argv[1:]
    traceless = "--no-trace" in arguments
    given = [word for word in arguments if word != "--no-trace"]
    code = 0
    listens = [word for word in os.environ.get("FAKENW_LISTEN", "").split() if not word.startswith(f"{IPX.name}:")]
    for place in given or listens or [f"tcp:127.0.0.1:{NCP_PORT}"]:
        try:
            transport, (host, port) = Peer.parse(place)
            if transport is IPX:
                raise ValueError(f"{place}: IPX is not asked; expected tcp:HOST:PORT or udp:HOST:PORT")
        except ValueError as problem:
            print(problem, file=sys.stderr)
            return 2
        server = Peer(transport, (EVERYWHERE.get(host, host), port))
        try:
            if not traceless:
                print(f"{place}: {visit(server)}")
            elif answers(server):
                print(f"{place}: a server answers")
            else:
                raise Unhealthy("no answer")
        except (OSError, BadFrame, Malformed, Unhealthy) as problem:
            print(f"{place}: {problem}")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
