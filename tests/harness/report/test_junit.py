"""JUnit XML: what a continuous integration server reads must be well-formed, unique and true."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from lxml import etree

from fakenw.journal.record import Journal, Record
from harness.cli.main import main
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.junit import case_of, junit_xml
from harness.report.text import Result

MINE = r"""
format: 1
id: mine
title: the client as shipped
source: here
servers: [{name: FAKENW}]
clients:
  - name: ws
    script:
      - nal.open: {path: 'NWBIND:\\FAKENW\SYS\CAP_GS1\', owner: SMSCCMBootAcct}
      - wait: 1h
variants: {released: {}, leaked: {expect: leaked}}
"""


def test_a_failure_explains_itself(tmp_path: Path) -> None:
    """A case per run; what is not as expected has the diagnosis with it."""
    (tmp_path / "mine.yaml").write_text(MINE)
    done = CliRunner().invoke(main, ["run", str(tmp_path / "mine.yaml"), "--junit", str(tmp_path / "junit.xml")])
    assert done.exit_code == 1, done.output
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    (suite,) = root
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
    }
    cases = [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite]
    assert cases == [("mine.memory.udp", "released", ["failure"]), ("mine.memory.udp", "leaked", [])]
    failure = suite[0][0]
    assert (failure.get("type"), failure.get("message")) == ("leaked", "leaked, expected released")
    assert "holds a license of FAKENW" in (failure.text or "")


def test_unknown_is_an_error_and_hostile_text_harmless() -> None:
    """What could not be told is an error; markup and control characters do not break the document."""
    fields = {"format": 1, "scenario": "<evil>&", "variant": 'a"\x1b[31m', "on": "memory", "transport": "tcp"}
    run = RunHistory.of([Journal("runner.jsonl", [Record(0, "runner", "run", {**fields, "speed": 1})])])
    (suite,) = ElementTree.fromstring(junit_xml([case_of(Result(run, judge(run)))]))
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert suite[0].get("classname") == "<evil>&.memory.tcp"
    assert suite[0][0].tag == "error"


SCHEMA = etree.XMLSchema(file=str(Path(__file__).parent / "data" / "junit.xsd"))


def ran(verdict: str, **more: object) -> Result:
    """A run that should have been released, and was not even begun: unknown, expected *verdict*."""
    fields = {"format": 1, "scenario": "s", "variant": "v", "on": "memory", "transport": "udp", "expect": verdict}
    run = RunHistory.of([Journal("runner.jsonl", [Record(0, "runner", "run", {**fields, **more, "speed": 1})])])
    return Result(run, judge(run))


def test_every_name_is_unique_and_the_document_valid(tmp_path: Path) -> None:
    """Two runs of one variant are two cases, also if a variant is called what the second would be."""
    results = [ran("released"), ran("unknown"), ran("unknown", variant="v (2)"), ran("leaked", transport="tcp")]
    (tmp_path / "junit.xml").write_text(junit_xml(map(case_of, results)), encoding="utf-8")
    SCHEMA.assertValid(etree.parse(str(tmp_path / "junit.xml")))
    (suite,) = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [(case.get("classname"), case.get("name")) for case in suite] == [
        ("s.memory.udp", "v"),
        ("s.memory.udp", "v (2)"),
        ("s.memory.udp", "v (2) (2)"),
        ("s.memory.tcp", "v"),
    ]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('name="v (2)"', 'name="v"'), (' tests="2"', ""), ("<testcase", "<case")],
)
def test_the_schema_can_fail(right: str, wrong: str) -> None:
    """The schema sees a name that stands twice, what is missing, and what does not belong there."""
    text = junit_xml(map(case_of, [ran("unknown"), ran("unknown")]))
    assert SCHEMA.validate(etree.fromstring(text.encode()))
    assert not SCHEMA.validate(etree.fromstring(text.replace(right, wrong).encode()))


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """Said before anything runs, not after."""
    done = CliRunner().invoke(main, ["run", "Q257223", "--junit", str(tmp_path / "no" / "junit.xml")])
    assert done.exit_code == 2
    assert "is not a file in a directory that exists" in done.output


@pytest.mark.parametrize("command", [("run", "Q257223"), ("load", "--on", "memory")])
def test_a_directory_that_cannot_be_made(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(main, [*command, "--report", str(tmp_path / "file" / "report")])
    assert done.exit_code == 2
    assert "file/report cannot be made: Not a directory" in done.output
