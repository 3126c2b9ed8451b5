"""Whole runs in processes: the same verdicts as on memory, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import Journal, read
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.text import Result, story
from harness.runners import memory, real_time
from harness.runners.processes import Processes
from harness.scenario.catalogue import find
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario
from tests.programs import CLIENTS, harness, line, started, wait_until

pytestmark = pytest.mark.process

MARK = "HARNESS_TEST_MARK"  # in the environment of every process that a test starts, and of their children
NAL_OPEN = {"nal.open": {"path": "NWBIND:\\\\FAKENW\\SYS\\CAP_GS1\\", "owner": "SMSCCMBootAcct"}}


def scenario(clients: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """What a scenario file says."""
    data = {"format": 1, "id": "mine", "title": "mine", "source": "here", "servers": [{"name": "FAKENW"}]}
    return {**data, "clients": clients, **more}


def carry_out(data: dict[str, Any], folder: Path) -> tuple[RunHistory, str, str]:
    """Run a scenario in processes: the run, its verdict, and what is said about it."""
    (plan,) = Scenario.read(data, "the test").plans("tcp")
    run = RunHistory.of(real_time.run(plan, folder, Processes(), threading.Event()))
    verdict = judge(run)
    return run, verdict.verdict, "\n".join(story(Result(run, verdict)))


def marked(mark: str) -> list[int]:
    """The processes that were started under *mark*, however far from their parents they have got."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                pass  # it has ended meanwhile, or is not ours
    return found


linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc to look for processes in")


# The whole catalogue entry, once over each transport


@pytest.fixture(scope="module", params=["tcp", "udp"])
def reported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, list[Any]]:
    """``harness run Q257223`` in processes: the transport, the report's directory, and the results."""
    transport = str(request.param)
    folder = tmp_path_factory.mktemp(transport)
    options = ("--on", "processes", "--speed", 3600, "--transport", transport, "--report", folder, "--json", "-")
    done = harness("run", "Q257223", *options)
    assert done.returncode == 0, done.stderr
    return transport, folder / "Q257223", json.loads(done.stdout)


def on_memory(plan: Plan) -> tuple[Any, ...]:
    """What memory says of a plan."""
    verdict = judge(RunHistory.of(memory.run(plan)))
    leaked = [(held.serial, held.user, held.opened_by, held.last_used_by) for held in verdict.leaked]
    return plan.variant, plan.transport, verdict.verdict, verdict.limit, verdict.peak, leaked


def test_the_verdicts_are_those_of_memory(reported: tuple[str, Path, list[Any]]) -> None:
    """Real sockets and real time change nothing: the verdict, the peak, and who leaked are the same."""
    transport, _, results = reported
    said = [
        (
            result["variant"],
            result["transport"],
            result["verdict"],
            result["limit"],
            result["peak"],
            [
                tuple(held[name] for name in ("serial", "user", "opened_by", "last_used_by"))
                for held in result["leaked"]
            ],
        )
        for result in results
    ]
    assert said == [on_memory(plan) for plan in find("Q257223").plans(transport)]
    assert all(result["ok"] and result["on"] == "processes" for result in results)


def test_scripted_clients_outlive_the_server(reported: tuple[str, Path, list[Any]]) -> None:
    """The leak is seen by the server while the client lives: no socket was closed, and nobody exited."""
    transport, folder, _ = reported
    server = read(folder / "as-shipped" / "server-FAKENW.jsonl").records
    assert (server[-1].event, server[-1]["held"], len(server[-1]["holders"])) == ("stop", 1, 1)
    assert server[-1]["holders"][0]["station"].startswith(f"{transport}:127.0.0.1:")
    assert [record for record in server if "lost" in (record.get("cause"), record.event)] == []
    runner = read(folder / "as-shipped" / "runner.jsonl").records
    others = [record.event for record in runner if record.event not in ("phase", "clock")]
    assert others == ["run", "spawn", "end"]
    phases = [record["name"] for record in runner if record.event == "phase"]
    assert phases == ["create", "ready", "run", "collect", "remove"]


# Runs that fail


def test_a_server_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is unknown, and what the server printed last says why."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'Loading'\necho 'Abend: page fault processor exception' >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    _, verdict, text = carry_out(scenario([{"name": "ws", "script": [NAL_OPEN]}]), tmp_path)
    assert verdict == "unknown"
    assert "FAKENW ended with exit code 7: Abend: page fault processor exception" in text


