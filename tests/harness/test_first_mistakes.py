"""The mistakes that come first, each with its message: what was wrong, where, and what was expected.

Those of pytest need a run of pytest each. They are listed here, and made in the tests that the list names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.scenario.steps import OWN
from tests.programs import invoke

ROOT = Path(__file__).parents[2]
PLUGIN = "tests/harness/testing/test_plugin_mistakes.py"


class Listed(NamedTuple):
    """A mistake that another test makes."""

    mistake: str
    message: str
    test: str


IN_TESTS = [
    Listed(
        "a server that cannot start",
        "netware: nowhere.yaml: cannot be read: No such file or directory; expected a configuration file",
        f"{PLUGIN}::test_a_server_that_cannot_start",
    ),
    Listed(
        "a wrong value in the marker",
        "licenses='two'; expected a whole number from 0 to 65534",
        f"{PLUGIN}::test_markers_with_mistakes",
    ),
    Listed(
        "a user with a password, and no list",
        "users=str; expected a list such as ['JOE:PASSWORD']",
        f"{PLUGIN}::test_markers_with_mistakes",
    ),
    Listed(
        "the marker without its fixture",
        "the marker netware without its fixture; expected an argument netware of the test",
        f"{PLUGIN}::test_markers_with_mistakes",
    ),
    Listed("a word that is none: by=", "by='logof'", f"{PLUGIN}::test_words_that_are_none"),
    Listed("a word that is none: what=", "what='licence'", f"{PLUGIN}::test_words_that_are_none"),
]

BACKUP = """\
from harness.behavior import Component, Count, verb


class Backup(Component):
    name = "NAME"

    @verb
    async def run(self, tapes: Count) -> None:
        raise LookupError("no tape")
"""
SCENARIO = """\
format: 1
id: mine
title: the first mistakes
source: ours
servers: [{name: FAKENW, users: [JOE]}]
clients:
  - name: workstation
    user: JOE
    script:
      - user.logon: FAKENW
      - apm.open: {file: 'SYS:PUBLIC/NLIST.EXE'}
      - backup.run: {tapes: 2}
"""
IN_SCENARIOS = {
    "a server": (
        "user.logon: FAKENW", "user.logon: FAKEMW",
        "mine.yaml:10: clients[0].script[0].user.logon: there is no server 'FAKEMW'; expected FAKENW (did you mean "
        "FAKENW?)",
    ),
    "a user": (
        "user: JOE", "user: JO",
        "mine.yaml:8: clients[0].user: no server has the user 'JO'; expected one of JOE, SUPERVISOR, GUEST (did you "
        "mean JOE?), or strangers: [JO]",
    ),
    "a file": (
        "NLIST.EXE", "NLIST.EX",
        "mine.yaml:11: clients[0].script[1].apm.open.file: no server has the file 'SYS:PUBLIC/NLIST.EX'; expected a "
        "file of its volume SYS (did you mean SYS:PUBLIC/NLIST.EXE?), or may_fail: true",
    ),
    "a client": (
        "title: the first mistakes", "title: x\nfaults: [{cut: workstaton}]",
        "mine.yaml:4: faults[0].cut: there is no client 'workstaton'; expected workstation (did you mean workstation?)",
    ),
    "an argument": (
        "tapes: 2", "tape: 2",
        "mine.yaml:12: clients[0].script[2].backup.run.tape: unknown key; expected one of tapes, may_fail (did you "
        "mean tapes?)\nmine.yaml:12: clients[0].script[2].backup.run.tapes: missing; expected a value",
    ),
    "the type of an argument": (
        "tapes: 2", "tapes: two",
        "mine.yaml:12: clients[0].script[2].backup.run.tapes: 'two'; expected a whole number",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    OWN.clear()


def run(folder: Path, scenario: str = SCENARIO, name: str = "backup") -> tuple[int, str]:
    """What ``harness run`` says, without the folder."""
    (folder / "backup.py").write_text(BACKUP.replace("NAME", name))
    (folder / "mine.yaml").write_text(scenario)
    done = invoke("run", folder / "mine.yaml", "--behaviors", folder / "backup.py")
    return done.exit_code, done.output.replace(f"{folder}/", "")


@pytest.mark.parametrize("listed", IN_TESTS, ids=lambda listed: listed.mistake)
def test_a_mistake_in_a_test(listed: Listed) -> None:
    """The test that is named makes it, and expects that message."""
    file, _, name = listed.test.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert f"\ndef {name}(" in text
    assert listed.message in text


@pytest.mark.parametrize("what", IN_SCENARIOS)
def test_a_name_in_a_scenario(tmp_path: Path, what: str) -> None:
    old, new, message = IN_SCENARIOS[what]
    assert run(tmp_path, SCENARIO.replace(old, new)) == (2, f"harness: {message}\n")


def test_a_component_that_there_is_not(tmp_path: Path) -> None:
    code, said = run(tmp_path, SCENARIO.replace("backup.run", "bakup.run"))
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith(
        "harness: mine.yaml:12: clients[0].script[2]: 'bakup.run' is not a step; expected one of nal."
    )
    assert said.endswith(", backup.run (did you mean backup.run?)\n")


def test_a_component_with_the_name_of_a_built_in_one(tmp_path: Path) -> None:
    expected = "the name 'apm' is that of a component of the harness; expected another, such as 'my-apm'"
    assert run(tmp_path, name="apm") == (2, f"harness: backup.py:4: {expected}\n")


def test_a_behavior_that_raises(tmp_path: Path) -> None:
    code, said = run(tmp_path)
    reason = "a behavior of workstation raised LookupError: no tape (backup.py:9)"
    assert (code, said.count(reason)) == (3, 1)
    assert f"default: unknown: {reason}\n" in said


def test_a_word_that_is_none_on_the_command_line() -> None:
    done = invoke("assert", "http://127.0.0.1:1", "--released", "--by", "logof")
    assert (done.exit_code, "Invalid value for '--by': 'logof' is not" in done.output) == (2, True)
    assert "logout" in done.output
