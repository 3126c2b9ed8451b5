"""What a server has acknowledged to its stations, and whether its journal has it.

Rules of this file:

* A reply acknowledges the lines that the request causes: all of them are in the journal, once and in their order.
* Beyond these a station has at most the lines of the one request whose reply did not arrive.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fakenw.journal.record import Record

# What tells a line of an event from another one of the same station.
_TOLD_BY = {
    "create": "connection",
    "grant": "cause",
    "state": "to",
    "login": "how",
    "open": "handle",
    "shut": "handle",
    "release": "cause",
    "deny": "code",
    "close": "cause",
}


@dataclass
class Acknowledged:
    """The lines that the replies to one station have announced, such as ``open 000000000001``."""

    lines: list[str] = field(default_factory=list)
    unanswered: Sequence[Sequence[str]] = ()  # the events that the last request may have caused: the alternatives


@dataclass
class Findings:
    """How a journal differs from what was acknowledged."""

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)  # doubled, or never asked for
    disordered: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        yield from (f"missing: {line}" for line in self.missing)
        yield from (f"unexpected: {line}" for line in self.unexpected)
        yield from (f"in another order: {line}" for line in self.disordered)


def compare(acknowledged: Mapping[str, Acknowledged], records: Iterable[Record]) -> Findings:
    """Compare the lines of one life of a server with what it has acknowledged to each station."""
    written: defaultdict[str, list[str]] = defaultdict(list)
    for record in records:
        if record.event in _TOLD_BY and record.get("station") is not None:
            written[record["station"]].append(f"{record.event} {record.get(_TOLD_BY[record.event])}")
    findings = Findings()
    for station in sorted({*acknowledged, *written}):
        _compare(station, acknowledged.get(station, Acknowledged()), written[station], findings)
    return findings


def _compare(station: str, told: Acknowledged, written: list[str], findings: Findings) -> None:
    count = len(told.lines)
    rest = [line.split()[0] for line in written[count:]]
    if written[:count] == told.lines and any(rest == list(some[: len(rest)]) for some in (*told.unanswered, ())):
        return
    asked, have = Counter(told.lines), Counter(written)
    missing, extra = list((asked - have).elements()), list((have - asked).elements())
    findings.missing += [f"{station}: {line}" for line in missing]
    if missing or written[:count] != told.lines or not told.unanswered:
        findings.unexpected += [f"{station}: {line}" for line in extra]
        if not missing and not extra:
            findings.disordered.append(f"{station}: {written}, acknowledged {told.lines}")
    else:
        findings.unexpected += [f"{station}: {line}" for line in written[count:]]
