"""The harness's command line: what it prints, and the exit code of everything that can happen."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from fakenw.journal.record import Record, read
from harness.cli import main as cli
from harness.runners import memory
from harness.scenario.catalogue import find
from harness.scenario.plan import Plan
from tests.programs import harness, line, serving, started, wait_until

MINE = r"""format: 1
id: mine
title: my own client
source: here
servers: [{name: FAKENW}]
clients:
  - name: workstation
    script:
      - nal.open: {path: 'NWBIND:\\FAKENW\SYS\CAP_GS1\', owner: SMSCCMBootAcct}
      - apm.open: {file: 'SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR'}
      - nal.close
      - wait: 10m
      - apm.close
      - wait: 4h
"""


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The commands take signals for themselves; in a test they run in our own process."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, action in zip(numbers, before, strict=True):
        signal.signal(number, action)


def invoke(*arguments: object) -> Result:
    """Run ``harness`` in this process. What it does not catch itself is raised here."""
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A scenario of the user's own: the bug, and nothing that expects it."""
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    return path


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
    monkeypatch.setattr(cli, "catalogue", lambda: [find("S10"), find("Q257223")])
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
    nothing = "{script: [{wait: 1s}]}"
    mine.write_text(f"{MINE}variants: {{bug: {{}}, nothing: {nothing}}}")
    assert invoke("run", mine, "--variant", "nothing").exit_code == 3
    both = invoke("run", mine)
    assert both.exit_code == 1
    assert "unknown, expected released" in both.stdout
    mine.write_text(
        f"{MINE}variants: {{bug: {{expect: leaked}}, nothing: {{script: [{{wait: 1s}}], expect: unknown}}}}"
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
    mine.write_text(MINE.replace("owner:", "ownr:"))
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
        (["Q257223", "--transport", "ipx"], "'ipx'"),
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
    mine.write_text(MINE.partition("    script:")[0] + "    command: ['true']\n")
    done = invoke("run", mine)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "mine: a client with a command needs --on processes" in done.stderr


def test_an_early_end_is_not_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that were not even begun are missing, whatever the others have shown."""
    run = memory.run

    def run_and_be_stopped(plan: Plan) -> Any:
        journals = run(plan)
        os.kill(os.getpid(), signal.SIGINT)
        return journals

    monkeypatch.setattr(memory, "run", run_and_be_stopped)
    done = invoke("run", "Q257223")
    assert done.exit_code == 3
    assert "as-shipped  udp  leaked, as expected" in done.stdout
    count = len(find("Q257223").plans())
    assert done.stdout.splitlines()[-1] == f"exit 3: stopped before {count - 1} of {count} runs had begun"


# check


def told(text: str) -> list[str]:
    """What is said, but for where it was kept."""
    return [row for row in text.splitlines() if row and not row.startswith("  journals: ")]


def test_a_check_says_what_the_run_said(mine: Path, tmp_path: Path) -> None:
    """The verdict, the diagnosis, the exit code: the journals are all that is needed."""
    ran = invoke("run", mine, "--report", tmp_path / "runs", "--json", tmp_path / "ran.json")
    checked = invoke("check", tmp_path / "runs" / "mine" / "default", "--json", tmp_path / "checked.json")
    assert (ran.exit_code, checked.exit_code) == (1, 1)
    assert told(ran.stdout) == told(checked.stdout)
    assert "APM rode on it" in checked.stdout
    assert (tmp_path / "ran.json").read_text() == (tmp_path / "checked.json").read_text()
    one_by_one = invoke("check", *sorted((tmp_path / "runs" / "mine" / "default").glob("*.jsonl")))
    assert told(one_by_one.stdout) == told(checked.stdout)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_check_of_a_whole_report(transport: str, tmp_path: Path) -> None:
    """The top directory has every variant, each judged as it was, and each with its story."""
    report = ("--report", tmp_path / "runs", "--json", tmp_path / "ran.json")
    ran = invoke("run", "Q257223", "--transport", transport, *report)
    checked = invoke("check", tmp_path / "runs", "--json", tmp_path / "checked.json")
    assert (ran.exit_code, checked.exit_code) == (0, 0)
    by_variant = [
        {result["variant"]: result for result in json.loads((tmp_path / name).read_text())}
        for name in ("ran.json", "checked.json")
    ]
    assert by_variant[0] == by_variant[1]
    assert set(told(ran.stdout)) <= set(told(checked.stdout))
    for variant, result in by_variant[1].items():
        assert f"\n{variant}: {result['verdict']}: " in checked.stdout


def test_within_can_be_overridden(tmp_path: Path) -> None:
    """A release that is late for five minutes is in time for an hour, and the other way round."""
    invoke("run", "Q257223", "--variant", "counted", "--report", tmp_path)
    assert invoke("check", tmp_path).exit_code == 0
    invoke("run", "Q257223", "--variant", "idle-timeout", "--report", tmp_path / "other")
    late = invoke("check", tmp_path / "other", "--within", "1m")
    assert (late.exit_code, "leaked, expected released" in late.stdout) == (1, True)
    assert invoke("check", tmp_path / "other", "--within", "1h").exit_code == 0


def test_real_times_beside_a_log(mine: Path, tmp_path: Path) -> None:
    """Every moment is told on the wall's clock, in the zone that was asked for; how long things took is not."""
    invoke("run", mine, "--report", tmp_path / "runs")
    folder = tmp_path / "runs" / "mine" / "default"
    plain, utc = invoke("check", folder), invoke("check", folder, "--wall")
    berlin = invoke("check", folder, "--wall", "--tz", "Europe/Berlin")
    assert "0:10:00  APM closed its file" in plain.stdout
    assert "2000-08-10 09:40:15 UTC  APM closed its file" in utc.stdout
    assert "2000-08-10 11:40:15 CEST  APM closed its file" in berlin.stdout
    assert "its release was refused at 2000-08-10 11:30:15 CEST (1 file open)" in berlin.stdout
    assert "idle since 2000-08-10 11:40:15 CEST, 4:0" in berlin.stdout
    assert not re.search(r" 0:\d\d:\d\d  ", berlin.stdout)


def test_real_times_of_a_fast_clock(mine: Path, tmp_path: Path) -> None:
    """An hour on a clock that runs 3600 times as fast is a second on the wall; without a wall time there is none."""
    invoke("run", mine, "--report", tmp_path / "runs")
    journal = tmp_path / "runs" / "mine" / "default" / "server-FAKENW.jsonl"
    text = journal.read_text()
    journal.write_text(text.replace('"speed": 1.0', '"speed": 3600', 1))
    assert "idle since 2000-08-10 09:30:15 UTC, 4:0" in invoke("check", journal, "--wall").stdout
    journal.write_text(re.sub('"utc": "[^"]*", ', "", text, count=1))
    assert "idle since 0:10:00, 4:0" in invoke("check", journal, "--wall").stdout


@pytest.mark.parametrize("wrong", [["--wall", "--tz", "Europe/Nowhere"], ["--wall", "--tz", "../x"], ["--tz", "UTC"]])
def test_no_such_zone(wrong: list[str], kept: Path) -> None:
    """A zone that does not exist, and one for times that are not told, are bad usage."""
    assert invoke("check", kept, *wrong).exit_code == 2


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The run directory of a good run."""
    assert invoke("run", "Q257223", "--variant", "counted", "--report", tmp_path).exit_code == 0
    return tmp_path / "Q257223" / "counted"


def lines_of(journal: Path, event: str) -> tuple[list[str], list[int]]:
    """The lines of a journal, and the indexes of those with that event."""
    lines = journal.read_text().splitlines(keepends=True)
    return lines, [n for n, text in enumerate(lines) if json.loads(text)["event"] == event]


def drop_release(journal: Path) -> int:
    """Forget a release. The line that is wrong then is the state before it."""
    lines, (at,) = lines_of(journal, "release")
    journal.write_text("".join(lines[:at] + lines[at + 1 :]))
    return at


def double_grant(journal: Path) -> int:
    """Write a grant twice. The second is wrong."""
    lines, (at,) = lines_of(journal, "grant")
    journal.write_text("".join(lines[: at + 1] + lines[at:]))
    return at + 2


@pytest.mark.parametrize(
    ("forge", "expected"),
    [
        (drop_release, "connection:1 is still held: no release follows"),
        (double_grant, "connection:1 was granted twice"),
    ],
)
@pytest.mark.parametrize("alone", [False, True])
def test_forged_books(forge: Callable[[Path], int], expected: str, alone: bool, kept: Path) -> None:
    """One line less, or one line twice: nothing can be told any more, and the line is named."""
    journal = kept / "server-FAKENW.jsonl"
    number = forge(journal)
    done = invoke("check", journal if alone else kept)
    assert done.exit_code == 3
    assert "unknown: the books do not balance: " in done.stdout
    assert any(f"{journal}:{number}: " in row and expected in row for row in done.stdout.splitlines())
    assert done.stdout.splitlines()[-1].startswith("exit 3: could not be told: ")


def test_a_torn_last_line(kept: Path) -> None:
    """Whoever is killed while writing leaves half a line, and that is no damage."""
    expected = told(invoke("check", kept).stdout)
    for journal in kept.glob("*.jsonl"):
        with journal.open("a") as file:
            file.write('{"t": 99999.0, "role": "ser')
    torn = invoke("check", kept)
    assert (torn.exit_code, told(torn.stdout)) == (0, expected)


def test_damage_elsewhere(kept: Path) -> None:
    """A line that is broken in the middle is refused with its number."""
    journal = kept / "server-FAKENW.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:2], "{half\n", *lines[2:]]))
    done = invoke("check", kept)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{journal}:3: not a journal line" in done.stderr


def test_a_server_journal_alone(mine: Path, tmp_path: Path) -> None:
    """Nobody's word but the server's: idle for hours is no longer needed, and the licenses leak."""
    invoke("run", mine, "--report", tmp_path / "runs")
    done = invoke("check", tmp_path / "runs" / "mine" / "default" / "server-FAKENW.jsonl")
    assert done.exit_code == 1
    assert "leaked, expected released" in done.stdout
    assert "user GUEST from udp:10." in done.stdout
    assert "it opened SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR" in done.stdout


def test_no_journals(tmp_path: Path) -> None:
    """A directory without journals, and a file that is not there, are bad usage."""
    empty = invoke("check", tmp_path)
    assert (empty.exit_code, f"no journals in {tmp_path}" in empty.stderr) == (2, True)
    missing = invoke("check", tmp_path / "server.jsonl")
    assert (missing.exit_code, f"{tmp_path}/server.jsonl" in missing.stderr) == (2, True)


def test_a_journal_of_the_future(kept: Path) -> None:
    """A format that is too new is refused by name."""
    journal = kept / "server-FAKENW.jsonl"
    journal.write_text(journal.read_text().replace('"format": 1', '"format": 99', 1))
    done = invoke("check", kept)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{journal}:1: format 99 is newer than this program" in done.stderr


# hold


def events(journal: Path, event: str) -> list[Record]:
    """The lines of one kind, so far."""
    return [record for record in read(journal).records if record.event == event]


@pytest.mark.process
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("leaves", [False, True], ids=["logout", "no-logout"])
def test_hold(leaves: bool, transport: str, tmp_path: Path) -> None:
    """A license is taken and given back; without a logout the server takes it back, but not over UDP."""
    journal = tmp_path / "server.jsonl"
    with serving(journal, "--user", "JOE:SECRET") as addresses:
        options = ["--user", "JOE:SECRET", "--for", "100ms", "--transport", transport]
        held = harness("hold", addresses[transport], *options, *(["--no-logout"] if leaves else []))
        assert held.returncode == 0, held.stderr
        assert "JOE is logged in as connection 1 and holds a license" in held.stdout
        if transport == "tcp" or not leaves:
            wait_until(lambda: events(journal, "close"), "the end of the connection")
    (grant,) = events(journal, "grant")
    assert grant["station"].startswith(f"{transport}:127.0.0.1:")
    causes = [release["cause"] for release in events(journal, "release")]
    checked = invoke("check", journal)
    if not leaves:
        assert "logged out" in held.stdout
        assert (causes, checked.exit_code) == (["logout"], 0)
        assert "released, as expected" in checked.stdout
    elif transport == "tcp":
        assert (causes, checked.exit_code) == (["lost"], 1)
        assert "reclaimed, expected released" in checked.stdout
    else:
        assert (causes, checked.exit_code) == ([], 3)
        assert events(journal, "stop")[0]["holders"][0]["user"] == "JOE"


@pytest.mark.process
def test_hold_is_refused(tmp_path: Path) -> None:
    """A wrong password, a full house and a server that is not there: exit 1, and why."""
    journal = tmp_path / "server.jsonl"
    with serving(journal, "--licenses", 1, "--user", "JOE:SECRET") as addresses:
        place = addresses["tcp"]
        wrong = invoke("hold", place, "--user", "JOE:WRONG", "--for", "1s")
        assert (wrong.exit_code, wrong.stdout) == (1, "")
        assert "harness: the server denied the login: completion code 0xFF" in wrong.stderr
        assert [record["code"] for record in events(journal, "login-failed")] == [0xFF]
        with started(line("harness", "hold", place)) as other:
            assert other.stdout is not None
            assert "holds a license" in other.stdout.readline()
            full = invoke("hold", place, "--for", "1s")
            assert (full.exit_code, full.stdout) == (1, "")
            assert "the server denied the login: completion code 0x" in full.stderr
            assert [record["what"] for record in events(journal, "deny")] == ["license"]
    gone = invoke("hold", place, "--for", "1s")
    assert (gone.exit_code, gone.stdout, "refused" in gone.stderr) == (1, "", True)


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_hold_lets_go_at_once(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C in the middle of ten minutes is an orderly end: the license is given back."""
    journal = tmp_path / "server.jsonl"
    with serving(journal) as addresses:
        with started(line("harness", "hold", addresses["udp"], "--transport", "udp", "--for", "10m")) as process:
            assert process.stdout is not None
            assert "holds a license" in process.stdout.readline()
            process.send_signal(number)
            out, _ = process.communicate(timeout=30)
            assert (process.returncode, "logged out" in out) == (0, True)
        assert [record["cause"] for record in events(journal, "release")] == ["logout"]


@pytest.mark.parametrize("address", ["localhost", "localhost:", "localhost:ipx", ":524"])
def test_hold_needs_an_address(address: str) -> None:
    """Host and port, or bad usage."""
    done = invoke("hold", address)
    assert (done.exit_code, f"{address} is not HOST:PORT" in done.stderr) == (2, True)


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
    "diagnose": ["--journal", "--connections", "--registry", "--value-name", "--json"],
    "clean": ["--all"],
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


@pytest.mark.parametrize("command", [*OPTIONS, *(set(cli.main.commands) - set(OPTIONS))])
def test_help(command: str) -> None:
    """Every command tells what it is for, and every option what it does."""
    done = invoke(command, "--help")
    assert done.exit_code == 0
    assert all(f"  {option}" in done.stdout for option in OPTIONS[command])
    for parameter in cli.main.commands[command].params:
        if isinstance(parameter, click.Option):
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
