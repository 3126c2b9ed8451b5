"""Slopes of figures over time, and whether they are beyond their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean, linear_regression

LEAST = 5  # samples, of which a slope can be told


@dataclass(frozen=True)
class Bound:
    """The largest growth: in a unit of time, and *noise* in all, below which a short time tells nothing."""

    most: float
    noise: float


@dataclass
class Series:
    """Figures by name, each with its values over time."""

    bounds: Mapping[str, Bound]
    times: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, time: float, figures: Mapping[str, float]) -> None:
        self.times.append(time)
        for name, value in figures.items():
            self.values.setdefault(name, []).append(value)

    def slope(self, name: str) -> float:
        """By least squares, in the figure's own unit per unit of time."""
        return linear_regression(self.times, self.values[name]).slope

    def findings(self) -> list[str]:
        """A sentence for every figure that grows beyond its bound."""
        if len(self.times) < LEAST:
            return [f"{len(self.times)} samples: too few for a slope"]
        found = []
        for name, bound in self.bounds.items():
            slope = self.slope(name)
            if slope > bound.most and slope * (self.times[-1] - self.times[0]) > bound.noise:
                found.append(f"{name}: the slope is {slope:.4g}; expected no more than {bound.most:.4g}")
        return found

    def table(self, unit: str) -> list[str]:
        """A line for each figure: its first, mean and last value, its slope and its bound."""
        lines = [f"{'':28}{'first':>12}{'mean':>12}{'last':>12}{'slope/' + unit:>16}{'bound':>12}"]
        if len(self.times) < LEAST:
            return lines
        for name, values in self.values.items():
            numbers = (values[0], fmean(values), values[-1])
            bound = f"{self.bounds[name].most:12,.1f}" if name in self.bounds else f"{'none':>12}"
            lines.append(f"{name:28}{''.join(f'{n:12,.1f}' for n in numbers)}{self.slope(name):16,.2f}{bound}")
        return lines
