"""Lists that were taken one after the other: the same, another, gone, new, idle and for how long."""

from __future__ import annotations

from datetime import datetime

import pytest

from harness.lab.connection_list import connections
from harness.lab.evidence import EvidenceError, ListedConnection
from harness.lab.sightings import ConnectionList, Sightings, seen

MINUTE = 60_000_000
HEADER = "connection,user,address,licensed,since,requests,server\n"
SEVEN = "7,SMSNW,10.1.1.7:1031,yes,2000-08-10 08:00,212,FS1"


def listed(*rows: str, at: str = "", name: str = "list.csv") -> ConnectionList:
    """A list, taken at *at* of 10 August 2000."""
    as_of = datetime.fromisoformat(f"2000-08-10 {at}") if at else None
    return ConnectionList(name, tuple(connections((HEADER + "\n".join(rows)).encode(), name)), as_of)


def last(*lists: ConnectionList) -> ListedConnection:
    """The first connection of the last list."""
    return seen(lists).there[0]


def test_one_list() -> None:
    """It does not show whether a connection is idle; how long it is held, if the list's time is known."""
    one = last(listed(SEVEN))
    assert (one.idle, one.idle_for, one.held_for) == (None, None, None)
    assert last(listed(SEVEN, at="14:00")).held_for == 360 * MINUTE
    assert last(listed(SEVEN.replace("2000-08-10 08:00", "15:00"), at="14:00")).held_for == 23 * 60 * MINUTE


def test_the_same_count_is_idle() -> None:
    """For as long as the lists are apart; a higher count is use."""
    one = last(listed(SEVEN, at="13:30"), listed(SEVEN, at="14:00"))
    assert (one.idle, one.idle_for) == (True, 30 * MINUTE)
    used = last(listed(SEVEN, at="13:30"), listed(SEVEN.replace(",212", ",213"), at="14:00"))
    assert (used.idle, used.idle_for, used.activity) == (False, 0, "it is in use: 1 requests since the list before")


def test_idle_since_the_first_list_with_that_count() -> None:
    """Not since the first list, where it had fewer requests."""
    before = SEVEN.replace(",212", ",200")
    one = last(
        listed(before, at="10:00"), listed(SEVEN, at="13:00"), listed(SEVEN, at="13:30"), listed(SEVEN, at="14:00")
    )
    assert (one.idle, one.idle_for) == (True, 60 * MINUTE)


def test_lists_of_one_minute_show_nothing() -> None:
    """A connection that is used every two minutes would look idle."""
    assert last(listed(SEVEN, at="13:59"), listed(SEVEN, at="14:00")).idle is None


def test_one_list_twice_shows_nothing() -> None:
    """Lists in which nothing differs may be copies; a time for each, or anything that happened, tells them apart."""
    other = "9,BOB,10.1.1.9,yes,2000-08-10 07:20,5,FS1"
    assert last(listed(SEVEN, other), listed(SEVEN, other)).idle is None
    assert last(listed(SEVEN, other), listed(other, SEVEN, at="14:00")).idle is None
    assert last(listed(SEVEN, other, at="13:00"), listed(SEVEN, other, at="14:00")).idle is True
    assert last(listed(SEVEN, other), listed(SEVEN, other.replace(",5,", ",6,"))).idle is True
    assert last(listed(SEVEN, other), listed(SEVEN)).idle is True
    assert last(listed(SEVEN, other), listed(SEVEN, other), listed(SEVEN)).idle is True


def test_without_since_it_may_be_another() -> None:
    """Each poll makes the same number of requests, and numbers are used again."""
    seven = SEVEN.replace("2000-08-10 08:00", "")
    assert last(listed(seven, at="13:30"), listed(seven, at="14:00")).idle is None
    assert last(listed(seven, at="13:30"), listed(seven.replace(",212", ",213"), at="14:00")).idle is False


def test_the_same_time_of_another_day() -> None:
    """A connection that is made every morning at eight."""
    seven, monday = SEVEN.replace("2000-08-10 08:00", "8:00"), datetime(2000, 8, 9, 14)
    before = ConnectionList("list.csv", listed(seven).connections, monday)
    assert last(before, listed(seven, at="14:00")).idle is None


