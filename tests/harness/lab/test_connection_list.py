"""Lists of connections as people make them: CSV, and text of a screen, in two languages."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import main
from harness.lab.connection_list import connections
from harness.lab.evidence import EvidenceError, ListedConnection, machine


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


SCREEN = """
         NetWare 5 Console Monitor 5.22
┌──────────────────────────────────────────────────────────────────────────────────┐
│ Verbindung  Benutzer              Netzwerkadresse   Lizenziert  Seit              Anfragen │
│ ----------------------------------------------------------------------------------------- │
│          7  SMSCLIENT_GS1         10.1.1.7:1031     Ja          10.08.2000 09:30     1.212 │
│          8  SMSCLIENT_GS1_LONGER1 10.1.1.8:1031     Ja                                  87 │
│          9  *NOT-LOGGED-IN        10.1.1.9:1031                                            │
│         10                        10.1.1.10:1031    nein        8-10-00  9:30:12 am      0 │
└──────────────────────────────────────────────────────────────────────────────────┘
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("frame", [True, False])
def test_a_screen_of_monitor(encoding: str, frame: bool) -> None:
    """Cells stand under their headers; some are empty, and a long one leaves a single blank to the next."""
    text = SCREEN if frame else "".join(line.strip("│") + "\n" for line in SCREEN.splitlines() if line[:1] not in "┌└")
    assert connections(text.encode(encoding), "screen.txt", "FS1") == [
        ListedConnection(7, "SMSCLIENT_GS1", "10.1.1.7", True, "10.08.2000 09:30", "FS1", requests=1212),
        ListedConnection(8, "SMSCLIENT_GS1_LONGER1", "10.1.1.8", True, "", "FS1", requests=87),
        ListedConnection(9, "NOT-LOGGED-IN", "10.1.1.9", False, "", "FS1"),
        ListedConnection(10, "", "10.1.1.10", False, "8-10-00 9:30:12 am", "FS1", requests=0),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_german_columns(encoding: str, delimiter: str) -> None:
    """In any case and order, with ja and nein, and with the server in a column."""
    text = (
        "ANFRAGEN,Server,lizenziert,Benutzer,Adresse,verbindung\n12,FS1,ja,M\u00dcLLER,10.1.1.7,7\n,FS2,Nein,JOE,,7\n"
    )
    assert connections(text.replace(",", delimiter).encode(encoding), "x") == [
        ListedConnection(7, "M\u00dcLLER", "10.1.1.7", True, server="FS1", requests=12),
        ListedConnection(7, "JOE", "", False, server="FS2"),
    ]


def test_two_screens_and_a_line_of_a_spreadsheet() -> None:
    """The header of the second screen is no connection; Excel's own line is before the header."""
    assert len(connections(b"sep=;\nconnection;user\n7;JOE\nconnection;user\n8;JOE\n", "x")) == 2


def test_a_column_without_some_servers() -> None:
    """--server fills them in; without it the line is named."""
    text = b"connection,user,server\n7,JOE,FS1\n8,JOE,\n"
    assert {one.server for one in connections(text, "x", "FS2")} == {"FS1", "FS2"}
    with pytest.raises(EvidenceError, match="x:3: a connection without a server"):
        connections(text, "x")


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
        ("connection,user,requests\n7,JOE,many\n", 2, "a whole number, or nothing"),
        (f"connection,user,requests\n7,JOE,{'9' * 5000}\n", 2, "a whole number, or nothing"),
        ("connection  user  licensed\n7           JOE   perhaps\n", 2, "yes, no, 1, 0, *"),
        ("connection,user\n7,JO\x00E\n", 2, "text: a list of connections as CSV"),
        (f"connection,user\n7,{'x' * 200_000}\n", 2, "fields of a sensible size"),
        ("connection,user\n7,JOE\x1b[31m,x\n", 2, "expected 2"),
    ],
)
def test_a_list_with_a_mistake(
    text: str, line: int, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2: file, line, and what was expected; and no character that a terminal obeys."""
    monkeypatch.chdir(tmp_path)
    Path("list.csv").write_bytes(text.encode())
    done = CliRunner().invoke(main, ["diagnose", "--connections", "list.csv"], catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"list.csv:{line}: " in done.stderr
    assert expected in done.stderr
    assert "\x1b" not in done.stderr


def test_a_torn_mark() -> None:
    """UTF-16 that is none."""
    with pytest.raises(EvidenceError, match="not UTF-16-LE"):
        connections(b"\xff\xfec", "list.csv")


@given(
    st.binary()
    | st.text().map(lambda text: f"connection,user,address,since\n{text}".encode("utf-8", "replace"))
    | st.text("17 *|:.\tJOE\n\0").map(lambda text: f"connection  user  address   since\n{text}".encode("utf-16-le"))
)
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
