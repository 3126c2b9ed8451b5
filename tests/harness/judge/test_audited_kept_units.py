"""Units that outlive their connections, because an operator cleared these: when each must be released, in the audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.judge.audit import books_balance
from tests.harness.handmade_journals import ServerBook

KEEP = 3600


def cleared(policy: str = "nls", **start: Any) -> ServerBook:
    """One connection is cleared at 10 s, and its unit expires an hour later; another has gone by itself."""
    book = ServerBook(policy, **(start or {"keep_cleared": KEEP}))
    book.create(1, 1)
    book.login(2, 1)
    book.create(3, 2, connection=2, station="udp:10.0.0.3:1025")
    book.login(4, 2, "ANN")
    book.close(10, 1, "cleared")
    book.leave(11, 2)
    return book


def test_a_cleared_connections_unit_outlives_it() -> None:
    """Where the server says so it stays out until it has expired, and the stop names no holder for it."""
    book = cleared()
    book.stop(12)
    assert books_balance(book.journal()) == []
    book = cleared()
    book.expire(KEEP + 10, 1)
    book.stop(KEEP + 100)
    assert books_balance(book.journal()) == []


def expires(book: ServerBook, t: float, cause: str = "expired", times: int = 1) -> None:
    """The unit is released at that time."""
    for _ in range(times):
        book.expire(t, 1)
    book.bend("release", 1, cause=cause)
    book.stop(t)


def keeps_who_left(book: ServerBook) -> None:
    """The unit of the one that logged out stays out as well."""
    book.drop("release")
    book.bend("state", 6, held=2)
    book.bend("close", 1, held=2)
    book.held += 1
    book.stop(12)


UNKEPT: dict[str, tuple[Callable[[ServerBook], None], str]] = {
    "frees it too early": (lambda b: expires(b, KEEP + 9.999999), "was released before it had expired"),
    "frees it for another cause": (lambda b: expires(b, KEEP + 10, "cleared"), "was released before it had expired"),
    "never frees it": (lambda b: b.stop(KEEP + 12), "connection:1 of a cleared connection never expired"),
    "frees it twice": (lambda b: expires(b, KEEP + 10, times=2), "released twice?"),
    "keeps others as well": (keeps_who_left, "(logout), but connection:2 is still held: no release follows"),
}


@pytest.mark.parametrize("how", UNKEPT)
def test_units_of_cleared_connections_are_audited(how: str) -> None:
    """A server that says that it keeps them must do so for the time that it says, and for no others."""
    book = cleared()
    spoil, expected = UNKEPT[how]
    spoil(book)
    problems = [str(problem) for problem in books_balance(book.journal())]
    assert any(expected in problem for problem in problems), problems


def test_who_says_that_it_keeps_units_may_not_free_them_at_once() -> None:
    """The release that follows every other end is a mistake here."""
    book = cleared(speed=1)
    book.stop(12)
    assert books_balance(book.journal()) == []
    book.bend("start", keep_cleared=KEEP)
    problems = [problem.text for problem in books_balance(book.journal())]
    assert any("connection:1 of a cleared connection was released before it had expired" in text for text in problems)


@pytest.mark.parametrize(("policy", "keep"), [("nls", None), ("service", KEEP), ("attach", KEEP)])
def test_who_does_not_keep_must_release(policy: str, keep: float | None) -> None:
    """Only under nls, and where the start says so."""
    book = cleared(policy)
    book.bend("start", keep_cleared=keep)
    book.stop(12)
    problems = [problem.text for problem in books_balance(book.journal())]
    assert any("(cleared), but connection:1 is still held: no release follows" in text for text in problems), problems


def test_a_server_that_is_down_lets_nothing_expire() -> None:
    """It releases nothing any more, and that is no mistake in its books."""
    book = cleared()
    book.line(20, "operator", action="down", by="SUPERVISOR", forced=False, files=0)
    book.stop(KEEP + 100)
    assert books_balance(book.journal()) == []
