"""A server in each of its first states is as its policy says, and a server that is wrong is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakenw.core.ledger import Grant, Ledger
from fakenw.journal.policy import POLICIES as THEIRS
from fakenw.journal.policy import State
from tests.trust.model import POLICIES, search
from tests.trust.small_server import LIKE


@pytest.mark.parametrize("name", POLICIES)
def test_no_differences(name: str) -> None:
    found = search(POLICIES[name], depth=3)
    assert found.differences == []
    assert (found.states > 20, found.steps > 300) == (True, True)


def test_a_license_too_many_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def has_room(self: Ledger, unit: str | None) -> bool:
        return unit is None or unit in self.holdings or self.held <= self.limit

    monkeypatch.setattr(Ledger, "has_room", has_room)
    (difference, *_) = search(POLICIES["attach"], depth=3).differences
    assert difference.startswith("attach udp:10.0.0.1:1025 ; attach udp:10.0.0.2:1025 ; attach tcp:10.0.0.3:40001: ")


@pytest.mark.parametrize(
    ("name", "holding"),
    [
        ("attach", {State.AUTHENTICATED, State.LICENSED}),
        ("login", {State.LICENSED}),
        ("service", {State.AUTHENTICATED, State.LICENSED}),
        ("nls", {State.ATTACHED, State.LICENSED}),
    ],
)
def test_a_policy_that_counts_another_state_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, holding: set[State]
) -> None:
    monkeypatch.setitem(THEIRS, name, replace(THEIRS[name], holding=frozenset(holding)))
    (difference, *_) = search(POLICIES[name], depth=3).differences
    assert ": holds [" in difference


def test_a_logout_that_keeps_its_license_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logout moves the connection, and the ledger is not asked."""
    whole = Ledger.release

    def release(self: Ledger, now: int, unit: str, cause: str, about: dict[str, Any]) -> None:
        if cause != "logout":
            whole(self, now, unit, cause, about)

    monkeypatch.setattr(Ledger, "release", release)
    (difference, *_) = search(POLICIES["service"], depth=3).differences
    assert " ; logout udp:10.0.0.1:1025: " in difference


def test_an_assignment_that_ends_for_a_user_who_came_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry of an earlier end ends the later assignment."""

    def expire(self: Ledger, at: int, unit: str, now: int) -> None:
        grant: Grant | None = self.holdings.get(unit)
        if grant is not None and grant.until is not None:
            self._release(unit, "expired")

    monkeypatch.setattr(Ledger, "_expire", expire)
    (difference,) = search(POLICIES["ual, one license"], depth=7, most=1, stations=LIKE[:1]).differences
    assert difference.endswith("; wait: holds [], expected ['JOE']")


def test_a_silent_station_that_is_never_cleared_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakenw.core.watchdog.Watchdog._watchdog_due", lambda self, connection: None)
    (difference, *_) = search(POLICIES["service"], depth=2).differences
    assert "; vanish udp:10.0.0.1:1025: {" in difference
