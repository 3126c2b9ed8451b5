"""The explorations of a command: their batches, and what they found."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.explore.counterexample import Counterexample, counterexample
from harness.explore.schedule import Schedule
from harness.explore.subject import Subject
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.text import Result
from harness.runners import memory
from harness.scenario.plan import Plan

BATCH = 50  # schedules


@dataclass(frozen=True, slots=True)
class Batch:
    """*size* schedules of a *plan*, with faults of these *kinds*; *wanted* is a verdict that is asked for.

    *of* tells the explorations of a command apart, *number* the batches of one with one *seed*.
    """

    of: int
    plan: Plan
    kinds: tuple[str, ...]
    wanted: str | None
    seed: int
    number: int
    size: int


@dataclass(slots=True)
class BatchResult:
    """*verdicts* are those of the schedules up to a counterexample; *smaller* counts those to make it smaller."""

    of: int
    verdicts: Counter[str] = field(default_factory=Counter)
    smaller: int = 0
    found: Schedule | None = None


@dataclass(slots=True)
class Exploration:
    """What was tried of a *plan*, and the counterexample that was *found*.

    *strangers* are those of its scenario. *verdicts* counts the schedules that were tried, *smaller* those that were to
    make the counterexample smaller.
    """

    plan: Plan
    strangers: Sequence[str] = ()
    verdicts: Counter[str] = field(default_factory=Counter)
    smaller: int = 0
    found: Plan | None = None

    @property
    def name(self) -> str:
        return f"{self.plan.scenario} {self.plan.variant}"

    @property
    def tried(self) -> int:
        return self.verdicts.total()

    def take(self, result: BatchResult) -> None:
        """Add the result of the next batch. Those after a counterexample do not count."""
        if self.found is None:
            self.verdicts += result.verdicts
            self.smaller = result.smaller
            self.found = None if result.found is None else Subject(self.plan).under(result.found)


def batches(
    explorations: Sequence[Exploration], kinds: Sequence[str], wanted: str | None, seed: int, runs: int | None
) -> Iterator[Batch]:
    """In turn a batch of each exploration that has found nothing, up to that many *runs* of each, or without end."""
    for number in itertools.count():
        size = BATCH if runs is None else min(BATCH, runs - number * BATCH)
        if size <= 0 or all(one.found for one in explorations):
            return
        for of, one in enumerate(explorations):
            if one.found is None:
                yield Batch(of, one.plan, tuple(kinds), wanted, seed, number, size)


def run(plan: Plan, wanted: str | None) -> tuple[Result, Counterexample | None]:
    """One run of *plan*, and what makes it a counterexample."""
    history = RunHistory.of(memory.run(plan))
    verdict = judge(history)
    return Result(history, verdict), counterexample(plan, history, verdict, wanted)
