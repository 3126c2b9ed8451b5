"""Assertions of tests go through the judge, and the books are audited first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.judge.assertions import AssertionAnswer, released
from harness.judge.causes import ANY_CAUSE
from harness.judge.selection import LicenseSelection
from harness.judge.verdict import Verdict, judge
from tests.harness.handmade_journals import Book, RunnerBook, ServerBook, held_once, put_together


def answered(book: ServerBook, connections: int = 1, **wanted: Any) -> AssertionAnswer:
    return released(put_together(book), LicenseSelection(**wanted), connections)


def test_a_license_that_was_given_back() -> None:
    answer = answered(held_once(until=20))
    assert (answer.passed, answer.waiting, answer.why, answer.verdict.verdict) == (True, False, (), "released")


def test_a_license_that_is_held_may_come_back_yet() -> None:
    answer = answered(held_once(until=None))
    assert (answer.passed, answer.waiting, answer.verdict.verdict) == (False, True, "leaked")
    assert answer.why == (
        "user JOE on connection 1 from udp:10.0.0.2:1025 holds a license of FAKENW since 0:00:02: "
        "not released by its client; its last request was at 0:00:02",
    )


@pytest.mark.parametrize(("by", "passed"), [("client", False), (ANY_CAUSE, True), ("lost", True), ("logout", False)])
def test_a_license_that_the_server_took(by: str, passed: bool) -> None:
    answer = answered(held_once(until=20, cause="lost"), by=by)
    assert (answer.passed, answer.waiting, answer.verdict.verdict) == (passed, False, "reclaimed")


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (lambda book: book.drop("release"), "still held: no release follows"),
        (lambda book: book.double("release"), "released twice?"),
        (lambda book: book.bend("grant", held=9), "held is 9, but grants minus releases make 1"),
        (lambda book: book.bend("state", 1, limit=0), "1 units held, the limit is 0"),
    ],
    ids=["no release on logout", "released twice", "a wrong count", "over the limit"],
)
def test_nothing_is_asserted_on_books_that_do_not_balance(bend: Callable[[Book], None], told: str) -> None:
    """Each was green once: no assertion holds, for any cause of the release, and no wait can help."""
    for by in ("client", ANY_CAUSE):
        book = held_once(until=20)
        assert answered(book, by=by).passed
        bend(book)
        answer = answered(book, by=by)
        assert (answer.passed, answer.waiting, answer.verdict.verdict) == (False, False, "unknown")
        assert answer.why[0].startswith("the books do not balance: server-FAKENW.jsonl:")
        assert any(told in str(problem) for problem in answer.verdict.problems)


def test_a_file_that_was_open_at_the_release_is_an_interruption() -> None:
    answer = answered(held_once(until=20, file=True))
    assert (answer.passed, answer.waiting, answer.verdict.verdict) == (False, False, "interrupted")
    assert "with 1 file still open" in answer.why[0]


def test_nothing_licensed_proves_nothing() -> None:
    book = ServerBook()
    book.stop(10)
    answer = answered(book)
    assert (answer.passed, answer.waiting, answer.why) == (
        False,
        True,
        ("nothing was licensed, so that the licenses prove nothing",),
    )
    assert answered(held_once(until=20), user="ANN").why[0].startswith("nothing was licensed")


def test_so_many_clients() -> None:
    assert answered(held_once(until=20), connections=1).passed
    answer = answered(held_once(until=20), connections=2)
    assert (answer.passed, answer.waiting) == (False, True)
    assert answer.why == ("1 connection was licensed and logged in, expected 2",)


def test_an_attachment_alone_is_no_client() -> None:
    """Where it costs a unit, a client with a wrong password has had one, and given it back."""
    book = ServerBook("attach")
    book.create(1, 1)
    book.close(2, 1)
    assert answered(book).why == ("0 connections were licensed and logged in, expected 1",)


def test_an_interruption_before_the_mark_is_not_about_the_licenses_after_it() -> None:
    """The same connection logs out with a file open, is marked, and then works in order."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.open(3, 1)
    book.shut(4, 1, "logout")
    book.logout(4, 1)
    book.login(10, 1)
    book.leave(11, 1)
    book.stop(20)
    assert answered(book).verdict.verdict == "interrupted"
    assert answered(book, since=5_000_000).passed


