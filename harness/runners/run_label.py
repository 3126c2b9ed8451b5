"""Labels by which the containers and networks of a run are found again, and its run is known to be alive or not.

A run holds a lock on a file. The kernel releases it even if the run is killed. A process id would not do: another
process may have it by then.
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
    """The labels of one run. *close* marks it as ended."""

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
    """Whether the run that made an object with *labels* is alive; None: only another machine can determine that."""
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