def test_a_client_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scripted client that cannot go on is no proof of anything; what it printed last says why."""
    monkeypatch.setattr(
        Plan, "scripted", lambda plan: [{"name": "ws", "transport": "tcp", "script": [{"verb": "dance"}]}]
    )
    _, verdict, text = carry_out(scenario([{"name": "ws", "script": [NAL_OPEN]}]), tmp_path)
    assert verdict == "unknown"
    assert "ws ended with exit code 1" in text
    assert "dance is no verb" in text


def test_an_unknown_run_is_exit_code_3(tmp_path: Path) -> None:
    """From the command line, too: a server that ends at once, and no traceback of ours."""
    shadow = tmp_path / "shadow" / "fakenw"  # stands before ours on the server's path, but not on the harness's
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("")
    (shadow / "__main__.py").write_text("raise SystemExit('no such volume: SYS')")
    (tmp_path / "mine.yaml").write_text(json.dumps(scenario([{"name": "ws", "script": [NAL_OPEN]}])))
    start = (
        f"import os, sys; os.environ['PYTHONPATH'] = {str(shadow.parent)!r}; from harness.cli.main import main; main()"
    )
    with started(
        [sys.executable, "-c", start, "run", "mine.yaml", "--on", "processes", "--report", "."], cwd=tmp_path
    ) as process:
        out, error = process.communicate(timeout=60)
    assert process.returncode == 3, out + error
    assert "FAKENW ended with exit code 1: no such volume: SYS" in out
    assert "exit 3: could not be told: mine default" in out
    assert "Traceback" not in out + error


# The end of the harness


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_in_order(number: signal.Signals, tmp_path: Path) -> None:
    """Asked to end in the middle, the harness says what it knows, and leaves no process."""
    mark = uuid.uuid4().hex
    command = line("harness", "run", "Q257223", "--on", "processes", "--report", tmp_path, "--json", tmp_path / "json")
    with started(command, env={**os.environ, MARK: mark}) as process:

        def in_the_middle() -> bool:
            journals = [path for path in tmp_path.rglob("client-*.jsonl") if "apm-open" in path.read_text()]
            return len(journals) >= 2

        wait_until(in_the_middle, "two clients at work")
        children = [pid for pid in marked(mark) if pid != process.pid]
        assert len(children) >= 4  # two servers and two clients
        process.send_signal(number)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 3, out + error
    assert marked(mark) == []
    assert "stopping" in error
    assert "the run could not be carried out: stopped before the end" in out
    assert out.splitlines()[-1].startswith("exit 3: ")
    results = json.loads((tmp_path / "json").read_text())
    assert len(results) >= 2
    assert {result["verdict"] for result in results} == {"unknown"}
    journals = [read(path).records for path in tmp_path.rglob("server-*.jsonl")]
    last = [records[-1].event for records in journals if records]  # a run may have begun just then, its server not yet
    assert len(last) >= 2
    assert set(last) == {"stop"}  # the servers were stopped, not killed


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_command(number: signal.Signals, tmp_path: Path) -> None:
    """A user's own client that would stay for ever ends with the harness, and so does what it started."""
    mark = uuid.uuid4().hex
    command = line("harness", "exec", "--report", tmp_path, "--", "sh", "-c", "sleep 600 & sleep 600; true")
    with started(command, env={**os.environ, MARK: mark}) as process:
        wait_until(lambda: len(marked(mark)) == 5, "the harness, its server, a shell and two that sleep")
        process.send_signal(number)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 3, out + error
    assert "the run could not be carried out: stopped before the end" in out
    wait_until(lambda: not marked(mark), "the end of them all")


@linux
def test_what_a_command_leaves_behind_ends_too(tmp_path: Path) -> None:
    """A command that exits and leaves others running has not ended, and they do not outlive the run."""
    mark = uuid.uuid4().hex
    lingering = ["sh", "-c", "sleep 600 & exit 0"]
    data = scenario([{"name": "ws", "command": lingering, "environment": {MARK: mark}}], timeout="500ms")
    run, verdict, text = carry_out(data, tmp_path)
    assert run.runner_lines("exit") == []
    assert [(record["program"], record["code"]) for record in run.runner_lines("still-running")] == [("sleep 600", 0)]
    assert verdict == "unknown"
    assert re.search("ws was still running: process [0-9]+, sleep 600, after ws ended with exit code 0", text)
    wait_until(lambda: not marked(mark), "the end of what the command left behind")


# A user's own client