def test_only_the_asserted_licenses_are_judged() -> None:
    """What another user did before and after is no matter: work that was interrupted, a license that is held."""
    book = ServerBook()
    for serial, user in enumerate(("ANN", "JOE", "SUE"), 1):
        book.create(2, serial, connection=serial, station=f"udp:10.0.0.2:{serial}")
        book.login(2, serial, user)
    book.open(3, 1)
    book.shut(4, 1, "destroy")
    book.close(4, 1, "destroy")
    book.leave(20, 2)
    book.stop(1000)
    answer = answered(book, user="JOE")
    assert (answer.passed, answer.verdict.verdict, answer.verdict.interrupted) == (True, "released", [])
    assert answered(book, user="ANN").verdict.verdict == "interrupted"
    assert answered(book, user="SUE").verdict.verdict == "leaked"


def test_a_license_that_was_taken_back_before_the_mark_is_not_asserted() -> None:
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.close(4, 1, "lost")
    book.create(10, 2)
    book.login(10, 2)
    book.leave(11, 2)
    book.stop(20)
    assert not answered(book).passed
    assert answered(book, since=5_000_000).passed


@pytest.mark.parametrize(
    ("cause", "by", "verdict", "failed"),
    [
        ("lost", "lost", "reclaimed", []),
        (
            "watchdog",
            "lost",
            "reclaimed",
            ["by: connection 1 (serial 1) of user JOE from udp:10.0.0.2:1025: watchdog, not lost"],
        ),
        ("logout", "logout", "released", []),
        (
            "destroy",
            "logout",
            "released",
            ["by: connection 1 (serial 1) of user JOE from udp:10.0.0.2:1025: destroy, not logout"],
        ),
        ("lost", ANY_CAUSE, "reclaimed", []),
        ("destroy", ANY_CAUSE, "released", []),
    ],
)
def test_the_verdict_of_an_assertion_says_whether_it_holds(
    cause: str, by: str, verdict: str, failed: list[str]
) -> None:
    """A license that the server reclaimed is as expected where the assertion accepts that; another cause is told."""
    judged = answered(held_once(until=20, cause=cause), by=by).verdict
    assert (judged.verdict, judged.expected, judged.failed) == (verdict, verdict, failed)
    assert judged.ok is not bool(failed)


# In the journal of a run


def kept(book: ServerBook, **asserted: Any) -> Verdict:
    """The verdict on *book* beside a ``run`` line whose field ``assertion`` is *asserted*."""
    return judge(put_together(book, RunnerBook(assertion=asserted)))


def test_an_assertion_in_the_run_line_is_judged_again() -> None:
    """As when the test made it: the licenses of JOE alone, which are not needed at the end of the journal."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.leave(20, 1)
    book.create(900, 2, connection=2, station="udp:10.0.0.3:1025")
    book.login(900, 2, "ANN")
    book.stop(1000)
    assert kept(book, user="JOE").verdict == "released"
    assert kept(book, user="ANN").verdict == "leaked"
    assert judge(put_together(book, RunnerBook())).verdict == "unknown"  # the journal ends too early for ANN's license


def test_an_assertion_in_the_run_line_is_about_one_client_where_it_does_not_say() -> None:
    """An attachment that cost a unit is no client; a licensed connection is one."""
    attached = ServerBook("attach")
    attached.create(1, 1)
    attached.close(2, 1)
    assert kept(attached).reason == "0 connections were licensed and logged in, expected 1"
    assert kept(held_once(until=20)).verdict == "released"
    assert kept(held_once(until=20), clients=2).reason == "1 connection was licensed and logged in, expected 2"


def test_the_licenses_that_a_caller_names_come_before_those_of_the_run_line() -> None:
    run = put_together(held_once(until=20), RunnerBook(assertion={"user": "ANN", "clients": 2}))
    assert judge(run).reason == "nothing was ever licensed"
    assert judge(run, wanted=LicenseSelection(user="JOE")).verdict == "released"
