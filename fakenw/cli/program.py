"""A program with commands, for both programs: its commands are imported when they are used, and its errors harmless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

_ERROR = "Error: "  # what click writes before a message


class Program(click.Group):
    """A group of commands. *where*: for the name of each its "module:function", and its line in --help.

    What its errors quote, such as an argument or a key in a file, is made harmless.
    """

    def __init__(self, *given: Any, where: Mapping[str, tuple[str, str]], **more: Any) -> None:
        super().__init__(*given, **more)
        self._where = where

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._where)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._where:
            return None
        module, _, function = self._where[cmd_name][0].partition(":")
        command = getattr(import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._where[name][1]) for name in self.list_commands(ctx)])

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        with _harmless_errors():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with _harmless_errors():
            return super().invoke(ctx)


@contextmanager
def _harmless_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as problem:
        from fakenw.cli.terminal import columns, fitted
        from fakenw.journal.sentences import harmless_lines

        problem.message = harmless_lines(problem.message)  # type: ignore[misc] # there is no other way in
        if (width := columns(err=True)) is not None:
            lines = fitted(f"{_ERROR}{problem.format_message()}", width)
            text = "\n".join(lines).removeprefix(_ERROR)
            problem.format_message = lambda: text  # type: ignore[method-assign] # nor here
        raise
