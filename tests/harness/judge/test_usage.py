"""Until when a connection was needed: the client's word, its exit, a mark, idleness."""

from __future__ import annotations

import pytest

from fakenw.journal.record import SECOND
from harness.judge.usage import LastUse, Usage
from harness.judge.verdict import judge
from tests.harness.handmade_journals import (
    Book,
    ClientBook,
    RunnerBook,
    ServerBook,
    held_once,
    put_together,
    scripted,
)


@pytest.mark.parametrize(
    ("until", "end", "expected"), [(400, 450, "released"), (None, 1000, "unknown"), (None, 1300, "leaked")]
)
def test_a_use_that_was_never_closed_lasts_until_the_script_is_done(
    until: float | None, end: float, expected: str
) -> None:
    """The close of one user does not end the use of another."""
    client = scripted(needed=10)
    client.double("nal-open")
    assert judge(put_together(held_once(until=until, end=end), client)).verdict == expected


@pytest.mark.parametrize(("exited", "expected"), [(600, "leaked"), (800, "unknown"), (None, "unknown")])
def test_a_client_that_never_got_done_needed_it_until_it_exited(exited: float | None, expected: str) -> None:
    """A process that was killed in the middle of its work; without even that nothing is known."""
    client, runner = scripted(needed=10), RunnerBook()
    client.drop("nal-close")
    client.drop("done")
    runner.write(0, "spawn", client="workstation")
    if exited is not None:
        runner.write(exited, "exit", client="workstation", code=-9)
    verdict = judge(put_together(held_once(until=None), client, runner))
    assert verdict.verdict == expected
    if exited is None:
        assert "its last use is not known" in verdict.reason
    if expected == "leaked":
        assert "its client exited at 0:10:00 without logging out" in verdict.reason


def test_a_use_that_begins_again_counts() -> None:
    """Closed, opened again, closed again: the last close is the end."""
    client = scripted(needed=10)
    client.drop("done")
    client.say(500, "apm-open", file="F")
    client.say(600, "apm-close", file="F")
    assert judge(put_together(held_once(until=601), client)).verdict == "released"


def test_a_close_ends_the_use_of_its_own_component() -> None:
    """APM closes a file that it had not opened; NAL goes on until the script is done."""
    client = scripted(needed=10)
    client.drop("nal-close")
    client.drop("done")
    client.say(10, "apm-close", file="F")
    client.write(950, "done")
    assert judge(put_together(held_once(until=951), client)).verdict == "released"


def test_times_are_compared_on_the_servers_clock() -> None:
    """A client that was started an hour later, at the same speed, closes an hour later."""
    client = ClientBook(utc="2000-08-10T10:30:15.000000+00:00")
    server = held_once(until=3900, end=4000)
    client.attach(0)
    client.say(0, "nal-open", path="P")
    client.say(10, "nal-close", path="P")
    assert judge(put_together(server, client)).verdict == "released"


@pytest.mark.parametrize(
    ("exits", "until", "expected"),
    [
        ({"a": 10, "b": 20}, 320, "released"),
        ({"a": 10, "b": 20}, 321, "leaked"),
        ({"a": 10, "b": 20}, None, "leaked"),
        ({"a": 10, "b": None}, None, "unknown"),
        ({"a": 1}, 302, "released"),
        ({}, None, "unknown"),
        ({}, 900, "released"),
    ],
)
def test_users_own_clients_are_judged_by_the_exit_of_the_last(
    exits: dict[str, float | None], until: float | None, expected: str
) -> None:
    """No journal says which connection is whose; scripted clients beside them do not count."""
    runner = RunnerBook()
    runner.write(0, "spawn", client="workstation")
    for name, t in exits.items():
        runner.write(0, "spawn", client=name, command=["./client"])
        if t is not None:
            runner.write(t, "exit", client=name, code=0)
    runner.write(990, "exit", client="FAKENW", code=0)
    other = ClientBook()
    run = put_together(held_once(until=until), other, runner)
    assert judge(run).verdict == expected


@pytest.mark.parametrize(("mark", "expected"), [(1.5, "unknown"), (10, "leaked"), (800, "unknown")])
def test_a_mark_says_that_a_users_own_client_is_done(mark: float, expected: str) -> None:
    """One that was made before the license was granted is about something else."""
    runner = RunnerBook()
    runner.write(0, "spawn", client="mine", command=["./client"])
    runner.write(mark, "mark")
    verdict = judge(put_together(held_once(until=None), runner))
    assert verdict.verdict == expected
    if expected == "leaked":
        assert "it was marked as no longer needed at 0:00:10" in verdict.reason


