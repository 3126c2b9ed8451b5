"""A line of the table: what was measured, against what, and whether that is enough."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class Row:
    """The numbers of all rounds. *how* makes a number of each pair; *at_most*: less is better."""

    row: int
    what: str
    connections: int
    unit: str
    target: float
    how: Literal["ratio", "difference", "ours"] = "ratio"
    at_most: bool = False
    note: str = ""
    resent: int = 0  # requests of which the answer was lost
    ours: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)  # the C echo server, where there is one

    def results(self) -> list[float]:
        """What is compared with the target, of every round."""
        if self.how == "ours":
            return self.ours
        pairs = zip(self.ours, self.baseline, strict=True)
        return [mine / other if self.how == "ratio" else mine - other for mine, other in pairs]

    @property
    def median(self) -> float:
        return statistics.median(self.results())

    @property
    def reached(self) -> bool:
        return self.median <= self.target if self.at_most else self.median >= self.target

    def text(self) -> str:
        """The line as the table has it; HEAD stands above."""
        results = self.results()
        sides = (self.ours, self.baseline, self.beside)
        columns = [_number(statistics.median(side)) if side else "" for side in sides]
        told = f"{self.row}  {self.what:33}{self.connections:>7,}  {self.unit:15}"
        told += "".join(f"{column:>11}" for column in columns)
        told += f"{_number(self.median):>11}  {f'{_number(min(results))} to {_number(max(results))}':23}"
        told += f"{'≤' if self.at_most else '≥'} {self.target:<10,}{'reached' if self.reached else 'not reached'}"
        notes = [self.note] * bool(self.note) + [f"{self.resent:,} requests sent again"] * bool(self.resent)
        return "   ".join([told, *notes])

    def json(self) -> dict[str, Any]:
        """Everything, for a program."""
        results = self.results()
        return {
            "row": self.row,
            "what": self.what,
            "connections": self.connections,
            "unit": self.unit,
            "ours": statistics.median(self.ours),
            "baseline": statistics.median(self.baseline) if self.baseline else None,
            "c": statistics.median(self.beside) if self.beside else None,
            "result": self.how,
            "ratio": {"median": self.median, "min": min(results), "max": max(results)},
            "target": self.target,
            "at_most": self.at_most,
            "reached": self.reached,
            "measured": {"ours": self.ours, "baseline": self.baseline, "c": self.beside},
            "resent": self.resent,
            "note": self.note,
        }


HEAD = (
    f"{'':36}{'conns':>7}  {'':15}{'ours':>11}{'baseline':>11}{'C echo':>11}{'ratio':>11}  {'spread':23}{'target':14}"
)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
