"""One incarnation of a server in the audit: the sentences that its lines can earn, and that good lines earn none."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.journal.record import SECOND, Record
from tests.harness.handmade_journals import KEEP, WHOLE, ServerBook, attached, cleared, licensed, reconstructed

STATION = "udp:10.0.0.2:1025"


def line(book: ServerBook, t: float, event: str, **fields: Any) -> list[tuple[int, str]]:
    """The problems after one more line."""
    book.line(t, event, **fields)
    return book.problems()


# What every line has


def test_role_and_server_of_a_line() -> None:
    """Both stay what they are; without a name every line is wrong."""
    book = licensed()
    book.lines[-1] = Record(2 * SECOND, "client", "state", {**book.lines[-1].fields, "server": "OTHER"})
    assert book.problems() == [
        (5, "expected the role server, not client"),
        (5, "expected the server FAKENW, not OTHER"),
    ]
    book = ServerBook()
    book.bend("start", server=5)
    assert book.problems() == [(1, "expected the server 5, not 5")]


def test_the_limit_changes_by_an_operator() -> None:
    """It is told once, and then the limit is believed."""
    book = licensed()
    book.line(3, "operator", action="enable-login", by="JOE", limit=6)
    assert line(book, 4, "mark", text="mark", action="set", limit=6) == [
        (6, "the limit was 5 and is 6: no operator set it")
    ]
    assert line(book, 5, "mark", text="mark", action="set", limit=7)[1:] == [
        (8, "the limit was 6 and is 7: no operator set it")
    ]


def test_a_serial_is_a_number() -> None:
    """And a line about a connection has one."""
    wrong: list[Any] = ["x", True, []]
    for serial in wrong:
        book = licensed()
        book.line(3, "mark", text="mark")
        book.bend("mark", serial=serial)
        assert book.problems() == [(6, f"expected a serial, not {serial}")]
    for event in ("busy", "close", "login-failed", "unsupported"):
        assert line(licensed(), 3, event) == [(6, f"{event} without the serial of a connection")]
    for event in ("mark", "unserved", "conflict"):
        assert line(licensed(), 3, event) == []


def test_every_field_is_asked_of_a_server_that_writes_them() -> None:
    assert line(licensed(**WHOLE), 3, "mark", text="mark") == [(6, "mark: expected from to be text, not None")]
    assert line(licensed(), 3, "mark", text="mark") == []


def test_a_line_is_forgotten_only_in_a_journal_that_was_cut() -> None:
    """Elsewhere that cause is a wrong one; and there the lines that are not forgotten are audited."""
    book = licensed()
    book.bend("state", 1, cause="forgotten")
    assert (5, "state of serial 1 has the cause forgotten, the line before it login") in book.problems()
    book = licensed(cause="forgotten")
    book.drop("state", 1)
    assert line(book, 3, "mark", text="mark") == [(4, "connection:1 was granted, but no state follows that holds it")]


# Start and stop


def test_a_start() -> None:
    """At 0, with a policy that exists, and a limit that comes from its licenses. A reconstructed one may be later."""
    book = ServerBook()
    book.lines[0] = Record(SECOND, "server", "start", book.lines[0].fields)
    assert book.problems() == [(1, "expected a start at 0, not at 1.000000")]
    book.bend("start", cause="forgotten", licenses=7)
    assert book.problems() == []
    book = ServerBook()
    book.bend("start", policy="tea")
    assert book.problems() == [(1, "no such policy: tea")]
    wrong = (("nls", 6, 5), ("nls", None, 5), ("nls", True, 1), ("service", 0, 2), ("nls", 0, 0))
    for policy, licenses, limit in wrong:
        book = ServerBook(policy, limit=limit)
        book.bend("start", licenses=licenses)
        assert book.problems() == [(1, f"{licenses} licenses do not make a limit of {limit}")]
    book = ServerBook(limit=2)
    book.bend("start", licenses=0)
    assert book.problems() == []


def test_a_journal_without_a_start() -> None:
    """Without a policy nothing needs a unit; each line is audited all the same."""
    book = licensed()
    book.drop("start")
    book.bend("create", again=True)
    book.line(3, "busy", 1)
    assert book.problems() == [
        (1, f"{STATION} had no slot, but again is True"),
        (4, "connection:1 was granted, but serial 1 went from attached to licensed (login), which does not need it"),
        (5, "serial 1 is busy, but was not idle"),
    ]


def stopped(**wrong: Any) -> list[tuple[int, str]]:
    """The problems of a stop at 10 s, on line 7, whose only holder has wrong fields."""
    book = licensed()
    book.open(3, 1)
    book.stop(10)
    book.bend("stop", holders=[{**book.lines[-1]["holders"][0], **wrong}])
    return book.problems()


def test_a_holder_at_the_stop() -> None:
    """Its station, user, last request, files, and since when it holds its unit."""
    assert stopped() == []
    assert stopped(station="S") == [(7, f"serial 1 has the station {STATION}, not S")]
    assert stopped(user="ANN") == [(7, "serial 1 is of user JOE, not of user ANN")]
    assert stopped(files=0) == [(7, "serial 1 has 1 files open, not 0 (stop)")]
    assert stopped(since=2.000001) == [(7, "serial 1 holds its unit since 2.000000, not 2.000001")]
    assert stopped(since="x") == [(7, "serial 1 holds its unit since 2.000000, not x")]
    assert stopped(last_request=2.999999) == [
        (7, "the last request of serial 1 was between 3.000000 and 10.000000, not at 2.999999")
    ]


def test_the_holders_at_the_stop() -> None:
    """All that hold a unit, and no others."""
    for listed, named in (([], "none"), (None, "none"), (["x"], "none"), ([{"serial": 2}], "2")):
        book = licensed()
        book.stop(3)
        book.bend("stop", holders=listed)
        assert book.problems() == [(6, f"stop names the holders {named}, but 1 hold a unit")]
    book = licensed()
    book.stop(3)
    book.bend("stop", holders=[*book.lines[-1]["holders"], "x"])
    assert book.problems() == [(6, "stop names the holders 1, but 1 hold a unit")]
    book = attached()
    book.stop(3)
    assert book.problems() == []


# Connections


def test_number_and_station_of_a_create() -> None:
    """A number that is none is nobody's."""
    for wrong in ({"connection": "x"}, {"connection": True}, {"station": None}):
        book = ServerBook()
        book.create(1, 1, connection=7)
        for event in ("create", "state"):
            book.bend(event, **wrong)
        assert book.problems()[0] == (2, "expected connection and station of serial 1")
    book = ServerBook()
    for serial, number in ((1, "x"), (2, 0), (3, 1), (4, -1)):
        book.create(serial, serial, connection=number)  # type: ignore[arg-type]
    assert book.problems() == [(2, "expected connection and station of serial 1")]
    book.create(5, 5, connection=1)
    assert book.problems()[1:] == [(10, "connection 1 is that of serial 3, which has not ended")]


