"""README shows what happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import main
from tests.programs import harness

ROOT = Path(__file__).parent.parent


def test_readme_shows_the_real_output() -> None:
    """The block under "What you will see" is what `make run` prints."""
    output = CliRunner().invoke(main, ["run", "Q257223"]).output.rstrip()
    assert f"```\n$ make run\n{output}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.process
def test_readme_shows_the_answer_of_the_matrix() -> None:
    """The block under "The catalogue" ends as `harness matrix` does."""
    output = harness("matrix", within=600).stdout
    answer = output[output.index("Q257223 is cured") :].rstrip()
    assert f"```\n$ harness matrix\n...\n{answer}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")
