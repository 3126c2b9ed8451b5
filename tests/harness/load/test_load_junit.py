"""A load as JUnit cases."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.programs import invoke

LOAD = ("load", "--on", "memory", "--clients", 30, "--licenses", 20, "--leak", "10%")


def cases(path: Path) -> list[tuple[str | None, str, str | None]]:
    """The name of each case, its problem and the message."""
    found = []
    for case in ElementTree.parse(path).iter("testcase"):
        problem = next(iter(case), None)
        tag, message = ("", None) if problem is None else (problem.tag, problem.get("message"))
        found.append((case.get("name"), tag, message))
    return found


@pytest.mark.process
def test_a_case_for_each_condition(tmp_path: Path) -> None:
    done = invoke(*LOAD, "--fail-if", "leaked>0", "--fail-if", "leaked>99", "--junit", tmp_path / "junit.xml")
    assert done.exit_code == 1
    (title, problem, _), *conditions = cases(tmp_path / "junit.xml")
    assert "30 clients" in str(title)
    assert problem == ""
    assert conditions == [("leaked>0", "failure", "leaked>0"), ("leaked>99", "", None)]
