r"""Whether a customer's evidence has the signature of KB Q257223, with an explanation of each license that is held.

Rules of this file:

* It is pure: from connections and dumps to findings.
* The signature: NAL's arbiter still has an entry whose two counts are 0, which should have been deleted, and the
  connection of the entry is licensed and idle. The variant, in which the key was deleted although the release was
  refused: a licensed, idle connection of an account of the client's NAL, and no entry.
* An entry is paired with a connection of the machine whose registry it is in. Of several, connections come first that
  are licensed, of an account of NAL's, and idle if the counts are 0. An entry of an unknown machine is possibly about
  every connection of the same user or of the same server.
* The finding is *certain* only with an address and a journal, which has the idle times. With a list in place of the
  journal, with several connections to choose from, or by the variant, it is *probable*; without an address, or by the
  variant without a journal, *possible*.
* The answer is undecided where no license could be judged, or one that looks like NAL's could not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fakenw.journal.sentences import clock, harmless
from harness.lab.evidence import Dump, ListedConnection
from harness.lab.nal_dump import Dumped

Sure = Literal["certain", "probable", "possible"]
SURE: tuple[Sure, ...] = ("certain", "probable", "possible")


@dataclass(frozen=True, slots=True)
class DumpedEntry:
    """An entry, and the dump that it is in."""

    dump: Dump
    values: Dumped

    @property
    def zero(self) -> bool | None:
        """Whether both counts are 0; None where one of them was not found."""
        if self.values.persistence or self.values.reference:
            return False
        return None if self.values.persistence is None or self.values.reference is None else True

    def __str__(self) -> str:
        counts = [("persistence", self.values.persistence), ("reference", self.values.reference)]
        summary = ", ".join(f"{name} {'not found' if count is None else count}" for name, count in counts)
        return harmless(f"{self.values.resource} of {self.values.account} ({self.dump.name}): {summary}")


@dataclass(slots=True)
class Finding:
    """A connection, the entries that are paired with it, and the conclusion.

    ``by`` is the reason of the pairing. ``choice``: the entry may be about another connection of the machine as well.
    ``sure`` is None where it is not Q257223, ``judged`` False where the evidence does not suffice.
    """

    connection: ListedConnection
    entries: list[DumpedEntry] = field(default_factory=list)
    by: str = ""
    choice: bool = False
    sure: Sure | None = None
    judged: bool = False
    why: str = ""


@dataclass(slots=True)
class Q257223Answer:
    """``found`` is True for Q257223, False for not, None where it could not be decided."""

    found: bool | None
    sure: Sure | None
    why: str
    findings: list[Finding]
    orphans: list[DumpedEntry]  # without a connection
    without: list[ListedConnection]  # without an entry

    def line(self) -> str:
        """The answer in one line."""
        if self.found is None:
            return f"could not be decided: {self.why}"
        return f"Q257223 ({self.sure}): {self.why}" if self.found else f"not Q257223: {self.why}"

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
                    "q257223": finding.sure is not None if finding.judged else None,
                    "sure": finding.sure,
                    "why": finding.why,
                }
                for finding in self.findings
            ],
            "entries_without_connection": [_entry_json(entry) for entry in self.orphans],
            "connections_without_entry": [one.number for one in self.without],
        }


def name_of(one: ListedConnection) -> str:
    """A connection in a sentence: number, user, address."""
    user, address = f" of {one.user}" if one.user else "", f" at {one.address}" if one.address else ""
    return harmless(f"connection {one.number}{user}{address}")


def decide(connections: Sequence[ListedConnection], dumps: Sequence[Dump]) -> Q257223Answer:
    """Judge the licenses of *connections* by the entries in *dumps*."""
    findings = [Finding(one) for one in connections]
    orphans = _pair(findings, dumps)
    for finding in findings:
        _judge(finding, dumps)
    without = [finding.connection for finding in findings if not finding.entries]
    found, sure, why = _conclude([one for one in findings if one.connection.licensed], orphans, dumps)
    return Q257223Answer(found, sure, why, findings, orphans, without)


def _pair(findings: Sequence[Finding], dumps: Sequence[Dump]) -> list[DumpedEntry]:
    """Add each entry to the finding that it may be about. Returns the entries without one."""
    orphans: list[DumpedEntry] = []
    of_unknown: list[DumpedEntry] = []
    for dump in dumps:
        for values in sorted(dump.entries, key=lambda values: bool(values.persistence or values.reference)):
            entry = DumpedEntry(dump, values)
            if not dump.address:
                of_unknown.append(entry)
                continue
            here = [one for one in findings if one.connection.address == dump.address]
            candidates = [one for one in here if not one.entries and _may_be(entry, one.connection)]
            if not candidates:
                orphans.append(entry)
                continue
            ranks = [_rank(entry, one.connection, dumps) for one in candidates]
            first = candidates[ranks.index(min(ranks))]
            first.entries.append(entry)
            first.by, first.choice = "same address", ranks.count(min(ranks)) > 1
            if first.choice:
                first.by += f", as {ranks.count(min(ranks))} connections have"
    known = {dump.address for dump in dumps if dump.address}
    servers = {entry.values.path.server.upper() for entry in of_unknown if entry.values.path}
    for entry in of_unknown:
        found = False
        for one in findings:
            if not one.connection.licensed or one.connection.address in known or not _may_be(entry, one.connection):
                continue
            same = []
            if one.connection.user and one.connection.user.upper() == entry.values.account.upper():
                same.append("same user")
            server = one.connection.server
            if entry.values.path and (server or (len(servers) == 1 and _nals(one.connection, dumps))):
                same.append("same server" if server else "the only server in the dumps")
            if same:
                one.entries.append(entry)
                one.by = f"possibly: {' and '.join(same)}, of an unknown machine"
                found = True
        if not found:
            orphans.append(entry)
    return orphans


def _rank(entry: DumpedEntry, connection: ListedConnection, dumps: Sequence[Dump]) -> tuple[bool, bool, bool]:
    """The rank of a connection of the same machine for *entry*; the smallest is the best."""
    in_use = connection.idle == 0
    return not connection.licensed, not _nals(connection, dumps), in_use if entry.zero else not in_use


def _may_be(entry: DumpedEntry, connection: ListedConnection) -> bool:
    """Whether *entry* can be about *connection*: they do not name two different servers."""
    if connection.server is None or entry.values.path is None or entry.values.path.type == "NWNDS":
        return True  # an NWNDS path names the tree, not the server
    return entry.values.path.server.upper() == connection.server.upper()


def _nals(connection: ListedConnection, dumps: Sequence[Dump]) -> bool:
    """Whether its user looks like one of NAL's: the owner of keys in a dump, or of SMS (KB Q231399, Q237759)."""
    user = connection.user.upper()
    owners = {account for dump in dumps if dump.address in ("", connection.address) for account in dump.accounts}
    return user.startswith("SMS") or user in owners


