"""A schedule: what differs from the plan as it stands, in the words of a scenario file.

Rules of this file:

* The jitter of the network and the order of clients that start at once come from the seed of the run; the jitter of
  steps is waits in the scripts, too short to make a client late.
* A disturbance is a fault at an exact time, and the end of that fault.
* Smaller numbers are simpler: a search shrinks towards them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fakenw.journal.record import SECOND
from harness.scenario.faults import FAULTS, Fault
from harness.scenario.settings import ClientSpec
from harness.scenario.steps import Repeat, Script, Wait

MILLISECOND = SECOND // 1000
# Of these the fourth outlasts a requester's tries (60 s), and the sixth the watchdog (15 minutes).
LENGTHS = tuple(round(seconds * SECOND) for seconds in (0.1, 1, 10, 70, 600, 1800, 7200))
# Of 20 tries none gets through once in 10^9 requests, where a fifth is lost in each direction.
MOST_LOSS, LONGEST_DELAY = 20.0, 2 * SECOND
FOREVER = 1 << 62
FASTEST_BOOT = 10 * SECOND  # no packet from before a restart is still on its way then
_BY_VERB: Mapping[str, Any] = {fault.verb: fault for fault in FAULTS}
_ENDS = {"cut": "heal", "freeze": "thaw", "server-down": "server-up"}
_STRENGTHS: Mapping[str, tuple[str, tuple[Any, ...], Any]] = {  # field, values, and the value that ends the fault
    "loss": ("percent", (5.0, 10.0, 15.0, MOST_LOSS), 0.0),
    "duplicate": ("percent", (20.0, 100.0), 0.0),
    "reorder": ("percent", (20.0, 100.0), 0.0),
    "delay": ("by", (5 * MILLISECOND, 50 * MILLISECOND, 500 * MILLISECOND, LONGEST_DELAY), 0),
    "restart": ("address", ("same", "new"), None),
}
KINDS = ("cut", "freeze", "restart", "power-off", "loss", "duplicate", "reorder", "delay", "server-down")

TimedFault = tuple[int, Fault]
"""A fault and its time, in microseconds from the start of the clients."""


def strengths(kind: str) -> int:
    """The number of strengths of faults of one kind."""
    return len(_STRENGTHS[kind][1]) if kind in _STRENGTHS else 1


def fault(verb: str, machine: str, **arguments: Any) -> Fault:
    """The fault of a scenario; durations in microseconds."""
    kind = _BY_VERB[verb]
    made: Fault = kind.model_construct(**{kind.whose: machine, **arguments})
    return made


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A fault of one *kind* on one *machine*: when it begins, how long it lasts (microseconds), how strong it is."""

    kind: str
    machine: str
    begins: int
    lasts: int
    strength: int

    def off(self) -> tuple[int, int] | None:
        """From when until when it leaves the machine switched off."""
        if self.kind not in ("power-off", "restart"):
            return None
        return self.begins, FOREVER if self.kind == "power-off" else self.begins + max(self.lasts, FASTEST_BOOT)

    def faults(self) -> Iterator[TimedFault]:
        """Its beginning, and its end where there is one."""
        name, values, calm = _STRENGTHS.get(self.kind, ("", (None,), None))
        more = {"way": "both"} if self.kind == "loss" else {}
        given = {**more, **({name: values[self.strength]} if name else {})}
        if self.kind == "restart":
            yield self.begins, fault("power-off", self.machine)
            yield self.begins + max(self.lasts, FASTEST_BOOT), fault("restart", self.machine, **given)
            return
        yield self.begins, fault(self.kind, self.machine, **given)
        if self.kind in _ENDS:
            yield self.begins + self.lasts, fault(_ENDS[self.kind], self.machine)
        elif calm is not None:
            yield self.begins + self.lasts, fault(self.kind, self.machine, **{**more, name: calm})


@dataclass(frozen=True, slots=True)
class Jitter:
    """*seed* is added to that of the plan; *waits* are (place among all steps of all scripts, microseconds)."""

    seed: int = 0
    waits: tuple[tuple[int, int], ...] = ()

    def clients(self, clients: tuple[ClientSpec, ...]) -> tuple[ClientSpec, ...]:
        """The clients with these waits before their steps."""
        if not self.waits:
            return clients
        waits: dict[int, int] = {}
        for place, wait in self.waits:
            waits[place] = waits.get(place, 0) + wait
        places = iter(range(places_of(clients)))
        return tuple(
            client.model_copy(update={"script": _jittered(client.script or (), waits, places)}) for client in clients
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule of a plan."""

    jitter: Jitter
    disturbances: tuple[Disturbance, ...]

    def is_possible(self) -> bool:
        """Whether no machine is switched off that is off."""
        off = sorted((one.machine, *times) for one in self.disturbances if (times := one.off()))
        return all(a[0] != b[0] or a[2] < b[1] for a, b in itertools.pairwise(off))


def places_of(clients: tuple[ClientSpec, ...]) -> int:
    """The number of steps before which there may be a wait; the steps of a ``repeat`` count, too."""
    return sum(_steps(client.script or ()) for client in clients)


def _steps(script: Script) -> int:
    return sum(1 + (_steps(step.script) if isinstance(step, Repeat) else 0) for step in script)


def _jittered(script: Script, waits: Mapping[int, int], places: Iterator[int]) -> Script:
    made: list[Any] = []
    for step in script:
        if wait := waits.get(next(places), 0):
            made.append(Wait.model_construct(duration=wait))
        inside = (
            step.model_copy(update={"script": _jittered(step.script, waits, places)})
            if isinstance(step, Repeat)
            else step
        )
        made.append(inside)
    return tuple(made)


def in_order(faults: Iterator[TimedFault]) -> tuple[Fault, ...]:
    """Faults as a scenario has them, with waits between; those of the same time in the order given."""
    made: list[Any] = []
    before = 0
    for at, one in sorted(faults, key=lambda timed: timed[0]):
        if at > before:
            made.append(Wait.model_construct(duration=at - before))
        made.append(one)
        before = at
    return tuple(made)
