"""The journals of the servers in a capture, from what was observed of each.

Rules of this file:

* Addresses with one name are one server.
* A server that stops releases nothing. So a stream that it closes behind its last packet does not end a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fakenw.journal.record import Journal
from harness.capture import release
from harness.capture.books import Books
from harness.capture.facts import Fact, What
from harness.capture.release import FoundRelease
from harness.capture.seen_server import SeenServer


class Period(NamedTuple):
    """The wall time of the first packet, and the time of the last one since then; both are microseconds."""

    begun: int
    last: int
    idle_after: int


def journals_of(
    observed: Iterable[SeenServer],
    period: Period,
    release_of: str | None,
    policy: str | None,
    names: Mapping[str, str],
) -> list[Journal]:
    """*release_of* and *policy* where they are known otherwise, *names* of servers by address."""
    by_name: dict[str, list[SeenServer]] = {}
    for server in observed:
        by_name.setdefault(names.get(server.address) or server.name or server.address, []).append(server)
    return [
        _journal(name, servers, period, release.found(servers, release_of, policy)) for name, servers in by_name.items()
    ]


def _journal(name: str, servers: list[SeenServer], period: Period, found: FoundRelease) -> Journal:
    start = {"addresses": [server.address for server in servers], "release": found.release, "found": found.how}
    books = Books(name, found.policy, period.begun, period.idle_after, **start)
    spoke = max(server.spoke for server in servers)
    facts = [fact for server in servers for fact in server.facts if not _is_of_a_stop(fact, spoke)]
    books.enter(sorted(facts, key=lambda fact: (fact.t, fact.number)))
    books.end(period.last)
    return Journal(f"server-{name}.jsonl", books.records)


def _is_of_a_stop(fact: Fact, spoke: int) -> bool:
    """Whether a server has closed a stream behind its last packet."""
    return fact.what is What.END and fact.t >= spoke and bool(fact.detail.get("by_server"))
