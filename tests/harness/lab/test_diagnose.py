"""``harness diagnose``: from what a customer sends to Q257223, not Q257223, or that it cannot be told."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import main
from harness.lab.evidence import EvidenceError, ListedConnection, connections, machine

HIVE = Path(__file__).parents[1] / "data" / "nal.hive.gz"
ENTRY = """[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\NAL\\Client\\Connections\\{account}\\Deviceless\\Resource{n}]\r
"NAL Path"="NWBIND:[\\"SMS_SITE=GS1\\"]\\\\\\\\HOP\\\\SYS\\\\CAP_GS1\\\\"\r
"Persistence Count"=dword:{persistence:08x}\r
"Reference Count"=dword:{reference:08x}\r
\r
"""
LIST = """connection,user,address,licensed,since
1,SUPERVISOR,10.1.1.1,yes,2000-08-10 08:00
7,SMSCLIENT_GS1,10.1.1.7,yes,09:30
8,SMSCLIENT_GS1,10.1.1.8,yes,2000-08-10T09:31:00
9,*NOT-LOGGED-IN,10.1.1.9,,
"""


def dumped(*counts: tuple[int, int], account: str = "SMSCCMBootAcct") -> bytes:
    """A .reg file with an entry for each (persistence, reference)."""
    entries = [
        ENTRY.format(n=n, account=account, persistence=persistence, reference=reference)
        for n, (persistence, reference) in enumerate(counts, 1)
    ]
    return f"REGEDIT4\r\n\r\n{''.join(entries)}".encode()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three dumps and a list, as in a directory of their own."""
    monkeypatch.chdir(tmp_path)
    Path("list.csv").write_text(LIST)
    Path("7.reg").write_bytes(dumped((0, 0)))
    Path("8.reg").write_bytes(dumped((1, 1)))
    Path("9.reg").write_bytes(dumped((0, 0)))


def diagnose(*arguments: object) -> Result:
    """Run ``harness diagnose``. What it does not catch itself is raised here."""
    return CliRunner().invoke(main, ["diagnose", *map(str, arguments)], catch_exceptions=False)


def found(*arguments: object) -> tuple[int, str, dict[str, Any]]:
    """The exit code, the last line, and the JSON."""
    done = diagnose(*arguments, "--json", "found.json")
    return done.exit_code, done.stdout.splitlines()[-1], json.loads(Path("found.json").read_text())


WITH_A_LIST = ("--connections", "list.csv")


# A list, and dumps


def test_a_list_and_three_dumps() -> None:
    """Each license has its entry, each entry its connection, and one of them is the bug's."""
    dumps = ("--registry", "10.1.1.7=7.reg", "--registry", "10.1.1.8=8.reg", "--registry", "10.1.1.77=9.reg")
    done = diagnose(*WITH_A_LIST, *dumps)
    assert done.exit_code == 0
    rows = done.stdout.splitlines()
    assert rows[-1].startswith("Q257223 (probable): connection 7 of SMSCLIENT_GS1 at 10.1.1.7: both counts are 0")
    assert "4 connections, 3 of them licensed" in rows
    assert (
        "  read: path from 'NAL Path', persistence from 'Persistence Count', reference from 'Reference Count'" in rows
    )
    assert "connection 8 of SMSCLIENT_GS1 at 10.1.1.8: licensed, since 2000-08-10T09:31:00" in rows
    assert "  not Q257223: the path is in use: a count of its entry is not 0" in rows
    assert "no connection for Resource1 of SMSCCMBootAcct (9.reg): persistence 0, reference 0" in rows
    assert "no entry for connection 1, 9" in rows
    assert any("persistence 0, reference 0; NWBIND" in row and "[same address]" in row for row in rows)
    code, _, data = found(*WITH_A_LIST, *dumps)
    assert (code, data["q257223"], data["sure"], data["connections_without_entry"]) == (0, True, "probable", [1, 9])
    assert [entry["dump"] for entry in data["entries_without_connection"]] == ["9.reg"]
    seven = next(one for one in data["connections"] if one["connection"] == 7)
    assert (seven["q257223"], seven["explained_by"], seven["entries"][0]["reference"]) == (True, "same address", 0)


def test_a_list_and_dumps_of_something_else() -> None:
    """Entries that somebody counts on, or whose connection holds no license, are not the bug."""
    dumps = ("--registry", "10.1.1.7=8.reg", "--registry", "10.1.1.8=8.reg", "--registry", "10.1.1.9=9.reg")
    code, line, data = found(*WITH_A_LIST, *dumps)
    assert (code, data["q257223"], data["sure"]) == (0, False, None)
    assert line.startswith("not Q257223: the path is in use")
    assert "without a dump, that were not judged: 1" in line  # the supervisor's


