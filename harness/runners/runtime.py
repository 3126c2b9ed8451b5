"""Two loops, a virtual clock and a selector on real time, and the driver of a client's behaviours over either.

Rules of this file:

* A loop knows calls and their times in microseconds, but no behaviour and no packet.
* A ``Driver`` resumes behaviours: coroutines that await a ``Sleep`` or an ``Exchange``, and nothing else. Only its
  links know how bytes travel.
* Calls that are due at the same time run in the order in which they were scheduled; those of ``call_last`` after them.
"""

from __future__ import annotations

import heapq
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from fakenw.journal.record import SECOND
from fakenw.wire.packet import ReplyPacket
from harness.client.behavior_file import guarded
from harness.client.workstation import Exchange, Link, Requester, Sleep

Behavior = Coroutine[Any, Any, None]
LAST = 1 << 62
MOST_FINALLY = 100  # parts of a behaviour that await something, one within the other
AT_ONCE = 1000  # calls in one turn of the selector; then sockets are read again


class Abandoned(BaseException):
    """Thrown into a behaviour that ends; GeneratorExit may not be awaited on its way."""


class Loop(Protocol):
    """A clock and a queue of calls."""

    def now(self) -> int:
        """Microseconds since the loop began."""

    def call_at(self, when: int, call: Callable[..., None], *arguments: Any) -> None: ...


class CallQueue:
    """Calls in the order of their times, and then of their scheduling."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0

    def call_at(self, when: int, call: Callable[..., None], *arguments: Any) -> None:
        self._order += 1
        heapq.heappush(self.heap, (when, self._order, call, arguments))


class VirtualClock(CallQueue):
    """A clock that jumps from call to call. ``time`` is in microseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0
        self._limit: int | None = None

    def now(self) -> int:
        return self.time

    def call_last(self, when: int, call: Callable[..., None], *arguments: Any) -> None:
        """Schedule a call behind all others of its time: its place among these does not depend on when it was made."""
        self._order += 1
        heapq.heappush(self.heap, (when, LAST + self._order, call, arguments))

    def next(self) -> int:
        """Before this time nothing is called; the present where no call is scheduled, and the run has no limit."""
        times = ([self.heap[0][0]] if self.heap else []) + ([] if self._limit is None else [self._limit])
        return min(times, default=self.time)

    def run(self, until: Callable[[], bool], limit: int | None = None) -> None:
        """Run calls until *until* is true, or all that are due by *limit* have run, or none is left."""
        heap, self._limit = self.heap, limit
        while not until():
            if not heap or (limit is not None and heap[0][0] > limit):
                break
            self.time, _, call, arguments = heapq.heappop(heap)
            call(*arguments)
        if limit is not None and not until():
            self.time = max(self.time, limit)


class Alarm:
    """A call that can be cancelled, for ``fakenw.core.delivery``."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def ring(self) -> None:
        if self._call is not None:
            self._call()

    def cancel(self) -> None:
        self._call = None


class SelectorLoop(CallQueue):
    """Real time, and descriptors that are watched."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.monotonic_ns()
        self._selector = selectors.DefaultSelector()

    def now(self) -> int:
        return (time.monotonic_ns() - self._begun) // 1000

    def watch(self, file: Any, readable: Callable[..., None], *arguments: Any) -> None:
        """Call *readable* whenever the socket or descriptor *file* can be read."""
        self._selector.register(file, selectors.EVENT_READ, (readable, arguments))

    def forget(self, file: Any) -> None:
        """Stop watching *file*."""
        self._selector.unregister(file)

    def run(self, until: Callable[[], bool]) -> None:
        """Run calls at their times until *until* is true."""
        heap = self.heap
        while not until():
            wait = None if not heap else max(0.0, (heap[0][0] - self.now()) / SECOND)
            for key, _ in self._selector.select(wait):
                readable, arguments = key.data
                readable(*arguments)
            now = self.now()
            for _ in range(AT_ONCE):
                if not heap or heap[0][0] > now:
                    break
                _, _, call, arguments = heapq.heappop(heap)
                call(*arguments)

    def close(self) -> None:
        self._selector.close()


class SendingLink(Link, Protocol):
    """A link as a driver uses it."""

    requester: Requester

    def send(self, data: bytes) -> None:
        """Send to the server. What the network does not accept is lost; the requester detects that."""

    def drop(self) -> None:
        """Close this end: the server has closed the stream."""


