"""The time of a load: what virtual time passes over, and what real time does not wait for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fakenw.core.peer import Peer
from fakenw.wire.packet import WATCHDOG, packet_type
from harness.load.virtual_time import DirectServer
from harness.load.worker import Worker
from tests.harness.load.test_load import HOUR, MORNING, played
from tests.programs import harness


def test_rounds_of_the_watchdog_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients of a load answer each query at once: with these rounds and without them the journal is the same."""
    behaviors = (("session", 2.0), ("reader", 1.0))
    spec = replace(MORNING, clients=20, licenses=15, leak=0.2, behaviors=behaviors, transport="udp")
    queries: list[Peer] = []
    send = DirectServer.send

    def seen(server: DirectServer, peer: Peer, data: bytes) -> None:
        if packet_type(data) == WATCHDOG:
            queries.append(peer)
        send(server, peer, data)

    monkeypatch.setattr(DirectServer, "send", seen)
    passed, records = played(spec)
    assert not queries
    monkeypatch.setattr(DirectServer, "_answering", lambda *_: None)
    each, others = played(spec)
    assert len(queries) > 1000
    assert [record.line() for record in records] == [record.line() for record in others]
    assert passed.statistics == each.statistics


# Over real sockets


def test_the_time_of_clients_begins_with_the_first_logon() -> None:
    """In every process that of all clients, whichever are its own."""
    spec = replace(MORNING, clients=3)
    first = min(at for ((at, *_),) in spec.logons())
    assert first == spec.first_logon() > 7 * HOUR
    worker = Worker(spec, ("127.0.0.1", 524), [])
    assert 0 <= worker.now() - first < HOUR
    worker.loop.close()


@pytest.mark.process
def test_a_load_over_sockets_begins_with_its_first_client(tmp_path: Path) -> None:
    """The ten hours before it are not waited for, which the output and the results say; both sides agree."""
    profile, results = tmp_path / "night", tmp_path / "results.json"
    profile.write_text("10h-10h1s 1\n")
    words = ("--clients", 10, "--licenses", 8, "--profile", profile, "--duration", "12h", "--leak", "20%")
    done = harness("load", *words, "--json", results, "--report", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    said = "skipped      10:00:00 of the profile, before the first client; times count from there"
    assert said in done.stdout
    assert said in (tmp_path / "report" / "report.html").read_text()
    (result,) = json.loads(results.read_text())
    assert 36_000 < result["skipped"] < 36_001
    assert (result["refused_clients"], result["peak"], result["doubts"]) == (result["refused_attempts"], 8, [])
    assert result["exhausted_at"] < 36_000
