"""README.md shows what happens."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.cli.main import main
from tests.pages import ROOT, blocks
from tests.programs import harness

SHOWN = [block.content for block in blocks(ROOT / "README.md") if block.mark == "test_readme.py"]


def test_readme_shows_the_real_output() -> None:
    """The block under "What you will see" is what `make run` prints."""
    output = CliRunner().invoke(main, ["run", "Q257223"]).output.rstrip()
    assert f"$ make run\n{output}\n" in SHOWN


@pytest.mark.process
def test_readme_shows_the_answer_of_the_matrix() -> None:
    """The block under "Which repair is best" ends as `harness matrix` does."""
    output = harness("matrix", within=600).stdout
    answer = output[output.index("Q257223 is cured") :].rstrip()
    assert f"$ harness matrix\n...\n{answer}\n" in SHOWN
