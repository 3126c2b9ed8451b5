"""The audit of a journal whose beginning was reconstructed: what is not known is not missed; the rest is audited."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.handmade_journals import ServerBook, reconstructed

STATION = "udp:10.0.0.2:1025"
GONE = "serial 1 went from licensed to gone"
LOGGED_OUT = "serial 1 went from licensed to attached (logout)"


def cut(**start: Any) -> ServerBook:
    return ServerBook("nls", cause="forgotten", **start)


def test_the_unit_of_a_reconstructed_connection() -> None:
    """It is used and released as any other; one that is not known is not missed."""
    book = reconstructed()
    book.leave(6, 1)
    assert book.problems() == []
    book = reconstructed()
    book.expire(6, 1)
    assert book.problems() == [(5, "connection:1 was released (expired), but is used by serial 1")]
    book = reconstructed()
    book.logout(6, 1)
    book.drop("release")
    book.bend("state", 1, held=1)
    book.held = 1
    assert book.marked() == [(5, f"{LOGGED_OUT}, but connection:1 is still held: no release follows")]
    book = reconstructed(unit=False)
    book.line(6, "unsupported", 1, ncp="1")
    assert book.problems() == []


@pytest.mark.parametrize("at_once", [True, False])
def test_whether_a_cleared_unit_is_kept_may_not_be_known(at_once: bool) -> None:
    """The start of the server is not here: its unit may be released before the close, or expire at any time."""
    book = cut()
    book.create(1, 1)
    book.login(2, 1)
    book.close(3, 1, "cleared")
    if not at_once:
        book.drop("release")
        book.bend("close", held=1)
        book.held += 1
        book.expire(50, 1)
    assert book.marked() == []
    book.drop("close")
    assert [text for _, text in book.marked() if "close" in text] == [
        "serial 1 is gone (cleared), but no close follows" if at_once else f"{GONE} (cleared), but no close follows"
    ]


@pytest.mark.parametrize(
    ("state", "expected"),
    [("gone", []), ("attached", [(4, "close of serial 1, but no state to gone before it")])],
)
def test_the_cut_may_be_between_state_and_close(state: str, expected: list[tuple[int, str]]) -> None:
    book = cut()
    book.about[1] = {"connection": 1, "serial": 1, "station": "udp:10.0.0.2:1025", "user": None}
    book.line(5, "create", 1, cause="forgotten")
    book.line(5, "state", 1, **{"from": "gone", "to": state, "cause": "forgotten"})
    book.line(5, "close", 1, cause="lost", last_request=4)
    assert book.problems() == expected


def test_a_grant_that_was_reconstructed_has_no_time() -> None:
    book = reconstructed()
    book.line(9, "stop", holders=[{**book.about[1], "since": 3, "last_request": 5, "files": 0}])
    assert book.problems() == []


def test_a_reset_may_have_begun_before_the_cut() -> None:
    """Its lines go on without it; after another line there is none."""
    for mark, wrong in ((False, []), (True, ["serial 1 was cleared, but no operator did it"])):
        book = reconstructed()
        book.about[2] = {"connection": 2, "serial": 2, "station": STATION, "user": None}
        book.line(5, "create", 2, cause="forgotten")
        book.line(5, "state", 2, **{"from": "gone", "to": "attached", "cause": "forgotten"})
        book.states[2], book.requests[2], book.announced = "attached", 5, {1, 2}
        book.close(7, 2, "cleared")
        if mark:
            book.line(7, "mark", text="mark")
        book.close(7, 1, "cleared")
        assert book.texts() == wrong
