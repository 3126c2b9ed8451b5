"""Faults on memory, where times are exact: what the server sees, when, and what is said about it."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakenw.core.settings import ticks
from fakenw.journal.record import SECOND
from harness.client.behavior_file import load
from harness.report.text import Result, story
from harness.runners import memory
from harness.runners.memory_network import utc
from harness.scenario import own_steps
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario, ScenarioError
from harness.scenario.schedule import Condition, ScheduledFault, timeline
from harness.scenario.steps import OWN
from tests.harness.memory_run import WORK, events, planned, played

MINUTE = 60 * SECOND
LICENSED: dict[str, Any] = {"when": {"client": "ws", "licensed": True}}
WITHOUT: dict[str, Any] = {"when": {"client": "ws", "licensed": False}}


def faults_of(plan: Plan) -> list[ScheduledFault]:
    """Without the conditions between them."""
    return [one for one in plan.scheduled_faults() if isinstance(one, ScheduledFault)]


def test_power_off_is_heard_by_nobody() -> None:
    """Over UDP the watchdog takes the license back 16,200 ticks after the last packet, and not a moment before."""
    run, verdict, journals = played(
        [{"wait": "2m"}, {"power-off": "ws"}], "udp", checks=[{"released": {"within": "30m"}}]
    )
    (history,) = run.histories
    assert (verdict.verdict, history.cause) == ("reclaimed", "watchdog")
    assert history.ended == history.last_request + ticks(5400 + 10 * 1080)
    faults = [(fault.t, fault["what"], fault["client"]) for fault in events(journals["runner.jsonl"], "fault")]
    assert faults == [(2 * MINUTE, "power-off", "ws")]
    (gone,) = events(journals["runner.jsonl"], "exit")
    assert (gone["code"], gone["cause"]) == (None, "power-off")
    assert "the machine lost power" in "\n".join(story(Result(run, verdict)))


def test_power_off_over_tcp_is_held_for_good() -> None:
    """Nothing ever ends the connection: the verdict says who holds it, and why."""
    run, verdict, _ = played([{"wait": "2m"}, {"power-off": "ws"}], "tcp", checks=[{"released": {"within": "30d"}}])
    (history,) = run.histories
    assert (verdict.verdict, history.ended) == ("leaked", None)
    assert verdict.leaked[0].reason == "its machine lost power at 0:02:00 without logging out"


def test_a_killed_process_closes_its_tcp_connection_at_once() -> None:
    """The kernel lives: that is what tells a killed process from a power cut."""
    run, verdict, _ = played([{"wait": "2m"}, {"process-killed": "ws"}], "tcp")
    (history,) = run.histories
    assert (verdict.verdict, history.cause) == ("reclaimed", "lost")
    assert history.ended is not None
    assert history.ended - 2 * MINUTE < SECOND


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
    assert "its last use is not known" in verdict.reason


@pytest.mark.parametrize(("address", "cause"), [("same", "reinitialize"), ("new", "watchdog")])
def test_a_machine_that_starts_again_over_udp(address: str, cause: str) -> None:
    """From its old address it takes its own place; from a new one it is somebody else, and the old license lingers."""
    faults = [{"wait": "2m"}, {"restart": {"client": "ws", "address": address}}]
    run, verdict, journals = played(faults, "udp", checks=[{"released": {"within": "20m"}}])
    first, second = run.histories
    assert first.cause == cause
    assert "logout" in [record["cause"] for record in second.server_lines("state")]
    assert (first.station == second.station) is (address == "same")
    assert verdict.verdict == "reclaimed"
    assert verdict.peak == (1 if address == "same" else 2)
    again = journals["client-ws+2.jsonl"].records[0]
    assert (again.t, again.event, again["client"], again["utc"]) == (0, "start", "ws", utc(2 * MINUTE))
    spawned = [record.t for record in events(journals["runner.jsonl"], "spawn")]
    assert spawned == [0, 2 * MINUTE]


@pytest.mark.parametrize(("address", "expected"), [("same", "reclaimed"), ("new", "leaked")])
def test_a_machine_that_starts_again_over_tcp(address: str, expected: str) -> None:
    """The same four numbers again make the server reset the old connection; others leave it half open for ever."""
    faults = [{"wait": "2m"}, {"restart": {"client": "ws", "address": address}}]
    run, verdict, _ = played(faults, "tcp", checks=[{"released": {"within": "20m"}}])
    first, second = run.histories
    assert (verdict.verdict, first.cause) == (expected, "lost" if address == "same" else None)
    assert second.ended is not None


def test_a_restart_is_spelled_short() -> None:
    """``restart: ws`` is one at the same address."""
    run, _, _ = played([{"wait": "2m"}, {"restart": "ws"}], "udp")
    assert next(history.cause for history in run.histories) == "reinitialize"


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
    faults += [{word: {"client": "ws", "percent": 50}} for word in ("duplicate", "reorder")]
    one, two = (played(faults, "udp")[2] for _ in range(2))
    assert one == two


def test_faults_of_one_of_many_and_of_all() -> None:
    """A name means every client of that name, ``#2`` the second of them; waits add up."""
    clients = [{"name": "ws", "count": 3, "script": ["nal.close"]}]
    faults = [{"wait": "1m"}, {"cut": "ws"}, {"wait": "30s"}, {"freeze": "ws#2"}]
    data = {"format": 1, "id": "a", "title": "a", "source": "a", "servers": [{"name": "A"}], "clients": clients}
    (plan,) = Scenario.read({**data, "faults": faults}, "the test").plans()
    told = [(fault.at // SECOND, fault.verb, fault.name) for fault in faults_of(plan)]
    assert told == [(60, "cut", "ws#1"), (60, "cut", "ws#2"), (60, "cut", "ws#3"), (90, "freeze", "ws#2")]
    assert timeline(()) == []


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"cut": "sw"}, "faults[0].cut: there is no client 'sw'; expected one of ws, twin"),
        ({"cut": "a b"}, "'a b' is not the name of a client; expected NAME, or NAME#2 for the second of them"),
        ({"ctu": "ws"}, "'ctu' is not a fault; expected one of freeze, thaw, process-killed, power-off, cut"),
        ({"loss": {"client": "ws", "percent": 100}}, "faults[0].loss.percent: "),
        ({"restart": {"client": "ws", "address": "old"}}, "expected one of same, new"),
        ({"delay": {"client": "ws"}}, "expected how much longer"),
        ({"freeze": "a b"}, "'a b' is not the name of a machine; expected NAME of a client or of a server"),
        ({"freeze": "sw"}, "faults[0].freeze: there is no client or server 'sw'; expected one of ws, twin, A, TWIN"),
        ({"cut": "twn"}, "faults[0].cut: there is no client 'twn'; expected one of ws, twin (did you mean twin?)"),
        ({"cut": "A"}, "faults[0].cut: there is no client 'A'; expected one of ws, twin"),
        ({"server-down": "ws"}, "faults[0].server-down: there is no server 'WS'; expected one of A, TWIN"),
        ({"freeze": "TWIN"}, "faults[0].freeze: 'TWIN' is a client and a server; expected names that differ"),
        ({"cut": "twin"}, "faults[0].cut: 'twin' is a client and a server; expected names that differ"),
        ({"server-up": "A"}, "faults[0].server-up: A is not down; expected server-down before"),
        ({"drop": {"client": "ws"}}, "faults[0].drop.packets: missing; expected how many packets"),
        ({"drop": {"client": "ws", "packets": 1, "way": "up"}}, "'up' is unknown; expected one of out, in, both"),
        ({"duplicate": {"client": "ws", "percent": 101}}, "faults[0].duplicate.percent: 101; expected 100"),
        ({"reorder": {"client": "ws"}}, "faults[0].reorder.percent: missing; expected a number from 0 to 100"),
        ({"clock-jump": {"server": "A", "by": "-0s"}}, "'-0s'; expected a time from -3650d to 3650d, but not 0"),
        ({"clock-jump": {"server": "A", "by": "-9d9"}}, "'9d9' is not a duration; expected text such as 500ms"),
        ({"clock-jump": "A"}, "clock-jump.by: missing; expected how much later, or with a minus how much earlier"),
        (
            {"when": {"client": "sw", "licensed": True}},
            "faults[0].when: there is no client 'sw'; expected one of ws, twin",
        ),
        ({"when": {"client": "ws"}}, "faults[0].when.licensed: missing; expected true: it holds a license of a server"),
        ({"when": {"client": "ws", "licensed": "yes"}}, "faults[0].when.licensed: 'yes'; expected true or false"),
        ({"spoof": {"client": "ws", "for": 0}}, "faults[0].spoof.for: no time at all; expected more than 0"),
        ({"spoof": {"client": "ws", "four": 1}}, "unknown key; expected one of for, client (did you mean for?)"),
    ],
)
def test_a_fault_that_makes_no_sense(fault: dict[str, Any], problem: str) -> None:
    """It is refused before anything is run: what it was, and what was expected."""
    clients = [{"name": name, "script": ["nal.close"]} for name in ("ws", "twin")]
    with pytest.raises(ScenarioError) as caught:
        planned([fault], clients=clients, servers=[{"name": "A"}, {"name": "TWIN"}])
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("faults", "problem"),
    [
        (["server-down", "server-down"], "server-down: FAKENW is down then; expected server-up before"),
        (["server-down", "freeze"], "freeze: FAKENW is down then; expected server-up before"),
        (["freeze", "server-down"], "server-down: FAKENW is frozen then; expected thaw before"),
        (["server-down", "server-up", "server-up"], "server-up: FAKENW is not down; expected server-down before"),
        (["freeze", "thaw", "server-down", "server-up", "freeze"], None),
    ],
)
def test_what_a_server_cannot_suffer_at_that_time(faults: list[str], problem: str | None) -> None:
    """A server that is down can only come up, one that stands still cannot go down; of a variant's faults, too."""
    told = [{fault: "fakenw"} for fault in faults]
    for more in ({"faults": told}, {"faults": [], "variants": {"odd": {"faults": told}}}):
        if problem is None:
            assert planned(**more)
            continue
        with pytest.raises(ScenarioError) as caught:
            planned(**more)
        assert problem in str(caught.value)


