r"""Whether a customer's evidence has the signature of KB Q257223, with a conclusion about each license that is held.

Rules of this file:

* It is pure: from connections and dumps to findings. No license is accused because of its machine alone.
* The signature: NAL's arbiter still has an entry whose two counts are 0, which should have been deleted, and the
  connection of the entry is licensed and idle. *Certain* and *probable* need all of it:

  - the user is a client connection account (``accounts``); one that is known by its name only makes it probable;
  - the registry of the same machine has an entry with two counts of 0 (below zero counts as 0), whose path names that
    server: an NWBIND path does, an NWNDS path only if the server of its tree is given (``trees``);
  - no other entry for that server has a count;
  - a journal, or lists taken apart, show that the connection is idle; without the time it is probable.

* Else, where nothing contradicts, it is *possible*, with the needs that would decide it. The variant in which the key
  was deleted although the release was refused is possible at most: no entry names the server.
* NetWare has one connection from a machine's user to a server. So an entry is about the connection of the account
  there, not about that of the machine's user, and an entry with a count keeps the connection that another has left.
* Two other documented cases show: S15, a count that stays above 0 while the connection is idle for longer than an hour,
  which is the usual time between two polls (KB Q302836); and S13, an idle connection of a user who has a newer one, in
  use, from the same machine.
* A license is *unknown* where the evidence is not about it. The answer is undecided where no license could be judged,
  or one that looks like NAL's could not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Literal

from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock, harmless
from harness.client.nal_path import NalPath
from harness.lab.accounts import Standing, same_account, standing
from harness.lab.evidence import Dump, ListedConnection
from harness.lab.moments import moment
from harness.lab.nal_dump import Dumped
from harness.lab.next_step import Kind, Need

Sure = Literal["certain", "probable", "possible"]
SURE: tuple[Sure, ...] = ("certain", "probable", "possible")
Class = Literal["q257223", "documented", "ordinary", "unknown"]
POLL = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class DumpedEntry:
    """An entry, and the dump that it is in."""

    dump: Dump
    values: Dumped

    def __str__(self) -> str:
        counts = [("persistence", self.values.persistence), ("reference", self.values.reference)]
        summary = ", ".join(f"{name} {_count(count)}" for name, count in counts)
        return harmless(f"{self.values.resource} of {self.values.account} ({self.dump.name}): {summary}")


def _count(count: int | None) -> str:
    if count is None:
        return "not found"
    return f"{count} (decremented below zero: no user)" if count < 0 else str(count)


@dataclass(slots=True)
class Finding:
    """A connection, the entries that may be about it, and the conclusion.

    ``by`` is the reason why the entries may be. ``kind`` is None where no license is held, ``case`` the documented
    case. ``needs`` would decide what is possible or unknown.
    """

    connection: ListedConnection
    entries: list[DumpedEntry] = field(default_factory=list)
    by: str = ""
    kind: Class | None = None
    sure: Sure | None = None
    case: str = ""
    why: str = ""
    needs: tuple[Need, ...] = ()

    def is_(self, kind: Class, why: str, *, case: str = "", needs: Sequence[Need] = ()) -> None:
        """Conclude."""
        self.kind, self.why, self.case, self.needs = kind, why, case, tuple(needs)

    def may_be(self, sure: Sure, why: str, needs: Sequence[Need] = ()) -> None:
        """Conclude that it is Q257223."""
        self.is_("q257223", why, needs=needs)
        self.sure = sure


@dataclass(slots=True)
class Case:
    """The evidence, by machine. *accounts* are the client connection accounts, *trees* the servers of NDS trees."""

    connections: Sequence[ListedConnection]
    dumps: Sequence[Dump]
    accounts: Sequence[str] = ()
    trees: Mapping[str, Sequence[str]] = field(default_factory=dict)
    peers: dict[object, list[ListedConnection]] = field(default_factory=dict)
    _by_address: dict[str, Dump] = field(default_factory=dict)
    _by_station: dict[str, Dump] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for dump in self.dumps:
            if dump.stations:
                self._by_station.update(dict.fromkeys(dump.stations, dump))
            elif dump.address:
                self._by_address[dump.address] = dump  # of several dumps of one machine the last one counts
        for one in self.connections:
            if one.licensed and one.address:
                self.peers.setdefault(self._place(one), []).append(one)

    @property
    def used(self) -> list[Dump]:
        """The dumps that count."""
        return [d for d in self.dumps if d.stations or not d.address or self._by_address[d.address] is d]

    def dump_of(self, one: ListedConnection) -> Dump | None:
        """The dump of its machine."""
        return self._by_station.get(one.station) or self._by_address.get(one.address)

    def others(self, one: ListedConnection) -> list[ListedConnection]:
        """The other licensed connections of its machine to its server."""
        return [other for other in self.peers.get(self._place(one), ()) if other is not one]

    def account(self, one: ListedConnection) -> Standing | None:
        """What speaks for its user as a client connection account."""
        dump = self.dump_of(one)
        owned = [e for e in dump.entries if self.names(e.path, one.server)] if dump else []
        proof = one.opened_by_nal or any(entry.zero and same_account(entry.account, one.user) for entry in owned)
        return standing(one.user, self.accounts, proof=proof)

    def names(self, path: NalPath | None, server: str | None) -> bool | None:
        """Whether *path* names *server*; None: it cannot be told."""
        if path is None:
            return None
        if path.type == "NWNDS":
            holders = [name.upper() for name in self.trees.get(path.server.upper(), ())]
            volume = path.volume.upper().lstrip(".")  # by default it is SERVER_VOLUME.CONTEXT
            if len(holders) > 1:
                holders = [name for name in holders if volume.startswith(f"{name}_")]
            return None if server is None or len(holders) != 1 else holders[0] == server.upper()
        if path.type != "NWBIND":
            return False  # no NetWare server
        return None if server is None else path.server.upper() == server.upper()

    def _place(self, one: ListedConnection) -> object:
        dump = self._by_station.get(one.station)
        return id(dump) if dump else one.address, one.server.upper() if one.server else None


def judged(case: Case) -> list[Finding]:
    """A finding for each connection."""
    return [_judged(one, case) for one in case.connections]


def _judged(one: ListedConnection, case: Case) -> Finding:
    finding = Finding(one)
    account, dump = case.account(one), case.dump_of(one)
    rivals = [other for other in case.others(one) if case.account(other)]
    if dump:
        finding.entries = _about(one, [dump], case)
        finding.by = "same address"
    else:
        unknown = [each for each in case.dumps if not each.address and not each.stations]
        finding.entries = [e for e in _about(one, unknown, case) if account or same_account(e.values.account, one.user)]
        finding.by = "possibly: of an unknown machine"
    owners = case.others(one) if not one.licensed else [] if account else rivals
    if owners:
        finding.entries = []  # they are about another connection of the machine
    if not one.licensed:
        finding.why = "it holds no license"
    elif one.idle is False:
        finding.is_("ordinary", one.activity)
    elif account:
        _judge_nals(finding, account, rivals, case)
    else:
        _judge_users(finding, rivals, case)
    finding.by = finding.by if finding.entries else ""
    return finding


def _about(one: ListedConnection, dumps: Sequence[Dump], case: Case) -> list[DumpedEntry]:
    """The entries that can be about *one*: none names another server. Those without a user are first."""
    entries = [DumpedEntry(dump, values) for dump in dumps for values in dump.entries]
    possible = [entry for entry in entries if case.names(entry.values.path, one.server) is not False]
    return sorted(possible, key=lambda entry: entry.values.zero is False)


def _judge_users(finding: Finding, rivals: Sequence[ListedConnection], case: Case) -> None:
    """The user is not known as an account of NAL's."""
    one = finding.connection
    if any(_is_newer(other, one) for other in case.others(one)):
        finding.is_("documented", "its user has a newer connection from the same machine, in use", case="S13")
    elif rivals:
        finding.is_("ordinary", f"NAL's connection from its machine is connection {rivals[0].number}")
    elif any(entry.values.zero for entry in finding.entries):
        why = f"{_seen(finding)}, but its user is not known as a client connection account; {one.activity}"
        finding.may_be("possible", why, [Need("account", one.user), *_missing(finding, case)])
    elif finding.entries and any(entry.values.zero is None for entry in finding.entries):
        finding.is_("unknown", "the counts of its entry could not be read", needs=_unread(finding))
    elif finding.entries:
        finding.is_("ordinary", "the path is in use: a count of its entry is not 0")
    elif case.dump_of(one):
        finding.is_("ordinary", "its user is none of NAL's, and NAL has no entry for it")
    elif case.accounts:
        finding.is_("ordinary", "its user is none of the client connection accounts")
    else:
        finding.is_("unknown", _no_dump(case), needs=_wanted_dump(one))


