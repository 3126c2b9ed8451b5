"""The command: which rows, how often, how long; a table for people, JSON for programs.

No ratio makes it fail: a machine that is busy, or slow, is no mistake. What was refused, or could not be started, is.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks import inside, rows
from benchmarks.crowd import files
from benchmarks.row import HEAD, Row
from benchmarks.rows import Setting
from benchmarks.steps import CannotMeasure
from benchmarks.wire import Tools, build
from harness.cli.parameters import OutputParam

ROWS: dict[int, Callable[[Setting], Iterator[Row]]] = {
    1: rows.tcp,
    2: rows.udp,
    3: rows.logons,
    4: rows.crowds,
    5: rows.memory,
    6: inside.ledger,
    7: inside.hours,
}
QUICK: dict[str, Any] = {
    **{"few": 4, "many": 10, "idle_tcp": 50, "idle_udp": 100, "memory": 200, "holders": 2000, "clients": 20},
    **{"hours_udp": 2, "hours_tcp": 24},
}


class RowsParam(click.ParamType[tuple[int, ...]]):
    """Numbers of rows, such as ``1,3,6``."""

    name = "rows"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        names = {str(number): number for number in ROWS}
        wanted = [name.strip() for name in value.split(",")]
        if not names.keys() >= set(wanted):
            self.fail(f"{value!r}; expected numbers from 1 to {len(ROWS)}, such as 1,3,6", param, ctx)
        return tuple(sorted({names[name] for name in wanted}))


class FiniteSecondsParam(click.FloatRange):
    """A time that ends: click lets "nan" through, which is beyond every bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number", param, ctx)
        return seconds


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rows", "wanted", type=RowsParam(), default=tuple(ROWS), metavar="1,3,6", help="Which rows. Default: all."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often each is measured.")
@click.option(
    "--seconds",
    type=FiniteSecondsParam(min=0, min_open=True, max=3600),
    default=2.0,
    show_default=True,
    help="How long one measurement takes.",
)
@click.option("--quick", is_flag=True, help="Few connections: to see that it works, not how fast it is.")
@click.option("--no-c", is_flag=True, help="As if there were no C compiler: the load is Python's, which is slower.")
@click.option(
    "--json", "file", type=OutputParam(dash=True), help="Write all numbers; with - they take the place of the table."
)
def main(wanted: tuple[int, ...], rounds: int, seconds: float, quick: bool, no_c: bool, file: str | None) -> None:
    """How fast the server is, as ratios to bare Twisted echo servers measured in the same minute.

    \b
    1  requests per second over TCP     5  memory of a licensed connection
    2  the same over UDP                6  grants and releases with many holders
    3  logons per second over TCP       7  simulated client-hours per second
    4  requests beside idle stations
    """
    rows: list[Row] = []
    if file != "-":
        click.echo(HEAD)
    with tempfile.TemporaryDirectory(prefix="fakenw-bench-") as folder:
        tools = Tools() if no_c else build(Path(folder))
        if tools.load is None:
            click.echo("the load is Python's, which may be slower than the server", err=True)
        setting = Setting(Path(folder), tools, rounds, seconds, files=files())
        if quick:
            setting = replace(setting, **QUICK)
        try:
            for number in wanted:
                for row in ROWS[number](setting):
                    rows.append(row)
                    if file != "-":
                        click.echo(row.text())
        except (CannotMeasure, OSError) as problem:
            click.echo(f"bench: {problem}", err=True)
            sys.exit(1)
    if file is not None:
        told = {
            **{"rounds": rounds, "seconds": seconds, "quick": quick, "load": "C" if tools.load else "Python"},
            **{"python": platform.python_version(), "cores": os.cpu_count()},
            "rows": [row.json() for row in rows],
        }
        text = f"{json.dumps(told, indent=2)}\n"
        if file == "-":
            click.echo(text, nl=False)
        else:
            Path(file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
