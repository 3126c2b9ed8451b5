"""The plans that variants come to."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from harness.scenario.catalogue import find
from harness.scenario.plan import Plan
from harness.scenario.scenario import Expect, ScenarioError
from tests.harness.scenario_files import FULL, LEAST, MINUTE, read

VARIANTS = (
    LEAST.replace("title: the least", "title: the least\nidle_after: 90s\ntransport: tcp")
    + """\
  - name: other
    count: 2
    transport: udp
    arbiter: {retry: 2m, forced: true}
    script: [wait: 1m]
  - {name: program, command: [./client], environment: {A: b}}
arbiter: {retry: 1m, key: deleted}
apm: private
checks: [never_over_limit, {released: {within: 10m}}]
expect: {udp: reclaimed, tcp: leaked}
variants:
  plain: {}
  changed:
    title: why
    transport: udp
    arbiter: {forced: false, counted: true}
    redirector: {idle_timeout: 500ms}
    checks: [{released: {within: 20m}}, {bounded: {units: 1}}]
    script: [apm.close]
    expect: unknown
"""
)


def test_settings_are_merged(tmp_path: Path) -> None:
    """Field by field: the scenario's, the client's, the variant's; the variant's word is the last."""
    plain, changed = read(tmp_path, VARIANTS).plans()
    first, other, _ = plain.clients
    assert (first.arbiter.retry, first.arbiter.key, first.arbiter.forced, first.apm.private) == (
        MINUTE,
        "deleted",
        False,
        True,
    )
    assert (other.arbiter.retry, other.arbiter.key, other.arbiter.forced) == (2 * MINUTE, "deleted", True)
    first, other, program = changed.clients
    assert (other.arbiter.retry, other.arbiter.forced, other.arbiter.counted) == (2 * MINUTE, False, True)
    assert first.redirector.idle_timeout == 500_000
    assert first.script is not None
    assert first.script == other.script
    assert program.script is None


def test_plan_of_a_variant(tmp_path: Path) -> None:
    """Checks are replaced by name, others added; the verdict is that of the plan's transport."""
    plain, changed = read(tmp_path, VARIANTS).plans()
    assert (plain.transport, plain.expect, plain.within, plain.why) == ("tcp", "leaked", 10 * MINUTE, "")
    assert (changed.transport, changed.expect, changed.within, changed.why) == ("udp", "unknown", 20 * MINUTE, "why")
    assert plain.idle_after == plain.idle_threshold == 90_000_000
    assert plain.opening("memory")["checks"] == ("never_over_limit", {"released": {"within": 600}})
    assert changed.opening("memory")["checks"] == (
        "never_over_limit", {"released": {"within": 1200}}, {"bounded": {"units": 1}})  # fmt: skip


def test_expected_exit_codes(tmp_path: Path) -> None:
    """0 where nothing is said; of programs of the user's own only, in the run record."""
    text = VARIANTS.replace("{A: b}}", "{A: b}}\n  - {name: other-program, command: [a], exit: any, count: 2}")
    plain, _ = read(tmp_path, text).plans()
    told = [(client["name"], client.get("exit")) for client in plain.opening("processes")["clients"]]
    assert told == [("workstation", None), ("other", None), ("program", 0), ("other-program", "any")]


def test_transports(tmp_path: Path) -> None:
    """The caller's transport wins over the variant's, that over the scenario's; a client's own stays."""
    scenario = read(tmp_path, VARIANTS)
    assert [(plan.transport, plan.expect) for plan in scenario.plans("udp")] == [
        ("udp", "reclaimed"),
        ("udp", "unknown"),
    ]
    assert [plan.transports() for plan in scenario.plans()] == [["tcp", "udp"], ["udp"]]
    assert [client.transport for client in scenario.plans("tcp")[0].clients] == ["tcp", "udp", "tcp"]
    with pytest.raises(ScenarioError, match=r"^mine: no transport 'spx'; expected one of udp, tcp, ipx$"):
        scenario.plans("spx")


def test_what_is_expected_over_ipx(tmp_path: Path) -> None:
    """What is expected over UDP, where nothing else is said; also for an image."""
    told = {"udp": "reclaimed", "tcp": "leaked", "images": {"2.1": {"udp": "leaked", "ipx": "unknown"}}}
    for more, verdicts in (({}, ("reclaimed", "unknown")), ({"ipx": "interrupted"}, ("interrupted", "unknown"))):
        expect = Expect.model_validate({**told, **more})
        assert (expect.of("ipx", []), expect.of("ipx", ["agent:2.1"])) == verdicts
    assert {Expect.model_validate("leaked").of(transport, []) for transport in ("udp", "tcp", "ipx")} == {"leaked"}
    assert [(plan.transport, plan.expect) for plan in read(tmp_path, VARIANTS).plans("ipx")] == [
        ("ipx", "reclaimed"),
        ("ipx", "unknown"),
    ]


