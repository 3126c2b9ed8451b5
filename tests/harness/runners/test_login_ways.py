"""Clients that log in to NDS, and clients whose packets are signed: the verdicts are those of a bindery login."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.audit import books_balance
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.runners import memory
from harness.scenario.catalogue import catalogue
from harness.scenario.scenario import Change, Scenario
from harness.scenario.settings import ServerHabits
from tests.harness.memory_run import events, planned, played

WAYS = {
    "nds": Change(login="nds"),
    "signed": Change(signatures=3, server=ServerHabits(signatures=3)),
    "nds, signed": Change(login="nds", signatures=3, server=ServerHabits(signatures=3)),
}
SCENARIOS = [scenario for scenario in catalogue() if all(client.script is not None for client in scenario.clients)]
OTHERWISE = {
    "S7": "counts refusals in the moments of a login, and one to NDS has other moments",
    "S25": "the server is slow with 23/24, which no login to NDS asks for",
}
SLOW = ("S11",)  # logs in thousands of times
PATH, OFFER = "NWBIND:\\\\FAKENW\\SYS\\CAP_GS1\\", "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
OPENS = [{"nal.open": {"path": PATH, "owner": "A"}}]
Q257223 = next(scenario for scenario in SCENARIOS if scenario.id == "Q257223")


def verdicts(scenario: Scenario, transport: str | None, variants: tuple[str, ...], way: str) -> None:
    """Each is the expected one, and the clients have logged in that way."""
    for plan in scenario.plans(transport, variants, change=WAYS[way]):
        run = RunHistory.of(memory.run(plan))
        verdict = judge(run)
        assert (plan.variant, verdict.verdict, sorted(verdict.failing)) == (
            plan.variant,
            plan.expect,
            sorted(plan.fails),
        )
        logins = [record for server in run.servers for record in server.records if record.event == "login"]
        hows = {"keyed", "nds"} if "nds" in way else {"keyed"}  # on 3.x there is no tree
        assert {login["how"] for login in logins} <= hows
        assert all(login.get("signed", False) is ("signed" in way) for login in logins)
        if "nds" in way and not any(server.release.startswith("3") for server in plan.servers):
            assert {login["how"] for login in logins} <= {"nds"}


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
@pytest.mark.parametrize("way", WAYS)
def test_the_bug_and_its_repairs(transport: str, way: str) -> None:
    verdicts(Q257223, transport, (), way)


@pytest.mark.parametrize("scenario", [
    pytest.param(scenario, marks=pytest.mark.slow if scenario.id in SLOW else (), id=scenario.id)
    for scenario in SCENARIOS
    if scenario.id not in OTHERWISE
])  # fmt: skip
def test_the_catalogue(scenario: Scenario) -> None:
    verdicts(scenario, None, (), "nds, signed")


def test_no_license_is_left() -> None:
    """KB Q186804: a login to NDS succeeds, and the request for a license behind it is refused, with 0xE0."""
    clients = [
        {"name": f"ws{n}", "login": "nds", "script": [{"nal.open": {"path": PATH, "owner": "A"}}]} for n in (1, 2)
    ]
    run, _, journals = played([], "udp", clients=clients, servers=[{"name": "FAKENW", "licenses": 1}])
    served = [record for record in run.servers[0].records if record.event in ("login", "grant", "deny")]
    assert [record.event for record in served] == ["login", "grant", "login", "deny"]
    assert [(line["code"], line["what"]) for line in events(journals["client-ws2.jsonl"], "denied")] == [
        (0xE0, "license")
    ]


SHARED = {  # client's level, server's level: whether packets are signed; None: the client gives up (signatures.md 4)
    **{(0, server): server >= 2 for server in range(4)},
    **{(1, server): server >= 2 for server in range(4)},
    **{(2, server): server >= 1 for server in range(4)},
    (3, 0): None,
    **{(3, server): True for server in range(1, 4)},
}


@pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
@pytest.mark.parametrize("login", ["bindery", "nds"])
@pytest.mark.parametrize(("client", "server"), SHARED)
def test_levels(transport: str, login: str, client: int, server: int) -> None:
    """All pairs of levels, as libncp agrees on them."""
    signed = SHARED[client, server]
    run, _, journals = played(
        [],
        transport,
        clients=[
            {"name": "ws", "login": login, "signatures": client, "script": [{"nal.open": {"path": PATH, "owner": "A"}}]}
        ],
        servers=[{"name": "FAKENW", "signatures": server}],
    )
    logins = [record.get("signed", False) for record in run.servers[0].records if record.event == "login"]
    assert logins == ([] if signed is None else [signed])
    assert len(events(journals["client-ws.jsonl"], "attach-failed")) == (signed is None)
    assert run.servers[0].held == (signed is not None)


def test_a_client_that_does_not_sign_at_level_3() -> None:
    run, _, journals = played([], "udp", servers=[{"name": "FAKENW", "signatures": 3}])
    assert {line["code"] for line in events(journals["client-ws.jsonl"], "denied")} == {0xAC}
    assert {record["code"] for record in run.servers[0].records if record.event == "login-failed"} == {0xAC}
    assert run.servers[0].held == 0


@pytest.mark.parametrize("login", ["bindery", "nds"])
def test_ten_thousand_signed_requests_over_a_bad_network(login: str) -> None:
    """One packet in twenty is lost, one in ten arrives twice, one in ten late: nothing is executed twice or refused."""
    times = 3334
    script: list[Any] = [
        {"nal.open": {"path": PATH, "owner": "A"}},
        {"repeat": {"times": times, "script": [{"apm.open": {"file": OFFER}}, {"wait": "1s"}, "apm.close"]}},
        "nal.close",
    ]
    faults = [
        {"loss": {"client": "ws", "percent": 5}},
        {"duplicate": {"client": "ws", "percent": 10}},
        {"reorder": {"client": "ws", "percent": 10}},
    ]
    client = {"name": "ws", "login": login, "signatures": 3, "script": script}
    plan = planned(faults, "udp", clients=[client], servers=[{"name": "FAKENW", "signatures": 3}])
    run = RunHistory.of(memory.run(plan))
    server = run.servers[0]
    count = {
        event: sum(record.event == event for record in server.records) for event in ("open", "shut", "bad-signature")
    }
    assert count == {"open": times, "shut": times, "bad-signature": 0}
    assert books_balance(server.journal) == []
    assert judge(run).verdict == "released"
