"""Work for workers, in a module that they can import."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

LARGE = 5_000_000  # bytes: more than a pipe has room for


def process(item: int) -> tuple[int, int]:
    return item, os.getpid()


def large(item: int) -> bytes:
    return bytes([item]) * LARGE


def killed(at: int, item: int) -> int:
    """The process of the item *at* is killed."""
    if item == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def mistaken(item: int) -> int:
    raise ValueError(f"item {item}")


def endless(place: str) -> None:
    """Write the number of the process to a file of *place*, and never end."""
    Path(place, str(os.getpid())).touch()
    threading.Event().wait()


def until_told(place: str) -> None:
    """Write the number of the process to a file of *place*, and end when there is a file ``end``."""
    Path(place, str(os.getpid())).touch()
    while not Path(place, "end").exists():
        time.sleep(0.01)