def test_chosen_variants(tmp_path: Path) -> None:
    """In the order asked for, each once; an unknown one is told with the known ones."""
    scenario = read(tmp_path, VARIANTS)
    plans = scenario.plans(None, ["changed", "plain", "changed"], seed=7, speed=60)
    assert [(plan.variant, plan.seed, plan.speed) for plan in plans] == [("changed", 7, 60), ("plain", 7, 60)]
    with pytest.raises(
        ScenarioError, match=r"^mine: no variant 'plane'; expected one of plain, changed .did you mean plain"
    ):
        scenario.plans(None, ["plane"])
    with pytest.raises(ScenarioError, match=r"^mine: no variant 'x'; expected default$"):
        read(tmp_path, LEAST).plans(None, ["x"])


def test_orders_for_machines(tmp_path: Path) -> None:
    """Every single client, as plain JSON in microseconds; what a step leaves out is not there."""
    (plan,) = read(tmp_path, FULL).plans()
    (order,) = plan.scripted()
    assert json.loads(json.dumps(order)) == order
    assert (order["name"], order["user"], order["transport"]) == ("workstation", "JOE:secret", "udp")
    assert order["script"] == [
        {"verb": "nal.open", "args": {
            "path": r'NWBIND:["SMS_SITE=GS1"]\\FAKENW\SYS\CAP' + "\\", "owner": "SMSCCMBootAcct"}},
        {"verb": "apm.open", "args": {"file": "SYS:PUBLIC/NLIST.EXE"}},
        {"verb": "wait", "args": {"duration": 10 * MINUTE}},
        {"verb": "repeat", "args": {"times": 2, "script": [{"verb": "nal.close", "args": {}}]}},
    ]  # fmt: skip
    assert order["apm"] == {}
    assert order["redirector"] == {}
    several = read(tmp_path, VARIANTS).plans()[0]
    assert [client["name"] for client in several.scripted()] == ["workstation", "other#1", "other#2"]
    assert several.scripted()[1]["arbiter"]["retry"] == 120
    assert [(name, client.command, client.environment) for name, client in several.own()] == [
        ("program", ("./client",), {"A": "b"})
    ]


@pytest.mark.parametrize("text", [LEAST, FULL, VARIANTS])
def test_plan_goes_through_json(tmp_path: Path, text: str) -> None:
    """A plan is the same after a journey as JSON, where durations are seconds as in a file."""
    for plan in read(tmp_path, text).plans():
        data = json.loads(json.dumps(plan.model_dump(mode="json")))
        assert data["within"] * 1_000_000 == plan.within
        assert Plan.model_validate(data) == plan
        assert Plan.model_validate(data).model_dump(mode="json") == data


@pytest.mark.parametrize("text", [LEAST, FULL, VARIANTS])
def test_plan_goes_through_pickle(tmp_path: Path, text: str) -> None:
    """The same in all that its clients do; an argument that was not given stays so."""
    for plan in read(tmp_path, text).plans():
        again = pickle.loads(pickle.dumps(plan))
        assert again == plan
        assert again.scripted() == plan.scripted()


def test_steps_are_written_as_in_a_file(tmp_path: Path) -> None:
    """What a plan says of a script in JSON could stand in a scenario."""
    (plan,) = read(tmp_path, FULL).plans()
    script = plan.model_dump(mode="json")["clients"][0]["script"]
    assert script[1:] == [
        {"apm.open": {"file": "SYS:PUBLIC/NLIST.EXE"}},
        {"wait": 600},
        {"repeat": {"times": 2, "script": ["nal.close"]}},
    ]


def test_folder(tmp_path: Path) -> None:
    """A user's program runs where the scenario file is; the catalogue has no such place."""
    assert read(tmp_path, LEAST).plans()[0].folder == str(tmp_path)
    assert find("Q257223").plans()[0].folder == ""


def test_nothing_changes_later(tmp_path: Path) -> None:
    """Scenarios and plans are frozen."""
    scenario = read(tmp_path, LEAST)
    for thing in (scenario, scenario.plans()[0], scenario.servers[0]):
        with pytest.raises(ValueError, match="frozen"):
            setattr(thing, next(iter(type(thing).model_fields)), "x")


def test_a_scenario_has_a_seed_of_its_own(tmp_path: Path) -> None:
    """It is that of every plan, unless the command line has one."""
    scenario = read(tmp_path, LEAST.replace("title: the least", "title: the least\nseed: 7"))
    assert [plan.seed for plan in scenario.plans()] == [7]
    assert [plan.seed for plan in scenario.plans(seed=0)] == [0]
