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
  Where the account has another connection from there, in use, the entry may be about that.
* Two other documented cases show: S15, a count that stays above 0 while the connection is idle for longer than an hour,
  which is the usual time between two polls (KB Q302836); and S13, an idle connection of a user who has a newer one, in
  use, from the same machine: of the site server's account S12.
* A license is *unknown* where the evidence is not about it. The answer is undecided where no license could be judged,
  or one that looks like NAL's could not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Literal

from fakenw.journal.record import SECOND
from fakenw.journal.sentences import clock
from harness.lab.accounts import Standing, is_site_server, same_account
from harness.lab.evidence import ListedConnection
from harness.lab.moments import moment
from harness.lab.next_step import Kind, Need
from harness.lab.pairing import DumpedEntry, Evidence

Sure = Literal["certain", "probable", "possible"]
SURE: tuple[Sure, ...] = ("certain", "probable", "possible")
Class = Literal["q257223", "documented", "ordinary", "unknown"]
POLL = 3600 * SECOND


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


def judged(evidence: Evidence) -> list[Finding]:
    """A finding for each connection."""
    return [_judged(one, evidence) for one in evidence.connections]


def _judged(one: ListedConnection, evidence: Evidence) -> Finding:
    finding = Finding(one)
    account, dump = evidence.account(one), evidence.dump_of(one)
    rivals = [other for other in evidence.others(one) if evidence.account(other)]
    if dump:
        finding.entries = evidence.about(one, [dump])
        finding.by = "same address"
    else:
        unknown = [each for each in evidence.dumps if not each.address and not each.stations]
        finding.entries = [
            e for e in evidence.about(one, unknown) if account or same_account(e.values.account, one.user)
        ]
        finding.by = "possibly: of an unknown machine"
    owners = evidence.others(one) if not one.licensed else [] if account else rivals
    if owners:
        finding.entries = []  # they are about another connection of the machine
    if not one.licensed:
        finding.why = "it holds no license" if one.sure else "the capture does not show whether it holds a license"
    elif one.idle is False:
        finding.is_("ordinary", one.activity)
    elif account:
        _judge_nals(finding, account, rivals, evidence)
    else:
        _judge_users(finding, rivals, evidence)
    finding.by = finding.by if finding.entries else ""
    return finding


def _judge_users(finding: Finding, rivals: Sequence[ListedConnection], evidence: Evidence) -> None:
    """The user is not known as an account of NAL's."""
    one = finding.connection
    if any(_is_newer(other, one) for other in evidence.others(one)):
        known_as = "S12" if is_site_server(one.user) else "S13"
        finding.is_("documented", "its user has a newer connection from the same machine, in use", case=known_as)
    elif rivals:
        finding.is_("ordinary", f"NAL's connection from its machine is connection {rivals[0].number}")
    elif any(entry.values.zero for entry in finding.entries):
        why = f"{_seen(finding)}; its user is not known as a client connection account; {one.activity}"
        finding.may_be("possible", why, [Need("account", one.user), *_missing(finding, evidence)])
    elif finding.entries and any(entry.values.zero is None for entry in finding.entries):
        finding.is_("unknown", "the counts of its entry could not be read", needs=_unread(finding))
    elif finding.entries:
        finding.is_("ordinary", "the path is in use: a count of its entry is not 0")
    elif evidence.dump_of(one):
        finding.is_("ordinary", "its user is none of NAL's, and NAL has no entry for it")
    elif evidence.accounts:
        finding.is_("ordinary", "its user is none of the client connection accounts")
    else:
        finding.is_("unknown", _no_dump(evidence), needs=_wanted_dump(one))


def _judge_nals(finding: Finding, account: Standing, rivals: Sequence[ListedConnection], evidence: Evidence) -> None:
    """The user is an account of NAL's, and nothing shows that the connection is in use."""
    one = finding.connection
    zeros = [entry for entry in finding.entries if entry.values.zero]
    counted = [entry for entry in finding.entries if entry.values.zero is False]
    unread = [entry for entry in finding.entries if entry.values.zero is None]
    if not evidence.dump_of(one):
        if zeros:
            needs = [Need("machine", entry.dump.name) for entry in zeros]
            finding.may_be("possible", f"{_seen(finding)}, in a dump of an unknown machine", needs)
        else:
            finding.is_("unknown", _no_dump(evidence), needs=_wanted_dump(one))
    elif counted and len(rivals) >= len(counted):
        why = f"its machine has {len(rivals) + 1} connections to the server, and a count of {len(counted)} is not 0"
        finding.may_be("possible", why, [Need("which", one.address)])
    elif zeros and sum(other.idle is False for other in rivals) >= len(zeros):
        why = f"{_seen(finding)}; it may be about another connection of the machine, in use"
        finding.may_be("possible", why, [Need("which", one.address)])
    elif counted:
        _judge_counted(finding, counted)
    elif unread and zeros:
        finding.may_be("possible", f"{_seen(finding)}, and the counts of another could not be read", _unread(finding))
    elif unread:
        finding.is_("unknown", "the counts of its entry could not be read: see --value-name", needs=_unread(finding))
    elif not zeros:
        why = f"an account of NAL's is licensed, and its registry has no entry for it (any more); {one.activity}"
        finding.may_be("possible", why, [*_missing(finding, evidence, ("list",)), Need("log", one.address)])
    elif needs := _missing(finding, evidence):
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
    return f"both counts are 0{' (one decremented below zero)' if below else ''}, but the entry still exists"


def _missing(
    finding: Finding, evidence: Evidence, kinds: Sequence[Kind] = ("server", "tree", "machine", "list")
) -> list[Need]:
    """What of the signature is not shown, of these *kinds*."""
    one, needs = finding.connection, []
    zeros = [entry for entry in finding.entries if entry.values.zero]
    if not evidence.dump_of(one):
        needs += [Need("machine", entry.dump.name) for entry in zeros]
    if not any(evidence.names(entry.values.path, one.server) for entry in zeros):
        needs += [Need("server")] if one.server is None else []
        paths = [entry.values.path for entry in zeros if entry.values.path]
        needs += [Need("tree", path.server) for path in paths if path.type == "NWNDS"]
        needs += [] if paths else [Need("path", entry.dump.name) for entry in zeros]
    needs += [Need("list")] if one.idle is None else []
    return [need for need in needs if need.kind in kinds]


def _unread(finding: Finding) -> list[Need]:
    return [Need("names", entry.dump.name) for entry in finding.entries if entry.values.zero is None]


def _no_dump(evidence: Evidence) -> str:
    return "there is no dump of its machine" if evidence.dumps else "there is no dump of any machine"


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
