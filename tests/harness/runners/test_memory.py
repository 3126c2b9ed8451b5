"""Whole runs on memory: the bug and its remedies, many clients, two servers, and the same run twice."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import SECOND, Journal
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.report.text import Result, story
from harness.runners import memory
from harness.scenario.catalogue import find
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario
from tests.programs import line, run

DESIGNED = {  # the contract's variants, and the licenses that are left in each
    "as-shipped": ("leaked", 1),
    "counted": ("released", 0),
    "private": ("released", 0),
    "retry": ("released", 0),
    "forced": ("interrupted", 0),
    "idle-timeout": ("released", 0),
    "key-deleted": ("leaked", 1),
    "reopen-reuses": ("leaked", 1),
    "reopen-adds": ("leaked", 2),
    "zeroed": ("leaked", 1),
}
OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"


def carry_out(plan: Plan) -> tuple[RunHistory, Verdict]:
    """Run a plan on memory and judge it."""
    run = RunHistory.of(memory.run(plan))
    return run, judge(run)


def words(**scenario: Any) -> dict[str, Any]:
    """What a scenario file says."""
    return {"format": 1, "id": "mine", "title": "mine", "source": "here", "servers": [{"name": "FAKENW"}], **scenario}


def plan(transport: str = "udp", **scenario: Any) -> Plan:
    """The plan of a scenario that is given in words of the file."""
    (only,) = Scenario.read(words(**scenario), "the test").plans(transport)
    return only


def nal_open(server: str = "FAKENW") -> dict[str, Any]:
    """NAL opens the CAP of a server."""
    return {"nal.open": {"path": f"NWBIND:\\\\{server}\\SYS\\CAP_GS1\\", "owner": "SMSCCMBootAcct"}}


def as_shipped(wait: str, server: str = "FAKENW") -> list[Any]:
    """The script of Q257223, and how long the workstation stays on."""
    apm_open = {"apm.open": {"file": OFFER}}
    return [nal_open(server), apm_open, "nal.close", {"wait": "10m"}, "apm.close", {"wait": wait}]


@pytest.mark.parametrize("variant", DESIGNED)
def test_so_many_licenses_are_left(variant: str) -> None:
    """The bug leaks a license, the remedies do not; every verdict is looked at in test_catalogue_runs."""
    (chosen,) = find("Q257223").plans("udp", [variant])
    _, verdict = carry_out(chosen)
    assert len(verdict.leaked) == DESIGNED[variant][1]


def test_the_catalogue_has_what_was_designed() -> None:
    """No variant was lost, and none expects what it should not."""
    expected = {one.variant: one.expect for one in find("Q257223").plans()}
    assert {variant: verdict for variant, (verdict, _) in DESIGNED.items()}.items() <= expected.items()


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
def test_the_bug_is_explained(transport: str) -> None:
    """The story of Q257223 as shipped: who opened, who rode along, what was refused, how long it is idle."""
    (chosen,) = find("Q257223").plans(transport, ["as-shipped"])
    run, verdict = carry_out(chosen)
    (leaked,) = verdict.leaked
    assert (leaked.opened_by, leaked.last_used_by, leaked.user) == ("nal", "apm", "SMSCLIENT_GS1")
    assert leaked.held_for > 4 * 3600
    text = "\n".join(story(Result(run, verdict)))
    for evidence in (
        f"connection 1 (serial 1) of user SMSCLIENT_GS1 from {transport}:",
        "holds a license of FAKENW",
        r'NAL opened it for SMSCCMBootAcct (NWBIND:["SMS_SITE=GS1"]\\FAKENW\SYS\CAP_GS1\)',
        f"APM rode on it: opened {OFFER}, uncounted",
        f"NAL closed it and asked for its release; refused: 1 file open ({OFFER})",
        "0:10:00  APM closed its file",
        "not asked for again; idle since 0:10:00, 4:05:01 by the end",
        r"registry: HKEY_LOCAL_MACHINE\Software\Microsoft\NAL\Client\Connections\SMSCCMBootAcct\Deviceless\Resource1"
        " still there: persistence 0, reference 0",
    ):
        assert evidence in text


def test_the_server_says_at_its_stop_who_holds_the_license() -> None:
    """The server's own journal is evidence enough: idle for hours, and never taken back by the watchdog."""
    (chosen,) = find("Q257223").plans("udp", ["as-shipped"])
    server = journal(memory.run(chosen), "server-FAKENW.jsonl")
    stop = server.records[-1]
    assert (stop.event, stop["held"], [holder["user"] for holder in stop["holders"]]) == ("stop", 1, ["SMSCLIENT_GS1"])
    assert stop.t - stop["holders"][0]["last_request"] * SECOND > 4 * 3600 * SECOND
    assert [record.event for record in server.records if record.event in ("release", "watchdog", "deny")] == []


def journal(journals: list[Journal], name: str) -> Journal:
    """The journal of that name."""
    return next(one for one in journals if one.name == name)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reported(folder: Path, scenario: Path, hash_seed: int, seed: int) -> list[dict[str, Any]]:
    """The results of ``harness run Q257223 SCENARIO``, whose journals are left in *folder*."""
    command = line("harness", "run", "Q257223", scenario, "--report", folder, "--seed", seed, "--json", "-")
    done = run(command, env={"PYTHONHASHSEED": str(hash_seed)})
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