def test_without_an_address_it_is_possible_at_most() -> None:
    """A dump of some client: the only server in the dumps, or the same user."""
    code, line, data = found(*WITH_A_LIST, "--registry", "7.reg")
    assert (code, data["sure"]) == (0, "possible")
    assert line.startswith("Q257223 (possible): ")
    by = {one["connection"]: one["explained_by"] for one in data["connections"]}
    assert by[7] == by[8] == "possibly: the only server in the dumps, of an unknown machine"
    assert by[1] is None
    Path("joe.reg").write_bytes(dumped((0, 0), account="SUPERVISOR&amp;"))
    _, _, data = found(*WITH_A_LIST, "--registry", "joe.reg")
    by = {one["connection"]: one["explained_by"] for one in data["connections"]}
    assert "same user" in by[1]


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
    assert (code, line.startswith("Q257223 (probable)")) == (0, True)


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
    assert "Microsoft" not in done.stdout
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
    """Its clients' registries are dumps with an address: the bug is certain, its variant probable, a repair is not."""
    answers = {}
    for folder in journals.iterdir():
        code, line, data = found("--journal", folder)
        assert code == 0, line
        answers[folder.name] = data["sure"] if data["q257223"] else "not"
    assert answers["as-shipped"] == "certain"
    assert answers["key-deleted"] == "probable"
    assert answers["reopen-adds"] == "probable"  # one entry, and two connections it may be about
    assert {answers[name] for name in ("counted", "private", "retry", "forced", "idle-timeout")} == {"not"}


