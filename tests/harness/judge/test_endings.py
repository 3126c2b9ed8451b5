"""How the programs of the user's own ended, and what that makes of a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.endings import endings, unexpected
from harness.judge.verdict import judge
from tests.harness.handmade_journals import RunnerBook, ServerBook, held_once, put_together, scripted


def runner(*clients: dict[str, Any], **run: Any) -> RunnerBook:
    return RunnerBook(clients=list(clients), **run)


@pytest.mark.parametrize(
    ("expected", "code", "verdict"),
    [
        ({}, 0, "released"),
        ({}, 7, "unknown"),
        ({"exit": 0}, 7, "unknown"),
        ({"exit": 7}, 7, "released"),
        ({"exit": 7}, 0, "unknown"),
        ({"exit": "any"}, 137, "released"),
    ],
)
def test_an_exit_code(expected: dict[str, Any], code: int, verdict: str) -> None:
    """Another one than expected makes a green verdict unknown; 0 is expected where nothing is said."""
    book = runner({"name": "mine", "count": 1, **expected})
    book.write(600, "exit", client="mine", code=code, output="line one | the last")
    run = put_together(held_once(until=500), book)
    judged = judge(run)
    assert judged.verdict == verdict
    if verdict == "unknown":
        wanted = expected.get("exit", 0)
        assert judged.reason == f"mine ended with exit code {code}, expected {wanted}: line one | the last"
        assert judged.reason == unexpected(run)
    else:
        assert unexpected(run) is None


def test_each_of_several_clients_has_the_expectation_of_its_name() -> None:
    book = runner({"name": "a", "count": 2, "exit": 1}, {"name": "b", "count": 1, "exit": "any"})
    book.write(600, "exit", client="a#1", code=1)
    book.write(600, "exit", client="a#2", code=0)
    book.write(600, "exit", client="b", code=3)
    run = put_together(held_once(until=500), book)
    assert unexpected(run) == "a#2 ended with exit code 0, expected 1"
    assert endings(run)[0] == "a#1 ended with exit code 1"
    assert endings(run)[2] == "b ended with exit code 3"


@pytest.mark.parametrize("code", [None, 137])
@pytest.mark.parametrize("until", [500, None], ids=["released", "held"])
def test_a_fault_is_no_mistake_of_the_program(until: float | None, code: int | None) -> None:
    """An exit with a cause was the scenario's own doing; nor is a program that the runner ended judged by its code."""
    book = runner({"name": "mine", "count": 1, "exit": 0})
    book.write(600, "exit", client="mine", code=code, cause="process-killed")
    run = put_together(held_once(until=until), book)
    assert (endings(run), unexpected(run)) == ([], None)
    assert judge(run).verdict == ("released" if until else "leaked")


@pytest.mark.parametrize(
    ("end", "cause", "verdict"), [(None, "", "leaked"), (500, "destroy", "interrupted"), (500, "lost", "unknown")]
)
def test_what_is_worse_is_said(end: float | None, cause: str, verdict: str) -> None:
    """A leak and an interruption are worse than a program that failed; a license that was taken back is not."""
    book = runner({"name": "mine", "count": 1, "exit": 0})
    book.write(500, "exit", client="mine", code=1)
    server = held_once(until=end, cause=cause, file=verdict == "interrupted")
    judged = judge(put_together(server, book))
    assert judged.verdict == verdict
    assert len(judged.reclaimed) == (cause == "lost")


@pytest.mark.parametrize(("errors", "more"), [(1, ""), (2, " (and 1 more)"), (3, " (and 2 more)")])
def test_a_behavior_that_raised_proves_nothing(errors: int, more: str) -> None:
    """The first error is the reason, with its place in the user's file, and the others are counted."""
    client = scripted(needed=5)
    for line in range(12, 12 + errors):
        client.write(6, "behavior-failed", text=f"KeyError: {line}", file="backup.py", line=line)
    judged = judge(put_together(held_once(until=10), client))
    first = "a behavior of workstation raised KeyError: 12 (backup.py:12)"
    assert (judged.verdict, judged.reason) == ("unknown", f"{first}{more}")
    judged = judge(put_together(held_once(until=None), client))
    assert (judged.verdict, len(judged.notes), judged.notes[0]) == ("leaked", errors, first)


@pytest.mark.parametrize(("code", "name"), [(137, " (SIGKILL)"), (143, " (SIGTERM)"), (128, ""), (255, ""), (-1, "")])
def test_a_signal_is_named(code: int, name: str) -> None:
    book = runner({"name": "mine", "count": 1, "exit": "any"})
    book.write(600, "exit", client="mine", code=code)
    assert endings(put_together(book)) == [f"mine ended with exit code {code}{name}"]


def test_processes_that_were_still_running() -> None:
    """At a deadline they are named behind the reason; a run that is judged by idle time may have them."""
    book = runner({"name": "mine", "count": 1, "exit": 0}, idle_after=60)
    book.write(900, "still-running", client="mine", pid=12, program="agentd\n", code=0)
    book.write(900, "still-running", client="other", output="waiting")
    run = put_together(held_once(until=500), book)
    first = r"mine was still running: process 12, agentd\x0a, after mine ended with exit code 0"
    assert endings(run) == [first, "other was still running: waiting"]
    assert judge(run).verdict == "released"
    book.write(901, "failed", reason="given up after 15 s")
    judged = judge(put_together(held_once(until=500), book))
    assert judged.verdict == "unknown"
    assert judged.reason == (
        f"the run could not be carried out: given up after 15 s; {first}; other was still running: waiting"
    )


def test_a_command_that_failed_and_left_others_running() -> None:
    """Its exit code is in their lines."""
    book = runner({"name": "mine", "count": 1, "exit": 0}, idle_after=60)
    book.write(900, "still-running", client="mine", pid=12, program="agentd", code=3)
    judged = judge(put_together(held_once(until=500), book))
    assert (judged.verdict, judged.reason) == ("unknown", "mine ended with exit code 3, expected 0")


@pytest.mark.parametrize("clients", [None, [{"name": 5}], [{"exit": []}]])
def test_settings_that_are_none(clients: Any) -> None:
    """A journal of another program may have anything there."""
    book = RunnerBook(clients=clients)
    book.write(600, "exit", client="mine", code=1)
    assert judge(put_together(ServerBook(), book)).verdict == "unknown"
