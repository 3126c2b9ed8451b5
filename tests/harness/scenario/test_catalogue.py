"""The catalogue: every documented case is there, and comes out as it does for the cause that it states."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from harness.cli.catalogue_page import ELSEWHERE, page
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.runners import memory
from harness.scenario.catalogue import catalogue
from harness.scenario.scenario import Change, Scenario
from tests.programs import harness

ROOT = Path(__file__).parents[3]
SCENARIOS = list(catalogue())
IDS = [scenario.id for scenario in SCENARIOS]

# On processes at 3600 times the speed a moment of the network is seconds of the scenario. What is about moments, or
# about what processes cannot do, is run on memory only.
MEMORY_ONLY = {
    "S5": "counts logins in a minute, and a login takes moments",
    "S6": "the same",
    "S7": "refusals within the moments that a login takes",
    "S9": "clients begin in the same moment",
    "S11": "counts tries in a minute",
    "S23": "its requests take a minute of the network's time to fail",
    "S25": "retransmissions every three seconds of the network's time",
    "S26": "thirty clients begin in the same moment",
    "S30": "the watchdog gives each query a tenth of a second of real time; see test_same_everywhere",
    "S33": "the same",
    "S29": "processes have no router between them",
    "day": "a virtual day",
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_without_its_cause_it_is_another_story(scenario: Scenario) -> None:
    """The change takes away the cause, and nothing else: one setting, or the faults."""
    assert scenario.cause is not None
    without = scenario.cause.without
    parts = [name for name in without.model_fields_set if name != "faults"]
    changed = [f"{part}.{name}" for part in parts for name in getattr(without, part).model_fields_set]
    changed += ["faults"] if without.faults is not None else []
    assert len(changed) == 1, changed
    first = list(scenario.variants)[:1]
    (shipped,), (other,) = scenario.plans(None, first), scenario.plans(None, first, change=without)
    verdict = judge(RunHistory.of(memory.run(other)))
    assert (verdict.verdict, sorted(verdict.failing)) != (shipped.expect, sorted(shipped.fails))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_everything_is_said(scenario: Scenario) -> None:
    """What is sourced, what is ours, a repair, and a title for every variant; the first is the one as shipped."""
    assert scenario.sourced
    assert scenario.reading
    assert all(variant.title for variant in scenario.variants.values())
    names = list(scenario.variants)
    assert names[0] == "as-shipped"
    assert len(names) > 1


def test_every_case_is_there() -> None:
    """S1 to S35, each once: as a scenario, or with the test that shows it, or with the reason why not."""
    cases = [
        name
        for scenario in SCENARIOS
        for name in (scenario.id, *scenario.known_as)
        if name[1:].isdecimal() and name[0] == "S"
    ]
    cases += [case.case for case in ELSEWHERE]
    assert sorted(cases, key=lambda case: int(case[1:])) == [f"S{n}" for n in range(1, 36)]


SHOWN_ELSEWHERE = {
    "S24": ("tests/fakenw/core/test_slots.py", "test_destroy_and_logout_are_always_answered"),
    "S27": ("tests/fakenw/core/test_habits.py", "test_numbers_above_255"),
}


def test_what_is_shown_elsewhere_is_there() -> None:
    """A test stands for each case that the catalogue leaves to the tests of the server."""
    assert {case.case for case in ELSEWHERE if case.shown} == SHOWN_ELSEWHERE.keys()
    for file, name in SHOWN_ELSEWHERE.values():
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_names_are_unique() -> None:
    """A name leads to one scenario only."""
    names = [name.upper() for scenario in SCENARIOS for name in (scenario.id, *scenario.known_as)]
    assert len(names) == len(set(names))


def test_the_page_is_up_to_date() -> None:
    """docs/catalogue.md says what the scenarios say, to the letter."""
    told = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert told == page(SCENARIOS), "docs/catalogue.md is out of date: run make docs"


@pytest.mark.process
def test_on_processes() -> None:
    """What needs no virtual day, as shipped, over real sockets: the same verdicts and the same failing checks."""
    wanted = [scenario.id for scenario in SCENARIOS if scenario.id not in MEMORY_ONLY]

    def run(transport: str) -> CompletedProcess[str]:
        options = ["--on", "processes", "--speed", "3600", "--transport", transport, "--json", "-"]
        return harness("run", *wanted, *options, "--variant", "as-shipped", within=400)

    with ThreadPoolExecutor() as pool:
        for done in pool.map(run, ("udp", "tcp")):
            entries = json.loads(done.stdout)
            wrong = [(entry["scenario"], entry["verdict"], entry["failed"]) for entry in entries if not entry["ok"]]
            assert wrong == []
            assert (list(dict.fromkeys(entry["scenario"] for entry in entries)), done.returncode) == (wanted, 0)


# What the mechanism does without a switch


def test_one_leak_among_a_hundred() -> None:
    """In a day of 100 clients that count, and one that does not, the one is found: which client, who, and when."""
    cap = 'NWBIND:["SMS_SITE=GS1"]\\\\CAP1\\SYS\\CAP_GS1\\'
    script = [{"odp.start": {"cap": cap}}, {"wait": "23h"}]
    client = {"user": "JOE:SECRET", "script": script, "odp": {"every": "8h"}}
    data = {
        "format": 1,
        "id": "needle",
        "title": "a needle in a haystack",
        "source": "ours",
        "servers": [{"name": "CAP1", "licenses": 200, "connections": 200, "users": ["JOE:SECRET"]}],
        "clients": [
            {"name": "counts", "count": 100, "arbiter": "counted", **client},
            {"name": "needle", **client},
        ],
    }
    (plan,) = Scenario.read(data, "test").plans()
    run = RunHistory.of(memory.run(plan))
    verdict = judge(run)
    (held,) = verdict.leaked
    assert (verdict.verdict, held.history.client and held.history.client.name) == ("leaked", "needle")
    assert (held.opened_by, held.last_used_by) == ("nal", "apm")
    refused = held.history.client_lines("release-refused")
    assert [round(said.t / 3_600_000_000) for said in refused] == [0, 8, 16]
    assert "its release was refused 3 times" in held.reason


def test_each_repair_is_a_setting_of_the_mechanism() -> None:
    """No runner and no scenario code knows a repair by name: they only hand settings on."""
    words = ("counted", "count_opens", "idle_timeout", "unlicense_idle", "clear_idle", "retry", "forced")
    outside = [
        *(ROOT / "harness" / "runners").glob("*.py"),
        ROOT / "harness" / "scenario" / "scenario.py",
        ROOT / "harness" / "scenario" / "plan.py",
    ]
    carriers = {"memory_network.py", "processes.py", "memory_server.py"}
    for file in outside:
        text = file.read_text(encoding="utf-8")
        found = {word for word in words if f".{word}" in text or f'"{word}"' in text}
        assert found <= ({"clear_idle"} if file.name in carriers else set()), file


def test_a_change_is_on_top_of_a_variant() -> None:
    """What it does not set stays as the variant has it."""
    (scenario,) = [one for one in SCENARIOS if one.id == "S20"]
    change = Change.model_validate({"redirector": {"idle_timeout": "15m"}, "server": {"licenses": 9}})
    (plan,) = scenario.plans(None, ["drops"], change=change)
    redirector = plan.clients[0].redirector
    assert (redirector.when_full, redirector.most_servers, redirector.idle_timeout) == ("drop", 8, 900_000_000)
    assert {server.licenses for server in plan.servers} == {9}


def test_the_server_tires_of_a_login_that_hangs() -> None:
    """S25: after 240 busy replies, three seconds apart; the watchdog has nothing to do with it."""
    (plan,) = next(one for one in SCENARIOS if one.id == "S25").plans("udp", ["as-shipped"])
    (history,) = RunHistory.of(memory.run(plan)).histories
    assert history.cause == "busy"
    assert history.ended is not None
    assert 239 * 3 <= history.ended / 1_000_000 <= 241 * 3 + 1
