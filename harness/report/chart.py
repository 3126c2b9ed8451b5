"""A chart's scales, ticks and steps, for its template: scales round to a tenth, steps to whole units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from *low* to *high* stand from *start* to *end*, in units of the chart; others at the nearer end."""

    low: float
    high: float
    start: int
    end: int

    def __call__(self, value: float) -> float:
        part = (min(max(value, self.low), self.high) - self.low) / max(self.high - self.low, 1)
        return round(self.start + (self.end - self.start) * part, 1)


def ticks(x: Scale, step: int, label: Callable[[int], str]) -> list[tuple[float, str]]:
    """Where every *step* from 0 on stands, and its label."""
    return [(x(value), label(value)) for value in range(0, int(x.high) + 1, step)]


def steps(points: Iterable[tuple[float, float]], x: Scale, y: Scale) -> str:
    """A path's steps through the points; of many at one place only the highest, the lowest and the last."""
    places: dict[int, list[float]] = {}
    for at, value in points:
        places.setdefault(round(x(at)), []).append(value)
    drawn = []
    for place, values in places.items():
        heights = [max(values), min(values), values[-1]] if values[1:] else values
        drawn.append(f"H{place}" + "".join(f"V{y(value):g}" for value in heights))
    return "".join(drawn)
