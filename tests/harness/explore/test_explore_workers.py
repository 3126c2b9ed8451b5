"""``harness explore`` on several processes: the same result, and an end to all of them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.harness.explore import forgetful
from tests.programs import PATIENCE, harness, line, started

pytestmark = pytest.mark.process


def test_the_same_bytes_with_one_worker_and_two(tmp_path: Path) -> None:
    """Output, file and JSON of a race that is found, whatever the hash seed."""
    made = []
    for workers in ("1", "2"):
        folder = tmp_path / workers
        folder.mkdir()
        (folder / "forgetful.yaml").write_text(forgetful.SCENARIO)
        done = harness(
            *("explore", "forgetful.yaml", "--behaviors", forgetful.__file__),
            *("--runs", "150", "--faults", "cut,freeze,loss", "--json", "all.json", "--workers", workers),
            cwd=folder,
            env={"PYTHONHASHSEED": workers},
        )
        made.append((done.returncode, done.stdout, {file.name: file.read_bytes() for file in folder.iterdir()}))
    assert made[0] == made[1]


def test_a_signal_ends_all(tmp_path: Path) -> None:
    """What was tried until then is told."""
    command = line("harness", "explore", "Q257223", "--variant", "counted", "--runs", "1000000", "--workers", "2")
    with started(command, cwd=tmp_path) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "of 1000000: Q257223 counted: " in first
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert "Q257223 counted: no counterexample in " in out
