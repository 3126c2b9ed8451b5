"""docs/commands.md, from the commands of both programs: ``python -m harness.cli.commands_page``.

Rules of this file:

* ``page`` is a pure function of the programs; ``make docs`` writes it, and a test compares the two.
* An option is described in the words of its --help, with the default, the range and the environment variable.
* No library: those for Markdown are new or parts of a site generator, and click has all the words.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from fakenw.cli.main import main as fakenw
from harness.cli.main import main as harness

_HEAD = """\
# The commands

Made by `make docs` from the commands themselves: what stands here is what `--help` says.
"""


def page(*programs: tuple[str, click.Group]) -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *(line for program in programs for line in _program(*program))])


def _program(name: str, group: click.Group) -> Iterator[str]:
    ctx = group.make_context(name, [], resilient_parsing=True)
    yield f"## {name}\n"
    yield from _text(group.help)
    for command_name in group.list_commands(ctx):
        command = group.get_command(ctx, command_name)
        assert command is not None
        yield from _command(command, click.Context(command, info_name=command_name, parent=ctx))


def _command(command: click.Command, ctx: click.Context) -> Iterator[str]:
    yield f"### {ctx.command_path}\n"
    yield f"`{ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}`\n"
    yield from _text(command.help)
    if records := [record for option in command.params if (record := option.get_help_record(ctx)) and record[1]]:
        yield "| option | |\n|---|---|"
        yield from (f"| `{_cell(option)}` | {_cell(text)} |" for option, text in records)
        yield ""
    yield from _text(command.epilog)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, info_name=name, parent=ctx))


def _text(text: str | None) -> Iterator[str]:
    """The paragraphs of a help text; one that click does not wrap is an example."""
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield f"```sh not-run: it shows the form\n{paragraph[2:]}\n```\n"
        else:
            yield f"{' '.join(paragraph.split())}\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(page(("fakenw", fakenw), ("harness", harness)), end="")