def _judge(finding: Finding, dumps: Sequence[Dump]) -> None:
    one = finding.connection
    journal = one.idle is not None
    by_address = [dump for dump in dumps if dump.address and dump.address == one.address]
    if not one.licensed:
        finding.judged = True
        finding.why = "it holds no license"
    elif one.idle == 0 or one.files > 0:
        finding.judged = True
        finding.why = "it has files open" if one.files else "it is not idle"
    elif finding.entries:
        zeros = [entry for entry in finding.entries if entry.zero]
        unread = [entry for entry in finding.entries if entry.zero is None]
        if zeros:
            finding.judged = True
            clear = journal and not finding.choice
            finding.sure = "possible" if not by_address else "certain" if clear else "probable"
            idle = f"idle for {clock(one.idle)}" if one.idle else "a list does not show whether it is idle"
            finding.why = f"both counts are 0, but the entry still exists, and its connection is licensed; {idle}"
        elif unread:
            finding.why = "the counts of its entry could not be read: see --value-name"
        else:
            finding.judged = True
            finding.why = "the path is in use: a count of its entry is not 0"
    elif by_address:
        finding.judged = True
        if _nals(one, dumps):
            finding.sure = "probable" if journal else "possible"
            finding.why = "an account of NAL's is licensed, and its registry has no entry for it (any more)"
        else:
            finding.why = "its user is none of NAL's, and NAL has no entry for it"
    else:
        finding.why = "there is no dump of its machine" if dumps else "there is no dump of any machine"


def _conclude(
    findings: Sequence[Finding], orphans: Sequence[DumpedEntry], dumps: Sequence[Dump]
) -> tuple[bool | None, Sure | None, str]:
    guilty = [finding for finding in findings if finding.sure]
    if guilty:
        worst = min(guilty, key=lambda finding: SURE.index(finding.sure or "possible"))
        more = f" (and {len(guilty) - 1} more)" if guilty[1:] else ""
        return True, worst.sure, f"{name_of(worst.connection)}: {worst.why}{more}"
    if not findings:
        return False, None, "no connection is licensed"
    open_questions = [finding for finding in findings if not finding.judged]
    judged = len(findings) - len(open_questions)
    suspects = [one for one in open_questions if one.entries or _nals(one.connection, dumps) or not judged]
    if suspects:
        more = f" (and {len(suspects) - 1} more)" if suspects[1:] else ""
        return None, None, f"{name_of(suspects[0].connection)}: {suspects[0].why}{more}"
    reasons = list(dict.fromkeys(finding.why for finding in findings if finding.judged))
    if stale := [entry for entry in orphans if entry.zero]:
        reasons.append(f"entries with counts of 0 that have no connection: {len(stale)}")
    if open_questions:
        reasons.append(
            f"licensed connections of other users, without a dump, that were not judged: {len(open_questions)}"
        )
    return False, None, "; ".join(reasons)


def _json(one: ListedConnection) -> dict[str, Any]:
    return {
        "connection": one.number,
        "user": one.user or None,
        "address": one.address or None,
        "licensed": one.licensed,
        "since": one.since or None,
        "server": one.server,
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
