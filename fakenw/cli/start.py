"""Where both programs begin: a Ctrl-C while they are still imported ends them, without a traceback.

Rules of this file:

* It imports nothing but what is there already when Python runs, and is the first module of ours that is imported.
* A command that handles its signals replaces these handlers when it has something to end in order. Until then the
  program ends at once, with the exit code that it would have had later.
* A signal that is ignored (``nohup``, a job in the background of a script) stays ignored.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping

ABORTED = 1  # click's own


def leave_at_once(codes: Mapping[str, int]) -> None:
    """End the program at SIGINT or SIGTERM. *codes*: the exit codes of the commands that handle their signals."""
    command = next(iter(sys.argv[1:]), "")

    def leave(number: int, frame: object) -> None:
        os._exit(codes.get(command, ABORTED))  # an exception could be raised where Python only prints it

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    if command in codes and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)


def stay(codes: Mapping[str, int]) -> None:
    """All is imported that every command needs: a command that does not handle its signals is aborted by click."""
    ours = signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.default_int_handler)
    if ours and next(iter(sys.argv[1:]), "") not in codes:
        signal.signal(signal.SIGINT, signal.default_int_handler)


CODES = {"serve": 0}


def main() -> None:
    leave_at_once(CODES)
    from fakenw.cli.main import main as commands

    stay(CODES)
    commands()
