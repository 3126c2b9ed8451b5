"""A signal at any moment of a start: no traceback, and the exit code that the command has at a later signal.

The signal is a real one, which the program sends to itself at its n-th import, opened file, socket or process (audit
events, PEP 578). So every moment behind the first line of ours can be had, on a busy machine as on an idle one. Before
that line Python itself starts, for some hundredths of a second, and may print a traceback of its own.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache

import pytest

from tests.programs import LISTEN, PATIENCE, run, serving, started

pytestmark = pytest.mark.process

PRELUDE = """
import atexit, os, runpy, sys
at, number, seen = int(sys.argv[1]), int(sys.argv[2]), -1
def count(event, given):
    global seen
    if seen < 0 and not (event == "import" and given[0] == "click"):  # the first import behind the handlers
        return
    if event in ("import", "open") or event.partition(".")[0] in ("socket", "subprocess", "tempfile"):
        seen += 1
        if seen == at:
            os.kill(os.getpid(), number)
sys.addaudithook(count)
atexit.register(lambda: print("events:", seen, file=sys.stderr, flush=True))
sys.argv[:] = sys.argv[3:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
NEVER = -1
SHARES = (0.0, 0.3, 0.7, 0.95)
EARLY = 0.3  # until then nothing of the command has begun
COMMANDS: dict[str, tuple[tuple[object, ...], int, int]] = {  # its words, its exit code at a signal, and without one
    "serve": (("fakenw", "serve", *LISTEN), 0, 0),
    "run": (("harness", "run", "Q257223", "--variant", "counted", "--on", "processes", "--speed", 36_000), 3, 0),
    "exec": (("harness", "exec", "--client-exit", "any", "--", "true"), 3, 3),
    "load": (("harness", "load", "--clients", 3, "--licenses", 3, "--rate", 50, "--duration", "500ms"), 3, 0),
    "hold": (("harness", "hold", "--for", "200ms"), 1, 0),
}


def signalled(at: int, number: int, words: Sequence[object]) -> subprocess.CompletedProcess[str]:
    """The command, which gets the signal at an event."""
    command = [sys.executable, "-c", PRELUDE, str(at), str(int(number)), *map(str, words)]
    if words[1] != "serve" or at != NEVER:
        return run(command, within=60)
    with started(command) as server:
        assert server.stdout is not None
        server.stdout.readline()
        server.send_signal(signal.SIGINT)
        out, error = server.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(command, server.returncode, out, error)


@cache
def events(name: str, words: tuple[object, ...]) -> int:
    """How many there are when no signal comes."""
    done = signalled(NEVER, signal.SIGINT, words)
    assert done.returncode == COMMANDS[name][2], done.stderr
    return int(re.findall(r"^events: (\d+)$", done.stderr, re.MULTILINE)[-1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> object:
    with serving(tmp_path_factory.mktemp("server") / "journal.jsonl") as addresses:
        yield addresses["udp"]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_any_moment_of_a_start(name: str, share: float, address: str) -> None:
    words, code, otherwise = COMMANDS[name]
    if name == "hold":
        words = (*words, address, "--transport", "udp")
    number = signal.SIGTERM if share == 0.7 else signal.SIGINT
    done = signalled(round(share * events(name, words)), number, words)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode in ({code} if share <= EARLY else {code, otherwise}), done.stderr