@pytest.mark.skipif(shutil.which("perl") is None, reason="there is no program perl")
def test_a_command_takes_the_place_of_a_script(tmp_path: Path) -> None:
    """A program beside the scenario file is found, told where the server is, and judged; beside a scripted client."""
    shutil.copy(CLIENTS / "ncp.pl", tmp_path)
    ours = {"name": "ours", "user": "JOE:SECRET", "script": [NAL_OPEN, "nal.close", {"wait": "1s"}]}
    given = {"PERL_BADLANG": "0"}
    command = ["perl", "ncp.pl", "--user", "JOE", "--password", "SECRET", "{host}", "{port}"]
    theirs = {"name": "theirs", "command": command, "environment": given}
    data = scenario([ours, theirs], transport="udp", servers=[{"name": "FAKENW", "users": ["JOE:SECRET"]}])
    (tmp_path / "mine.yaml").write_text(json.dumps(data))
    report = tmp_path / "report"
    done = harness("run", tmp_path / "mine.yaml", "--on", "processes", "--report", report, "--json", "-", cwd=Path("/"))
    (result,) = json.loads(done.stdout)
    assert (result["verdict"], result["peak"] >= 1, done.returncode) == ("released", True, 0), done.stderr
    runner = read(report / "mine" / "default" / "runner.jsonl")
    (ended,) = told(runner, "exit")
    assert (ended["client"], ended["code"]) == ("theirs", 0)
    assert re.fullmatch(r"server FAKENW \| holding connection [12]", ended["output"])  # who comes first is chance
    (ours_spawned, theirs_spawned) = told(runner, "spawn")
    assert ours_spawned == {"client": "ours"}
    assert theirs_spawned["command"][:2] == ["perl", "ncp.pl"]
    assert theirs_spawned["command"][-2] == "127.0.0.1"  # filled in
    server = read(report / "mine" / "default" / "server-FAKENW.jsonl")
    assert [grant["user"] for grant in told(server, "grant")] == ["JOE", "JOE"]
    log = report / "mine" / "default" / "client-theirs.log"
    assert log.read_text().startswith("server FAKENW\nholding connection ")


def told(journal: Journal, event: str) -> list[dict[str, Any]]:
    """The fields of a journal's lines of one kind."""
    return [dict(record.fields) for record in journal.records if record.event == event]


@pytest.mark.skipif(shutil.which("perl") is None, reason="there is no program perl")
def test_a_command_that_leaks_is_named(tmp_path: Path) -> None:
    """Its license is still held when it has gone, and the story says who took it and how it went."""
    command = ["perl", str(CLIENTS / "ncp.pl"), "--no-logout"]  # it is told the address by its environment
    data = scenario([{"name": "theirs", "command": command}], checks=[{"released": {"within": "500ms"}}])
    (plan,) = Scenario.read(data, "the test").plans("udp")
    run = RunHistory.of(real_time.run(plan, tmp_path, Processes(), threading.Event()))
    verdict = judge(run)
    assert verdict.verdict == "leaked"
    text = "\n".join(story(Result(run, verdict)))
    assert "connection 1 (serial 1) of user GUEST from udp:127.0.0.1:" in text
    assert "it took a license as user GUEST" in text
    assert "the client exited" in text


# A fault that waits for a license


HOLDER = {"name": "agent", "command": [sys.executable, "-m", "harness", "hold", "{host}:{port}", "--for", "10m"]}
LICENSED = {"when": {"client": "agent", "licensed": True}}


def test_a_program_is_killed_when_it_has_its_license(tmp_path: Path) -> None:
    """However long it took to start; the server takes the license back."""
    run, verdict, said = carry_out(scenario([HOLDER], faults=[LICENSED, {"process-killed": "agent"}]), tmp_path)
    (history,) = run.histories
    assert (verdict, history.cause, len(history.holdings)) == ("reclaimed", "lost", 1), said


def test_which_of_several_programs_has_the_license_is_not_known(tmp_path: Path) -> None:
    """They have one address: the verdict is unknown, and says where it would be known."""
    faults = [{"when": {"client": "agent#2", "licensed": True}}, {"process-killed": "agent#2"}]
    _, verdict, said = carry_out(scenario([{**HOLDER, "count": 2}], faults=faults), tmp_path)
    assert verdict == "unknown"
    assert "when: agent#2: programs of one address are not told apart" in said


def test_a_program_that_never_has_a_license(tmp_path: Path) -> None:
    """The run ends with the program, and not at its timeout."""
    faults = [LICENSED, {"process-killed": "agent"}]
    _, verdict, said = carry_out(scenario([{"name": "agent", "command": ["true"]}], faults=faults), tmp_path)
    assert verdict == "unknown"
    assert "when: agent never came to hold a license, and the faults behind that did not happen" in said
