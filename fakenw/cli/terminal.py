"""Lines for a person: on a terminal they fit its width.

Rules of this file:

* In a pipe or a file a line is as long as it is: programs read it.
* On a terminal a line that is too long goes on below the last of its columns, which two blanks or more separate, that
  has room; a line without columns goes on four to the right of its beginning.
* A word is never broken: it may be a path, which is copied.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator

import click

ROOM = 20  # columns; in less a text is hard to read
_GAP = re.compile(r"(?<=\S) {2,}(?=\S)")


def columns(*, err: bool = False) -> int | None:
    """The width of the terminal; None where standard output, or standard error, is none."""
    return shutil.get_terminal_size().columns if (sys.stderr if err else sys.stdout).isatty() else None


def say(text: str, *, err: bool = False) -> None:
    """Write *text* and a line feed."""
    width = columns(err=err)
    click.echo(text if width is None else "\n".join(fitted(text, width)), err=err)


def fitted(text: str, width: int) -> Iterator[str]:
    """The lines of *text*, each in no more than *width* columns."""
    for line in text.split("\n"):
        if len(line) <= width:
            yield line
            continue
        below = [gap.end() for gap in _GAP.finditer(line) if gap.end() <= width - ROOM]
        indent = below[-1] if below else len(line) - len(line.lstrip()) + 4
        yield from textwrap.wrap(
            line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        )
