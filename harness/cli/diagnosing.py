"""``harness diagnose``: whether a customer's server suffers from Q257223, by the files that the customer sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from fakenw.journal.record import JournalError
from fakenw.journal.sentences import harmless
from harness.cli.parameters import OutputParam
from harness.client.reg_file import RegError
from harness.judge.history import load
from harness.lab.evidence import Dump, EvidenceError, ListedConnection, connections, dump, of_run
from harness.lab.nal_dump import OURS, ValueNames
from harness.lab.signature import Q257223Answer, decide, name_of
from harness.report.output import exit_with_usage_error, write
from harness.report.text import UNKNOWN

CSV = click.Path(exists=True, dir_okay=False, path_type=Path)
JOURNAL = click.Path(exists=True, path_type=Path)


class ValueNameParam(click.ParamType[tuple[str, str]]):
    """``path=NAME``, ``persistence=NAME`` or ``reference=NAME``."""

    name = "WHAT=NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        what, _, name = str(value).partition("=")
        if what not in asdict(OURS) or not name:
            self.fail(f"{value!r}; expected path=NAME, persistence=NAME or reference=NAME", param, ctx)
        return what, name


@click.command()
@click.option("--journal", type=JOURNAL, metavar="FILE|DIR", help="The server's journal, or the directory of a run.")
@click.option("--connections", "listed", type=CSV, metavar="LIST.csv", help="The server's connections, from MONITOR.")
@click.option(
    "--registry",
    "registries",
    multiple=True,
    metavar="[ADDRESS=]FILE",
    help="The registry of a client, a .reg file or a hive, and which client that is; may be repeated.",
)
@click.option(
    "--value-name",
    "value_names",
    type=ValueNameParam(),
    multiple=True,
    help="The name of a value there: path=NAME, persistence=NAME or reference=NAME; may be repeated.",
)
@click.option("--json", "as_json", type=OutputParam(dash=True), help="Write the findings as JSON.")
def diagnose(
    journal: Path | None,
    listed: Path | None,
    registries: tuple[str, ...],
    value_names: tuple[tuple[str, str], ...],
    as_json: str | None,
) -> None:
    """Determine whether the licenses of a real server are held by the bug of Q257223.

    A list of connections is CSV with the columns connection, user, address, licensed, since. The last line is the
    answer, and its certainty. Exit codes: 0 the answer is yes or no; 2 bad input; 3 the answer is unknown.

    \b
    harness diagnose --connections list.csv --registry 10.1.1.7=ws7.reg --registry 10.1.1.9=ws9.reg
    harness diagnose --journal server.jsonl --registry 10.1.1.7=ws7.reg
    """
    if (journal is None) == (listed is None):
        exit_with_usage_error("expected --journal or --connections, and not both")
    names = replace(OURS, **dict(value_names))
    try:
        there, dumps = _evidence(journal, listed, names)
        if registries:
            dumps = [dump(*_file_and_address(text), names) for text in registries]
    except (JournalError, EvidenceError, RegError) as problem:
        exit_with_usage_error(harmless(problem))
    answer = decide(there, dumps)
    to_error = as_json == "-"
    for line in [*_input_lines(there, dumps), "", *_finding_lines(answer), answer.line()]:
        click.echo(line, err=to_error)
    if as_json:
        write(as_json, json.dumps(answer.as_json(), indent=2) + "\n")
    sys.exit(UNKNOWN if answer.found is None else 0)


def _evidence(
    journal: Path | None, listed: Path | None, names: ValueNames
) -> tuple[list[ListedConnection], list[Dump]]:
    if journal is not None:
        return of_run(load([journal]), names)
    assert listed is not None
    try:
        return connections(listed.read_bytes(), str(listed)), []
    except OSError as problem:
        raise EvidenceError(f"{listed}: cannot be read: {problem.strerror}; expected a list of connections") from None


def _file_and_address(text: str) -> tuple[Path, str]:
    """The parts of ``[ADDRESS=]FILE``. The name of a file that exists may contain a ``=``."""
    address, equals, file = text.partition("=")
    return (Path(file), address) if equals and not Path(text).exists() else (Path(text), "")


def _input_lines(there: Sequence[ListedConnection], dumps: Sequence[Dump]) -> list[str]:
    """The input, and the role in which each registry value was read."""
    licensed = sum(connection.licensed for connection in there)
    lines = [f"{len(there)} connections, {licensed} of them licensed"]
    for one in dumps:
        lines.append(harmless(f"{one.name} ({one.address or 'of an unknown machine'}): {len(one.entries)} entries"))
        for names in dict.fromkeys(entry.names for entry in one.entries):
            roles = [f"{role} from {name!r}" if name else f"no {role}" for role, name in asdict(names).items()]
            lines.append(harmless(f"  read: {', '.join(roles)}"))
    return lines


def _finding_lines(answer: Q257223Answer) -> list[str]:
    lines = []
    for finding in answer.findings:
        if not finding.connection.licensed and not finding.entries:
            continue
        since = f", since {harmless(finding.connection.since)}" if finding.connection.since else ""
        state = "licensed" if finding.connection.licensed else "not licensed"
        lines.append(f"{name_of(finding.connection)}: {state}{since}")
        for entry in finding.entries:
            path = harmless(f"; {entry.values.path}") if entry.values.path else ""
            lines.append(f"  {entry}{path} [{finding.by}]")
        verdict = f"Q257223, {finding.sure}" if finding.sure else "not Q257223" if finding.judged else "unknown"
        lines.append(f"  {verdict}: {finding.why}")
    lines += [f"no connection for {entry}" for entry in answer.orphans]
    if answer.without:
        lines.append(f"no entry for connection {', '.join(str(one.number) for one in answer.without)}")
    return [*lines, ""] if lines else lines
