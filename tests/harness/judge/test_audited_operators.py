"""Operators and refusals in the audit of a server: what an operator may do, and what must follow."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.handmade_journals import KEEP, WHOLE, ServerBook, attached, cleared, licensed, reconstructed

STATION = "udp:10.0.0.2:1025"
ADMINISTRATION: dict[str, Any] = {"from": "127.0.0.1:1"}


def line(book: ServerBook, t: float, event: str, **fields: Any) -> list[tuple[int, str]]:
    """The problems after one more line."""
    book.line(t, event, **fields)
    return book.problems()


# Refusals


def refuses(book: ServerBook, serial: int | None) -> list[str]:
    """A license is refused, to a connection or to a station without one."""
    about = {"station": "udp:10.0.0.9:1025", "user": None} if serial is None else {}
    book.line(4, "deny", serial, what="license", code=0xF9, **about)
    return book.texts()


def test_a_license_is_refused_where_none_is_free() -> None:
    """To a station under attach, and else to a connection that has none yet."""
    assert refuses(attached("attach"), None) == ["a license was refused, but only 1 of 5 are held"]
    assert refuses(attached("nls"), 1) == ["a license was refused, but only 0 of 5 are held"]
    assert refuses(attached("attach"), 1) == refuses(attached("nls"), None) == refuses(licensed("login"), 1) == []
    book = ServerBook("attach", limit=1)
    book.create(1, 1)
    assert refuses(book, None) == []
    book = ServerBook("nls", limit=1)
    for serial in (1, 2):
        book.create(1, serial, connection=serial)
    book.login(2, 1)
    assert refuses(book, 2) == []
    book = ServerBook("attach")
    book.limit = None  # type: ignore[assignment]
    assert "the limit was 5 and is None: no operator set it" in refuses(book, None)


def test_what_may_be_refused() -> None:
    """An account's limit only to a connection, whose user is the one that is tried then."""
    for what in ("tea", "account", None):
        assert line(licensed(), 3, "deny", station="S", what=what, code=1) == [
            (6, f"expected license, slot or account that was refused, not {what}")
        ]
    for what, wrong in (("account", []), ("slot", ["serial 1 is of user JOE, not of user ANN"])):
        book = licensed()
        book.line(3, "deny", 1, user="ANN", what=what, code=1)
        assert book.texts() == wrong


# Operators


def down(book: ServerBook, t: float = 10) -> ServerBook:
    book.line(t, "operator", action="down", by="JOE", forced=False, files=0)
    return book


def test_a_server_that_is_down_executes_nothing() -> None:
    """It ends connections, and after a reset it executes again."""
    executed = "{} on a server that is down"
    book = down(licensed())
    book.open(11, 1)
    assert book.texts() == [executed.format("open")]
    book = down(attached())
    book.login(11, 1)
    assert book.texts() == [executed.format("state")]
    book = down(licensed())
    book.close(11, 1, "lost")
    assert book.texts() == []
    book.line(12, "operator", action="reset", by="admin")
    book.create(13, 2)
    assert book.texts() == []


def test_logins_while_they_are_disabled() -> None:
    """Only a login is one; an operator or a reset enables them again."""
    book = attached("service")
    book.line(2, "operator", action="disable-login", by="admin")
    book.login(3, 1)
    book.move(4, 1, "authenticated", "unlicense")
    book.move(5, 1, "licensed", "request")
    assert book.problems() == [(6, "serial 1 logged in while login was disabled")]
    for action in ("enable-login", "reset"):
        book = ServerBook()
        book.line(1, "operator", action="disable-login", by="admin")
        book.line(2, "operator", action=action, by="admin")
        book.create(3, 1)
        book.login(4, 1)
        assert book.texts() == []


CLOSER = "tcp:10.0.0.9:1025"


def closed(release: str = "3.12") -> ServerBook:
    """SUPERVISOR has closed the bindery of a server, and a station has attached."""
    book = ServerBook("login", release=release)
    book.create(1, 1, connection=1, station=CLOSER)
    book.login(2, 1, "SUPERVISOR")
    book.line(3, "operator", action="close-bindery", by="SUPERVISOR", station=CLOSER)
    book.create(4, 2, connection=2)
    return book


