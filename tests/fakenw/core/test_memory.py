"""What a server keeps of those who were there: nothing. Its memory follows what is connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.bindery.objects import matches
from fakenw.core.deadlines import SWEEP

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]


@pytest.mark.parametrize("policy", ["nls", "ual"])
def test_whoever_comes_and_goes_leaves_no_deadline(open_stage: OpenStage, transport: str, policy: str) -> None:
    """Neither for the connection (the watchdog, the idle license) nor for the user, whose assignment lasts 90 days."""
    stage = open_stage(policy)
    station = stage.station(f"{transport}:10.0.0.1:1")
    for _ in range(2 * SWEEP):
        station.licensed("ANN", "")
        station.destroy()
        stage.wait(0.1)
        stage.records.clear()
    assert len(stage.server._deadlines._heap) <= SWEEP + 2


def test_an_assignment_of_a_user_who_came_back_ends_90_days_after_the_last_time(open_stage: OpenStage) -> None:
    """Its one entry among the deadlines is moved on when it is due."""
    stage = open_stage("ual")
    station = stage.station("tcp:10.0.0.1:1")
    for _ in range(3):
        station.licensed("ANN", "")
        station.destroy()
        stage.wait(30 * 86_400)
    last = stage.records[-1].t
    assert not stage.events("release")
    stage.wait(90 * 86_400)
    (release,) = stage.events("release")
    assert (release["cause"], release.t) == ("expired", last + 90 * 86_400 * 1_000_000)


class Counted(str):
    """A text that counts how often a character of it is looked at."""

    looks = 0

    def __getitem__(self, key: object) -> str:
        Counted.looks += 1
        return super().__getitem__(key)  # type: ignore[index]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        *(("*", "", True), ("", "", True), ("", "A", False), ("?", "", False), ("**", "A", True)),
        *(("A*", "A", True), ("*A", "BA", True), ("*A", "AB", False), ("A*B*C", "AXBYC", True), ("A?C", "ABC", True)),
        *(("*AB", "AAB", True), ("*A?", "AAB", True), ("A*A", "A", False), ("J*E?", "JOE", False)),
    ],
)
def test_wild_cards_of_the_bindery(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


@pytest.mark.parametrize("stars", [1, 5, 23])
def test_a_pattern_of_many_stars_is_no_work(stars: int) -> None:
    """``*A*A*A*B`` on a name of nothing but A: as a regular expression 23 stars would take for ever."""
    Counted.looks = 0
    name = Counted("A" * 47)
    assert not matches("*A" * stars + "*B", name)
    assert Counted.looks <= 47 * 48
