"""Journals of several machines: whose clock is known how well, and what the judge makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.journal.record import SECOND
from harness.judge.history import RunHistory
from harness.judge.usage import Usage
from harness.judge.verdict import Verdict, judge
from tests.harness.handmade_journals import UTC, Book, ClientBook, RunnerBook, ServerBook, held_once, put_together

LATER = "2000-08-10T09:32:15.000000+00:00"  # two minutes after UTC
EARLIER = "2000-08-10T09:28:15.000000+00:00"


def client(needed: float, utc: str = UTC, **start: Any) -> ClientBook:
    """A client that needs its connection from 2.5 s until some time."""
    book = ClientBook(utc=utc)
    book.bend("start", **start)
    book.attach(2.1)
    book.say(2.5, "nal-open", path="P", owner="O")
    book.say(needed, "nal-close", path="P", owner="O")
    book.write(needed, "done")
    return book


def runner(*measured: tuple[str, str, float, float], at: float = 1, **run: Any) -> RunnerBook:
    """A runner that measured clocks: the kind and name of each, what it showed at *at*, and the bound."""
    book = RunnerBook(within=300, **run)
    for kind, name, theirs, bound in measured:
        book.write(at, "clock", **{kind: name}, theirs=theirs, bound=bound)
    return book


SERVER = ("server", "FAKENW", 1.0, 0.001)
CLIENT = ("client", "workstation", 1.0, 0.001)


def judged(*books: Book) -> Verdict:
    """The verdict on these journals."""
    return judge(put_together(*books))


# Two minutes of skew


@pytest.mark.parametrize("utc", [UTC, LATER, EARLIER])
@pytest.mark.parametrize(("until", "expected"), [(400, "leaked"), (299, "released")])
def test_a_client_that_is_late_is_late_whatever_its_wall_clock_shows(utc: str, until: float, expected: str) -> None:
    """It needed the license until 10 s; 90 s late is late, and 11 s early is early, with two minutes of skew."""
    assert judged(held_once(until=until), client(10, utc), runner(SERVER, CLIENT)).verdict == expected


@pytest.mark.parametrize("measured", [[], [SERVER], [CLIENT]])
def test_without_a_measurement_the_wall_clocks_are_all_there_is(measured: list[Any]) -> None:
    """Of one of the two, none is worth anything."""
    books = held_once(until=400), client(10, LATER)
    assert judged(*books).verdict == "released"
    assert judged(*books, runner(*measured)).verdict == "released"
    assert judged(held_once(until=400), client(10), runner(*measured)).verdict == "leaked"


@pytest.mark.parametrize("utc", [UTC, LATER, EARLIER])
def test_the_runners_own_times_are_mapped_too(utc: str) -> None:
    """The exit of a client, 10 s after the run began; the server runs on another machine, and began 50 s before."""
    server = held_once(until=None, end=450)
    server.bend("start", utc=utc)
    book = runner(("server", "FAKENW", 51.0, 0.0))
    book.write(0, "spawn", client="mine", command=["./client"])
    book.write(10, "exit", client="mine", code=0)
    run = put_together(server, book)
    (history,) = run.histories
    assert Usage(run).of(history, history.holdings[0]).at == 60 * SECOND
    assert judge(run).verdict == "leaked"


@pytest.mark.parametrize("speed", [1, 60])
def test_a_clock_that_runs_fast_is_measured_in_its_own_time(speed: float) -> None:
    """All of a run have one speed, and a bound is in seconds of the runner's clock."""
    server, book = held_once(until=400), runner(("server", "FAKENW", 30.0, 0.5), ("client", "workstation", 20.0, 0.25))
    for one in (server, book):
        one.bend(one.lines[0].event, speed=speed)
    run = put_together(server, client(100, LATER, speed=speed), book)
    (history,) = run.histories
    need = Usage(run).of(history, history.holdings[0])
    assert (need.at, need.bound) == (110 * SECOND, 750_000)


# Which clock it was


def test_a_machine_that_starts_again_is_measured_again() -> None:
    """Each incarnation has a clock, which begins at 0; of several measurements the closest counts."""
    one, two = client(10, LATER), client(20, EARLIER, incarnation=2)
    book = runner(CLIENT, SERVER)
    for theirs, bound in ((900.0, 0.5), (1.0, 0.002), (800.0, 0.1)):
        book.write(501, "clock", client="workstation", incarnation=2, theirs=theirs, bound=bound)
    run = put_together(held_once(until=None), two, one, book)
    times = {part.clock.utc: part.clock.to(run.servers[0].clock, 0) for part in run.clients}
    assert sorted(times.values()) == [0, 500 * SECOND]
    assert times[run.clients[0].clock.utc] == 500 * SECOND


