"""``harness diagnose``: from what a customer sends to Q257223, not Q257223, or that it cannot be told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli.main import main
from tests.harness.customer_files import LIST, TIMES, WITH_A_LIST, WITH_TWO, diagnose, dumped, found, write_files

HIVE = Path(__file__).parents[1] / "data" / "nal.hive.gz"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The customer's files, in a directory of their own."""
    monkeypatch.chdir(tmp_path)
    write_files()


# A list, and dumps


def test_two_lists_and_three_dumps() -> None:
    """Each license has its entry, each entry its connection, and one of them is the bug's."""
    dumps = ("--registry", "10.1.1.7=7.reg", "--registry", "10.1.1.8=8.reg", "--registry", "10.1.1.77=9.reg")
    done = diagnose(*WITH_TWO, *dumps)
    assert done.exit_code == 0
    rows = done.stdout.splitlines()
    assert rows[:8] == [
        "3 licenses of HOP",
        "  Q257223, certain            0",
        "  Q257223, probable           1   connection 7 on HOP",
        "  Q257223, possible           0",
        "  another documented case     0",
        "  ordinary use                2   connection 1 on HOP, connection 8 on HOP",
        "  not known                   0",
        "",
    ]
    assert rows[-1].startswith(
        "Q257223 (probable): connection 7 on HOP of SMSCLIENT_GS1 at 10.1.1.7: both counts are 0"
    )
    assert "idle for 0:30:00: the same 212 requests in 2 lists; its user is known as NAL's by the name only" in rows[-1]
    assert "4 connections, 3 of them licensed" in rows
    assert (
        "  read: path from 'NAL Path', persistence from 'Persistence Count', reference from 'Reference Count'" in rows
    )
    assert (
        "connection 8 on HOP of SMSCLIENT_GS1 at 10.1.1.8: licensed, since 2000-08-10T09:31:00, held for 0:59:00"
        in rows
    )
    assert "  not Q257223: the path is in use: a count of its entry is not 0" in rows
    assert "  not Q257223: it is in use: 55 requests since the list before" in rows
    assert "no connection for Resource1 of SMSCCMBootAcct (9.reg): persistence 0, reference 0" in rows
    assert "no entry for connection 1, 9" in rows
    assert any("persistence 0, reference 0; NWBIND" in row and "[same address]" in row for row in rows)
    assert any(row.startswith("next: clear connection 7 on HOP in MONITOR") for row in rows)
    code, _, data = found(*WITH_TWO, *dumps)
    assert (code, data["q257223"], data["sure"], data["connections_without_entry"]) == (0, True, "probable", [1, 9])
    assert [entry["dump"] for entry in data["entries_without_connection"]] == ["9.reg"]
    seven = next(one for one in data["connections"] if one["connection"] == 7)
    assert (seven["q257223"], seven["explained_by"], seven["entries"][0]["reference"]) == (True, "same address", 0)
    assert (seven["class"], seven["server"], seven["to_decide"]) == ("q257223", "HOP", [])
    assert data["tally"] == {
        "licensed": 3,
        "q257223": {"certain": 0, "probable": 1, "possible": 0},
        "documented": {},
        "ordinary": 2,
        "unknown": 0,
        "released": 0,
        "new": 0,
    }
    assert len(data["next"]) == 1


def test_a_list_and_dumps_of_something_else() -> None:
    """Entries that somebody counts on, or whose connection holds no license, are not the bug."""
    dumps = ("--registry", "10.1.1.7=8.reg", "--registry", "10.1.1.8=8.reg", "--registry", "10.1.1.9=9.reg")
    code, line, data = found(*WITH_A_LIST, *dumps)
    assert (code, data["q257223"], data["sure"]) == (0, False, None)
    assert line.startswith("not Q257223: the path is in use")
    assert "without a dump, that were not judged: 1" in line  # the supervisor's


def test_without_an_address_it_is_possible_at_most() -> None:
    """A dump of some client may be about every account of NAL's, and about the user who owns its key."""
    code, line, data = found(*WITH_A_LIST, "--registry", "7.reg")
    assert (code, data["sure"]) == (0, "possible")
    assert line.startswith("Q257223 (possible): ")
    by = {one["connection"]: one["explained_by"] for one in data["connections"]}
    assert by[7] == by[8] == "possibly: of an unknown machine"
    assert by[1] is None
    Path("joe.reg").write_bytes(dumped((0, 0), account="SUPERVISOR&amp;"))
    _, _, data = found(*WITH_A_LIST, "--registry", "joe.reg")
    by = {one["connection"]: one["explained_by"] for one in data["connections"]}
    assert by[1] == "possibly: of an unknown machine"


