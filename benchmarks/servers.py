"""The measured servers: ``fakenw serve``, and bare ones for comparison.

Rules of this file:

* Our server writes its journal to a file and has its administration, so that the cost of both is measured.
* A bare server answers with as many bytes as ours, or it would have less to do. A request's last byte chooses the
  reply, since requests of the same size may have replies of different sizes.
* Every server is a process, and it is always ended.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from benchmarks.steps import PASSWORD, USER, CannotMeasure
from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from fakenw.health import Address
from fakenw.server_process import ServerFailed, ServerProcess
from fakenw.wire.packet import LARGEST_CONNECTION

_number = count(1)


class MeasuredServer(NamedTuple):
    """A server that listens. ``admin`` is the URL of ours."""

    transport: str
    address: Address
    pid: int
    admin: str = ""

    def held(self) -> int:
        """The number of licenses held. Raises CannotMeasure."""
        try:
            return int(AdminClient(self.admin, timeout=60).get("/api/licenses")["held"])
        except (AdminRefused, AdminUnreachable) as problem:
            raise CannotMeasure(str(problem)) from None

    def memory(self) -> int:
        """Its resident memory in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


@contextmanager
def ours(folder: Path, transport: str, *more: str) -> Iterator[MeasuredServer]:
    """Our server, with a journal in *folder*."""
    name = folder / f"server-{next(_number)}"
    most = ("--licenses", LARGEST_CONNECTION, "--connections", LARGEST_CONNECTION)
    options = [*most, "--listen", f"{transport}:127.0.0.1:0", "--seed", 1]
    options += ["--admin", "127.0.0.1:0", "--user", f"{USER}:{PASSWORD}", "--journal", f"{name}.jsonl"]
    # Its standard error goes to a file: on a terminal it would write every event as a sentence.
    with _running(ServerProcess(*options, *more, log=Path(f"{name}.log"))) as server:
        yield server


@contextmanager
def baseline(transport: str, sizes: Sequence[int]) -> Iterator[MeasuredServer]:
    """A Twisted server that only answers, with replies of these *sizes*."""
    program = (sys.executable, "-m", "benchmarks.echo")
    with _running(ServerProcess(transport, *sizes, program=program)) as server:
        yield server


@contextmanager
def in_c(program: Path, sizes: Sequence[int]) -> Iterator[MeasuredServer]:
    """The same in C, over TCP."""
    with _running(ServerProcess(*sizes, program=(str(program),))) as server:
        yield server


@contextmanager
def _running(process: ServerProcess) -> Iterator[MeasuredServer]:
    try:
        process.ready()
    except ServerFailed as problem:
        raise CannotMeasure(str(problem)) from None
    with process:
        ((transport, address),) = process.addresses.items()
        yield MeasuredServer(transport, address, process.process.pid, process.admin)