def test_every_line_has_the_number_of_its_connection() -> None:
    book = licensed()
    book.line(3, "unsupported", 1, ncp="1", connection=2)
    assert book.problems() == [(6, "serial 1 has the connection 1, not 2")]


def test_a_number_that_two_connections_have() -> None:
    """It is told once, and both may end."""
    book = attached()
    book.create(2, 2)
    for serial in (1, 2):
        book.close(3, serial)
    assert book.problems() == [(4, "connection 1 is that of serial 1, which has not ended")]


def test_serials_count_up_by_one() -> None:
    """From any number; one that was used before is not used again."""
    book = ServerBook()
    book.create(1, 5)
    book.create(2, 6, connection=2)
    assert book.problems() == []
    book.create(3, 8, connection=3)
    assert book.problems() == [(6, "serial 8 follows 6: a create is missing or added")]
    book = attached()
    book.close(2, 1)
    book.create(3, 1)
    assert book.problems() == [(6, "serial 1 was used before")]


def test_a_station_that_attaches_anew() -> None:
    """It had a slot, which the line before has ended; only then ``again`` is said."""
    for again in (True, False):
        book = attached()
        book.close(2, 1, "reinitialize")
        book.create(2, 2)
        book.bend("create", 1, again=again)
        wrong = f"{STATION} attached anew, but again is False"
        assert book.problems() == ([] if again else [(6, wrong)])
    for other in ({"connection": 2}, {"station": "udp:10.0.0.9:1025"}):
        book = attached()
        book.close(2, 1, "reinitialize")
        book.create(2, 2, **other)
        assert book.problems() == []
    book = attached()
    book.close(2, 1, "lost")
    book.create(2, 2)
    book.bend("create", 1, again=True)
    assert book.problems() == [(6, f"{STATION} had no slot, but again is True")]


