"""The journals that a capture gives, in the place of those of a run's servers.

Rules of this file:

* A server of the run is that of the capture with its name; else the one to whose stations the clients' journals say
  that they were attached on it; else, where one is left on both sides, that one. A server to which no client says that
  it was attached, and of which the capture has nothing, is left out.
* The runner's measurements of a server's clock are about the journal that is replaced, and are left out: the clocks
  are compared by their wall times.
* A server of the capture that the run does not have is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from fakenw.core.settings import RELEASES
from fakenw.journal.policy import POLICIES
from fakenw.journal.record import Journal, JournalError, Record
from fakenw.journal.sentences import harmless
from harness.capture.reading import Given
from harness.judge.history import RunHistory
from harness.judge.writer_clock import Clock


def in_place(run: RunHistory, observed: Callable[[Mapping[str, Given]], Sequence[Journal]]) -> list[Journal]:
    """The journals of *run* with those of a capture for its servers. Raises JournalError.

    *observed*: the journals of the servers in the capture, by what is given of each, by its address.
    """
    others = [client.journal for client in run.clients] + ([run.runner] if run.runner else [])
    servers, there = servers_of(run), observed({})
    left = dict(enumerate(there))
    found: dict[str, int] = {}
    for match in (_by_name, _by_stations):
        for name in servers:
            if name not in found and (n := match(name, left, others)) is not None:
                found[name] = n
                del left[n]
    missing = [name for name in servers if name not in found]
    if len(missing) == len(left) == 1:
        found[missing[0]], missing = next(iter(left)), []
    needed = missing if left else [name for name in missing if _attached(name, others)]
    if needed:
        names = ", ".join(harmless(_name_of(one)) for one in there) or "none"
        raise JournalError(
            f"the capture has no server {harmless(needed[0])}; its servers: {names}; expected --server ADDRESS=NAME"
        )
    given = {address: servers[name] for name, n in found.items() for address in there[n].records[0]["addresses"]}
    own = [journal for journal in observed(given) if _name_of(journal) in found]
    return [*own, *map(_without_server_clocks, others)]


def ended(run: RunHistory) -> int | None:
    """The wall time of the runner's last line, microseconds since 1970; None where there is none."""
    if run.runner is None:
        return None
    clock = Clock.of(run.runner)
    return None if clock.utc is None else round(clock.wall(run.runner.records[-1].t))


def servers_of(run: RunHistory) -> dict[str, Given]:
    """The servers of a run: those of its plan, and those to which clients were attached."""
    found: dict[str, Given] = {}
    for client in run.clients:
        for record in client.journal.records:
            if record.event == "attach" and isinstance(name := record.get("server"), str):
                found[name] = Given(name)
    for entry in run.settings.get("servers") or ():
        name, release, policy = (entry.get(field) for field in Given._fields)
        found[str(name)] = Given(
            str(name), release if release in RELEASES else None, policy if policy in POLICIES else None
        )
    for server in run.servers:
        found[server.name] = Given(server.name, server.records[0].get("release"), server.policy.name)
    return found


def _name_of(journal: Journal) -> str:
    return str(journal.records[0].get("server"))


def _by_name(name: str, observed: Mapping[int, Journal], others: Sequence[Journal]) -> int | None:
    return next((n for n, one in observed.items() if _name_of(one).upper() == name.upper()), None)


def _by_stations(name: str, observed: Mapping[int, Journal], others: Sequence[Journal]) -> int | None:
    """The one with the most stations that clients say to have attached to the server *name*."""
    records = (record for journal in others for record in journal.records)
    attached = {
        record.get("station") for record in records if record.event == "attach" and record.get("server") == name
    }
    common = {n: len(attached.intersection(_stations(one))) for n, one in observed.items()}
    most = max(common, key=lambda n: common[n], default=None)
    return most if most is not None and common[most] else None


def _attached(name: str, others: Sequence[Journal]) -> set[str]:
    """The stations that clients say to have attached to the server *name*."""
    records = (record for journal in others for record in journal.records)
    attaches = (one for one in records if one.event == "attach" and one.get("server") == name)
    return {str(one.get("station")) for one in attaches}


def _stations(journal: Journal) -> Iterator[object]:
    return (record.get("station") for record in journal.records if record.event == "create")


def _without_server_clocks(journal: Journal) -> Journal:
    """The journal with as many lines, of which those about a server's clock say nothing."""
    records = [
        Record(one.t, one.role, one.event) if one.event == "clock" and "server" in one.fields else one
        for one in journal.records
    ]
    return Journal(journal.name, records, journal.torn, journal.files)
