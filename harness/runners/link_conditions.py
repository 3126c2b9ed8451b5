"""The cable between a machine and the network: what gets through, when, and how often.

Rules of this file:

* A cable knows no protocol. It tells streams, which lose nothing and keep their order, from datagrams.
* Everything random comes from the generator that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from fakenw.journal.record import SECOND

REPEATED_AFTER = SECOND // 5  # how soon a stream first repeats what got lost (Linux: TCP_RTO_MIN); then twice as long
OVERTAKEN = SECOND // 20  # a datagram that is overtaken comes so much later, at most
AGAIN = (SECOND // 500, SECOND // 100)  # a datagram that comes twice: how soon after the first

Deliver = Callable[[int, bool], None]
"""Called with the microseconds that it takes longer than usual, and whether it stays behind earlier ones."""


class LinkConditions:
    """One machine's way to everybody else. ``calm``: nothing is the matter with it, and it need not be asked."""

    WORDS = ("cut", "heal", "delay", "loss", "drop", "duplicate", "reorder")  # of harness.scenario.faults

    def __init__(self, random: Random) -> None:
        self.calm = True
        self._random = random
        self._cut = False
        self._waiting: list[Deliver] = []
        self._delay = 0  # microseconds
        self._loss = self._duplicate = self._reorder = 0.0  # shares from 0 to 1
        self._drop: dict[str, int] = {}  # how many more, by their way

    def apply(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Let a fault come over the cable."""
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
            case "drop":
                self._drop[arguments["way"]] = arguments["packets"]
            case "duplicate":
                self._duplicate = arguments["percent"] / 100
            case "reorder":
                self._reorder = arguments["percent"] / 100
        self._look()

    def carry(self, deliver: Deliver, *, sent: bool, stream: bool) -> None:
        """Have *deliver* called: now, later, twice, or never.

        All but a cut and a drop befall what the machine has *sent*, as with ``tc`` on its interface. What streams have
        kept repeating while the cable was cut passes when it heals.
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
                self._look()
                return True
        return bool(sent and self._loss and self._random.random() < self._loss)

    def _look(self) -> None:
        self._drop = {way: left for way, left in self._drop.items() if left}
        self.calm = not (self._cut or self._delay or self._loss or self._duplicate or self._reorder or self._drop)
