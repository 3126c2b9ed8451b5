"""The planting of mistakes tells a caught mistake from one that survives, and judgement from a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tests.trust import mutants
from tests.trust.mutants import PROJECT, Copy, Finding, Mutant, planted

LEDGER = "fakenw/core/ledger.py"
ROOM = "        if self.held >= self.limit:\n            raise NoRoom"
GRACE = "tests/fakenw/core/test_users.py::test_grace_connections"
pytestmark = pytest.mark.process


def mutant(new: str, *, old: str = ROOM, tests: list[str] | None = None, judge: list[str] | None = None) -> Mutant:
    return Mutant(
        id="one", what="one", file=LEDGER, old=old, new=new, tests=tests or [GRACE], judge=judge or ["day/login"]
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("copy"))


def test_every_mistake_has_its_place() -> None:
    """The text of each entry stands in its file once, and its tests are there."""
    for entry in (one for entries in planted().values() for one in entries):
        assert (PROJECT / entry.file).read_text().count(entry.old) == 1, entry.id
        for test in [] if isinstance(entry.tests, str) else entry.tests:
            path, _, name = test.partition("::")
            assert name.partition("[")[0] in (PROJECT / path).read_text(), f"{entry.id}: {test}"


def test_the_page_has_every_mistake() -> None:
    rows = (PROJECT / "docs" / "mutants.md").read_text(encoding="utf-8").splitlines()
    shown = [row.split(" | ")[0].removeprefix("| ") for row in rows if row.startswith("| ")][1:]
    assert sorted(shown) == sorted(entry.what for entries in planted().values() for entry in entries)


def test_a_mistake_is_caught_by_both(copy: Copy) -> None:
    outcome = copy.outcome(mutant(ROOM.replace(">=", ">")))
    assert outcome.test == Finding("caught", f"{GRACE}[0-nls-2]")
    assert (outcome.judge.kind, "never_over_limit" in outcome.judge.text) == ("caught", True)
    assert not outcome.survived
    assert (copy.root / LEDGER).read_text() == (PROJECT / LEDGER).read_text()  # the mistake is taken out again


def test_what_changes_nothing_survives(copy: Copy) -> None:
    outcome = copy.outcome(mutant(f"{ROOM}  # full"))
    assert (outcome.test.kind, outcome.judge.kind, outcome.survived) == ("survived", "survived", True)


def test_a_crash_is_no_judgement(copy: Copy) -> None:
    outcome = copy.outcome(mutant(f"        self.nothing()\n{ROOM}"))
    assert (outcome.test.kind, outcome.judge.kind, outcome.survived) == ("crashed", "crashed", True)


def test_one_that_should_be_caught_by_both(copy: Copy) -> None:
    """A mistake that its test catches and the judge does not, although its entry says so, is not as it should be."""
    outcome = copy.outcome(mutant(ROOM.replace(">=", ">"), judge=["Q257223/counted"]))  # no run with all licenses out
    assert (outcome.test.kind, outcome.judge.kind, outcome.survived) == ("caught", "survived", True)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (mutant("", old="no such text"), "its text stands 0 times in fakenw/core/ledger.py, expected once"),
        (mutant("", old="self"), "times in fakenw/core/ledger.py, expected once"),
        (mutant("").model_copy(update={"file": "fakenw/nowhere.py"}), "there is no file fakenw/nowhere.py"),
    ],
)
def test_a_mistake_without_a_place(copy: Copy, entry: Mutant, message: str) -> None:
    with pytest.raises(click.ClickException) as raised, copy.planted(entry):
        pass
    assert message in raised.value.message


def test_a_project_that_is_not_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is planted in a project whose tests fail without it."""
    monkeypatch.setattr(mutants, "healthy", lambda *_: "1 failed")
    with pytest.raises(click.ClickException, match="without any mistake planted:\n1 failed"):
        next(mutants.outcomes([mutant("")], 1, tmp_path))


ENTRY: dict[str, Any] = {"id": "one", "what": "one", "file": LEDGER, "old": ROOM, "new": "", "judge": ["day"]}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([ENTRY], "tests"),
        ([{**ENTRY, "tests": "too short"}], "at least 20 characters"),
        ([{**ENTRY, "tests": ["a"], "more": 1}], "more"),
        ([{**ENTRY, "tests": ["a"]}] * 2, "two mistakes have the id one"),
    ],
)
def test_entries_that_are_none(tmp_path: Path, entries: list[Any], message: str) -> None:
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(entries))
    with pytest.raises(click.UsageError) as raised:
        planted(tmp_path)
    assert message in raised.value.message
