"""The operations of the administration, without HTTP: plain data in and out.

Rules of this file:

* Every operation writes a line to the journal with the client's address: ``operator``, with ``by: admin``, or ``mark``.
* An operation that fails raises ApiError, which names the mistake and the expectation.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from fakenw.config.field_types import duration
from fakenw.core.connection import Connection
from fakenw.core.peer import IPX
from fakenw.core.server import Server
from fakenw.core.settings import watchdog
from fakenw.journal.record import SECOND, Record

KEPT = 100_000  # records that can be read; older ones are in the journal file only
LONGEST_TEXT = 200
END_OF_TIME = datetime(2100, 1, 1)  # the dates of DOS end soon after


def is_loopback(host: str) -> bool:
    """Whether only programs on this computer can use the address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ApiError(Exception):
    """An operation is refused. ``status`` is that of HTTP, ``more`` are further fields for programs."""

    def __init__(self, status: int, text: str, **more: int) -> None:
        super().__init__(text)
        self.status, self.more = status, more


class JournalBuffer:
    """The last records, each with its number: the first of a journal is 0."""

    def __init__(self) -> None:
        self.next = 0
        self.listeners: list[Callable[[], None]] = []
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._line: tuple[int, bytes] = (-1, b"")  # the last one requested: all readers request the same one in turn

    @property
    def first(self) -> int:
        """The number of the oldest record."""
        return self.next - len(self._records)

    def add(self, record: Record) -> None:
        self._records.append(record)
        self.next += 1
        for listener in list(self.listeners):  # a copy, since a slow reader is removed
            listener()

    def check(self, number: int) -> None:
        """Raises ApiError where the record *number* is no longer stored, or beyond the next one."""
        first = self.first
        if number < first:
            raise ApiError(410, f"record {number} is no longer stored; the oldest is {first}", oldest=first)
        if number > self.next:
            raise ApiError(400, f"record {number} is not there yet; expected no more than {self.next}, the next one")

    def line(self, number: int) -> bytes:
        """The line of the record *number*, which must be stored."""
        if self._line[0] != number:
            self._line = number, self._records[number - self.first].line().encode("ascii")
        return self._line[1]