def test_logins_while_the_bindery_is_closed() -> None:
    """Of a 3.x; a login in a tree is none in the bindery, and from 4.x on nothing is closed."""
    book = closed()
    book.login(5, 2)
    assert book.problems() == [(10, "serial 2 logged in while the bindery was closed")]
    book = closed()
    book.move(5, 2, "authenticated", "login", "JOE")
    assert book.texts() == []
    for release in ("4.11", "5.1", None):
        book = closed(release)  # type: ignore[arg-type]
        book.login(5, 2)
        assert book.texts() == []


def test_a_bindery_that_is_open_again() -> None:
    """A supervisor has opened it, or the station that has closed it is logged out or gone; not another one."""
    book = closed()
    book.line(5, "operator", action="open-bindery", by="SUPERVISOR", station=CLOSER)
    book.login(6, 2)
    assert book.texts() == []
    book = closed()
    book.logout(5, 1)
    book.login(6, 2)
    assert book.texts() == []
    book = closed()
    book.close(5, 1, "lost")
    book.login(6, 2)
    assert book.texts() == []
    book = closed()
    book.close(5, 2)
    book.create(6, 3, connection=2)
    book.login(7, 3)
    assert book.texts() == ["serial 3 logged in while the bindery was closed"]


def test_a_clear_names_a_connection() -> None:
    """By its serial, or by its number; its end follows, perhaps later, and is not missed at the end of a journal."""
    for number, wrong in (
        (1, []),
        (9, ["connection 9 was cleared, but there is none"]),
        ([], ["connection [] was cleared, but there is none"]),
    ):
        book = licensed()
        book.line(3, "operator", action="clear", by="admin", connection=number)
        if not wrong:
            book.announced.add(1)
            book.close(4, 1, "cleared")
        assert book.texts() == wrong
    book = licensed()
    book.line(3, "operator", 1, action="clear", by="admin")
    assert line(book, 4, "mark", text="mark") == [(6, "an operator cleared serial 1, but no state follows")]
    book = licensed()
    book.line(3, "operator", 1, action="clear", by="admin", user="ANN")
    assert book.texts() == ["serial 1 is of user JOE, not of user ANN"]


def test_a_clear_without_an_operator() -> None:
    book = licensed()
    book.announced.add(1)
    book.close(3, 1, "cleared")
    assert book.problems() == [(6, "serial 1 was cleared, but no operator did it")]


def test_an_operator_acts() -> None:
    assert line(licensed(), 3, "operator", action=5, by="admin") == [(6, "expected the action of an operator, not 5")]
    assert line(licensed(), 3, "operator", action="dance", by="admin") == []


def acts(serial: int | None = None, *, opened: int = 0, start: dict[str, Any] = WHOLE, **fields: Any) -> list[str]:
    """What is told of an operator where JOE has *opened* files on connection 1, and connection 2 is attached."""
    book = licensed(**start)
    book.create(2, 2, connection=2, station="udp:10.0.0.9:1025")
    for n in range(opened):
        book.open(2, 1, handle=f"{n + 1:012x}")
    if serial is None and "from" not in fields:
        fields = {"station": STATION, **fields}
    book.line(3, "operator", serial, **fields)
    if fields["action"] == "clear" and serial:
        book.announced.add(serial)
        book.close(3, serial, "cleared")
    return book.texts()


def test_the_administration_acts_from_an_address() -> None:
    """By the name of admin."""
    assert acts(action="enable-login", by="admin", **ADMINISTRATION) == []
    assert acts(action="enable-login", by="JOE", **ADMINISTRATION) == ["expected by admin, not JOE, from 127.0.0.1:1"]


