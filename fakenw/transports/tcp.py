"""NCP over TCP: every socket is a station.

Rules of this file:

* Sockets are asyncio's, in the loop of Twisted's asyncio reactor, past Twisted's own transports: those write only in
  the next turn of the reactor, which costs more than a request does.
* A listener is bound at once, and accepts when the reactor runs.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from fakenw.transports.house import House

BACKLOG = 1024


class Socket(asyncio.Protocol):
    """One client's socket. The core cuts the stream into frames."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._peer = ""

    def connection_made(self, transport: Any) -> None:
        host, port = transport.get_extra_info("peername")[:2]
        self._transport, self._peer = transport, f"tcp:{host}:{port}"
        self.send: Callable[[bytes], None] = transport.write
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        self._house.received(self._peer, data, self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._house.lost(self._peer)

    def close(self) -> None:
        self._transport.close()

    def local(self) -> str:
        return str(self._transport.get_extra_info("sockname")[0])


class Listener:
    """A port that is listened on, once *reactor* runs. Raises OSError."""

    def __init__(self, house: House, reactor: IReactorTime, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._house = house
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._begin = reactor.callLater(0, self._accept)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        making = loop.create_server(lambda: Socket(self._house), sock=self._socket, backlog=BACKLOG)
        self._making = loop.create_task(making)

    def stop(self) -> None:
        """Let nobody in any more; who is in stays."""
        if self._begin.active():
            self._begin.cancel()
        elif self._making.done() and not self._making.cancelled():
            self._making.result().close()
        self._socket.close()