def _judge_nals(finding: Finding, account: Standing, rivals: Sequence[ListedConnection], case: Case) -> None:
    """The user is an account of NAL's, and nothing shows that the connection is in use."""
    one = finding.connection
    zeros = [entry for entry in finding.entries if entry.values.zero]
    counted = [entry for entry in finding.entries if entry.values.zero is False]
    unread = [entry for entry in finding.entries if entry.values.zero is None]
    if not case.dump_of(one):
        if zeros:
            needs = [Need("machine", entry.dump.name) for entry in zeros]
            finding.may_be("possible", f"{_seen(finding)}, in a dump of an unknown machine", needs)
        else:
            finding.is_("unknown", _no_dump(case), needs=_wanted_dump(one))
    elif counted and len(rivals) >= len(counted):
        why = f"its machine has {len(rivals) + 1} connections to the server, and a count of {len(counted)} is not 0"
        finding.may_be("possible", why, [Need("which", one.address)])
    elif counted:
        _judge_counted(finding, counted)
    elif unread and zeros:
        finding.may_be("possible", f"{_seen(finding)}, and the counts of another could not be read", _unread(finding))
    elif unread:
        finding.is_("unknown", "the counts of its entry could not be read: see --value-name", needs=_unread(finding))
    elif not zeros:
        why = f"an account of NAL's is licensed, and its registry has no entry for it (any more); {one.activity}"
        finding.may_be("possible", why, [*_missing(finding, case, ("list",)), Need("log", one.address)])
    elif needs := _missing(finding, case):
        finding.may_be("possible", f"{_seen(finding)}; {one.activity}", needs)
    else:
        idle = "idle" if one.idle_for is None else f"idle for {clock(one.idle_for)}"
        sure: Sure = "probable" if account == "hint" or one.idle_for is None or len(rivals) >= len(zeros) else "certain"
        known = {"named": "", "proven": "", "hint": "; its user is known as NAL's by the name only"}[account]
        finding.may_be(sure, f"{_seen(finding)}, and its connection is licensed; {idle}: {one.activity}{known}")


