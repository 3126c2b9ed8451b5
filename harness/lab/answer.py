r"""The answer about Q257223: how many licenses there are of each kind, each of them, and the next step.

Rules of this file:

* It is pure: from findings to sentences and JSON. ``signature`` judges.
* ``--json`` has format 1: fields are added, never changed. ``q257223`` is True for *possible* too, null for unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fakenw.journal.sentences import harmless
from harness.lab.evidence import Dump, ListedConnection
from harness.lab.next_step import listed, sentences
from harness.lab.pairing import DumpedEntry, Evidence
from harness.lab.sightings import Sightings
from harness.lab.signature import SURE, Finding, Sure, judged

NONE_FOUND, FOUND, UNDECIDED = 0, 1, 3
_CLASSES = {"documented": "another documented case", "ordinary": "ordinary use", "unknown": "not known"}


@dataclass(slots=True)
class Q257223Answer:
    """``found`` is True for Q257223, even if only possible, False for not, None where it could not be decided."""

    found: bool | None
    sure: Sure | None
    why: str
    findings: list[Finding]
    orphans: list[DumpedEntry]  # without a connection
    without: list[ListedConnection]  # without an entry
    released: list[ListedConnection]  # licenses of an earlier list
    new: list[ListedConnection]  # connections that an earlier list did not have
    dumps: list[Dump]  # those that count
    unused: list[Dump]  # of a machine with a later dump

    def line(self) -> str:
        """The answer in one line."""
        if self.found is None:
            return f"could not be decided: {self.why}"
        return f"Q257223 ({self.sure}): {self.why}" if self.found else f"not Q257223: {self.why}"

    @property
    def exit_code(self) -> int:
        """0 Q257223 was not found, 1 it is certain or probable, 3 it could not be told."""
        if self.found is None or self.sure == "possible":
            return UNDECIDED
        return FOUND if self.found else NONE_FOUND

    def of(self, kind: str) -> list[Finding]:
        """The findings of a class, or of Q257223 with the certainty *kind*."""
        return [finding for finding in self.findings if kind in (finding.kind, finding.sure)]

    def tally(self) -> dict[str, Any]:
        """How many licenses there are of each kind; of the documented cases, by their number in the catalogue."""
        return {
            "licensed": sum(finding.connection.licensed for finding in self.findings),
            "q257223": {sure: len(self.of(sure)) for sure in SURE},
            "documented": dict(Counter(finding.case for finding in self.of("documented"))),
            "ordinary": len(self.of("ordinary")),
            "unknown": len(self.of("unknown")),
            "released": len(self.released),
            "new": len(self.new),
        }

    def tally_lines(self) -> list[str]:
        """The tally as a table, with the numbers of few connections."""
        licensed = [finding.connection for finding in self.findings if finding.connection.licensed]
        servers = listed(list(dict.fromkeys(one.server for one in licensed if one.server)))
        rows = [(f"Q257223, {sure}", self.of(sure)) for sure in SURE]
        rows += [(text, self.of(kind)) for kind, text in _CLASSES.items()]
        lines = [harmless(f"{_count(len(licensed), 'license')}{f' of {servers}' if servers else ''}")]
        for text, found in rows:
            cases = Counter(finding.case for finding in found if finding.case)
            told = listed([short(finding.connection) for finding in found])
            told = ", ".join(f"{case} ({number})" for case, number in cases.items()) + ": " + told if cases else told
            lines.append(harmless(f"  {text:<24}{len(found):>5}   {told}".rstrip()))
        for text, gone in (("released since", self.released), ("new since", self.new)):
            if gone:
                lines.append(harmless(f"  {text:<24}{len(gone):>5}   {listed([short(one) for one in gone])}"))
        return lines

    def next_steps(self) -> list[str]:
        """What to do, and what to get to decide more: a sentence each."""
        guilty = [finding.connection for finding in [*self.of("certain"), *self.of("probable")]]
        steps = []
        if guilty:
            steps.append(
                f"clear {listed([short(one) for one in guilty])} in MONITOR (CLEAR STATION on NetWare 3), or restart"
                " the client: that releases the license until the next time; no repair was ever published"
                " (harness explain Q257223, harness matrix)"
            )
        for case in dict.fromkeys(finding.case for finding in self.of("documented")):
            steps.append(f"read what is documented about {case}: harness explain {case}")
        needs = [need for finding in self.of("possible") for need in finding.needs]
        needs += [need for finding in self._suspects() for need in finding.needs]
        steps += [f"get {sentence}" for sentence in sentences(needs)]
        if self.of("unknown") and not needs:
            steps.append("name the client connection accounts with --account: licenses of other users were not judged")
        return [harmless(step) for step in steps] or ["nothing: no license is held without need, as far as this shows"]

    def _suspects(self) -> list[Finding]:
        """Those that make the answer undecided; without a suspect nothing is wanted about them."""
        unknown = self.of("unknown")
        return unknown if self.found is None else [one for one in unknown if one.entries]

    def as_json(self) -> dict[str, Any]:
        """The answer for ``--json``."""
        return {
            "format": 1,
            "q257223": self.found,
            "sure": self.sure,
            "why": self.why,
            "connections": [
                {
                    **_json(finding.connection),
                    "entries": [_entry_json(entry) for entry in finding.entries],
                    "explained_by": finding.by or None,
                    "q257223": None if finding.kind == "unknown" else finding.sure is not None,
                    "sure": finding.sure,
                    "why": finding.why,
                    "class": finding.kind,
                    "case": finding.case or None,
                    "to_decide": sentences(finding.needs),
                }
                for finding in self.findings
            ],
            "entries_without_connection": [_entry_json(entry) for entry in self.orphans],
            "connections_without_entry": [one.number for one in self.without],
            "tally": self.tally(),
            "next": self.next_steps(),
            "released": [_json(one) for one in self.released],
        }


def decide(
    seen: Sightings,
    dumps: Sequence[Dump],
    accounts: Sequence[str] = (),
    trees: Mapping[str, Sequence[str]] | None = None,
) -> Q257223Answer:
    """Judge the licenses of the connections that are there by the entries in *dumps*.

    *accounts* are client connection accounts; *trees* are the servers of NDS trees, whose names are upper case.
    """
    evidence = Evidence(seen.there, dumps, accounts, trees or {})
    findings = judged(evidence)
    paired = {id(entry.values) for finding in findings for entry in finding.entries}
    orphans = [DumpedEntry(d, values) for d in evidence.used for values in d.entries if id(values) not in paired]
    without = [finding.connection for finding in findings if not finding.entries]
    unused = [dump for dump in dumps if not any(dump is used for used in evidence.used)]
    found, sure, why = _conclude([one for one in findings if one.connection.licensed], orphans, evidence)
    return Q257223Answer(found, sure, why, findings, orphans, without, seen.released, seen.new, evidence.used, unused)


def _conclude(
    findings: Sequence[Finding], orphans: Sequence[DumpedEntry], evidence: Evidence
) -> tuple[bool | None, Sure | None, str]:
    if guilty := [finding for finding in findings if finding.sure]:
        worst = min(guilty, key=lambda finding: SURE.index(finding.sure or "possible"))
        why = f"{worst.why}; to decide: {'; '.join(sentences(worst.needs))}" if worst.needs else worst.why
        as_sure = [finding for finding in guilty if finding.sure == worst.sure]
        return True, worst.sure, f"{name_of(worst.connection)}: {why}{_more(as_sure)}"
    if unsure := [one for one in evidence.connections if not one.licensed and not one.sure]:
        more = f" (and {len(unsure) - 1} more)" if unsure[1:] else ""
        return None, None, f"{name_of(unsure[0])}: the capture does not show whether it holds a license{more}"
    if not findings:
        return False, None, "no connection is licensed"
    unknown = [finding for finding in findings if finding.kind == "unknown"]
    judged_some = len(unknown) < len(findings)
    if suspects := [one for one in unknown if one.entries or evidence.account(one.connection) or not judged_some]:
        return None, None, f"{name_of(suspects[0].connection)}: {suspects[0].why}{_more(suspects)}"
    reasons = list(dict.fromkeys(finding.why for finding in findings if finding.kind != "unknown"))
    reasons = [*reasons[:3], f"{len(reasons) - 3} other reasons"] if reasons[4:] else reasons
    if stale := [entry for entry in orphans if entry.values.zero]:
        reasons.append(f"entries with counts of 0 that have no connection: {len(stale)}")
    if unknown:
        reasons.append(f"licensed connections of other users, without a dump, that were not judged: {len(unknown)}")
    return False, None, "; ".join(reasons)


def _more(findings: Sequence[Finding]) -> str:
    return f" (and {len(findings) - 1} more)" if findings[1:] else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def short(one: ListedConnection) -> str:
    """Number and server: what identifies a connection."""
    return harmless(f"connection {one.number}{f' on {one.server}' if one.server else ''}")


def name_of(one: ListedConnection) -> str:
    """A connection in a sentence: number, server, user, address."""
    user, address = f" of {one.user}" if one.user else "", f" at {one.address}" if one.address else ""
    return harmless(f"{short(one)}{user}{address}")


def _json(one: ListedConnection) -> dict[str, Any]:
    return {
        "connection": one.number,
        "user": one.user or None,
        "address": one.address or None,
        "licensed": one.licensed,
        "since": one.since or None,
        "server": one.server,
        "requests": one.requests,
        "idle": one.idle,
        "idle_for": None if one.idle_for is None else one.idle_for / 1_000_000,
        "held_for": None if one.held_for is None else one.held_for / 1_000_000,
    }


def _entry_json(entry: DumpedEntry) -> dict[str, Any]:
    values = entry.values
    return {
        "dump": entry.dump.name,
        "account": values.account,
        "key": values.key,
        "path": str(values.path) if values.path else None,
        "persistence": values.persistence,
        "reference": values.reference,
    }
