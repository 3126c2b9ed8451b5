"""Every run of the catalogue on memory: its verdict is as expected, and it is the same run as ever.

The catalogue is run here, and nowhere else in the tests as a whole.

Rules of this file:

* What is to be seen in every run is a test of the fixture ``ran``: pytest makes one run after the other, each once.
* ``data/runs.json`` holds a hash of every run: of its journals, and of its entry in ``--json``. A change that moves or
  renames code changes none of them.
* Prose is taken out before hashing: title, why and cause of the run record, and the sentences of reasons.
* ``python -m tests.harness.runners.test_same_runs`` prints the hashes of today.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fakenw.journal.record import Journal, Record
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.report.text import Result
from harness.runners import memory
from harness.scenario.catalogue import catalogue
from harness.scenario.plan import Plan
from tests.harness.runners.journal_page import undocumented

SEED = 1
EXPECTED = Path(__file__).parent / "data" / "runs.json"
PROSE = {"run": {"title", "why", "cause"}, "failed": {"reason"}}  # by event: fields that are sentences
SENTENCES = ("reason", "problems", "failed", "notes")  # of an entry of --json


def plans() -> Iterator[tuple[str, Plan]]:
    """Every run as the catalogue has it, and once more over TCP where that is another run; each with its name."""
    for scenario in catalogue():
        for plan in scenario.plans(seed=SEED):
            yield f"{plan.scenario}/{plan.variant}", plan
        for plan in scenario.plans("tcp", seed=SEED):
            yield f"{plan.scenario}/{plan.variant}/tcp", plan


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

    def fingerprint(self) -> str:
        """The hashes of the run's journals and of its verdict."""
        entry = Result(self.run, self.verdict).as_json()
        return f"{digest(lines(self.journals))} {digest([json.dumps(without_sentences(entry), sort_keys=True)])}"


@pytest.fixture(scope="module", params=[pytest.param(named, id=named[0]) for named in plans()])
def ran(request: pytest.FixtureRequest) -> Ran:
    """Each run of the catalogue."""
    return Ran.of(*request.param)


def lines(journals: Iterable[Journal]) -> Iterator[str]:
    """The lines of *journals*, each journal under its name, without prose."""
    for journal in journals:
        yield journal.name
        for record in journal.records:
            dropped = PROSE.get(record.event, set()) if record.role == "runner" else set()
            fields = {name: value for name, value in record.fields.items() if name not in dropped}
            yield Record(record.t, record.role, record.event, fields).line()


def without_sentences(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of ``--json`` with the number of its sentences in their place."""
    kept = {name: len(value) if isinstance(value, list) else None for name, value in entry.items() if name in SENTENCES}
    units = {name: [{**unit, "reason": None} for unit in entry[name]] for name in ("leaked", "reclaimed")}
    return {**entry, **units, **kept}


def digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def test_every_run_is_in_the_list() -> None:
    assert [name for name, _ in plans()] == list(json.loads(EXPECTED.read_text()))


def test_a_run_is_the_same_as_before(ran: Ran) -> None:
    """Whatever the hash seed of the process: another one begins with each worker."""
    assert ran.fingerprint() == json.loads(EXPECTED.read_text())[ran.name]


def test_its_verdict_is_as_expected(ran: Ran) -> None:
    """The verdict and the failing checks, over the transport that was asked for, from books that balance."""
    verdict = ran.verdict
    assert (verdict.verdict, sorted(verdict.failing)) == (ran.plan.expect, sorted(ran.plan.fails)), verdict.reason
    assert verdict.ok
    assert verdict.problems == []
    assert {history.station.partition(":")[0] for history in ran.run.histories} <= {ran.plan.transport}


def test_its_journals_are_documented(ran: Ran) -> None:
    """Each event has its row in docs/journal.md, each field its type."""
    records = [record for journal in ran.journals for record in journal.records]
    assert set[tuple[str, str, str]]().union(*map(undocumented, records)) == set()


def test_a_difference_is_seen() -> None:
    """Another seed makes other journals; another title makes the same."""
    name, plan = next(plans())
    expected = json.loads(EXPECTED.read_text())[name]
    assert Ran.of(name, plan.model_copy(update={"title": "another"})).fingerprint() == expected
    assert Ran.of(name, plan.model_copy(update={"seed": SEED + 1})).fingerprint() != expected


if __name__ == "__main__":
    json.dump({name: Ran.of(name, plan).fingerprint() for name, plan in plans()}, sys.stdout, indent=0)
