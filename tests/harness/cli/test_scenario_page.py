"""docs/scenario.md is what the JSON Schema of scenario files says."""

from __future__ import annotations

import re

import pytest

from fakenw.config.yaml_file import Named
from harness.cli.scenario_page import page, words
from harness.scenario.faults import FAULTS
from harness.scenario.json_schema import json_schema
from harness.scenario.scenario import Scenario
from harness.scenario.settings import PARTS
from harness.scenario.steps import CHECKS, STEPS
from tests.pages import ROOT

MADE = page(json_schema())


def test_page_is_what_the_schema_says() -> None:
    assert (ROOT / "docs" / "scenario.md").read_text(encoding="utf-8") == MADE, "out of date: run make docs"


def test_every_key_is_described() -> None:
    """And every step, check and fault; none is left out."""
    rows = re.findall(r"^\| `(.+?)` \| .* \| (.*) \|$", MADE, re.MULTILINE)
    assert [name for name, text in rows if not text] == []
    kinds: list[type[Named]] = [*STEPS, *CHECKS, *FAULTS]
    own = [name for name in Scenario.model_fields if name not in PARTS]
    assert {*own, *(kind.verb for kind in kinds)} <= {name for name, _ in rows}
    assert [part for part in PARTS if f"\n### `{part}`\n" not in MADE] == []


def test_arguments_and_defaults() -> None:
    """A duration in seconds, what is needed, what an argument is by default, and a path with its backslashes."""
    assert "| `evaluates` | duration | `600` s | how long it has an offer open (ours) |" in MADE
    assert "<br>`address`: `same` or `new`, by default `same` |" in MADE
    assert r"`path`: text; a NAL path: TYPE:\\\\SERVER\\..." in MADE


def test_a_type_without_words_is_told() -> None:
    with pytest.raises(ValueError, match="has no words yet"):
        words({"type": "null"})