def test_the_variant_without_an_entry() -> None:
    """The key was deleted, and a connection of NAL's account is there: possible with a list. Another user's is not."""
    Path("7.reg").write_bytes(dumped())
    both = ("--registry", "10.1.1.7=7.reg", "--registry", "10.1.1.8=8.reg")
    code, line, data = found(*WITH_A_LIST, *both)
    assert (code, data["sure"]) == (0, "possible")
    assert "its registry has no entry for it" in line
    Path("list.csv").write_text(LIST.replace("7,SMSCLIENT_GS1", "7,JOE"))
    code, line, _ = found(*WITH_A_LIST, *both)
    assert (code, line.startswith("not Q257223: its user is none of NAL's")) == (0, True)


def test_what_cannot_be_told() -> None:
    """No dump; no dump of the machine in question; counts that are not there. Exit 3."""
    code, line, data = found(*WITH_A_LIST)
    assert (code, data["q257223"]) == (3, None)
    assert line.startswith(
        "could not be decided: connection 1 of SUPERVISOR at 10.1.1.1: there is no dump of any machine"
    )
    code, line, _ = found(*WITH_A_LIST, "--registry", "10.1.1.8=8.reg")
    assert (code, "connection 7 of SMSCLIENT_GS1 at 10.1.1.7: there is no dump of its machine" in line) == (3, True)
    Path("7.reg").write_bytes(dumped((0, 0)).replace(b"Persistence Count", b"Alpha"))
    both = ("--registry", "10.1.1.7=7.reg", "--registry", "10.1.1.8=8.reg")
    code, line, _ = found(*WITH_A_LIST, *both)
    assert (code, "could not be read: see --value-name" in line) == (3, True)
    code, line, _ = found(*WITH_A_LIST, *both, "--value-name", "persistence=Alpha")
    assert (code, line.startswith("Q257223 (possible)")) == (0, True)


def test_no_license_is_no_bug() -> None:
    """An entry alone takes nobody's license."""
    Path("list.csv").write_text("connection;user;address\n7;*SMSCLIENT_GS1;10.1.1.7\n")
    code, line, _ = found(*WITH_A_LIST, "--registry", "10.1.1.7=7.reg")
    assert (code, line) == (0, "not Q257223: no connection is licensed")


def test_a_hive() -> None:
    """NAL's own hive, as of SMSbkSiteRegNAL.dat: its second path is the name of a value, its count is text."""
    pytest.importorskip("regipy")
    Path("nal.dat").write_bytes(gzip.decompress(HIVE.read_bytes()))
    done = diagnose(*WITH_A_LIST, "--registry", "10.1.1.7=nal.dat")
    assert "nal.dat (10.1.1.7): 2 entries" in done.stdout
    assert "no persistence, reference from 'Ref'" in done.stdout
    assert "Connections" not in done.stdout
    data = found(*WITH_A_LIST, "--registry", "10.1.1.7=nal.dat")[2]
    keys = [entry["key"] for one in data["connections"] for entry in one["entries"]]
    assert keys[0].startswith("HKEY_LOCAL_MACHINE\\Software\\Microsoft\\NAL\\Client\\Connections\\SMSCCMBootAcct")


# A journal


@pytest.fixture
def journals() -> Path:
    """The run directories of Q257223."""
    CliRunner().invoke(main, ["run", "Q257223", "--report", "runs"], catch_exceptions=False)
    return Path("runs/Q257223")


def test_a_run_directory(journals: Path) -> None:
    """Its clients' registries are dumps with an address: the bug is certain, its variant possible, a repair is not."""
    answers = {}
    for folder in journals.iterdir():
        code, line, data = found("--journal", folder)
        assert code == 0, line
        answers[folder.name] = data["sure"] if data["q257223"] else "not"
    assert answers["as-shipped"] == "certain"
    assert answers["key-deleted"] == "possible"  # no entry names the server
    assert answers["reopen-adds"] == "probable"  # one entry, and two connections it may be about
    assert {answers[name] for name in ("counted", "private", "retry", "forced", "idle-timeout")} == {"not"}


def test_a_server_journal_and_a_dump(journals: Path) -> None:
    """With address and account certain; of an unknown machine possible; and a connection that is in use is not it."""
    journal = journals / "as-shipped" / "server-FAKENW.jsonl"
    dump = dumped((0, 0)).replace(b"HOP", b"FAKENW")
    Path("ws.reg").write_bytes(dump)
    assert found("--journal", journal)[0] == 3
    code, line, data = found("--journal", journal, "--registry", "10.0.0.1=ws.reg")
    assert (code, data["sure"], "idle for 4:05:01" in line) == (0, "probable", True)
    named = found("--journal", journal, "--registry", "10.0.0.1=ws.reg", "--account", ".SMSCLIENT_GS1.ACME")
    assert named[2]["sure"] == "certain"
    code, _, data = found("--journal", journal, "--registry", "ws.reg")
    assert (code, data["sure"], data["connections"][0]["explained_by"]) == (
        *(0, "possible"),
        "possibly: of an unknown machine",
    )
    Path("ws.reg").write_bytes(dump.replace(b"FAKENW", b"OTHER"))
    data = found("--journal", journal, "--registry", "10.0.0.1=ws.reg")[2]
    assert data["connections"][0]["entries"] == []
    Path("ws.reg").write_bytes(dump)
    lines = journal.read_text().splitlines(keepends=True)
    at = next(n for n, text in enumerate(lines) if '"open"' in text)
    journal.write_text("".join(lines[: at + 1]))
    code, line, _ = found("--journal", journal, "--registry", "10.0.0.1=ws.reg")
    assert (code, line) == (0, "not Q257223: it has files open")


