"""A command that leaves its work to a daemon: a grandchild with a session of its own."""

from __future__ import annotations

import sys

_DAEMON = """
import os, subprocess, sys
parent_lives, end = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(end)
        os.read(parent_lives, 1)  # returns when the command has ended
        environment = {} if CLEARED else os.environ
        os.execve(DAEMON[0], DAEMON, environment)
    os._exit(0)
os.wait()
if FIRST:
    subprocess.run(FIRST, check=True)
"""
HOLD = (sys.executable, "-m", "harness", "hold", "{host}:{port}", "--transport", "{transport}")


def daemon(*words: str, first: tuple[str, ...] = (), cleared: bool = False) -> list[str]:
    """A command that runs *first*, and ends; then its daemon runs *words*, a program with its whole path.

    *cleared*: the daemon's environment is empty.
    """
    head = "import sys; words = sys.argv[1:]; at = words.index(';'); FIRST, DAEMON = words[:at], words[at + 1:]\n"
    return [sys.executable, "-c", f"{head}CLEARED = {cleared}\n{_DAEMON}", *first, ";", *words]
