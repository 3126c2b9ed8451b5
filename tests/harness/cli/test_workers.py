"""Runs on several processes: the same bytes as on one, and an end to all of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.programs import harness, invoke, line, runs, started, wait_until

pytestmark = pytest.mark.process

LOAD = ("load", "--on", "memory", "--clients", 60, "--licenses", 50, "--leak", "10%", "--baseline")
COMMANDS: dict[str, tuple[object, ...]] = {
    "matrix": ("matrix", "--scenarios", "S3,S5", "--repairs", "counted,forced,clear-idle"),
    "run": ("run", "Q257223", "S5", "S3", "--transport", "tcp", "--junit", "junit.xml", "--report", "report"),
    "load": (*LOAD, "--sweep", "licenses=50..70:10", "--junit", "junit.xml", "--report", "report"),
}
ENDLESS = ("load", "--on", "memory", "--clients", 3000, "--days", 300, "--sweep", "licenses=100..200:100")


def outcome(name: str, folder: Path, *where: object) -> dict[str, bytes]:
    """What the command prints, its exit code, and each file that it writes; without real time."""
    folder.mkdir()
    done = harness(*COMMANDS[name], "--json", "results.json", *where, cwd=folder)
    files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert "results.json" in files
    found = {"code": b"%d" % done.returncode, "out": done.stdout.encode(), **files}
    return {key: timeless(value) for key, value in found.items()} if name == "load" else found


def timeless(data: bytes) -> bytes:
    return re.sub(rb'("seconds": |time=")[0-9.]+|[0-9.]+ s(?=[ ,<\n])', rb"\1", data)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_bytes_on_one_process_and_on_two(name: str, tmp_path: Path) -> None:
    one = outcome(name, tmp_path / "one", "--workers", 1)
    two = outcome(name, tmp_path / "two", "--workers", 2)
    assert [key for key in one if one[key] != two.get(key)] == []
    assert one.keys() == two.keys()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@contextmanager
def endless(*words: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A load that never ends, and has begun."""
    with started(line("harness", *words), **options) as load:
        assert load.stdout is not None
        load.stdout.readline()  # the plan
        yield load


def busy(pid: int) -> list[psutil.Process]:
    """The workers of a command that carry out a run."""
    helpers = psutil.Process(pid).children()
    return [worker for helper in helpers for worker in helper.children() if worker.cpu_times().user > 0.1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_all_processes(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, which the terminal sends to every process; SIGTERM, and the end without a warning to the command."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with endless(*ENDLESS, "--workers", 2, start_new_session=True, env=environment) as load:
        wait_until(lambda: len(busy(load.pid)) == 2, "two runs")
        all_of_them = descendants(load.pid)
        if number == signal.SIGINT:
            os.killpg(load.pid, number)
        else:
            load.send_signal(number)
        _, error = load.communicate(timeout=60)
    told = error.splitlines()
    if number != signal.SIGKILL:
        assert (load.returncode, told[-1]) == (3, "harness: stopped; the outcome is unknown")
    assert "Traceback" not in error
    assert len(all_of_them) >= 3
    wait_until(lambda: not any(runs(process) for process in all_of_them), "the end of the processes")
    assert [folder for folder in tmp_path.iterdir() if folder.name.startswith("fakenw")] == []


def test_a_single_run_on_memory_is_stopped() -> None:
    """In the command's own process."""
    with endless(*ENDLESS[:7]) as load:
        process = psutil.Process(load.pid)
        begun = process.cpu_times().user
        wait_until(lambda: process.cpu_times().user > begun + 0.1, "the run")
        assert descendants(load.pid) == []
        load.send_signal(signal.SIGTERM)
        _, error = load.communicate(timeout=60)
    assert (load.returncode, error.splitlines()[-1]) == (3, "harness: stopped; the outcome is unknown")


def test_a_killed_worker_is_told() -> None:
    with endless(*ENDLESS, "--workers", 2) as load:
        wait_until(lambda: busy(load.pid), "a run")
        busy(load.pid)[0].kill()
        _, error = load.communicate(timeout=60)
    assert load.returncode == 3
    assert error.splitlines()[-2:] == [
        "harness: a worker process was killed; perhaps there was too little memory",
        "harness: stopped; the outcome is unknown",
    ]


@pytest.mark.parametrize("option", [("--workers", "2"), ("--cluster", "127.0.0.1:8786")])
@pytest.mark.parametrize("words", [("run", "Q257223", "--on", "processes"), ("load", "--on", "sockets")])
def test_real_time_has_no_workers(words: Sequence[str], option: Sequence[str]) -> None:
    done = invoke(*words, *option)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{option[0]} needs --on memory" in done.stderr


@pytest.mark.parametrize("killed", [False, True], ids=["ctrl-c", "a worker is killed"])
def test_stopped_runs_are_told(tmp_path: Path, killed: bool) -> None:
    """Those that have ended are judged and written; the others are counted."""
    slow = tmp_path / "slow.yaml"
    slow.write_text(
        "format: 1\nid: slow\ntitle: slow\nsource: a test\nservers: [{name: FAKENW, release: '5.1', licenses: 5}]\n"
        "clients:\n  - name: a\n    script: [{repeat: {times: 1000000, script: [{wait: 1m}]}}]\n"
    )
    words = ("run", "Q257223", slow, slow, "--workers", 2, "--json", "-", "--report", tmp_path / "report")
    with started(line("harness", *words)) as run:
        wait_until(lambda: len(list(tmp_path.glob("report/Q257223/*/runner.jsonl"))) == 10, "the short runs")
        if killed:
            wait_until(lambda: busy(run.pid), "a slow run")
            busy(run.pid)[0].kill()
        else:
            run.send_signal(signal.SIGINT)
        out, error = run.communicate(timeout=60)
    assert run.returncode == 3
    assert len(json.loads(out)) == 10
    assert error.splitlines()[-1] == "exit 3: stopped before 2 of 12 runs had ended"
    assert ("harness: a worker process was killed" in error) == killed
    assert not (tmp_path / "report" / "slow").exists()
