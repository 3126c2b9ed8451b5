"""The audit of a journal that is too large for memory: line by line, from a file or a pipe."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fakenw.journal.record import parse
from harness.judge.audit import Balance
from harness.judge.audited_server import AuditedServer

MOST = 20  # problems that are told


@dataclass
class Audit:
    """What a journal of one incarnation adds up to."""

    lines: int = 0
    grants: int = 0
    releases: Counter[str] = field(default_factory=Counter)
    holders: int | None = None  # of its last line
    problems: list[str] = field(default_factory=list)


def audit(lines: Iterable[str]) -> Audit:
    """Audit the lines of a journal, and hold none of them."""
    found, server, balance = Audit(), None, Balance()

    def tell(line: int, text: str) -> None:
        if len(found.problems) < MOST:
            found.problems.append(f"line {line}: {text}")

    for number, text in enumerate(lines, 1):
        record = parse(text)
        if server is None:
            server = AuditedServer(record, tell)
        server.line(number, record)
        for _, problem in balance.after(record, server.held):
            tell(number, problem)
        found.lines = number
        if record.event == "grant":
            found.grants += 1
        elif record.event == "release":
            found.releases[str(record["cause"])] += 1
        elif record.event == "stop":
            found.holders = len(record["holders"])
    if server is not None:
        server.close()
    return found


def audit_file(path: Path) -> Audit:
    with path.open(encoding="utf-8") as file:
        return audit(file)


if __name__ == "__main__":
    result = audit(sys.stdin)
    print(json.dumps(vars(result)))
