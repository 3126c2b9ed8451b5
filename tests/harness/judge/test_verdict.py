"""Every verdict, each on journals that deserve it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fakenw.journal.record import JournalError
from harness.judge.checks import selected
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from tests.harness.handmade_journals import (
    ClientBook,
    RunnerBook,
    ServerBook,
    held_once,
    put_together,
    q257223,
    scripted,
)


@pytest.mark.parametrize(
    ("until", "cause", "expected"),
    [
        (10, "destroy", "released"),
        (310, "logout", "released"),
        (311, "destroy", "leaked"),
        (None, "", "leaked"),
        (310, "lost", "reclaimed"),
        (310, "stalled", "reclaimed"),
        (11, "watchdog", "reclaimed"),
        (11, "cleared", "reclaimed"),
        (11, "reinitialize", "reclaimed"),
        (11, "idle-policy", "reclaimed"),
        (11, "busy", "reclaimed"),
        (900, "watchdog", "leaked"),
        (5, "destroy", "released"),
    ],
)
def test_a_unit_is_judged_by_who_let_go_and_when(until: float | None, cause: str, expected: str) -> None:
    """No longer needed at 10 s, within five minutes: given back, taken back, or neither."""
    run = put_together(held_once(until=until, cause=cause), scripted(needed=10))
    verdict = judge(run)
    assert verdict.verdict == expected
    assert (len(verdict.leaked), len(verdict.reclaimed)) == (expected == "leaked", expected == "reclaimed")


@pytest.mark.parametrize(("needed", "expected"), [(700, "leaked"), (701, "unknown")])
def test_the_journal_must_last_long_enough(needed: float, expected: str) -> None:
    """Still held, and the journal ends at 1000 s: a leak only if five minutes have passed."""
    verdict = judge(put_together(held_once(until=None), scripted(needed=needed)))
    assert verdict.verdict == expected
    if expected == "unknown":
        assert "the journal ends at 0:16:40, too early to decide" in verdict.reason
        assert [held.serial for held in verdict.undecided] == [1]


def test_the_bug_is_a_leak() -> None:
    """Q257223 as shipped: named by connection, who opened it, who used it last, and why."""
    verdict = judge(put_together(*q257223()))
    assert (verdict.verdict, verdict.ok, verdict.problems, verdict.failed) == ("leaked", True, [], [])
    (held,) = verdict.leaked
    assert held.as_json() == {
        "server": "FAKENW",
        "serial": 1,
        "connection": 1,
        "station": "udp:10.0.0.2:1025",
        "user": "SMSCLIENT_GS1",
        "held_for": 15001.0,
        "opened_by": "nal",
        "last_used_by": "apm",
        "reason": "its release was refused at 0:00:01 (1 file open), and not asked for again",
    }
    assert verdict.as_json() == {
        "verdict": "leaked",
        "expected": "leaked",
        "ok": True,
        "limit": 5,
        "peak": 1,
        "leaked": [held.as_json()],
        "reclaimed": [],
        "denied": 0,
        "seconds": 15001.0,
        "unproven": [],
    }
    assert repr(held).endswith(f", reason={held.reason!r})")  # where a test fails, pytest prints it without journals


# How long after


@pytest.mark.parametrize(
    ("run", "within", "expected"),
    [
        ({}, None, "leaked"),
        ({"within": 600}, None, "released"),
        ({"within": 600, "checks": [{"released": {"within": 60}}]}, None, "leaked"),
        ({"within": 60, "checks": [{"released": {"within": 600}}]}, None, "released"),
        ({"within": 60, "checks": ["released"]}, None, "leaked"),
        ({"within": 60}, 600, "released"),
        ({"checks": [{"released": {"within": 600}}]}, 60, "leaked"),
        ({"within": 479, "patience": 0.5}, None, "leaked"),
        ({"within": 479, "patience": 1}, None, "released"),
    ],
)
def test_within_can_be_set(run: dict[str, Any], within: float | None, expected: str) -> None:
    """Given back eight minutes late: the caller's word before the check's, before the run's, before five minutes.

    The patience with a busy machine is granted on top of it.
    """
    made = put_together(held_once(until=490), scripted(needed=10), RunnerBook(**run))
    assert judge(made, within=within).verdict == expected


# Which is worse


def add(book: ServerBook, serial: int, *, end: str) -> None:
    """One more connection of the station 10.0.0.9, let go in some way."""
    book.create(2, serial, connection=serial, station=f"udp:10.0.0.9:{serial}")
    book.login(2, serial)
    if end == "interrupted":
        book.open(2, serial)
        book.shut(2, serial, "destroy")
    if end != "leaked":
        book.close(2, serial, "lost" if end == "reclaimed" else "destroy")


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (["released"], "released"),
        (["released", "reclaimed"], "reclaimed"),
        (["leaked", "reclaimed", "released"], "leaked"),
        (["interrupted", "leaked", "reclaimed"], "interrupted"),
        (["interrupted", "broken", "leaked"], "unknown"),
    ],
)
def test_the_worse_wins(ends: list[str], expected: str) -> None:
    """Unbalanced books, interrupted, leaked, reclaimed, released."""
    book, runner = ServerBook(), RunnerBook()
    for serial, end in enumerate(ends, 1):
        add(book, serial, end=end)
    book.stop(1000)
    if "broken" in ends:
        book.drop("release")
    runner.write(5, "exit", client="mine", code=0)
    assert judge(put_together(book, runner)).verdict == expected


@pytest.mark.parametrize(("closed", "expected"), [(100, "leaked"), (800, "unknown")])
def test_what_cannot_be_told_stands_between_leaked_and_reclaimed(closed: float, expected: str) -> None:
    """One is too early to tell, one was taken back, and one is a leak or not."""
    book, client = ServerBook(), ClientBook()
    for serial, close in ((1, 800), (2, closed), (3, 900)):
        book.create(1, serial, connection=serial)
        book.login(1, serial)
        client.attach(1, connection=serial)
        client.say(1, "nal-open", path="P")
        client.say(close, "nal-close", path="P")
    book.close(901, 3, "lost")
    book.stop(1000)
    assert judge(put_together(book, client)).verdict == expected


# Interrupted


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("destroy", "interrupted"),
        ("logout", "interrupted"),
        ("unlicense", "interrupted"),
        ("lost", "reclaimed"),
        ("watchdog", "reclaimed"),
        ("cleared", "reclaimed"),
    ],
)
def test_files_shut_by_the_client_letting_go_are_an_interruption(cause: str, expected: str) -> None:
    """What the server or a power cut ended is none."""
    verdict = judge(put_together(held_once(until=20, cause=cause, file=True), scripted(needed=19)))
    assert verdict.verdict == expected
    if expected == "interrupted":
        assert f"{cause} with 1 file still open: SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR" in verdict.reason


@pytest.mark.parametrize(
    ("cause", "expected"), [("destroy", "interrupted"), ("lost", "reclaimed"), ("watchdog", "reclaimed")]
)
def test_work_that_failed_is_an_interruption(cause: str, expected: str) -> None:
    """Unless the server took the connection away."""
    client = scripted(needed=19)
    client.say(21, "work-failed", component="APM", file="F", code=0xFD, reason="the connection has ended")
    verdict = judge(put_together(held_once(until=20, cause=cause), client))
    assert verdict.verdict == expected
    assert [held.connection for held in verdict.interrupted] == [1] * (expected == "interrupted")


def test_work_that_failed_on_a_connection_nobody_let_go_is_none() -> None:
    """A network that is cut makes work fail too; a forced release that the server never saw is still one."""
    client = scripted(needed=19)
    client.say(21, "work-failed", component="APM", file="F", code=None, reason="no answer")
    assert judge(put_together(held_once(until=None), client)).verdict == "leaked"
    client.say(22, "detach", forced=True, by="NAL")
    assert judge(put_together(held_once(until=None), client)).verdict == "leaked"  # it failed before
    client.say(23, "work-failed", component="APM", file="F", code=None, reason="gone")
    assert judge(put_together(held_once(until=None), client)).verdict == "interrupted"


# What clients claim


@pytest.mark.parametrize(
    ("until", "cause", "noted"),
    [
        (None, "", True),
        (900, "watchdog", True),
        (11, "destroy", False),
        (11, "lost", False),
    ],
)
def test_a_release_that_only_the_client_knows_of_is_noted(until: float | None, cause: str, noted: bool) -> None:
    """The verdict stays the server's."""
    client = scripted(needed=10)
    client.say(10.5, "release-asked", by="NAL", forced=False)
    client.say(11, "detach", by="NAL", forced=False)
    verdict = judge(put_together(held_once(until=until, cause=cause), client))
    assert bool(verdict.notes) is noted
    if noted:
        assert verdict.verdict == "leaked"
        (note,) = verdict.notes
        assert note.startswith("the client workstation reports that it released connection 1 (serial 1) at 0:00:11")
        assert note.endswith("; no release reached the server")