def test_of_several_marks_the_first_counts() -> None:
    """The server's own marks, without a runner: fakenw mark, or a test."""
    book = held_once(until=None)
    book.lines[-1:] = []
    for t in (10, 900):
        book.line(t, "mark", text="done")
    book.stop(1000)
    verdict = judge(put_together(book))
    assert (verdict.verdict, [held.held_for for held in verdict.leaked]) == ("leaked", [998.0])
    assert "it was marked as no longer needed at 0:00:10" in verdict.reason


def idle_server(*, busy: bool = False, until: float | None = None) -> ServerBook:
    """A connection that asks nothing after 10 s; the server's threshold is 60 s."""
    book = ServerBook(idle_after=60)
    book.create(1, 1)
    book.login(10, 1)
    book.line(70, "idle", 1, since=10, files=0)
    if busy:
        book.line(900, "busy", 1)
    if until:
        book.leave(until, 1)
    book.stop(1000)
    return book


def test_an_idle_connection_is_no_longer_needed() -> None:
    """A server's journal alone, with the server's own threshold; a request means that it was needed."""
    verdict = judge(put_together(idle_server()))
    assert verdict.verdict == "leaked"
    assert "its client has not released it" in verdict.reason
    assert judge(put_together(idle_server(busy=True))).verdict == "unknown"
    assert judge(put_together(idle_server(busy=True, until=950))).verdict == "released"


def test_logging_out_after_a_long_idle_time_is_late() -> None:
    """The request that lets the license go is no use of it."""
    verdict = judge(put_together(idle_server(busy=True, until=900)))
    assert verdict.verdict == "leaked"
    assert "released it (logout) at 0:15:00, 0:13:50 after it was no longer needed" in verdict.reason


@pytest.mark.parametrize(
    ("idle_after", "expected"), [(None, "unknown"), (60, "leaked"), (600, "leaked"), (900, "unknown")]
)
def test_idle_counts_as_the_run_says(idle_after: float | None, expected: str) -> None:
    """With a runner's journal its idle_after decides, from the last request on."""
    run = put_together(idle_server(), RunnerBook(idle_after=idle_after))
    assert judge(run).verdict == expected


def test_what_comes_first_ends_the_need() -> None:
    """A mark before the exit."""
    runner = RunnerBook()
    runner.write(0, "spawn", client="mine", command=["./client"])
    runner.write(10, "mark")
    runner.write(500, "exit", client="mine", code=0)
    assert judge(put_together(held_once(until=500), runner)).verdict == "leaked"


# To the microsecond


def last_use(*books: Book) -> LastUse:
    """Of the only connection, which held one license."""
    run = put_together(*books)
    (history,) = run.histories
    return Usage(run).of(history, history.holdings[0])


def measured(bound: float) -> RunnerBook:
    """A runner that knows the server's clock to *bound* seconds."""
    runner = RunnerBook()
    runner.write(0, "clock", server="FAKENW", theirs=0, bound=bound)
    return runner


@pytest.mark.parametrize(
    ("exited", "bound", "at", "doubt"),
    [
        (100, 2, 100, 2),
        (3, 2, 3, 2),
        (1, 2, 2, 1),  # granted at 2 s: the exit may have been until 3 s
        (0, 2, 2, 0),
        (0, 1, 2, 0),
    ],
)
def test_an_exit_in_doubt_is_not_before_the_grant(exited: int, bound: int, at: int, doubt: int) -> None:
    """The grant is a time of the server's own, so the doubt is about what comes after it."""
    runner = measured(bound)
    runner.write(exited, "exit", client="mine", code=0)
    assert last_use(held_once(until=None), runner) == LastUse(round(at * SECOND), "exit", round(doubt * SECOND))


def test_the_last_exit_of_a_client_that_was_started_again() -> None:
    """Two lives of one program: the connection may belong to the second."""
    runner = RunnerBook()
    for t in (10, 500):
        runner.write(t, "exit", client="mine", code=0)
    assert last_use(held_once(until=None), runner) == LastUse(500 * SECOND, "exit")


