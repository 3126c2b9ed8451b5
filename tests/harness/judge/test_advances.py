"""A clock that was advanced: what it showed when, and the way back."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.journal.record import SECOND
from harness.judge.advances import Advance, Advances
from tests.harness.handmade_journals import ServerBook

HOUR = 3600 * SECOND


def test_a_clock_that_was_never_advanced_shows_steady_time() -> None:
    """In both directions, also before its beginning."""
    none = Advances()
    assert [none.shown(t) for t in (-5, 0, 7)] == [none.steady(t) for t in (-5, 0, 7)] == [-5, 0, 7]
    assert none.doubt(7, 2) == 2


def test_a_jump_moves_everything_after_it() -> None:
    """By an hour at 100 s; what the clock jumped over was never shown."""
    jump = Advances([Advance(100, 100 + HOUR, HOUR)])
    assert [jump.shown(t) for t in (99, 100, 101)] == [99, 100, 101 + HOUR]
    assert [jump.steady(t) for t in (99, 100, 101, 100 + HOUR, 101 + HOUR)] == [99, 100, 100, 100, 101]


def test_within_an_advance_that_took_time_any_time_of_it_is_possible() -> None:
    """The clock ran for 10 while it was advanced by 90, from 100 to 200."""
    slow = Advances([Advance(100, 200, 90)])
    assert [slow.shown(t) for t in (100, 101, 105, 110, 111)] == [100, 110, 150, 200, 201]
    assert [slow.steady(t) for t in (100, 110, 150, 200, 201)] == [100, 101, 105, 110, 111]
    assert [slow.doubt(t, 0) for t in (99, 101, 105, 109, 112)] == [0, 90, 50, 90, 0]
    assert slow.doubt(98, 1) == 1
    assert slow.doubt(98, 3) == 102  # it may have begun
    assert slow.doubt(112, 3) == 102  # it may not have ended


def test_advances_add_up() -> None:
    """The second begins at a time that the first has moved."""
    two = Advances([Advance(10, 110, 100), Advance(120, 1120, 1000)])
    assert [two.shown(t) for t in (10, 11, 20, 21)] == [10, 111, 120, 1121]
    assert [two.steady(t) for t in (111, 120, 1121)] == [11, 20, 21]


runs = st.integers(0, 50)
some = st.lists(st.tuples(runs, runs, st.integers(1, 1000)), max_size=4)  # it runs, runs on meanwhile, is advanced by


def advanced(stretches: list[tuple[int, int, int]]) -> Advances:
    """The clock runs, and is advanced while it runs on, and so on."""
    ends = list(accumulate(before + meanwhile + by for before, meanwhile, by in stretches))
    return Advances(
        Advance(end - meanwhile - by, end, by) for end, (_, meanwhile, by) in zip(ends, stretches, strict=True)
    )


@given(some, st.integers(-10, 500), st.integers(-10, 500))
def test_time_never_goes_back(stretches: list[tuple[int, int, int]], one: int, other: int) -> None:
    """A later steady time is shown later, and ``steady`` is the inverse of ``shown``."""
    clock = advanced(stretches)
    early, late = sorted((one, other))
    assert clock.shown(early) <= clock.shown(late)
    assert clock.shown(late) - clock.shown(early) >= late - early
    assert clock.steady(early) <= clock.steady(late)
    assert clock.steady(clock.shown(one)) == one


@given(some, st.data())
def test_what_is_between_two_events_stays_between_them(
    stretches: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """The server wrote lines while its clock ran and jumped; a client's event happened between two of them."""
    moments, steady, shown = [(0, 0)], 0, 0
    for before, meanwhile, by in stretches:
        for passes, jumps in ((before, 0), (meanwhile, by)):
            steady, shown = steady + passes, shown + passes + jumps
            moments.append((steady, shown))
    moments.append((steady + 50, shown + 50))
    event = data.draw(st.integers(0, steady + 50))
    earlier = [t for at, t in moments if at < event]
    later = [t for at, t in moments if at > event]
    mapped = advanced(stretches).shown(event)
    assert max(earlier, default=0) <= mapped <= min(later, default=mapped)
    clock, bound = advanced(stretches), data.draw(st.integers(0, 20))
    doubt = clock.doubt(event, bound)
    assert all(abs(clock.shown(event + off) - mapped) <= doubt for off in range(-bound, bound + 1))


# From the server's journal


def book(*lines: tuple[float, str, dict[str, Any]]) -> Advances:
    """What a server's journal with these lines tells."""
    made = ServerBook()
    for t, event, fields in lines:
        made.line(t, event, **fields)
    return Advances.of(made.lines)


ASKED = {"action": "clock-advance", "by": "admin", "text": "3600 s"}
EXACT = {**ASKED, "seconds": 3600.0}


@pytest.mark.parametrize("asked", [ASKED, EXACT], ids=["text only", "seconds"])
def test_an_operators_line_is_a_jump(asked: dict[str, Any]) -> None:
    """From old journals by its text; set-time moves no ``t``."""
    told = book(
        (5, "operator", {"action": "set-time", "utc": "1999-01-01"}), (10, "operator", asked), (3700, "mark", {})
    )
    assert [told.shown(t * SECOND) for t in (10, 11)] == [10 * SECOND, 3611 * SECOND]


def test_the_end_of_an_advance_says_how_far_it_came() -> None:
    """It was broken off after a minute, in the course of two seconds."""
    told = book((10, "operator", EXACT), (72, "advanced", {"since": 10.0, "seconds": 60.0}), (80, "mark", {}))
    assert [told.shown(t * SECOND) for t in (10, 12, 13)] == [10 * SECOND, 72 * SECOND, 73 * SECOND]


def test_an_advance_that_the_server_did_not_survive() -> None:
    """Its journal ends in the middle; so does the advance."""
    told = book((10, "operator", EXACT), (1000, "stop", {"holders": []}))
    assert told.shown(11 * SECOND) == 1001 * SECOND
    again = book((10, "operator", EXACT), (1000, "operator", EXACT), (9000, "mark", {}))
    assert again.shown(11 * SECOND) == 4601 * SECOND


@pytest.mark.parametrize(
    "fields",
    [
        {"since": 10.0, "seconds": 0.0},
        {"since": 10.0, "seconds": -5.0},
        {"since": 10.0, "seconds": 63.0},
        {"since": "then", "seconds": 60.0},
        {"since": 10.0, "seconds": None},
        {"since": -100.0, "seconds": 1e300},
        {},
    ],
)
def test_what_is_no_advance_is_ignored(fields: dict[str, Any]) -> None:
    """A clock is not advanced by more than its time has moved."""
    assert book((72, "advanced", fields)).shown(100 * SECOND) == 100 * SECOND
    for text in ("far", "nan s", "1e999 s", "-5 s", ""):
        assert book((10, "operator", {**ASKED, "text": text}), (9000, "mark", {})).shown(100 * SECOND) == 100 * SECOND
