"""What stands around a server's process: the file that says that it is ready, and the process that it ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from fakenw.admin.ready_file import ReadyServer

LOOK_EVERY = 0.5  # seconds


class Around:
    """*file* is written when the server listens; the server ends with the process *companion*, if there is one."""

    def __init__(self, file: Path | None, companion: int | None) -> None:
        self._file, self._companion = file, companion

    def begin(self, stop: Callable[[], None], reactor: Any) -> None:
        """Remove the file of an earlier start, and call *stop* when the companion has ended. Raises CannotRun."""
        from fakenw.cli.running import CannotRun  # with Twisted, which --help does without

        try:
            if self._file is not None:
                self._file.unlink(missing_ok=True)
            companion = None if self._companion is None else psutil.Process(self._companion)
        except OSError as problem:
            raise CannotRun(f"the ready file cannot be written: {problem}") from None
        except psutil.NoSuchProcess:
            raise CannotRun(f"--until-exit-of {self._companion}: there is no such process") from None
        if companion is not None:
            from twisted.internet.task import LoopingCall

            look = LoopingCall(lambda: None if _runs(companion) else stop())
            look.clock = reactor
            look.start(LOOK_EVERY, now=False)

    def ready(self, instance: str, listeners: Iterable[str]) -> None:
        """The server listens. Raises OSError."""
        if self._file is not None:
            ReadyServer.of(instance, listeners).write(self._file)

    def end(self) -> None:
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _runs(process: psutil.Process) -> bool:
    """Whether it has not ended; one that its parent has not waited for is a zombie, and still in the table."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