@pytest.mark.parametrize(
    ("exits", "bound", "at"),
    [
        ([1, 900], 0, 1),
        ([0.5, 900], 0, 900),
        ([0.5, 900], 1, 0.5),
        ([0.5, 900], 0.5, 0.5),
        ([0.5, 900], 0.25, 900),
        ([0.5], 0.25, None),
    ],
)
def test_an_exit_before_the_connection_was_created_was_of_an_earlier_life(
    exits: list[float], bound: float, at: float | None
) -> None:
    """The connection is from 1 s, and the clocks may be wrong by the bound."""
    client, runner = scripted(needed=10), measured(bound)
    client.drop("nal-close")
    client.drop("done")
    for t in exits:
        runner.write(t, "exit", client="workstation", code=0)
    expected = LastUse(None, "nothing") if at is None else LastUse(round(at * SECOND), "exit", round(bound * SECOND))
    assert last_use(held_once(until=None), client, runner) == expected


def test_a_close_that_was_never_opened_ends_nothing() -> None:
    """Not the use of another component either, and what comes after it is counted as before."""
    client = scripted(needed=10)
    client.say(2.2, "apm-close", file="F")
    client.lines.insert(client.where("nal-open"), client.lines.pop())
    assert last_use(held_once(until=None), client) == LastUse(10 * SECOND, "close")


@pytest.mark.parametrize(
    ("of_server", "of_runner", "at"),
    [([10], [], 10), ([1.5], [], None), ([2], [], 2), ([10], [20], 10), ([20], [10], 10), ([], [1.5, 30], 30)],
)
def test_the_first_mark_after_the_grant(of_server: list[float], of_runner: list[float], at: float | None) -> None:
    """Made by the server's operator or by the runner; the license is from 2 s."""
    server, runner = ServerBook(), RunnerBook()
    server.create(1, 1)
    for t in [t for t in of_server if t < 2]:
        server.line(t, "mark")
    server.login(2, 1)
    for t in [t for t in of_server if t >= 2]:
        server.line(t, "mark")
    server.stop(1000)
    for t in of_runner:
        runner.write(t, "mark")
    expected = LastUse(None, "nothing") if at is None else LastUse(round(at * SECOND), "mark")
    assert last_use(server, runner) == expected


@pytest.mark.parametrize("until", [None, 70, 500])
def test_idle_until_the_end(until: float | None) -> None:
    """Idle since 10 s for 60 s, also where it ends in that moment."""
    assert last_use(idle_server(until=until)) == LastUse(70 * SECOND, "idle")


def test_a_connection_without_a_license_is_not_needed_from_the_exit_on() -> None:
    """Known for an attachment too, by the exit of the program."""
    server, runner = ServerBook(), RunnerBook()
    server.create(1, 1)
    server.stop(1000)
    runner.write(10, "exit", client="mine", code=0)
    run = put_together(server, runner)
    assert [Usage(run).at_all(history) for history in run.histories] == [10 * SECOND]


@pytest.mark.parametrize(
    ("asked", "expected", "why"),
    [
        (60, "leaked", "its client has not released it"),
        (600, "leaked", "its client has not released it"),
        (900, "unknown", "no longer needed since 0:15:10, but the journal ends"),
        (995, "unknown", "its last use is not known"),
    ],
)
def test_an_idle_time_that_is_asked_for(asked: int, expected: str, why: str) -> None:
    """It replaces the server's own; a connection that has not been idle for as long is still in use."""
    verdict = judge(put_together(idle_server()), idle_after=asked * SECOND)
    assert (verdict.verdict, why in verdict.reason) == (expected, True)


@pytest.mark.parametrize(("idle_after", "expected"), [(None, "unknown"), (60, "released")])
def test_a_capture_does_not_tell_until_when_a_license_was_needed(idle_after: int | None, expected: str) -> None:
    """Not even one that was given back is known to have come back in time, unless an idle time is asked for."""
    server = held_once(until=500)
    server.bend("start", source="capture", idle_after=600)
    verdict = judge(put_together(server), idle_after=None if idle_after is None else idle_after * SECOND)
    assert judge(put_together(held_once(until=500))).verdict == "released"
    if expected == "unknown":
        assert "a capture does not tell until when it was needed: expected --idle-after or a mark" in verdict.reason
    assert (verdict.verdict, verdict.problems) == (expected, [])