@pytest.mark.process
def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    """Byte by byte, whatever the hash seed; another seed is another run with the same verdicts."""
    crowd = {
        "servers": [{"name": "ONE", "licenses": 3}, {"name": "TWO", "licenses": 3}],
        "clients": [{"name": name, "count": 3, "script": as_shipped("1h", name)} for name in ("ONE", "TWO")],
        "expect": "leaked",
    }
    mine = tmp_path / "crowd.yaml"
    mine.write_text(json.dumps(words(**crowd)))
    one = reported(tmp_path / "one", mine, hash_seed=1, seed=7)
    two = reported(tmp_path / "two", mine, hash_seed=2, seed=7)
    other = reported(tmp_path / "other", mine, hash_seed=1, seed=8)
    files = tree(tmp_path / "one")
    journals = [name for name in files if name.endswith(".jsonl")]
    assert len(journals) == 3 * (len(one) - 1) + 9  # runner, server and client; runner, two servers and six clients
    assert files == tree(tmp_path / "two")
    assert one == two
    changed = {name for name, text in tree(tmp_path / "other").items() if text != files[name]}
    assert {name for name in journals if "client-" in name} <= changed  # these do not mention the seed
    assert [result["verdict"] for result in one] == [result["verdict"] for result in other]
    assert {result["variant"]: result["verdict"] for result in one}.items() >= {
        (variant, verdict) for variant, (verdict, _) in DESIGNED.items()
    }


def test_two_hundred_leaks_are_found() -> None:
    """Two hundred workstations with the bug, a day later: two hundred licenses, each with its full story."""
    workstations = {"name": "ws", "user": "JOE", "count": 200, "script": as_shipped("24h")}
    server = {"name": "FAKENW", "licenses": 5000, "users": ["JOE"]}
    run, verdict = carry_out(plan(servers=[server], clients=[workstations]))
    assert (verdict.verdict, verdict.peak, verdict.limit, verdict.denied) == ("leaked", 200, 5000, 0)
    assert verdict.problems == []
    assert verdict.seconds > 24 * 3600
    assert len(verdict.leaked) == len({leaked.serial for leaked in verdict.leaked}) == 200
    assert len({leaked.station for leaked in verdict.leaked}) == 200
    for leaked in verdict.leaked:
        assert (leaked.opened_by, leaked.last_used_by, leaked.user) == ("nal", "apm", "JOE")
        assert leaked.station.startswith("udp:10.")
        assert leaked.reason.startswith("its release was refused at 0:00:0")
        assert leaked.held_for > 24 * 3600
    assert {history.client.name for history in run.histories if history.client} == {f"ws#{n}" for n in range(1, 201)}


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
def test_two_servers_keep_their_own_books(transport: str) -> None:
    """The license of the server whose file APM had open leaks; the other server gets its license back."""
    script = [nal_open("TWO"), "nal.close", *as_shipped("4h", "ONE")]
    servers = [{"name": "ONE", "licenses": 2}, {"name": "TWO", "licenses": 3}]
    run, verdict = carry_out(plan(transport, servers=servers, clients=[{"name": "ws", "script": script}]))
    assert (verdict.verdict, verdict.limit, verdict.peak) == ("leaked", 5, 2)
    assert [(leaked.server, leaked.serial) for leaked in verdict.leaked] == [("ONE", 1)]
    assert [(server.name, server.peak) for server in run.servers] == [("ONE", 1), ("TWO", 1)]
    (given_back,) = [history.holdings for history in run.histories if history.server.name == "TWO"]
    assert [holding.cause for holding in given_back] == ["logout"]


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
def test_a_wrong_password_proves_nothing(transport: str) -> None:
    """Who cannot log in takes no license: the client is denied, and the verdict is unknown, not released."""
    clients = [{"name": "ws", "user": "JOE:WRONG", "script": as_shipped("1h")}]
    run, verdict = carry_out(plan(transport, servers=[{"name": "FAKENW", "users": ["JOE:RIGHT"]}], clients=clients))
    assert (verdict.verdict, verdict.leaked, verdict.peak) == ("unknown", [], 0)
    assert verdict.reason == "1 of 1 clients was never licensed: ws was refused, wrong password (0xFF)"
    (client,) = run.clients
    denied = [(record["what"], record["code"]) for record in client.journal.records if record.event == "denied"]
    assert denied[0] == ("login", 0xFF)
    assert "login-failed" in [record.event for record in run.servers[0].journal.records]


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
def test_more_clients_than_licenses(transport: str) -> None:
    """Three licenses for ten clients: seven are denied, which is no proof, and the limit is never passed."""
    clients = [{"name": "ws", "count": 10, "script": [nal_open(), {"wait": "10m"}, "nal.close", {"wait": "1h"}]}]
    servers = [{"name": "FAKENW", "licenses": 3}]
    run, verdict = carry_out(plan(transport, servers=servers, clients=clients, checks=["never_over_limit"]))
    assert (verdict.verdict, verdict.peak, verdict.limit, verdict.denied) == ("unknown", 3, 3, 7)
    assert re.fullmatch(r"7 of 10 clients were never licensed: ws#\d was refused a license \(0xE0\)", verdict.reason)
    assert max(record["held"] for record in run.servers[0].journal.records) == 3
    told = [record["what"] for client in run.clients for record in client.journal.records if record.event == "denied"]
    assert told == ["license"] * 7


def test_a_script_that_never_ends_can_be_stopped() -> None:
    """A service tries for ever where there is no license; the user's signal ends the run, which is judged."""
    script = [{"service.start": {"server": "FAKENW", "retry": "1m"}}]
    servers = [{"name": "FAKENW", "licenses": 0, "policy": "login"}]
    turns = iter(range(5000))
    journals = memory.run(
        plan("udp", servers=servers, clients=[{"name": "a", "script": script}]),
        stopped=lambda: next(turns, None) is None,
    )
    verdict = judge(RunHistory.of(journals))
    assert (verdict.verdict, verdict.reason) == ("unknown", "the run could not be carried out: stopped before the end")
    assert journals[1].records[-1].event == "stop"
