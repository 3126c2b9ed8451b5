"""The audit of a server's books: good journals pass, and each way of being wrong is caught by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from fakenw.journal.record import Record
from harness.judge.audit import Balance, books_balance
from tests.harness.handmade_journals import OFFER, ServerBook

POLICIES = ("attach", "login", "service", "nls", "ual")


def good(policy: str = "nls") -> ServerBook:
    """Two connections: one leaves, one is still held at the stop."""
    book = ServerBook(policy)
    book.create(1, 1)
    book.login(2, 1)
    book.create(3, 2, connection=2, station="udp:10.0.0.3:1025")
    book.login(4, 2, "ANN")
    book.open(5, 1)
    book.shut(6, 1)
    book.leave(7, 1)
    book.line(8, "deny", station="udp:10.0.0.4:1025", what="slot", code=0xF9)
    book.stop(9)
    return book


@pytest.mark.parametrize("policy", POLICIES)
def test_good_books_balance(policy: str) -> None:
    """Under every policy a server that does everything right has no problem."""
    assert books_balance(good(policy).journal()) == []


@pytest.mark.parametrize("kept", range(1, 24))
def test_a_journal_that_breaks_off_balances(kept: int) -> None:
    """Wherever the writer was killed, what it wrote before is no problem."""
    book = good()
    del book.lines[kept:]
    assert books_balance(book.journal()) == []


def forgets_to_release(book: ServerBook) -> None:
    """The connection logs out, and its unit stays out."""
    book.drop("release")
    book.bend("state", 5, held=2)
    book.bend("close", 0, held=2)
    book.bend("deny", 0, held=2)
    book.bend("stop", 0, held=2)


def grants_over_the_limit(book: ServerBook) -> None:
    """There was one license only."""
    every_line(book, 0, lambda fields: {**fields, "limit": 1})


def releases_twice(book: ServerBook) -> None:
    """The count goes down twice as well."""
    book.double("release")
    every_line(book, book.where("release", 1), lambda fields: {**fields, "held": fields["held"] - 1})


def every_line(book: ServerBook, first: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the fields of all lines from *first*."""
    book.lines[first:] = [Record(r.t, r.role, r.event, change(dict(r.fields))) for r in book.lines[first:]]


WRONG: dict[str, tuple[Callable[[ServerBook], None], list[str]]] = {
    "forgets to release on logout": (forgets_to_release, ["(logout), but connection:1 is still held: no release"]),
    "writes no release": (lambda b: b.drop("release"), ["connection:1 is still held", "held is 1, but grants minus"]),
    "releases twice": (releases_twice, ["connection:1 was released, but was not held (released twice?)"]),
    "grants over the limit": (grants_over_the_limit, ["never_over_limit: 2 units held, the limit is 1"]),
    "writes a grant twice": (lambda b: b.double("grant"), ["connection:1 was granted twice", "held is 1, but"]),
    "writes a release twice": (lambda b: b.double("release"), ["connection:1 was released, but was not held"]),
    "writes no grant": (lambda b: b.drop("grant"), ["from attached to licensed (login) without a grant"]),
    "grants another unit": (
        lambda b: b.bend("release", unit="connection:9"),
        ["connection:9 was released, but was not"],
    ),
    "releases for another": (lambda b: b.bend("release", serial=2), ["granted to serial 1, but released by serial 2"]),
    "has no state after a grant": (lambda b: b.drop("state", 1), ["was granted, but no state follows that holds it"]),
    "miscounts": (lambda b: b.bend("deny", held=3), ["held is 3, but grants minus releases make 1"]),
    "counts below nothing": (lambda b: b.bend("create", held=-1), ["-1 units held: more was released than granted"]),
    "counts nothing": (lambda b: b.bend("deny", held=None), ["expected the numbers held and limit"]),
    "uses a serial again": (lambda b: b.bend("create", 1, serial=1), ["serial 1 was used before"]),
    "speaks of a serial after its close": (lambda b: b.bend("deny", serial=1), ["deny of serial 1 after its close"]),
    "speaks of an unknown serial": (lambda b: b.bend("deny", serial=77), ["serial 77 was never created"]),
    "jumps to a state": (lambda b: b.bend("state", 4, **{"from": "gone"}), ["from gone to attached", "but it was lic"]),
    "forgets a holder at the stop": (lambda b: b.bend("stop", holders=[]), ["the holders none, but 2 hold a unit"]),
    "goes on after its stop": (
        lambda b: b.line(9, "deny", station="udp:10.0.0.4:1025", what="slot", code=0xF9),
        ["deny after the stop"],
    ),
    "says again of a new station": (lambda b: b.bend("create", 1, again=True), ["had no slot, but again is True"]),
    "knows a user before the login": (lambda b: b.bend("create", 1, user="ANN"), ["has a user before its login: ANN"]),
    "invents a holder at the stop": (
        lambda b: b.bend("stop", holders=[{"serial": 1}, {"serial": 2}]),
        ["stop names the holders 1, 2, but 2 hold a unit"],
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_wrong_books_are_caught_by_name(how: str) -> None:
    """Every kind of wrong server is caught, and the sentence names file, line and what is wrong."""
    book = good()
    spoil, expected = WRONG[how]
    spoil(book)
    problems = [str(problem) for problem in books_balance(book.journal())]
    for text in expected:
        assert any(text in problem and problem.startswith("server-FAKENW.jsonl:") for problem in problems), problems


def test_one_mistake_is_told_once() -> None:
    """A line that is missing early does not make a problem of every later line."""
    book = good()
    book.drop("release")
    assert [(p.line, p.check) for p in books_balance(book.journal())] == [
        (book.where("state", 4) + 1, "books_balance"),
        (book.where("state", 5) + 1, "books_balance"),
    ]


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ([(0, 0), (6, 6), (6, 6), (5, 5)], [("never_over_limit", "6 units held, the limit is 5")]),
        ([(5, 5)], []),
        ([(6, 6)], [("never_over_limit", "6 units held, the limit is 5")]),
        ([(6, 6), (0, 0), (6, 6)], 2 * [("never_over_limit", "6 units held, the limit is 5")]),
        ([(-1, -1), (-1, -1)], [("books_balance", "-1 units held: more was released than granted")]),
        ([(-1, -1), (0, 0), (-1, -1)], 2 * [("books_balance", "-1 units held: more was released than granted")]),
        ([(2, 1), (3, 2)], [("books_balance", "held is 2, but grants minus releases make 1")]),
        ([("2", 1)], [("books_balance", "expected the numbers held and limit")]),
    ],
)
def test_balance(lines: list[tuple[Any, int]], problems: list[tuple[str, str]]) -> None:
    """``held`` and what is counted, line by line: a difference is told where it begins."""
    balance = Balance()
    after = [balance.after(Record(0, "server", "mark", {"held": h, "limit": 5}), counted) for h, counted in lines]
    assert [problem for found in after for problem in found] == problems


