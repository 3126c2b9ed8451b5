"""Behaviours over a plain socket, where waiting is blocking: for a program that has threads of its own.

Rules of this file:

* One world is one requester's. Whoever waits also reads: a watchdog's question is answered meanwhile.
* Sockets are Python's own, so that gevent can replace them by its; nothing here may import Twisted, as a reactor and
  gevent's loop cannot share a process.
* A stop is an exception that comes out of a wait. It is kept in ``stopped``: what is on the way is finished, so that a
  reply is not taken for the next one's, and there is time for a good-bye. Nobody sleeps any more.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fakenw.configfile import listener
from fakenw.records import SECOND
from fakenw.wire.packet import ReplyPacket, RequestPacket
from harness.workstation import Exchange, Gone, Lost, Requester, Sleep

CONNECT_WITHIN = 10  # seconds
GOODBYE = 10 * SECOND  # what a stop leaves for the exchange on the way and for the good-bye
LARGEST = 65536

# What was sent, seconds, and what came of it. None was sent where there was no connection, or it ended by itself.
Report = Callable[[RequestPacket | None, float, ReplyPacket | Exception], None]


class BlockingWorld:
    """The world of one ``requester``. *server* is ``HOST:PORT``; a *stop* ends all waiting but for the good-bye."""

    station = ""

    def __init__(self, server: str, transport: str, report: Report, stop: type[BaseException]) -> None:
        self.requester = Requester(self, server, transport)
        self.stopped: BaseException | None = None
        self._report, self._stop = report, stop
        self._stream = transport == "tcp"
        self._socket: socket.socket | None = None
        self._patience = 0  # until when, after a stop

    # What a behaviour may use (harness.workstation.World)

    def now(self) -> int:
        return time.monotonic_ns() // 1000

    def link(self, server: str, transport: str, requester: Requester) -> BlockingWorld:
        begun = self.now()
        try:
            _, host, port = listener(f"{transport}:{server}")
            kind = socket.SOCK_STREAM if self._stream else socket.SOCK_DGRAM
            family, *_, address = socket.getaddrinfo(host, port, type=kind)[0]
            self._socket = socket.socket(family, kind)
            self._socket.settimeout(CONNECT_WITHIN)
            self._socket.connect(address)
            if self._stream:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, ValueError) as problem:
            self.close()
            self._report(None, (self.now() - begun) / SECOND, problem)
            raise OSError(str(problem)) from problem
        self.station = "{}:{}:{}".format(transport, *self._socket.getsockname()[:2])
        return self

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def spawn(self, behaviour: Coroutine[Any, Any, None]) -> None:
        raise NotImplementedError("one thing after the other")

    def write(self, event: str, **fields: Any) -> None:
        """Nothing: the server's journal is what counts, and a client's would be a file for every user."""

    # Running

    def run(self, behaviour: Coroutine[Any, Any, None]) -> None:
        """Carry *behaviour* out. Raises what it raises, and a stop that comes outside of a wait."""
        value, error = None, None
        try:
            while True:
                what = behaviour.throw(error) if error is not None else behaviour.send(value)
                value, error = None, None
                if isinstance(what, Sleep):
                    until = self.now() + what.duration
                    while self.stopped is None and self.now() < until:
                        self._read(until)
                else:
                    outcome = self._exchange(what)
                    value, error = (None, outcome) if isinstance(outcome, Exception) else (outcome, None)
        except StopIteration:
            pass
        finally:
            behaviour.close()

    def _exchange(self, what: Exchange) -> ReplyPacket | Exception:
        requester, begun = self.requester, self.now()
        self._send(requester.begin(begun, what.packet))
        while (outcome := requester.take()) is None:
            due = requester.deadline or 0
            self._read(due if self.stopped is None else min(due, self._patience))
            if self.stopped is not None and self.now() >= self._patience:
                outcome = requester.take() or Lost("no answer before the end")
                break
            self._send(requester.expire(self.now()))
        self._report(what.packet, (self.now() - begun) / SECOND, outcome)
        return outcome

    def _send(self, packets: list[bytes]) -> None:
        """What the network does not take is lost, and the requester finds out."""
        with suppress(OSError):
            for data in packets:
                if self._socket is not None:
                    self._socket.settimeout(CONNECT_WITHIN)
                    self._socket.sendall(data)

    def _read(self, until: int) -> None:
        """Wait for something to come, a stop included, no longer than *until*."""
        left = (until - self.now()) / SECOND
        if left <= 0:
            return
        try:
            if self._socket is None:
                time.sleep(left)
                return
            self._socket.settimeout(left)
            data = self._socket.recv(LARGEST)
        except TimeoutError:
            return
        except OSError:
            data = b""  # over UDP: nobody listens there now; the requester asks again
        except BaseException as problem:
            if not isinstance(problem, self._stop):
                raise
            self._patience = self._patience or self.now() + GOODBYE
            self.stopped = problem
            return
        if data:
            self._send(self.requester.receive(self.now(), data))
        elif self._stream:
            is_asking = self.requester.deadline is not None
            self.close()
            self.requester.closed(self.now())
            if not is_asking:  # else it is the outcome of the exchange
                self._report(None, 0.0, Gone("the server closed the connection"))
