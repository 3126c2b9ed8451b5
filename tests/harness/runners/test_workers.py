"""Work on several processes: results in order, and an end to all of it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import re
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.runners import workers
from harness.runners.workers import ProcessWorkers, Workers, WorkersError
from tests.harness.runners import jobs
from tests.programs import wait_until

pytestmark = pytest.mark.process


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Two processes, which leave nothing behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ProcessWorkers(2) as workers:
        yield workers
    assert multiprocessing.active_children() == []
    assert [file for file in tmp_path.iterdir() if file.name.startswith("fakenw")] == []


def test_results_come_in_order(two: Workers) -> None:
    """From other processes, and large ones too; and again, for a second time."""
    found = list(two.map(jobs.process, range(200)))
    assert [item for item, _ in found] == list(range(200))
    assert os.getpid() not in {process for _, process in found}
    assert list(two.map(jobs.large, range(5))) == [bytes([item]) * jobs.LARGE for item in range(5)]


def test_a_single_worker_is_this_process() -> None:
    with Workers() as workers:
        assert list(workers.map(lambda item: (item, os.getpid()), range(3))) == [(n, os.getpid()) for n in range(3)]


def test_items_without_end(two: Workers) -> None:
    """They are taken as they are needed, and what is not waited for ends."""
    found = itertools.islice(two.map(jobs.process, itertools.count()), 300)
    assert [item for item, _ in found] == list(range(300))
    assert [item for item, _ in two.map(jobs.process, range(3))] == [0, 1, 2]


def test_a_killed_process_is_told(two: Workers) -> None:
    """After the results that are there."""
    found: list[int] = []
    with pytest.raises(WorkersError, match="a worker process was killed"):
        found.extend(two.map(partial(jobs.killed, 3), range(4)))
    assert found == sorted(found)
    assert 3 not in found
    assert list(two.map(partial(jobs.killed, 3), range(3))) == [0, 1, 2]


def test_no_process_hears_ctrl_c(two: Workers) -> None:
    """Also not while it begins: a terminal sends it to all, and Python would print a traceback."""
    (_, worker), *_ = two.map(jobs.process, range(2))
    for process in (psutil.Process(worker), psutil.Process(worker).parent()):
        assert process is not None
        status = Path(f"/proc/{process.pid}/status").read_text()
        (blocked,) = re.findall(r"^SigBlk:\s*([0-9a-f]+)", status, re.MULTILINE)
        assert int(blocked, 16) & 1 << signal.SIGINT - 1


def test_an_error_is_raised_here(two: Workers) -> None:
    with pytest.raises(ValueError, match="item 0"):
        list(two.map(jobs.mistaken, range(5)))


def test_a_killed_process_is_told_among_items_without_end(two: Workers) -> None:
    """Also where it is while others are sent."""
    with pytest.raises(WorkersError, match="a worker process was killed"):
        deque(two.map(partial(jobs.killed, 500), itertools.count()), maxlen=0)


class Unaware(Executor):
    """It starts a process for each item, and never notices that one has ended, as Python's own may not."""

    def __init__(self) -> None:
        self.started: list[multiprocessing.process.BaseProcess] = []

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        self.started.append(multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,)))
        self.started[-1].start()
        return Future()


def test_a_killed_process_is_told_where_the_executor_does_not_notice_it(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Unaware()
    monkeypatch.setattr(workers, "ProcessPoolExecutor", lambda *_: executor)

    looks = iter(range(50))

    def stopped() -> bool:
        for process in executor.started[1:]:
            process.kill()
        return next(looks, None) is None

    with ProcessWorkers(2) as pool, pytest.raises(WorkersError, match="a worker process was killed"):
        list(pool.map(jobs.process, range(2), stopped))


@pytest.mark.parametrize("workers", ["two", "one"])
def test_stopped(workers: str, request: pytest.FixtureRequest) -> None:
    """Results that are there come, and no more; no process goes on."""
    pool = request.getfixturevalue("two") if workers == "two" else Workers()
    seen: list[int] = []
    for item, _ in pool.map(jobs.process, itertools.count(), stopped=lambda: len(seen) >= 3):
        seen.append(item)
    assert seen[:3] == [0, 1, 2]


def test_stopped_in_the_middle(two: Workers, tmp_path: Path) -> None:
    """A run that has no end is ended with its process."""
    places = [str(tmp_path)] * 5
    running: list[int] = []

    def stopped() -> bool:
        running[:] = [int(file.name) for file in tmp_path.iterdir() if file.name.isdecimal()]
        return len(running) == 2

    assert list(two.map(jobs.endless, places, stopped)) == []
    wait_until(lambda: not any(Path("/proc", str(one)).exists() for one in running), "the processes have ended")
