"""A program with commands, for both programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from fakenw.journal.sentences import harmless_lines


class Program(click.Group):
    """A group of commands. What its errors quote, such as an argument or a key in a file, is made harmless."""

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
        problem.message = harmless_lines(problem.message)  # type: ignore[misc] # there is no other way in
        raise
