"""A load over real sockets: a server, and worker processes with the clients.

Rules of this file:

* Every process is ended: in order where that is possible, otherwise by force.
* The first Ctrl-C lets every client log out, and the report covers what was done until then; the second does not wait.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from fakenw.journal.record import SECOND
from fakenw.server_process import ProcessGroup
from harness.load.outcome import Outcome
from harness.load.server_view import ServerView
from harness.load.servers import ForeignServer, NoServer, OwnServer
from harness.load.specification import LoadSpecification
from harness.load.statistics import LoadStatistics

POLL_INTERVAL = 0.5  # seconds
LOGOUT_WITHIN = 60.0  # seconds, after a stop


class WorkerProcess(ProcessGroup):
    """A process with some of the clients: its latest progress, and at the end its statistics."""

    def __init__(self, **instructions: Any) -> None:
        command = (sys.executable, "-m", "harness.load.worker")
        super().__init__(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.progress: dict[str, Any] = {}
        self.statistics: LoadStatistics | None = None
        self._partial = b""
        self.instruct(**instructions)

    def instruct(self, **instructions: Any) -> None:
        with suppress(BrokenPipeError):  # it has ended, which its standard output shows
            self.send(instructions)

    def read(self) -> bool:
        """Read its standard output, which must be readable. Returns False at the end of it."""
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        *lines, self._partial = (self._partial + data).split(b"\n")
        for report in map(json.loads, lines):
            if "statistics" in report:
                self.statistics = LoadStatistics.from_json(report["statistics"])
            else:
                self.progress = report
        return bool(data)


@dataclass(frozen=True)
class LoadProgress:
    """The state of a running load."""

    seconds: float
    held: int
    limit: int
    logons: int
    expected: int
    refused: int
    latencies: list[int]  # of the last logons


def carry_out(
    spec: LoadSpecification,
    server: OwnServer | ForeignServer,
    view: ServerView | None,
    processes: int,
    sources: Sequence[str],
    on_progress: Callable[[LoadProgress], None],
) -> Outcome:
    """Carry out a load, from its first logon on. Raises NoServer, or KeyboardInterrupt at a second Ctrl-C."""
    begun, whole = time.monotonic(), True
    with ExitStack() as stack:
        stack.callback(server.close)
        workers: list[WorkerProcess] = []
        for first in range(processes):
            addresses = list(sources[first::processes] or sources)
            part = {"first": first, "every": processes, "sources": addresses}
            workers.append(WorkerProcess(specification=spec.to_json(), server=server.address, **part))
            stack.callback(workers[-1].kill)
        try:
            _run_to_end(spec, server, view, workers, on_progress, begun)
        except KeyboardInterrupt:
            whole = False
            for worker in workers:
                worker.instruct(command="stop")
            _read_until_ended(workers, server.catch_up, time.monotonic() + LOGOUT_WITHIN)
        statistics = LoadStatistics()
        for worker in workers:
            if worker.statistics is None:
                raise NoServer(f"the clients did not log out within {LOGOUT_WITHIN:g} s")
            statistics.add(worker.statistics)
        server.end()
        seconds = time.monotonic() - begun
        return Outcome(spec, statistics, view, seconds, virtual=False, whole=whole, skipped=spec.first_logon())


def _run_to_end(
    spec: LoadSpecification,
    server: OwnServer | ForeignServer,
    view: ServerView | None,
    workers: list[WorkerProcess],
    on_progress: Callable[[LoadProgress], None],
    begun: float,
) -> None:
    expected, ended, quiet = spec.clients * spec.days, False, 0
    lasts = (spec.day * spec.days - spec.first_logon()) / SECOND

    def poll() -> None:
        nonlocal ended, quiet
        server.catch_up()
        for worker in workers:
            if worker.statistics is None and worker.code() is not None:
                raise NoServer(f"a process of clients ended by itself (exit code {worker.code()})")
        reports = [worker.progress for worker in workers if worker.progress]
        logons = sum(report["logons"] for report in reports)
        latencies = [latency for report in reports for latency in report["latencies"]]
        refused = sum(report["clients_refused"] for report in reports)
        held, limit = (view.fold.held, view.fold.limit) if view else (0, 0)
        elapsed = time.monotonic() - begun
        on_progress(LoadProgress(elapsed, held, limit, logons, expected, refused, latencies))
        idle = len(reports) == len(workers) and logons == expected and not any(report["busy"] for report in reports)
        quiet = quiet + 1 if idle else 0
        if quiet >= 2 and not ended and (spec.retry is None or elapsed >= lasts):
            ended = True
            for worker in workers:
                worker.instruct(command="end")

    _read_until_ended(workers, poll, None)


def _read_until_ended(workers: list[WorkerProcess], poll: Callable[[], None], deadline: float | None) -> None:
    """Read from all workers until each has reported its statistics or has ended. Calls *poll* regularly."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            if worker.statistics is None:
                assert worker.process.stdout is not None
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        due = 0.0
        while selector.get_map() and (deadline is None or time.monotonic() < deadline):
            for key, _ in selector.select(POLL_INTERVAL):
                if not key.data.read() or key.data.statistics is not None:
                    selector.unregister(key.fileobj)
            if time.monotonic() >= due:
                poll()
                due = time.monotonic() + POLL_INTERVAL
    poll()
