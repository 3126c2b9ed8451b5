"""The queue of deadlines: in order, no more than so many at once, and asking changes nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fakenw.core.deadlines import AT_ONCE, SWEEP, Deadlines

entries = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 99)), max_size=30)


def filled(some: list[tuple[int, int]]) -> tuple[Deadlines, list[tuple[int, int, int]]]:
    """A queue with entries (time, subject), and what its handler was called with."""
    deadlines, called = Deadlines(), list[tuple[int, int, int]]()

    def handler(at: int, subject: Any, now: int) -> None:
        called.append((at, subject, now))

    for at, subject in some:
        deadlines.add(at, handler, subject)
    return deadlines, called


@given(some=entries, now=st.integers(0, 50))
def test_what_is_due_is_done_in_order(some: list[tuple[int, int]], now: int) -> None:
    """By time, and where that is the same by the order of addition; the rest stays."""
    deadlines, called = filled(some)
    assert deadlines.next() == deadlines.next() == min((at for at, _ in some), default=None)
    deadlines.expire(now)
    assert called == [(at, subject, now) for at, subject in sorted(some, key=lambda one: one[0]) if at <= now]
    assert deadlines.next() == min((at for at, _ in some if at > now), default=None)


@given(some=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30), now=st.integers(0, 5))
def test_an_order_goes_before_the_order_of_addition(some: list[tuple[int, int]], now: int) -> None:
    """At one time those without an order come first; ``besides`` is the time of the first of them."""
    deadlines, called = Deadlines(), list[tuple[int, int]]()
    for at, order in some:
        deadlines.add(at, lambda at, subject, now: called.append(subject), (at, order), order)
    deadlines.expire(now)
    assert called == sorted(one for one in some if one[0] <= now)
    assert deadlines.besides() == min((at for at, order in some if at > now and not order), default=None)


def test_no_more_than_so_many_at_once() -> None:
    """The rest is due at once, and comes with the next call."""
    deadlines, called = filled([(1, n) for n in range(AT_ONCE + 1)])
    deadlines.expire(5)
    assert (len(called), deadlines.next()) == (AT_ONCE, 1)
    deadlines.expire(5)
    assert (len(called), deadlines.next()) == (AT_ONCE + 1, None)


def test_a_cancelled_entry_is_not_called_and_swept_in_time() -> None:
    """Of a million that were cancelled no more than so many are kept; the others come in their order."""
    deadlines, called = filled([])

    def handler(at: int, subject: Any, now: int) -> None:
        called.append((at, subject, now))

    for n in range(10 * SWEEP):
        number = deadlines.add(5, handler, n)
        if n % SWEEP:
            deadlines.cancel(number)
        assert len(deadlines._heap) <= SWEEP + 12
    while deadlines.next() is not None:
        deadlines.expire(5)
    assert called == [(5, n, 5) for n in range(0, 10 * SWEEP, SWEEP)]


def test_a_check_comes_with_the_next_call() -> None:
    """Its time counts as a deadline until then, and asking for it does not carry it out."""
    deadlines, called = filled([(100, 1)])
    checked: list[str] = []
    deadlines.check_later(60, checked.append, "late")
    deadlines.check_later(40, checked.append, "early")
    assert (deadlines.next(), checked) == (40, [])
    deadlines.expire(10)
    assert (deadlines.next(), checked, called) == (100, ["late", "early"], [])


def test_only_one_handler() -> None:
    """The entries of others are dropped, and those to come are not taken, until all are again."""
    deadlines, called = filled([(3, 1)])
    kept: list[int] = []

    def handler(at: int, subject: int, now: int) -> None:
        kept.append(subject)

    deadlines.add(2, handler, 7)
    deadlines.check_later(1, kept.append, 8)
    deadlines.only(handler)
    deadlines.add(4, handler, 9)
    deadlines.add(1, lambda *_: kept.append(0), 0)
    deadlines.expire(10)
    assert (kept, called, deadlines.next()) == ([7, 9], [], None)
    deadlines.only()
    deadlines.add(11, lambda *_: kept.append(1), 0)
    deadlines.expire(11)
    assert kept == [7, 9, 1]


def test_an_entry_may_be_cancelled_after_it_was_dropped() -> None:
    """A connection ends while the server is down: the number of pending entries is right."""
    deadlines, kept = Deadlines(), list[Any]()

    def handler(at: int, subject: Any, now: int) -> None:
        kept.append(subject)

    dropped = [deadlines.add(2, lambda *_: kept.append(0), n) for n in range(3)]
    deadlines.add(2, handler, 7)
    deadlines.only(handler)
    refused = deadlines.add(3, lambda *_: kept.append(0), 3)
    for number in (*dropped, refused):
        deadlines.cancel(number)
    assert len(deadlines) == 1
    deadlines.expire(10)
    assert (kept, len(deadlines)) == ([7], 0)