def test_a_server_that_starts_again_is_measured_again() -> None:
    """In the order of its starts."""
    server = held_once(until=None)
    server.begin(utc=LATER)
    book = runner(SERVER, CLIENT)
    book.write(600, "clock", server="FAKENW", incarnation=2, theirs=2.0, bound=0.001)
    run = put_together(server, client(10), book)
    assert [run.clients[0].clock.to(part.clock, 700 * SECOND) for part in run.servers] == [700 * SECOND, 102 * SECOND]


def test_reused_numbers_go_by_the_measured_time() -> None:
    """A create's reply was lost: the time decides which connection was meant, and skew must not."""
    server, book = ServerBook(), ClientBook(utc=EARLIER)
    for serial, t in ((1, 10), (2, 20), (3, 30)):
        server.create(t, serial)
        server.close(t + 5, serial, "reinitialize")
    book.attach(20.1)
    book.attach(30.1)
    run = put_together(server, book, runner(SERVER, CLIENT))
    assert [len(history.lines) for history in run.histories] == [0, 1, 1]


@pytest.mark.parametrize(
    "line",
    [
        {"client": "workstation", "theirs": "soon", "bound": 0.1},
        {"client": "workstation", "theirs": 900.0, "bound": -0.1},
        {"client": "workstation", "theirs": 900.0, "bound": None},
        {"client": ["workstation"], "theirs": 900.0, "bound": 0.0},
        {"client": "workstation", "incarnation": [1], "theirs": 900.0, "bound": 0.0},
        {"client": "workstation", "reason": "it did not answer"},
        {"client": "nobody", "theirs": 900.0, "bound": 0.0},
        {},
    ],
)
def test_a_line_that_measures_nothing_is_ignored(line: dict[str, Any]) -> None:
    """It changes neither verdict nor clock."""
    book = runner(SERVER)
    book.write(2, "clock", **line)
    run = put_together(held_once(until=400), client(10), book)
    assert run.clients[0].clock.origin is None
    assert judge(run).verdict == "leaked"


# What is too close to call


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (309.5, "released"),
        (309.7, "unknown"),
        (310, "unknown"),
        (310.3, "unknown"),
        (310.5, "leaked"),
        (None, "leaked"),
    ],
)
def test_within_the_bound_of_the_limit_it_cannot_be_told(until: float | None, expected: str) -> None:
    """Neither released nor leaked; the sentence says why."""
    clocks = runner(("server", "FAKENW", 1.0, 0.1), ("client", "workstation", 1.0, 0.3))
    verdict = judged(held_once(until=until), client(10), clocks)
    assert verdict.verdict == expected
    if expected == "unknown":
        assert "its client's clock is known to 0.4 s only" in verdict.reason
    else:
        assert "clock" not in verdict.reason


def test_what_the_server_took_back_near_the_limit_cannot_be_told() -> None:
    """Reclaimed or leaked is the question then."""
    clocks = runner(("server", "FAKENW", 1.0, 0.1), ("client", "workstation", 1.0, 0.3))
    for until, expected in ((309.5, "reclaimed"), (310.1, "unknown"), (310.5, "leaked")):
        assert judged(held_once(until=until, cause="watchdog"), client(10), clocks).verdict == expected


def test_a_journal_that_ends_near_the_limit() -> None:
    """It was held to the end, and the limit may have passed or not."""
    clocks = runner(("server", "FAKENW", 1.0, 0.1), ("client", "workstation", 1.0, 0.3))
    verdicts = [judged(held_once(until=None, end=end), client(10), clocks) for end in (309, 309.8, 310.2, 311)]
    assert [verdict.verdict for verdict in verdicts] == ["unknown", "unknown", "unknown", "leaked"]
    assert ["known to 0.4 s only" in verdict.reason for verdict in verdicts] == [False, True, True, False]