class Driver:
    """The behaviours of one client or several; a subclass makes the links (harness.client.workstation.World).

    ``running`` counts behaviours that were started and have not ended. Their time passes *speed* times as fast as that
    of *loop*.
    """

    def __init__(self, loop: Loop, speed: float = 1.0) -> None:
        self.loop, self.speed = loop, speed
        self.running = 0
        self.links: dict[Requester, Any] = {}
        self._begun = loop.now()
        self._waiting: dict[Requester, Behavior] = {}
        self._asleep: set[Behavior] = set()
        self._armed: set[Requester] = set()

    @property
    def asking(self) -> int:
        """The number of behaviours that wait for a reply."""
        return len(self._waiting)

    # What a behaviour may use (harness.client.workstation.World)

    def now(self) -> int:
        elapsed = self.loop.now() - self._begun
        return elapsed if self.speed == 1 else round(elapsed * self.speed)

    def network_now(self) -> int:
        return self.loop.now()

    def link(self, server: str, requester: Requester) -> SendingLink:
        raise NotImplementedError

    def spawn(self, behaviour: Behavior) -> None:
        self.start(guarded(self, behaviour))

    def write(self, event: str, **fields: Any) -> None:
        """Write to the client's journal, if a subclass has one."""

    # Behaviours

    def start(self, behavior: Behavior) -> None:
        """Run *behavior* up to its first wait."""
        self.running += 1
        self.resume(behavior)

    def resume(self, behavior: Behavior, value: Any = None, error: Exception | None = None) -> None:
        """Continue *behavior* with what it waited for. Raises an exception that it does not handle."""
        while True:
            try:
                awaited = behavior.throw(error) if error is not None else behavior.send(value)
            except StopIteration:
                self.running -= 1
                return
            except BaseException:
                self.running -= 1
                raise
            if isinstance(awaited, Sleep):
                self.wake_after(awaited.duration, behavior)
                return
            if not isinstance(awaited, Exchange):  # its author hears of it at the line that awaits it
                value, error = None, TypeError(f"a behavior awaits sleep or an exchange with a server, not {awaited!r}")
                continue
            self.begin(awaited)
            outcome = self.outcome(awaited.requester)
            if outcome is None:
                self._waiting[awaited.requester] = behavior
                return
            value, error = (None, outcome) if isinstance(outcome, Exception) else (outcome, None)

    def settle(self, requester: Requester) -> None:
        """Resume the behaviour that waits for the exchange of *requester*, if that has ended."""
        if requester not in self._waiting:
            return
        outcome = self.outcome(requester)
        if outcome is None:
            return
        behavior = self._waiting.pop(requester)
        if isinstance(outcome, Exception):
            self.resume(behavior, error=outcome)
        else:
            self.resume(behavior, outcome)

    def begin(self, exchange: Exchange) -> None:
        """Send a request."""
        requester = exchange.requester
        self.transmit(requester, requester.begin(self.loop.now(), exchange.packet))

    def outcome(self, requester: Requester) -> ReplyPacket | Exception | None:
        """The outcome of the exchange, once; None while it is pending."""
        return requester.take()

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        """Resume *behavior* after *duration* microseconds of scenario time."""
        real = duration if self.speed == 1 else round(duration / self.speed)
        self._asleep.add(behavior)
        self.call_at(self.loop.now() + real, self._wake, behavior)

    def abandon(self) -> None:
        """End every behaviour that waits. Of its ``finally`` parts only what awaits nothing is carried out."""
        behaviors = [*self._asleep, *self._waiting.values()]
        self._asleep.clear()
        self._waiting.clear()
        for behavior in behaviors:
            for _ in range(MOST_FINALLY):
                try:
                    behavior.throw(Abandoned)
                except BaseException:  # it has ended, by what was thrown or by a mistake of its own
                    break

    def wake_all(self) -> None:
        """End every sleep now."""
        for behavior in list(self._asleep):
            self._wake(behavior)

    def call_at(self, when: int, call: Callable[..., None], *arguments: Any) -> None:
        """Schedule a call on this machine."""
        self.loop.call_at(when, call, *arguments)

    # Links

    def transmit(self, requester: Requester, packets: list[bytes]) -> None:
        """Send the *packets* of *requester*, and schedule its deadline."""
        link: SendingLink | None = self.links.get(requester)
        if link is None:
            return
        for data in packets:
            link.send(data)
        if requester.deadline is not None and requester not in self._armed:
            self._armed.add(requester)
            self.call_at(requester.deadline, self._expire, requester)

    def received(self, link: SendingLink, data: bytes) -> None:
        """Bytes have arrived from the server."""
        requester = link.requester
        if requester in self.links:
            for answer in requester.receive(self.loop.now(), data):
                link.send(answer)
            if requester in self._waiting:
                self.settle(requester)

    def disconnected(self, link: SendingLink) -> None:
        """The server has closed the stream of *link*."""
        if self.links.pop(link.requester, None) is not None:
            link.drop()
            link.requester.closed(self.loop.now())
            self.settle(link.requester)

    def _wake(self, behavior: Behavior) -> None:
        if behavior in self._asleep:  # otherwise it was woken before
            self._asleep.remove(behavior)
            self.resume(behavior)

    def _expire(self, requester: Requester) -> None:
        self._armed.discard(requester)
        if requester.deadline is not None:
            self.transmit(requester, requester.expire(self.loop.now()))
            self.settle(requester)
