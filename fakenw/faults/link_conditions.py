"""The conditions of the links between stations and a network: which packets arrive, when, and how often.

Rules of this file:

* A link knows no protocol, only that streams lose nothing and keep their order, and datagrams do not.
* All randomness comes from the generator that is passed in. Faults affect a packet in one order, whenever they began.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fakenw.faults.concerned import concerns
from fakenw.faults.delay import DelayFault
from fakenw.faults.drop import DropFault
from fakenw.faults.duplicate import DuplicateFault
from fakenw.faults.loss import LossFault
from fakenw.faults.reorder import ReorderFault
from fakenw.faults.silence import SilenceFault
from fakenw.faults.trip import LinkFault, Trip

ORDER = (SilenceFault, DropFault, LossFault, DelayFault, ReorderFault, DuplicateFault)

Deliver = Callable[[int, bool], None]
"""Called with the extra microseconds of a packet, and whether it stays behind earlier packets."""


class LinkConditions:
    """``calm``: no fault affects a link, and ``carry`` need not be called."""

    def __init__(self, random: Random) -> None:
        self.calm = True
        self._random = random
        self._faults: list[tuple[LinkFault, str | None]] = []
        self._held: list[tuple[Deliver, bool, str]] = []  # of streams: whether the station sent it, and the station

    def add(self, fault: LinkFault, station: str | None = None) -> None:
        """Let *fault* affect the link of *station*, or all links."""
        self._faults.append((fault, station))
        self._faults.sort(key=lambda entry: ORDER.index(type(entry[0])))
        self.calm = False

    def remove(self, fault: LinkFault) -> None:
        """End *fault*. What a stream sent in a silence arrives now."""
        self._faults = [entry for entry in self._faults if entry[0] is not fault]
        self.calm = not self._faults
        held, self._held = self._held, []
        for deliver, sent, station in held:
            if self._trip(sent, True, station, only=SilenceFault).held:
                self._held.append((deliver, sent, station))
            else:
                deliver(0, True)

    def carry(self, deliver: Deliver, *, sent: bool, stream: bool, station: str = "") -> None:
        """Call *deliver* for a packet that the station has *sent*, or one for it: now, later, twice, or never."""
        trip = self._trip(sent, stream, station)
        if trip.held:
            if stream:
                self._held.append((deliver, sent, station))
            return
        if trip.lost:
            return
        deliver(trip.late + (trip.astray or 0), trip.astray is None)
        if trip.again is not None:
            deliver(trip.late + trip.again, False)

    def _trip(self, sent: bool, stream: bool, station: str, only: type[LinkFault] | None = None) -> Trip:
        trip = Trip(sent, stream, self._random)
        for fault, pattern in self._faults:
            if concerns(pattern, station) and (only is None or isinstance(fault, only)):
                fault.affect(trip)
                if trip.held or trip.lost:
                    break
        if only is None and any(fault.spent for fault, _ in self._faults):
            self._faults = [entry for entry in self._faults if not entry[0].spent]
            self.calm = not self._faults
        return trip
