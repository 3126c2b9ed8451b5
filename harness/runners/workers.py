"""Independent runs on workers: this process, several processes of this computer, or a cluster of Dask.

Rules of this file:

* Results come in the order of the items, whichever worker was faster. A function and its items are sent by pickle; a
  worker gets nothing else, and what it finds out it returns.
* Work that is not waited for any more is ended at once, with its processes. A worker does not hear Ctrl-C, for its
  parent does, and ends with its parent, even where that is killed.
* A worker that dies ends the work with one sentence, after the results that are there.
* A result of another process comes through a file: a worker that was killed while it wrote to a pipe would keep the
  reader waiting for ever.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 64  # items of each worker that are sent before their results are asked for: some take a hundred times longer
LOOK_EVERY = 0.2  # seconds
KILLED = "a worker process was killed; perhaps there was too little memory"


class WorkersError(Exception):
    """There are no workers, or they do no more work: one sentence."""


def _never() -> bool:
    return False


class Workers:
    """The only worker is this process. A function and items need not be known to pickle."""

    here = True

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *problem: object) -> None:
        self.end()

    def end(self) -> None:
        """End all work at once."""

    def map(self, function: Callable[[T], R], items: Iterable[T], stopped: Callable[[], bool] = _never) -> Iterator[R]:
        """The result of each item, in order. Once it is *stopped* those that are there, and no more.

        Raises WorkersError where workers are gone.
        """
        for item in items:
            if stopped():
                return
            yield function(item)


class ExecutorWorkers(Workers):
    """Workers that an executor reaches."""

    here = False

    def __init__(self, count: int) -> None:
        self.count = count
        self._executor: Executor | None = None

    def start(self, module: str) -> Executor:
        """The executor, for functions of *module*."""
        raise NotImplementedError

    def submit(self, executor: Executor, function: Callable[[T], R], item: T) -> Future[Any]:
        return executor.submit(function, item)

    def result(self, future: Future[Any]) -> Any:
        """The result, which is there. Raises what the function raised, or WorkersError."""
        return future.result()

    def look(self) -> None:
        """Called while a result is waited for. Raises WorkersError where there will be none."""

    def map(self, function: Callable[[T], R], items: Iterable[T], stopped: Callable[[], bool] = _never) -> Iterator[R]:
        if self._executor is None:
            self._executor = self.start(getattr(function, "func", function).__module__)
        left, pending = iter(items), deque[Future[Any]]()
        try:
            while not stopped():
                for item in islice(left, self.count * AHEAD - len(pending)):
                    pending.append(self.submit(self._executor, function, item))
                if not pending:
                    return
                if wait([pending[0]], timeout=LOOK_EVERY).done:
                    yield self.result(pending[0])
                    pending.popleft()
                else:
                    self.look()
            yield from self._there(pending)
        except WorkersError:
            yield from self._there(pending)
            raise
        finally:
            if pending:
                self.end()

    def _there(self, pending: Iterable[Future[Any]]) -> Iterator[Any]:
        for one in pending:
            if one.done() and not one.cancelled() and not one.exception():
                yield self.result(one)


class ProcessWorkers(ExecutorWorkers):
    """Processes of this computer."""

    def start(self, module: str) -> Executor:
        self._folder = tempfile.TemporaryDirectory(prefix="fakenw-workers-")
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload([module])  # imported once: the workers are copies
            resource_tracker.ensure_running()  # which else would begin below, and clear the mask
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # for good, in all that it starts
            forkserver.ensure_running()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._begun: set[Any] = set()  # the processes
        return ProcessPoolExecutor(self.count, context, _follow_parent, (self._folder.name,))

    def look(self) -> None:
        """The executor does not notice the end of a process that it has started while it waited for others."""
        if self._begun - set(multiprocessing.active_children()):
            raise WorkersError(KILLED)

    def end(self) -> None:
        if self._executor is not None:
            for process in multiprocessing.active_children():
                process.kill()
            self._executor.shutdown()
            self._executor = None
            self._folder.cleanup()

    def submit(self, executor: Executor, function: Callable[[T], R], item: T) -> Future[Any]:
        try:
            future = executor.submit(_to_file, self._folder.name, function, item)
        except BrokenExecutor:
            raise WorkersError(KILLED) from None
        self._begun.update(multiprocessing.active_children())
        return future

    def result(self, future: Future[Any]) -> Any:
        try:
            file = Path(future.result())
        except BrokenExecutor:
            raise WorkersError(KILLED) from None
        made = pickle.loads(file.read_bytes())
        file.unlink()
        return made


def _follow_parent(folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()


def _end_with_parent(folder: str) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _to_file(folder: str, function: Callable[[T], R], item: T) -> str:
    """Write the result to a file of *folder*; returns its path."""
    made = pickle.dumps(function(item), pickle.HIGHEST_PROTOCOL)
    descriptor, path = tempfile.mkstemp(dir=folder)
    with open(descriptor, "wb") as file:
        file.write(made)
    return path
