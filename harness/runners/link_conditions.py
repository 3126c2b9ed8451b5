"""The conditions of the link between a machine and the network: which packets arrive, when, and how often.

Rules of this file:

* A link knows no protocol, only that streams lose nothing and keep their order, and datagrams do not.
* All randomness comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Any

from fakenw.journal.record import SECOND

REPEATED_AFTER = SECOND // 5  # a stream's first retransmission (Linux: TCP_RTO_MIN); each further one doubles it
OVERTAKEN = SECOND // 20  # the most that a reordered datagram is late
AGAIN = (SECOND // 500, SECOND // 100)  # the time between a datagram and its duplicate

WAYS = {"out": (True,), "in": (False,), "both": (True, False)}  # whether a packet was sent by the machine

Deliver = Callable[[int, bool], None]
"""Called with the extra microseconds of a packet, and whether it stays behind earlier packets."""


class LinkConditions:
    """One machine's link. ``calm``: no fault affects it, and ``carry`` need not be called."""

    VERBS = ("cut", "heal", "delay", "loss", "drop", "duplicate", "reorder")  # of harness.scenario.faults

    def __init__(self, random: Random) -> None:
        self.calm = True
        self._random = random
        self._cut = False
        self._waiting: list[Deliver] = []
        self._delay = 0  # microseconds
        self._loss = self._duplicate = self._reorder = 0.0  # shares from 0 to 1
        self._lossy: Collection[bool] = (True,)  # whether packets are lost that were sent, or that were not, or both
        self._drop: dict[str, int] = {}  # packets still to be dropped, by direction

    def apply(self, verb: str, arguments: Mapping[str, Any]) -> None:
        match verb:
            case "cut":
                self._cut = True
            case "heal":
                self._cut = False
                waiting, self._waiting = self._waiting, []
                for deliver in waiting:
                    deliver(0, True)
            case "delay":
                self._delay = arguments["by"]
            case "loss":
                self._loss = arguments["percent"] / 100
                self._lossy = WAYS[arguments.get("way", "out")]
            case "drop":
                self._drop[arguments["way"]] = arguments["packets"]
            case "duplicate":
                self._duplicate = arguments["percent"] / 100
            case "reorder":
                self._reorder = arguments["percent"] / 100
        self._update_calm()

    def carry(self, deliver: Deliver, *, sent: bool, stream: bool) -> None:
        """Call *deliver*: now, later, twice, or never.

        All but a cut, a drop and a loss that says so affect only packets that the machine has *sent*, as with ``tc`` on
        its interface. What streams retransmitted while the link was cut arrives when it heals.
        """
        if self._cut:
            if stream:
                self._waiting.append(deliver)
            return
        late, again = self._delay if sent else 0, REPEATED_AFTER
        while self._is_lost(sent):
            if not stream:
                return
            late, again = late + again, 2 * again
        if stream or not sent:
            deliver(late, True)
            return
        overtaken = self._reorder and self._random.random() < self._reorder
        deliver(late + self._random.randrange(OVERTAKEN) if overtaken else late, not overtaken)
        if self._duplicate and self._random.random() < self._duplicate:
            deliver(late + self._random.randrange(*AGAIN), False)

    def _is_lost(self, sent: bool) -> bool:
        for way in self._drop and ("out" if sent else "in", "both"):
            if self._drop.get(way):
                self._drop[way] -= 1
                self._update_calm()
                return True
        return bool(self._loss and sent in self._lossy and self._random.random() < self._loss)

    def _update_calm(self) -> None:
        self._drop = {way: packets for way, packets in self._drop.items() if packets}
        self.calm = not (self._cut or self._delay or self._loss or self._duplicate or self._reorder or self._drop)