def test_the_runners_times_are_as_good_as_the_servers_clock() -> None:
    """The bound of an exit is that of the server alone, and the sentence names the server."""
    book = runner(("server", "FAKENW", 1.0, 0.2), ("client", "workstation", 1.0, 9.0))
    book.write(0, "spawn", client="mine", command=["./client"])
    book.write(10, "exit", client="mine", code=0)
    verdict = judged(held_once(until=310.1), book)
    assert verdict.verdict == "unknown"
    assert "the server's clock is known to 0.2 s only" in verdict.reason


def test_a_grant_after_the_last_use_needs_no_other_clock() -> None:
    """From then on it is the server's own time that counts."""
    book = runner(("server", "FAKENW", 1.0, 0.2), ("client", "workstation", 1.0, 0.2))
    late = ClientBook()
    late.attach(2.1)
    late.say(0, "nal-open", path="P", owner="O")
    late.say(1, "nal-close", path="P", owner="O")
    late.write(900, "done")
    assert judged(held_once(until=302), late, book).verdict == "released"
    assert judged(held_once(until=302.1), late, book).verdict == "leaked"


@pytest.mark.parametrize(("refused", "failing"), [(310.2, 0), (310.5, 1)])
def test_a_check_names_only_what_is_sure(refused: float, failing: int) -> None:
    """A client was refused while another one's license was overdue, or perhaps not yet."""
    server = ServerBook()
    server.create(1, 1)
    server.login(2, 1)
    server.line(refused, "deny", what="license", code=0xF9)
    server.stop(400)
    clocks = runner(("server", "FAKENW", 1.0, 0.1), ("client", "workstation", 1.0, 0.3), checks=["nobody_refused"])
    assert len(judged(server, client(10), clocks).failed) == failing


# The server's clock was advanced


def advanced(until: float, *, exact: bool = True) -> ServerBook:
    """A license that was held from 2 s; the clock was advanced by an hour at 50 s, which took two seconds."""
    server = ServerBook()
    server.create(1, 1)
    server.login(2, 1)
    if until < 50:
        server.close(until, 1)
    server.line(50, "operator", action="clock-advance", by="admin", seconds=3600.0, text="3600 s")
    if exact:
        server.line(3652, "advanced", since=50.0, seconds=3600.0)
    if until > 50:
        server.close(until, 1)
    server.stop(9000)
    return server


@pytest.mark.parametrize("clocks", [[], [SERVER, CLIENT]])
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("needed", "until", "expected"),
    [(60, 3959, "released"), (60, 3965, "leaked"), (40, 3700, "leaked"), (40, 49, "released"), (200, 4000, "released")],
)
def test_after_an_advance_client_times_are_later(
    needed: float, until: float, expected: str, exact: bool, clocks: list[Any]
) -> None:
    """60 s on the client's clock are 1:01:00 on the server's."""
    assert judged(advanced(until, exact=exact), client(needed), runner(*clocks)).verdict == expected


def test_a_close_while_the_clock_is_advanced_may_be_anywhere_in_it() -> None:
    """The client closed at 51 s, in the middle of an hour that took two seconds."""
    verdict = judged(advanced(3700), client(51), runner(SERVER, CLIENT))
    assert verdict.verdict == "unknown"
    assert "its client's clock is known to 1801 s only" in verdict.reason
    assert judged(advanced(9000), client(51), runner(SERVER, CLIENT)).verdict == "leaked"


def test_a_clock_that_is_measured_after_an_advance_is_known_before_it() -> None:
    """What the server's clock shows then includes the advance."""
    clocks = runner(("server", "FAKENW", 3700.0, 0.001), ("client", "workstation", 100.0, 0.001), at=200)
    run: RunHistory = put_together(advanced(4000), client(60, LATER), clocks)
    mapped = [run.clients[0].clock.to(run.servers[0].clock, t * SECOND) for t in (10, 49, 60)]
    assert mapped == [10 * SECOND, 49 * SECOND, 3660 * SECOND]


def test_setting_the_wall_clock_moves_nothing() -> None:
    """An operator set it back by a year, and a fault by two hours: the server's ``t`` ran on."""
    server, book = ServerBook(), runner()
    server.create(1, 1)
    server.login(2, 1)
    server.line(3, "operator", action="set-time", utc="1999-08-10T09:30:15", by="SUPERVISOR")
    server.close(309, 1)
    book.write(5, "fault", what="clock-jump", server="FAKENW", by=-7200.0)
    assert judged(server, client(10), book).verdict == "released"
    assert judged(server, client(8), book).verdict == "leaked"
