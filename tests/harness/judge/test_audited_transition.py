"""The transitions of connections in the audit: what must follow what, with which cause, user and unit.

Each journal is made by hand. A problem is the number of a line with its sentence; what is told is all that is told.
"""

from __future__ import annotations

import pytest

from fakenw.journal.record import SECOND, Record
from tests.harness.handmade_journals import OFFER, ServerBook, attached, ended, licensed

GONE = "serial 1 went from licensed to gone"
LOGGED_OUT = "serial 1 went from licensed to attached (logout)"
LOGGED_IN = "serial 1 went from attached to licensed (login)"


# What must follow


def test_a_connection_that_was_created_is_attached() -> None:
    """At once; what comes instead is told by itself."""
    book = attached()
    book.drop("state")
    assert book.marked() == [(2, "serial 1 was created, but no state follows")]
    book = attached()
    book.close(2, 1)
    book.drop("state")
    book.drop("state")
    assert book.problems() == [
        (2, "serial 1 was created, but no state follows"),
        (3, "close of serial 1, but no state to gone before it"),
    ]
    book = attached()
    book.lines[-1] = Record(2 * SECOND, "server", "state", book.lines[-1].fields)
    assert book.problems() == [(3, "state of serial 1 is not at 1.000000, as the line before it")]


def test_a_grant_belongs_to_a_state() -> None:
    """That of the create to the create before it."""
    book = licensed()
    book.drop("state", 1)
    assert book.marked() == [(4, "connection:1 was granted, but no state follows that holds it")]
    book = licensed()
    book.close(3, 1)
    for _ in range(2):
        book.drop("state", 1)
    book.drop("release")
    book.bend("close", held=1, user=None)
    assert book.problems() == [
        (4, "connection:1 was granted, but no state follows that holds it"),
        (5, "close of serial 1, but no state to gone before it"),
    ]
    book = attached()
    book.held += 1
    book.line(2, "grant", 1, unit="connection:1", cause="create")
    assert book.marked() == [
        (4, "connection:1 was granted (create), but no create is before it"),
        (4, "connection:1 was granted, but no state follows that holds it"),
    ]
    assert licensed("attach").problems() == []


def test_a_shut_belongs_to_a_state_or_to_a_request() -> None:
    """The sentence names the file; after a grant it names the unit."""
    book = licensed()
    book.open(3, 1)
    book.shut(4, 1, "logout")
    assert book.marked() == [(7, f"{OFFER} of serial 1 was shut (logout), but no state follows")]
    book = licensed()
    book.open(3, 1)
    book.shut(4, 1, "tea")
    assert book.problems() == [(7, "expected the cause of a shut, not tea")]
    book = attached("login")
    book.open(1, 1, "SYS:LOGIN/X")
    book.about[1]["user"] = "JOE"
    book.held += 1
    book.line(2, "grant", 1, unit="connection:1", cause="login")
    book.shut(2, 1, "login", "SYS:LOGIN/X")
    assert book.marked() == [(6, "connection:1 was granted, but no state follows that holds it")]
    book = licensed("service")
    book.move(3, 1, "authenticated", "unlicense")
    book.open(4, 1)
    book.shut(5, 1, "request")
    assert book.marked() == [
        (9, "serial 1 is licensed (request), and a file was shut, which that does not do"),
        (9, f"{OFFER} of serial 1 was shut (request), but no state follows"),
    ]


def test_a_connection_that_is_gone_is_closed() -> None:
    """After its release, with no line between; what is missing is told at the line that required it, once."""
    book = ended()
    assert book.problems() == []
    book.drop("close")
    assert book.marked() == [(7, "serial 1 is gone (lost), but no close follows")]
    book = ended()
    book.drop("release")
    book.bend("close", held=1)
    assert book.problems() == [(6, f"{GONE} (lost), but connection:1 is still held: no release follows")]
    book = ended(policy="ual")
    assert book.problems() == []
    book.drop("close")
    assert book.marked() == [(6, f"{GONE} (lost), but no close follows")]


def test_another_connection_does_not_close_it() -> None:
    book = licensed()
    book.create(2, 2, 2)
    book.close(3, 1, "lost")
    book.bend("close", serial=2, connection=2, user=None, last_request=3)
    assert book.problems() == [
        (9, "serial 1 is gone (lost), but no close follows"),
        (10, "close of serial 2, but no state to gone before it"),
    ]


def test_a_second_state_is_not_that_of_the_first() -> None:
    """It is compared with what the connection is then."""
    book = licensed()
    book.logout(3, 1)
    book.double("state", 2)
    assert (7, "serial 1 is of no user, not of user JOE") in book.problems()
    book = ended()
    book.double("state", 2)
    assert (7, "serial 1 is of no user, not of user JOE") in book.problems()


def test_a_close_without_a_state() -> None:
    """The unit is still held; a user's may be held for long."""
    book = ended()
    book.drop("state", 2)
    book.drop("release")
    book.bend("close", held=1)
    assert book.problems() == [
        (6, "close of serial 1, but no state to gone before it"),
        (6, "serial 1 ended, but connection:1 is still held"),
    ]
    book = ended(policy="ual")
    book.drop("state", 2)
    assert book.problems() == [(6, "close of serial 1, but no state to gone before it")]
    book = attached()
    book.close(2, 1)
    book.drop("state", 1)
    assert book.problems() == [(4, "close of serial 1, but no state to gone before it")]


# Causes, users and times


