"""Locust drives our clients for real, and the server's journal says whether its numbers are right.

Nothing here imports ``harness.load.locustfile``: gevent would take over the sockets of all tests.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import Record, read
from tests.programs import PATIENCE, serving, started, wait_until

pytestmark = pytest.mark.process

LICENSES = 25


def locust(*arguments: object) -> list[str]:
    """The command line of Locust, without a terminal and without its page."""
    return [sys.executable, "-m", "locust", "--headless", "--only-summary", *map(str, arguments)]


def locustfile() -> str:
    """Where it is."""
    spec = find_spec("harness.locustfile")
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def counted(file: Path) -> dict[str, int]:
    """Locust's statistics: how often each name succeeded. Nothing failed."""
    rows: list[dict[str, Any]] = json.loads(file.read_text())
    assert {row["method"] for row in rows} == {"NCP"}
    assert [row["name"] for row in rows if row["num_failures"]] == []
    return {row["name"]: row["num_requests"] for row in rows}


def audited(journal: Path) -> list[Record]:
    """The lines of a journal in which nobody took too much, and whoever took a license gave it back himself."""
    lines = read(journal).records
    assert max(line.get("held", 0) for line in lines) <= LICENSES
    assert lines[-1].event == "stop"
    assert (lines[-1]["held"], lines[-1]["holders"]) == (0, [])
    units = {event: Counter(line["unit"] for line in lines if line.event == event) for event in ("grant", "release")}
    assert units["grant"] == units["release"] != Counter()
    assert {line["cause"] for line in lines if line.event == "release"} <= {"logout", "destroy"}
    return lines


def test_a_master_and_its_workers_agree_with_the_journal(tmp_path: Path) -> None:
    """Forty users, each with a name of his own, want 25 licenses; the run ends while some are held."""
    journal, port = tmp_path / "server.jsonl", free_port()
    people = [f"U{number}" for number in range(1, 41)]
    users = [word for name in people for word in ("--user", f"{name}:SECRET")]
    habits = ("--release", "4.11", "--policy", "service", "--licenses", LICENSES, "--user-connections", 1)
    with serving(journal, *habits, *users) as places, ExitStack() as stack:
        bind = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", 2)
        load = ("--host", places["tcp"], "--users", 40, "--spawn-rate", 100, "--run-time", "3s", "--json-file", "seen")
        ours = ("--hold", 1, "--think", 0.2, "--ncp-users", "U{n}", "--ncp-password", "secret")
        master = locust("-f", locustfile(), "--master", *bind, *load, *ours)
        # Not "-f -", by which a worker asks the master for the file: what it asks too early is never answered.
        worker = locust("-f", locustfile(), "--worker", "--master-host", "127.0.0.1", "--master-port", port)
        processes = [stack.enter_context(started(master, cwd=tmp_path))]
        wait_until(lambda: is_open(port), "the master")
        processes += [stack.enter_context(started(worker, cwd=tmp_path)) for _ in range(2)]
        for process in processes:
            output = process.communicate(timeout=3 * PATIENCE)
            assert process.returncode == 0, output
    lines, seen = audited(journal), counted(tmp_path / "seen.json")
    events = Counter(line.event for line in lines)
    assert max(line.get("held", 0) for line in lines) == LICENSES
    assert {line["what"] for line in lines if line.event == "deny"} == {"license"}
    assert {line["user"] for line in lines if line.event == "grant"} <= set(people)
    assert (seen["KeyedLogin"], seen["acquire-denied"]) == (events["grant"], events["deny"])
    assert seen["create"] == seen["destroy"] == events["create"]


def test_over_udp_a_sleeper_answers_the_watchdog_and_lets_go_when_he_is_stopped(tmp_path: Path) -> None:
    """Ctrl-C comes in the middle of every session, long after a silent station would have been cleared."""
    journal = tmp_path / "server.jsonl"
    # The watchdog gives up 65.2 seconds of the server's after the last request; idle lines are written after 70.
    habits = ("--licenses", LICENSES, "--watchdog", "15.7,9.9,5", "--idle-after", 70, "--speed", 10)
    with serving(journal, *habits) as places:
        load = ("--host", places["udp"], "--users", 20, "--spawn-rate", 100, "--json-file", "seen")
        ours = ("--ncp-transport", "udp", "--hold", 600, "--think", 600)
        with started(locust("-f", locustfile(), *load, *ours), cwd=tmp_path) as process:
            wait_until(lambda: journal.read_text().count('"event": "idle"') == 20, "all are idle")
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, output
    events = Counter(line.event for line in audited(journal))
    seen = counted(tmp_path / "seen.json")
    assert seen["KeyedLogin"] == seen["Logout"] == seen["destroy"] == events["grant"] == 20
    assert "acquire-denied" not in seen


def test_gevent_and_twisted_do_not_meet() -> None:
    """They cannot share a process."""
    code = "import sys, harness.load.locustfile; print('gevent' in sys.modules, 'twisted' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.split() == ["True", "False"]
