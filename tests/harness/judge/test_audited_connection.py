"""A connection in the audit: what one line after the other says of it, and what each may not say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakenw.journal.record import SECOND, Record
from harness.judge.audited_connection import AuditedConnection

ABOUT: dict[str, Any] = {"connection": 1, "station": "udp:10.0.0.2:1025", "user": None}


def record(t: float = 10, event: str = "open", **fields: Any) -> Record:
    """A line at *t*, in seconds."""
    return Record(round(t * SECOND), "server", event, fields)


def created(station: str = "udp:10.0.0.2:1025") -> AuditedConnection:
    """A connection that was created at 2 s."""
    return AuditedConnection(7, 1, station, 2 * SECOND)


def reconstructed() -> AuditedConnection:
    return AuditedConnection.reconstructed(7, record(0, "create", **ABOUT))


def idle(*, files: int = 0) -> AuditedConnection:
    """A connection that made its last request at 5 s, and is idle."""
    one = created()
    assert told(one.idles(record(8, since=5, files=files), 3 * SECOND, holds=True)) == []
    return one


def silent() -> AuditedConnection:
    one = created()
    assert told(one.watched("silent")) == []
    return one


def told(sentences: Iterator[str]) -> list[str]:
    return list(sentences)


def opens(one: AuditedConnection, handle: object, path: object = "SYS:A") -> list[str]:
    return told(one.opens(record(handle=handle, path=path)))


def shuts(one: AuditedConnection, handle: object, path: object = "SYS:A") -> list[str]:
    return told(one.shuts(record(event="shut", handle=handle, path=path)))


@pytest.mark.parametrize("first", [created, reconstructed])
def test_number_and_station(first: Callable[[], AuditedConnection]) -> None:
    """They are those of the connection's first line. True is no number."""
    one = first()
    assert told(one.named(record(**ABOUT))) == []
    assert told(one.named(record(connection=2, station=None))) == [
        "serial 7 has the connection 1, not 2",
        "serial 7 has the station udp:10.0.0.2:1025, not None",
    ]
    assert told(one.named(record(connection=True, station="udp:10.0.0.2:1025"))) == [
        "serial 7 has the connection 1, not True"
    ]


def test_the_user() -> None:
    """Every line has one, who may be none. Of a reconstructed connection it is not known."""
    one = created()
    assert told(one.of_user(record(user=None), None)) == []
    assert told(one.of_user(record(user="JOE"), "JOE")) == []
    assert told(one.of_user(record(user="JOE"), None)) == ["serial 7 is of no user, not of user JOE"]
    assert told(one.of_user(record(user=None), "JOE")) == ["serial 7 is of user JOE, not of no user"]
    assert told(one.of_user(record(), None)) == ["serial 7 is of no user, not of no user"]
    assert told(reconstructed().of_user(record(user="JOE"), None)) == []


def test_a_request_ends_silence_and_idleness() -> None:
    """Lines before it must have said so; it is told once."""
    for one, why in (
        (silent(), "open of serial 7, which is silent: no answered before it"),
        (idle(), "open of serial 7, which is idle: no busy before it"),
    ):
        assert told(one.requests(record(10))) == [why]
        assert told(one.requests(record(11))) == []
        assert told(one.asked_last(10.999999, 12 * SECOND)) == [
            "the last request of serial 7 was between 11.000000 and 12.000000, not at 10.999999"
        ]


def test_the_last_request() -> None:
    """It is between the last line that a request has caused and now, both included."""
    one = created()
    assert [told(one.asked_last(t, 10 * SECOND)) for t in (2, 2.5, 10)] == [[], [], []]
    for t in (1.999999, 10.000001):
        assert told(one.asked_last(t, 10 * SECOND, "watchdog")) == [
            f"the last request of serial 7 was between 2.000000 and 10.000000, not at {t}"
        ]
    assert told(one.asked_last("x", 10 * SECOND)) == ["expected last_request of serial 7 in seconds, not x"]
    assert told(reconstructed().asked_last(0, 10 * SECOND)) == []
    assert told(reconstructed().asked_last(-0.000001, 10 * SECOND)) == [
        "the last request of serial 7 was between 0.000000 and 10.000000, not at -0.000001"
    ]


