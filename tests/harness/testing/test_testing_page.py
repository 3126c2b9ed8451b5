"""docs/testing.md is what the fixtures and the servers of tests say of themselves."""

from __future__ import annotations

import re

from harness.cli.testing_page import FOR_THE_PLUGIN, page
from harness.testing.netware import Netware
from tests.pages import ROOT


def test_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "testing.md").read_text(encoding="utf-8") == page(), "out of date: run make docs"


def test_nothing_is_without_a_word() -> None:
    """Each public method and property of the fixture has its row."""
    public = {name for name in vars(Netware) if name[0] != "_" and not isinstance(getattr(Netware, name), int | str)}
    assert {"mark", "held", "assert_released", *FOR_THE_PLUGIN} < public
    assert {name for name in public if not re.search(rf"^\| `\.{name}[(`]", page(), re.M)} == {*FOR_THE_PLUGIN}


def test_types_have_no_modules() -> None:
    assert (
        "| `.wait_for(condition: Callable[[RunHistory], object], within: float \\| str = 10, what: str = '')` |"
        in page()
    )
