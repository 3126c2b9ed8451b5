"""The commands as a user runs them: real processes, and waiting for what they do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from click.testing import CliRunner, Result

from fakenw.server_process import ServerProcess
from harness.cli.main import main

CLIENTS = Path(__file__).parent / "clients"
LISTEN = ("--listen", "tcp:127.0.0.1:0", "--listen", "udp:127.0.0.1:0")
PATIENCE = 30.0  # seconds that a condition is given: a busy machine is slow, not wrong


def invoke(*arguments: object) -> Result:
    """Run ``harness`` in this process. What it does not catch itself is raised here."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def line(program: str, *arguments: object) -> list[str]:
    """The command line of ``harness`` or ``fakenw``."""
    return [sys.executable, "-m", program, *map(str, arguments)]


def run(
    command: Sequence[object], cwd: Path | None = None, env: Mapping[str, str] | None = None, within: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with *env* on top of our own environment."""
    words = [str(word) for word in command]
    with started(words, cwd=cwd, env={**os.environ, **(env or {})}) as process:
        try:
            out, error = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.terminate()  # an orderly end, so that nothing of it is left behind
            process.communicate(timeout=PATIENCE)
            raise
        return subprocess.CompletedProcess(words, process.returncode, out, error)


def harness(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, within: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run ``harness`` to its end."""
    return run(line("harness", *arguments), cwd, env, within)


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that runs meanwhile; killed at the end if it is still there."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def serving(journal: Path, *arguments: object) -> Iterator[dict[str, str]]:
    """``fakenw serve`` on free ports: its addresses by transport. It has stopped in order afterwards."""
    with ServerProcess(*LISTEN, "--journal", journal, *arguments) as server:
        yield {transport: f"{host}:{port}" for transport, (host, port) in server.addresses.items()}
        assert server.stop(PATIENCE) == 0


def free_port() -> int:
    """A port of TCP that nothing listens on at this moment."""
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        return port


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Come back when *condition* is true; fails where it never is."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain: {what}"
        time.sleep(0.01)


def runs(process: psutil.Process) -> bool:
    """A process that has ended stays a zombie where this process has become its parent, as a subreaper."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
