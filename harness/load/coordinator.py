"""A load over real sockets: a server, crowds of clients in processes of their own, and somebody who watches.

Rules of this file:

* Whatever happens, every process ends: in order where it can, killed where not.
* The first Ctrl-C lets every client log out, and the report says what was done; the second does not wait.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakenw.journal.record import SECOND
from harness.load.outcome import Outcome
from harness.load.server_view import ServerView
from harness.load.servers import ForeignServer, NoServer, OwnServer
from harness.load.specification import LoadSpecification
from harness.load.statistics import LoadStatistics

LOOK_EVERY = 0.5  # seconds
LET_GO_WITHIN = 60.0  # seconds, after a stop


@dataclass
class WorkerProcess:
    """A process of clients: how far it says it is, and at the end its tally."""

    process: subprocess.Popen[bytes]
    progress: dict[str, Any] = field(default_factory=dict)
    statistics: LoadStatistics | None = None
    rest: bytes = b""

    def read(self) -> bool:
        """Read what it says; whether it still says something."""
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for said in map(json.loads, lines):
            if "tally" in said:
                self.statistics = LoadStatistics.from_json(said["tally"])
            else:
                self.progress = said
        return bool(data)

    def say(self, word: str) -> None:
        """Give it a command."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(word.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, which is noticed elsewhere


@dataclass(frozen=True)
class LoadProgress:
    """How a load stands: for whoever watches."""

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
    watch: Callable[[LoadProgress], None],
) -> Outcome:
    """Let it happen. Raises NoServer, or KeyboardInterrupt where it could not even be ended in order."""
    begun, whole = time.monotonic(), True
    workers: list[WorkerProcess] = []
    try:
        for first in range(processes):
            workers.append(_worker(spec, server.address, first, processes, sources[first::processes] or sources))
        try:
            _until_done(spec, server, view, workers, watch, begun)
        except KeyboardInterrupt:
            whole = False
            for worker in workers:
                worker.say("stop")
            _listen(workers, lambda: server.catch_up(), time.monotonic() + LET_GO_WITHIN)
        statistics = LoadStatistics()
        for worker in workers:
            if worker.statistics is None:
                raise NoServer(f"a process of clients ended by itself (exit code {worker.process.poll()})")
            statistics.add(worker.statistics)
        server.end()
        return Outcome(spec, statistics, view, time.monotonic() - begun, virtual=False, whole=whole)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.communicate()
        server.close()


def _worker(
    spec: LoadSpecification, server: tuple[str, int], first: int, every: int, sources: Sequence[str]
) -> WorkerProcess:
    command = [sys.executable, "-m", "harness.load.worker"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process: subprocess.Popen[bytes] = subprocess.Popen(command, start_new_session=True, **pipes)  # type: ignore[call-overload]
    worker = WorkerProcess(process)
    asked = {"order": spec.to_json(), "server": server, "first": first, "every": every, "sources": list(sources)}
    worker.say(json.dumps(asked))
    return worker


def _until_done(
    spec: LoadSpecification,
    server: OwnServer | ForeignServer,
    view: ServerView | None,
    workers: list[WorkerProcess],
    watch: Callable[[LoadProgress], None],
    begun: float,
) -> None:
    expected, ended, quiet = spec.clients * spec.days, False, 0

    def look() -> None:
        nonlocal ended, quiet
        server.catch_up()
        progress = [worker.progress for worker in workers if worker.progress]
        logons = sum(one["logons"] for one in progress)
        latencies = [latency for one in progress for latency in one["latencies"]]
        refused = sum(one["clients_refused"] for one in progress)
        held, limit = (view.fold.held, view.fold.limit) if view else (0, 0)
        elapsed = time.monotonic() - begun
        watch(LoadProgress(elapsed, held, limit, logons, expected, refused, latencies))
        idle = len(progress) == len(workers) and logons == expected and not any(one["busy"] for one in progress)
        quiet = quiet + 1 if idle else 0
        if quiet >= 2 and not ended and (spec.retry is None or elapsed >= spec.day * spec.days / SECOND):
            ended = True
            for worker in workers:
                worker.say("end")

    _listen(workers, look, None)


def _listen(workers: list[WorkerProcess], look: Callable[[], None], deadline: float | None) -> None:
    """Until every crowd has said its tally, or has ended."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            if worker.statistics is None:
                assert worker.process.stdout is not None
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        due = 0.0
        while selector.get_map() and (deadline is None or time.monotonic() < deadline):
            for key, _ in selector.select(LOOK_EVERY):
                if not key.data.read() or key.data.statistics is not None:
                    selector.unregister(key.fileobj)
            if time.monotonic() >= due:
                look()
                due = time.monotonic() + LOOK_EVERY
    look()
