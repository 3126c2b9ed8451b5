"""docs/repairs.md: a row for each repair, and those that are cheap to make are made anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.matrix import REPAIRS
from harness.cli.repairs_page import RUNS, TRANSPORTS, explored, row

PAGE = (Path(__file__).parents[3] / "docs" / "repairs.md").read_text(encoding="utf-8")


def test_each_repair_has_its_rows() -> None:
    """Once for each transport; what held was tried often."""
    rows = re.findall(r"^\| `([a-z-]+)`: [^|]+ \| (\w+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert [row[:2] for row in rows] == [(name, transport) for name in REPAIRS for transport in TRANSPORTS]
    for _, _, outcome in rows:
        held = re.fullmatch(r"held: ([0-9]+) schedules, of them [0-9]+ released, .*", outcome)
        assert RUNS * 0.7 < int(held[1]) <= RUNS if held else outcome.startswith("**")


@pytest.mark.parametrize("name", [name for name in REPAIRS if f"| `{name}`: {REPAIRS[name].title} | udp | **" in PAGE])
def test_a_repair_that_did_not_hold(name: str) -> None:
    """The search finds the same counterexample again, and finds it soon."""
    assert f"{row(explored(name, 'udp', RUNS))}\n" in PAGE


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_repair_that_held(transport: str) -> None:
    """Its first schedules are no counterexamples."""
    assert f"| `counted`: {REPAIRS['counted'].title} | {transport} | held: " in PAGE
    assert explored("counted", transport, 50).found is None
