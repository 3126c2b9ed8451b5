"""Carrying plans out on a runner, each to its verdict, and keeping what is worth keeping."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fakenw.journal import JournalFile
from fakenw.records import Journal
from harness.checks import judge
from harness.history import Run
from harness.plan import Plan
from harness.report import Result
from harness.runners import memory, realtime
from harness.runners.processes import Processes
from harness.runners.realtime import Site

RUNNERS = ("memory", "processes", "containers")
PARALLEL = 4  # containers that are started at once; two cores are busy with as many


@dataclass(frozen=True, slots=True)
class Options:
    """How to run where there is a choice. *tell* hears of the progress of long work."""

    report: Path | None = None
    show_output: IO[bytes] | int | None = None  # where a program of the user's own prints; None: to a file
    parallel: int = PARALLEL
    keep: bool = False
    tell: Callable[[str], None] = lambda text: None


def conduct(
    plans: Sequence[Plan],
    on: str,
    stop: threading.Event,
    options: Options = Options(),
    ended: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Carry out *plans*, in order on memory and else side by side; *ended* hears of each.

    Journals are kept in REPORT/SCENARIO/VARIANT. Without *report* a run on real time that did not end as
    expected is kept in a temporary directory, which its result names.
    """
    if on == "containers":
        from harness.runners.containers import Containers  # the Docker SDK is an extra

        turns = threading.Semaphore(options.parallel)
        at_once = options.parallel  # most of a run is waiting

        def site() -> Site:
            return Containers(turns, options.parallel, options.keep, options.tell)

    else:
        at_once = 2 * (os.cpu_count() or 1)

        def site() -> Site:
            return Processes(options.show_output)

    def one(plan: Plan) -> Result | None:
        if stop.is_set():
            return None
        result = _on_memory(plan, options.report) if on == "memory" else _on_real_time(plan, site(), stop, options)
        ended(result)
        return result

    if on == "memory":
        return [result for plan in plans if (result := one(plan)) is not None]
    with ThreadPoolExecutor(max_workers=at_once) as pool:
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


def _on_real_time(plan: Plan, site: Site, stop: threading.Event, options: Options) -> Result:
    report = options.report
    folder = Path(tempfile.mkdtemp(prefix="harness-")) if report is None else _folder(plan, report)
    run = Run.of(realtime.run(plan, folder, site, stop, options.tell))
    verdict = judge(run)
    if report is None and verdict.ok and not options.keep:
        shutil.rmtree(folder)
        return Result(run, verdict)
    return Result(run, verdict, str(folder))


def _folder(plan: Plan, report: Path) -> Path:
    """An empty directory for the run; journals of an earlier run there are removed."""
    folder = report / plan.scenario / plan.variant
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.jsonl"), *folder.glob("*.log")]:
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
