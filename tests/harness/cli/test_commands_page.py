"""docs/commands.md is what the commands say of themselves."""

from __future__ import annotations

import click
import pytest

from fakenw.cli.main import main as fakenw
from harness.cli.commands_page import page
from harness.cli.main import main as harness
from tests.pages import ROOT


def test_page_is_what_the_commands_say() -> None:
    made = page(("fakenw", fakenw), ("harness", harness))
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == made, "out of date: run make docs"


@pytest.mark.parametrize("program", [fakenw, harness], ids=["fakenw", "harness"])
def test_every_command_says_its_exit_codes(program: click.Group) -> None:
    """0 is success, and 2 bad usage, for all of them."""
    ctx = click.Context(program)
    told = {name: getattr(program.get_command(ctx, name), "epilog", None) or "" for name in program.list_commands(ctx)}
    assert [
        name for name, text in told.items() if not text.startswith("Exit codes: 0 ") or " 2 bad usage" not in text
    ] == []


def test_what_a_command_has() -> None:
    """Usage, arguments, options with default and range, and no option that is hidden."""

    @click.group()
    def group() -> None:
        """A program."""

    @group.command(epilog="Exit codes: 0 done.")
    @click.argument("file")
    @click.option("--speed", type=click.IntRange(1, 9), default=2, show_default=True, help="How fast | how slow.")
    @click.option("--token", envvar="TOKEN", show_envvar=True, help="A secret.")
    @click.option("--secret", hidden=True, help="Nothing.")
    def go(**given: object) -> None:
        """Go there,
        and back.

        \b
        program go --speed 3 there
        """

    assert page(("program", group)).partition("## program\n")[2].splitlines() == [
        "",
        "A program.",
        "",
        "### program go",
        "",
        "`program go [OPTIONS] FILE`",
        "",
        "Go there, and back.",
        "",
        "```sh not-run: it shows the form",
        "program go --speed 3 there",
        "```",
        "",
        "| option | |",
        "|---|---|",
        "| `--speed INTEGER RANGE` | How fast \\| how slow. [default: 2; 1<=x<=9] |",
        "| `--token TEXT` | A secret. [env var: TOKEN] |",
        "",
        "Exit codes: 0 done.",
    ]
