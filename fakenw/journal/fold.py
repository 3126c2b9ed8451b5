"""A server's journal, folded: the state that its lines so far add up to.

Rules of this file:

* A fold covers one incarnation of a server, from its ``start`` on. Another ``start`` needs another fold.
* It accepts every line and judges none: ``harness.judge.audit`` does, with books of its own. A field that is missing or
  of the wrong type changes nothing.
* It holds the present only. A connection, holding, idle time or open file that has ended gets its end and is dropped;
  ``harness.judge.history`` retains them.
* Times are microseconds on the server's clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fakenw.journal.policy import POLICIES, Policy
from fakenw.journal.record import Record, microseconds

GIVEN_BACK = frozenset({"logout", "destroy", "unlicense"})
"""Causes with which a client releases its unit; with every other cause the server reclaims it."""

RECLAIMED = (
    "bad-signature",
    "busy",
    "cleared",
    "expired",
    "idle-policy",
    "lost",
    "reinitialize",
    "reset",
    "stalled",
    "watchdog",
)
"""The causes with which the server reclaims a unit."""

DENIED = ("account", "license", "slot")
"""What a station can be refused."""

UNKNOWN = Policy("unknown", frozenset())
"""The policy of a server whose ``start`` names none: no state holds a unit."""

_REQUESTS = {"create", "open", "busy", "deny", "login", "login-failed"}  # events that a request causes
_REQUESTED = GIVEN_BACK | {"login", "request", "service", "create", "close", "end-of-job"}  # causes that are requests


@dataclass(slots=True)
class Holding:
    """One period in which a connection held a unit. ``released`` None: it still holds the unit."""

    unit: str
    granted: int
    released: int | None = None
    cause: str | None = None


@dataclass(slots=True)
class OpenHandle:
    """A file handle of a connection. ``shut`` None: it is still open."""

    path: str
    opened: int
    shut: int | None = None
    cause: str | None = None


@dataclass(slots=True)
class Idle:
    """A licensed connection has made no request since ``since``; ``busy`` is the time of its next one."""

    t: int
    since: int
    busy: int | None = None


@dataclass(slots=True, eq=False)
class ServiceConnection:
    """A service connection after its lines so far. ``user`` logged in last, ``connection`` is its number.

    ``state`` None: its creation is not in the journal. ``units``: granted to the connection and not yet released.
    """

    server: Fold = field(repr=False)
    serial: int
    connection: int
    station: str
    created: int
    state: str | None
    user: str | None = None
    units: frozenset[str] = frozenset()
    holding: Holding | None = None
    idle: Idle | None = None
    open_files: dict[str, OpenHandle] = field(default_factory=dict)  # by handle
    last_request: int = 0
    ended: int | None = None
    cause: str | None = None

    @property
    def transport(self) -> str:
        """The name of the station's transport."""
        return self.station.partition(":")[0]

    def saw(self, record: Record) -> None:
        """Apply the next line about the connection."""
        get, t, event = record.fields.get, record.t, record.event
        cause, user = str(get("cause")), get("user")
        if isinstance(user, str) and event != "login-failed":
            self.user = user
        is_request = event in _REQUESTS or (cause in _REQUESTED and event in ("state", "shut"))
        last = t if is_request else microseconds(get("last_request"))
        if last is not None and last > self.last_request:
            self.last_request = last
        match event:
            case "grant":
                self.units |= {str(get("unit"))}
            case "release":
                self.units -= {str(get("unit"))}
            case "state":
                self.state = str(get("to"))
                if self.state not in self.server.policy.holding:
                    self._released(t, cause)
                elif self.holding is None:
                    by_user = self.server.policy.by_user
                    self.holding = Holding(f"user:{self.user}" if by_user else f"connection:{self.serial}", t)
            case "close":
                self.end(t, cause)
            case "open":
                self.open_files[str(get("handle"))] = OpenHandle(str(get("path")), t)
            case "shut" if file := self.open_files.pop(str(get("handle")), None):
                file.shut, file.cause = t, cause
            case "idle":
                since = microseconds(get("since"))
                self.idle = Idle(t, t if since is None else since)
            case "busy" if self.idle:
                self.idle.busy, self.idle = t, None

    def end(self, t: int, cause: str) -> None:
        self.ended, self.cause = t, cause
        self._released(t, cause)

    def _released(self, t: int, cause: str) -> None:
        if self.holding:
            self.holding.released, self.holding.cause = t, cause
        self.holding = self.idle = None


@dataclass(slots=True, eq=False)
class Fold:
    """The state of one incarnation of a server after its lines so far.

    ``held`` is grants minus releases, ``peak`` the largest ``held`` of a line. ``units`` are those held now, each with
    the serial that it was granted to; ``holders`` are those of the ``stop`` line, None before it.
    """

    kind: ClassVar[type[ServiceConnection]] = ServiceConnection

    name: str = ""
    policy: Policy = UNKNOWN
    idle_after: int | None = None
    limit: int = 0
    held: int = 0
    peak: int = 0
    grants: int = 0
    releases: Counter[str] = field(default_factory=Counter, repr=False)  # by cause
    denials: Counter[str] = field(default_factory=Counter, repr=False)  # by ``what``: license, slot or account
    units: dict[str, int | None] = field(default_factory=dict, repr=False)
    connections: dict[int, ServiceConnection] = field(default_factory=dict, repr=False)
    holders: list[dict[str, Any]] | None = field(default=None, repr=False)
    end: int = 0

    def saw(self, record: Record) -> ServiceConnection | None:
        """Apply the next line. Returns its connection, which may just have ended."""
        self.count(record)
        get, event = record.fields.get, record.event
        serial = get("serial")
        if not isinstance(serial, int):
            return None
        connection = self.connections.get(serial)
        if connection is None or event == "create":
            if event == "release":
                # Under ual a unit outlasts its connection, which may be missing from this part of the journal.
                return None
            number, state = get("connection"), "gone" if event == "create" else None
            number = number if isinstance(number, int) else 0
            connection = self.kind(self, serial, number, str(get("station")), record.t, state)
            self.connections[serial] = connection
        connection.saw(record)
        if event == "close":
            del self.connections[serial]
        return connection

    def count(self, record: Record) -> None:
        """Apply the next line, and follow no connections."""
        get, event = record.fields.get, record.event
        held, limit = get("held"), get("limit")
        if record.t > self.end:
            self.end = record.t
        if isinstance(limit, int):
            self.limit = limit
        if isinstance(held, int) and held > self.peak:
            self.peak = held
        match event:
            case "start":
                self.name, self.idle_after = str(get("server")), microseconds(get("idle_after"))
                self.policy = POLICIES.get(str(get("policy")), UNKNOWN)
            case "grant":
                self.grants += 1
                self.held += 1
                self.units[str(get("unit"))] = get("serial")
            case "release":
                self.releases[str(get("cause"))] += 1
                self.held -= 1
                self.units.pop(str(get("unit")), None)
            case "deny":
                self.denials[str(get("what"))] += 1
            case "stop" | "capture-end":
                listed = get("holders")
                self.holders = (
                    [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
                )
                for entry in self.holders:
                    if isinstance(entry.get("serial"), int) and (known := self.connections.get(entry["serial"])):
                        known.last_request = max(known.last_request, microseconds(entry.get("last_request")) or 0)