def test_a_clock_that_runs_backwards_is_a_problem() -> None:
    """Lines are in the order in which things happened."""
    book = good()
    book.drop("stop")
    book.line(4, "mark", text="mark")
    problems = [problem.text for problem in books_balance(book.journal())]
    assert problems == ["the clock ran backwards, from 8.000000 to 4.000000"]


def test_release_that_is_missing_before_the_end_is_no_accident() -> None:
    """The journal may break off between a state and its release, but only in the instant of the state."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.logout(3, 1)
    book.drop("release")
    assert books_balance(book.journal()) == []
    book.held = 1
    book.line(4, "deny", what="license", code=0xF8)
    (problem,) = books_balance(book.journal())
    assert "is still held" in problem.text


def test_files_may_be_shut_between_grant_and_state() -> None:
    """A login shuts what was open before it, after the unit was granted."""
    book = ServerBook("login")
    book.create(1, 1)
    book.open(2, 1)
    book.move(3, 1, "licensed", "login", "JOE")
    assert books_balance(book.journal()) == []
    book.move(4, 1, "authenticated", "unlicense")
    assert "is still open: no shut before it" in str(books_balance(book.journal())[0])
    shut = {**book.lines[-1].fields, "handle": "01", "path": OFFER, "cause": "unlicense"}
    book.lines.insert(book.where("state", 2), Record(4_000_000, "server", "shut", shut))
    assert books_balance(book.journal()) == []


def test_a_users_unit_outlives_its_connections() -> None:
    """Under ual two connections of a user share one unit, which is released long after both."""
    book = ServerBook("ual")
    for serial in (1, 2):
        book.create(serial, serial, serial)
        book.login(serial, serial)
    for serial in (1, 2):
        book.leave(serial + 2, serial)
    book.held = 0
    book.line(90 * 86400 + 4, "release", unit="user:JOE", user="JOE", cause="expired")
    book.stop(90 * 86400 + 5)
    assert books_balance(book.journal()) == []


def test_an_assignment_that_ends_late_is_a_problem() -> None:
    """An hour after its 90 days, on a server that wrote lines meanwhile; one that stood still may be late."""
    for lines, expected in ((True, ["user:JOE should have expired at 7776003.000000, not later"]), (False, [])):
        book = ServerBook("ual")
        book.create(1, 1)
        book.login(2, 1)
        book.leave(3, 1)
        if lines:
            book.line(90 * 86400 + 10, "deny", station="udp:10.0.0.4:1025", what="slot", code=0xF9)
        book.held = 0
        book.line(90 * 86400 + 3603, "release", unit="user:JOE", user="JOE", cause="expired")
        book.stop(90 * 86400 + 3604)
        assert [problem.text for problem in books_balance(book.journal())] == expected


def test_an_assignment_that_is_used_too_late_is_a_problem() -> None:
    """JOE comes back after a hundred days, and his unit was never released."""
    book = ServerBook("ual")
    book.create(1, 1)
    book.login(2, 1)
    book.leave(3, 1)
    book.create(95 * 86400, 2)
    book.move(100 * 86400, 2, "licensed", "login", "JOE")
    assert "user:JOE should have expired at 7776003.000000, not later" in [
        problem.text for problem in books_balance(book.journal())
    ]


def test_over_tcp_there_is_no_watchdog() -> None:
    """A line about one is a problem, since no client would answer there."""
    for station, expected in (
        ("tcp:10.0.0.2:40001", ["the watchdog of serial 1, whose station is not asked"]),
        (
            "udp:10.0.0.2:1025",
            [],
        ),
    ):
        book = ServerBook()
        book.create(1, 1, station=station)
        book.line(400, "watchdog", 1, what="silent")
        told = [problem.text for problem in books_balance(book.journal())]
        assert [text[: len("the watchdog of serial 1, whose station is not asked")] for text in told] == expected


def test_a_login_shuts_no_file() -> None:
    """What was open stays open, also where another user logs in."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.open(3, 1)
    about = {**book.lines[-1].fields}
    shut = {**about, "cause": "login"}
    book.lines.append(Record(4_000_000, "server", "shut", shut))
    book.move(4, 1, "licensed", "login", "JOE")
    told = [problem.text for problem in books_balance(book.journal())]
    assert told == ["serial 1 went from licensed to licensed (login), and a file was shut, which that does not do"]