def test_files_are_opened_with_a_license() -> None:
    """Before the login only those of SYS:LOGIN. An older server may say less."""
    assert may_open("SYS:LOGIN/LOGIN.EXE", **WHOLE) == may_open("sys:login/x", **WHOLE) == []
    assert may_open("SYS:PUBLIC/X", **WHOLE) == [(4, "serial 1 is attached, and opens SYS:PUBLIC/X")]
    assert may_open("SYS:PUBLIC/X") == []
    for to, cause, wrong in (("authenticated", "unlicense", True), ("attached", "logout", False)):
        book = licensed("service", **WHOLE)
        book.move(3, 1, to, cause)
        book.open(4, 1, "SYS:LOGIN/X")
        assert book.texts() == (["serial 1 is authenticated, and opens SYS:LOGIN/X"] if wrong else [])
    book = licensed(**WHOLE)
    book.open(3, 1, "SYS:PUBLIC/X")
    assert book.problems() == []


def may_open(path: str, **start: Any) -> list[tuple[int, str]]:
    book = attached(**start)
    book.open(2, 1, path)
    return book.problems()


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("open", {"handle": "01", "path": "P"}),
        ("unsupported", {"ncp": "1"}),
        ("idle", {"since": 2, "files": 0}),
        ("busy", {}),
        ("watchdog", {"what": "silent"}),
    ],
)
def test_lines_have_the_user_of_their_connection(event: str, fields: dict[str, Any]) -> None:
    """But for a login that failed, which has the user that was tried."""
    book = licensed()
    if event == "busy":
        book.line(3, "idle", 1, since=2, files=0)
    book.line(4, event, 1, **fields)
    assert book.problems() == []
    book.bend(event, user="ANN")
    assert book.texts() == ["serial 1 is of user JOE, not of user ANN"]
    book = licensed()
    book.line(4, "login-failed", 1, user="ANN", code=0xDE)
    assert book.problems() == []


@pytest.mark.parametrize("event", ["login-failed", "unsupported", "deny"])
def test_what_a_silent_connection_asks(event: str) -> None:
    book = licensed()
    book.line(3, "watchdog", 1, what="silent")
    book.line(4, event, 1, what="account", code=0xD9)
    assert book.texts() == [f"{event} of serial 1, which is silent: no answered before it"]


def test_the_watchdog_ends_what_it_gave_up() -> None:
    """In the same moment, or the end is not its own."""
    book = licensed()
    book.close(3, 1, "watchdog")
    assert book.problems() == []
    gave_up = book.where("watchdog", 1)
    book.lines[gave_up] = Record(2 * SECOND, "server", "watchdog", book.lines[gave_up].fields)
    book.lines[gave_up - 1] = Record(2 * SECOND, "server", "watchdog", book.lines[gave_up - 1].fields)
    assert book.problems() == [(8, "state of serial 1 is not at 2.000000, as the line before it")]
    book.drop("watchdog", 1)
    assert book.problems() == [(7, "serial 1 was ended by the watchdog, which had not given up")]


def test_only_what_holds_a_unit_is_idle() -> None:
    book = attached()
    book.line(400, "idle", 1, since=1, files=0)
    assert book.problems() == [(4, "serial 1 is idle, but holds no unit")]
    book = licensed(idle_after=300)
    book.line(301.999999, "idle", 1, since=2, files=0)
    assert book.problems() == [(6, "serial 1 is idle since 2.000000, expected a time from 2.000000 to 1.999999")]