def test_a_fault_is_read_as_it_was_written() -> None:
    """What the runner's journal has of the faults is the same faults again."""
    faults = [
        {"freeze": "fakenw"},
        {"clock-jump": {"server": "FAKENW", "by": "-1h30m"}},
        {"clock-jump": {"server": "FAKENW", "by": -2}},
        {"spoof": "ws"},
        {"spoof": {"client": "ws", "for": "1h"}},
        {"drop": {"client": "ws", "packets": 2}},
    ]
    plan = planned(faults)
    assert (
        planned(json.loads(json.dumps(plan.opening("memory")))["faults"]).scheduled_faults() == plan.scheduled_faults()
    )
    told = [fault.record_fields() for fault in faults_of(plan)]
    assert told == [
        {"what": "freeze", "server": "FAKENW"},
        {"what": "clock-jump", "server": "FAKENW", "by": -5400},
        {"what": "clock-jump", "server": "FAKENW", "by": -2},
        {"what": "spoof", "client": "ws"},
        {"what": "spoof", "client": "ws", "for": 3600},
        {"what": "drop", "client": "ws", "packets": 2, "way": "out"},
    ]


def test_a_variant_has_faults_and_scripts_of_its_own(tmp_path: Path) -> None:
    """They replace the scenario's faults, and the scripts of the clients that they name."""
    clients = [{"name": "one", "script": ["nal.close"]}, {"name": "two", "script": ["nal.close"]}]
    data = {"format": 1, "id": "a", "title": "a", "source": "a", "servers": [{"name": "A"}], "clients": clients}
    variants = {"calm": {"faults": []}, "odd": {"scripts": {"two": ["apm.close"]}}}
    scenario = Scenario.read({**data, "faults": [{"cut": "one"}], "variants": variants}, "the test")
    calm, odd = scenario.plans()
    assert (calm.scheduled_faults(), len(odd.scheduled_faults())) == ([], 1)
    assert [client["script"][0]["verb"] for client in odd.scripted()] == ["nal.close", "apm.close"]
    variants = {"odd": {"scripts": {"three": ["apm.close"]}}}
    mistake = "variants.odd.scripts.three: there is no client 'three'; expected one of one, two"
    with pytest.raises(ScenarioError, match=re.escape(mistake)):
        Scenario.read({**data, "variants": variants}, "the test")


