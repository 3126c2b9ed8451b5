"""The units of transitions in the audit: which grant and which release belong to which state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness.handmade_journals import ServerBook, ended, licensed

LOGGED_OUT = "serial 1 went from licensed to attached (logout)"
LOGGED_IN = "serial 1 went from attached to licensed (login)"


def grants_for_a_logout(book: ServerBook) -> None:
    book.line(3, "grant", 1, unit="connection:7", cause="logout")
    book.logout(3, 1)


def grants_for_a_logout_that_shuts(book: ServerBook) -> None:
    book.open(3, 1)
    book.line(3, "grant", 1, unit="connection:7", cause="logout")
    book.shut(3, 1, "logout")
    book.logout(3, 1)


def grants_what_is_held(book: ServerBook) -> None:
    book.line(3, "grant", 1, unit="connection:1", cause="login")
    book.login(3, 1)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (grants_for_a_logout, f"connection:7 was granted, but {LOGGED_OUT}, which does not need it"),
        (grants_for_a_logout_that_shuts, f"connection:7 was granted, but {LOGGED_OUT}, which does not need it"),
        (
            grants_what_is_held,
            "connection:1 was granted, but serial 1 went from licensed to licensed (login), which does not need it",
        ),
    ],
)
def test_a_grant_that_no_state_needs(act: Callable[[ServerBook], None], expected: str) -> None:
    book = licensed()
    act(book)
    assert [text for _, text in book.problems() if "does not need it" in text] == [expected]


def test_a_grant_of_another_unit() -> None:
    """The connection still has none, and so releases none."""
    book = licensed()
    book.bend("grant", unit="connection:9")
    assert book.problems() == [
        (5, f"connection:9 was granted, but {LOGGED_IN}, which does not need it"),
        (5, f"{LOGGED_IN} without a grant"),
    ]
    book.logout(3, 1)
    book.drop("release")
    book.bend("state", 2, held=1)
    book.held = 1
    assert len(book.marked()) == 2


def test_the_release_of_another_unit() -> None:
    """It is told, and what had to be released is believed to be free."""
    book = licensed()
    book.logout(3, 1)
    book.bend("release", unit="connection:9")
    wrong = [
        (7, "connection:9 was released, but was not held (released twice?)"),
        (7, "expected the release of connection:1, not of connection:9"),
    ]
    assert book.marked() == wrong
    book.login(5, 1)
    assert book.problems() == wrong


def test_an_assignment_expires_for_its_user() -> None:
    book = licensed("ual")
    book.leave(3, 1)
    book.held = 0
    book.line(90 * 86400 + 3, "release", unit="user:JOE", user="JOE", cause="expired")
    assert book.problems() == []
    book.bend("release", user="ANN")
    assert book.problems() == [(9, "user:JOE is not of user ANN")]


def test_an_assignment_outlives_a_clear() -> None:
    """By the days of its own, also where a server says that it keeps what was cleared."""
    book = ended("cleared", "ual", keep_cleared=100)
    assert book.marked() == []


def test_an_assignment_is_not_released_while_it_is_used() -> None:
    """JOE has two connections, and the days are counted from the end of the second."""
    book = licensed("ual")
    book.create(2, 2, 2)
    book.login(3, 2)
    book.leave(4, 1)
    book.held = 0
    book.line(90 * 86400 + 4, "release", unit="user:JOE", user="JOE", cause="expired")
    assert book.problems() == [(12, "user:JOE was released (expired), but is used by serial 2")]


def test_the_lines_of_a_connection_that_was_never_created() -> None:
    """They are told, and nothing is asked of what follows them."""
    book = licensed()
    book.bend("grant", serial=9)
    assert book.problems() == [(4, "serial 9 was never created")]
    book = ended()
    book.bend("release", serial=9)
    assert (7, "serial 9 was never created") in book.problems()