@pytest.mark.parametrize("event", ["release", "close"])
def test_the_lines_of_a_transition_have_one_user_and_one_time(event: str) -> None:
    number = {"release": 7, "close": 8}[event]
    book = ended()
    book.bend(event, user="ANN")
    assert book.problems() == [(number, "serial 1 is of user JOE, not of user ANN")]
    book = ended("destroy")
    book.bend(event, cause="logout")
    problems = [(number, f"{event} of serial 1 has the cause logout, the line before it destroy")]
    assert [problem for problem in book.problems() if problem[0] == number] == problems
    book = ended()
    at = book.where(event)
    book.lines[at:] = [Record(4 * SECOND, line.role, line.event, line.fields) for line in book.lines[at:]]
    assert book.problems()[0] == (number, f"{event} of serial 1 is not at 3.000000, as the line before it")


def test_a_state_has_the_user_of_its_grant() -> None:
    book = licensed()
    book.bend("state", 1, user="ANN")
    assert book.problems() == [(5, "serial 1 is of user JOE, not of user ANN")]


def test_a_login_has_a_user() -> None:
    """Any name; every other cause has the user of before."""
    book = attached()
    book.move(2, 1, "licensed", "login", 5)  # type: ignore[arg-type]
    assert book.problems() == [(4, "serial 1 is of no user, not of user 5")]
    book = licensed()
    book.logout(3, 1)
    for event, n in (("state", 2), ("release", 0)):
        book.bend(event, n, user="ANN")
    assert book.problems() == [(6, "serial 1 is of user JOE, not of user ANN")]


def test_the_first_line_of_a_transition_has_the_user_of_before() -> None:
    """Also where it shuts a file."""
    for cause in ("close", "logout"):
        book = licensed()
        book.open(3, 1)
        book.shut(4, 1, cause)
        book.bend("shut", user="ANN")
        assert book.problems() == [(7, "serial 1 is of user JOE, not of user ANN")]
    book = licensed()
    book.open(3, 1)
    book.shut(4, 1, "logout")
    book.logout(4, 1)
    book.bend("shut", cause="unlicense")
    assert book.problems() == [(8, "state of serial 1 has the cause logout, the line before it unlicense")]


def test_after_a_logout_there_is_no_user() -> None:
    """An unlicense leaves the user."""
    book = licensed()
    book.logout(3, 1)
    book.line(4, "unsupported", 1, ncp="1")
    assert book.problems() == []
    book = licensed()
    book.move(3, 1, "authenticated", "unlicense")
    book.line(4, "unsupported", 1, ncp="1")
    assert book.problems() == []


def test_what_a_request_causes_ends_idleness() -> None:
    """A shut and a logout of an idle connection are told; an end that no request causes is not."""
    for act, expected in (
        (lambda b: b.shut(6, 1), [(8, "shut of serial 1, which is idle: no busy before it")]),
        (lambda b: b.shut(6, 1, "logout"), [(8, "shut of serial 1, which is idle: no busy before it")]),
        (lambda b: (b.shut(6, 1, "lost"), b.close(6, 1, "lost")), []),
    ):
        book = licensed(idle_after=2)
        book.open(3, 1)
        book.line(5, "idle", 1, since=3, files=1)
        act(book)
        assert book.problems() == expected


# States


@pytest.mark.parametrize(
    ("policy", "moves", "wrong"),
    [
        ("service", [("authenticated", "unlicense"), ("licensed", "request")], []),
        ("service", [("authenticated", "unlicense"), ("licensed", "service")], []),
        ("service", [("attached", "unlicense")], ["licensed to attached (unlicense)"]),
        ("service", [("licensed", "request")], ["licensed to licensed (request)"]),
        ("service", [("licensed", "tea")], ["licensed to licensed (tea)"]),
        ("login", [("attached", "create")], ["licensed to attached (create)"]),
        (
            "attach",
            [("authenticated", "unlicense"), ("licensed", "request")],
            ["licensed to authenticated (unlicense)", "authenticated to licensed (request)"],
        ),
        ("attach", [("attached", "logout")], []),
    ],
)
def test_a_cause_makes_its_move(policy: str, moves: list[tuple[str, str]], wrong: list[str]) -> None:
    """From one of its states to its one; under attach no request gives a license up or takes one."""
    book = licensed(policy)
    for n, (to, cause) in enumerate(moves):
        book.move(3 + n, 1, to, cause)
    told = [text for _, text in book.problems()]
    assert told == [f"serial 1 went from {move}, which that cause does not do" for move in wrong]


def test_a_state_begins_with_that_of_before() -> None:
    book = licensed()
    book.logout(3, 1)
    book.bend("state", 2, **{"from": "authenticated"})
    assert book.problems() == [
        (6, "serial 1 went from authenticated to attached (logout), but it was licensed"),
    ]


def test_a_second_create_of_a_connection_that_is_gone() -> None:
    """The state of a create comes after the create, and not by itself."""
    book = ServerBook()
    book.create(1, 1)
    book.drop("state")
    book.line(2, "mark", text="mark")
    book.line(3, "state", 1, **{"from": "gone", "to": "attached", "cause": "create"})
    assert book.problems() == [
        (2, "serial 1 was created, but no state follows"),
        (4, "serial 1 went from gone to attached (create), which that cause does not do"),
    ]


def test_a_file_that_was_not_shut_is_told_once() -> None:
    """At the first state in which none may be open."""
    book = licensed()
    book.open(3, 1)
    book.leave(4, 1)
    assert book.problems() == [(7, f"{LOGGED_OUT}, but {OFFER} is still open: no shut before it")]


def test_idle_policy_ends_what_holds_a_unit() -> None:
    assert ended("idle-policy").problems() == []
    book = attached()
    book.close(2, 1, "idle-policy")
    assert book.problems() == [(4, "serial 1 went from attached to gone (idle-policy), but it held no unit")]