def test_who_is_refused_asks_again_until_there_is_room() -> None:
    """With *retry* every client gets its license in the end; without it, those who came late do without."""
    for retry, served, expected in (("5m", 3, "released"), (None, 1, "unknown")):
        path = WORK[0]["nal.open"] | ({"retry": retry} if retry else {})
        script = [{"nal.open": path}, {"wait": "10m"}, "nal.close"]
        clients = [{"name": "ws", "count": 3, "script": script}]
        servers = [{"name": "FAKENW", "policy": "attach", "licenses": 1}]
        run, verdict, _ = played([], "udp", clients=clients, servers=servers)
        machines = {history.station.split(":")[1] for history in run.histories if history.holdings}
        assert (verdict.verdict, len(machines), verdict.denied > 0) == (expected, served, True)
        assert len(verdict.proof.unproven) == 3 - served


LATE: list[Any] = [{"wait": "3h"}, *WORK]


@pytest.mark.parametrize("transport", ["tcp", "udp", "ipx"])
def test_a_fault_waits_for_the_license(transport: str) -> None:
    """Two minutes after the grant, of a client that has waited for three hours before."""
    faults = [LICENSED, {"wait": "2m"}, {"process-killed": "ws"}]
    run, verdict, journals = played(faults, transport, LATE, checks=[{"released": {"within": "30m"}}])
    (history,) = run.histories
    (fault,) = events(journals["runner.jsonl"], "fault")
    assert history.holdings[0].granted >= 180 * MINUTE
    assert fault.t == history.holdings[0].granted + 2 * MINUTE
    assert (verdict.verdict, history.cause) == ("reclaimed", "lost" if transport == "tcp" else "watchdog")


