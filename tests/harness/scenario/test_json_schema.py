"""The JSON Schema of scenario files: an editor that goes by it accepts what we accept, and sees most mistakes."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from harness.scenario.json_schema import json_schema
from tests.pages import ROOT, blocks

LEAST = """
format: 1
id: mine
title: mine
source: ours
servers: [{name: FAKENW}]
clients: [{name: ws, script: [{wait: 1h}]}]
"""


FOLDER = ROOT / "harness" / "scenario" / "scenarios"


@functools.cache
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(json_schema())
    return Draft202012Validator(json_schema())


def mistakes(text: str) -> list[Any]:
    return list(validator().iter_errors(yaml.safe_load(text)))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_catalogue_is_valid(file: Any) -> None:
    assert mistakes(file.read_text(encoding="utf-8")) == []


def test_the_scenarios_of_the_pages_are_valid() -> None:
    shown = [block for page in (ROOT / "docs").glob("*.md") for block in blocks(page) if block.language == "yaml"]
    whole = [block for block in shown if block.content.startswith("format: 1")]
    assert len(whole) >= 6
    assert [block.place for block in whole if mistakes(block.content)] == []


@pytest.mark.parametrize(
    "script",
    [
        "{wait: soon}",
        "{wait: 10}, wait",
        "user.logon",
        "{user.logon: {}}",
        "{user.logon: {server: FAKENW, transport: tcp}}",
        "{nal.close: {may_fail: perhaps}}",
        "{repeat: {times: 0, script: [{wait: 1h}]}}",
    ],
)
def test_a_mistake_in_a_script_is_seen(script: str) -> None:
    assert mistakes(LEAST) == []
    assert mistakes(LEAST.replace("{wait: 1h}", script)) != []


@pytest.mark.parametrize("more", ["expect: lost", "apm: shared", "faults: [{freeze: {}}]", "checks: [bounded]", "x: 1"])
def test_another_mistake_is_seen(more: str) -> None:
    assert mistakes(f"{LEAST}{more}") != []


@pytest.mark.parametrize(
    "more", ["expect: leaked", "apm: private", "faults: [{wait: 5}, {freeze: ws}]", "checks: [opens_balance]"]
)
def test_a_short_form_is_valid(more: str) -> None:
    assert mistakes(f"{LEAST}{more}") == []


def test_a_step_of_a_behavior_file_is_valid() -> None:
    """Its arguments are not known, only that no step of ours has that name."""
    assert mistakes(LEAST.replace("{wait: 1h}", "{backup.run: {lasts: 10m}}, backup.stop")) == []


def test_fields_are_described_and_defaults_are_those_of_a_file() -> None:
    kinds = json_schema()["$defs"]
    apm = kinds["ApmSettings"]["anyOf"][1]["properties"]
    assert (apm["private"]["description"], apm["evaluates"]["default"]) == ("APM opens a connection of its own", 600)
    client = kinds["ClientSpec"]["properties"]
    assert (client["user"]["default"], client["name"]["description"]) == ("GUEST", "the name of the client")