# Last requests


def test_a_release_and_a_close_have_the_last_request() -> None:
    """An older server may not say it."""
    for event in ("release", "close"):
        book = licensed()
        book.close(3, 1, "lost")
        book.bend(event, last_request=1.5)
        assert book.texts() == ["the last request of serial 1 was between 2.000000 and 3.000000, not at 1.500000"]
        at = book.where(event)
        fields = {name: value for name, value in book.lines[at].fields.items() if name != "last_request"}
        book.lines[at] = Record(3 * SECOND, "server", event, fields)
        assert book.problems() == []


def unused(ran: float, end: float, cause: str = "lost", **start: Any) -> list[str]:
    """What is told of a connection that made no request from 2 s to its *end*, on a server with a line at *ran*."""
    book = licensed(**{"idle_after": 300, **start})
    book.line(ran, "mark", text="mark")
    if cause == "stop":
        book.stop(end)
    else:
        book.close(end, 1, cause)
    return sorted(set(book.texts()))


@pytest.mark.parametrize("cause", ["lost", "stop"])
def test_idleness_is_told(cause: str) -> None:
    """Within ten real seconds of the first line that shows that the server ran when it was due."""
    why = ["serial 1 made no request since 2.000000, but no idle says so"]
    assert unused(302.000001, 312.000002, cause) == why
    assert unused(302.000001, 312.000001, cause) == []
    assert unused(302, 999, cause) == []  # no line shows it
    assert unused(302.000001, 322.000001, cause, speed=2) == []
    assert unused(302.000001, 322.000002, cause, speed=2) == why
    assert unused(303, 999, cause, idle_after=None) == []
    assert unused(100, 302, cause) == []


def test_idleness_that_was_told_is_not_missed() -> None:
    """Nor is it where the journal was cut."""
    book = licensed(idle_after=300)
    book.line(302, "idle", 1, since=2, files=0)
    book.line(400, "mark", text="mark")
    book.close(999, 1, "lost")
    assert book.problems() == []
    book = reconstructed(idle_after=300)
    book.line(400, "mark", text="mark")
    book.close(999, 1, "lost")
    assert book.problems() == []


def test_idleness_is_not_missed_of_a_client_that_leaves() -> None:
    """Its last request is the one with which it leaves. Nor of a connection that holds no unit."""
    assert unused(303, 999, "destroy") == []
    book = attached(idle_after=300)
    book.line(500, "mark", text="mark")
    book.close(1000, 1, "lost")
    assert book.problems() == []
    for _ in range(2):
        book.drop("state")
    assert book.problems() == [
        (2, "serial 1 was created, but no state follows"),
        (4, "close of serial 1, but no state to gone before it"),
    ]


def test_idleness_is_not_missed_of_a_server_that_was_down() -> None:
    """It tells none then."""
    book = licensed(idle_after=300)
    book.line(10, "operator", action="down", by="JOE", forced=False, files=0)
    book.line(500, "mark", text="mark")
    book.close(1000, 1, "lost")
    assert book.problems() == []


# Kept units


def test_a_kept_unit_may_be_a_real_second_late() -> None:
    """After that it is missed. Without a speed no second is known."""
    for speed, late, expected in (
        (1, 1, False),
        (1, 1.000001, True),
        (10, 10, False),
        (10, 10.000001, True),
        (None, 0, False),
        (None, 0.000001, True),
    ):
        book = cleared(speed=speed)
        book.line(KEEP + 10 + late, "mark", text="mark")
        wrong = "connection:1 of a cleared connection never expired: no release follows"
        assert book.texts() == ([wrong] if expected else [])


def test_a_kept_unit_that_expires_too_late() -> None:
    book = cleared()
    book.line(KEEP + 12, "mark", text="mark")
    book.expire(KEEP + 14, 1)
    assert book.texts() == [f"connection:1 should have expired at {KEEP + 10}.000000, not later"]
    book.bend("release", cause="cleared")
    assert book.texts() == ["connection:1 of a cleared connection was released before it had expired (cleared)"]
