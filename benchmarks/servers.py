"""What is measured: our server as ``fakenw serve`` starts it, and what it is compared with.

Rules of this file:

* Ours writes its journal to a file and has its administration, so that both are paid for.
* A bare server answers with as many bytes as ours does, or it would have less to do. A request's last byte says which
  reply is meant, for requests of the same size may have answers of different ones.
* Every server is a process, which is ended whatever happens.
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
        """How many licenses are out. Raises CannotMeasure."""
        try:
            return int(AdminClient(self.admin, timeout=60).get("/api/licenses")["held"])
        except (AdminRefused, AdminUnreachable) as problem:
            raise CannotMeasure(str(problem)) from None

    def memory(self) -> int:
        """The bytes of it that are in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


@contextmanager
def ours(folder: Path, transport: str, *more: str) -> Iterator[MeasuredServer]:
    """Our server, with a journal in *folder*."""
    name = folder / f"server-{next(_number)}"
    most = ("--licenses", LARGEST_CONNECTION, "--connections", LARGEST_CONNECTION)
    options = [*most, "--listen", f"{transport}:127.0.0.1:0", "--seed", 1]
    options += ["--admin", "127.0.0.1:0", "--user", f"{USER}:{PASSWORD}", "--journal", f"{name}.jsonl"]
    # Its errors go to a file: to a terminal it would tell what happens.
    with _running(ServerProcess(*options, *more, log=Path(f"{name}.log"))) as server:
        yield server


@contextmanager
def baseline(transport: str, sizes: Sequence[int]) -> Iterator[MeasuredServer]:
    """A Twisted server that does nothing but answer, with replies of these *sizes*."""
    program = (sys.executable, "-m", "benchmarks.echo")
    with _running(ServerProcess(transport, *sizes, program=program)) as server:
        yield server


@contextmanager
def in_c(program: Path, sizes: Sequence[int]) -> Iterator[MeasuredServer]:
    """The same over TCP, without Twisted and without Python."""
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