# Usage and names


def test_hostile_names() -> None:
    """What came from a customer's file obeys nobody's terminal."""
    Path("list.csv").write_text('connection,user,address\n7,"\x1b[31mJOE=1+1",10.1.1.7\n')
    Path("7.reg").write_bytes(dumped((0, 0), account="\x1b]0;<script>"))
    done = diagnose(*WITH_A_LIST, "--registry", "10.1.1.7=7.reg")
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\\x1b[31mJOE=1+1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "expected --journal or --connections"),
        ([*WITH_A_LIST, "--journal", "list.csv"], "and not both"),
        ([*WITH_A_LIST, "--registry", "10.1.1.7=missing.reg"], "missing.reg: cannot be read"),
        ([*WITH_A_LIST, "--registry", "list.csv"], "list.csv:1: the line"),
        ([*WITH_A_LIST, "--value-name", "colour=red"], "expected path=NAME, persistence=NAME or reference=NAME"),
        ([*WITH_A_LIST, "--value-name", "path="], "expected path=NAME"),
        (["--connections", "missing.csv"], "missing.csv"),
        ([*WITH_A_LIST, "--as-of", "14:00"], "expected a date and a time"),
        (
            [*WITH_A_LIST, "--as-of", "2000-08-10 08:00"],
            "list.csv: connection 8 since 2000-08-10T09:31:00, after --as-of",
        ),
        ([*WITH_TWO, "--connections", "list.csv"], "--as-of 2 times for 3 lists"),
        ([*WITH_TWO[:6], *TIMES[2:], *TIMES[:2]], "--as-of: a later list was taken earlier"),
        ([*WITH_A_LIST, "--tree", "ACME"], "expected TREE=SERVER"),
        (["--journal", "list.csv", "--server", "HOP"], "expected --server and --as-of with --connections"),
        (["--journal", "list.csv"], "list.csv:1: not a journal line"),
    ],
)
def test_bad_usage(arguments: list[str], expected: str) -> None:
    """Exit 2, and what was expected."""
    done = diagnose(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert expected in done.stderr


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF" + bytes(range(256)) * 100,
        b"\0" * 10_000,
        b"\xff\xfe" * 5_001 + b"\n",
        b"regf" + b"\xff" * 5_000,
        b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE" + rb"\NAL\Client\Connections\A" * 50_000 + b"]\n",
        b"REGEDIT4\n\n[" * 100_000,
        b"connection,user\n" + b'"' * 200_000,
        b"connection  user\n" + b"7  " * 100_000,
        b"(" * 100_000 + b"\n" * 100_000,
    ],
)
def test_hostile_files(data: bytes) -> None:
    """Binary, nested, huge: refused with a file's name, whatever it was given as."""
    Path("hostile").write_bytes(data)
    for arguments in (("--connections", "hostile"), (*WITH_A_LIST, "--registry", "10.1.1.7=hostile")):
        done = diagnose(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "hostile" in done.stderr
        assert "expected" in done.stderr


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_no_dump_is_a_crash(data: bytes) -> None:
    """Whatever stands under the key, it is read or refused."""
    Path("any.reg").write_bytes(dumped((0, 0)) + data)
    assert diagnose(*WITH_A_LIST, "--registry", "10.1.1.7=any.reg").exit_code in (0, 2, 3)


def test_json_on_standard_output() -> None:
    """And nothing else there."""
    done = diagnose(*WITH_A_LIST, "--registry", "10.1.1.7=7.reg", "--json", "-")
    assert json.loads(done.stdout)["sure"] == "possible"
    assert done.stderr.splitlines()[-1].startswith("Q257223 (possible)")


def test_a_file_with_an_equals_sign() -> None:
    """A file that is there is a file, whatever its name looks like."""
    Path("a=b.reg").write_bytes(dumped((0, 0)))
    assert "a=b.reg (of an unknown machine): 1 entries" in diagnose(*WITH_A_LIST, "--registry", "a=b.reg").stdout
    assert "a=b.reg (10.1.1.7): 1 entries" in diagnose(*WITH_A_LIST, "--registry", "10.1.1.7=a=b.reg").stdout
