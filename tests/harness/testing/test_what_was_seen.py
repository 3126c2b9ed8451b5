"""An assertion that does not hold says what was there instead."""

from __future__ import annotations

from harness.judge.history import RunHistory
from harness.testing.evidence import first_line, holders_at_peak, last_seen, refusals_seen
from tests.harness.handmade_journals import ServerBook


def seen(book: ServerBook) -> RunHistory:
    return RunHistory.of([book.journal()])


def two_at_once() -> ServerBook:
    book = ServerBook()
    for serial, user in ((1, "JOE"), (2, "ANN"), (3, "BOB")):
        book.create(serial, serial, connection=serial)
        book.login(serial, serial, user)
        if serial == 2:
            book.logout(2.5, 1)
    return book


def test_the_holders_at_the_peak() -> None:
    assert holders_at_peak(seen(two_at_once())) == "at 0:00:02: JOE on connection 1, ANN on connection 2"


def test_the_last_event() -> None:
    assert last_seen(seen(two_at_once())).startswith("the last event was: 0:00:03  connection 3 (BOB, ")


def test_the_refusals() -> None:
    book = two_at_once()
    assert refusals_seen(seen(book)) == "the server refused nothing"
    book.line(4, "deny", 3, what="license", code=0xD9)
    told = refusals_seen(seen(book))
    assert told.startswith("the server refused: 0:00:04  udp:10.0.0.2:1025 was refused, no license is free")


def test_a_long_first_line_is_cut() -> None:
    assert first_line(["x" * 200, "y"]) == "x" * 119 + "…"
    assert first_line(["short", "y"]) == "short"
    assert first_line([]) == ""
