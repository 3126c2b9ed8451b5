"""``harness diagnose``: whether a customer's server suffers from Q257223, by the files that the customer sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from fakenw.cli.terminal import say
from fakenw.journal.record import JournalError
from fakenw.journal.sentences import clock, harmless
from harness.capture.reading import Given
from harness.cli.capturing import is_capture, reading_of
from harness.cli.parameters import MomentParam, OutputParam, options
from harness.client.reg_file import RegError
from harness.judge.history import RunHistory, load
from harness.lab.answer import Q257223Answer, decide, name_of
from harness.lab.captured import joined
from harness.lab.connection_list import SIZE_LIMIT, connections
from harness.lab.evidence import Dump, EvidenceError, content, dump, of_run
from harness.lab.nal_dump import OURS, ValueNames
from harness.lab.next_step import sentences
from harness.lab.sightings import ConnectionList, Sightings, seen
from harness.report.output import exit_with_usage_error, write
from harness.report.text import UNKNOWN

LIST = click.Path(exists=True, dir_okay=False, path_type=Path)
JOURNAL = click.Path(exists=True, path_type=Path)


class PairParam(click.ParamType[tuple[str, str]]):
    """``KEY=NAME``; of a value name KEY is path, persistence or reference."""

    def __init__(self, name: str, keys: Sequence[str] = ()) -> None:
        self.name = name
        self._keys = keys

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, _, name = str(value).partition("=")
        if not key or not name or (self._keys and key not in self._keys):
            wanted = [f"{key}=NAME" for key in self._keys] or [self.name]
            self.fail(
                f"{value!r}; expected {' or '.join([', '.join(wanted[:-1]), wanted[-1]][not wanted[1:] :])}", param, ctx
            )
        return key, name


LISTED = click.option(
    "--connections",
    "listed",
    type=LIST,
    multiple=True,
    metavar="LIST",
    help="A list of the server's connections, from MONITOR; may be repeated, in the order of their times.",
)
REGISTRY = click.option(
    "--registry",
    "registries",
    multiple=True,
    metavar="[ADDRESS=]FILE",
    help="The registry of a client, a .reg file or a hive, and which client that is; may be repeated.",
)
ACCOUNT = click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="NAME",
    help="A client connection account of SMS, with which clients log in to the server; may be repeated.",
)
EVIDENCE = options(
    click.option(
        "--journal",
        type=JOURNAL,
        metavar="FILE|DIR",
        help="The server's journal, a capture of its wire, or the directory of a run.",
    ),
    LISTED,
    REGISTRY,
    click.option(
        "--value-name",
        "value_names",
        type=PairParam("WHAT=NAME", tuple(asdict(OURS))),
        multiple=True,
        help="The name of a value there: path=NAME, persistence=NAME or reference=NAME; may be repeated.",
    ),
)
KNOWN = options(
    ACCOUNT,
    click.option(
        "--server",
        "servers",
        multiple=True,
        metavar="NAME",
        help="The server of a capture, or of the lists without a column server: one for all, or one for each in order.",
    ),
    click.option(
        "--tree",
        "trees",
        type=PairParam("TREE=SERVER"),
        multiple=True,
        help="The server that holds the volumes of an NDS tree; may be repeated.",
    ),
    click.option(
        "--as-of",
        type=MomentParam(),
        multiple=True,
        help="When the last list was taken, '2000-08-10 14:00'; or repeated, when each was, in order.",
    ),
)


@click.command(
    epilog="Exit codes: 0 the answer is yes or no, 2 bad usage, 3 the answer is unknown. With --exit-code: 0 Q257223 "
    "was not found, 1 it is certain or probable, 2 bad usage, 3 it could not be told."
)
@EVIDENCE
@KNOWN
@click.option("--json", "as_json", type=OutputParam(dash=True), help="Write the findings as JSON.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if Q257223 is certain or probable, 3 if it could not be told.")
def diagnose(
    journal: Path | None,
    listed: tuple[Path, ...],
    registries: tuple[str, ...],
    value_names: tuple[tuple[str, str], ...],
    accounts: tuple[str, ...],
    servers: tuple[str, ...],
    trees: tuple[tuple[str, str], ...],
    as_of: tuple[datetime, ...],
    as_json: str | None,
    exit_code: bool,
) -> None:
    """Tell whether the bug of Q257223 holds a real server's licenses.

    A list of connections is CSV, or text copied from MONITOR's screen, with the columns connection, user, address,
    licensed, since, server, requests (or in German). It is certain or probable only for a client connection account,
    whose machine's registry has an entry for that server without a user, on a connection that a journal or two lists
    show to be idle. docs/lab.md has the rules.

    The last line is the answer, and its certainty.

    \b
    harness diagnose --connections 0930.csv --connections 1000.csv \\
        --server FS1 --account SMSNW --registry 10.1.1.7=ws7.reg
    harness diagnose --journal server.jsonl --registry 10.1.1.7=ws7.reg
    """
    captured = journal is not None and is_capture(journal)
    if journal is None and not listed:
        exit_with_usage_error("expected --journal or --connections")
    if journal and listed and not captured:
        exit_with_usage_error("expected --journal or --connections, and not both, unless the journal is a capture")
    if journal and (as_of or (servers and not captured)) and not listed:
        exit_with_usage_error(
            "a journal has its server and its times; expected --server and --as-of with --connections"
        )
    for option, given in (("--server", servers), ("--as-of", as_of)):
        if len(given) not in (0, 1, len(listed)):
            exit_with_usage_error(
                f"{option} {len(given)} times for {len(listed)} lists; expected once, or for each list"
            )
    names = replace(OURS, **dict(value_names))
    try:
        there, dumps = _evidence(
            journal, _lists(listed, servers, as_of), names, servers[0] if len(servers) == 1 else None
        )
        dumps = _dumps(registries, names) or dumps
    except (JournalError, EvidenceError, RegError) as problem:
        exit_with_usage_error(harmless(problem))
    holders: dict[str, list[str]] = {}
    for tree, server in trees:
        holders.setdefault(tree.strip("\\").upper(), []).append(server)
    answer = decide(there, dumps, accounts, holders)
    to_error = as_json == "-"
    for line in answer_lines(answer):
        say(line, err=to_error)
    if as_json:
        write(as_json, json.dumps(answer.as_json(), indent=2) + "\n")
    sys.exit(answer.exit_code if exit_code else UNKNOWN if answer.found is None else 0)


def answer_of(
    run: RunHistory, listed: Sequence[Path], registries: Sequence[str], accounts: Sequence[str]
) -> Q257223Answer:
    """The answer about the servers of *run*, joined with lists. Raises EvidenceError, RegError."""
    there, dumps = of_run(run, OURS)
    return decide(joined(there, seen(_lists(listed))), _dumps(registries, OURS) or dumps, accounts)


def _dumps(registries: Sequence[str], names: ValueNames) -> list[Dump]:
    return [dump(*_file_and_address(text), names) for text in registries]


def _lists(files: Sequence[Path], servers: Sequence[str] = (), as_of: Sequence[datetime] = ()) -> list[ConnectionList]:
    """The lists at *files*. Raises EvidenceError."""
    lists = []
    for n, file in enumerate(files):
        data = content(file, "a list of connections", SIZE_LIMIT)
        server = servers[n if servers[1:] else 0] if servers else None
        taken = as_of[n] if len(as_of) == len(files) else as_of[0] if as_of and file is files[-1] else None
        lists.append(ConnectionList(str(file), tuple(connections(data, str(file), server)), taken))
    return lists


def _evidence(
    journal: Path | None, lists: Sequence[ConnectionList], names: ValueNames, name: str | None
) -> tuple[Sightings, list[Dump]]:
    """The connections and the clients' own registries; *name* is that of the server in a capture."""
    if journal is None:
        return seen(lists), []
    captured = is_capture(journal)
    run = RunHistory.of(reading_of([journal]).journals({"": Given(name)})) if captured else load([journal])
    there, dumps = of_run(run, names)
    return joined(there, seen(lists)), dumps


