"""`make test-pythons`: which Pythons it takes, and what it says of the others."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent

pytestmark = pytest.mark.process


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with a Python 3.12, and a 3.13 that only says that it is not chosen, as pyenv's does."""
    for version, code in (("3.12", 0), ("3.13", 127)):
        program = tmp_path / f"python{version}"
        program.write_text(f"#!/bin/sh\nexit {code}\n")
        program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(("test_fast", "failed", "code"), [("echo", "none", 0), ("false", "3.12", 2)])
def test_each_python_that_is_here(programs: Path, test_fast: str, failed: str, code: int) -> None:
    """*test_fast* stands for the make that runs the tests on one Python."""
    make = str(shutil.which("make"))
    command = [make, "-C", str(PROJECT), "--no-print-directory", "test-pythons", f"MAKE={test_fast}"]
    done = subprocess.run(command, env={"PATH": str(programs)}, capture_output=True, text=True, timeout=60)
    *runs, last = done.stdout.splitlines()
    assert runs == ["--no-print-directory VENV=.venv/3.12 PYTHON=python3.12 test-fast"][: test_fast == "echo"]
    assert (last, done.returncode) == (f"not found: 3.11 3.13 3.14; failed: {failed}", code)
