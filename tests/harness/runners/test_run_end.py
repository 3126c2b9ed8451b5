"""When a run on real time is over: a held license, a connection that remains, a license that is taken again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from fakenw.journal.record import SECOND, Record
from harness.runners.journal_tail import JournalTail
from harness.runners.run_end import RunEnd
from harness.scenario.scenario import Scenario
from tests.harness.handmade_journals import ServerBook

PROGRAM = {"name": "mine", "command": ["./client"]}
SCRIPT = {"name": "ours", "script": [{"wait": "1s"}]}


class Watched:
    """A run with ``within`` 10 s at double speed, which is 5 s of real time, and its server."""

    def __init__(self, client: Mapping[str, object], *, followed: bool = True) -> None:
        data = {"format": 1, "id": "mine", "title": "mine", "source": "here", "servers": [{"name": "FAKENW"}]}
        checks = [{"released": {"within": "10s"}}]
        (plan,) = Scenario.read({**data, "clients": [client], "checks": checks}, "the test").plans(speed=2)
        self.within = plan.patient_within / SECOND / plan.speed
        assert 5 < self.within < 6
        self.server, self._tail = ServerBook(), JournalTail(Path("no-such-journal"))
        self._told = 0
        self._end = RunEnd(plan, [self._tail], followed, 0.0)

    def is_over(self, now: float, *, finished: bool = True, faults_pending: bool = False) -> bool:
        for record in self.server.lines[self._told :]:
            assert isinstance(record, Record)
            self._tail.fold.saw(record)
        self._told = len(self.server.lines)
        return self._end.is_reached(now, finished=finished, faults_pending=faults_pending)

    def license(self, serial: int) -> None:
        self.server.create(0, serial, connection=serial)
        self.server.login(0, serial)


def test_nothing_remains() -> None:
    """The license was released and the connection closed: over when the client has ended, and not before."""
    run = Watched(PROGRAM)
    run.license(1)
    run.server.leave(0, 1)
    assert not run.is_over(1, finished=False)
    assert not run.is_over(2, faults_pending=True)
    assert run.is_over(3)


def test_a_client_that_was_never_licensed_is_not_watched() -> None:
    run = Watched(PROGRAM)
    run.server.create(0, 1)
    assert run.is_over(1)


def test_a_held_license_is_waited_for() -> None:
    run = Watched(PROGRAM)
    run.license(1)
    assert not run.is_over(100)
    assert not run.is_over(100 + run.within - 0.1)
    assert run.is_over(100 + run.within + 0.1)


@pytest.mark.parametrize("followed", [True, False])
def test_as_long_as_a_license_could_be_taken_again(followed: bool) -> None:
    """While a connection remains, or where no process could be followed, until nothing has moved for the time."""
    run = Watched(PROGRAM, followed=followed)
    run.license(1)
    assert not run.is_over(99, finished=False)
    if followed:
        run.server.logout(0, 1)
    else:
        run.server.leave(0, 1)
    assert not run.is_over(100)
    run.license(2)
    assert not run.is_over(103)
    run.server.leave(0, 2)
    assert not run.is_over(104)
    assert not run.is_over(104 + run.within - 0.1)
    assert run.is_over(104 + run.within + 0.1)


def test_another_client_does_not_keep_it_for_ever() -> None:
    run = Watched(PROGRAM)
    times = iter(range(100, 1000))
    for serial in range(1, 100):
        run.license(serial)
        if run.is_over(now := next(times)):
            break
        run.server.leave(0, serial)
    assert now - 100 == pytest.approx(2 * run.within, abs=1.1)


def test_a_connection_that_closes_ends_the_watch() -> None:
    run = Watched(PROGRAM)
    run.license(1)
    run.server.logout(0, 1)
    assert not run.is_over(100)
    run.server.close(0, 1, "lost")
    assert run.is_over(100.1)


def test_scripted_clients_stay_connected() -> None:
    """They do nothing more, so that a connection of theirs takes no license."""
    run = Watched(SCRIPT)
    run.license(1)
    assert not run.is_over(100)
    run.server.logout(0, 1)
    assert run.is_over(101)


def test_a_license_of_a_scripted_client_is_waited_for() -> None:
    """From the end of the clients on, as long as it may take to come back."""
    run = Watched({"name": "ws", "script": [{"wait": "1s"}]})
    run.license(1)
    assert not run.is_over(1)
    assert not run.is_over(run.within)
    assert run.is_over(1.1 + run.within)
