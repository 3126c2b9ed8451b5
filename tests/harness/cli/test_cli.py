"""The harness's command line: what it prints, and the exit code of everything that can happen."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import click
import pytest

from harness.cli import main as cli
from harness.cli import running
from harness.runners import memory
from harness.scenario.catalogue import find
from harness.scenario.plan import Plan
from tests.programs import harness, invoke

# list, run


def test_the_catalogue_is_listed() -> None:
    """Every scenario with its id, title, source, and every variant with its verdict."""
    listed = invoke("list")
    assert listed.exit_code == 0
    scenario = find("Q257223")
    assert f"Q257223  {scenario.title}\n    {scenario.source}\n" in listed.stdout
    for plan in scenario.plans():
        assert any(row.split()[:2] == [plan.variant, plan.expect] for row in listed.stdout.splitlines())


@pytest.mark.parametrize("names", [["Q257223"], ["q257223"], ["all"], []])
def test_a_run_of_the_catalogue(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variant has its row, and the last line explains the exit code. Two scenarios are catalogue enough."""
    monkeypatch.setattr(running, "catalogue", lambda: [find("S10"), find("Q257223")])
    done = invoke("run", *names)
    assert done.exit_code == 0
    assert (find("S10").title in done.stdout) == (names in (["all"], []))
    rows = [row.split() for row in done.stdout.splitlines()]
    plans = find("Q257223").plans()
    for plan in plans:
        assert [plan.variant, "udp", f"{plan.expect},", "as", "expected"] in [row[:5] for row in rows]
    assert done.stdout.splitlines()[-1].startswith("exit 0: every verdict is the expected one (")
    assert "refused: 1 file open (SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR)" in done.stdout


def test_a_verdict_that_was_not_expected(mine: Path) -> None:
    """What is not said to leak is expected to be released: exit 1, and why."""
    done = invoke("run", mine)
    assert done.exit_code == 1
    assert "leaked, expected released" in done.stdout
    assert "NAL closed it and asked for its release; refused: 1 file open" in done.stdout
    assert done.stdout.splitlines()[-1] == "exit 1: not as expected: mine default"


def test_a_wrong_verdict_outweighs_an_unknown_one(mine: Path) -> None:
    """1 before 3: two variants, one of which nobody can judge."""
    text, nothing = mine.read_text(), "{script: [{wait: 1s}]}"
    mine.write_text(f"{text}variants: {{bug: {{}}, nothing: {nothing}}}")
    assert invoke("run", mine, "--variant", "nothing").exit_code == 3
    both = invoke("run", mine)
    assert both.exit_code == 1
    assert "unknown, expected released" in both.stdout
    mine.write_text(
        f"{text}variants: {{bug: {{expect: leaked}}, nothing: {{script: [{{wait: 1s}}], expect: unknown}}}}"
    )
    assert invoke("run", mine).exit_code == 0


def test_json_and_nothing_else(mine: Path, tmp_path: Path) -> None:
    """``--json -`` has standard output for itself; a file gets the same."""
    done = invoke("run", mine, "--json", "-", "--transport", "tcp", "--seed", 9)
    (result,) = json.loads(done.stdout)
    assert "leaked, expected released" in done.stderr
    expected = {
        "format": 1,
        "scenario": "mine",
        "variant": "default",
        "on": "memory",
        "transport": "tcp",
        "verdict": "leaked",
        "expected": "released",
        "ok": False,
        "limit": 5,
        "peak": 1,
        "reclaimed": [],
        "denied": 0,
        "seed": 9,
    }
    assert {name: result.get(name) for name in expected} == expected
    assert 4 * 3600 < result["seconds"] < 5 * 3600
    (leaked,) = result["leaked"]
    assert (leaked["server"], leaked["serial"], leaked["connection"], leaked["user"]) == ("FAKENW", 1, 1, "GUEST")
    assert (leaked["opened_by"], leaked["last_used_by"], leaked["held_for"] > 4 * 3600) == ("nal", "apm", True)
    assert leaked["station"].startswith("tcp:")
    assert leaked["reason"]
    file = tmp_path / "results.json"
    again = invoke("run", mine, "--json", file, "--transport", "tcp", "--seed", 9)
    assert json.loads(file.read_text()) == [result]
    assert "leaked, expected released" in again.stdout


