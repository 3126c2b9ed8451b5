"""``fakenw serve`` as a process: started, ready when it listens, and ended with every process that it started.

Rules of this file:

* It raises and never exits. A server that does not become ready is ended first.
* Standard output is read without blocking.
* The server does not inherit FAKENW_*: these variables are for servers that a user starts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Self

from fakenw.health import Address

READY_WITHIN = 30.0  # seconds, enough for a busy machine
STOP_WITHIN = 10.0
LOOK_EVERY = 0.01


USERS_FOLLOW = ("--users-file", "-")


def users_input(users: Sequence[str]) -> bytes:
    """The standard input of a server with the options ``USERS_FOLLOW``."""
    return "".join(f"{user}\n" for user in [*users, ""]).encode()


class ServerFailed(Exception):
    """The server did not begin to listen. ``code`` is its exit code, None if it had not exited."""

    def __init__(self, text: str, code: int | None) -> None:
        super().__init__(text)
        self.code = code


class ProcessGroup:
    """A program in a session of its own. Its output is appended to *log*; without one it is this process's own.

    *options* are those of ``subprocess.Popen``. Raises OSError for a missing program.
    """

    def __init__(self, *command: str, name: str = "", log: Path | None = None, **options: Any) -> None:
        self.name, self.log = name, log
        self._printed = b""
        self._suspended = self._closed = False
        with nullcontext() if log is None else log.open("ab") as output:
            options = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **options}
            self.process: subprocess.Popen[bytes] = subprocess.Popen(command, start_new_session=True, **options)
        if self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def code(self) -> int | None:
        """The exit code; None while the program runs."""
        return self.process.poll()

    def running(self) -> list[dict[str, Any]]:
        """What a journal says of each of its processes that runs."""
        return [{"pid": self.process.pid, "program": self.name}] if self.code() is None else []

    def lines(self) -> list[str]:
        """The whole lines of standard output so far, where that is a pipe."""
        if self.process.stdout is not None and not self._closed:
            self._printed += self.process.stdout.read() or b""
        return self._printed[: self._printed.rfind(b"\n") + 1].decode(errors="replace").splitlines()

    @property
    def statuses(self) -> set[str]:
        """The lines of a program that prints one word on each."""
        return set(self.lines())

    def last_output(self) -> str:
        """The last lines of the log, on one line."""
        return last_lines(self.log.read_text(errors="replace")) if self.log else ""

    def send(self, instructions: Mapping[str, Any]) -> None:
        """Write a line of JSON to standard input, which must be a pipe. Raises OSError."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(instructions).encode() + b"\n")
        self.process.stdin.flush()

    def send_signal(self, number: int) -> None:
        """Send a signal to the whole group."""
        self._suspended = number == signal.SIGSTOP or (self._suspended and number != signal.SIGCONT)
        self.deliver(number)

    def deliver(self, number: int) -> None:
        """As ``send_signal``, which also remembers whether the group is suspended."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def stop(self, within: float = STOP_WITHIN) -> int | None:
        """Send SIGTERM and, at most *within* seconds later, SIGKILL to the rest of the group. Returns the exit code."""
        if not self._suspended and not self._closed:  # a suspended process does not handle SIGTERM
            self.send_signal(signal.SIGTERM)
            self._wait(within)
        return self.kill()

    def kill(self) -> int | None:
        """Send SIGKILL. Returns the exit code."""
        if not self._closed:
            self._closed = True
            self.send_signal(signal.SIGKILL)
            self._wait(STOP_WITHIN)
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    with suppress(OSError):  # of unwritten data, to an ended process
                        stream.close()
        return self.process.returncode

    def _wait(self, within: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(within)


class ServerProcess(ProcessGroup):
    """``fakenw serve`` with *options*, one argument each.

    Another *program* must print its listeners as ``fakenw serve`` does. *more* is for ``ProcessGroup``.
    *users*, each ``NAME`` or ``NAME:PASSWORD``, are written to its standard input, which no other program can read.
    """

    def __init__(self, *options: object, program: Sequence[str] = (), users: Sequence[str] = (), **more: Any) -> None:
        words = [str(option) for option in options]
        if users:
            words += USERS_FOLLOW
            more["stdin"] = subprocess.PIPE
        self.addresses: dict[str, Address] = {}  # by transport
        self.admin = ""  # the URL of its administration
        self._listeners = max(1, words.count("--listen") + words.count("--admin"))
        # The server ends with this process, also after a kill -9.
        own = (sys.executable, "-m", "fakenw", "serve", "--until-exit-of", str(os.getpid()))
        program = program or own
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAKENW_")}
        super().__init__(*program, *words, **{"stdout": subprocess.PIPE, "env": environment, **more})
        if users:
            assert self.process.stdin is not None
            with suppress(OSError), self.process.stdin as stream:  # OSError: it has ended, which ``ready`` tells
                stream.write(users_input(users))

    def __enter__(self) -> Self:
        return self.ready()

    def is_listening(self) -> bool:
        """Whether the server has printed all requested listeners. Does not wait."""
        listening = [line.split() for line in self.lines() if line.startswith("listening ")]
        for _, transport, place in listening:
            host, _, port = place.rpartition(":")  # of an IPX link "qemu:127.0.0.1", and no port where that is a card
            if transport == "admin":
                self.admin = place
            else:
                self.addresses[transport] = (host, int(port)) if port.isdecimal() else (place, 0)
        return len(listening) >= self._listeners

    def ready(self, within: float = READY_WITHIN) -> Self:
        """Wait until it listens. Raises ServerFailed."""
        deadline = time.monotonic() + within
        try:
            while not self.is_listening():
                code = self.code()
                if code is not None or time.monotonic() > deadline:
                    what = "did not listen in time" if code is None else f"ended with exit code {code}"
                    raise ServerFailed(f"the server {what}: {self.last_output() or 'see its output'}", code)
                time.sleep(LOOK_EVERY)
        except BaseException:
            self.kill()
            raise
        return self


def last_lines(text: str) -> str:
    """The last lines of an output, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-2000:]
