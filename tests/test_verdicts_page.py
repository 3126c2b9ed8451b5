"""docs/verdicts.md shows a run for every way to an unknown verdict. tests/test_page_blocks.py runs them."""

from __future__ import annotations

from tests.pages import ROOT, blocks

PAGE = ROOT / "docs" / "verdicts.md"


def test_every_way_is_shown() -> None:
    ways = PAGE.read_text(encoding="utf-8").partition("## Every way to `unknown`")[2].partition("\n## ")[0]
    shown: dict[str, list[str]] = {part.partition("\n")[0]: [] for part in ways.split("\n### ")[1:]}
    for block in blocks(PAGE):
        if block.language == "console":
            shown[block.section] += [line for _, lines in block.commands() for line in lines]
    assert shown
    assert [title for title, lines in shown.items() if not any("unknown: " in line for line in lines)] == []
