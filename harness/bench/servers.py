"""What is measured: our server as ``fakenw serve`` starts it, and what it is compared with.

Rules of this file:

* Ours writes its journal to a file and has its administration, so that both are paid for.
* A bare server answers with as many bytes as ours does, or it would have less to do. A request's last byte says which
  reply is meant, for requests of the same size may have answers of different ones.
* Every server is a process, which is ended whatever happens.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from harness.bench.steps import PASSWORD, USER, Refusal

Address = tuple[str, int]
MOST = 65_534
_number = count(1)


class Running(NamedTuple):
    """A server that listens. ``admin`` is the URL of ours."""

    transport: str
    address: Address
    pid: int
    admin: str = ""

    def held(self) -> int:
        """How many licenses are out."""
        with urllib.request.urlopen(f"{self.admin}/api/licenses", timeout=60) as reply:
            return int(json.load(reply)["held"])

    def memory(self) -> int:
        """The bytes of it that are in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


@contextmanager
def ours(folder: Path, transport: str, *options: str) -> Iterator[Running]:
    """Our server, with a journal in *folder*."""
    command = [sys.executable, "-m", "fakenw", "serve", "--licenses", str(MOST), "--connections", str(MOST)]
    command += ["--listen", f"{transport}:127.0.0.1:0", "--admin", "127.0.0.1:0", "--user", f"{USER}:{PASSWORD}"]
    command += ["--journal", str(folder / f"journal-{next(_number)}.jsonl"), "--seed", "1", *options]
    with _running(command, 2) as server:
        yield server


@contextmanager
def bare(transport: str, sizes: Sequence[int]) -> Iterator[Running]:
    """A Twisted server that does nothing but answer, with replies of these *sizes*."""
    with _running([sys.executable, "-m", "harness.bench.echo", transport, *map(str, sizes)], 1) as server:
        yield server


@contextmanager
def in_c(program: Path, sizes: Sequence[int]) -> Iterator[Running]:
    """The same over TCP, without Twisted and without Python."""
    with _running([str(program), *map(str, sizes)], 1) as server:
        yield server


@contextmanager
def _running(command: list[str], lines: int) -> Iterator[Running]:
    # Not to a terminal, where ours would tell what happens; and without what our environment says about servers.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FAKENW_")}
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True, env=clean) as process,
    ):
        try:
            assert process.stdout is not None
            told = [process.stdout.readline().split() for _ in range(lines)]
            if not all(told):
                process.wait()
                complaints.seek(0)
                raise Refusal(f"{' '.join(command[:4])} … did not start: {complaints.read().strip()}")
            host, _, port = told[0][2].rpartition(":")
            yield Running(told[0][1], (host, int(port)), process.pid, told[1][2] if lines > 1 else "")
        finally:
            process.terminate()
