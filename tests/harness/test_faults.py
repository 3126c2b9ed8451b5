"""Faults on memory, where times are exact: what the server sees, when, and what is said about it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from fakenw.config import ticks
from fakenw.records import SECOND, Journal, Record
from harness.checks import Verdict, judge
from harness.faults import Cable, timeline
from harness.history import Run
from harness.report import Result, story
from harness.runners import memory
from harness.scenario import Scenario, ScenarioError

MINUTE = 60 * SECOND
WORK: list[Any] = [
    {"nal.open": {"path": "NWBIND:\\\\FAKENW\\SYS\\CAP_GS1\\", "owner": "SMSCCMBootAcct"}},
    {"apm.open": {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"}},
    {"wait": "1h"},
    "apm.close",
    "nal.close",
]


def played(
    faults: list[Any], transport: str, script: list[Any] | None = None, **more: Any
) -> tuple[Run, Verdict, dict[str, Journal]]:
    """One client at work for an hour, and what comes over it."""
    data = {
        **{"format": 1, "id": "test", "title": "test", "source": "here", "servers": [{"name": "FAKENW"}]},
        **{"clients": [{"name": "ws", "script": script or WORK}], "faults": faults, **more},
    }
    (plan,) = Scenario.read(data, "the test").plans(transport)
    journals = memory.run(plan)
    run = Run.of(journals)
    return run, judge(run), {journal.name: journal for journal in journals}


def events(journal: Journal, event: str) -> list[Record]:
    return [record for record in journal.records if record.event == event]


def test_power_off_is_heard_by_nobody() -> None:
    """Over UDP the watchdog takes the license back 16,200 ticks after the last packet, and not a moment before."""
    run, verdict, journals = played(
        [{"wait": "2m"}, {"power-off": "ws"}], "udp", checks=[{"released": {"within": "30m"}}]
    )
    (life,) = run.lives
    assert (verdict.verdict, life.cause) == ("reclaimed", "watchdog")
    assert life.ended == life.last_request + ticks(5400 + 10 * 1080)
    (fault,) = events(journals["runner.jsonl"], "fault")
    assert (fault.t, fault["what"], fault["client"]) == (2 * MINUTE, "power-off", "ws")
    (gone,) = events(journals["runner.jsonl"], "exit")
    assert (gone["code"], gone["cause"]) == (None, "power-off")
    assert "the machine lost power" in "\n".join(story(Result(run, verdict)))


def test_power_off_over_tcp_is_held_for_good() -> None:
    """Nothing ever ends the connection: the verdict says who holds it, and why."""
    run, verdict, _ = played([{"wait": "2m"}, {"power-off": "ws"}], "tcp", checks=[{"released": {"within": "30d"}}])
    (life,) = run.lives
    assert (verdict.verdict, life.ended) == ("leaked", None)
    assert verdict.leaked[0].reason == "its machine lost power at 0:02:00 without logging out"


def test_a_killed_process_closes_its_tcp_connection_at_once() -> None:
    """The kernel lives: that is what tells a killed process from a power cut."""
    run, verdict, _ = played([{"wait": "2m"}, {"process-killed": "ws"}], "tcp")
    (life,) = run.lives
    assert (verdict.verdict, life.cause) == ("reclaimed", "lost")
    assert life.ended is not None
    assert life.ended - 2 * MINUTE < SECOND


def test_a_frozen_machine_finds_what_has_been_waiting() -> None:
    """Its script goes on after the thaw, later by as much as it stood still beyond its waits."""
    _, verdict, journals = played([{"wait": "2m"}, {"freeze": "ws"}, {"wait": "2h"}, {"thaw": "ws"}], "tcp")
    assert verdict.verdict == "released"
    (done,) = events(journals["client-ws.jsonl"], "done")
    assert 122 * MINUTE <= done.t < 123 * MINUTE


def test_who_is_never_thawed_cannot_be_told() -> None:
    """A machine that stands still is not gone: nobody says when its license was no longer needed."""
    _, verdict, _ = played([{"wait": "2m"}, {"freeze": "ws"}], "tcp")
    assert verdict.verdict == "unknown"
    assert "nothing says when it was no longer needed" in verdict.reason


@pytest.mark.parametrize(("address", "cause"), [("same", "reinitialize"), ("new", "watchdog")])
def test_a_machine_that_starts_again_over_udp(address: str, cause: str) -> None:
    """From its old address it takes its own place; from a new one it is somebody else, and the old license lingers."""
    faults = [{"wait": "2m"}, {"restart": {"client": "ws", "address": address}}]
    run, verdict, journals = played(faults, "udp", checks=[{"released": {"within": "20m"}}])
    first, second = run.lives
    assert first.cause == cause
    assert "logout" in second.causes
    assert (first.station == second.station) is (address == "same")
    assert verdict.verdict == "reclaimed"
    assert verdict.peak == (1 if address == "same" else 2)
    again = journals["client-ws+2.jsonl"].records[0]
    assert (again.t, again.event, again["client"]) == (0, "start", "ws")
    spawned = [record.t for record in events(journals["runner.jsonl"], "spawn")]
    assert spawned == [0, 2 * MINUTE]


@pytest.mark.parametrize(("address", "expected"), [("same", "reclaimed"), ("new", "leaked")])
def test_a_machine_that_starts_again_over_tcp(address: str, expected: str) -> None:
    """The same four numbers again make the server reset the old connection; others leave it half open for ever."""
    faults = [{"wait": "2m"}, {"restart": {"client": "ws", "address": address}}]
    run, verdict, _ = played(faults, "tcp", checks=[{"released": {"within": "20m"}}])
    first, second = run.lives
    assert (verdict.verdict, first.cause) == (expected, "lost" if address == "same" else None)
    assert second.ended is not None


def test_a_restart_is_spelled_short() -> None:
    """``restart: ws`` is one at the same address."""
    run, _, _ = played([{"wait": "2m"}, {"restart": "ws"}], "udp")
    assert next(life.cause for life in run.lives) == "reinitialize"


def test_delay_and_loss_slow_a_client_down_and_change_no_verdict() -> None:
    """Requests are asked again, replies are waited for: the license comes back all the same."""
    _, _, quiet = played([], "udp")
    faults = [{"loss": {"client": "ws", "percent": 40}}, {"delay": {"client": "ws", "by": "300ms"}}]
    for transport in ("udp", "tcp"):
        _, verdict, slow = played([{"wait": "10m"}, *faults], transport)
        assert verdict.verdict == "released"
        server = slow["server-FAKENW.jsonl"].records
        assert server[-2].t > quiet["server-FAKENW.jsonl"].records[-2].t + 300_000


def test_the_same_seed_is_the_same_run_with_faults_too() -> None:
    """What gets lost is drawn from the seed."""
    faults = [{"loss": {"client": "ws", "percent": 50}}, {"wait": "61m"}, {"cut": "ws"}, {"heal": "ws"}]
    one, two = (played(faults, "udp")[2] for _ in range(2))
    assert one == two


def test_cut_streams_arrive_late_and_cut_datagrams_never() -> None:
    """What a stream sends meanwhile comes when the cable is back, in order."""
    cable, came = Cable(Random(0)), list[str]()
    cable.cut()
    cable.carry(lambda late: came.append("stream 1"), sent=True, stream=True)
    cable.carry(lambda late: came.append("datagram"), sent=True, stream=False)
    cable.carry(lambda late: came.append("stream 2"), sent=False, stream=True)
    assert came == []
    cable.heal()
    assert came == ["stream 1", "stream 2"]
    cable.carry(lambda late: came.append("again"), sent=True, stream=False)
    assert came[-1] == "again"


def test_delay_and_loss_are_about_what_is_sent() -> None:
    """As with tc on the machine's own interface."""
    cable, late = Cable(Random(0)), list[int]()
    cable.delay, cable.loss = 5, 1 - 1e-9
    cable.carry(late.append, sent=False, stream=False)
    cable.carry(late.append, sent=True, stream=False)
    assert late == [0]


