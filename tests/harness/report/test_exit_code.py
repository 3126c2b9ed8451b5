"""The exit code of several runs."""

from __future__ import annotations

import pytest

from harness.judge.verdict import judge
from harness.report.text import Result, exit_code, last_line
from tests.harness.handmade_journals import RunnerBook, held_once, put_together, scripted


def result(what: str) -> Result:
    """A run that is as expected, has leaked, or cannot be told."""
    book = held_once(until=None if what == "leaked" else 10)
    if what == "unknown":
        book.drop("release")
    run = put_together(book, scripted(needed=5), RunnerBook(variant=what))
    return Result(run, judge(run))


@pytest.mark.parametrize(
    ("runs", "code", "line"),
    [
        (["good"], 0, "exit 0: every verdict is the expected one (1 run)"),
        (["good", "unknown"], 3, "exit 3: could not be told: Q257223 unknown"),
        (["unknown", "leaked", "good"], 1, "exit 1: not as expected: Q257223 leaked"),
    ],
)
def test_a_wrong_verdict_goes_before_one_that_cannot_be_told(runs: list[str], code: int, line: str) -> None:
    results = [result(what) for what in runs]
    assert (exit_code(results), last_line(results)) == (code, line)
