"""The processes that the user's own programs start, followed to the last of them.

Rules of this file:

* On Linux the harness is a *subreaper*, prctl(2): a process whose parent has ended becomes a child of the harness,
  also where it has a session of its own. So every descendant is below the harness.
* A process is its parent's client's. Where the parent has ended, the process is told by the mark in its environment, by
  its session, or because there is one client and one run only. From then on it is that client's, whatever it does to
  itself.
* Elsewhere, ``FOLLOWED`` is false: a process is lost when its parent ends before the process has been seen.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import sys
import time
from contextlib import suppress
from typing import ClassVar

import psutil

from harness.runners.backend import Failed

FOLLOWED = sys.platform == "linux"
MARK = "FAKENW_CLIENT"  # in the environment of a client's processes
LOOK_EVERY = 0.1  # seconds; a look reads the parents of all processes of the computer
PROGRAM_SHOWN = 200  # characters of a command line
PR_SET_CHILD_SUBREAPER = 36


class DescendantTracker:
    """The processes of the clients of one run. Not for several threads at once. Raises Failed."""

    _open: ClassVar[set[DescendantTracker]] = set()

    def __init__(self) -> None:
        if FOLLOWED and ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise Failed(f"the processes of clients cannot be followed: {os.strerror(ctypes.get_errno())}")
        self._run = secrets.token_hex(8)
        self._harness = psutil.Process()
        self._others = {child.pid for child in self._harness.children(recursive=True)}
        self._commands: dict[str, psutil.Process] = {}  # by client
        self._clients: dict[psutil.Process, str] = {}  # of all processes that have not ended, the commands too
        self._looked = 0.0
        self._open.add(self)

    def close(self) -> None:
        self._open.discard(self)

    def mark(self, client: str) -> dict[str, str]:
        """The variable by which the processes of *client* are known."""
        return {MARK: f"{self._run}/{client}"}

    def add(self, client: str, pid: int) -> None:
        """Follow the command of *client*."""
        self._commands[client] = psutil.Process(pid)
        self._clients[self._commands[client]] = client

    def ignore(self, pid: int) -> None:
        """A child of the harness that is no client."""
        self._others.add(pid)

    def alive(self, client: str, *, look: bool = False) -> list[psutil.Process]:
        """The processes of *client* that run, its command first. With *look* also those that are just beginning."""
        if look or time.monotonic() - self._looked > LOOK_EVERY:
            self._look()
        return [process for process, owner in list(self._clients.items()) if owner == client and self._runs(process)]

    def _look(self) -> None:
        self._looked = time.monotonic()
        owners = {process.pid: client for process, client in self._clients.items()}
        for process in self._harness.children(recursive=True):  # parents before their children
            if process.pid not in owners and process.pid not in self._others:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
                    client = self._client_of(process, owners)
                    if client is not None:
                        self._clients[process] = owners[process.pid] = client

    def _client_of(self, process: psutil.Process, owners: dict[int, str]) -> str | None:
        parent = process.ppid()
        if parent != self._harness.pid:
            return owners.get(parent)
        session = os.getsid(process.pid)
        with suppress(psutil.AccessDenied, psutil.ZombieProcess):
            run, _, client = process.environ().get(MARK, "").partition("/")
            if run == self._run and client in self._commands:
                return client
        for client, command in self._commands.items():
            if command.pid == session:
                return client
        return next(iter(self._commands)) if len(self._commands) == len(self._open) == 1 else None

    def _runs(self, process: psutil.Process) -> bool:
        """Whether it runs. One that has ended is forgotten, and its exit code collected if its parent has ended."""
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return True
            if process not in self._commands.values() and process.ppid() == self._harness.pid:
                with suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
        self._clients.pop(process, None)
        return False


def program(process: psutil.Process) -> str:
    """The command line of *process*, or its name where there is none."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())[:PROGRAM_SHOWN] or str(process.name())
    return "?"