def test_faults_of_one_of_many_and_of_all() -> None:
    """A name means every client of that name, ``#2`` the second of them; waits add up."""
    clients = [{"name": "ws", "count": 3, "script": ["nal.close"]}]
    faults = [{"wait": "1m"}, {"cut": "ws"}, {"wait": "30s"}, {"freeze": "ws#2"}]
    data = {"format": 1, "id": "a", "title": "a", "source": "a", "servers": [{"name": "A"}], "clients": clients}
    (plan,) = Scenario.read({**data, "faults": faults}, "the test").plans()
    told = [(fault.at // SECOND, fault.verb, fault.client) for fault in plan.disruptions()]
    assert told == [(60, "cut", "ws#1"), (60, "cut", "ws#2"), (60, "cut", "ws#3"), (90, "freeze", "ws#2")]
    assert timeline(()) == []


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"cut": "sw"}, "faults: cut: there is no client 'sw'; expected ws"),
        ({"cut": "a b"}, "'a b' is not the name of a client; expected NAME, or NAME#2 for the second of them"),
        ({"ctu": "ws"}, "'ctu' is not a fault; expected one of freeze, thaw, process-killed, power-off, cut"),
        ({"loss": {"client": "ws", "percent": 100}}, "faults[0].loss.percent: "),
        ({"restart": {"client": "ws", "address": "old"}}, "expected one of same, new"),
        ({"delay": {"client": "ws"}}, "expected how much longer"),
    ],
)
def test_a_fault_that_makes_no_sense(fault: dict[str, Any], problem: str) -> None:
    """It is refused before anything is run: what it was, and what was expected."""
    data = {"format": 1, "id": "a", "title": "a", "source": "a", "servers": [{"name": "A"}], "faults": [fault]}
    with pytest.raises(ScenarioError) as caught:
        Scenario.read({**data, "clients": [{"name": "ws", "script": ["nal.close"]}]}, "the test")
    assert problem in str(caught.value)


