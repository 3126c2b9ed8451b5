"""Commands on a pseudo-terminal, as a person sees them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # sequences that move the cursor, erase or colour
COLOUR = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-9]|4[0-9]|9[0-7])[0-9;]*m")


class Shown(NamedTuple):
    """What a command has written: to the terminal as it came, and to a pipe if its standard output was one."""

    code: int
    terminal: str
    out: str

    @property
    def lines(self) -> list[str]:
        """What a person reads in the end: a bar that is gone was on a line that was erased."""
        erased = re.sub(r"[^\n]*\n[^\n]*\x1b\[1A|[^\n]*\x1b\[2K", "", self.terminal.replace("\r\n", "\n"))
        return CONTROL.sub("", erased.replace("\r", "")).split("\n")


def on_terminal(
    command: Sequence[str], columns: int = 80, env: Mapping[str, str] | None = None, *, piped: bool = False
) -> Shown:
    """Run *command* to its end on a terminal of so many columns; *piped*: but for its standard output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    environment = {**inherited, "TERM": "xterm-256color", **(env or {})}
    stdout = subprocess.PIPE if piped else theirs
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=theirs, text=True, env=environment
    ) as process:
        os.close(theirs)
        killer = threading.Timer(100, process.kill)
        killer.start()
        shown = bytearray()
        reader = threading.Thread(target=_read, args=(ours, shown))
        reader.start()
        out = process.stdout.read() if process.stdout else ""
        code = process.wait()
        reader.join()
        killer.cancel()
    os.close(ours)
    return Shown(code, shown.decode(), out)


def _read(descriptor: int, into: bytearray) -> None:
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # EIO: its other end is closed
            return
        if not data:
            return
        into += data
