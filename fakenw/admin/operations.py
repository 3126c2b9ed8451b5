"""The operations of the administration, without HTTP: plain data in and out.

Rules of this file:

* Every operation writes a line to the journal with the client's address: ``operator``, with ``by: admin``, ``mark``
  or ``fault``.
* An operation that fails raises ApiError, which names the mistake and the expectation.
"""

from __future__ import annotations

import csv
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

from fakenw.admin.answers import (
    Cleared,
    ClearedSeveral,
    ConnectionRow,
    ConnectionTable,
    FaultList,
    FaultRow,
    FaultsRemoved,
    LicenseHolder,
    Licenses,
    MessageCounts,
    ServerStatus,
)
from fakenw.admin.bodies import LONGEST_TEXT, Advance, Changes, Login, Mark, Message, Reset, Selection
from fakenw.admin.fault_body import FaultBody
from fakenw.admin.journal_buffer import JournalBuffer
from fakenw.admin.routes import ApiError, RouteTable, get, post
from fakenw.config.field_types import duration
from fakenw.core.connection import Connection
from fakenw.core.fault_table import MOST, LiveFault, TooManyFaults
from fakenw.core.locks import Kind
from fakenw.core.peer import IPX
from fakenw.core.server import Server
from fakenw.core.services.message import HAS_ONE, NOT_ACCEPTING, NOT_LOGGED_IN, SENT, deliver
from fakenw.core.settings import watchdog, watchdog_text
from fakenw.journal.record import SECOND

LONGEST_NUMBER = 9  # digits of the number of a fault
END_OF_TIME = datetime(2100, 1, 1)  # the dates of DOS end soon after


