"""The links of an edge while faults affect them: packets are under way, lost, held or doubled.

Rules of this file:

* Times of packets are real time: the link is not the server's.
* All that happens on a link passes here in its order: bytes, the end of a stream, and its close by the server.
* What a stream holds is bounded: an edge reads no more from a station for which HELD bytes are under way, and to it the
  queue is full. Of datagrams at most DATAGRAMS are under way; further ones are lost, as with Linux's netem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fakenw.core.peer import Peer
from fakenw.faults.link_conditions import LinkConditions
from fakenw.faults.transit import Transit
from fakenw.journal.record import SECOND

HELD = 64 * 1024  # bytes of a stream, in either direction
DATAGRAMS = 10_000


class FaultyLink:
    """*over* is called when no fault affects the links and nothing is under way. *bound* is called with a peer, whether
    it is about what the peer *sent*, and whether too much of that is under way.
    """

    def __init__(
        self,
        conditions: LinkConditions,
        reactor: IReactorTime,
        bound: Callable[[Peer, bool, bool], None],
        over: Callable[[], None],
    ) -> None:
        self._conditions, self._reactor, self._bound, self._over = conditions, reactor, bound, over
        self._transit = Transit()
        self._timer: IDelayedCall | None = None
        self._due = 0  # when it rings
        self._bytes: Counter[tuple[Peer, bool]] = Counter()  # of streams
        self._stopped = False
        self.held = 0  # packets of streams that a silence holds, or that are under way
        self.datagrams = 0

    def is_full(self, peer: Peer, *, sent: bool) -> bool:
        """Whether too much is under way from a peer, or to it."""
        return self._bytes[peer, sent] > HELD

    def carry(self, peer: Peer, sent: bool, size: int, arrive: Callable[..., None], *arguments: Any) -> None:
        """Call *arrive* when a packet that *peer* sent, or one for it, has come: never, once, or twice."""
        _Passage(self, peer, sent, size, lambda: arrive(*arguments)).begin(self._conditions)
        self.look()

    def pass_on(self, passage: _Passage, late: int, *, in_order: bool) -> None:
        """A packet is under way, or there."""
        if self._stopped or not self._admits(passage):
            return
        if passage.begun:  # a silence has ended: its packets do not come within whatever has ended it
            self._transit.hurry(self._now(), passage.way, passage.there)
        elif self._transit.send(self._now(), late, passage.way, passage.there, in_order=in_order):
            passage.there()
            return
        self._arm()

    def _admits(self, passage: _Passage) -> bool:
        if passage.stream:
            return True
        if self.datagrams >= DATAGRAMS:
            return False
        self.datagrams += 1
        return True

    def look(self) -> None:
        """Notice that all is over."""
        if self._conditions.calm and not self._transit and not self.held:
            self._over()

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transit = Transit()

    def add(self, peer: Peer, sent: bool, size: int) -> None:
        """So many more bytes of a stream are under way."""
        was = self.is_full(peer, sent=sent)
        self._bytes[peer, sent] += size
        if not self._bytes[peer, sent]:
            del self._bytes[peer, sent]
        full = self.is_full(peer, sent=sent)
        if full is not was:
            self._bound(peer, sent, full)

    def _now(self) -> int:
        return round(self._reactor.seconds() * SECOND)

    def _arm(self) -> None:
        due = self._transit.next()
        if due is None or (self._timer is not None and due >= self._due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._reactor.callLater(max(0.0, due / SECOND - self._reactor.seconds()), self._rings)

    def _rings(self) -> None:
        self._timer = None
        self._transit.arrive(self._now())
        self._arm()
        self.look()


class _Passage:
    """A packet on its way through *link*. ``begun``: it was taken over, and was not there at once."""

    def __init__(self, link: FaultyLink, peer: Peer, sent: bool, size: int, arrive: Callable[[], None]) -> None:
        self.way, self.stream, self.begun = (peer, sent), peer.transport.lossless, False
        self._link, self._size, self._arrive, self._is_there = link, size, arrive, False

    def begin(self, conditions: LinkConditions) -> None:
        peer, sent = self.way
        conditions.carry(
            lambda late, in_order: self._link.pass_on(self, late, in_order=in_order),
            sent=sent,
            stream=self.stream,
            station=str(peer),
        )
        self.begun = True
        if self.stream and not self._is_there:
            self._link.held += 1
            self._link.add(*self.way, self._size)

    def there(self) -> None:
        self._is_there = True
        if not self.stream:
            self._link.datagrams -= 1
        elif self.begun:
            self._link.held -= 1
            self._link.add(*self.way, -self._size)
        self._arrive()
