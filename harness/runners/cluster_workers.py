"""The workers of a cluster of Dask, which its users start: a scheduler, and workers with this version of fakenw."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import platform
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distributed import Client, Security
from distributed.core import rpc
from distributed.scheduler import KilledWorker

from harness.runners.workers import ExecutorWorkers, R, T, WorkersError

PATIENCE = 10  # seconds, for a scheduler and its first worker
COUNT_EVERY = 5  # seconds


def edition() -> str:
    """What must be the same on all computers, so that the results are."""
    digest = hashlib.sha256()
    for package in ("fakenw", "harness"):
        spec = find_spec(package)
        assert spec is not None
        for folder in spec.submodule_search_locations or ():
            for file in sorted(Path(folder).rglob("*")):
                if file.suffix in (".py", ".yaml"):
                    digest.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    python = ".".join(platform.python_version_tuple()[:2])
    return f"fakenw {version('fakenw')} (sources {digest.hexdigest()[:8]}) on Python {python}"


class ClusterWorkers(ExecutorWorkers):
    """The workers of the scheduler at *address*: HOST:PORT, or a URL of Dask's. Raises WorkersError."""

    def __init__(self, address: str) -> None:
        self._address = address
        try:
            kind = asyncio.run(asyncio.wait_for(_identity(address), PATIENCE)).get("type")
        except ValueError as problem:
            raise WorkersError(f"--cluster {address}: {problem}; expected HOST:PORT") from None
        except Exception:  # what answers may be anything, and what Dask makes of it too
            raise WorkersError(f"--cluster {address}: no scheduler of Dask answers there") from None
        if kind != "Scheduler":
            raise WorkersError(f"--cluster {address}: that is no scheduler of Dask, but a {kind}")
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # tracebacks, where one sentence is enough
        self._client = Client(address, timeout=PATIENCE, set_as_default=False)
        try:
            self._check()
            super().__init__(sum(self._client.nthreads().values()))
        except BaseException:
            self._client.close()
            raise
        self._counted = time.monotonic()

    def _check(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise WorkersError(f"--cluster {self._address}: the scheduler has no worker") from None
        here = edition()
        for worker, there in self._client.run(edition, on_error="return").items():
            if there != here:
                raise WorkersError(f"--cluster {self._address}: here is {here}, but on worker {worker}: {there}")

    def __exit__(self, *problem: object) -> None:
        super().__exit__(*problem)
        self._client.close()

    def start(self, module: str) -> Executor:
        executor: Executor = self._client.get_executor(pure=False)
        return executor

    def end(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=False)
            self._executor = None

    def submit(self, executor: Executor, function: Callable[[T], R], item: T) -> Future[Any]:
        if self._client.status != "running":
            raise self._gone()
        return super().submit(executor, function, item)

    def result(self, future: Future[Any]) -> Any:
        try:
            return super().result(future)
        except CancelledError:
            raise self._gone() from None
        except KilledWorker as problem:
            last = problem.last_worker.address
            raise WorkersError(f"a run has killed several workers of the cluster, the last at {last}") from None

    def look(self) -> None:
        if time.monotonic() - self._counted > COUNT_EVERY:
            try:
                workers = self._client.nthreads()
            except OSError:
                raise self._gone() from None
            if not workers:
                raise WorkersError(f"the scheduler at {self._address} has no worker any more")
            self._counted = time.monotonic()
        elif self._client.status != "running":
            raise self._gone()

    def _gone(self) -> WorkersError:
        return WorkersError(f"the scheduler at {self._address} is gone")


async def _identity(address: str) -> dict[str, Any]:
    """What answers at *address* says of itself. A client of Dask would retry, and tell of it at its end."""
    remote = rpc(address, timeout=PATIENCE, connection_args=Security().get_connection_args("client"))
    try:
        found: dict[str, Any] = await remote.identity()
        return found
    finally:
        await remote.close_rpc()
