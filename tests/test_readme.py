"""README shows what happens."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from harness.__main__ import main

ROOT = Path(__file__).parent.parent


def test_readme_shows_the_real_output() -> None:
    """The block under "What you will see" is what `make run` prints."""
    output = CliRunner().invoke(main, ["run", "Q257223"]).output.rstrip()
    assert f"```\n$ make run\n{output}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")
