"""Results on the page of a job: Markdown in which no name is markup, and GitHub's annotations."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.markdown import github_annotations, markdown
from harness.report.text import Result
from tests.harness.handmade_journals import RunnerBook, ServerBook
from tests.programs import invoke

EVIL = "<b>|`~~~~\n::error::x%\x1b[31m"


def leaking(name: str) -> Result:
    """A run that leaks, with *name* wherever a name can stand."""
    server, runner = ServerBook(), RunnerBook()
    server.create(1, 1)
    server.login(2, 1, name)
    server.stop(1000)
    runner.bend("run", scenario=name, variant="v")
    runner.write(500, "mark")
    run = RunHistory.of([server.journal(), runner.journal()])
    return Result(run, judge(run))


def test_a_run_that_leaks() -> None:
    """A row, the story, and the reason of the exit code."""
    lines = markdown([leaking("agent")]).splitlines()
    assert lines[:3] == ["| run | transport | verdict |", "|---|---|---|", "| agent v |  | leaked, expected released |"]
    assert "### agent v" in lines
    assert any(line.startswith("v: leaked: 1 of 1 licenses") for line in lines)
    assert lines[-1] == "exit 1: not as expected: agent v"


def test_no_name_is_markup() -> None:
    lines = markdown([leaking(EVIL)]).splitlines()
    assert lines[2].startswith(r"| \<b\>\|\`\~\~\~\~ ::error::x%\\x1b\[31m v |")
    (fence,) = {line for line in lines if line.startswith("~~~") and not line.strip("~")}
    assert len(fence) == 5
    assert not any("\x1b" in line or ("<b>" in line and not line.startswith(" ")) for line in lines)


def test_an_annotation_is_one_line() -> None:
    """A name cannot end the command, nor begin another."""
    (line,) = github_annotations([leaking(EVIL)])
    assert line.startswith(
        "::error title=<b>|`~~~~\\x0a%3A%3Aerror%3A%3Ax%25\\x1b[31m v%3A leaked%2C expected released::"
    )
    assert "\n" not in line
    assert "%0A" in line


def test_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--github annotates what is not as expected and adds to the page of the job; --summary writes a file."""
    page, summary = tmp_path / "page.md", tmp_path / "summary.md"
    page.write_text("earlier\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    done = invoke("run", "Q257223", "--variant", "counted", "--github", "--summary", summary)
    assert "::error" not in done.output
    assert page.read_text() == "earlier\n" + summary.read_text()
    assert "released, as expected" in summary.read_text()


def test_a_command_without_github_leaves_the_page_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page.md"))
    invoke("run", "Q257223", "--variant", "counted")
    assert not (tmp_path / "page.md").exists()
