"""What costs a license stands twice, in the server and in the judge, and both must say the same."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from fakenw.journal import policy as server
from fakenw.journal.record import Journal
from harness.judge.audit import books_balance
from harness.judge.policy_rules import RULES
from tests.fakenw.stage import POLICIES, RELEASE, Stage
from tests.harness.judge.lived_journals import busy_day, over


def test_the_same_policies() -> None:
    assert list(RULES) == list(server.POLICIES) == list(POLICIES)


@pytest.mark.parametrize("user", [None, "JOE"])
@pytest.mark.parametrize("state", server.State)
@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_unit(policy: str, state: server.State, user: str | None) -> None:
    """In every state, with a user or without."""
    assert RULES[policy].unit(str(state), 17, user) == server.POLICIES[policy].unit(state, 17, user)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_numbers(policy: str) -> None:
    """How long a unit is kept, and the units without certificates."""
    rule, theirs = RULES[policy], server.POLICIES[policy]
    assert (rule.kept, rule.grace, rule.holder == "user") == (theirs.keeps, theirs.grace, theirs.by_user)
    assert rule.keeps_cleared is (policy == "nls")


OTHER: dict[str, dict[str, Any]] = {  # a wrong table of the server's
    "attach": {"holding": frozenset({server.State.AUTHENTICATED, server.State.LICENSED})},
    "login": {"holding": frozenset({server.State.LICENSED})},
    "service": {"holding": frozenset({server.State.AUTHENTICATED, server.State.LICENSED})},
    "nls": {"by_user": True},
    "ual": {"by_user": False},
}


def lived(policy: str) -> Journal:
    users = (("JOE", "SECRET"), ("ANN", ""), ("BOB", ""))
    stage = Stage("nls", policy_name=policy, release=RELEASE[policy], licenses=20, users=users)
    busy_day(stage)
    return over(stage)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_server_with_another_table_is_caught(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit goes by its own table, whatever the server's says."""
    assert books_balance(lived(policy)) == []
    wrong = dataclasses.replace(server.POLICIES[policy], **OTHER[policy])
    monkeypatch.setitem(server.POLICIES, policy, wrong)
    problems = books_balance(lived(policy))
    assert problems
    assert all(str(problem).startswith("server.jsonl:") for problem in problems)
