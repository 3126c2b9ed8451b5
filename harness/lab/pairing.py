r"""Which entries of the arbiter can be about which connection: by machine, by server, by account.

Rules of this file:

* It is pure. An entry is about connections of the machine whose registry it is in, and never about one of a server
  that its path does not name.
* An NWBIND path names a server, an NWNDS path a tree: its server has to be given (``trees``). Of several servers of a
  tree the volume's name tells which, as it is by default ``SERVER_VOLUME``. Other paths name no NetWare server.
* Of several dumps of one machine the last one counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fakenw.journal.sentences import harmless
from harness.client.nal_path import NalPath
from harness.lab.accounts import Standing, same_account, standing
from harness.lab.evidence import Dump, ListedConnection
from harness.lab.nal_dump import Dumped


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
class Evidence:
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

    def about(self, one: ListedConnection, dumps: Sequence[Dump]) -> list[DumpedEntry]:
        """The entries of *dumps* that can be about *one*: none names another server. Those without a user are first."""
        entries = [DumpedEntry(dump, values) for dump in dumps for values in dump.entries]
        possible = [entry for entry in entries if self.names(entry.values.path, one.server) is not False]
        return sorted(possible, key=lambda entry: entry.values.zero is False)

    def _place(self, one: ListedConnection) -> object:
        dump = self._by_station.get(one.station)
        return id(dump) if dump else one.address, one.server.upper() if one.server else None
