"""Carrying plans out on a runner, each to its verdict, and keeping what is worth keeping."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from fakenw.journal.record import Journal
from fakenw.journal.writer import JournalFile
from harness.client.reg_file import encoded
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.text import Result
from harness.runners import memory, real_time
from harness.runners.backend import Backend
from harness.runners.processes import Processes
from harness.scenario.plan import Plan

RUNNERS = ("memory", "processes", "containers")
PARALLEL = 4  # containers that are started at once; two cores are busy with as many


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run where there is a choice. *tell* hears of the progress of long work.

    *commands* begin each of the plans again. With *report* the packets are captured too, where that can be done.
    """

    report: Path | None = None
    commands: Sequence[str] = ()
    show_output: IO[bytes] | int | None = None  # where a program of the user's own prints; None: to a file
    parallel: int = PARALLEL
    keep: bool = False
    tell: Callable[[str], None] = lambda text: None


def run_plans(
    plans: Sequence[Plan],
    on: str,
    stop: threading.Event,
    options: RunOptions = RunOptions(),
    ended: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Carry out *plans*, in order on memory and else side by side; *ended* hears of each.

    Journals are kept in REPORT/SCENARIO/VARIANT; where that is taken by an earlier plan, in VARIANT+2. Without
    *report* a run on real time that did not end as expected is kept in a temporary directory, which its result names.
    """
    if on == "containers":
        from harness.runners.containers import Containers  # the Docker SDK is an extra

        turns = threading.Semaphore(options.parallel)
        at_once = options.parallel  # most of a run is waiting

        def backend() -> Backend:
            return Containers(turns, options.parallel, options.keep, options.tell)

    else:
        at_once = 2 * (os.cpu_count() or 1)

        def backend() -> Backend:
            return Processes(options.show_output, capture=options.report is not None)

    def one(plan: Plan, folder: Path | None, command: str) -> Result | None:
        if stop.is_set():
            return None
        result = _on_memory(plan, folder) if on == "memory" else _on_real_time(plan, folder, backend(), stop, options)
        result = replace(result, command=command)
        ended(result)
        return result

    folders = [None] * len(plans) if options.report is None else _folders(plans, options.report)
    commands = options.commands or [""] * len(plans)
    if on == "memory":
        results: Iterable[Result | None] = map(one, plans, folders, commands)
        return [result for result in results if result is not None]
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return [result for result in pool.map(one, plans, folders, commands) if result is not None]


def _on_memory(plan: Plan, folder: Path | None) -> Result:
    if folder is None:
        run = RunHistory.of(memory.run(plan))
        return Result(run, judge(run))
    _empty(folder)
    with (folder / "capture.pcap").open("wb") as capture:
        journals = memory.run(plan, capture)
    for journal in journals:
        _write(journal, folder)
    run = RunHistory.of(journals)
    _keep_registries(run, folder)
    return Result(run, judge(run), str(folder))


def _on_real_time(
    plan: Plan, kept: Path | None, backend: Backend, stop: threading.Event, options: RunOptions
) -> Result:
    folder = kept or Path(tempfile.mkdtemp(prefix="harness-"))
    _empty(folder)
    run = RunHistory.of(real_time.run(plan, folder, backend, stop, options.tell))
    verdict = judge(run)
    if kept is None and verdict.ok and not options.keep:
        shutil.rmtree(folder)
        return Result(run, verdict)
    _keep_registries(run, folder)
    return Result(run, verdict, str(folder))


def _folders(plans: Sequence[Plan], report: Path) -> list[Path]:
    """Where each run is kept."""
    taken: Counter[tuple[str, str]] = Counter()
    folders = []
    for plan in plans:
        taken[plan.scenario, plan.variant] += 1
        times = taken[plan.scenario, plan.variant]
        folders.append(report / plan.scenario / (plan.variant if times == 1 else f"{plan.variant}+{times}"))
    return folders


def _empty(folder: Path) -> None:
    """Make the directory where it is missing; what an earlier run has left there is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("jsonl", "log", "pcap", "reg"):
        for old in folder.glob(f"*.{kind}"):
            old.unlink()


def _keep_registries(run: RunHistory, folder: Path) -> None:
    """Write what each client said its registry was in the end, for regedit and ``harness diagnose``."""
    for client in run.clients:
        texts = [record.get("text") for record in client.journal.records if record.event == "registry"]
        if texts and isinstance(texts[-1], str):
            name = Path(client.journal.name).with_suffix(".reg").name
            (folder / name).write_bytes(encoded(texts[-1], client.journal.name))


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
