"""A load as JUnit cases: whether its numbers can be believed, and whether each condition of --fail-if is true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.load.outcome import Condition, Outcome
from harness.report.junit import JUnitCase


def cases(outcomes: Sequence[Outcome], conditions: Sequence[Condition], title: str) -> Iterator[JUnitCase]:
    """A case for each load, then one for each condition; *title* says what the load is."""
    for outcome in outcomes:
        doubts = [*outcome.doubts(), *([] if outcome.whole else ["the load was stopped before its end"])]
        problem = ("error", "unknown", doubts[0], "\n".join(doubts)) if doubts else ()
        yield JUnitCase("harness.load", title, *problem)
    for condition in conditions:
        numbers = "\n".join(f"{name}: {value:g}" for name, value in outcomes[0].numbers().items())
        problem = ("failure", "fail-if", condition.text, numbers) if condition.holds(outcomes[0]) else ()
        yield JUnitCase("harness.load", condition.text, *problem)
