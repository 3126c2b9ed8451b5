"""Every run of the catalogue on memory: its verdict is as expected, and its journals are those of docs/journal.md.

The catalogue is run here, and nowhere else in the tests as a whole. What is to be seen in every run is a test of the
fixture ``ran``: pytest makes one run after the other, each once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

import pytest

from fakenw.journal.record import Journal
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.runners import memory
from harness.scenario.catalogue import catalogue
from harness.scenario.plan import Plan
from tests.harness.runners.journal_page import undocumented

SEED = 1


def plans() -> Iterator[tuple[str, Plan]]:
    """Every run as the catalogue has it, over TCP, and over IPX; each with its name."""
    for scenario in catalogue():
        for plan in scenario.plans(seed=SEED):
            yield f"{plan.scenario}/{plan.variant}", plan
        for transport in ("tcp", "ipx"):
            for plan in scenario.plans(transport, seed=SEED):
                yield f"{plan.scenario}/{plan.variant}/{transport}", plan


class Ran(NamedTuple):
    """A run of the catalogue, over."""

    name: str
    plan: Plan
    journals: list[Journal]
    run: RunHistory
    verdict: Verdict

    @classmethod
    def of(cls, name: str, plan: Plan) -> Ran:
        journals = memory.run(plan)
        run = RunHistory.of(journals)
        return cls(name, plan, journals, run, judge(run))


@pytest.fixture(scope="module", params=[pytest.param(named, id=named[0]) for named in plans()])
def ran(request: pytest.FixtureRequest) -> Ran:
    """Each run of the catalogue."""
    return Ran.of(*request.param)


def test_its_verdict_is_as_expected(ran: Ran) -> None:
    """The verdict and the failing checks, over the transport that was asked for, from books that balance."""
    verdict = ran.verdict
    assert (verdict.verdict, sorted(verdict.failing)) == (ran.plan.expect, sorted(ran.plan.fails)), verdict.reason
    assert verdict.ok, verdict.proof
    assert verdict.problems == []
    assert {history.station.partition(":")[0] for history in ran.run.histories} <= {ran.plan.transport}


def test_its_journals_are_documented(ran: Ran) -> None:
    """Each event has its row in docs/journal.md, each field its type."""
    records = [record for journal in ran.journals for record in journal.records]
    assert set[tuple[str, str, str]]().union(*map(undocumented, records)) == set()


def test_each_start_of_a_server_has_its_own_instance(ran: Ran) -> None:
    starts = [record for journal in ran.journals for record in journal.records if record.event == "start"]
    instances = [str(record["instance"]) for record in starts if record.role == "server"]
    assert len(set(instances)) == len(instances) >= 1
    assert all(re.fullmatch("[0-9a-f]{32}", instance) for instance in instances)


def test_a_capture_changes_nothing(ran: Ran) -> None:
    """With one each round of the watchdog is played, and without one the clock passes over most: the same lines."""
    played = memory.run(ran.plan, BytesIO())
    assert [journal.name for journal in played] == [journal.name for journal in ran.journals]
    for one, other in zip(played, ran.journals, strict=True):
        assert [record.line() for record in one.records] == [record.line() for record in other.records]


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
def test_the_same_seed_is_the_same_run(transport: str) -> None:
    """Byte for byte, the instance as well; another seed is another run."""
    scenario = next(iter(catalogue()))

    def lines(seed: int) -> list[str]:
        journals = memory.run(next(iter(scenario.plans(transport, seed=seed))))
        return [record.line() for journal in journals for record in journal.records]

    assert lines(SEED) == lines(SEED) != lines(SEED + 1)
