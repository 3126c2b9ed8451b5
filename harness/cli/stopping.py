"""Ctrl-C and SIGTERM during a command that has something to end in order."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress

from fakenw.cli.terminal import say


def stop_on_signals(stop: threading.Event | None = None) -> threading.Event:
    """The first SIGINT or SIGTERM sets the event, for an orderly end; the next one interrupts the program."""
    stop = stop or threading.Event()

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            signal.default_int_handler(number, None)
        stop.set()
        with suppress(RuntimeError):  # a line was being written, and is not finished before this returns
            say("stopping; a second signal stops at once", err=True)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop
