"""How the things of a run on a Docker Engine are found again, and whether the run still lives.

A run holds a lock on a file for as long as it lives. The kernel lets go of it even if the run is killed, and
a number of a process, which somebody else may have by then, does not have to be trusted.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

RUN, LOCK, MACHINE, SCENARIO = "fakenw.run", "fakenw.lock", "fakenw.machine", "fakenw.scenario"


class RunLabel:
    """The labels of one run. *close* says that it has ended."""

    def __init__(self, scenario: str) -> None:
        self.run = secrets.token_hex(4)
        self._path = Path(tempfile.gettempdir()) / f"fakenw-{self.run}.lock"
        self._lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.labels = {RUN: self.run, LOCK: str(self._path), MACHINE: socket.gethostname(), SCENARIO: scenario}

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._lock)


def is_alive(labels: Mapping[str, str]) -> bool | None:
    """Whether the run that made something with *labels* still lives; None: it is another machine's to know."""
    if labels.get(MACHINE) != socket.gethostname():
        return None
    try:
        lock = os.open(labels.get(LOCK, ""), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
