"""Captures on the command line: which file is one, and its reading with a progress bar."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from fakenw.cli.terminal import say
from fakenw.core.settings import RELEASES
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import Journal, JournalError, microseconds
from fakenw.journal.writer import JournalFile
from fakenw.transports.captured_frames import CaptureRefused
from harness.capture import summary
from harness.capture.reading import CaptureReading, Given, read_captures
from harness.capture.server_place import ended, in_place
from harness.cli.parameters import MomentParam, ServerNameParam, options
from harness.cli.progress import progress
from harness.cli.stopping import stop_on_signals
from harness.judge.history import RunHistory, load
from harness.judge.writer_clock import Clock
from harness.report.text import Result
from harness.runners.run_plans import run_directories

OF_CAPTURES = options(
    click.option(
        "--release", type=click.Choice(list(RELEASES)), help="Of captures that do not show it: the server's release."
    ),
    click.option(
        "--policy",
        type=click.Choice(list(POLICIES)),
        help="Of captures that do not show it: which connections take a license; default: as the release does.",
    ),
    click.option(
        "--server",
        "servers",
        type=ServerNameParam(),
        multiple=True,
        help="Of captures that do not show it: the name of the server, or of the one at 10.0.0.1:524; may be repeated.",
    ),
    click.option(
        "--until", type=MomentParam(), help="Of captures: until when they were taken, if not to their last packet."
    ),
)
_MAGIC = tuple(map(bytes.fromhex, ("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "0a0d0d0a")))  # pcap, pcapng
_SUFFIXES = (".pcap", ".pcapng", ".cap")
_MIB = 1 << 20
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")  # a server's name is from a wire
_LARGE = 16 * _MIB  # bytes from which on a bar is worth its place


def is_capture(path: Path) -> bool:
    """Whether the file at *path* begins as a capture does, or has the name of one."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    if not path.is_file():
        return False  # of a pipe the first bytes are there once
    try:
        with path.open("rb") as file:
            return file.read(4) in _MAGIC
    except OSError:
        return False


def observed(
    captures: Sequence[Path], folder: Path | None, given: Mapping[str, Given], idle_after: int | None, until: int | None
) -> tuple[CaptureReading, RunHistory]:
    """What the captures show, alone or in the place of the servers' journals of the run in *folder*.

    Raises JournalError.
    """
    if folder is None:
        found = reading_of(captures, idle_after, until)
        run = RunHistory.of(found.journals(given))
        more = f" and {len(captures) - 1} more" if captures[1:] else ""
        run.settings = {"scenario": f"{captures[0].name}{more}"}
        return found, run
    there = list(run_directories(folder))
    if len(there) != 1:
        raise JournalError(f"{folder}: {len(there)} run directories; expected one with --server-from")
    run = load(there)
    if until is None and all(path.resolve().parent == there[0].resolve() for path in captures):
        until = ended(run)  # the run's own captures lasted as long as it did
    idle_after = idle_after or microseconds(run.settings.get("idle_after"))
    found = reading_of(captures, idle_after, until, Clock.of(run.runner).speed if run.runner else 1)
    others = given.get("", Given())

    def journals(of_run: Mapping[str, Given]) -> list[Journal]:
        more = {
            address: Given(one.name, others.release or one.release, others.policy or one.policy)
            for address, one in of_run.items()
        }
        return found.journals({**given, **more})

    try:
        return found, RunHistory.of(in_place(run, journals))
    except JournalError as problem:
        raise JournalError(f"{there[0]}: {problem}") from None


def reading_of(
    paths: Sequence[Path], idle_after: int | None = None, until: int | None = None, speed: float = 1
) -> CaptureReading:
    """Read the captures at *paths* as one. Ctrl-C ends the reading, not the judgement. Raises JournalError."""
    total = 0
    for path in paths:
        with suppress(OSError):
            total += path.stat().st_size
    stop = stop_on_signals()
    with progress(total // _MIB, lines=False, bar=total > _LARGE) as shown:
        done = 0

        def show(read: int, packets: int) -> None:
            nonlocal done
            done = read
            shown.show(read // _MIB, f"MiB read, {packets} packets of NCP")

        try:
            found = read_captures(
                paths, idle_after=idle_after, until=until, speed=speed, progress=show, stopped=stop.is_set
            )
        except CaptureRefused as problem:
            raise JournalError(str(problem)) from None
    if found.stopped:
        say(f"stopped after {done // _MIB} of {total // _MIB} MiB", err=True)
    if not found.packets:
        raise JournalError(f"{', '.join(map(str, paths))}: no NCP in it; {_others(found)}")
    return found


def _others(found: CaptureReading) -> str:
    """The frames without NCP, by the reason for which each was skipped."""
    there = ", ".join(f"{count} of {what}" for what, count in found.skipped.items())
    return f"{found.frames} frames were skipped: {there}" if there else "it has no frame"


def told(result: Result, found: CaptureReading, report: Path | None) -> Result:
    """The result with what the captures show; their journals are kept in *report*. Raises JournalError."""
    about = [line for server in result.run.servers for line in summary.lines(server)]
    skipped = [f"not read: {count} of {what}" for what, count in found.skipped.items()]
    skipped += [f"{path}: cut off within a frame, or damaged: its end was not read" for path in found.cut]
    if found.stopped and result.verdict.verdict in ("released", "reclaimed"):
        result.verdict.reason = (
            f"the reading was stopped; until there {result.verdict.verdict}: {result.verdict.reason}"
        )
        result.verdict.verdict = "unknown"
    more = {"observed": [*map(summary.as_json, result.run.servers)], "skipped": dict(found.skipped)}
    kept = None
    if report is not None:
        kept = str(report)
        try:
            report.mkdir(parents=True, exist_ok=True)
            for journal in {id(server.journal): server.journal for server in result.run.servers}.values():
                file = JournalFile.create(report / _NO_NAME.sub("_", journal.name))
                file.write(journal.records)
                file.close()
        except OSError as problem:
            raise JournalError(f"{report}: the journals cannot be written: {problem.strerror}") from None
    return replace(result, kept=kept, about=[*about, *skipped], more=more)
