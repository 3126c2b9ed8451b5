"""The link of a client machine: the faults of a scenario, on the conditions of ``fakenw.faults``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from fakenw.faults.delay import DelayFault
from fakenw.faults.drop import DropFault
from fakenw.faults.duplicate import DuplicateFault
from fakenw.faults.link_conditions import LinkConditions
from fakenw.faults.loss import LossFault
from fakenw.faults.reorder import ReorderFault
from fakenw.faults.silence import SilenceFault
from fakenw.faults.trip import LinkFault

_FAULTS: Mapping[str, Callable[[Mapping[str, Any]], LinkFault]] = {  # by the verb of harness.scenario.faults
    "cut": lambda given: SilenceFault("both"),
    "delay": lambda given: DelayFault(given["by"]),
    "loss": lambda given: LossFault(given["percent"], given.get("way", "out")),
    "drop": lambda given: DropFault(given["packets"], given["way"]),
    "duplicate": lambda given: DuplicateFault(given["percent"]),
    "reorder": lambda given: ReorderFault(given["percent"]),
}


class MachineLink(LinkConditions):
    """A fault of a scenario lasts until the next one of the same verb: ``delay`` by 0 ends a ``delay``."""

    VERBS = (*_FAULTS, "heal")

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._present: dict[object, LinkFault] = {}

    def apply(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Set a fault of a scenario, in place of an earlier one."""
        place = (verb, arguments["way"]) if verb == "drop" else "cut" if verb == "heal" else verb
        earlier = self._present.pop(place, None)
        number = next((arguments[name] for name in ("by", "percent", "packets") if name in arguments), 1)
        if verb != "heal" and number:
            self._present[place] = fault = _FAULTS[verb](arguments)
            self.add(fault)
        if earlier is not None:
            self.remove(earlier)
