"""The search for a counterexample among schedules, by Hypothesis, which also makes it smaller.

Rules of this file:

* Batches are independent: the same batch has the same result in any process, and a pool may take them in any order.
* All choices are single bits. Of integers and floats Hypothesis takes some from the source of whatever modules are
  imported, which differs between processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import hypothesis
from hypothesis import strategies
from hypothesis.errors import NoSuchExample

from harness.explore.counterexample import counterexample
from harness.explore.exploration import Batch, BatchResult
from harness.explore.schedule import LENGTHS, MILLISECOND, Disturbance, Jitter, Schedule, strengths
from harness.explore.subject import Subject
from harness.judge.history import RunHistory
from harness.judge.verdict import judge

SHRINKS = 1000  # runs that may be spent on making a counterexample smaller
FEWER = 150  # schedules that are tried with fewer disturbances
MOST_WAITS, MOST_DISTURBANCES = 3, 4
BETWEEN = 16  # how many times between one moment and the next may be hit
LONGEST_WAIT = 13  # bits of milliseconds: 8 seconds
_BIT = strategies.booleans()
Draw = Callable[[strategies.SearchStrategy[Any]], Any]


class Stopped(KeyboardInterrupt):
    """The search is stopped; of all exceptions Hypothesis lets those of this kind pass."""


class _Trials:
    """Called with a schedule: whether it is a counterexample. Keeps the count in *result*."""

    def __init__(self, batch: Batch, stopped: Callable[[], bool]) -> None:
        self.subject = Subject(batch.plan, stopped)
        self.result = BatchResult(batch.of)
        self._wanted, self._stopped = batch.wanted, stopped
        self._known: dict[Schedule, bool] = {}

    def __call__(self, schedule: Schedule) -> bool:
        if schedule not in self._known:
            self._known[schedule] = self._is_counterexample(schedule)
        return self._known[schedule]

    def _is_counterexample(self, schedule: Schedule) -> bool:
        result = self.result
        if result.smaller >= SHRINKS:
            return False
        try:
            plan = self.subject.under(schedule)
        except ValueError:
            return False
        run = RunHistory.of(self.subject.run(plan))
        if self._stopped():
            raise Stopped
        verdict = judge(run)
        is_one = counterexample(plan, run, verdict, self._wanted) is not None
        if result.found is None:
            result.verdicts[verdict.verdict] += 1
        else:
            result.smaller += 1
        if is_one:
            result.found = schedule
        return is_one


def search(batch: Batch, stopped: Callable[[], bool] = lambda: False) -> BatchResult:
    """Try the schedules of *batch*, until *stopped*, and make the first counterexample smaller.

    A fault that shifts what comes later cannot be left out alone: so fewer faults of the same kinds are tried anew.
    """
    trials = _Trials(batch, stopped)
    random = Random(f"{batch.seed}/{batch.plan.scenario}/{batch.plan.variant}/{batch.number}")
    with suppress(Stopped):  # what was found until then is in the result
        found = _find(trials, batch.kinds, MOST_DISTURBANCES, batch.size, random)
        for fewer in range(1, len(found.disturbances) if found else 0):
            assert found is not None
            kinds = tuple(dict.fromkeys(one.kind for one in found.disturbances))
            if simpler := _find(trials, kinds, fewer, FEWER, random):
                found = simpler
                break
        trials.result.found = found
    return trials.result


def _find(trials: _Trials, kinds: Sequence[str], disturbances: int, examples: int, random: Random) -> Schedule | None:
    """The smallest counterexample that is found among so many schedules, each with at most that many disturbances."""
    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
    )
    schedules = _schedules(trials.subject, kinds, disturbances)
    try:
        return hypothesis.find(schedules, trials, settings=settings, random=random)
    except NoSuchExample:
        return None


def _schedules(subject: Subject, kinds: Sequence[str], most: int) -> strategies.SearchStrategy[Schedule]:
    machines = {kind: _machines(subject, kind) for kind in kinds}

    # All waits together are no longer than a fifth of the time for a release: they alone make no client late.
    longest = max(0, min(LONGEST_WAIT, (subject.plan.within // MILLISECOND // 16).bit_length() - 1))

    @strategies.composite
    def wait(draw: Draw) -> tuple[int, int]:
        return _below(draw, subject.places), (1 + _below(draw, 1 << _below(draw, longest + 1))) * MILLISECOND

    @strategies.composite
    def disturbance(draw: Draw, moments: Sequence[int]) -> Disturbance:
        kind = kinds[_below(draw, len(kinds))]
        machine = machines[kind][_below(draw, len(machines[kind]))]
        n = _below(draw, len(moments) - 1)
        begins = moments[n] + (moments[n + 1] - moments[n]) * _below(draw, BETWEEN) // BETWEEN
        lasts = LENGTHS[_below(draw, len(LENGTHS))]
        return Disturbance(kind, machine, begins, lasts, _below(draw, strengths(kind)))

    @strategies.composite
    def schedule(draw: Draw) -> Schedule:
        seed = _below(draw, 256) if draw(_BIT) else 0
        waits = draw(strategies.lists(wait(), max_size=MOST_WAITS)) if draw(_BIT) else []
        jitter = Jitter(seed, tuple(waits))
        moments = subject.rehearse(jitter).moments
        return Schedule(jitter, tuple(draw(strategies.lists(disturbance(moments), max_size=most))))

    return schedule()


def _machines(subject: Subject, kind: str) -> list[str]:
    """The machines that may have such a fault."""
    if kind == "server-down":
        return subject.servers
    return [*subject.clients, *subject.servers] if kind == "freeze" else subject.clients


def _below(draw: Draw, count: int) -> int:
    """A number from 0 to below *count*; fewer bits that are set make a smaller one."""
    bits = (count - 1).bit_length()
    number = 0
    for _ in range(bits):
        number = 2 * number + draw(_BIT)
    return number * count >> bits