def test_a_fault_waits_until_the_license_is_given_back() -> None:
    """The machine loses its power in the moment of the release: no license is left that could leak."""
    run, verdict, journals = played([LICENSED, WITHOUT, {"power-off": "ws"}], "udp", LATE)
    (history,) = run.histories
    (fault,) = events(journals["runner.jsonl"], "fault")
    assert (verdict.verdict, history.holdings[0].cause, history.holdings[0].released) == ("released", "logout", fault.t)


def test_a_license_that_the_watchdog_takes_back_is_waited_for() -> None:
    """No client does anything then, but the run goes on as long as a license may take to come back."""
    faults = [LICENSED, {"power-off": "ws"}, WITHOUT, {"restart": "ws"}]
    run, verdict, _ = played(faults, "udp", checks=[{"released": {"within": "30m"}}])
    assert [history.cause for history in run.histories] == ["watchdog", "destroy"]
    assert verdict.verdict == "reclaimed"


def test_of_several_clients_each_must_have_been_licensed() -> None:
    """With one license two machines have it one after the other; what one has had counts when the other gets it."""
    path = "NWBIND:\\\\FAKENW\\SYS\\CAP_GS1\\"
    script: list[Any] = [{"nal.open": {"path": path, "owner": "SMSCCMBootAcct", "retry": "5m"}}]
    script += [{"wait": "30m"}, "nal.close", {"wait": "3h"}]
    servers = [{"name": "FAKENW", "release": "3.12", "policy": "attach", "licenses": 1}]
    clients = [{"name": "ws", "count": 2, "script": script}]
    run, _, journals = played([LICENSED, {"cut": "ws#1"}], "tcp", servers=servers, clients=clients)
    grants = [holding.granted for history in run.histories for holding in history.holdings]
    (fault,) = events(journals["runner.jsonl"], "fault")
    assert (len(grants), fault.t) == (2, max(grants))


