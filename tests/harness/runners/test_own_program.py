"""A program of the user's own with all its processes: which are its own, when it has ended, and how it is ended."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.runners import real_time
from harness.runners.descendants import DescendantTracker
from harness.runners.own_program import OwnProgram
from harness.runners.processes import Processes
from harness.scenario.catalogue import find
from harness.scenario.scenario import Scenario
from tests.daemons import daemon
from tests.programs import wait_until

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="daemons are followed on Linux only"),
]

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(600)
"""
UNTIL_EXIT = """
import pathlib, sys, time
pathlib.Path(sys.argv[2]).touch()
while '"event": "exit", "client": "quick"' not in pathlib.Path(sys.argv[1]).read_text():
    time.sleep(0.01)
"""
UNTIL_READY = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)"


@pytest.fixture
def tracker() -> Any:
    made = DescendantTracker()
    yield made
    made.close()


def test_a_daemon_that_ignores_the_signal_is_killed(tracker: DescendantTracker, tmp_path: Path) -> None:
    """It is the program's though command and parent have ended; afterwards the code is that of the command."""
    ready = tmp_path / "ready"
    words = daemon(sys.executable, "-c", STUBBORN, str(ready))
    made = OwnProgram(*words, name="mine", tracker=tracker, env=tracker.mark("mine"))
    wait_until(ready.exists, "the daemon")
    wait_until(lambda: made.command_code() == 0, "the end of the command")
    assert made.code() is None
    (left,) = made.running()
    assert (left["code"], "signal.SIG_IGN" in left["program"]) == (0, True)
    assert made.stop(within=0.1) == 0
    assert not Path(f"/proc/{left['pid']}").exists()  # its exit code was collected, too
    assert (made.code(), made.running()) == (0, [])


def test_a_signal_is_sent_once(tracker: DescendantTracker, tmp_path: Path) -> None:
    """To a process of the command's own group as well as to a daemon."""
    count = "import signal, sys, time\nf = open(sys.argv[1], 'a', 1)\n"
    count += "signal.signal(signal.SIGUSR1, lambda *_: print('usr1', file=f))\nprint('ready', file=f)\ntime.sleep(600)"
    files = [tmp_path / "group", tmp_path / "daemon"]
    child, ours = ([sys.executable, "-c", count, str(file)] for file in files)
    start = f"import subprocess; subprocess.Popen({child!r}); subprocess.Popen({ours!r}, start_new_session=True).wait()"
    made = OwnProgram(sys.executable, "-c", "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN); " + start,
                      name="mine", tracker=tracker, env=tracker.mark("mine"))  # fmt: skip
    wait_until(lambda: all(file.exists() and "ready" in file.read_text() for file in files), "two processes")
    made.send_signal(10)
    made.send_signal(18)  # SIGCONT does nothing
    wait_until(lambda: all("usr1" in file.read_text() for file in files), "the signal")
    made.stop()
    assert [file.read_text().count("usr1") for file in files] == [1, 1]


@pytest.mark.parametrize("cleared", [False, True], ids=["marked", "not marked"])
def test_whose_daemon_it_is(cleared: bool, tmp_path: Path) -> None:
    """Of two clients the one without a daemon ends first, for the daemon goes on until it has read so."""
    ready = str(tmp_path / "ready")
    watch = [sys.executable, "-c", UNTIL_EXIT, str(tmp_path / "runner.jsonl"), ready]
    unmarked = ["sh", "-c", 'env -i "$@" & exit 4', "sh", *watch]  # its process is known by its session
    slow = unmarked if cleared else daemon(*watch)
    quick = {"name": "quick", "command": [sys.executable, "-c", UNTIL_READY, ready]}
    data = {"format": 1, "id": "mine", "title": "mine", "source": "here", "servers": [{"name": "FAKENW"}]}
    (plan,) = Scenario.read(
        {**data, "clients": [{"name": "slow", "command": slow}, quick], "timeout": "60s"}, "it"
    ).plans()
    run = RunHistory.of(real_time.run(plan, tmp_path, Processes(), threading.Event()))
    assert run.runner_lines("failed") == [], judge(run).reason
    assert [(r["client"], r["code"]) for r in run.runner_lines("exit")] == [("quick", 0), ("slow", 4 if cleared else 0)]


def test_the_processes_of_another_run(tracker: DescendantTracker, tmp_path: Path) -> None:
    """They are children of the same harness, without a mark, and no descendants of a client."""
    made = OwnProgram("sleep", "600", name="mine", tracker=tracker, env=tracker.mark("mine"))
    other = Processes()
    other.open(find("Q257223").plans()[0], tmp_path)
    scripted = other.start_scripted("ours", tmp_path / "client-ours.jsonl")
    assert [process.pid for process in tracker.alive("mine", look=True)] == [made.process.pid]
    made.stop()
    assert scripted.code() is None
    other.close()


def test_an_environment_names_the_run(tracker: DescendantTracker) -> None:
    """Two runs at once have clients of the same name."""
    other = DescendantTracker()
    assert tracker.mark("mine") != other.mark("mine")
    other.close()
