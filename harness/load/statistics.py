"""What the clients of a load say that they saw. Never a verdict: it is held against the server's journal.

Rules of this file:

* It counts; it keeps no lines. What must be told apart later (who was refused, whose connection stayed) is kept by
  client and by station.
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

    granted: int = 0  # connections that were let in
    refused: int = 0  # attempts for which there was no room
    released: int = 0  # connections that were given back
    failed: Counter[str] = field(default_factory=Counter)  # by reason: anything else that went wrong
    clients_refused: dict[int, int] = field(default_factory=dict)  # client: attempts
    waited: int = 0  # microseconds that refused clients went without
    kept: dict[str, int] = field(default_factory=dict)  # station: client, of connections that nobody needs any more
    latencies: list[int] = field(default_factory=list)
    quiet: list[int] = field(default_factory=list)  # of a read by who is connected, before anybody was refused
    crowded: list[int] = field(default_factory=list)  # and from then on
    done: int = 0  # clients whose days are over
    logons: int = 0  # that were tried, again and again counted once

    def saw(self, client: int, event: str, fields: dict[str, Any]) -> None:
        """An event of a client's journal."""
        if event == "attach":
            self.granted += 1
            self.kept[fields["station"]] = client
        elif event == "denied" and fields["what"] in NO_ROOM:
            self.refused += 1
            self.clients_refused[client] = self.clients_refused.get(client, 0) + 1
        elif event == "detach":
            self.kept.pop(fields["station"], None)
            if "reason" in fields:
                self.failed[fields["reason"]] += 1
            else:
                self.released += 1
        elif event == "work-failed" and fields.get("code") in NO_ROOM_CODES:
            pass  # for want of a connection, whose refusal was counted
        elif event in ("denied", "attach-failed", "work-failed"):
            self.failed[str(fields.get("reason") or fields.get("what"))] += 1

    def add(self, other: LoadStatistics) -> None:
        """Add what other clients saw."""
        self.granted += other.granted
        self.refused += other.refused
        self.released += other.released
        self.failed += other.failed
        self.clients_refused |= other.clients_refused
        self.waited += other.waited
        self.kept |= other.kept
        self.latencies += other.latencies
        self.quiet += other.quiet
        self.crowded += other.crowded
        self.done += other.done
        self.logons += other.logons

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LoadStatistics:
        """What ``to_json`` has made, after a journey as JSON."""
        refused = {int(client): attempts for client, attempts in data["clients_refused"].items()}
        return cls(**{**data, "failed": Counter(data["failed"]), "clients_refused": refused})