def _judge_counted(finding: Finding, counted: Sequence[DumpedEntry]) -> None:
    idle_for = finding.connection.idle_for
    if idle_for is not None and idle_for > POLL:
        why = f"a count of {counted[0].values.resource} stays above 0, and the connection is idle for {clock(idle_for)}"
        finding.is_("documented", why, case="S15")
    else:
        finding.is_("ordinary", "the path is in use: a count of its entry is not 0")


def _seen(finding: Finding) -> str:
    below = any((count or 0) < 0 for e in finding.entries for count in (e.values.persistence, e.values.reference))
    return f"both counts are 0{' (one was decremented below zero)' if below else ''}, but the entry still exists"


def _missing(finding: Finding, case: Case, kinds: Sequence[Kind] = ("server", "tree", "machine", "list")) -> list[Need]:
    """What of the signature is not shown, of these *kinds*."""
    one, needs = finding.connection, []
    zeros = [entry for entry in finding.entries if entry.values.zero]
    if not case.dump_of(one):
        needs += [Need("machine", entry.dump.name) for entry in zeros]
    if not any(case.names(entry.values.path, one.server) for entry in zeros):
        needs += [Need("server")] if one.server is None else []
        paths = [entry.values.path for entry in zeros if entry.values.path]
        needs += [Need("tree", path.server) for path in paths if path.type == "NWNDS"]
        needs += [] if paths else [Need("path", entry.dump.name) for entry in zeros]
    needs += [Need("list")] if one.idle is None else []
    return [need for need in needs if need.kind in kinds]


def _unread(finding: Finding) -> list[Need]:
    return [Need("names", entry.dump.name) for entry in finding.entries if entry.values.zero is None]


def _no_dump(case: Case) -> str:
    return "there is no dump of its machine" if case.dumps else "there is no dump of any machine"


def _wanted_dump(one: ListedConnection) -> list[Need]:
    return [Need("dump", one.address or f"the machine of connection {one.number}")]


def _is_newer(other: ListedConnection, one: ListedConnection) -> bool:
    """Whether *other* is a later connection of the same user that is in use, while *one* is idle (S13)."""
    since = moment(one.since), moment(other.since)
    if not (one.idle and other.idle is False and one.user and one.user.upper() == other.user.upper()):
        return False
    match since:
        case datetime() as ours, datetime() as theirs:
            return ours < theirs
        case time() as ours, time() as theirs:
            return ours < theirs
    return False
