"""Where the journals of failed runs are: one place, the last few commands, and nothing of what went well."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from harness.runners.kept_runs import KEPT, KeptRuns
from tests.programs import harness

RUN = Path("Q257223", "as-shipped")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of a temporary directory of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"fakenw-runs-{os.getuid()}"


def command(number: int, *, ends: bool = True) -> KeptRuns:
    """A command with a run that is kept; each is a second younger than the one before."""
    runs = KeptRuns()
    folder = runs.folder(RUN)
    (folder / "runner.jsonl").write_text("{}")
    moment = time.time() - 1000 + number
    os.utime(folder.parents[1], (moment, moment))
    if ends:
        runs.close()
    return runs


def test_the_last_few_commands_are_kept(place: Path) -> None:
    for number in range(KEPT + 3):
        command(number)
    assert len(list(place.iterdir())) == KEPT
    assert len(list(place.rglob("runner.jsonl"))) == KEPT
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_command_that_still_runs_keeps_its_folder(place: Path) -> None:
    """It is the oldest by far."""
    oldest = command(0, ends=False)
    with closing(oldest):
        mine = next(place.iterdir())
        for number in range(1, KEPT + 3):
            command(number)
        assert (mine / RUN / "runner.jsonl").exists()
    command(KEPT + 3)
    assert not mine.exists()


def test_of_a_command_without_a_failure_nothing_is_left(place: Path) -> None:
    runs = KeptRuns()
    runs.drop(runs.folder(RUN))
    runs.drop(runs.folder(Path("S28", "default")))
    runs.close()
    assert list(place.iterdir()) == []


def test_of_two_runs_the_one_that_failed_is_kept(place: Path) -> None:
    runs = KeptRuns()
    failed, other = runs.folder(RUN), runs.folder(RUN.with_name("counted"))
    runs.drop(other)
    runs.close()
    assert [path for path in place.rglob("*") if not any(path.iterdir())] == [failed]


def test_a_place_that_is_not_ours_is_not_used(place: Path, tmp_path: Path) -> None:
    """Another user may have made it, to read what is written there."""
    place.symlink_to(tmp_path)
    runs = KeptRuns()
    folder = runs.folder(RUN)
    assert folder.parents[2].parent == tmp_path
    assert not folder.parents[2].is_symlink()
    assert folder.parents[2] != place
    runs.close()


@pytest.mark.process
def test_runs_that_fail_one_after_the_other(tmp_path: Path, place: Path) -> None:
    """Each says where its journals are, and those of the last few are there."""
    said = []
    for _ in range(KEPT + 1):
        done = harness("exec", "--within", "100ms", "--", "false", env={"TMPDIR": str(tmp_path)})
        assert done.returncode == 3
        (line,) = (line for line in done.stdout.splitlines() if "journals: " in line)
        said.append(Path(line.partition("journals: ")[2]))
    assert [(folder / "runner.jsonl").exists() for folder in said] == [False] + [True] * KEPT
    assert {folder.parents[2] for folder in said} == {place}
