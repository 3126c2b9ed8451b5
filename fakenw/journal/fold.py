"""A server's journal, folded: what the lines so far add up to.

Rules of this file:

* A fold is about one life of a server, from its ``start`` on. Another ``start`` needs another fold.
* It believes every line and judges none: ``harness.judge.audit`` looks at it before and after each line. A field that
  is missing or of the wrong type changes nothing.
* It keeps the present. What has ended (a connection, a holding, an idle time, an open file) gets its end written on it
  and is dropped; a reader that wants the past keeps it (``harness.judge.history``).
* Times are microseconds on the server's clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fakenw.journal.policy import POLICIES, Policy
from fakenw.journal.record import Record, microseconds

GIVEN_BACK = frozenset({"logout", "destroy", "unlicense"})
"""Causes by which a client gives its unit back; with every other cause the server took it."""

UNKNOWN = Policy("unknown", frozenset())
"""The policy of a server whose ``start`` names none: no state holds a unit."""

_REQUESTS = {"create", "open", "busy", "deny", "login-failed"}  # events that are the answer to a request
_REQUESTED = GIVEN_BACK | {"login", "request", "service", "create", "close", "end-of-job"}  # causes that are


@dataclass(slots=True)
class Holding:
    """One stretch of time in which a connection held a unit. ``released`` None: it holds it still."""

    unit: str
    granted: int
    released: int | None = None
    cause: str | None = None


@dataclass(slots=True)
class OpenHandle:
    """A file handle a connection had open. ``shut`` None: it is open still."""

    path: str
    opened: int
    shut: int | None = None
    cause: str | None = None


@dataclass(slots=True)
class Idle:
    """A licensed connection has asked nothing since ``since``; ``busy`` is when it asked again."""

    t: int
    since: int
    busy: int | None = None


@dataclass(slots=True, eq=False)
class ServiceConnection:
    """A service connection as its lines so far leave it. ``user`` was logged in last, ``connection`` is its number.

    ``state`` None: its creation is not in the journal. ``units``: granted to it, and not released by it again.
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
        """The name of the transport by which the station is connected."""
        return self.station.partition(":")[0]

    def saw(self, record: Record) -> None:
        """The next line about the connection."""
        get, t, event = record.fields.get, record.t, record.event
        cause, user = str(get("cause")), get("user")
        if isinstance(user, str) and event != "login-failed":
            self.user = user
        asked = event in _REQUESTS or (cause in _REQUESTED and event in ("state", "shut"))
        last = t if asked else microseconds(get("last_request"))
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
                    self._let_go(t, cause)
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
        self._let_go(t, cause)

    def _let_go(self, t: int, cause: str) -> None:
        if self.holding:
            self.holding.released, self.holding.cause = t, cause
        self.holding = self.idle = None


@dataclass(slots=True, eq=False)
class Fold:
    """What the lines of one life of a server add up to.

    ``held`` is grants minus releases, ``peak`` the most that a line says is held. ``units`` are those that are out,
    each with the serial that it was granted to; ``holders`` are those that the ``stop`` names, None before it.
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
    denials: Counter[str] = field(default_factory=Counter, repr=False)  # by what was wanting
    units: dict[str, int | None] = field(default_factory=dict, repr=False)
    connections: dict[int, ServiceConnection] = field(default_factory=dict, repr=False)
    holders: list[dict[str, Any]] | None = field(default=None, repr=False)
    end: int = 0

    def saw(self, record: Record) -> ServiceConnection | None:
        """The next line. Returns the connection that it is about, which may just have ended."""
        get, event = record.fields.get, record.event
        held, limit, serial = get("held"), get("limit"), get("serial")
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
                self.units[str(get("unit"))] = serial
            case "release":
                self.releases[str(get("cause"))] += 1
                self.held -= 1
                self.units.pop(str(get("unit")), None)
            case "deny":
                self.denials[str(get("what"))] += 1
            case "stop":
                told = get("holders")
                self.holders = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
                for one in self.holders:
                    if isinstance(one.get("serial"), int) and (known := self.connections.get(one["serial"])):
                        known.last_request = max(known.last_request, microseconds(one.get("last_request")) or 0)
        if not isinstance(serial, int):
            return None
        connection = self.connections.get(serial)
        if connection is None or event == "create":
            if event == "release":
                return None  # under ual a unit outlives its connection, and perhaps this part of the journal
            number, state = get("connection"), "gone" if event == "create" else None
            number = number if isinstance(number, int) else 0
            connection = self.kind(self, serial, number, str(get("station")), record.t, state)
            self.connections[serial] = connection
        connection.saw(record)
        if event == "close":
            del self.connections[serial]
        return connection
