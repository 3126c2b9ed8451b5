"""Scenario files that read, from files and from data, and how one is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakenw.config.field_types import duration
from harness.scenario.catalogue import catalogue, find
from harness.scenario.scenario import ScenarioError
from tests.harness.scenario_files import FULL, LEAST, MINUTE, read


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("90", 90_000_000),
        (90, 90_000_000),
        (0.5, 500_000),
        ("0.25", 250_000),
        ("500ms", 500_000),
        ("30s", 30_000_000),
        ("10m", 10 * MINUTE),
        ("4h", 240 * MINUTE),
        ("2d", 2880 * MINUTE),
        ("1h30m", 90 * MINUTE),
        (" 1d2h3m4s5ms ", 93_784_005_000),
        (0, 0),
    ],
)
def test_duration(text: object, microseconds: int) -> None:
    """Units, their combinations and bare seconds become microseconds."""
    assert duration(text) == microseconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "ten", "-5", "10 m", "30m1h", "1.5h", "10M", "1e3", "٣s", -1, True, None, float("nan"), [], "9" * 99],
)
def test_not_a_duration(text: object) -> None:
    """Anything else is refused, with what was given and examples of what would do."""
    with pytest.raises(ValueError, match=r"is not a duration; expected text such as 500ms, 30s, 10m, 4h, 2d or 1h30m"):
        duration(text)


def test_least(tmp_path: Path) -> None:
    """What may be left out has the documented default."""
    scenario = read(tmp_path, LEAST)
    server, client = scenario.servers[0], scenario.clients[0]
    assert (server.release, server.licenses, server.policy, server.connections) == ("5.1", 5, None, 1000)
    assert (str(client.user), client.count, client.command) == ("GUEST", 1, None)
    (plan,) = scenario.plans()
    assert (plan.variant, plan.why, plan.transport, plan.expect) == ("default", "", "udp", "released")
    assert (plan.within, plan.idle_after, plan.idle_threshold) == (5 * MINUTE, None, 5 * MINUTE)


def test_everything_reads(tmp_path: Path) -> None:
    """The file that the mistakes below are made in has none; names are upper case, passwords may have colons."""
    scenario = read(tmp_path, FULL)
    assert scenario.servers[0].name == "FAKENW"
    assert scenario.servers[0].accounts() == [("JOE", "a:b"), ("ANN", "")]
    assert scenario.clients[0].user.password == "secret"


def test_find(tmp_path: Path) -> None:
    """By id in any case, or by path; else the known ids are told."""
    assert find("q257223").id == "Q257223"
    read(tmp_path, LEAST)
    assert find(str(tmp_path / "my.yaml")).id == "mine"
    with pytest.raises(
        ScenarioError, match=r"^Q257224: no such scenario; expected one of .*Q257223.* .did you mean Q257223"
    ):
        find("Q257224")
    with pytest.raises(ScenarioError, match=r"^none\.yaml: cannot be read"):
        find("none.yaml")


def test_catalogue() -> None:
    """Every scenario that comes along is in order, says why each variant is there, and has its own id."""
    scenarios = list(catalogue())
    assert "Q257223" in {scenario.id for scenario in scenarios}
    assert len({scenario.id.upper() for scenario in scenarios}) == len(scenarios)
    for plan in (plan for scenario in scenarios for plan in scenario.plans()):
        assert "\n" not in plan.why
        assert plan.why or plan.variant == "default"


def test_q257223() -> None:
    """The article, five what-ifs, and what it leaves open, each with its verdict; the last three bounded or zeroed."""
    plans = {plan.variant: plan for plan in find("Q257223").plans()}
    assert {name: plan.expect for name, plan in plans.items()} == {
        "as-shipped": "leaked",
        "counted": "released",
        "private": "released",
        "retry": "released",
        "forced": "interrupted",
        "idle-timeout": "released",
        "key-deleted": "leaked",
        "reopen-reuses": "leaked",
        "reopen-adds": "leaked",
        "zeroed": "leaked",
    }
    shipped, clients = plans["as-shipped"], {name: plan.clients[0] for name, plan in plans.items()}
    assert [step["verb"] for step in shipped.scripted()[0]["script"]] == [
        "nal.open", "apm.open", "nal.close", "wait", "apm.close", "wait"]  # fmt: skip
    assert str(clients["as-shipped"].user) == str(shipped.servers[0].users[0])
    settings = {name: dict(client.arbiter) for name, client in clients.items()}
    assert all(settings["as-shipped"] == settings[name] for name in ("private", "idle-timeout", "reopen-reuses"))
    assert (clients["retry"].arbiter.retry, plans["idle-timeout"].within) == (MINUTE, 20 * MINUTE)
    assert clients["idle-timeout"].redirector.idle_timeout == 15 * MINUTE
    assert (clients["reopen-adds"].arbiter.reopen, clients["zeroed"].arbiter.drop) == ("add", "zero")
    assert clients["key-deleted"].arbiter.key == "deleted"
    for name, units in (("reopen-reuses", 1), ("reopen-adds", 2)):
        assert plans[name].model_dump(mode="json")["checks"][-1] == {"bounded": {"units": units}}