def test_a_condition_that_is_never_met_is_a_reason() -> None:
    """The run ends when its clients have, and says which faults did not happen and why."""
    _, verdict, journals = played([{"wait": "1m"}, LICENSED, {"power-off": "ws"}], "udp", [{"wait": "1h"}])
    reason = "when: ws never came to hold a license, and the faults behind that did not happen"
    assert [record["reason"] for record in events(journals["runner.jsonl"], "failed")] == [reason]
    assert events(journals["runner.jsonl"], "fault") == []
    assert (verdict.verdict, reason in verdict.reason) == ("unknown", True)


def test_times_behind_a_condition_begin_anew() -> None:
    plan = planned([{"wait": "1m"}, LICENSED, {"wait": "30s"}, {"cut": "ws"}, {"wait": "5s"}, {"heal": "ws"}])
    assert plan.scheduled_faults()[0] == Condition(MINUTE, ("ws",), licensed=True)
    assert [(fault.at // SECOND, fault.verb) for fault in faults_of(plan)] == [(30, "cut"), (35, "heal")]
    assert plan.opening("memory")["faults"][1] == LICENSED


def test_a_machine_that_is_off_is_not_waited_for() -> None:
    """After it was frozen and thawed, too: the run is over with the client that is left, whose scavenger never ends."""
    faults = [{"wait": "1m"}, {"power-off": "ws"}, {"freeze": "ws"}, {"thaw": "ws"}]
    clients = [{"name": "ws", "script": WORK}, {"name": "other", "script": [*WORK[:2], "nal.close", "apm.close"]}]
    plan = planned(faults, clients=clients, redirector={"unlicense_idle": "10m"})
    looks = iter(range(100_000))
    journals = memory.run(plan, stopped=lambda: next(looks, None) is None)
    assert events(journals[0], "failed") == []
    assert journals[0].records[-1].t < 3 * 3600 * SECOND


TIDY = """
from harness.behavior import Component, ServerName, sleep, verb


class Tidy(Component):
    name = "tidy"

    @verb
    async def work(self, server: ServerName) -> None:
        redirector = self.workstation.redirector
        connection = await redirector.connect(server, *self.workstation.account())
        self.opened(connection, file="")
        try:
            await sleep(7_200_000_000)
        finally:
            try:
                await redirector.release(connection)
            finally:
                self.closed(connection, file="")
                await sleep(1)
"""


@pytest.fixture
def tidy(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "tidy.py"
    file.write_text(TIDY)
    own_steps.add(load(file))
    yield file
    OWN.clear()


@pytest.mark.parametrize("fault", ["power-off", "process-killed", "freeze"])
def test_a_machine_that_is_off_does_not_tidy_up(fault: str, tidy: Path) -> None:
    """Nor is it told of a coroutine that awaited something when it was ended: pytest makes an error of that."""
    data = {
        **{"format": 1, "id": "tidy", "title": "tidy", "source": "here", "servers": [{"name": "FAKENW"}]},
        **{"clients": [{"name": "ws", "script": [{"tidy.work": {"server": "FAKENW"}}]}]},
        "faults": [{"wait": "1h"}, {fault: "ws"}],
    }
    (plan,) = Scenario.read(data, "the test").plans("udp", behaviors=[str(tidy)])
    journals = {journal.name: journal for journal in memory.run(plan)}
    gc.collect()
    assert [record.event for record in journals["client-ws.jsonl"].records][-1] == "tidy-open"
