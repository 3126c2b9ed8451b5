"""The search: what it finds, how small it becomes, and that it is the same each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.client.behavior_file import load
from harness.explore.exploration import Batch, BatchResult, Exploration, batches, run
from harness.explore.schedule import KINDS
from harness.explore.search import SHRINKS, search
from harness.scenario import own_steps
from harness.scenario.catalogue import find
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario
from harness.scenario.steps import OWN
from tests.harness.explore import forgetful
from tests.harness.memory_run import WORK, planned

FORGETFUL = Path(forgetful.__file__)


@pytest.fixture
def race(tmp_path: Path) -> Iterator[Plan]:
    """The plan of the client with a race."""
    own_steps.add(load(FORGETFUL))
    file = tmp_path / "forgetful.yaml"
    file.write_text(forgetful.SCENARIO)
    (plan,) = find(str(file)).plans(behaviors=[str(FORGETFUL)])
    yield plan
    OWN.clear()


def batch(plan: Plan, number: int = 0, size: int = 60, kinds: tuple[str, ...] = KINDS, seed: int = 0) -> Batch:
    return Batch(0, plan, kinds, None, seed, number, size)


def explored(plan: Plan, runs: int, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> Exploration:
    one = Exploration(plan)
    for given in batches([one], kinds, None, seed, runs):
        one.take(search(given))
    return one


def test_a_race_is_found_and_made_small(race: Plan) -> None:
    """One cut, between the two requests, as long as it must be; and without it the client gives its license back."""
    one = explored(race, 500, kinds=("cut", "freeze", "loss"))
    assert one.found is not None
    assert one.tried < 500
    assert one.smaller <= SHRINKS
    assert one.found.seed == race.seed
    assert one.found.clients == race.clients
    faults = [fault.model_dump() for fault in one.found.faults]
    assert [fault for fault in faults if "wait" not in fault] == [{"cut": "workstation"}, {"heal": "workstation"}]
    result, example = run(one.found, None)
    assert result.verdict.verdict == "leaked"
    assert example is not None
    assert run(race, None)[1] is None


def test_the_same_seed_is_the_same_search(race: Plan) -> None:
    """Whatever ran before in this process; another seed is another search."""
    first = search(batch(race, number=1, size=20))
    search(batch(race, number=2, size=5))
    assert search(batch(race, number=1, size=20)) == first
    assert search(batch(race, number=1, size=20, seed=1)) != first
    assert first.verdicts.total() > 15


def test_a_sound_client_is_cleared() -> None:
    """Its leaks and reclaims are explained by faults; there were many of both."""
    (plan,) = find("Q257223").plans(variants=["counted"])
    one = explored(plan, 150)
    assert one.found is None
    assert one.verdicts["leaked"] > 5
    assert one.verdicts["reclaimed"] > 5
    assert one.verdicts["released"] > 50


def test_faults_are_chosen() -> None:
    """Without one that could do harm every run is as the first."""
    (plan,) = find("Q257223").plans(variants=["counted"])
    one = explored(plan, 60, kinds=("reorder", "duplicate", "delay"))
    assert one.verdicts.keys() == {"released"}


def test_jitter_alone_makes_no_client_late() -> None:
    """Where a license must be released soon, the waits between steps are shorter."""
    script = [*WORK[:2], "nal.close", "apm.close", "user.shut-down"]  # which releases what apm.close has left
    plan = planned([], script=script, checks=[{"released": {"within": 2}}])
    one = explored(plan, 100, kinds=("duplicate",))
    assert one.found is None
    assert one.verdicts.keys() == {"released"}


def test_the_order_of_clients_is_explored() -> None:
    """A client that comes before the other gets the only license: no fault is needed."""
    sound = [{"user.logon": "FAKENW"}, {"wait": 5}, "user.logoff", {"wait": 3600}]
    leaks = [{"user.logon": "FAKENW"}, {"wait": 3600}]
    data = {
        **{"format": 1, "id": "order", "title": "which comes first", "source": "here"},
        "servers": [{"name": "FAKENW", "policy": "login", "licenses": 1}],
        "clients": [{"name": "first", "script": sound}, {"name": "second", "script": [{"wait": 3}, *leaks]}],
    }
    (plan,) = Scenario.read(data, "the test").plans()
    assert run(plan, None)[1] is None
    one = explored(plan, 300, kinds=("delay",))
    assert one.found is not None
    assert run(one.found, None)[0].verdict.verdict == "leaked"


def test_batches_go_round() -> None:
    """Each exploration has its turn, until it has found something or had all its runs."""
    plan = planned([])
    explorations = [Exploration(plan), Exploration(plan)]
    given = batches(explorations, ("cut",), None, 3, 120)
    assert [(one.of, one.number, one.size) for one in (next(given), next(given), next(given))] == [
        *((0, 0, 50), (1, 0, 50), (0, 1, 50)),
    ]
    explorations[1].found = plan
    assert [(one.of, one.number, one.size) for one in given] == [(0, 2, 20)]


def test_what_comes_after_a_counterexample_does_not_count(race: Plan) -> None:
    one = Exploration(race, found=race)
    one.take(BatchResult(0, Counter(leaked=3), 2))
    assert (one.tried, one.smaller, one.found) == (0, 0, race)


def stopped_after(calls: int) -> Callable[[], bool]:
    left = iter(range(calls))
    return lambda: next(left, None) is None


def test_a_search_that_is_stopped(race: Plan) -> None:
    """It says what was tried until then; of a counterexample what was found until then."""
    result = search(batch(race, size=1000, kinds=("cut",)), stopped_after(2000))
    assert 0 < result.verdicts.total() < 1000
    few = search(batch(race, size=1000, kinds=("cut",)), stopped_after(100))
    assert few.verdicts.total() < result.verdicts.total()
    assert few.found is None