def is_loopback(host: str) -> bool:
    """Whether only programs on this computer can use the address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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

    def do(self, operation: str, given: Mapping[str, Any], peer: str) -> Any:
        """POST /api/*operation* with *given*, as over HTTP. Raises ApiError."""
        return RouteTable(self).call("POST", f"/api/{operation}", lambda: given, {"peer": peer})[1]

    # Reading

    @get("/api/server")
    def about(self) -> ServerStatus:
        """The server: its settings, its licenses and its clock."""
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
            "idle_after": server.settings.idle_after / SECOND,
            "watchdog": watchdog_text(server.settings.watchdog),
            "clear_idle": None if server.settings.clear_idle is None else server.settings.clear_idle / SECOND,
            "logins": server.logins,
            "down": server.is_down,
            "listeners": [str(peer) for peer in server.addresses if peer.transport is not IPX]
            + [f"{IPX.name}:{link}" for link in self._links()],
        }

    @get("/api/connections")
    def connections(self) -> ConnectionTable:
        """The connections by number: users, licenses, files, and for how long each is idle."""
        now = self._now()
        return {"t": now / SECOND, "connections": [self._row(connection, now) for connection in self._all()]}

    @get("/api/licenses")
    def licenses(self) -> Licenses:
        """The licenses that are held, each with its holder."""
        ledger, now = self.server.ledger, self._now()
        by_unit: dict[str, Connection] = {c.unit: c for c in self.server.table.by_number.values() if c.unit}
        holders: list[LicenseHolder] = []
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

    def connections_csv(self) -> str:
        """The list that ``harness diagnose --connections`` reads."""
        server, written = self.server, StringIO()
        table = csv.writer(written)
        table.writerow(("connection", "user", "address", "licensed", "since", "server", "requests"))
        for connection in self._all():
            since = server.utc(connection.login_time or connection.created).strftime("%Y-%m-%d %H:%M:%S")
            licensed = "yes" if connection.unit else "no"
            about = connection.number, connection.user or "", connection.station
            table.writerow((*about, licensed, since, server.settings.name, connection.requests))
        return written.getvalue()

    def _all(self) -> list[Connection]:
        return [connection for _, connection in sorted(self.server.table.by_number.items())]

    def _row(self, connection: Connection, now: int) -> ConnectionRow:
        return {
            "connection": connection.number,
            "serial": connection.serial,
            "station": connection.station,
            "user": connection.user,
            "state": str(connection.state),
            "licensed": connection.unit is not None,
            "since": (connection.login_time or connection.created) / SECOND,
            "last_request": connection.last_request / SECOND,
            "idle": max(0, now - connection.last_request) / SECOND,
            "files": [file.path for file in connection.files.values()],
            "silent": connection.silent,
            "unit": connection.unit,
            "requests": connection.requests,
            "locks": sum(lock.held for lock in self.server.locks.of(connection.serial, *Kind)),
            "created": connection.created / SECOND,
            "message": connection.message is not None,
        }

    # Changing

    @post("/api/connections/{connection}/clear", refuses=(404,))
    def clear(self, connection: str, peer: str) -> Cleared:
        """Clear a connection, as CLEAR STATION does."""
        return {"cleared": self._clear([self._connection(connection)], peer)[0]}

    @post("/api/connections/clear", refuses=(404,))
    def clear_several(self, given: Selection, peer: str) -> ClearedSeveral:
        """Clear several connections; where one of them is unknown none is cleared."""
        chosen = [self._connection(str(number)) for number in dict.fromkeys(given.connections)]
        return {"cleared": self._clear(chosen, peer)}

    @post("/api/connections/{connection}/message", refuses=(404,))
    def message_to_one(self, connection: str, given: Message, peer: str) -> MessageCounts:
        """Leave a message for a connection, which fetches it by NCP 21/1 or 21/11."""
        return self._message([self._connection(connection)], given.text, peer)

    @post("/api/message")
    def message_to_all(self, given: Message, peer: str) -> MessageCounts:
        """Leave a message for every connection."""
        return self._message(self._all(), given.text, peer)

    @post("/api/mark")
    def mark(self, given: Mark, peer: str) -> ServerStatus:
        """Write a mark: licenses held now are no longer needed."""
        self._act(lambda: self.server.emit("mark", {"text": given.text, "from": peer}))
        return self.about()

    @post("/api/login")
    def login(self, given: Login, peer: str) -> ServerStatus:
        """Open or close login, as ENABLE LOGIN and DISABLE LOGIN do."""
        self.server.logins = given.enabled
        self.emit("enable-login" if given.enabled else "disable-login", peer)
        return self.about()

    @post("/api/set", refuses=(409,))
    def set(self, given: Changes, peer: str) -> ServerStatus:
        """Change settings of the running server; fewer licenses than are held are refused."""
        changes = given.model_dump(exclude_unset=True)
        if not changes:
            raise ApiError(400, f"nothing to set; expected {', '.join(Changes.model_fields)}, or some of them")
        held = self.server.ledger.held
        if changes.get("licenses", held) < held:
            raise ApiError(409, f"licenses: {held} are held; expected that many, or more")
        parsed = {name: SETTINGS[name](value) for name, value in changes.items()}
        self._act(lambda: self.server.reconfigure(**parsed))
        self.emit("set", peer, text=", ".join(f"{name}={value}" for name, value in changes.items())[:LONGEST_TEXT])
        return self.about()

    @post("/api/down")
    def down(self, peer: str) -> ServerStatus:
        """Bring the server down: it answers every request so, and releases nothing."""
        self.emit("down", peer)
        self.server.down()
        return self.about()

    @post("/api/reset", refuses=(409,))
    def reset(self, given: Reset, peer: str) -> ServerStatus:
        """End all connections and release every unit; without ``force`` not while a client is connected."""
        connected = len(self.server.table.by_number)
        if connected and not given.force:
            raise ApiError(409, f"{connected} clients are connected; expected none, or force: true")
        self.emit("reset", peer)
        self._act(self.server.reset)
        return self.about()

    # Faults

    @get("/api/faults")
    def faults(self) -> FaultList:
        """The faults of packets and of the server that operators have begun, and that have not ended."""
        return {"faults": [self._fault_row(live) for live in self.server.faults.entries.values()]}

    @post("/api/faults", refuses=(409,))
    def add_fault(self, given: FaultBody, peer: str) -> FaultRow:
        """Begin a fault of packets or of the server, for a station or for all."""
        begun: list[LiveFault] = []
        faults = self.server.faults
        try:
            self._act(lambda: begun.append(faults.begin(given.fault(), given.station, given.lasting, peer)))
        except TooManyFaults:
            raise ApiError(409, f"there are {MOST} faults; expected fewer, or that one is removed first") from None
        return self._fault_row(begun[0])

    @post("/api/faults/{fault}/remove", refuses=(404,))
    def remove_fault(self, fault: str, peer: str) -> FaultsRemoved:
        """End a fault."""
        number = int(fault) if fault.isascii() and fault.isdecimal() and len(fault) <= LONGEST_NUMBER else 0
        live = self.server.faults.entries.get(number)
        if live is None:
            raise ApiError(404, f"there is no fault {fault[:40]}")
        self._act(lambda: self.server.faults.end(live, "removed", peer))
        return {"removed": [number]}

    @post("/api/faults/remove")
    def remove_faults(self, peer: str) -> FaultsRemoved:
        """End all faults."""
        ended: list[LiveFault] = []
        self._act(lambda: ended.extend(self.server.faults.end_all("removed", peer)))
        return {"removed": [live.number for live in ended]}

    def _fault_row(self, live: LiveFault) -> FaultRow:
        row: Any = {**live.about(), "from": live.origin}
        if live.until is not None:
            row["left"] = max(0, live.until - self._now()) / SECOND
        return row  # type: ignore[no-any-return]

    def advance_by(self, given: Advance) -> int:
        """The microseconds by which the clock is advanced, which is not immediate. Raises ApiError."""
        if given.seconds > (END_OF_TIME - self.server.utc(self._now())) // timedelta(microseconds=1):
            raise ApiError(400, f"seconds: the clock would pass the end of {END_OF_TIME.year - 1}; expected less")
        return given.seconds

    def emit(self, action: str, peer: str, **more: Any) -> None:
        """Write an ``operator`` line to the journal."""
        self._act(lambda: self.server.emit("operator", {"action": action, "by": "admin", "from": peer, **more}))

    def _connection(self, number: str) -> Connection:
        known = number.isascii() and number.isdecimal() and len(number) <= 5
        connection = self.server.table.by_number.get(int(number)) if known else None
        if connection is None:
            raise ApiError(404, f"there is no connection {number[:40]}")
        return connection

    def _clear(self, connections: list[Connection], peer: str) -> list[int]:
        def clear() -> None:
            for connection in connections:
                about = {"action": "clear", "by": "admin", "from": peer, "connection": connection.number}
                self.server.emit("operator", about)
                self.server.clear(connection, "cleared")

        self._act(clear)
        return [connection.number for connection in connections]

    def _message(self, connections: list[Connection], text: str, peer: str) -> MessageCounts:
        """Leave *text* for each of *connections* that takes one, and count what became of it."""
        found = Counter[int]()

        def leave() -> None:
            by = {"by": "admin", "from": peer}
            found.update(deliver(self.server, connection, text, by) for connection in connections)

        self._act(leave)
        return {
            "left": found[SENT],
            "not_logged_in": found[NOT_LOGGED_IN],
            "not_accepting": found[NOT_ACCEPTING],
            "has_one": found[HAS_ONE],
        }


SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "licenses": int,
    "watchdog": watchdog,
    "clear_idle": lambda given: None if given is None else duration(given),
}
