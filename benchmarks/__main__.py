"""The command: it measures rows, and writes a table or JSON.

No ratio makes it fail: a machine may be busy or slow. A refused request or a program that cannot be started does.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks import inside, instructions, rows
from benchmarks.idle_stations import raise_file_limit
from benchmarks.instructions import NoValgrind
from benchmarks.row import BUSY, HEAD, Row
from benchmarks.rows import Setting
from benchmarks.steps import CannotMeasure
from harness.cli.parameters import OutputParam

ROWS: dict[int, Callable[[Setting], Iterator[Row]]] = {
    1: rows.tcp,
    2: rows.udp,
    3: rows.logons,
    4: rows.beside_idle,
    5: rows.memory,
    6: inside.ledger,
    7: inside.hours,
}
QUICK: dict[str, Any] = {
    **{"few": 4, "many": 10, "idle_tcp": 50, "idle_udp": 100, "memory": 200, "holders": 2000, "clients": 20},
    **{"hours_udp": 2, "hours_tcp": 24, "rounds": 1},
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
    """A finite time: click accepts "nan", which passes every bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number", param, ctx)
        return seconds


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rows", "wanted", type=RowsParam(), default=tuple(ROWS), metavar="1,3,6", help="Which rows. Default: all."
)
@click.option("--pairs", type=click.IntRange(1), default=20, show_default=True, help="Pairs of slices of each line.")
@click.option(
    "--seconds",
    type=FiniteSecondsParam(min=0, min_open=True, max=3600),
    default=0.5,
    show_default=True,
    help="Length of a slice.",
)
@click.option("--quick", is_flag=True, help="Few connections: a test of the benchmark, not of the speed.")
@click.option(
    "--instructions",
    "counting",
    is_flag=False,
    flag_value="show",
    type=click.Choice(["show", "keep", "compare"]),
    help="Instead of rows count instructions, with valgrind; keep them as the baseline of this build of Python, or "
    "compare with it.",
)
@click.option(
    "--json", "file", type=OutputParam(dash=True), help="Write all numbers as JSON; with - instead of the table."
)
def main(
    wanted: tuple[int, ...], pairs: int, seconds: float, quick: bool, counting: str | None, file: str | None
) -> None:
    """The speed of the server, beside bare Twisted echo servers.

    Slices of our server and of a bare one take turns. What counts is the processor time of the server for a request:
    a result of 2 is half as much as the bare server needs. In brackets stands where the median lies, in 95 of 100
    cases; where the aim is inside, it was too busy, or is too close, to tell. At the end stands the ratio of requests
    per second.

    \b
    1  requests over TCP                5  memory of a licensed connection
    2  requests over UDP                6  grants and releases with many holders
    3  logons over TCP                  7  simulated client-hours per second
    4  requests beside idle stations
    """
    try:
        if counting is not None:
            _count(counting)
        else:
            with tempfile.TemporaryDirectory(prefix="fakenw-bench-") as folder:
                setting = Setting(Path(folder), pairs, seconds, raise_file_limit(), **(QUICK if quick else {}))
                _measure(wanted, setting, file)
    except NoValgrind as problem:
        click.echo(f"bench: {problem}", err=True)
    except (CannotMeasure, OSError) as problem:
        click.echo(f"bench: {problem}", err=True)
        sys.exit(1)


def _count(what: str) -> None:
    click.echo("  counting instructions, for about a minute …", err=True)
    counts = instructions.count()
    for line in instructions.compare(counts) if what == "compare" else instructions.told(counts):
        click.echo(line)
    if what == "keep":
        instructions.keep(counts)
        click.echo(f"kept in {instructions.BASELINE}")


def _measure(wanted: Sequence[int], setting: Setting, file: str | None) -> None:
    measured: list[Row] = []
    if file != "-":
        click.echo(HEAD)
    try:
        for row in itertools.chain.from_iterable(ROWS[number](setting) for number in wanted):
            measured.append(row)
            if file != "-":
                click.echo(row.text())
    finally:  # also of a benchmark that is interrupted
        if file is not None:
            _write(file, measured, setting)
    waited = max((row.waited for row in measured), default=0)
    if waited > BUSY:
        busy = f"What was measured waited for a processor, up to {waited:.0%} of its time: the machine was busy."
        click.echo(
            f"{busy}\nRequests per second say little then; processor time tells, unless a line says not.", err=True
        )


def _write(file: str, measured: Sequence[Row], setting: Setting) -> None:
    made = {
        **{"pairs": setting.pairs, "seconds": setting.seconds},
        **{"python": platform.python_version(), "cores": os.cpu_count()},
        "rows": [row.json() for row in measured],
    }
    text = f"{json.dumps(made, indent=2)}\n"
    if file == "-":
        click.echo(text, nl=False)
    else:
        Path(file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # in order: servers and loads are ended
    main()
