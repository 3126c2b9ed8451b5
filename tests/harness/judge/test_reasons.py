"""The reason of a verdict: the first problem of its kind, with a count of the others."""

from __future__ import annotations

import pytest

from fakenw.journal.record import Record
from harness.judge.verdict import judge
from tests.harness.handmade_journals import (
    ClientBook,
    RunnerBook,
    ServerBook,
    held_once,
    put_together,
    scripted,
)


@pytest.mark.parametrize(
    ("patience", "until", "expected"),
    [(None, 310.2, "leaked"), (0, 310.2, "leaked"), (0.25, 310.25, "released"), (0.25, 310.26, "leaked")],
)
def test_the_patience_of_a_run_is_granted_on_top(patience: float | None, until: float, expected: str) -> None:
    """Real delays, which a fast clock makes longer: to the last moment, and no more."""
    more = {} if patience is None else {"patience": patience}
    run = put_together(held_once(until=until), scripted(needed=10), RunnerBook(**more))
    assert judge(run).verdict == expected


@pytest.mark.parametrize(
    ("speed", "patience", "told"),
    [
        (60, 15, " (0:05:00, and 0.25 s of real time for a busy machine, which is 0:00:15 at --speed 60)"),
        (1, 0.25, ""),
        (1, 0, ""),
    ],
)
def test_a_limit_that_differs_from_the_stated_one(speed: float, patience: float, told: str) -> None:
    """The sentence says why, where the difference is one of seconds."""
    runner = RunnerBook(patience=patience)
    runner.bend("run", speed=speed)
    run = put_together(held_once(until=None), scripted(needed=10), runner)
    limit = "0:05:15" if patience == 15 else "0:05:00"
    assert judge(run).reason.startswith(
        f"1 of 1 licenses not released within {limit} of being no longer needed{told}; connection 1"
    )


def test_a_run_that_does_not_say_its_speed_was_at_real_speed() -> None:
    runner = RunnerBook(patience=15)
    (run_line,) = runner.lines
    fields = {name: value for name, value in run_line.fields.items() if name != "speed"}
    runner.lines = [Record(run_line.t, run_line.role, run_line.event, fields)]
    run = put_together(held_once(until=None), scripted(needed=10), runner)
    told = "within 0:05:15 of being no longer needed (0:05:00, and 15 s of real time for a busy machine"
    assert f"{told}, which is 0:00:15 at --speed 1); " in judge(run).reason


def test_how_many_more_problems_the_books_have() -> None:
    """The first is told, the others are counted."""
    book = held_once(until=10)
    for event in ("close", "stop"):
        book.bend(event, held=1 + (event == "stop"))
    verdict = judge(put_together(book))
    assert len(verdict.problems) == 2
    assert verdict.reason == f"the books do not balance: {verdict.problems[0]} (and 1 more)"
    book = held_once(until=10)
    book.bend("stop", held=1)
    verdict = judge(put_together(book))
    assert len(verdict.problems) == 1
    assert verdict.reason == f"the books do not balance: {verdict.problems[0]}"


def test_an_interruption_without_a_license() -> None:
    """Nothing was held, for no time; the connection is named all the same, and it is no license of the count."""
    book = ServerBook("service")
    book.create(1, 1)
    book.open(2, 1)
    book.shut(3, 1, "destroy")
    book.close(3, 1, "destroy")
    book.stop(1000)
    (held,) = judge(put_together(book)).interrupted
    assert (held.held_for, held.holding, str(held)) == (0.0, None, "connection 1 (serial 1) from udp:10.0.0.2:1025")


def test_an_interruption_is_about_the_last_license_of_its_connection() -> None:
    """Logged out and in again: held for as long as the second login was."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.logout(10, 1)
    book.login(20, 1)
    book.open(21, 1)
    book.shut(25, 1, "destroy")
    book.close(25, 1, "destroy")
    book.stop(1000)
    (held,) = judge(put_together(book)).interrupted
    assert (held.held_for, held.holding) == (5.0, held.history.holdings[1])


@pytest.mark.parametrize(("failures", "noted"), [(1, 1), (3, 3), (5, 3)])
def test_failed_steps_are_notes_beside_a_worse_verdict(failures: int, noted: int) -> None:
    """The first three; where they are the verdict itself they are its reason instead."""
    client = scripted(needed=10)
    for place in range(failures):
        client.write(950 + place, "step-failed", verb=f"user.open{place}", text="completion code 0xFF")
    verdict = judge(put_together(held_once(until=None, end=2000), client))
    assert verdict.verdict == "leaked"
    assert [note.rpartition(" failed at ")[2] for note in verdict.notes] == [
        f"0:15:5{place}: user.open{place}: completion code 0xFF" for place in range(noted)
    ]
    verdict = judge(put_together(held_once(until=20, end=2000), client))
    assert (verdict.verdict, verdict.notes) == ("unknown", [])


@pytest.mark.parametrize(
    ("expected", "ends", "told"),
    [
        ("interrupted", (20, 21), "destroy with 1 file still open: SYS:A"),
        ("leaked", (900, 901), "its client released it (destroy) at 0:15:00, 0:14:50 after it was no longer needed"),
        (
            "reclaimed",
            (11, 12),
            "the server reclaimed it when the socket closed, 0:00:01 after it was no longer needed",
        ),
    ],
)
def test_the_first_of_its_kind_is_the_reason(expected: str, ends: tuple[int, int], told: str) -> None:
    """With its own reason: two connections of one client met the same end, one after the other."""
    book, runner = ServerBook(), RunnerBook()
    for serial in (1, 2):
        book.create(1, serial, connection=serial, station=f"udp:10.0.0.9:{serial}")
        book.login(1, serial)
    for serial, path in ((1, "SYS:A"), (2, "SYS:B")):
        if expected == "interrupted":
            book.open(3, serial, path, f"0{serial}")
    for serial, path, t in ((1, "SYS:A", ends[0]), (2, "SYS:B", ends[1])):
        if expected == "interrupted":
            book.shut(t, serial, "destroy", path, f"0{serial}")
        book.close(t, serial, "lost" if expected == "reclaimed" else "destroy")
    book.stop(1000)
    runner.write(10, "exit", client="mine", code=0)
    verdict = judge(put_together(book, runner))
    assert verdict.verdict == expected
    assert verdict.reason.endswith(f"connection 1 (serial 1) of user JOE from udp:10.0.0.9:1: {told}")


def test_the_first_that_cannot_be_told_is_the_reason() -> None:
    """Both are held at the end of the journal, too early to tell."""
    book, client = ServerBook(), ClientBook()
    for serial, close in ((1, 800), (2, 850)):
        book.create(1, serial, connection=serial)
        book.login(1, serial)
        client.attach(1, connection=serial)
        client.say(1, "nal-open", path="P")
        client.say(close, "nal-close", path="P")
    book.stop(1000)
    reason = judge(put_together(book, client)).reason
    assert reason.startswith("connection 1 (serial 1) of user JOE")
    assert "no longer needed since 0:13:20, but the journal ends" in reason
