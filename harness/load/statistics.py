"""The clients' counts of a load. They are no verdict: they are compared with the server's journal.

Rules of this file:

* It stores counts, not events. Refusals are counted by client, and held connections are stored by station.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fakenw.wire.packet import Code

NO_ROOM = ("license", "slot", "account")
NO_ROOM_CODES = (Code.NO_LICENSE, Code.TABLE_FULL, Code.TOO_MANY_CONNECTIONS)


@dataclass
class LoadStatistics:
    """The counts of some clients. Times are microseconds of the load; latencies those of a whole logon."""

    granted: int = 0  # connections
    refused: int = 0  # attempts, for want of a license, a slot or a connection of the account
    released: int = 0  # connections
    failed: Counter[str] = field(default_factory=Counter)  # all other failures, by reason
    clients_refused: dict[int, int] = field(default_factory=dict)  # client: attempts
    waited: int = 0  # microseconds that refused clients were without a license
    held: dict[str, int] = field(default_factory=dict)  # station: client, of connections that were not released
    latencies: list[int] = field(default_factory=list)
    quiet: list[int] = field(default_factory=list)  # of a connected client's reads, before the first refusal
    crowded: list[int] = field(default_factory=list)  # and from then on
    logons: int = 0  # attempts; repeated attempts count once

    def saw(self, client: int, event: str, fields: dict[str, Any]) -> None:
        """Count an event of a client."""
        if event == "attach":
            self.granted += 1
            self.held[fields["station"]] = client
        elif event == "denied" and fields["what"] in NO_ROOM:
            self.refused += 1
            self.clients_refused[client] = self.clients_refused.get(client, 0) + 1
        elif event == "detach":
            self.held.pop(fields["station"], None)
            if "reason" in fields:
                self.failed[fields["reason"]] += 1
            else:
                self.released += 1
        elif event == "work-failed" and fields.get("code") in NO_ROOM_CODES:
            pass  # the refusal of its connection was counted
        elif event in ("denied", "attach-failed", "work-failed"):
            self.failed[str(fields.get("reason") or fields.get("what"))] += 1

    def add(self, other: LoadStatistics) -> None:
        """Add the counts of other clients."""
        self.granted += other.granted
        self.refused += other.refused
        self.released += other.released
        self.failed += other.failed
        self.clients_refused |= other.clients_refused
        self.waited += other.waited
        self.held |= other.held
        self.latencies += other.latencies
        self.quiet += other.quiet
        self.crowded += other.crowded
        self.logons += other.logons

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LoadStatistics:
        """The statistics of ``to_json``; JSON has turned the keys of ``clients_refused`` into strings."""
        refused = {int(client): attempts for client, attempts in data["clients_refused"].items()}
        return cls(**{**data, "failed": Counter(data["failed"]), "clients_refused": refused})