def test_an_operator_over_ncp_is_a_user_of_the_station() -> None:
    """Or for a message an attachment; of a line about another connection the station is not known."""
    assert acts(action="enable-login", by="JOE") == []
    assert acts(action="enable-login", by="ANN") == ["no user ANN is there to enable-login"]
    assert acts(action="enable-login", by="JOE", station="udp:10.0.0.9:1025") == [
        "no user JOE is there to enable-login"
    ]
    assert acts(action="enable-login", by=None, station="udp:10.0.0.9:1025") == [
        "no user None is there to enable-login"
    ]
    assert acts(2, action="message", text="hello", by=None) == []
    assert acts(2, action="message", text="hello", by="ANN") == ["no user ANN is there to message"]
    assert acts(2, action="clear", by="JOE") == []
    assert acts(action="enable-login", by="ANN", start={}) == []
    book = reconstructed(**WHOLE)
    book.line(6, "operator", action="enable-login", by="ANN", station=STATION)
    assert book.problems() == []


def test_a_line_about_another_connection() -> None:
    """A clear and a message have its serial, and nothing else."""
    wrong = "expected a serial with clear and message only, not with {}"
    assert acts(2, action="enable-login", by="JOE") == [wrong.format("enable-login")]
    assert acts(action="message", text="hello", by="JOE") == [wrong.format("message")]


def test_a_down_counts_the_open_files() -> None:
    """With open files it is forced."""
    assert acts(action="down", by="JOE", forced=False, files=0) == []
    assert acts(action="down", by="JOE", forced=True, files=1, opened=1) == []
    assert acts(action="down", by="JOE", forced=False, files=1, opened=1) == ["1 files are open, not 1, forced False"]
    assert acts(action="down", by="JOE", forced=True, files=0, opened=1) == ["1 files are open, not 0, forced True"]
    assert acts(action="clear", by="JOE", serial=2, opened=1) == []
    cut = {**WHOLE, "cause": "forgotten"}
    assert acts(action="down", by="JOE", forced=True, files=1, start=cut) == []


def test_reset_ends_everything() -> None:
    """Its lines follow one another; what has not ended by the next other line is told at the reset."""
    book = licensed()
    book.line(3, "operator", action="reset", by="admin")
    assert book.problems() == []  # the journal may have broken off
    assert line(book, 4, "mark", text="mark") == [
        (6, "the server was reset, but serial 1 has not ended"),
        (6, "the server was reset, but connection:1 is still held"),
    ]
    book = licensed()
    book.create(2, 2, connection=2)
    book.line(3, "operator", action="reset", by="admin")
    for serial in (1, 2):
        book.announced.add(serial)
        book.close(3, serial, "cleared")
    assert line(book, 4, "mark", text="mark") == []


def test_an_end_of_another_cause_is_not_the_resets() -> None:
    book = licensed()
    book.line(3, "operator", action="reset", by="admin")
    book.close(3, 1, "lost")
    assert book.problems() == [
        (6, "the server was reset, but serial 1 has not ended"),
        (6, "the server was reset, but connection:1 is still held"),
    ]


def test_a_reset_releases_what_is_kept() -> None:
    """And is no excuse for what should have expired before the line before it."""
    for mark, expected in ((KEEP + 11, []), (KEEP + 11.000001, ["never expired"])):
        book = cleared()
        book.line(20, "mark", text="mark")
        book.line(mark, "mark", text="mark")
        book.line(KEEP + 500, "operator", action="reset", by="admin")
        book.held = 0
        book.line(KEEP + 500, "release", unit="connection:1", cause="reset")
        assert [text.partition("connection ")[2].partition(":")[0] for text in book.texts()] == expected


@pytest.mark.parametrize(
    ("text", "limit", "wrong"),
    [
        ("licenses=7", 7, False),
        ("a=1, licenses=7, b=2", 7, False),
        ("licenses=7", 8, True),
        ("licenses=0", 2, False),
        ("licenses=0", 0, True),
        ("a=1", 5, False),
        ("a=1", 6, True),
        (199 * "a", 6, True),
        (200 * "a", 6, False),  # may have been cut off
        ("licenses=7, " + 200 * "a", 6, True),
    ],
)
def test_an_operator_sets_the_limit(text: str, limit: int, wrong: bool) -> None:
    """As the text says; then it is believed."""
    book = ServerBook()
    book.line(1, "operator", action="set", by="admin", text=text, limit=limit)
    book.line(2, "mark", text="mark", limit=limit)
    assert [sentence.partition(" set ")[0] for sentence in book.texts()] == (
        [f"the limit is {limit}, but an operator"] if wrong else []
    )
