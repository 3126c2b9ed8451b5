"""The end of a command: rows, stories, files, the last line, and the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import click

from fakenw.cli.terminal import say
from fakenw.journal.sentences import harmless, harmless_lines
from harness.report import html
from harness.report.junit import case_of, junit_xml
from harness.report.markdown import github_annotations, markdown
from harness.report.text import BAD_USAGE, NOT_EXPECTED, UNKNOWN, Result, exit_code, last_line, story, table


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results are written besides the terminal: the options of a command."""

    as_json: str | None = None
    junit: str | None = None
    summary: str | None = None
    github: bool = False
    job_page: str | None = None  # used with *github* only
    report: Path | None = None


def print_results_and_exit(
    results: Sequence[Result], outputs: Outputs, *, missing: int = 0, every_story: bool = False
) -> NoReturn:
    """Rows, stories, the last line, and the files that are wanted. Ends the program.

    *missing* runs had not ended when the command was stopped.
    """
    as_json, report = outputs.as_json, outputs.report
    to_error = as_json == "-"

    def tell(text: str) -> None:
        say(harmless(text), err=to_error)

    for scenario in dict.fromkeys(result.scenario for result in results):
        mine = [result for result in results if result.scenario == scenario]
        title = mine[0].run.settings.get("title")
        tell(f"{scenario}: {title}" if title else scenario)
        for line in table(mine):
            tell(f"  {line}")
        told = [result for result in mine if every_story or not result.verdict.ok]
        told = told or [result for result in mine if result.verdict.leaked][:1] or mine[: len(mine) == 1]
        for result in told:
            tell("")
            for line in story(result):
                tell(line)
        tell("")
    if as_json:
        write(as_json, json.dumps([result.as_json() for result in results], indent=2) + "\n")
    if outputs.junit:
        write(outputs.junit, junit_xml(map(case_of, results)))
    if outputs.summary:
        write(outputs.summary, markdown(results))
    if outputs.github:
        for line in github_annotations(results):
            click.echo(line, err=to_error)
        if outputs.job_page:
            write(outputs.job_page, markdown(results), mode="a")  # other steps write to the same page
    if report is not None:
        try:
            html.write(report, results)
        except OSError as problem:
            exit_with_usage_error(f"{report}: the report cannot be written: {problem.strerror}")
        say(f"report: {report / 'report.html'}", err=True)
    code = exit_code(results)
    if missing and code != NOT_EXPECTED:
        tell(f"exit 3: stopped before {missing} of {missing + len(results)} runs had ended")
        sys.exit(UNKNOWN)
    tell(last_line(results))
    sys.exit(code)


def write(path: str, text: str, mode: Literal["w", "a"] = "w") -> None:
    if path == "-":
        click.echo(text, nl=False)
        return
    try:
        with Path(path).open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        exit_with_usage_error(f"{path} cannot be written: {problem.strerror}")


def exit_with_usage_error(problem: object) -> NoReturn:
    say(harmless_lines(f"harness: {problem}"), err=True)
    sys.exit(BAD_USAGE)