# Other checks, and expectations


def test_expectations_come_from_the_run() -> None:
    """Left out, released is expected."""
    server, client, runner = q257223()
    assert judge(put_together(server, client, runner)).ok
    runner.bend("run", expect=None)
    assert not judge(put_together(server, client, runner)).ok


@pytest.mark.parametrize(("units", "ok"), [(1, False), (2, True)])
def test_bounded_fails_beside_the_verdict(units: int, ok: bool) -> None:
    """Two units of one client at the end, where at most so many may be; another client's do not count."""
    book = ServerBook()
    for serial, station in ((1, "udp:10.0.0.2:1025"), (2, "udp:10.0.0.2:1026"), (3, "udp:10.0.0.3:1025")):
        book.create(1, serial, connection=serial, station=station)
        book.login(1, serial)
    book.stop(1000)
    runner = RunnerBook(expect="leaked", checks=[{"bounded": {"units": units}}])
    runner.write(5, "exit", client="mine", code=0)
    verdict = judge(put_together(book, runner))
    assert (verdict.verdict, verdict.ok) == ("leaked", ok)
    expected = [] if ok else ["bounded: udp:10.0.0.2 holds 2 licenses at the end, at most 1 were allowed"]
    assert verdict.failed == expected


@pytest.mark.parametrize(
    "checks",
    [
        ["never_over_limits"],
        [{"released": {"in": 5}}],
        [{"released": {"within": "5m"}}],
        [{"released": {"within": -1}}],
        [{"released": {"within": True}}],
        ["bounded"],
        [{"bounded": 3}],
        [{"books_balance": {"units": 3}}],
        [{"bounded": {"units": 1}, "released": {}}],
        [5],
        "released",
    ],
)
def test_checks_that_do_not_exist_are_refused(checks: Any) -> None:
    """By name, with what was expected."""
    with pytest.raises((ValueError, JournalError), match="expected"):
        judge(put_together(ServerBook(), RunnerBook(checks=checks)))


