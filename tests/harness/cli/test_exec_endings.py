"""``harness exec`` watches to the end: exit codes, signals, daemons, deadlines, and licenses that are taken again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fakenw.journal.record import Record, read
from tests.daemons import HOLD, daemon
from tests.harness.runners.journal_page import undocumented
from tests.programs import CLIENTS, harness, invoke, line, started, wait_until

pytestmark = pytest.mark.process

linux = pytest.mark.skipif(sys.platform != "linux", reason="daemons are followed on Linux only")
PERL, NCP = shutil.which("perl") or "", str(CLIENTS / "ncp.pl")
perl = pytest.mark.skipif(not PERL, reason="there is no program perl")


@pytest.fixture(autouse=True)
def _kept_journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the harness keeps of a run that did not end as expected goes when the test's own files go."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def code_of(after: str) -> list[str]:
    """A client that gives its license back, and then does *after*."""
    words = "import os, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
    return [sys.executable, "-c", words + after, *HOLD, "--for", "50ms"]


def judged(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    (result,) = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


def lines(report: Path, event: str, journal: str = "runner") -> list[Record]:
    """The lines of one kind, so far."""
    path = report / "exec" / "default" / f"{journal}.jsonl"
    return [record for record in read(path).records if record.event == event] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


# Exit codes


@pytest.mark.parametrize(
    ("options", "verdict", "code"),
    [((), "unknown", 3), (("--client-exit", 7), "released", 0), (("--client-exit", "any"), "released", 0)],
    ids=["0", "7", "any"],
)
def test_an_exit_code(options: Sequence[object], verdict: str, code: int, tmp_path: Path) -> None:
    """The code is said in every case; one that is not expected makes the verdict unknown."""
    junit = tmp_path / "result.xml"
    done = harness("exec", "--json", "-", "--junit", junit, *options, "--", *code_of("sys.exit(7)"))
    result = judged(done)
    assert (result["verdict"], result["peak"], done.returncode) == (verdict, 1, code), done.stderr
    assert "command ended with exit code 7" in done.stderr
    expected = "command ended with exit code 7, expected 0"
    assert (result["reason"] == expected) == (code == 3)
    errors = [str(error.text) for error in ElementTree.parse(junit).findall(".//error")]
    assert [expected in text for text in errors] == ([True] if code == 3 else [])


def test_exit_code_0_is_said_too(tmp_path: Path) -> None:
    done = harness("exec", "--", *code_of("sys.exit(0)"))
    assert done.returncode == 0, done.stderr
    assert "\n  command ended with exit code 0\n" in done.stdout


@pytest.mark.parametrize(("options", "code"), [((), 3), (("--client-exit", 137), 0)], ids=["0", "137"])
def test_a_client_that_a_signal_ends(options: Sequence[object], code: int, tmp_path: Path) -> None:
    """A signal is an exit code, as in a shell, and is named."""
    report = tmp_path / "report"
    done = harness("exec", "--report", report, *options, "--", *code_of("os.kill(os.getpid(), 9)"))
    assert done.returncode == code, done.stdout + done.stderr
    assert [record["code"] for record in lines(report, "exit")] == [137]
    assert "command ended with exit code 137 (SIGKILL)" in done.stdout


@pytest.mark.parametrize("code", ["256", "-1", "none"])
def test_what_is_no_exit_code(code: str) -> None:
    done = invoke("exec", "--client-exit", code, "--", "true")
    assert (done.exit_code, f"{code!r} is not an exit code; expected 0 to 255, or any" in done.stderr) == (2, True)


# Daemons


@linux
@pytest.mark.parametrize("cleared", [False, True], ids=["its environment", "no environment"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_daemon_that_logs_out(transport: str, cleared: bool, tmp_path: Path) -> None:
    """The command ends at once; its daemon takes a license and gives it back, and only then the client has ended."""
    options = ("--transport", transport, "--report", tmp_path, "--json", "-")
    done = harness("exec", *options, "--", *daemon(*HOLD, "--for", "50ms", cleared=cleared))
    result = judged(done)
    assert (result["verdict"], result["peak"], done.returncode) == ("released", 1, 0), done.stderr
    assert [record["code"] for record in lines(tmp_path, "exit")] == [0]
    assert lines(tmp_path, "still-running") == []
    assert "command ended with exit code 0" in done.stderr


@linux
@pytest.mark.parametrize(("transport", "verdict"), [("tcp", "reclaimed"), ("udp", "leaked")])
def test_a_license_that_a_daemon_takes_again(transport: str, verdict: str) -> None:
    """The command gave its license back before it ended; what its daemon takes then counts as well."""
    first = (*HOLD, "--for", "50ms")
    command = daemon(*HOLD, "--for", "0s", "--no-logout", first=first)
    done = harness("exec", "--transport", transport, "--within", "500ms", "--json", "-", "--", *command)
    result = judged(done)
    assert (result["verdict"], done.returncode) == (verdict, 1), done.stderr


@linux
def test_a_daemon_that_goes_on(tmp_path: Path) -> None:
    """It is named, ended, and the verdict is unknown: its license was needed to the last."""
    junit, report = tmp_path / "result.xml", tmp_path / "report"
    options = ("--timeout", "4s", "--report", report, "--junit", junit, "--json", "-")
    done = harness("exec", *options, "--", *daemon(*HOLD, "--for", "10m"))
    result = judged(done)
    assert (result["verdict"], done.returncode) == ("unknown", 3), done.stderr
    assert "given up after 4 s" in result["reason"]
    (left,) = lines(report, "still-running")
    assert undocumented(left) == set()
    assert (left["code"], "harness hold" in left["program"]) == (0, True)
    assert f"; command was still running: process {left['pid']}, " in result["reason"]
    assert not is_alive(left["pid"])
    assert "harness hold" in junit.read_text()
    assert "harness hold" in (report / "report.html").read_text()


@linux
@perl
def test_a_daemon_is_judged_by_its_idle_time(tmp_path: Path) -> None:
    """As a client that does not exit: it needs no license while it asks for nothing."""
    options = ("--idle-after", "1s", "--within", "500ms", "--report", tmp_path, "--json", "-")
    done = harness("exec", *options, "--", *daemon(PERL, NCP, "--stay", "{host}", "{port}"))
    result = judged(done)
    assert (result["verdict"], done.returncode) == ("leaked", 1), done.stderr
    assert "command was still running: process" in done.stderr
    (left,) = lines(tmp_path, "still-running")
    assert not is_alive(left["pid"])


# Deadlines and signals


def test_a_client_that_hangs(tmp_path: Path) -> None:
    """The deadline ends the command and what it has started, each of which is named."""
    report = tmp_path / "report"
    options = ("--timeout", "2s", "--report", report, "--json", "-")
    done = harness("exec", *options, "--", "sh", "-c", "sleep 601 & sleep 602; true")
    result = judged(done)
    assert (result["verdict"], done.returncode) == ("unknown", 3), done.stderr
    left = {record["program"]: record["pid"] for record in lines(report, "still-running")}
    assert sorted(left) == ["sh -c sleep 601 & sleep 602; true", "sleep 601", "sleep 602"]
    assert not any(is_alive(pid) for pid in left.values())
    assert all(f"process {pid}, {program}" in result["reason"] for program, pid in left.items())


@perl
def test_the_timeout_of_a_license_is_another(tmp_path: Path) -> None:
    """A client that ended in time, and left a license behind, is judged when the time for the license is over."""
    client = [PERL, NCP, "--no-logout", "{host}", "{port}"]
    options = ("--transport", "udp", "--timeout", "4s", "--within", "5s", "--json", "-")
    done = harness("exec", *options, "--", *client)
    assert (judged(done)["verdict"], done.returncode) == ("leaked", 1), done.stderr


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle(number: signal.Signals, tmp_path: Path) -> None:
    """What was seen so far is judged and written, and every process is named and ended."""
    junit, report = tmp_path / "result.xml", tmp_path / "report"
    command = daemon(*HOLD, "--for", "10m")
    options = ("--report", report, "--junit", junit, "--json", tmp_path / "json")
    with started(line("harness", "exec", *options, "--", *command)) as process:
        wait_until(lambda: lines(report, "grant", "server-FAKENW"), "the license of the daemon")
        process.send_signal(number)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 3, out + error
    (left,) = lines(report, "still-running")
    assert not is_alive(left["pid"])
    (result,) = json.loads((tmp_path / "json").read_text())
    assert (result["verdict"], result["peak"]) == ("unknown", 1)
    assert result["reason"].startswith("the run could not be carried out: stopped before the end; command was still")
    assert f"process {left['pid']}" in junit.read_text()
    assert (report / "report.html").exists()


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_client_begins(number: signal.Signals, tmp_path: Path) -> None:
    """No process is left, and the client has not begun."""
    mark = f"{number}-{os.getpid()}"
    command = line("harness", "exec", "--report", tmp_path, "--", "sleep", "603")

    def marked() -> list[str]:
        wanted = f"EARLY={mark}".encode()
        return [pid for pid in os.listdir("/proc") if pid.isdecimal() and wanted in _environment(pid)]

    with started(command, env={**os.environ, "EARLY": mark}) as process:
        wait_until(lambda: lines(tmp_path, "run"), "the beginning of the run")
        process.send_signal(number)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 3, out + error
    assert "stopped before the end" in out
    assert marked() == []


def _environment(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "environ").read_bytes()
    except OSError:
        return b""


# A license that is taken again from outside


@perl
def test_while_a_connection_remains_the_server_is_watched(tmp_path: Path) -> None:
    """Over UDP the connection outlives its client; a license that is taken meanwhile counts."""
    client = [PERL, NCP, "--unlicense", "--no-logout", "{host}", "{port}"]
    options = ("--transport", "udp", "--within", "3s", "--report", tmp_path, "--json", "-")
    with started(line("harness", "exec", *options, "--", *client)) as process:
        wait_until(lambda: lines(tmp_path, "exit"), "the end of the client")
        (spawn,) = lines(tmp_path, "spawn")
        address = spawn["command"][-2:]
        subprocess.run([PERL, NCP, "--transport", "udp", "--no-logout", *address], check=True, capture_output=True)
        out, error = process.communicate(timeout=60)
    (result,) = json.loads(out)
    assert (result["verdict"], process.returncode) == ("leaked", 1), error
    (held,) = result["leaked"]
    assert held["serial"] == 2
