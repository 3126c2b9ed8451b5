"""The catalogue's runs on memory are the same as before the project was rebuilt, byte for byte but for prose.

Rules of this file:

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
from typing import Any

import pytest

from fakenw.journal.record import Journal, Record
from harness.judge.history import Run
from harness.judge.verdict import judge
from harness.report.text import Result
from harness.runners import memory
from harness.scenario.catalogue import catalogue
from harness.scenario.plan import Plan

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


def fingerprint(plan: Plan) -> str:
    """The hashes of a run's journals and of its verdict."""
    journals = memory.run(plan)
    run = Run.of(journals)
    entry = Result(run, judge(run)).as_json()
    return f"{digest(lines(journals))} {digest([json.dumps(without_sentences(entry), sort_keys=True)])}"


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


@pytest.mark.parametrize(("name", "plan"), [pytest.param(name, plan, id=name) for name, plan in plans()])
def test_a_run_is_the_same_as_before(name: str, plan: Plan) -> None:
    assert fingerprint(plan) == json.loads(EXPECTED.read_text())[name]


def test_a_difference_is_seen() -> None:
    """Another seed makes other journals; another title makes the same."""
    name, plan = next(plans())
    expected = json.loads(EXPECTED.read_text())[name]
    assert fingerprint(plan.model_copy(update={"title": "another"})) == expected
    assert fingerprint(plan.model_copy(update={"seed": SEED + 1})) != expected


if __name__ == "__main__":
    json.dump({name: fingerprint(plan) for name, plan in plans()}, sys.stdout, indent=0)
