"""The soak finds a server that grows with time, and nothing in one that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.journal.record import parse
from tests.trust.slopes import Bound, Series
from tests.trust.soak_audit import audit
from tests.trust.soak_virtual import World, churn


def keep_routes(world: World) -> None:
    """The edge is not told of connections that end on the server's side."""
    world.server.table.removed = None


class Keeping(dict[Any, Any]):
    """A table that forgets nothing."""

    def pop(self, key: object, *default: object) -> Any:
        return self.get(key, *default)


def keep_streams(world: World) -> None:
    """The core keeps the stream of a TCP connection that has ended."""
    world.server._streams.by_peer = Keeping()


@pytest.mark.parametrize(
    ("spoil", "grows"),
    [
        (keep_routes, {"routes beyond stations", "cached routes beyond stations"}),
        (keep_streams, {"streams beyond sockets"}),
        (None, set()),
    ],
)
def test_a_planted_leak_has_a_slope(spoil: Callable[[World], None] | None, grows: set[str]) -> None:
    found = list(churn(World(40, 1, None, spoil, pause=120), 0.1, lambda text: None))
    sloping = {text.partition(":")[0] for text in found if "slope" in text}
    assert {name for name in sloping if "beyond" in name} == grows
    if spoil is None:
        assert [text for text in found if "when all stations are gone" in text] == []


def test_a_slope_needs_time_and_more_than_noise() -> None:
    """Ten a day are too many; but not where there were three in all, which is noise."""
    for hours, sloping in ((2, False), (12, True)):
        series = Series({"routes": Bound(2, 3)})
        for sample in range(20):
            day = sample / 20 * hours / 24
            series.add(day, {"routes": 100 + 10 * day})
        assert series.slope("routes") == pytest.approx(10)
        assert bool(series.findings()) is sloping


def test_too_few_samples_are_a_finding() -> None:
    assert Series({}).findings() == ["0 samples: too few for a slope"]


def test_the_journal_of_a_soak_is_audited_line_by_line() -> None:
    """One that lacks a release is found, without holding a line of it."""
    lines: list[str] = []
    world = World(10, 1, None)
    watch: Any = world.host._watch
    watch.append(lambda record: lines.append(record.line()))
    start = world.server.start(0, world.server.utc(0).astimezone()).records[0].line()
    world.until(20_000)
    world.end()
    world.host.stop()
    assert audit([start, *lines]).problems == []
    release = next(n for n, line in enumerate(lines) if parse(line).event == "release")
    del lines[release]
    assert audit([start, *lines]).problems
