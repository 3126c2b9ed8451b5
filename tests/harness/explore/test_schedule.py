"""A schedule in the words of a scenario file: waits in scripts, faults with waits between them."""

from __future__ import annotations

import pytest

from harness.explore.scenario_text import as_text, plan_of
from harness.explore.schedule import KINDS, Disturbance, Jitter, Schedule, places_of, strengths
from harness.explore.subject import Subject
from harness.runners import memory
from harness.scenario.catalogue import catalogue, find
from harness.scenario.plan import Plan
from harness.scenario.schedule import ScheduledFault
from tests.harness.memory_run import planned

SECOND = 1_000_000


def faults_of(plan: Plan) -> list[tuple[float, str, str]]:
    """Time, verb and machine of each fault."""
    scheduled = [one for one in plan.scheduled_faults() if isinstance(one, ScheduledFault)]
    return [(one.at / SECOND, one.verb, one.name) for one in scheduled]


def under(plan: Plan, *disturbances: Disturbance, jitter: Jitter | None = None) -> Plan:
    return Subject(plan).under(Schedule(jitter or Jitter(), disturbances))


def test_a_disturbance_has_an_end() -> None:
    """In the order of time, whichever was given first."""
    cut = Disturbance("cut", "ws", 5 * SECOND, 70 * SECOND, 0)
    loss = Disturbance("loss", "ws", SECOND // 2, 10 * SECOND, 3)
    plan = under(planned([]), cut, loss)
    assert faults_of(plan) == [(0.5, "loss", "ws"), (5, "cut", "ws"), (10.5, "loss", "ws"), (75, "heal", "ws")]
    assert [one.arguments for one in plan.scheduled_faults() if isinstance(one, ScheduledFault) and one.arguments] == [
        {"percent": 20.0, "way": "both"},
        {"percent": 0.0, "way": "both"},
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_run(kind: str) -> None:
    """In every strength; a fault that ends has no effect at the end of the run."""
    machine = "FAKENW" if kind == "server-down" else "ws"
    for strength in range(strengths(kind)):
        plan = under(planned([]), Disturbance(kind, machine, SECOND, SECOND, strength))
        journals = memory.run(plan)
        told = [record.get("what") for record in journals[0].records if record.event == "fault"]
        assert told[0] == ("power-off" if kind == "restart" else kind)
        assert len(told) == (1 if kind == "power-off" else 2)
        assert plan_of(as_text(plan)).faults == plan.faults


def test_what_cannot_happen_is_refused() -> None:
    """A server that is down does not go down."""
    twice = [Disturbance("server-down", "FAKENW", at * SECOND, 10 * SECOND, 0) for at in (1, 2)]
    with pytest.raises(ValueError, match="FAKENW is down then"):
        under(planned([]), *twice)
    off = Disturbance("power-off", "ws", SECOND, 0, 0)
    with pytest.raises(ValueError, match="switched off that is off"):
        under(planned([]), off, Disturbance("restart", "ws", 90 * SECOND, SECOND, 0))
    boots = [Disturbance("restart", "ws", at * SECOND, SECOND, 0) for at in (1, 12)]
    assert [at for at, _, _ in faults_of(under(planned([]), *boots))] == [1, 11, 12, 22]


def test_waits_stand_before_steps() -> None:
    """Also before one that is repeated; several before the same step add up."""
    script = ["nal.close", {"repeat": {"times": 2, "script": ["nal.close", "apm.close"]}}, {"wait": 1}]
    plan = planned([], script=script)
    assert places_of(plan.clients) == 5
    later = under(plan, jitter=Jitter(7, ((0, 1000), (3, 2000), (0, 500), (4, 4000))))
    (client,) = later.clients
    assert [step.model_dump(mode="json") for step in client.script or ()] == [
        {"wait": 0.0015},
        "nal.close",
        {"repeat": {"times": 2, "script": ["nal.close", {"wait": 0.002}, "apm.close"]}},
        {"wait": 0.004},
        {"wait": 1},
    ]
    assert later.seed == plan.seed + 7


def test_moments_lie_between_the_lines() -> None:
    """From the first line of the journals to behind the last."""
    subject = Subject(planned([]))
    moments = subject.rehearse(Jitter()).moments
    journals = memory.run(planned([]))
    assert set(moments) >= {record.t for journal in journals[1:] for record in journal.records}
    assert list(moments) == sorted(set(moments))


def test_the_faults_of_the_plan_keep_their_times() -> None:
    """Also where they waited for a license: in a run without the search, and in one with it."""
    plan = planned([{"when": {"client": "ws", "licensed": True}}, {"wait": "1m"}, {"freeze": "ws"}, {"thaw": "ws"}])
    before = [record.t for record in memory.run(plan)[0].records if record.event == "fault"]
    later = under(plan, Disturbance("cut", "ws", 100 * SECOND, SECOND, 0))
    assert faults_of(later) == [
        *((t / SECOND, verb, "ws") for t, verb in zip(before, ("freeze", "thaw"), strict=True)),
        *((100, "cut", "ws"), (101, "heal", "ws")),
    ]
    after = [record.t for record in memory.run(later)[0].records if record.event == "fault"]
    assert after[:2] == before


@pytest.mark.parametrize("name", ["Q257223", "S7", "S9", "S23", "S29", "S33", "day"])
def test_a_file_is_the_plan(name: str) -> None:
    """The plan that is read back has the same journals, but for what is told of it in the first line."""
    scenario = find(name)
    for plan in scenario.plans():
        again = plan_of(as_text(plan, scenario.strangers, ["a comment"]))
        ours, theirs = memory.run(plan), memory.run(again)
        assert ours[0].records[1:] == theirs[0].records[1:]
        assert [one.records for one in ours[1:]] == [one.records for one in theirs[1:]]
        assert (again.expect, again.within, again.variant) == (plan.expect, plan.within, plan.variant)


def test_every_plan_can_be_written() -> None:
    """And read again."""
    for scenario in catalogue():
        for plan in scenario.plans():
            assert plan_of(as_text(plan, scenario.strangers)).clients == plan.clients
