"""The progress of long work, on standard error: a bar on a terminal, lines elsewhere.

Rules of this file:

* The bar needs rich, which is an extra. Without it there are lines on a terminal, too, as on one that is dumb.
* The bar is gone at its end. Colours are rich's affair, which heeds NO_COLOR.
* The time that is left is an estimate: what is done so far took as long for each piece as the rest will. A line has it
  where that is long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from fakenw.cli.terminal import columns, say
from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


LONG = 10  # seconds


class Progress(Protocol):
    """The progress of some work. Its methods may be called by any thread."""

    is_bar: bool

    def show(self, done: int, text: str) -> None:
        """So much is *done*, and *text* is about the last of it."""

    def note(self, text: str) -> None:
        """Write *text* as a line of its own."""


class ProgressLines:
    is_bar = False

    def __init__(self, total: int, shown: bool, now: Callable[[], float] = time.monotonic) -> None:
        self._total, self._shown, self._now, self._begun = total, shown, now, now()

    def show(self, done: int, text: str) -> None:
        if self._shown:
            left = (self._now() - self._begun) * (self._total - done) / done if done else 0
            about = f"; about {clock(round(left) * SECOND)} left" if left >= LONG else ""
            self.note(f"  {done} of {self._total}: {text}{about}")

    def note(self, text: str) -> None:
        say(text, err=True)


class ProgressBar:
    is_bar = True

    def __init__(self, bar: RichProgress, total: int) -> None:
        self._bar, self._task = bar, bar.add_task("", total=total)

    def show(self, done: int, text: str) -> None:
        self._bar.update(self._task, completed=done, description=text)

    def note(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)


@contextmanager
def progress(total: int, *, lines: bool = True, bar: bool = True) -> Iterator[Progress]:
    """The progress of *total* pieces of work. Short work has no *lines*, or no *bar*: only its notes are shown."""
    made = _bar() if bar and columns(err=True) is not None else None
    if made is None:
        yield ProgressLines(total, lines)
    else:
        with made:
            yield ProgressBar(made, total)


def _bar() -> RichProgress | None:
    """None where rich is not installed, or the terminal cannot show a bar."""
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column
    except ImportError:
        return None
    console = Console(stderr=True)
    if console.is_dumb_terminal:
        return None
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    text = TextColumn("{task.description}", markup=False, table_column=rest)
    left = TextColumn("left", style="progress.remaining")
    shown = (BarColumn(bar_width=16), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), left, text)
    return Progress(*shown, console=console, transient=True, expand=True, redirect_stdout=False)
