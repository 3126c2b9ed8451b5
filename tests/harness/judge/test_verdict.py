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


# Unknown


def test_unbalanced_books_are_unknown() -> None:
    """With the file, the line and the check; listed as a check or not."""
    book = held_once(until=10)
    book.drop("release")
    verdict = judge(put_together(book, RunnerBook(checks=["books_balance"])))
    assert (verdict.verdict, verdict.ok) == ("unknown", False)
    assert verdict.reason.startswith("the books do not balance: server-FAKENW.jsonl:6: books_balance: ")
    assert judge(put_together(book)).problems == verdict.problems


def test_over_the_limit_is_a_check_of_its_own() -> None:
    """A server that grants more than it has."""
    book = ServerBook(limit=1)
    for serial in (1, 2):
        book.create(1, serial, connection=serial)
        book.login(1, serial)
    verdict = judge(put_together(book, RunnerBook(checks=["never_over_limit"])))
    assert verdict.verdict == "unknown"
    assert {problem.check for problem in verdict.problems} == {"never_over_limit"}
    assert "2 units held, the limit is 1" in verdict.reason


def test_nothing_licensed_is_unknown() -> None:
    """Nothing can be said of licenses that nobody took; what was refused is named."""
    book = ServerBook("service", limit=0)
    book.create(1, 1)
    assert judge(put_together(book)).reason == "nothing was ever licensed"
    book.line(2, "deny", 1, what="license", code=0xF8)
    verdict = judge(put_together(book))
    assert (verdict.verdict, verdict.denied) == ("unknown", 1)
    assert verdict.reason == "nothing was ever licensed; 1 times the server had no free license"


def test_a_run_that_failed_is_unknown() -> None:
    """Even where all was given back; but a leak that was seen was seen."""
    runner = RunnerBook()
    runner.write(5, "failed", reason="no such \x1bprogram")
    verdict = judge(put_together(held_once(until=10), runner))
    assert (verdict.verdict, verdict.reason) == (
        "unknown",
        "the run could not be carried out: no such \\x1bprogram",
    )
    assert judge(put_together(runner)).verdict == "unknown"
    assert judge(put_together(held_once(until=None), scripted(needed=9), runner)).verdict == ("leaked")


def test_without_a_server_nothing_is_known() -> None:
    """A client's word alone is no evidence."""
    verdict = judge(put_together(scripted(needed=5)))
    assert (verdict.verdict, verdict.reason) == ("unknown", "there is no server's journal")
    assert verdict.seconds == 0


def test_a_missing_stop_matters_where_others_went_on() -> None:
    """What was given back is given back; but of what came later the journal says nothing."""
    book, client = held_once(until=10), scripted(needed=5)
    book.drop("stop")
    judged = judge(put_together(book, client))
    told = "the journal of FAKENW has no end: it stops at 0:00:10, and the run went on until 0:15:50"
    assert (judged.verdict, judged.reason) == ("unknown", told)
    client.drop("done")
    assert judge(put_together(book, client)).verdict == "released"


def test_a_connection_that_only_its_client_knows() -> None:
    """Its lines were taken from the server's journal, and a license with them."""
    book, client = held_once(until=10), scripted(needed=5)
    client.attach(12, connection=2)
    judged = judge(put_together(book, client))
    told = "the journal of FAKENW lacks connection 2 of udp:10.0.0.2:1025, to which workstation was attached"
    assert (judged.verdict, judged.reason) == ("unknown", f"{told} (client-workstation.jsonl:6)")


@pytest.mark.parametrize(("code", "what", "told"), [(0xE0, "license", True), (0xFC, "login", False)])
def test_a_refusal_that_only_its_client_knows(code: int, what: str, told: bool) -> None:
    """Its line was taken from the server's journal. An unknown name is refused without a line."""
    client = scripted(needed=5)
    client.say(12, "denied", code=code, what=what)
    judged = judge(put_together(held_once(until=10), client))
    lacks = f"the journal of FAKENW lacks that it refused {what} to udp:10.0.0.2:1025, code 0x{code:02X}"
    wanted = ("unknown", f"{lacks} (client-workstation.jsonl:6)") if told else ("released", judged.reason)
    assert (judged.verdict, judged.reason) == wanted


@pytest.mark.parametrize(("event", "does"), [("nal-open", "uses"), ("detach", "releases")])
def test_a_connection_that_its_client_was_never_attached_to(event: str, does: str) -> None:
    """A line of the client's journal is missing, or one too many: it has released the connection before."""
    for missing in (True, False):
        client = scripted(needed=5)
        if missing:
            client.drop("attach")
        else:
            client.say(6, "detach", by="NAL", forced=False)
        client.say(7, event, by="NAL", forced=False)
        if missing and event == "detach":
            client.drop("nal-open")
        judged = judge(put_together(held_once(until=10), client))
        told = f"workstation {does} connection 1 of udp:10.0.0.2:1025 to FAKENW, and its journal does not say"
        assert (judged.verdict, judged.reason.partition(" that it is")[0]) == ("unknown", told)


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


@pytest.mark.parametrize(
    ("patience", "until", "expected"),
    [(None, 310.2, "leaked"), (0, 310.2, "leaked"), (0.25, 310.25, "released"), (0.25, 310.26, "leaked")],
)
def test_the_patience_of_a_run_is_granted_on_top(patience: float | None, until: float, expected: str) -> None:
    """Real delays, which a fast clock makes longer: to the last moment, and no more."""
    more = {} if patience is None else {"patience": patience}
    run = put_together(held_once(until=until), scripted(needed=10), RunnerBook(**more))
    assert judge(run).verdict == expected


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