def test_checks_are_selected_by_name() -> None:
    """Alone, or with arguments."""
    assert selected(["books_balance", "released", {"bounded": {"units": 1}}, {"no_work_interrupted": None}]) == {
        "books_balance": {},
        "released": {},
        "bounded": {"units": 1},
        "no_work_interrupted": {},
    }


def test_the_users_unit_counts_under_ual_only_for_the_books() -> None:
    """The connection was given back; that its user keeps the unit for 90 days is no leak."""
    book = ServerBook("ual")
    book.create(1, 1)
    book.login(2, 1)
    book.leave(9, 1)
    book.stop(1000)
    verdict = judge(put_together(book, scripted(needed=8)))
    assert (verdict.verdict, verdict.problems, verdict.peak) == ("released", [], 1)


def test_a_thousand_connections_are_judged_at_once() -> None:
    """Fifty thousand lines in well under two seconds."""
    book, runner, clients = ServerBook(limit=1000), RunnerBook(), []
    for serial in range(1, 1001):
        station = f"udp:10.0.{serial >> 8}.{serial & 255}:1025"
        book.create(serial, serial, serial, station)
        book.login(serial, serial)
        client = ClientBook(f"c{serial}")
        client.attach(serial, serial, station)
        client.say(serial, "nal-open", path="P")
        for n in range(8):
            book.open(serial, serial, handle=str(n))
            book.shut(serial, serial, handle=str(n))
            client.say(serial, "apm-open", file="F")
            client.say(serial, "apm-close", file="F")
        client.say(serial, "nal-close", path="P")
        clients.append(client)
        runner.write(serial, "spawn", client=f"c{serial}")
        runner.write(3000, "exit", client=f"c{serial}")
    for serial in range(1, 501):
        book.leave(1000 + serial, serial)
    book.stop(9000)
    made = [made.journal() for made in (book, runner, *clients)]
    assert sum(len(journal.records) for journal in made) > 40_000
    began = time.process_time()
    run = RunHistory.of(made)
    verdict = judge(run)
    assert time.process_time() - began < 2
    assert (verdict.verdict, verdict.peak) == ("leaked", 1000)
