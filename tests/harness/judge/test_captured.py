"""Verdicts from journals that were made from captures: what no packet tells is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.journal.record import Record
from harness.judge.audit import books_balance
from harness.judge.verdict import Verdict, judge
from tests.harness.handmade_journals import Book, ServerBook, held_once, put_together, scripted


def captured(book: ServerBook, alive: float | None = None, **ends: Any) -> Book:
    """The journal as a capture gives it. *alive*: until when the connection was there; *ends*: fields of its end."""
    found = Book(book.name, "server")
    for record in book.lines:
        fields = {name: value for name, value in record.fields.items() if name not in ("limit", "licenses", "speed")}
        event = record.event
        if event == "start":
            fields |= {"source": "capture"}
        elif event == "stop":
            event = "capture-end"
            fields["holders"] = [{**holder, "alive": alive} for holder in fields["holders"]]
        else:
            fields["sure"] = "seen"
            if fields.get("to") == "gone" or event == "close":
                fields |= ends | ({} if alive is None else {"alive": alive})
        found.lines.append(Record(record.t, record.role, event, fields))
    return found


def doubted(book: Book, since: float, until: float | None = None) -> Book:
    """Packets are missing from then on."""
    about = {name: book.lines[1][name] for name in ("server", "connection", "serial", "station")}
    for t, event in ((since, "uncertain"), (until, "certain")):
        if t is not None:
            at = next(n for n, record in enumerate(book.lines) if record.t > t * 1_000_000)
            before = book.lines[at - 1]
            fields = {
                **about,
                "held": before["held"],
                "user": "JOE" if before["held"] else None,
                "why": "packets are missing",
            }
            book.lines.insert(at, Record(round(t * 1_000_000), "server", event, fields))
    return book


def verdict(book: Book, needed: float = 10) -> Verdict:
    run = put_together(book, scripted(needed=needed))
    return judge(run)


def test_a_license_that_was_given_back() -> None:
    found = captured(held_once(until=20))
    assert not books_balance(found.journal())
    assert verdict(found).verdict == "released"


@pytest.mark.parametrize(("alive", "expected"), [(400, "leaked"), (310, "leaked"), (309, "unknown"), (2, "unknown")])
def test_a_leak_needs_a_packet_that_proves_it(alive: float, expected: str) -> None:
    found = verdict(captured(held_once(until=None), alive))
    assert found.verdict == expected
    assert ("no later packet" in found.reason) is (expected == "unknown")


@pytest.mark.parametrize(
    ("sure", "alive", "expected"),
    [
        ("inferred", 400, "leaked"),
        ("inferred", 200, "unknown"),
        ("unknown", 400, "leaked"),
        ("unknown", 200, "unknown"),
    ],
)
def test_a_late_end_that_no_packet_shows(sure: str, alive: float, expected: str) -> None:
    assert verdict(captured(held_once(until=500, cause="lost"), alive, sure=sure)).verdict == expected


@pytest.mark.parametrize(("sure", "expected"), [("inferred", "reclaimed"), ("unknown", "unknown")])
def test_an_end_in_time(sure: str, expected: str) -> None:
    assert verdict(captured(held_once(until=100, cause="lost"), 50, sure=sure)).verdict == expected


def test_packets_that_are_missing_while_no_license_is_held() -> None:
    """It may have logged in again."""
    book = held_once(until=None)
    book.logout(20, 1)
    del book.lines[book.where("stop")]
    book.stop(1000)
    assert verdict(captured(book)).verdict == "released"
    found = verdict(doubted(captured(book), 30))
    assert found.verdict == "unknown"
    assert "it cannot be told whether it held a license from 0:00:30 to" in found.reason
    assert "packets are missing" in found.reason
    assert verdict(doubted(captured(book), 30, 40)).verdict == "released"
    assert verdict(doubted(captured(book), 30, 340)).verdict == "unknown"


def test_packets_that_are_missing_while_a_license_is_held() -> None:
    """What is held all the time hides nothing, and a release that is seen ends the doubt."""
    assert verdict(doubted(captured(held_once(until=20)), 15)).verdict == "released"


def test_a_file_that_may_have_been_closed() -> None:
    book = captured(held_once(until=20, file=True))
    assert verdict(book).verdict == "interrupted"
    book.bend("shut", sure="unknown")
    found = verdict(book)
    assert found.verdict == "unknown"
    assert "whether its files were open" in found.reason


def test_a_capture_ends_before_its_client_does() -> None:
    client = scripted(needed=10)
    client.say(60, "apm-open", file="F")
    run = put_together(captured(held_once(until=20, end=30)), client)
    found = judge(run)
    assert found.verdict == "unknown"
    assert "workstation used the server later" in found.reason


def test_the_books_of_a_capture_are_audited() -> None:
    """A limit is not asked for, all else is."""
    book = captured(held_once(until=20))
    book.drop("grant")
    assert verdict(book).verdict == "unknown"
    assert "the books do not balance" in verdict(book).reason
