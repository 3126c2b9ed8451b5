"""A bare Twisted server: ``python -m benchmarks.echo tcp|udp SIZE...`` answers with replies of these sizes.

The last byte of a request says which of them. There is no framing: the load has one request on the way on each
connection. Reactor, transports and ``write`` are Twisted's own. Over UDP it has a larger buffer than Twisted
asks for, as ours has: otherwise it would be measured dropping what a thousand stations send at once.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from twisted.internet import protocol
from twisted.internet import reactor as installed

reactor: Any = installed
BUFFER = 8 * 1024 * 1024


class EchoStream(protocol.Protocol):
    """One connection."""

    replies: list[bytes]
    transport: Any

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.replies[data[-1]])


class EchoDatagrams(protocol.DatagramProtocol):
    """All stations."""

    replies: list[bytes]
    transport: Any

    def startProtocol(self) -> None:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.transport.socket.setsockopt(socket.SOL_SOCKET, option, BUFFER)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.transport.write(self.replies[datagram[-1]], addr)


def main(transport: str, *sizes: str) -> None:
    EchoStream.replies = EchoDatagrams.replies = [bytes(int(size)) for size in sizes]
    if transport == "tcp":
        factory = protocol.Factory.forProtocol(EchoStream)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1", backlog=1024)
    else:
        port = reactor.listenUDP(0, EchoDatagrams(), interface="127.0.0.1")
    print(f"listening {transport} 127.0.0.1:{port.getHost().port}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
