"""Behaviours of one requester in a thread or greenlet of its own, one after the other.

Rules of this file:

* Sockets and the selector are Python's own, so that gevent can replace them by its; nothing here may import Twisted, as
  a reactor and gevent's loop cannot share a process.
* A stop is an exception that comes out of a wait. It is kept in ``stopped``: the exchange on the way is finished, so
  that its reply is not taken for the next one's, and there is time for a good-bye. Sleeps end at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakenw.core.peer import Peer, Transport
from fakenw.journal.record import SECOND
from fakenw.wire.packet import ReplyPacket, RequestPacket
from harness.client.workstation import Exchange, Gone, Lost, Requester
from harness.runners.runtime import Behavior, SelectorLoop
from harness.runners.sockets import Address, SocketDriver, SocketLink

GOODBYE = 10 * SECOND  # what a stop leaves for the exchange on the way and for the good-bye

# What was sent, seconds, and what came of it. None was sent where there was no connection, or it ended by itself.
Report = Callable[[RequestPacket | None, float, ReplyPacket | Exception], None]


class BlockingWorld(SocketDriver):
    """The world of one ``requester``. *server* is ``HOST:PORT``; a *stop* ends all waiting but for the good-bye."""

    def __init__(self, server: str, transport: Transport, report: Report, stop: type[BaseException]) -> None:
        super().__init__(SelectorLoop())
        self.requester = Requester(self, server, transport)
        self.stopped: BaseException | None = None
        self._report, self._stop = report, stop
        self._asked: tuple[RequestPacket, int] | None = None  # the exchange on the way, and since when
        self._patience = 0  # until when, after a stop

    # What a behaviour may use (harness.client.workstation.World)

    def address(self, server: str) -> Address:
        try:
            return Peer.parse(f"{self.requester.transport.name}:{server}").address
        except ValueError as problem:
            raise OSError(str(problem)) from problem

    def link(self, server: str, requester: Requester) -> SocketLink:
        begun = self.now()
        try:
            return super().link(server, requester)
        except OSError as problem:
            self._report(None, (self.now() - begun) / SECOND, problem)
            raise

    # Running

    def run(self, behavior: Behavior) -> None:
        """Carry *behavior* out. Raises what it raises, and a stop that comes outside of a wait."""
        self.start(behavior)
        while self.running:
            try:
                self.loop.run(lambda: not self.running)
            except self._stop as stop:
                if not self._asleep and not self._waiting:
                    raise
                self.stopped = stop
                self._patience = self._patience or self.now() + GOODBYE
                self.loop.call_at(self._patience, self._give_up)
                self.wake_all()

    def close(self) -> None:
        """Close what is still open, without a word to the server."""
        self.requester.close()
        self.loop.close()

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        super().wake_after(duration if self.stopped is None else 0, behavior)

    def begin(self, exchange: Exchange) -> None:
        self._asked = exchange.packet, self.now()
        super().begin(exchange)
        if self.stopped is not None:
            self.loop.call_at(self._patience, self._give_up)

    def outcome(self, requester: Requester) -> ReplyPacket | Exception | None:
        outcome = super().outcome(requester)
        if outcome is not None and self._asked is not None:
            packet, begun = self._asked
            self._asked = None
            self._report(packet, (self.now() - begun) / SECOND, outcome)
        return outcome

    def hung_up(self, link: Any) -> None:
        if self._asked is None:  # else it is the outcome of the exchange
            self._report(None, 0.0, Gone("the server closed the connection"))
        super().hung_up(link)

    def _give_up(self) -> None:
        """Wait for no reply any more."""
        behavior = self._waiting.pop(self.requester, None)
        if behavior is not None and self._asked is not None:
            lost, (packet, begun) = Lost("no answer before the end"), self._asked
            self._asked = None
            self._report(packet, (self.now() - begun) / SECOND, lost)
            self.resume(behavior, error=lost)
