"""Behaviours of one requester in a thread or greenlet of its own, one after the other.

Rules of this file:

* Sockets and the selector are Python's own, so that gevent can replace them. Nothing here may import Twisted: a
  reactor and gevent's loop cannot share a process.
* A stop is an exception that a wait raises. It is stored in ``stopped``. The pending exchange is finished, so that its
  reply is not taken for the next one's, and the behaviour has time to log out. Sleeps end at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakenw.core.peer import Peer, Transport
from fakenw.health import Address
from fakenw.journal.record import SECOND
from fakenw.wire.packet import ReplyPacket, RequestPacket
from harness.client.workstation import Exchange, Gone, Lost, Requester
from harness.runners.runtime import Behavior, SelectorLoop, SendingLink
from harness.runners.sockets import SocketDriver

STOP_GRACE = 10 * SECOND  # after a stop, for the pending exchange and the logout

# The request, its seconds and its outcome. The request is None where the connection could not be made or was closed.
Report = Callable[[RequestPacket | None, float, ReplyPacket | Exception], None]


class BlockingWorld(SocketDriver):
    """The world of one ``requester``. *server* is ``HOST:PORT``; *stop* is the exception that ends a wait."""

    def __init__(self, server: str, transport: Transport, report: Report, stop: type[BaseException]) -> None:
        super().__init__(SelectorLoop())
        self.requester = Requester(self, server, transport)
        self.stopped: BaseException | None = None
        self._report, self._stop = report, stop
        self._pending: tuple[RequestPacket, int] | None = None  # the request, and when it was sent
        self._stop_deadline = 0

    # What a behaviour may use (harness.client.workstation.World)

    def address(self, server: str) -> Address:
        try:
            return Peer.parse(f"{self.requester.transport.name}:{server}").address
        except ValueError as problem:
            raise OSError(str(problem)) from problem

    def link(self, server: str, requester: Requester) -> SendingLink:
        begun = self.now()
        try:
            return super().link(server, requester)
        except OSError as problem:
            self._report(None, (self.now() - begun) / SECOND, problem)
            raise

    # Running

    def run(self, behavior: Behavior) -> None:
        """Carry out *behavior*. Raises what it raises, and a stop that comes outside a wait."""
        self.start(behavior)
        while self.running:
            try:
                self.loop.run(lambda: not self.running)
            except self._stop as stop:
                if not self._asleep and not self._waiting:
                    raise
                self.stopped = stop
                self._stop_deadline = self._stop_deadline or self.now() + STOP_GRACE
                self.loop.call_at(self._stop_deadline, self._give_up)
                self.wake_all()

    def close(self) -> None:
        """Close what is still open, without a request to the server."""
        self.requester.close()
        self.loop.close()

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        super().wake_after(duration if self.stopped is None else 0, behavior)

    def begin(self, exchange: Exchange) -> None:
        self._pending = exchange.packet, self.now()
        super().begin(exchange)
        if self.stopped is not None:
            self.loop.call_at(self._stop_deadline, self._give_up)

    def outcome(self, requester: Requester) -> ReplyPacket | Exception | None:
        outcome = super().outcome(requester)
        if outcome is not None:
            self._report_pending(outcome)
        return outcome

    def disconnected(self, link: Any) -> None:
        if self._pending is None:  # otherwise this is the outcome of the exchange
            self._report(None, 0.0, Gone("the server closed the connection"))
        super().disconnected(link)

    def _give_up(self) -> None:
        """Stop waiting for the reply."""
        behavior = self._waiting.pop(self.requester, None)
        if behavior is not None and self._pending is not None:
            lost = Lost("no answer before the end")
            self._report_pending(lost)
            self.resume(behavior, error=lost)

    def _report_pending(self, outcome: ReplyPacket | Exception) -> None:
        if self._pending is not None:
            packet, begun = self._pending
            self._pending = None
            self._report(packet, (self.now() - begun) / SECOND, outcome)
