"""What ``harness load`` takes on its command line: shares, mixes, sweeps, conditions."""

from __future__ import annotations

import re
from typing import Any

import click

from harness.cli.parameters import DurationParam
from harness.load.outcome import Condition
from harness.load.specification import BEHAVIORS

ENOUGH = 65_000  # licenses: nobody is refused


class ShareParam(click.ParamType[float]):
    """``1%`` or ``0.01``."""

    name = "SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        return share if 0 <= share <= 1 else self.fail(f"{text!r} is not a share; expected 1% or 0.01", param, ctx)


class MixParam(click.ParamType[tuple[tuple[str, float], ...]]):
    """``session:9,reader:1``."""

    name = "NAME[:WEIGHT],…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = []
        for part in str(value).split(","):
            name, _, weight = part.partition(":")
            if name not in BEHAVIORS or not re.fullmatch(r"[0-9]*\.?[0-9]+", weight or "1") or not float(weight or 1):
                expected = ", ".join(f"{name} ({what})" for name, what in BEHAVIORS.items())
                self.fail(f"{part!r}; expected NAME or NAME:WEIGHT of {expected}", param, ctx)
            found.append((name, float(weight or 1)))
        return tuple(found)


class RefusedParam(click.ParamType[str]):
    """``give-up``, or ``retry:10s``."""

    name = "give-up|retry:TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        word, _, pause = str(value).partition(":")
        if (word == "retry" and DurationParam().convert(pause or "?", param, ctx)) or value == "give-up":
            return str(value)
        self.fail(f"{value!r}; expected give-up, or retry and how often, such as retry:10s", param, ctx)


class SweepParam(click.ParamType[range]):
    """``licenses=9000..13000:500``."""

    name = "licenses=FROM..TO:STEP"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> range:
        match = re.fullmatch(r"licenses=([0-9]{1,5})\.\.([0-9]{1,5}):([0-9]{1,5})", str(value))
        numbers = [int(group) for group in match.groups()] if match else []
        if not numbers or not 0 < numbers[0] <= numbers[1] <= ENOUGH or not numbers[2]:
            self.fail(f"{value!r}; expected licenses=FROM..TO:STEP, such as licenses=9000..13000:500", param, ctx)
        return range(numbers[0], numbers[1] + 1, numbers[2])


class ConditionParam(click.ParamType[Condition]):
    """A condition."""

    name = "CONDITION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Condition:
        try:
            return value if isinstance(value, Condition) else Condition(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)
