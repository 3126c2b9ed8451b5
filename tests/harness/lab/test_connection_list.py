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
