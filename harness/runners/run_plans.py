"""Carrying out plans on a runner, each to its verdict, and storing the journals."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
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
from harness.runners.kept_runs import KeptRuns
from harness.runners.processes import Processes
from harness.scenario.plan import Plan

RUNNERS = ("memory", "processes", "containers")
LOOK_EVERY = 0.2  # seconds
PARALLEL = 4  # containers that are started at once; these are enough to occupy two cores


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run. *progress* is called with lines for the user.

    *commands* run each of the plans again. With *report* packets are captured too, except in containers.
    """

    report: Path | None = None
    commands: Sequence[str] = ()
    show_output: IO[bytes] | int | None = None  # standard output of the user's own programs; None: a file
    parallel: int = PARALLEL
    keep: bool = False
    progress: Callable[[str], None] = lambda text: None


def run_plans(
    plans: Sequence[Plan],
    on: str,
    stop: threading.Event,
    options: RunOptions = RunOptions(),
    ended: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Carry out *plans*, in order on memory and otherwise in parallel; *ended* is called with each result.

    Journals go to REPORT/SCENARIO/VARIANT; where an earlier plan has taken that, to VARIANT+2. Without *report* a run
    on real time that did not end as expected stays for a while (``kept_runs.py``) in a folder that its result names.
    """
    if on == "containers":
        from harness.runners.containers import Containers  # the Docker SDK is an extra

        starting = threading.Semaphore(options.parallel)
        at_once = options.parallel

        def backend() -> Backend:
            return Containers(starting, options.parallel, options.keep, options.progress)

    else:
        at_once = 2 * (os.cpu_count() or 1)  # most of a run is waiting

        def backend() -> Backend:
            return Processes(options.show_output, capture=options.report is not None)

    kept = KeptRuns()

    def run_unless_stopped(plan: Plan, below: Path, command: str) -> Result | None:
        if stop.is_set():
            return None
        report = None if options.report is None else options.report / below
        if on == "memory":
            result = _on_memory(plan, report, stop)
        else:
            folder = report or kept.folder(below)
            result = _on_real_time(plan, folder, backend(), stop, options)
            if report is None and result.verdict.ok and not options.keep:
                kept.drop(folder)
                result = replace(result, kept=None)
        result = replace(result, command=command)
        ended(result)
        return result

    folders = _folders(plans)
    commands = options.commands or [""] * len(plans)
    if on == "memory":
        results: Iterable[Result | None] = map(run_unless_stopped, plans, folders, commands)
        return [result for result in results if result is not None]
    with closing(kept), ThreadPoolExecutor(max_workers=at_once) as pool:
        jobs = [pool.submit(run_unless_stopped, *job) for job in zip(plans, folders, commands, strict=True)]
        # Python handles a signal in the main thread only, and a wait that begins just then does not notice it.
        while wait(jobs, timeout=LOOK_EVERY).not_done:
            pass
        return [result for job in jobs if (result := job.result()) is not None]


def _on_memory(plan: Plan, folder: Path | None, stop: threading.Event) -> Result:
    if folder is None:
        run = RunHistory.of(memory.run(plan, stopped=stop.is_set))
        return Result(run, judge(run))
    _prepare(folder)
    with (folder / "capture.pcap").open("wb") as capture:
        journals = memory.run(plan, capture, stop.is_set)
    for journal in journals:
        _write(journal, folder)
    run = RunHistory.of(journals)
    _write_registries(run, folder)
    return Result(run, judge(run), str(folder))


def _on_real_time(plan: Plan, folder: Path, backend: Backend, stop: threading.Event, options: RunOptions) -> Result:
    _prepare(folder)
    run = RunHistory.of(real_time.run(plan, folder, backend, stop, options.progress))
    _write_registries(run, folder)
    return Result(run, judge(run), str(folder))


def _folders(plans: Sequence[Plan]) -> list[Path]:
    """The directory of each run, below that of the report."""
    taken: Counter[tuple[str, str]] = Counter()
    folders = []
    for plan in plans:
        taken[plan.scenario, plan.variant] += 1
        times = taken[plan.scenario, plan.variant]
        folders.append(Path(plan.scenario) / (plan.variant if times == 1 else f"{plan.variant}+{times}"))
    return folders


def _prepare(folder: Path) -> None:
    """Make the directory where it is missing, and remove the files of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("jsonl", "log", "pcap", "reg"):
        for old in folder.glob(f"*.{kind}"):
            old.unlink()


def _write_registries(run: RunHistory, folder: Path) -> None:
    """Write each client's last registry to a file, for regedit and ``harness diagnose``."""
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
