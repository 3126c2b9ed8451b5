"""The comparison of ``tests.trust.kill``: what was acknowledged and is missing, doubled or out of order is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakenw.journal.record import Record
from tests.fakenw.stage import Stage
from tests.trust.acknowledged import Acknowledged, compare

JOE = "udp:10.0.0.1:1025"
TOLD = [
    "create 1",
    "state attached",
    "grant login",
    "state licensed",
    "login keyed",
    "open 000000000001",
    "shut 000000000001",
    "state attached",
    "release logout",
    "state gone",
    "close destroy",
]


def lived() -> list[Record]:
    """The journal of a station that came, opened a file and left."""
    stage = Stage()
    station = stage.station(JOE).licensed()
    station.open()
    station.logout()
    station.destroy()
    return stage.records


def found(records: list[Record], told: Acknowledged) -> list[str]:
    return list(compare({JOE: told}, records))


def test_a_whole_journal_has_everything() -> None:
    assert found(lived(), Acknowledged(TOLD)) == []


@pytest.mark.parametrize("line", range(len(TOLD)))
def test_a_missing_line_is_found(line: int) -> None:
    """Whichever line it is: the first one is the server's start."""
    records = lived()
    del records[1 + line]
    assert found(records, Acknowledged(TOLD)) == [f"missing: {JOE}: {TOLD[line]}"]


def doubled(records: list[Record]) -> None:
    records.insert(3, records[3])


def exchanged(records: list[Record]) -> None:
    records[2], records[3] = records[3], records[2]


@pytest.mark.parametrize(
    ("bend", "expected"),
    [(doubled, f"unexpected: {JOE}: grant login"), (exchanged, f"in another order: {JOE}: ")],
)
def test_a_bent_journal_is_found(bend: Callable[[list[Record]], None], expected: str) -> None:
    records = lived()
    bend(records)
    (finding,) = found(records, Acknowledged(TOLD))
    assert finding.startswith(expected)


def test_a_station_that_nobody_knows_is_found() -> None:
    assert f"unexpected: {JOE}: create 1" in list(compare({}, lived()))


@pytest.mark.parametrize("written", range(3))
def test_the_last_request_may_be_written_and_unanswered(written: int) -> None:
    """Its lines are there as far as the server came, and no others."""
    answered = 2
    records, told = lived()[: 1 + answered + written], Acknowledged(TOLD[:answered], [("grant", "state"), ("deny",)])
    assert found(records, told) == []
    assert found([*records, lived()[6]], told) == [
        f"unexpected: {JOE}: {line}" for line in [*TOLD[2 : 2 + written], "open 000000000001"]
    ]
