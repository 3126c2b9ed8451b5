"""Runs in memory whose outcome the judge must find: the catalogue, and days of a server under every policy.

``python -m tests.trust.probe RUN…`` prints ``told RUN: …`` for each run that is judged otherwise than expected. Names:
``Q257223/as-shipped`` (a run of the catalogue; with ``/tcp`` over TCP), ``day/nls`` (a journal of
tests/harness/judge/lived_journals.py), ``client/tries`` (of client_runs.py), ``Q257223`` and ``day`` for all of these,
none for all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

from fakenw.journal.record import SECOND, Journal
from harness.judge.audit import books_balance
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.runners import memory
from harness.scenario.catalogue import catalogue
from harness.scenario.plan import Plan
from tests.fakenw.stage import POLICIES, Stage
from tests.harness.judge.lived_journals import DAY, busy_day, held_at_the_end, over, reset_and_expired
from tests.trust import client_runs, server_runs
from tests.trust.server_days import Unchecked


def of_run(plan: Plan) -> str | None:
    """What the judge tells of a run that should not be so."""
    verdict = judge(RunHistory.of(memory.run(plan)))
    if verdict.ok and verdict.expected == plan.expect:
        return None
    if verdict.verdict == plan.expect:
        return "; ".join(verdict.failed) or "a check that should fail does not, or a client is unproven"
    evidence = str(verdict.problems[0]) if verdict.problems else verdict.reason
    return f"{verdict.verdict} instead of {plan.expect}: {evidence}"


def of_day(day: Callable[[Stage], Journal], policy: str) -> str | None:
    """What the audit tells of the journal of a day."""
    keep = 30 * DAY * SECOND if day is reset_and_expired else 0
    users = (("JOE", "SECRET"), ("ANN", ""), ("BOB", ""))
    stage = Unchecked(policy, licenses=4 if policy == "ual" else 3, keep_cleared=keep, users=users)
    try:
        journal = day(stage)
    except AssertionError:  # a client of the day met something else: this is for tests to find, not for the judge
        journal = over(stage)
    problems = books_balance(journal)
    return str(problems[0]) if problems else None


def busy(stage: Stage) -> Journal:
    busy_day(stage)
    return over(stage)


def runs() -> Iterator[tuple[str, Callable[[], str | None]]]:
    """Every run: its name, and the judge's words where it is not judged as expected."""
    for policy in POLICIES:
        yield f"day/{policy}", partial(of_day, busy, policy)
        yield f"held/{policy}", partial(of_day, held_at_the_end, policy)
        yield f"reset/{policy}", partial(of_day, reset_and_expired, policy)
    yield from server_runs.runs()
    for name, plan in (*server_runs.plans(), *client_runs.plans()):
        yield name, partial(of_run, plan)
    for scenario in catalogue():
        for plan in scenario.plans(seed=1):
            yield f"{plan.scenario}/{plan.variant}", partial(of_run, plan)
        for plan in scenario.plans("tcp", seed=1):
            yield f"{plan.scenario}/{plan.variant}/tcp", partial(of_run, plan)


def main(wanted: list[str]) -> None:
    unknown = set(wanted)
    for name, told in runs():
        chosen = {w for w in wanted if w == name or name.startswith(f"{w}/")}
        unknown -= chosen
        if chosen or not wanted:
            text = told()
            if text:
                print(f"told {name}: {' '.join(text.split())}", flush=True)
    if unknown:
        sys.exit(f"there is no run {', '.join(sorted(unknown))}")


if __name__ == "__main__":
    main(sys.argv[1:])
