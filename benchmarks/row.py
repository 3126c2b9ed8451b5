"""A line of the table: what was measured in pairs, the interval of its result, and what that says about the aim.

Rules of this file:

* The result of a pair is computed from its two sides alone: what changes from one minute to the next is in both.
* The interval is where 95 of 100 medians lie that are drawn from the pairs again and again (bootstrap, percentiles).
* It tells whether the aim is reached, unless the aim is inside it. A machine on which what is measured waited for
  a processor for more than a tenth of the time was busy.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, NamedTuple

DRAWS = 2000
BUSY = 0.1  # waits for a processor, of the time in which a server could compute

How = Literal["speed", "growth", "difference", "ours"]


class Estimate(NamedTuple):
    """The median of some results, and the interval in which it lies."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{number(self.median)} [{number(self.low)} to {number(self.high)}]"


def estimate(results: Sequence[float]) -> Estimate:
    random = Random(0)
    medians = sorted(statistics.median(random.choices(results, k=len(results))) for _ in range(DRAWS))
    return Estimate(statistics.median(results), medians[DRAWS // 40], medians[-DRAWS // 40 - 1])


@dataclass
class Row:
    """The two sides of all pairs, in *unit*. *how* makes the result of a pair:

    *speed* is how many times as fast ours is, *growth* how many times as slow, *difference* how much more it takes,
    and *ours* has no other side.
    """

    row: int
    what: str
    connections: int
    unit: str
    target: float
    how: How = "speed"
    note: str = ""
    ours: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    in_c: list[float] = field(default_factory=list)  # the C echo server
    rates: list[float] = field(default_factory=list)  # ours to the baseline, in requests per second
    waited: float = 0.0  # the share in which servers waited for a processor, of the time in which they could compute
    resent: int = 0  # requests that were sent again

    def results(self) -> list[float]:
        if self.how == "ours":
            return self.ours
        pairs = zip(self.ours, self.baseline, strict=True)
        match self.how:
            case "speed":
                return [other / mine for mine, other in pairs]
            case "growth":
                return [mine / other for mine, other in pairs]
        return [mine - other for mine, other in pairs]

    @property
    def at_most(self) -> bool:
        return self.how in ("growth", "difference")

    @property
    def busy(self) -> bool:
        return self.waited > BUSY

    def verdict(self) -> str:
        """Whether the aim is reached."""
        found = estimate(self.results())
        if found.low < self.target < found.high:
            return "too busy to tell" if self.busy else "too close to tell"
        reached = found.high <= self.target if self.at_most else found.low >= self.target
        return "reached" if reached else "not reached"

    def text(self) -> str:
        """The line of the table, under HEAD."""
        sides = [number(statistics.median(side)) if side else "" for side in (self.ours, self.baseline, self.in_c)]
        line = f"{self.row}  {self.what:33}{self.connections:>7,}  {self.unit:15}"
        line += "".join(f"{side:>10}" for side in sides)
        aim = f"{'≤' if self.at_most else '≥'} {self.target:,}"
        line += f"   {estimate(self.results())!s:38}{aim:12}{self.verdict():18}"
        line += str(estimate(self.rates)) if self.rates else ""
        notes = [f"busy: {self.waited:.0%}"] * self.busy + [self.note] * bool(self.note)
        notes += [f"{self.resent:,} requests sent again"] * bool(self.resent)
        return "   ".join([line, *notes]).rstrip()

    def json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "what": self.what,
            "connections": self.connections,
            "unit": self.unit,
            "how": self.how,
            "ours": statistics.median(self.ours),
            "baseline": statistics.median(self.baseline) if self.baseline else None,
            "c": statistics.median(self.in_c) if self.in_c else None,
            "result": estimate(self.results())._asdict(),
            "rates": estimate(self.rates)._asdict() if self.rates else None,
            "target": self.target,
            "verdict": self.verdict(),
            "waited": self.waited,
            "measured": {"ours": self.ours, "baseline": self.baseline, "c": self.in_c, "rates": self.rates},
            "resent": self.resent,
            "note": self.note,
        }


HEAD = (
    f"{'':36}{'conns':>7}  {'unit':15}{'ours':>10}{'baseline':>10}{'C echo':>10}   "
    f"{'result':38}{'aim':12}{'':18}requests per second"
)


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
