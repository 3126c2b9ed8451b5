"""A program of the user's own: its command and every process below it, as one host."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Any

import psutil

from fakenw.server_process import LOOK_EVERY, STOP_WITHIN, ProcessGroup
from harness.runners.descendants import DescendantTracker, program


class OwnProgram(ProcessGroup):
    """It runs until the last of its processes has ended. *options* are those of ``ProcessGroup``.

    Exit codes are those of a shell: 128 and the number of the signal that ended the command.
    """

    def __init__(self, *command: str, name: str, tracker: DescendantTracker, **options: Any) -> None:
        super().__init__(*command, name=name, **options)
        self._tracker = tracker
        self._over = False
        tracker.add(name, self.process.pid)

    def code(self) -> int | None:
        """The exit code of the command; None while one of its processes runs."""
        code = self.command_code()
        if not self._over:
            if self._tracker.alive(self.name) or code is None:
                return None
            # A process that forks and ends during one look can hide its child from it, but not from the next.
            self._over = not any(self._tracker.alive(self.name, look=True) for _ in range(2))
        return code if self._over else None

    def command_code(self) -> int | None:
        """The exit code of the command, whatever it has left behind; None while the command runs."""
        code = self.process.poll()
        return 128 - code if code is not None and code < 0 else code

    def running(self) -> list[dict[str, Any]]:
        code = self.command_code()
        ended = {} if code is None else {"code": code}
        processes = self._tracker.alive(self.name, look=True)
        return [{"pid": process.pid, "program": program(process), **ended} for process in processes]

    def deliver(self, number: int) -> None:
        """Send a signal to every process of it, once."""
        has_group = self.process.returncode is None  # afterwards the group's number may be another's
        if has_group:
            super().deliver(number)
        for process in self._tracker.alive(self.name, look=True):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
                if not has_group or os.getpgid(process.pid) != self.process.pid:
                    process.send_signal(number)

    def stop(self, within: float = STOP_WITHIN) -> int | None:
        return self.process.returncode if self._over else super().stop(within)

    def _wait(self, within: float) -> None:
        deadline = time.monotonic() + within
        while self.code() is None and time.monotonic() < deadline:
            if self._closed:
                self.deliver(signal.SIGKILL)  # to those that have begun since
            time.sleep(LOOK_EVERY)