def test_the_time_from_other_connections() -> None:
    """A list was taken before a connection that is new in the next one, which was taken after all that are in it."""
    new = "9,BOB,10.1.1.9,yes,2000-08-10 10:20,5,FS1"
    newer = "10,BOB,10.1.1.10,yes,2000-08-10 10:50,5,FS1"
    assert last(listed(SEVEN), listed(SEVEN, new)).idle_for is None
    assert last(listed(SEVEN), listed(SEVEN, new, newer)).idle_for == 30 * MINUTE
    assert last(listed(SEVEN), listed(SEVEN, new, at="11:00")).idle_for == 40 * MINUTE
    forgotten = "11,BOB,10.1.1.11,yes,2000-08-10 07:00,5,FS1"  # older than the first list, which does not have it
    assert last(listed(SEVEN), listed(SEVEN, forgotten, at="11:00")).idle_for is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (",212", ",100"),
        ("08:00", "09:00"),
        ("SMSNW", "JOE"),
        ("10.1.1.7", "10.1.1.8"),
        (":1031", ":1040"),
        ("2000-08-10 08:00", ""),
    ],
)
def test_another_connection_with_the_same_number(old: str, new: str) -> None:
    """Fewer requests, or anything else that differs: it is new, the old one is released, and nothing shows it idle."""
    found = seen([listed(SEVEN, at="13:30"), listed(SEVEN.replace(old, new), at="14:00")])
    assert [one.number for one in found.new] == [one.number for one in found.released] == [7]
    assert found.there[0].idle is None
    assert found.there[0].activity == "another connection had its number in the list before"


def test_what_cannot_be_compared_is_not_known() -> None:
    """A list without requests."""
    one = last(listed(SEVEN.replace(",212", ","), at="13:30"), listed(SEVEN, at="14:00"))
    assert (one.idle, one.activity) == (None, "the lists do not have its requests")


def test_a_license_that_is_taken_is_use() -> None:
    """The count alone does not make it idle."""
    assert last(listed(SEVEN.replace("yes", "no"), at="13:30"), listed(SEVEN, at="14:00")).idle is False


def test_the_same_time_and_port_in_other_words() -> None:
    """8:00 with and without its date, and an address without its port."""
    other = SEVEN.replace("2000-08-10 08:00", "8:00").replace(":1031", "")
    assert last(listed(other, at="13:30"), listed(SEVEN, at="14:00")).idle is True


def numbers(found: Sightings) -> tuple[list[int], list[int], list[int]]:
    """There, released, new."""
    return tuple([one.number for one in each] for each in (found.there, found.released, found.new))  # type: ignore[return-value]


def test_gone_and_new() -> None:
    """In any later list; a connection without a license releases none."""
    eight = "8,BOB,10.1.1.8,yes,2000-08-10 08:00,5,FS1"
    nine = "9,,10.1.1.9,no,,1,FS1"
    ten = "10,BOB,10.1.1.10,yes,2000-08-10 13:00,5,FS1"
    assert numbers(seen([listed(SEVEN, eight, nine), listed(SEVEN, ten), listed(SEVEN, ten)])) == ([7, 10], [8], [])
    assert numbers(seen([listed(SEVEN, eight), listed(SEVEN), listed(SEVEN, eight)])) == ([7, 8], [8], [8])


def test_servers_are_apart() -> None:
    """The same number on two servers; a list of one server says nothing of another, a list of both does."""
    other = SEVEN.replace("FS1", "FS2")
    assert numbers(seen([listed(SEVEN), listed(other)])) == ([7, 7], [], [])
    assert seen([listed(SEVEN), listed(other)]).there[0].idle is None
    both = seen([listed(SEVEN, other, at="13:30"), listed(other, at="14:00")])
    assert numbers(both) == ([7], [7], [])
    assert (both.there[0].server, both.there[0].idle) == ("FS2", True)


def test_lists_that_do_not_go_together() -> None:
    """With and without a server."""
    with pytest.raises(EvidenceError, match=r"b.csv: no server; expected the column server, or --server"):
        seen([listed(SEVEN), listed(SEVEN.replace("FS1", ""), name="b.csv")])
