"""The scenarios of the harness, found by id or by the number of an article."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from fakenw.config import yaml_file
from fakenw.config.yaml_file import expected_one_of
from harness.scenario.scenario import Scenario, ScenarioError, load


def catalogue(mentioning: str = "") -> Iterator[Scenario]:
    """The scenarios in the order of their file names; only those whose file contains *mentioning*, in any case."""
    folder = resources.files("harness.scenario") / "scenarios"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml") and mentioning.upper() in entry.read_text("utf-8").upper():
            yield yaml_file.read(Scenario, entry.read_bytes(), f"harness/scenario/scenarios/{entry.name}")


def find(name: str) -> Scenario:
    """The scenario of the catalogue with the id or article *name*, in any case, else that of the file *name*.

    Raises ScenarioError.
    """
    for scenario in catalogue(mentioning=name):
        if name.upper() in map(str.upper, (scenario.id, *scenario.known_as)):
            return scenario
    path = Path(name)
    if path.exists() or path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return load(path)
    known = expected_one_of([*(scenario.id for scenario in catalogue()), "a file"], name)
    raise ScenarioError([f"{name}: no such scenario; {known}"])
