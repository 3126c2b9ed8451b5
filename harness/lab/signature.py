r"""Whether what a customer sent has the signature of KB Q257223, and what explains each license that is held.

Rules of this file:

* It is pure: from connections and dumps to findings.
* The signature: NAL's arbiter has an entry whose two counts are 0, which should be gone; it still stands, and so does
  the connection it is about, licensed and idle. The variant, where the key was deleted although the release was
  refused: a licensed, idle connection of an account of the client's NAL, and no entry at all.
* An entry is about a connection of the machine whose registry it is in. If that has several, nobody can tell which:
  those come first that are licensed, of an account of NAL's, and idle if the counts are 0. A dump of nobody knows
  whose machine is only possibly about a connection, of the same user or of the same server.
* *certain* needs an address and a journal, which tells what is idle. With a list in place of the journal, with several
  connections to choose from, or by the variant, it is *probable*; without an address, or by the variant without a
  journal, *possible*.
* What was not judged is not acquitted: where no license could be judged, or one that looks like NAL's was not, it
  cannot be told.
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
    said: Dumped

    @property
    def zero(self) -> bool | None:
        """Whether both counts are 0; None where one could not be read."""
        if self.said.persistence or self.said.reference:
            return False
        return None if self.said.persistence is None or self.said.reference is None else True

    def __str__(self) -> str:
        counts = [("persistence", self.said.persistence), ("reference", self.said.reference)]
        told = ", ".join(f"{name} {'not found' if count is None else count}" for name, count in counts)
        return harmless(f"{self.said.resource} of {self.said.account} ({self.dump.name}): {told}")


@dataclass(slots=True)
class Finding:
    """A connection: the entries that explain it, by what, and what that makes of it.

    ``choice``: the machine has others that the entry may be about as well. ``sure`` is None where it is not Q257223;
    ``judged`` is False where nothing could be said.
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
    """``told`` is True for Q257223, False for not, None where it could not be told."""

    told: bool | None
    sure: Sure | None
    why: str
    findings: list[Finding]
    orphans: list[DumpedEntry]  # without a connection
    without: list[ListedConnection]  # without an entry

    def line(self) -> str:
        """The last line."""
        if self.told is None:
            return f"could not be told: {self.why}"
        return f"Q257223 ({self.sure}): {self.why}" if self.told else f"not Q257223: {self.why}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "format": 1,
            "q257223": self.told,
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
    """A connection as people write it."""
    user, address = f" of {one.user}" if one.user else "", f" at {one.address}" if one.address else ""
    return harmless(f"connection {one.number}{user}{address}")


def decide(connections: Sequence[ListedConnection], dumps: Sequence[Dump]) -> Q257223Answer:
    """What *dumps* make of the licenses that *connections* hold."""
    findings = [Finding(one) for one in connections]
    orphans = _pair(findings, dumps)
    for finding in findings:
        _judge(finding, dumps)
    without = [finding.connection for finding in findings if not finding.entries]
    told, sure, why = _conclude([one for one in findings if one.connection.licensed], orphans, dumps)
    return Q257223Answer(told, sure, why, findings, orphans, without)


def _pair(findings: Sequence[Finding], dumps: Sequence[Dump]) -> list[DumpedEntry]:
    """Give each entry the connection it may be about. Returns the entries that are about none."""
    orphans: list[DumpedEntry] = []
    strangers: list[DumpedEntry] = []
    for dump in dumps:
        for said in sorted(dump.entries, key=lambda said: bool(said.persistence or said.reference)):
            entry = DumpedEntry(dump, said)
            if not dump.address:
                strangers.append(entry)
                continue
            here = [one for one in findings if one.connection.address == dump.address]
            mine = [one for one in here if not one.entries and _may_be(entry, one.connection)]
            if not mine:
                orphans.append(entry)
                continue
            ranks = [_rank(entry, one.connection, dumps) for one in mine]
            first = mine[ranks.index(min(ranks))]
            first.entries.append(entry)
            first.by, first.choice = "same address", ranks.count(min(ranks)) > 1
            if first.choice:
                first.by += f", as {ranks.count(min(ranks))} connections have"
    known = {dump.address for dump in dumps if dump.address}
    servers = {entry.said.path.server.upper() for entry in strangers if entry.said.path}
    for entry in strangers:
        found = False
        for one in findings:
            if not one.connection.licensed or one.connection.address in known or not _may_be(entry, one.connection):
                continue
            same = []
            if one.connection.user and one.connection.user.upper() == entry.said.account.upper():
                same.append("same user")
            server = one.connection.server
            if entry.said.path and (server or (len(servers) == 1 and _nals(one.connection, dumps))):
                same.append("same server" if server else "the only server in the dumps")
            if same:
                one.entries.append(entry)
                one.by = f"possibly: {' and '.join(same)}, of an unknown machine"
                found = True
        if not found:
            orphans.append(entry)
    return orphans


def _rank(entry: DumpedEntry, connection: ListedConnection, dumps: Sequence[Dump]) -> tuple[bool, bool, bool]:
    """How badly a connection of the same machine fits: the smallest fits best."""
    in_use = connection.idle == 0
    return not connection.licensed, not _nals(connection, dumps), in_use if entry.zero else not in_use


def _may_be(entry: DumpedEntry, connection: ListedConnection) -> bool:
    """Whether nothing speaks against it: both may name a server."""
    if connection.server is None or entry.said.path is None or entry.said.path.type == "NWNDS":
        return True  # of NWNDS the tree is named, not the server
    return entry.said.path.server.upper() == connection.server.upper()


def _nals(connection: ListedConnection, dumps: Sequence[Dump]) -> bool:
    """Whether its user looks like one of NAL's: the owner of keys in a dump, or of SMS (KB Q231399, Q237759)."""
    user = connection.user.upper()
    mine = {account for dump in dumps if dump.address in ("", connection.address) for account in dump.accounts}
    return user.startswith("SMS") or user in mine


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
            idle = f"idle for {clock(one.idle)}" if one.idle else "whether it is idle, a list does not tell"
            finding.why = f"both counts are 0, and still the entry stands, and its connection is licensed; {idle}"
        elif unread:
            finding.why = "the counts of its entry could not be read: see --value-name"
        else:
            finding.judged = True
            finding.why = "somebody counts on it: a count of its entry is not 0"
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
    said = entry.said
    return {
        "dump": entry.dump.name,
        "account": said.account,
        "key": said.key,
        "path": str(said.path) if said.path else None,
        "persistence": said.persistence,
        "reference": said.reference,
    }
