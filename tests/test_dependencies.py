"""Every dependency is bounded, and what is installed here, which the tests run with, is within the bounds."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
REQUIREMENTS = [one for group in GROUPS for text in group if (one := Requirement(text)).name != "fakenw"]
BY_HAND = {Requirement(text).name for text in PROJECT["project"]["optional-dependencies"]["trust"]}  # make trust only
WITHOUT_END = {"twisted", "lxml-stubs"}  # numbered by years; stubs, which no release follows


@pytest.mark.parametrize("one", REQUIREMENTS, ids=str)
def test_a_dependency_is_bounded(one: Requirement) -> None:
    bounds = {specifier.operator for specifier in one.specifier}
    assert bounds == ({">="} if one.name in WITHOUT_END else {">=", "<"})
    if one.name not in BY_HAND and (one.marker is None or one.marker.evaluate()):
        assert one.specifier.contains(version(one.name))