def test_the_last_request_of_an_idle_connection() -> None:
    """It is the one since which the connection is idle, or the one by which its client gives it up."""
    assert told(idle().asked_last(5, 10 * SECOND, "watchdog")) == []
    for t in (4.999999, 5.000001):
        assert told(idle().asked_last(t, 10 * SECOND, "watchdog")) == [
            f"serial 7 is idle since 5.000000, and made a request at {t}: no busy"
        ]
    assert told(idle().asked_last(10, 10 * SECOND, "destroy")) == []
    for t in (5, 9.999999):
        assert told(idle().asked_last(t, 10 * SECOND, "logout")) == [
            f"the last request of serial 7 was at 10.000000 (logout), not at {t:.6f}"
        ]


def test_handles_count_up_by_one() -> None:
    """Twelve hexadecimal digits, from 1; after a reconstructed beginning from any number."""
    one = created()
    assert opens(one, "000000000002") == [
        "the handle 000000000002 of serial 7 follows 000000000000: an open is missing or added"
    ]
    assert [opens(one, f"{n:012x}") for n in range(3, 20)] == 17 * [[]]
    assert opens(one, "000000000013") == [
        "the handle 000000000013 of serial 7 is open already",
        "the handle 000000000013 of serial 7 follows 000000000013: an open is missing or added",
    ]
    assert opens(created(), "000000000001") == []
    one = reconstructed()
    assert opens(one, "000000000007") == []
    assert opens(one, "000000000009") == [
        "the handle 000000000009 of serial 7 follows 000000000007: an open is missing or added"
    ]


@pytest.mark.parametrize("handle", ["01", "0000000000002", "00000000000x", "-00000000002"])
def test_handles_of_another_kind_have_no_order(handle: str) -> None:
    """Where the first is one of them. One that comes after a counted handle is told, once."""
    one = created()
    assert [opens(one, handle), opens(one, "FF"), shuts(one, handle)] == [[], [], []]
    one = created()
    assert opens(one, "000000000001") == []
    assert opens(one, handle) == [f"the handle {handle} of serial 7 does not follow 000000000001"]
    assert opens(one, "FF") == []


@pytest.mark.parametrize(("handle", "path"), [(None, "SYS:A"), (5, "SYS:A"), ("000000000002", None)])
def test_a_file_that_is_opened_has_handle_and_path(handle: object, path: object) -> None:
    """What is missing is told once, and the line is believed."""
    one = created()
    assert opens(one, "000000000001") == []
    assert opens(one, handle, path) == ["expected handle and path of a file that serial 7 opens"]
    assert shuts(one, handle, path) == []


def test_a_handle_is_shut_once_with_its_path() -> None:
    """A reconstructed connection may have opened it before."""
    one = created()
    assert opens(one, "01") == []
    assert opens(one, "01") == ["the handle 01 of serial 7 is open already"]
    assert shuts(one, "01", "SYS:B") == ["the handle 01 of serial 7 is SYS:A, not SYS:B"]
    assert shuts(one, "01") == ["the handle 01 of serial 7 was shut, but was not open"]
    assert shuts(reconstructed(), "01") == []


def test_open_files_are_counted() -> None:
    """Of a reconstructed connection more may be open than are known."""
    for one, wrong in ((created(), (0, 2)), (reconstructed(), (0,))):
        opens(one, "01")
        for count in (0, 1, 2):
            why = [f"serial 7 has 1 files open, not {count} (stop)"]
            assert told(one.counts_files(count, "stop")) == (why if count in wrong else [])
        for no_count in (True, "1", None):
            assert told(one.counts_files(no_count, "stop")) == [
                f"expected the number of files that serial 7 has open, not {no_count} (stop)"
            ]


