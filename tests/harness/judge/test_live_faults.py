"""Faults of a running server: they change no verdict, its reason and its story name them, and the audit knows them."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.journal.record import SECOND, Record
from harness.judge.assertions import released
from harness.judge.diagnosis import explain
from harness.judge.selection import LicenseSelection
from harness.judge.verdict import Verdict, judge
from tests.harness.handmade_journals import WHOLE, ServerBook, held_once, put_together, scripted

STATION = "udp:10.0.0.2:1025"  # of held_once
DELAY: dict[str, Any] = {"id": 1, "what": "delay", "by": 0.2, "way": "out", "station": None}


def add(book: ServerBook, t: float, state: str, **fields: Any) -> None:
    """A line of a fault, where its time is."""
    at = next((i for i, record in enumerate(book.lines) if record.t > t * SECOND), len(book.lines))
    before = {name: book.lines[at - 1].fields[name] for name in ("server", "held", "limit")}
    own = {"from": "127.0.0.1:5000"} if state == "begin" else {"cause": "removed", "from": "127.0.0.1:5001"}
    book.lines.insert(
        at, Record(round(t * SECOND), "server", "fault", {**before, **DELAY, "state": state, **own, **fields})
    )


def with_fault(book: ServerBook, begin: float, end: float, **fields: Any) -> ServerBook:
    add(book, begin, "begin", **fields)
    add(book, end, "end", **fields)
    return book


def judged(book: ServerBook, needed: float | None = 10) -> Verdict:
    return judge(put_together(book, *([] if needed is None else [scripted(needed=needed)])))


NAMED = "; meanwhile the server had a fault (delay 0.2 s (out), all stations, from 0:00:09 to 0:00:12)"
KINDS: dict[str, dict[str, Any]] = {
    "released": {"until": 20},
    "reclaimed": {"until": 20, "cause": "lost"},
    "leaked": {"until": None},
    "interrupted": {"until": 10, "file": True},
    "unknown": {"until": None},
}


@pytest.mark.parametrize("verdict", KINDS)
def test_each_verdict_stands_and_names_the_fault(verdict: str) -> None:
    """The fault lay between the last use and the release, or the end of the journal."""
    needed = 701 if verdict == "unknown" else 10
    plain = judged(held_once(**KINDS[verdict]), needed)
    faulty = judged(with_fault(held_once(**KINDS[verdict]), 9, 12), needed)
    assert plain.verdict == faulty.verdict == verdict
    assert faulty.reason == f"{plain.reason}{NAMED}"
    told = {"leaked": faulty.leaked, "reclaimed": faulty.reclaimed, "interrupted": faulty.interrupted}
    assert all(held.reason.endswith(NAMED) for held in told.get(verdict, []))


@pytest.mark.parametrize("station", [STATION, "udp:10.0.0.2:*"])
def test_of_a_station(station: str) -> None:
    reason = judged(with_fault(held_once(until=20), 9, 12, station=station)).reason
    assert f"delay 0.2 s (out), {station}, from 0:00:09" in reason


@pytest.mark.parametrize(
    ("begin", "end", "fields"),
    [
        (0.5, 0.9, {}),
        (20.5, 30, {}),
        (9, 12, {"station": "udp:10.0.0.3:1025"}),
        (9, 12, {"station": "udp:10.0.0.20:*"}),
    ],
    ids=["before", "afterwards", "another station", "another address"],
)
def test_a_fault_that_lay_elsewhere_is_not_named(begin: float, end: float, fields: dict[str, Any]) -> None:
    assert "fault" not in judged(with_fault(held_once(until=20), begin, end, **fields)).reason


def test_nothing_was_licensed() -> None:
    """Logins were refused by intent: the reason says so."""
    book = ServerBook()
    refused: dict[str, Any] = {"id": 1, "what": "refuse-logins", "station": None, "from": "127.0.0.1:1"}
    book.line(1, "fault", state="begin", **refused)
    book.line(9, "mark", text="mark")
    verdict = judged(book, None)
    assert verdict.verdict == "unknown"
    assert "; meanwhile the server had a fault (refuse-logins, all stations, from 0:00:01 to the end)" in verdict.reason


def test_several_are_counted() -> None:
    book = held_once(until=20)
    for number in range(1, 6):
        add(book, 9, "begin", id=number)
        add(book, 12, "end", id=number)
    assert "; meanwhile the server had 5 faults (delay" in judged(book).reason
    assert judged(book).reason.endswith("; and 2 more)")


def test_the_story_has_begin_and_end() -> None:
    run = put_together(with_fault(held_once(until=None), 9, 12), scripted(needed=10))
    story = [line.strip() for line in explain(run, judge(run))]
    assert "0:00:09  from here the server had a fault: delay 0.2 s (out)" in story
    assert "0:00:12  its fault ended (removed): delay 0.2 s (out)" in story


def test_a_failed_assertion_names_it() -> None:
    for more in ({"until": None}, {"until": 20, "cause": "lost"}):
        answer = released(put_together(with_fault(held_once(**more), 3, 12)), LicenseSelection())
        assert not answer.passed
        assert "meanwhile the server had a fault (delay 0.2 s (out)" in " ".join(answer.why)


def test_hostile_fields_are_escaped() -> None:
    book = with_fault(held_once(until=None), 9, 12, what="\x1b[2J", station="\u202eudp")
    assert "\x1b" not in judged(book).reason
    assert "\u202e" not in judged(book).reason


# The audit


def problems(*lines: tuple[float, str, dict[str, Any]]) -> list[str]:
    book = ServerBook(**WHOLE)
    for t, event, fields in lines:
        book.line(t, event, **fields)
    return book.texts()


BEGIN: dict[str, Any] = {**DELAY, "state": "begin", "from": "127.0.0.1:1"}
END: dict[str, Any] = {**DELAY, "state": "end", "cause": "removed", "from": "127.0.0.1:1"}
LIMIT: dict[str, Any] = {**DELAY, "for": 5, "state": "end", "cause": "limit"}
MARK: dict[str, Any] = {"text": "mark", "from": "127.0.0.1:1"}
RESET: dict[str, Any] = {"action": "reset", "by": "admin", "from": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([(1, "fault", BEGIN), (2, "fault", END)], []),
        ([(1, "fault", {**BEGIN, "for": 5}), (6, "fault", LIMIT)], []),
        ([(1, "fault", {**BEGIN, "for": 5}), (60, "fault", LIMIT)], []),  # the machine stood still
        ([(1, "fault", BEGIN)], []),
        ([(2, "fault", END)], ["fault 1 ends, but it never began"]),
        ([(1, "fault", BEGIN), (2, "fault", END), (3, "fault", END)], ["fault 1 ends, but it has ended"]),
        (
            [(1, "fault", BEGIN), (2, "fault", {**END, "by": 0.3})],
            ["fault 1 began as delay 0.2 s (out), and ends as delay 0.3 s (out)"],
        ),
        (
            [(1, "fault", {**BEGIN, "for": 5}), (4, "fault", LIMIT)],
            ["fault 1 ends by its limit before that has come"],
        ),
        ([(1, "fault", BEGIN), (2, "fault", {**BEGIN, "id": 3})], ["fault 3 follows 1: a begin is missing or added"]),
        (
            [(1, "fault", {**BEGIN, "for": 5}), (7, "mark", MARK), (18, "mark", MARK)],
            ["fault 1 outlives its limit: it is not ended"],
        ),
        (
            [(1, "fault", {**BEGIN, "for": 5}), (7, "mark", MARK), (18, "fault", LIMIT)],
            ["fault 1 outlived its limit"],
        ),
        ([(1, "fault", BEGIN), (2, "operator", RESET), (2, "fault", {**END, "cause": "reset"}), (3, "mark", MARK)], []),
        (
            [(1, "fault", BEGIN), (2, "operator", RESET), (3, "mark", MARK)],
            ["the server was reset, but fault 1 has not ended"],
        ),
        ([(1, "fault", BEGIN), (2, "stop", {"holders": []})], ["the server stopped, but fault 1 has not ended"]),
        ([(1, "fault", {**BEGIN, "state": "middle"})], ["fault 1: expected begin or end, not middle"]),
        (
            [(1, "fault", BEGIN), (2, "fault", {**END, "cause": "fun"})],
            ["fault 1: expected limit, removed, reset, stop, not fun"],
        ),
        ([(1, "fault", {**BEGIN, "way": "up"})], ["fault: expected way to be out, in or both, not up"]),
        ([(1, "fault", {**BEGIN, "station": 5})], ["fault: expected station to be text, or null, not 5"]),
    ],
)
def test_the_audit(lines: list[tuple[float, str, dict[str, Any]]], told: list[str]) -> None:
    assert problems(*lines) == told


@pytest.mark.parametrize(("station", "told"), [(None, True), (STATION, True), ("udp:10.0.0.9:*", False)])
def test_no_login_while_logins_are_refused(station: str | None, told: bool) -> None:
    book = held_once(until=20)
    add(book, 0.5, "begin", what="refuse-logins", station=station)
    wanted = [f"{STATION} logged in while fault 1 refuses logins"]
    assert [text for text in book.texts() if "refuses" in text] == (wanted if told else [])
