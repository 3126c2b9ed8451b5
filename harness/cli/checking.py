"""``harness check``: the judgement of journals that exist."""

from __future__ import annotations

from datetime import UTC, tzinfo
from pathlib import Path

import click

from fakenw.journal.record import SECOND, JournalError
from harness.cli.parameters import EXIT_CODES, FILES, DurationParam, ZoneParam
from harness.judge.history import RunHistory, load
from harness.judge.verdict import judge
from harness.report.output import Outputs, exit_with_usage_error, print_results_and_exit
from harness.report.text import Result
from harness.runners.run_plans import run_directories


@click.command(epilog=EXIT_CODES)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--within", type=DurationParam(), help="Replaces the time that the run's scenario allows.")
@click.option(
    "--clients",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Of journals without a plan: so many connections must have had a license and logged in.",
)
@click.option("--wall", is_flag=True, help="Show the wall time of the server's clock, to compare with a client's log.")
@click.option("--tz", "zone", type=ZoneParam(), help="With --wall: the time zone, such as Europe/Berlin; default: UTC.")
@FILES
def check(
    paths: tuple[Path, ...],
    within: int | None,
    clients: int,
    wall: bool,
    zone: tzinfo | None,
    outputs: Outputs,
) -> None:
    """Judge run directories, or the journals of one run.

    \b
    harness check runs/Q257223/as-shipped
    harness check server.jsonl
    """
    if zone is not None and not wall:
        exit_with_usage_error("--tz needs --wall")
    results = []
    try:
        if all(path.is_dir() for path in paths):
            groups = [[folder] for path in paths for folder in run_directories(path)]
            if not groups:
                exit_with_usage_error(f"no journals in {', '.join(map(str, paths))}")
        else:
            groups = [list(paths)]
        for group in groups:
            history = load(group)
            for server in history.servers:
                server.zone = (zone or UTC) if wall else None
            results.append(judged(history, within, clients))
    except JournalError as problem:
        exit_with_usage_error(problem)
    print_results_and_exit(results, outputs, every_story=True)


def judged(history: RunHistory, within: int | None, clients: int) -> Result:
    """Raises JournalError, also for unknown checks of the run."""
    try:
        seconds = None if within is None else within / SECOND
        return Result(history, judge(history, seconds, connections=clients))
    except ValueError as problem:
        where = f"{history.runner.name}: " if history.runner else ""
        raise JournalError(f"{where}{problem}") from None
