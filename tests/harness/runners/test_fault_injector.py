"""The faults of a run on real time: when each is injected, and what the runner's journal says of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.runners.backend import Backend, Failed, Host
from harness.runners.fault_injector import FaultInjector, RunningClient, ServerUnderTest
from harness.scenario.scenario import Scenario
from harness.scenario.schedule import ScheduledFault


class Injected:
    """A run sixty times as fast as real time with one client, on a backend that only tells what it is asked for."""

    def __init__(self, faults: list[Any]) -> None:
        data = {"format": 1, "id": "t", "title": "t", "source": "here", "servers": [{"name": "FAKENW"}]}
        clients = [{"name": "ws", "script": [{"wait": "1h"}]}]
        (plan,) = Scenario.read({**data, "clients": clients, "faults": faults}, "the test").plans(speed=60)
        self.told: list[str] = []
        self.client = RunningClient("ws", cast(Host, SimpleNamespace(name="ws", statuses=set())), {})
        self.holders: list[str] = []
        self.server = SimpleNamespace(tail=SimpleNamespace(holders=lambda: self.holders, watcher=None))
        backend = cast(Backend, SimpleNamespace(inject=self._inject, owns=lambda host, one: host.name in one))
        servers = cast(dict[str, ServerUnderTest], {"FAKENW": self.server})
        running = {"ws": self.client}
        self.faults = FaultInjector(plan, Path(), backend, running, servers, self._write, lambda server: None)

    def _write(self, event: str, **fields: Any) -> None:
        self.told.append(f"{event} {fields.get('what') or fields.get('cause')}")

    def _inject(self, fault: ScheduledFault, host: Host) -> None:
        self.told.append(f"inject {fault.verb} {host.name}")

    def by(self, elapsed: float) -> list[str]:
        self.faults.inject_due(elapsed)
        return self.told


def test_a_fault_happens_at_its_time() -> None:
    """Two minutes of the run are two seconds; it is written, and so is the exit that it causes, and then it happens."""
    run = Injected([{"wait": "2m"}, {"process-killed": "ws"}])
    assert (run.by(1.999), run.faults.pending) == ([], True)
    assert run.by(2.0) == ["fault process-killed", "exit process-killed", "inject process-killed ws"]
    assert (run.client.ended, run.faults.pending) == (True, False)


def test_each_fault_happens_once_and_in_its_turn() -> None:
    run = Injected([{"wait": "1m"}, {"freeze": "ws"}, {"wait": "1m"}, {"thaw": "ws"}])
    assert run.by(1.5) == ["fault freeze", "inject freeze ws"]
    assert run.client.finished  # until its thaw
    assert run.by(2.5)[2:] == ["fault thaw", "inject thaw ws"]
    assert not run.client.finished
    assert len(run.by(9)) == 4


def test_nothing_happens_to_a_client_that_has_ended() -> None:
    run = Injected([{"wait": "1m"}, {"freeze": "ws"}])
    run.client.ended = True
    with pytest.raises(Failed, match="freeze: ws has ended before"):
        run.by(2)


WHEN = {"when": {"client": "ws", "licensed": True}}


def test_a_fault_waits_for_a_license_and_its_time_counts_from_then() -> None:
    """Three seconds after the start the client has its license; a minute of the run later it is killed."""
    run = Injected([WHEN, {"wait": "1m"}, {"process-killed": "ws"}])
    assert (run.by(0), run.faults.pending) == ([], False)
    assert run.faults.unmet == "when: ws never came to hold a license, and the faults behind that did not happen"
    run.holders = ["tcp:another:1"]
    assert (run.by(2), run.faults.pending) == ([], False)
    run.holders = ["tcp:ws:1"]
    assert (run.by(3), run.faults.pending, run.faults.unmet) == ([], True, "")
    assert run.by(3.999) == []
    assert run.by(4)[0] == "fault process-killed"


def test_a_license_of_a_moment_was_a_license() -> None:
    """The journal is read twenty times a second, and each of its lines is looked at."""
    run = Injected([WHEN, {"cut": "ws"}])
    run.by(0)
    run.holders = ["tcp:ws:1"]
    run.server.tail.watcher()
    run.holders = []
    run.server.tail.watcher()
    assert run.faults.pending
    assert run.by(0.02) == ["fault cut", "inject cut ws"]
