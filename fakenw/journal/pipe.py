"""Writing to a pipe that may be full, because its reader does not read.

Nothing may leave the server before it is recorded, so a full pipe is waited for. But not for long: the reactor waits as
well, with every client and SIGTERM. The pipe is often that of a shell, shared with other programs, so it is not set to
O_NONBLOCK: where poll(2) has found room, PIPE_BUF bytes are written without blocking.
"""

from __future__ import annotations

import os
import select
import stat

PATIENCE = 5.0  # seconds in which a pipe is full, less those in which it is read again
LOOK_EVERY = 0.1  # seconds: of a server that was suspended meanwhile, no more are counted


class Pipe:
    """A pipe or a socket for writing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._looks = 0  # in vain

    def has_room(self) -> bool:
        """Whether PIPE_BUF bytes would be written at once, or an error be raised."""
        return bool(self._poll.poll(0))

    def write(self, data: bytes) -> int:
        """Write some of *data*; returns how many bytes. Raises OSError: a TimeoutError where nobody reads."""
        if self.has_room():
            self._looks = max(0, self._looks - 1)
        while not self._poll.poll(LOOK_EVERY * 1000):
            self._looks += 1
            if self._looks * LOOK_EVERY >= PATIENCE:
                raise TimeoutError(f"the pipe was full for {PATIENCE:g} seconds, since nobody reads it")
        return os.write(self._descriptor, data[: select.PIPE_BUF])


def pipe_of(descriptor: int) -> Pipe | None:
    """The pipe or socket that *descriptor* is; None for any other file, and on a system that cannot wait for one."""
    mode = os.fstat(descriptor).st_mode
    can_be_full = (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) and hasattr(select, "poll")
    return Pipe(descriptor) if can_be_full else None
