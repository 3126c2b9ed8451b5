"""When a license is Q257223: every condition is needed, and what is missing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.customer_files import WITH_A_LIST, WITH_TWO, diagnose, dumped, found, write_files


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The customer's files, in a directory of their own."""
    monkeypatch.chdir(tmp_path)
    write_files()


def sure_of(*arguments: object) -> tuple[str, str]:
    """How sure Q257223 is for connection 7, and what would decide it."""
    seven = next(one for one in found(*arguments)[2]["connections"] if one["connection"] == 7)
    return seven["sure"] or seven["class"], "; ".join(seven["to_decide"])


SEVEN = ("--registry", "10.1.1.7=7.reg")


def test_all_of_the_signature_is_needed() -> None:
    """Account, path, server and idleness: what is missing makes it possible, and is named."""
    assert sure_of(*WITH_TWO, *SEVEN) == ("probable", "")
    assert sure_of(*WITH_TWO, *SEVEN, "--account", "smsclient_gs1") == ("certain", "")
    assert sure_of(*WITH_A_LIST, "--server", "HOP", *SEVEN) == (
        "possible",
        "one more list, taken half an hour later, with the columns since and requests (--connections for each)",
    )
    no_server = [one for one in WITH_TWO if one not in ("--server", "HOP")]
    assert sure_of(*no_server, *SEVEN) == ("possible", "the server of the list: --server NAME, or a column server")
    assert sure_of(*WITH_TWO, "--registry", "7.reg") == ("possible", "the machine of 7.reg: --registry ADDRESS=7.reg")
    for file in ("list.csv", "later.csv"):
        Path(file).write_text(Path(file).read_text().replace("7,SMSCLIENT_GS1", "7,JOE"))
    assert sure_of(*WITH_TWO, *SEVEN) == (
        "possible",
        "the client connection accounts of SMS: --account JOE, if it is one",
    )
    assert sure_of(*WITH_TWO, *SEVEN, "--account", "JOE") == ("certain", "")
    assert sure_of(*WITH_TWO)[0] == "unknown"


def test_of_two_dumps_of_a_machine_the_last_counts() -> None:
    """The other is named as not used."""
    assert sure_of(*WITH_TWO, "--registry", "10.1.1.7=8.reg", *SEVEN)[0] == "probable"
    assert sure_of(*WITH_TWO, *SEVEN, "--registry", "10.1.1.7=8.reg")[0] == "ordinary"
    done = diagnose(*WITH_TWO, *SEVEN, "--registry", "10.1.1.7=8.reg")
    assert "7.reg (10.1.1.7): not used: a later dump of it is given" in done.stdout.splitlines()


def test_a_path_of_a_tree_names_no_server() -> None:
    """An NWNDS path is that of a tree: its server has to be given."""
    nds = dumped((0, 0)).replace(rb"NWBIND", b"NWNDS").replace(rb"\\\\HOP\\SYS", rb"\\\\ACME\\.HOP_SYS.OU.O")
    Path("7.reg").write_bytes(nds)
    assert sure_of(*WITH_TWO, *SEVEN) == (
        "possible",
        "the server that holds the volume in the tree ACME: --tree ACME=SERVER",
    )
    assert sure_of(*WITH_TWO, *SEVEN, "--tree", "acme=hop")[0] == "probable"
    assert sure_of(*WITH_TWO, *SEVEN, "--tree", "ACME=HOP", "--tree", "ACME=HOP2")[0] == "probable"
    other = sure_of(*WITH_TWO, *SEVEN, "--tree", "ACME=OTHER")
    assert other[0] == "possible"
    assert "NAL's log on 10.1.1.7" in other[1]
    Path("7.reg").write_bytes(dumped((0, 0)).replace(b"NWBIND", b"MSWNET"))  # a Windows server of the same name
    assert sure_of(*WITH_TWO, *SEVEN)[0] == "possible"


@pytest.mark.parametrize(
    ("counts", "kind", "case"),
    [
        (b"dword:ffffffff", "q257223", None),
        (b"hex:00,00,00,00", "q257223", None),
        (b"hex:ff,ff,ff,ff", "q257223", None),
        (b'"0"', "q257223", None),
        (b'"-1"', "q257223", None),
        (b"hex:01,00,00,00", "documented", "S15"),
        (b'"' + b"9" * 5000 + b'"', "unknown", None),
    ],
)
def test_a_count_as_it_comes(counts: bytes, kind: str, case: str | None) -> None:
    """In bytes, as text, and below zero, which counts no user. A count that stays above 0 for hours is S15."""
    Path("7.reg").write_bytes(dumped((0, 0)).replace(b"dword:00000000", counts))
    _, _, data = found(*WITH_TWO[:-1], "2000-08-10 15:00", *SEVEN)
    seven = next(one for one in data["connections"] if one["connection"] == 7)
    assert (seven["class"], seven["case"]) == (kind, case)
    assert ("decremented below zero" in seven["why"]) == (b"ff" in counts or b"-1" in counts)


def test_an_entry_may_be_about_the_connection_in_use() -> None:
    """Of two connections of the account, from one machine, one is in use: the one entry may be about that."""
    second = "17,SMSCLIENT_GS1,10.1.1.7,yes,09:40,"
    for file, count in (("list.csv", 50), ("later.csv", 60)):
        Path(file).write_text(f"{Path(file).read_text()}{second}{count}\n")
    assert sure_of(*WITH_TWO, *SEVEN)[0] == "possible"
    Path("7.reg").write_bytes(dumped((0, 0), (0, 0)))
    assert sure_of(*WITH_TWO, *SEVEN)[0] == "probable"


@pytest.mark.parametrize(("user", "case"), [("JOE", "S13"), ("SMSSERVER_GS1", "S12")])
def test_an_old_connection_beside_a_new_one(user: str, case: str) -> None:
    """Of a user it is S13, of the site server S12."""
    for file, count in (("list.csv", 50), ("later.csv", 60)):
        rows = Path(file).read_text().replace("7,SMSCLIENT_GS1", f"7,{user}")
        Path(file).write_text(f"{rows}17,{user},10.1.1.7,yes,09:40,{count}\n")
    data = found(*WITH_TWO, *SEVEN)[2]
    seven = next(one for one in data["connections"] if one["connection"] == 7)
    assert (seven["class"], seven["case"]) == ("documented", case)
    assert data["tally"]["documented"] == {case: 1}
    assert f"read what is documented about {case}: harness explain {case}" in data["next"]


def test_exit_codes_for_scripts() -> None:
    """With --exit-code 1 is certain or probable, 3 possible or undecided, 0 not found."""
    assert diagnose(*WITH_TWO, *SEVEN, "--exit-code").exit_code == 1
    assert diagnose(*WITH_A_LIST, *SEVEN, "--exit-code").exit_code == 3
    assert diagnose(*WITH_TWO, "--exit-code").exit_code == 3
    both = ("--registry", "10.1.1.7=8.reg", "--registry", "10.1.1.8=8.reg")
    assert diagnose(*WITH_TWO, *both, "--exit-code").exit_code == 0
