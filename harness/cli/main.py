"""The command line of the harness: only its modules read arguments, signals and the wall clock."""

from __future__ import annotations

import sys
from datetime import UTC, tzinfo
from pathlib import Path

import click

from fakenw.cli.program import Program
from fakenw.core.peer import Peer
from fakenw.journal.record import SECOND, JournalError
from fakenw.journal.sentences import harmless
from harness.cli.asserting import assert_command
from harness.cli.authoring import explain, list_scenarios, matrix, new, schema
from harness.cli.diagnosing import diagnose
from harness.cli.load import load_command
from harness.cli.parameters import FILES, TRANSPORT, DurationParam, ZoneParam
from harness.cli.running import exec_command, needs_docker, run, stop_on_signals
from harness.client.attachment import Account
from harness.judge.history import RunHistory, load
from harness.judge.verdict import judge
from harness.report.output import exit_with_usage_error, print_results_and_exit
from harness.report.text import UNKNOWN, Result
from harness.runners.hold import hold as hold_license
from harness.runners.run_plans import run_directories


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fakenw")
def main() -> None:
    """Does a client release its NetWare connection license?

    Start with `harness run Q257223`, which shows the bug and its repairs. Then test your own client
    with `harness exec -- COMMAND {host} {port}`.

    Exit codes: 0 every verdict is the expected one, 1 one is not, 2 bad usage, 3 a verdict is unknown.
    """


@main.command()
@click.argument("address", metavar="HOST:PORT")
@click.option("--user", default="GUEST", show_default=True, metavar="NAME[:PASSWORD]", help="The account.")
@click.option("--for", "how_long", type=DurationParam(), default="60s", show_default=True, help="How long to hold.")
@click.option("--no-logout", is_flag=True, help="End without logging out.")
@TRANSPORT
def hold(address: str, user: str, how_long: int, no_logout: bool, transport: str | None) -> None:
    """Acquire a license of a server by hand, hold it, and release it. Ctrl-C releases it at once."""
    try:
        peer = Peer.parse(f"{transport or 'tcp'}:{address}")
    except ValueError:
        exit_with_usage_error(f"{address} is not HOST:PORT")
    stop = stop_on_signals()
    problem = hold_license(
        peer.address,
        peer.transport,
        Account.parse(user),
        how_long,
        log_out=not no_logout,
        report=click.echo,
        stopped=stop.is_set,
    )
    if problem:
        click.echo(harmless(f"harness: {problem}"), err=True)
        sys.exit(1)


@main.command()
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
    as_json: str | None,
    junit: str | None,
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
            results.append(_judged(history, within, clients))
    except JournalError as problem:
        exit_with_usage_error(problem)
    print_results_and_exit(results, as_json, junit, every_story=True)


def _judged(history: RunHistory, within: int | None, clients: int) -> Result:
    """Raises JournalError, also for unknown checks of the run."""
    try:
        seconds = None if within is None else within / SECOND
        return Result(history, judge(history, seconds, connections=clients))
    except ValueError as problem:
        where = f"{history.runner.name}: " if history.runner else ""
        raise JournalError(f"{where}{problem}") from None


@main.command()
@click.option("--all", "everything", is_flag=True, help="Also those of runs on other machines that use this engine.")
def clean(everything: bool) -> None:
    """Remove the containers and networks of runs that were killed, or started with --keep.

    Those of a run that has not ended are not removed.
    """
    needs_docker()
    from harness.runners.backend import Failed
    from harness.runners.containers import clean as remove

    try:
        removed, left = remove(everything)
    except Failed as problem:
        click.echo(harmless(f"harness: {problem}"), err=True)
        sys.exit(UNKNOWN)
    for name in removed:
        click.echo(f"removed {name}")
    for name in left:
        click.echo(f"could not be removed: {name}", err=True)
    click.echo(f"{len(removed)} removed")
    sys.exit(1 if left else 0)


for command in (
    run,
    exec_command,
    list_scenarios,
    explain,
    new,
    schema,
    matrix,
    diagnose,
    assert_command,
    load_command,
):
    main.add_command(command)