def test_a_spelling_mistake(mine: Path) -> None:
    """Exit 2, and the line, the field, and what was perhaps meant."""
    mine.write_text(mine.read_text().replace("owner:", "ownr:"))
    done = invoke("run", mine)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{mine}:9: clients[0].script[0].nal.open.ownr: unknown key" in done.stderr
    assert "did you mean owner?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["Q257224"], "Q257224: no such scenario; expected one of Q257223"),
        (["nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["Q257223", "--variant", "as-shiped"], "no variant 'as-shiped'; expected one of"),
        (["Q257223", "--transport", "spx"], "'spx'"),
        (["Q257223", "--on", "paper"], "'paper'"),
        (["Q257223", "--speed", "0"], "0"),
    ],
)
def test_what_does_not_exist(arguments: list[str], expected: str) -> None:
    """Unknown scenarios, files, variants, transports, runners and speeds are bad usage."""
    done = invoke("run", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert expected in done.stderr


def test_a_command_needs_processes(mine: Path) -> None:
    """Memory cannot run a program, and says where it can be run."""
    mine.write_text(mine.read_text().partition("    script:")[0] + "    command: ['true']\n")
    done = invoke("run", mine)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "mine: a client with a command needs --on processes" in done.stderr


def test_an_early_end_is_not_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that have not ended are missing, whatever the others have shown."""
    run = memory.run

    def run_and_be_stopped(plan: Plan, **more: Any) -> Any:
        journals = run(plan)
        os.kill(os.getpid(), signal.SIGINT)
        return journals

    monkeypatch.setattr(memory, "run", run_and_be_stopped)
    done = invoke("run", "Q257223")
    assert done.exit_code == 3
    assert "as-shipped  udp  leaked, as expected" in done.stdout
    count = len(find("Q257223").plans())
    assert done.stdout.splitlines()[-1] == f"exit 3: stopped before {count - 1} of {count} runs had ended"


# usage


OPTIONS = {
    "list": [],
    "assert": ["--released", "--within", "--user", "--station", "--since-mark", "--by", "--token", "--junit"],
    "run": [
        "--on",
        "--transport",
        "--variant",
        "--report",
        "--json",
        "--seed",
        "--speed",
        "--image",
        "--parallel",
        "--keep",
        "--behaviors",
    ],
    "exec": [
        *("--licenses", "--release", "--policy", "--user", "--within", "--idle-after"),
        *("--transport", "--report", "--json", "--seed"),
    ],
    "hold": ["--user", "--for", "--no-logout", "--transport"],
    "check": ["--within", "--wall", "--tz", "--json"],
    "diagnose": [
        *("--journal", "--connections", "--registry", "--value-name", "--account", "--server", "--tree", "--as-of"),
        *("--json", "--exit-code"),
    ],
    "clean": ["--all"],
    "explore": ["--variant", "--runs", "--for", "--faults", "--seed", "--find", "--corpus", "--json", "--workers"],
    "explain": ["--variant", "--transport", "--seed", "--behaviors"],
    "new": [],
    "schema": [],
    "load": [
        *(
            "--clients",
            "--licenses",
            "--profile",
            "--rate",
            "--behavior",
            "--leak",
            "--leak-by",
            "--hold",
            "--duration",
        ),
        *("--days", "--refused", "--transport", "--release", "--users", "--on", "--processes", "--server", "--admin"),
        *("--source", "--sweep", "--baseline", "--fail-if", "--report", "--json", "--seed"),
    ],
    "matrix": ["--repairs", "--scenarios", "--for", "--within", "--json", "--transport", "--seed"],
}


@pytest.mark.parametrize("command", [*OPTIONS, *(cli.COMMANDS.keys() - OPTIONS.keys())])
def test_help(command: str) -> None:
    """Every command tells what it is for, and every option what it does."""
    done = invoke(command, "--help")
    assert done.exit_code == 0
    assert all(f"  {option}" in done.stdout for option in OPTIONS[command])
    found = cli.main.get_command(click.Context(cli.main), command)
    assert found is not None
    for parameter in found.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, parameter.name


@pytest.mark.process
def test_the_exit_codes_are_told() -> None:
    """The help says what the exit codes mean."""
    done = harness("--help")
    assert done.returncode == 0
    assert "Exit codes: 0 every verdict is the expected one" in done.stdout


@pytest.mark.parametrize(
    "arguments", [["exec"], ["exec", "--"], ["check"], ["hold"], ["nonsense"], ["run", "--nonsense"]]
)
def test_bad_usage(arguments: list[str]) -> None:
    """What is missing or unknown is said, with exit 2."""
    done = invoke(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error: " in done.stderr
    if arguments[0] == "exec":
        assert "Missing argument 'COMMAND" in done.stderr
