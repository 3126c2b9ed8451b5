"""Runs with several servers, licenses or clients: which of them the verdict goes by."""

from __future__ import annotations

import pytest

from fakenw.journal.record import Record
from harness.judge.assertions import released
from harness.judge.selection import LicenseSelection
from harness.judge.verdict import judge
from tests.harness.handmade_journals import RunnerBook, ServerBook, held_once, put_together, scripted


def other(book: ServerBook) -> ServerBook:
    """The same journal, of another server."""
    book.name = "server-OTHER.jsonl"
    book.lines = [Record(r.t, r.role, r.event, {**r.fields, "server": "OTHER"}) for r in book.lines]
    return book


def test_the_books_of_every_server_must_balance() -> None:
    bent = other(held_once(until=10))
    bent.drop("release")
    verdict = judge(put_together(held_once(until=10), bent, scripted(needed=5)))
    assert verdict.verdict == "unknown"
    assert verdict.reason.startswith("the books do not balance: server-OTHER.jsonl:")


def test_an_assertion_is_about_every_server() -> None:
    """The first has all of its licenses back, the second has not."""
    answer = released(put_together(held_once(until=10), other(held_once(until=None))), LicenseSelection())
    assert (answer.passed, answer.waiting, len(answer.why)) == (False, True, 1)
    assert "holds a license of OTHER since 0:00:02" in answer.why[0]


def test_every_license_of_a_connection_counts() -> None:
    """It logs out and in again; the first license came back in time, the second did not."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.logout(10, 1)
    book.login(11, 1)
    book.stop(1000)
    verdict = judge(put_together(book, scripted(needed=20)))
    assert (verdict.verdict, [held.held_for for held in verdict.leaked]) == ("leaked", [989.0])
    assert verdict.reason.startswith("1 of 2 licenses not released")


def test_a_license_that_was_taken_back_is_told_though_a_client_has_none() -> None:
    """The verdict is about the license, and the run is not as expected."""
    runner = RunnerBook(expect="reclaimed", proof={"workstation": [["FAKENW"]], "b": [["FAKENW"]]})
    verdict = judge(put_together(held_once(until=11, cause="lost"), scripted(needed=10), runner))
    assert (verdict.verdict, verdict.told, verdict.ok) == ("reclaimed", True, False)
    assert [one.client for one in verdict.proof.unproven] == ["b"]


@pytest.mark.parametrize(("went_on", "expected"), [(10.9, "released"), (11.1, "unknown")])
def test_the_last_lines_of_several_journals_are_at_one_moment(went_on: float, expected: str) -> None:
    """Give or take a second; a server's journal that stops before the run does is not whole."""
    book, client = held_once(until=10), scripted(needed=5)
    book.drop("stop")
    client.drop("done")
    client.write(went_on, "done")
    assert judge(put_together(book, client)).verdict == expected


def test_the_last_life_of_a_server_must_have_its_end() -> None:
    """The life before it has a stop; the one that followed breaks off."""
    book = held_once(until=10, end=11)
    book.begin()
    verdict = judge(put_together(book, scripted(needed=5)))
    assert verdict.verdict == "unknown"
    assert verdict.reason.startswith("the journal of FAKENW has no end: it stops at 0:00:00")


@pytest.mark.parametrize(("bound", "expected"), [(1, "released"), (0.1, "unknown")])
def test_clocks_that_are_not_known_well_make_the_moment_longer(bound: float, expected: str) -> None:
    """The client was done within the error of both clocks after the server's last line."""
    book, client, runner = held_once(until=10), scripted(needed=5), RunnerBook()
    book.drop("stop")
    client.drop("done")
    client.write(12.5, "done")
    for whose in ({"server": "FAKENW"}, {"client": "workstation"}):
        runner.write(1, "clock", **whose, theirs=1, bound=bound)
    assert judge(put_together(book, client, runner)).verdict == expected
