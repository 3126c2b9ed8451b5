"""--help is quick, for it imports no command; and it says of each command what the command says of itself."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from fakenw.cli.main import main as fakenw
from harness.cli.main import main

HEAVY = {"asyncio", "jinja2", "pydantic", "twisted", "yaml", "prometheus_client", "psutil", "rich"}


def imported(*command: str) -> set[str]:
    """The modules that ``python -m`` *command* imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *command], capture_output=True, text=True, timeout=60, check=True
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


@pytest.mark.process
@pytest.mark.parametrize("program", ["fakenw", "harness"])
def test_help_imports_no_command(program: str) -> None:
    modules = imported(program, "--help")
    assert not modules & HEAVY
    ours = {name for name in modules if name.startswith(("fakenw.", "harness."))}
    programs = {f"{one}.cli{module}" for one in ("fakenw", program) for module in ("", ".start")}
    assert ours <= {*programs, "fakenw.cli.program", f"{program}.cli.main"}


@pytest.mark.process
def test_a_run_in_memory_imports_no_edge() -> None:
    """The bug of the article needs no reactor, no metrics, no container and no load."""
    modules = imported("harness", "run", "Q257223", "--variant", "counted")
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & {"docker", "locust", "prometheus_client", "rich", "twisted", "uvloop"}


@pytest.mark.parametrize("group", [fakenw, main], ids=["fakenw", "harness"])
def test_a_line_of_help_is_the_first_sentence_of_the_command(group: click.Group) -> None:
    ctx = click.Context(group)
    formatter = click.HelpFormatter(width=300)
    group.format_commands(ctx, formatter)
    shown = {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1] for line in formatter.getvalue().splitlines()[1:]}
    own = {}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        assert command.name == name
        own[name] = command.get_short_help_str(limit=300)
    assert shown == own


def test_an_unknown_command() -> None:
    with pytest.raises(click.UsageError, match="No such command 'rum'"):
        main.main(["rum"], standalone_mode=False)