def test_a_server_journal_and_a_dump(journals: Path) -> None:
    """With the address certain; of an unknown machine possible; and a connection that is in use is not it."""
    journal = journals / "as-shipped" / "server-FAKENW.jsonl"
    dump = dumped((0, 0)).replace(b"HOP", b"FAKENW")
    Path("ws.reg").write_bytes(dump)
    assert found("--journal", journal)[0] == 3
    code, line, data = found("--journal", journal, "--registry", "10.0.0.1=ws.reg")
    assert (code, data["sure"], "idle for 4:05:01" in line) == (0, "certain", True)
    code, _, data = found("--journal", journal, "--registry", "ws.reg")
    assert (code, data["sure"], data["connections"][0]["explained_by"]) == (
        *(0, "possible"),
        "possibly: same server, of an unknown machine",
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


# Lists as people make them


@pytest.mark.parametrize(
    "text",
    [
        "connection,user,address,licensed,since\n7,JOE,10.1.1.7,yes,9:30\n",
        "SINCE;Licensed;ADDRESS;User;Connection\n9:30;1;10.1.1.7;JOE;7\n",
        "connection\tuser\taddress\tlicensed\tsince\n7\tJOE\t10.1.1.7\tY\t9:30\n",
        '"connection";"user";"address";"licensed";"since"\r\n"7";"JOE";"10.1.1.7";"TRUE";"9:30"\r\n',
        "connection, user, address, since\n\n7, JOE, tcp:10.1.1.7:1025, 9:30\n,,,\n",
        "colour,connection,user,address,since\nred,7,JOE,10.1.1.7:524,9:30",
        "connection;user;address;since\r7;JOE;10.1.1.7;9:30\r",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_way_to_write_it(text: str, encoding: str) -> None:
    """Order, case, delimiter, quotes, BOM, line ends, blanks, other columns, encodings: one and the same list."""
    expected = [ListedConnection(7, "JOE", "10.1.1.7", True, "9:30")]
    assert connections(text.encode(encoding), "list.csv") == expected


@pytest.mark.parametrize(
    ("user", "licensed", "expected"),
    [
        ("JOE", "", True),
        ("JOE", "yes", True),
        ("JOE", "No", False),
        ("JOE", "0", False),
        ("JOE", "*", False),
        ("*JOE", "", False),
        ("* JOE", "no", False),
        ("NOT-LOGGED-IN", "", False),
        ("", "", False),
        ("", "1", True),
    ],
)
def test_licensed_or_not(user: str, licensed: str, expected: bool) -> None:
    """As MONITOR marks it: a * is not licensed."""
    (one,) = connections(f"connection,user,licensed\n7,{user},{licensed}\n".encode(), "list.csv")
    assert (one.licensed, one.user) == (expected, user.lstrip("* "))


def test_characters_of_dos_and_a_marked_number() -> None:
    """ANSI where it is not UTF-8, and MONITOR's mark in front of the number."""
    assert connections("connection,user\n*7,M\u00dcLLER\n".encode("cp1252"), "x") == [
        ListedConnection(7, "M\u00dcLLER", licensed=False)
    ]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("", 1, "a header: connection, user, address, licensed, since"),
        ("name,number\n1,2\n", 1, "a header with connection, and user or address"),
        ("connection\n7\n", 1, "and user or address"),
        ("connection,user,User\n1,2,3\n", 1, "each column once"),
        ("connection,user\nseven,JOE\n", 2, "expected a number"),
        ("connection,user\n\u0667,JOE\n", 2, "expected a number"),
        ("connection,user\n-7,JOE\n", 2, "expected a number"),
        ("connection,user\n,JOE\n", 2, "expected a number"),
        ("connection,user\n7,JOE\n\n7,BOB\n", 4, "each connection once"),
        ("connection,user\n7,JOE,yes\n", 2, "expected 2, as in the header"),
        ("connection,user,licensed\n7,JOE,perhaps\n", 2, "yes, no, 1, 0, *"),
        ("connection,user,licensed\n7,*JOE,yes\n", 2, "one or the other"),
        ("connection,user,since\n7,JOE,yesterday\n", 2, "a time such as 2000-08-10 09:30 or 9:30"),
        ("connection,user,since\n7,JOE,25:00\n", 2, "a time such as"),
        ('connection,user\n7,"JOE\n', 2, "a closed quote"),
        ('connection,user\n"7\n\n",JOE\n8,"B"OB\n', 5, "a closed quote"),
        ("connection,user\n7,JO\x00E\n", 2, "text: a list of connections as CSV"),
        (f"connection,user\n7,{'x' * 200_000}\n", 2, "fields of a sensible size"),
        ("connection,user\n7,JOE\x1b[31m,x\n", 2, "expected 2"),
    ],
)
def test_a_list_with_a_mistake(text: str, line: int, expected: str) -> None:
    """Exit 2: file, line, and what was expected; and no character that a terminal obeys."""
    Path("list.csv").write_bytes(text.encode())
    done = diagnose(*WITH_A_LIST)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"list.csv:{line}: " in done.stderr
    assert expected in done.stderr
    assert "\x1b" not in done.stderr


def test_a_torn_mark() -> None:
    """UTF-16 that is none."""
    with pytest.raises(EvidenceError, match="not UTF-16-LE"):
        connections(b"\xff\xfec", "list.csv")


@given(st.binary() | st.text().map(lambda text: f"connection,user,address,since\n{text}".encode("utf-8", "replace")))
def test_no_list_is_a_crash(data: bytes) -> None:
    """Whatever is in the file, it is a list or it is refused."""
    with suppress(EvidenceError):
        connections(data, "list.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("udp:10.0.0.1:1025", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("tcp:[2001:DB8::1]:524", "2001:db8::1"),
        ("2001:db8:0::1", "2001:db8::1"),
        ("IPX 1:A0C9123456:4003", "00000001:00a0c9123456"),
        ("00000001:00A0C9123456", "00000001:00a0c9123456"),
        ("WS-7", "ws-7"),
        ("", ""),
    ],
)
def test_the_machine_in_an_address(text: str, expected: str) -> None:
    """Transport, port and socket do not count."""
    assert machine(text) == expected


def test_hostile_names() -> None:
    """What came from a customer's file obeys nobody's terminal."""
    Path("list.csv").write_text('connection,user,address\n7,"\x1b[31mJOE=1+1",10.1.1.7\n')
    Path("7.reg").write_bytes(dumped((0, 0), account="\x1b]0;<script>"))
    done = diagnose(*WITH_A_LIST, "--registry", "10.1.1.7=7.reg")
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\\x1b[31mJOE=1+1" in done.stdout


# Usage


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
        (["--journal", "list.csv"], "list.csv:1: not a journal line"),
    ],
)
def test_bad_usage(arguments: list[str], expected: str) -> None:
    """Exit 2, and what was expected."""
    done = diagnose(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert expected in done.stderr


def test_json_on_standard_output() -> None:
    """And nothing else there."""
    done = diagnose(*WITH_A_LIST, "--registry", "10.1.1.7=7.reg", "--json", "-")
    assert json.loads(done.stdout)["sure"] == "probable"
    assert done.stderr.splitlines()[-1].startswith("Q257223 (probable)")


def test_a_file_with_an_equals_sign() -> None:
    """A file that is there is a file, whatever its name looks like."""
    Path("a=b.reg").write_bytes(dumped((0, 0)))
    assert "a=b.reg (of an unknown machine): 1 entries" in diagnose(*WITH_A_LIST, "--registry", "a=b.reg").stdout
    assert "a=b.reg (10.1.1.7): 1 entries" in diagnose(*WITH_A_LIST, "--registry", "10.1.1.7=a=b.reg").stdout
