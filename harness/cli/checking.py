"""``harness check``: the judgement of journals that exist, and of captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import click

from fakenw.journal.record import SECOND, JournalError
from fakenw.journal.sentences import clock
from harness.capture.reading import CaptureReading, Given
from harness.cli.capturing import OF_CAPTURES, is_capture, observed, told
from harness.cli.diagnosing import ACCOUNT, LISTED, REGISTRY, answer_lines, answer_of
from harness.cli.parameters import EXIT_CODES, FILES, DurationParam, MomentParam, ZoneParam
from harness.client.reg_file import RegError
from harness.judge.history import RunHistory, ServerHistory, load
from harness.judge.verdict import judge
from harness.judge.writer_clock import EPOCH
from harness.lab.evidence import EvidenceError
from harness.report.output import Outputs, exit_with_usage_error, print_results_and_exit
from harness.report.text import Result
from harness.runners.run_plans import run_directories

CAPTURE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=EXIT_CODES)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--within", type=DurationParam(), help="Replaces the time that the run's scenario allows.")
@click.option(
    "--idle-after",
    type=DurationParam(),
    help="A program's license is not needed any more after that long without a request; replaces the run's own.",
)
@click.option(
    "--mark",
    "marks",
    type=MomentParam(),
    multiple=True,
    help="When the clients had done their work, '2000-08-10 14:00': their licenses are not needed any more then.",
)
@click.option(
    "--clients",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Of journals without a plan: so many connections must have had a license and logged in.",
)
@click.option("--wall", is_flag=True, help="Show the wall time of the server's clock, to compare with a client's log.")
@click.option(
    "--tz",
    "zone",
    type=ZoneParam(),
    help="The time zone of --wall, --mark and --until, such as Europe/Berlin; default: UTC.",
)
@click.option(
    "--server-from",
    "server_from",
    type=CAPTURE,
    multiple=True,
    metavar="CAPTURE",
    help="Of one run directory: a capture in the place of the servers' journals; several are read as one.",
)
@OF_CAPTURES
@LISTED
@REGISTRY
@ACCOUNT
@FILES
def check(
    paths: tuple[Path, ...],
    within: int | None,
    idle_after: int | None,
    marks: tuple[datetime, ...],
    clients: int,
    wall: bool,
    zone: tzinfo | None,
    server_from: tuple[Path, ...],
    release: str | None,
    policy: str | None,
    servers: tuple[tuple[str, str], ...],
    until: datetime | None,
    listed: tuple[Path, ...],
    registries: tuple[str, ...],
    accounts: tuple[str, ...],
    outputs: Outputs,
) -> None:
    """Judge run directories, the journals of one run, or captures of a server's wire.

    Several captures (pcap, pcapng) are read as one. Whether a license was needed stands on no wire: --idle-after
    or --mark says it, else every license is unknown. With --registry or --connections the answer of harness diagnose
    stands below the verdict. docs/captures.md leads from the sniffer to the verdict.

    \b
    harness check runs/Q257223/as-shipped
    harness check server.jsonl
    harness check --idle-after 30m morning.pcapng
    harness check --idle-after 30m --registry 10.1.1.7=ws7.reg morning.pcapng
    harness check runs/Q257223/as-shipped --server-from capture.pcap
    """
    if zone is not None and not (wall or marks or until):
        exit_with_usage_error("--tz needs --wall, --mark or --until")
    captures = [path for path in paths if is_capture(path)]
    found: CaptureReading | None
    if captures and len(captures) < len(paths):
        other = next(path for path in paths if path not in captures)
        exit_with_usage_error(
            f"{captures[0]} is a capture and {other} is not; expected captures alone, or --server-from"
        )
    if server_from and (captures or len(paths) > 1 or not paths[0].is_dir()):
        exit_with_usage_error("--server-from is for the directory of one run; expected RUN_DIR --server-from CAPTURE")
    if (release or policy or servers or until) and not (captures or server_from):
        exit_with_usage_error("--release, --policy, --server and --until are for captures")
    if accounts and not (listed or registries):
        exit_with_usage_error("--account needs --registry or --connections")
    results = []
    try:
        if captures or server_from:
            end = None if until is None else _microseconds(until, zone)
            given = {address: Given(name, release, policy) for address, name in (("", None), *servers)}
            folder = None if captures else paths[0]
            found, history = observed(captures or server_from, folder, given, idle_after, end)
            histories = [history]
        else:
            found = None
            histories = list(map(load, _groups(paths)))
        for history in histories:
            for server in history.servers:
                server.zone = (zone or UTC) if wall else None
                _can_tell(server, idle_after)
            for mark in marks:
                _mark(history, _microseconds(mark, zone), mark)
            result = judged(history, within, clients, idle_after)
            if found is not None:
                result = told(result, found, outputs.report)
            if listed or registries:
                answer = answer_of(history, listed, registries, accounts)
                result = replace(
                    result,
                    about=[*result.about, "", *answer_lines(answer)],
                    more={**result.more, "q257223": answer.as_json()},
                )
            results.append(result)
    except (JournalError, EvidenceError, RegError) as problem:
        exit_with_usage_error(problem)
    print_results_and_exit(results, outputs, every_story=True)


def judged(history: RunHistory, within: int | None, clients: int, idle_after: int | None = None) -> Result:
    """Raises JournalError, also for unknown checks of the run."""
    try:
        seconds = None if within is None else within / SECOND
        return Result(history, judge(history, seconds, idle_after=idle_after, connections=clients))
    except ValueError as problem:
        where = f"{history.runner.name}: " if history.runner else ""
        raise JournalError(f"{where}{problem}") from None


def _groups(paths: Sequence[Path]) -> list[list[Path]]:
    """The journals of each run. Raises JournalError."""
    if not all(path.is_dir() for path in paths):
        return [list(paths)]
    groups = [[folder] for path in paths for folder in run_directories(path)]
    if not groups:
        raise JournalError(f"no journals in {', '.join(map(str, paths))}")
    return groups


def _microseconds(moment: datetime, zone: tzinfo | None) -> int:
    """The moment in *zone* as microseconds since 1970."""
    return (moment.replace(tzinfo=zone or UTC) - EPOCH) // timedelta(microseconds=1)


def _mark(run: RunHistory, utc: int, said: datetime) -> None:
    """Set a mark on every server that was there at *utc*. Raises JournalError where none was."""
    marked = False
    for server in run.servers:
        if server.clock.utc is not None:
            t = round((utc - server.clock.utc) * server.clock.speed)
            if 0 <= t <= server.end:
                server.marks.append(t)
                marked = True
    if not marked:
        times = [f"{server.name} from {server.wall(0)} to {server.wall(server.end)}" for server in run.servers]
        raise JournalError(f"--mark {said}: no server was there; expected a time of {', or '.join(times)}")


def _can_tell(server: ServerHistory, idle_after: int | None) -> None:
    """Raises JournalError where the journal does not tell so short a silence."""
    if idle_after is not None and server.idle_after is not None and idle_after < server.idle_after:
        told = clock(server.idle_after)
        raise JournalError(
            f"{server.journal.name}: tells silences from {told} on; expected --idle-after {told} or more"
        )