LOGINS = {  # how: the state that it reaches
    "keyed": "licensed",
    "plain": "licensed",
    "nds": "authenticated",
}


@pytest.mark.parametrize("how", LOGINS)
def test_a_login_reaches_its_state(how: str) -> None:
    """In the bindery that is licensed, in the tree authenticated; the line follows at once, and only once."""
    for to in ("licensed", "authenticated"):
        book = ServerBook("login")
        book.create(1, 1)
        book.move(2, 1, to, "login", "JOE")
        book.line(2, "login", 1, user="JOE", how=how)
        told = [problem.text for problem in books_balance(book.journal())]
        wrong = f"serial 1 logged in ({how}), but no state before it is {LOGINS[how]} by a login"
        assert told == [wrong] * (to != LOGINS[how])
        book.line(2, "login", 1, user="JOE", how=how)
        assert [problem.text for problem in books_balance(book.journal())][-1] == wrong


def test_a_user_without_a_unit_is_a_problem() -> None:
    """Under ual the unit of a licensed connection is its user's."""
    book = ServerBook("ual")
    book.create(1, 1)
    book.login(2, 1, "JOE")
    book.bend("grant", unit="user:ANN")
    assert any("without a grant" in problem.text for problem in books_balance(book.journal()))


def test_a_second_start_opens_new_books() -> None:
    """A server that was started again holds nothing, and counts its serials anew."""
    book = good()
    book.begin()
    book.create(1, 1)
    book.stop(2)
    assert books_balance(book.journal()) == []


def test_hostile_lines_are_problems_not_crashes() -> None:
    """Fields of the wrong type are told, and nothing unprintable is repeated."""
    book = good()
    book.line(9, "release", unit="\x1b[2J", cause=["x"])
    book.line(9, "stop", holders={"serial": []})
    book.line(9, "stop", holders=[{"serial": []}])
    problems = [str(problem) for problem in books_balance(book.journal())]
    assert problems
    assert all(problem.isprintable() for problem in problems)


def test_fifty_thousand_lines_take_no_time() -> None:
    """A journal of a thousand connections is audited in well under two seconds."""
    book = ServerBook(limit=1000)
    for serial in range(1, 1001):
        book.create(serial, serial, serial, f"udp:10.0.{serial >> 8}.{serial & 255}:1025")
        book.login(serial, serial)
        for n in range(20):
            book.open(serial, serial, handle=str(n))
            book.shut(serial, serial, handle=str(n))
    for serial in range(1, 1001):
        book.leave(2000 + serial, serial)
    journal = book.journal()
    assert len(journal.records) > 45_000
    began = time.process_time()
    assert books_balance(journal) == []
    assert time.process_time() - began < 1


def test_a_silent_connection_that_asks_has_answered_before() -> None:
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.line(3, "watchdog", 1, what="silent")
    book.open(4, 1)
    problems = [problem.text for problem in books_balance(book.journal())]
    assert problems == ["open of serial 1, which is silent: no answered before it"]
