"""Carrying out plans on a runner, each to its verdict, and storing the journals."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

from fakenw.journal.record import Record
from harness.client.reg_file import encoded
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.text import Result
from harness.runners import memory, real_time
from harness.runners.backend import Backend
from harness.runners.kept_runs import KeptRuns
from harness.runners.processes import Processes
from harness.runners.workers import Workers, WorkersError
from harness.scenario.plan import Plan

RUNNERS = ("memory", "processes", "containers")
LOOK_EVERY = 0.2  # seconds
PARALLEL = 4  # containers that are started at once; these are enough to occupy two cores


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run. *progress* is called with lines for the user.

    *commands* run each of the plans again. With *report* packets are captured too, except in containers. *workers*
    carry out runs on memory.
    """

    report: Path | None = None
    commands: Sequence[str] = ()
    show_output: IO[bytes] | int | None = None  # standard output of the user's own programs; None: a file
    parallel: int = PARALLEL
    keep: bool = False
    progress: Callable[[str], None] = lambda text: None
    workers: Workers = field(default_factory=Workers)


def run_plans(
    plans: Sequence[Plan],
    on: str,
    stop: threading.Event,
    options: RunOptions = RunOptions(),
    ended: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Carry out *plans*, on memory by the workers and otherwise in parallel; *ended* is called with each result.

    Journals go to REPORT/SCENARIO/VARIANT; where an earlier plan has taken that, to VARIANT+2. Without *report* a run
    on real time that did not end as expected stays for a while (``kept_runs.py``) in a folder that its result names.
    """
    folders = _folders(plans)
    commands = options.commands or [""] * len(plans)
    if on == "memory":
        return _on_memory(plans, folders, commands, stop, options, ended)
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
        folder = report or kept.folder(below)
        result = _on_real_time(plan, folder, backend(), stop, options)
        if report is None and result.verdict.ok and not options.keep:
            kept.drop(folder)
            result = replace(result, kept=None)
        result = replace(result, command=command)
        ended(result)
        return result

    with closing(kept), ThreadPoolExecutor(max_workers=at_once) as pool:
        jobs = [pool.submit(run_unless_stopped, *job) for job in zip(plans, folders, commands, strict=True)]
        # Python handles a signal in the main thread only, and a wait that begins just then does not notice it.
        while wait(jobs, timeout=LOOK_EVERY).not_done:
            pass
        return [result for job in jobs if (result := job.result()) is not None]


class _Made(NamedTuple):
    """What a worker made of the plan with that number; *files* are those of the run directory."""

    number: int
    result: Result
    files: dict[str, bytes]


def _on_memory(
    plans: Sequence[Plan],
    folders: Sequence[Path],
    commands: Sequence[str],
    stop: threading.Event,
    options: RunOptions,
    ended: Callable[[Result], None],
) -> list[Result]:
    workers = options.workers
    job = partial(_carry_out, options.report is not None, stop.is_set if workers.here else None)
    results = []
    try:
        for made in workers.map(job, enumerate(plans), stop.is_set):
            result = replace(made.result, command=commands[made.number])
            if options.report is not None:
                folder = options.report / folders[made.number]
                _prepare(folder)
                for name, data in made.files.items():
                    (folder / name).write_bytes(data)
                result = replace(result, kept=str(folder))
            ended(result)
            results.append(result)
    except WorkersError as problem:
        options.progress(f"harness: {problem}")
    return results


def _carry_out(written: bool, stopped: Callable[[], bool] | None, job: tuple[int, Plan]) -> _Made:
    """A run on memory, with its files if they are to be *written*."""
    number, plan = job
    capture = _Capture() if written else None
    journals = memory.run(plan, capture=capture, stopped=stopped or (lambda: False))
    run = RunHistory.of(journals)
    files = {}
    if capture is not None:
        files = {journal.name: "".join(map(Record.line, journal.records)).encode() for journal in journals}
        files |= {"capture.pcap": capture.data} | _registries(run)
    return _Made(number, Result(run, judge(run)), files)


class _Capture(BytesIO):
    """A file whose bytes remain when it is closed."""

    data = b""

    def close(self) -> None:
        if not self.closed:
            self.data = self.getvalue()
        super().close()


def _on_real_time(plan: Plan, folder: Path, backend: Backend, stop: threading.Event, options: RunOptions) -> Result:
    _prepare(folder)
    run = RunHistory.of(real_time.run(plan, folder, backend, stop, options.progress))
    for name, data in _registries(run).items():
        (folder / name).write_bytes(data)
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


def _registries(run: RunHistory) -> dict[str, bytes]:
    """Each client's last registry as a file, for regedit and ``harness diagnose``."""
    files = {}
    for client in run.clients:
        texts = [record.get("text") for record in client.journal.records if record.event == "registry"]
        if texts and isinstance(texts[-1], str):
            name = Path(client.journal.name).with_suffix(".reg").name
            files[name] = encoded(texts[-1], client.journal.name)
    return files


def run_directories(path: Path) -> Iterator[Path]:
    """*path* itself, or the run directories below it."""
    if path.is_dir() and not any(path.glob("*.jsonl")):
        yield from sorted({journal.parent for journal in path.rglob("runner.jsonl")})
    else:
        yield path