def test_a_variant_has_faults_and_scripts_of_its_own(tmp_path: Path) -> None:
    """They replace the scenario's faults, and the scripts of the clients that they name."""
    clients = [{"name": "one", "script": ["nal.close"]}, {"name": "two", "script": ["nal.close"]}]
    data = {"format": 1, "id": "a", "title": "a", "source": "a", "servers": [{"name": "A"}], "clients": clients}
    variants = {"calm": {"faults": []}, "odd": {"scripts": {"two": ["apm.close"]}}}
    scenario = Scenario.read({**data, "faults": [{"cut": "one"}], "variants": variants}, "the test")
    calm, odd = scenario.plans()
    assert (calm.disruptions(), len(odd.disruptions())) == ([], 1)
    assert [client["script"][0]["verb"] for client in odd.scripted()] == ["nal.close", "apm.close"]
    variants = {"odd": {"scripts": {"three": ["apm.close"]}}}
    with pytest.raises(ScenarioError, match="odd: a script for 'three'; expected one of one, two"):
        Scenario.read({**data, "variants": variants}, "the test")


def test_who_is_refused_asks_again_until_there_is_room() -> None:
    """With *retry* every client gets its license in the end; without it, those who came late do without."""
    for retry, served in (("5m", 3), (None, 1)):
        path = WORK[0]["nal.open"] | ({"retry": retry} if retry else {})
        script = [{"nal.open": path}, {"wait": "10m"}, "nal.close"]
        clients = [{"name": "ws", "count": 3, "script": script}]
        servers = [{"name": "FAKENW", "policy": "attach", "licenses": 1}]
        run, verdict, _ = played([], "udp", clients=clients, servers=servers)
        machines = {life.station.split(":")[1] for life in run.lives if life.holdings}
        assert (verdict.verdict, len(machines), verdict.denied > 0) == ("released", served, True)