@pytest.mark.parametrize(
    ("since", "after", "expected"),
    [
        (2, 3, ()),
        (7, 3, ()),
        (1.999999, 3, ("2.000000", "7.000000")),
        (7.000001, 3, ("2.000000", "7.000000")),
        (10, None, ()),
        (10.000001, None, ("2.000000", "10.000000")),
    ],
)
def test_an_idle_connection_made_no_request_for_a_time(
    since: float, after: int | None, expected: tuple[str, ...]
) -> None:
    """The time is that of the server, where it is known; before its last request none was idle."""
    why = f"serial 7 is idle since {since:.6f}, expected a time from {{}} to {{}}"
    sentences = [why.format(*expected)] if expected else []
    line = record(10, since=since, files=0)
    assert told(created().idles(line, after and after * SECOND, holds=True)) == sentences


def test_what_an_idle_line_must_say() -> None:
    """Each part by itself; then the line is believed."""
    one = idle()
    assert told(one.idles(record(20, since=6, files=0), SECOND, holds=True)) == [
        "serial 7 is idle already, since 5.000000: no busy before it"
    ]
    assert told(created().idles(record(20, since=6, files=1), SECOND, holds=False)) == [
        "serial 7 is idle, but holds no unit",
        "serial 7 has 0 files open, not 1 (idle)",
    ]
    one = created()
    assert told(one.idles(record(20, files=0), SECOND, holds=True)) == [
        "expected since when serial 7 is idle, not None"
    ]
    assert told(one.asked_last(20, 21 * SECOND)) == []
    assert told(one.works_again(record(21))) == []


def test_busy_ends_what_was_idle() -> None:
    """Once. Of a reconstructed connection it is not known at first, and then it is."""
    for one in (idle(), reconstructed()):
        assert told(one.works_again(record(10))) == []
        assert told(one.works_again(record(11))) == ["serial 7 is busy, but was not idle"]
    assert told(created().works_again(record(10))) == ["serial 7 is busy, but was not idle"]
    one = idle()
    told(one.watched("silent"))
    assert told(one.works_again(record(10))) == ["busy of serial 7, which is silent: no answered before it"]
    assert told(one.requests(record(11))) == []


def test_the_watchdog() -> None:
    """Silence begins once, and ends once, by an answer; the patience of the watchdog ends in silence."""
    assert told(created().watched("answered")) == ["the watchdog: answered of serial 7, which is not silent"]
    assert told(created().watched("gave-up")) == ["the watchdog: gave-up of serial 7, which is not silent"]
    one = silent()
    assert told(one.watched("silent")) == ["the watchdog: silent of serial 7, which is silent already"]
    assert told(one.watched("gave-up")) == []
    assert told(one.watched("answered")) == []
    assert told(one.watched("answered")) == ["the watchdog: answered of serial 7, which is not silent"]
    assert [told(reconstructed().watched(what)) for what in ("silent", "answered", "gave-up")] == [[], [], []]
    assert told(silent().watched("sleeps")) == ["expected silent, answered or gave-up of the watchdog, not sleeps"]
    tcp = "the watchdog of serial 7, whose station is not asked over TCP"
    assert told(created("tcp:10.0.0.2:524").watched("silent")) == [tcp]


def test_the_line_of_a_login_follows_its_state() -> None:
    """At the same time: authenticated in the tree, else licensed. At a reconstructed beginning it may be missing."""
    for first in (created, reconstructed):
        one = first()
        one.login_state = (10 * SECOND, "licensed")
        assert told(one.logs_in(record(10, "login", how="bindery"))) == []
        for t, how, state in ((10, "nds", "authenticated"), (10.000001, "bindery", "licensed")):
            assert told(one.logs_in(record(t, "login", how=how))) == [
                f"serial 7 logged in ({how}), but no state before it is {state} by a login"
            ]
    assert told(created().logs_in(record(10, "login", how="nds"))) == [
        "serial 7 logged in (nds), but no state before it is authenticated by a login"
    ]
    assert told(reconstructed().logs_in(record(10, "login", how="nds"))) == []
