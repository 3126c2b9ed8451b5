"""Carrying plans out on a runner, each to its verdict, and keeping what is worth keeping."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from fakenw.journal import JournalFile
from fakenw.records import Journal
from harness.checks import judge
from harness.history import Run
from harness.report import Result
from harness.runners import memory, processes
from harness.scenario import Plan

RUNNERS = ("memory", "processes")


def conduct(
    plans: Sequence[Plan],
    on: str,
    *,
    report: Path | None,
    stop: threading.Event,
    show_output: IO[bytes] | int | None = None,
    ended: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Carry out *plans*, in order on memory and side by side in processes; *ended* hears of each.

    Journals are kept in *report*/SCENARIO/VARIANT. Without *report* a run in processes that did not end
    as expected is kept in a temporary directory, which its result names.
    """

    def one(plan: Plan) -> Result | None:
        if stop.is_set():
            return None
        result = _on_memory(plan, report) if on == "memory" else _in_processes(plan, report, stop, show_output)
        ended(result)
        return result

    if on == "memory":
        return [result for plan in plans if (result := one(plan)) is not None]
    with ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1)) as pool:
        return [result for result in pool.map(one, plans) if result is not None]


def _on_memory(plan: Plan, report: Path | None) -> Result:
    journals = memory.run(plan)
    run = Run.of(journals)
    kept = None
    if report is not None:
        kept = _folder(plan, report)
        for journal in journals:
            _write(journal, kept)
    return Result(run, judge(run), str(kept) if kept else None)


def _in_processes(
    plan: Plan, report: Path | None, stop: threading.Event, show_output: IO[bytes] | int | None
) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="harness-")) if report is None else _folder(plan, report)
    run = Run.of(processes.run(plan, folder, stop, show_output))
    verdict = judge(run)
    if report is None and verdict.ok:
        shutil.rmtree(folder)
        return Result(run, verdict)
    return Result(run, verdict, str(folder))


def _folder(plan: Plan, report: Path) -> Path:
    """An empty directory for the run; journals of an earlier run there are removed."""
    folder = report / plan.scenario / plan.variant
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jsonl"):
        old.unlink()
    return folder


def _write(journal: Journal, folder: Path) -> None:
    file = JournalFile.create(folder / journal.name)
    file.write(journal.records)
    file.close()


def run_directories(path: Path) -> Iterator[Path]:
    """*path* itself, or the run directories below it."""
    if path.is_dir() and not any(path.glob("*.jsonl")):
        yield from sorted({journal.parent for journal in path.rglob("runner.jsonl")})
    else:
        yield path
