"""``harness check``: a verdict from written journals, and what damage does to it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.programs import invoke


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
    """A writer that is killed leaves half a line, and that is no damage."""
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


@pytest.fixture
def alone(kept: Path, tmp_path: Path) -> Path:
    """The server's journal of a good run: its client works from the first second to the tenth minute."""
    return (kept / "server-FAKENW.jsonl").rename(tmp_path / "alone.jsonl")


def test_an_idle_time_of_the_users_own(mine: Path, tmp_path: Path) -> None:
    """Idle for four hours, and no more: with ``--idle-after 5h`` the license is still in use."""
    invoke("run", mine, "--report", tmp_path / "runs")
    journal = tmp_path / "runs" / "mine" / "default" / "server-FAKENW.jsonl"
    assert invoke("check", journal, "--idle-after", "1h").exit_code == 1
    still = invoke("check", journal, "--idle-after", "5h")
    assert (still.exit_code, "its last use is not known" in still.stdout) == (3, True)
    short = invoke("check", journal, "--idle-after", "1m")
    assert (short.exit_code, short.stdout) == (2, "")
    assert f"{journal}: tells silences from 0:05:00 on; expected --idle-after 0:05:00 or more" in short.stderr


def test_a_mark_on_the_command_line(alone: Path) -> None:
    """A license that is given back long after the moment at which its client had done is late."""
    assert invoke("check", alone, "--mark", "2000-08-10 09:30:20", "--within", "15m").exit_code == 0
    late = invoke("check", alone, "--mark", "2000-08-10 11:30:20", "--tz", "Europe/Berlin", "--within", "1m")
    assert (late.exit_code, "after it was no longer needed" in late.stdout) == (1, True)
    never = invoke("check", alone, "--mark", "2001-08-10 11:30:20")
    assert (never.exit_code, never.stdout) == (2, "")
    assert "--mark 2001-08-10 11:30:20: no server was there; expected a time of FAKENW from 2000-08-10 09:30:15" in (
        never.stderr
    )


def test_a_report_of_what_is_checked(kept: Path, tmp_path: Path) -> None:
    assert invoke("check", kept, "--report", tmp_path / "page").exit_code == 0
    assert {path.name for path in (tmp_path / "page").iterdir()} == {"report.html", "results.json", "junit.xml"}