class Administration:
    """The operations of *server*. *now* is its time, *act* calls a function and carries out the server's effects,
    *links* are the names of its IPX links.
    """

    def __init__(
        self,
        server: Server,
        now: Callable[[], int],
        act: Callable[[Callable[[], None]], None],
        links: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.server = server
        self._links = links
        self.journal_buffer = JournalBuffer()
        self._now, self._act = now, act

    # Reading

    def about(self) -> dict[str, Any]:
        """GET /api/server"""
        server, now = self.server, self._now()
        return {
            "name": server.settings.name,
            "instance": server.settings.instance,
            "release": server.settings.release,
            "policy": server.ledger.policy.name,
            "licenses": server.settings.licenses,
            "held": server.ledger.held,
            "limit": server.ledger.limit,
            "peak": server.ledger.peak,
            "t": now / SECOND,
            "utc": server.utc(now).isoformat(),
            "speed": server.settings.speed,
            "keep_cleared": server.ledger.keep_cleared / SECOND,
            "logins": server.logins,
            "down": server.is_down,
            "listeners": [str(peer) for peer in server.addresses if peer.transport is not IPX]
            + [f"{IPX.name}:{link}" for link in self._links()],
        }

    def connections(self) -> dict[str, Any]:
        """GET /api/connections"""
        now = self._now()
        table = sorted(self.server.table.by_number.values(), key=lambda connection: connection.number)
        return {"t": now / SECOND, "connections": [self._row(connection, now) for connection in table]}

    def licenses(self) -> dict[str, Any]:
        """GET /api/licenses"""
        ledger, now = self.server.ledger, self._now()
        by_unit: dict[str, Connection] = {c.unit: c for c in self.server.table.by_number.values() if c.unit}
        holders = []
        for unit, holding in ledger.holdings.items():
            holder = by_unit.get(unit)
            holders.append(
                {
                    "unit": unit,
                    "serial": holder.serial if holder else None,
                    "user": holder.user if holder else unit.partition("user:")[2] or None,
                    "station": holder.station if holder else None,
                    "since": holding.since / SECOND,
                    "idle": (now - holder.last_request) / SECOND if holder else None,
                }
            )
        return {"held": ledger.held, "limit": ledger.limit, "peak": ledger.peak, "holders": holders}

    def _row(self, connection: Connection, now: int) -> dict[str, Any]:
        return {
            **connection.about(),
            "state": str(connection.state),
            "licensed": connection.unit is not None,
            "since": (connection.login_time or connection.created) / SECOND,
            "last_request": connection.last_request / SECOND,
            "idle": max(0, now - connection.last_request) / SECOND,
            "files": [file.path for file in connection.files.values()],
            "silent": connection.silent,
        }

    # Changing

    def do(self, operation: str, given: Mapping[str, Any], peer: str) -> dict[str, Any]:
        """POST /api/*operation* with *given*, except that of the clock, which is not immediate. Raises ApiError."""
        match operation.split("/"):
            case ["connections", number, "clear"]:
                return self._clear(number, given, peer)
            case ["mark"]:
                text = _known(given, "text").get("text", "mark")
                if not isinstance(text, str) or len(text) > LONGEST_TEXT:
                    raise ApiError(400, f"text: expected text of no more than {LONGEST_TEXT} characters")
                self._act(lambda: self.server.emit("mark", {"text": text, "from": peer}))
            case ["login"]:
                enabled = _known(given, "enabled").get("enabled")
                if not isinstance(enabled, bool):
                    raise ApiError(400, "enabled: expected true or false")
                self.server.logins = enabled
                self.emit("enable-login" if enabled else "disable-login", peer)
            case ["set"]:
                self._set(given, peer)
            case ["down"]:
                _known(given)
                self.emit("down", peer)
                self.server.down()
            case ["reset"]:
                self._reset(_known(given, "force").get("force", False), peer)
            case _:
                raise ApiError(404, f"there is no /api/{operation}")
        return self.about()

    def advance_by(self, given: Mapping[str, Any]) -> int:
        """The microseconds in the body of POST /api/clock/advance. Raises ApiError."""
        try:
            by = duration(_known(given, "seconds").get("seconds"))
        except ValueError as problem:
            raise ApiError(400, f"seconds: {problem}") from None
        if by > (END_OF_TIME - self.server.utc(self._now())) // timedelta(microseconds=1):
            raise ApiError(400, f"seconds: the clock would pass the end of {END_OF_TIME.year - 1}; expected less")
        return by

    def _clear(self, number: str, given: Mapping[str, Any], peer: str) -> dict[str, Any]:
        _known(given)
        known = number.isdecimal() and len(number) <= 5
        connection = self.server.table.by_number.get(int(number)) if known else None
        if connection is None:
            raise ApiError(404, f"there is no connection {number[:40]}")
        self.emit("clear", peer, connection=connection.number)
        self._act(lambda: self.server.clear(connection, "cleared"))
        return {"cleared": connection.number}

    def _set(self, given: Mapping[str, Any], peer: str) -> None:
        changes = {}
        for name, value in _known(given, *SETTINGS).items():
            try:
                changes[name] = SETTINGS[name](value)
            except ValueError as problem:
                raise ApiError(400, f"{name}: {problem}") from None
        if not changes:
            raise ApiError(400, f"nothing to set; expected {', '.join(SETTINGS)}, or some of them")
        held = self.server.ledger.held
        if changes.get("licenses", held) < held:
            raise ApiError(409, f"licenses: {held} are held; expected that many, or more")
        self._act(lambda: self.server.reconfigure(**changes))
        self.emit("set", peer, text=", ".join(f"{name}={given[name]}" for name in changes)[:LONGEST_TEXT])

    def _reset(self, force: object, peer: str) -> None:
        if not isinstance(force, bool):
            raise ApiError(400, "force: expected true or false")
        connected = len(self.server.table.by_number)
        if connected and not force:
            raise ApiError(409, f"{connected} clients are connected; expected none, or force: true")
        self.emit("reset", peer)
        self._act(self.server.reset)

    def emit(self, action: str, peer: str, **more: Any) -> None:
        """Write an ``operator`` line to the journal."""
        self._act(lambda: self.server.emit("operator", {"action": action, "by": "admin", "from": peer, **more}))


def _known(given: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ApiError(400, f"unknown: {', '.join(map(str, unknown))}; expected {', '.join(names) or 'nothing'}")
    return given


def _licenses(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= 65_534:
        raise ValueError("expected a whole number from 0 to 65534")
    return given


def _clear_idle(given: object) -> int | None:
    if given is None:
        return None
    if not (time := duration(given)):
        raise ValueError("no time at all; expected more than 0, or null: never")
    return time


SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "licenses": _licenses,
    "watchdog": lambda given: watchdog(str(given)),
    "clear_idle": _clear_idle,
}