def answer_lines(answer: Q257223Answer) -> list[str]:
    """The answer at length: the tally, the input, each connection, what to do next, and the line that sums it up."""
    return [*answer.tally_lines(), "", *_input_lines(answer), "", *_finding_lines(answer), *_end_lines(answer)]


def _file_and_address(text: str) -> tuple[Path, str]:
    """The parts of ``[ADDRESS=]FILE``. The name of a file that exists may contain a ``=``."""
    address, equals, file = text.partition("=")
    return (Path(file), address) if equals and not Path(text).exists() else (Path(text), "")


def _input_lines(answer: Q257223Answer) -> list[str]:
    """The input, and the role in which each registry value was read."""
    there = [finding.connection for finding in answer.findings]
    lines = [f"{len(there)} connections, {sum(one.licensed for one in there)} of them licensed"]
    for one in answer.dumps:
        lines.append(harmless(f"{one.name} ({one.address or 'of an unknown machine'}): {len(one.entries)} entries"))
        for names in dict.fromkeys(entry.names for entry in one.entries):
            roles = [f"{role} from {name!r}" if name else f"no {role}" for role, name in asdict(names).items()]
            lines.append(harmless(f"  read: {', '.join(roles)}"))
    lines += [harmless(f"{one.name} ({one.address}): not used: a later dump of it is given") for one in answer.unused]
    return lines


def _finding_lines(answer: Q257223Answer) -> list[str]:
    lines = []
    for finding in answer.findings:
        one = finding.connection
        if not one.licensed and not finding.entries:
            continue
        since = f", since {harmless(one.since)}" if one.since else ""
        held = f", held for {clock(one.held_for)}" if one.held_for is not None and one.licensed else ""
        lines.append(f"{name_of(one)}: {'licensed' if one.licensed else 'not licensed'}{since}{held}")
        for entry in finding.entries:
            path = harmless(f"; {entry.values.path}") if entry.values.path else ""
            lines.append(f"  {entry}{path} [{finding.by}]")
        named = {None: "not Q257223", "documented": finding.case, "ordinary": "not Q257223", "unknown": "unknown"}
        verdict = f"Q257223, {finding.sure}" if finding.sure else named[finding.kind]
        lines.append(harmless(f"  {verdict}: {finding.why}"))
        if finding.needs:
            lines.append(f"  to decide: {'; '.join(sentences(finding.needs))}")
    lines += [f"no connection for {entry}" for entry in answer.orphans]
    if answer.without:
        lines.append(f"no entry for connection {', '.join(str(one.number) for one in answer.without)}")
    return [*lines, ""] if lines else lines


def _end_lines(answer: Q257223Answer) -> list[str]:
    return [*(f"next: {step}" for step in answer.next_steps()), "", answer.line()]
