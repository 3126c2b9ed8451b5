"""The server of a load: our own in a process of its own, or one that is there already. What it says is its journal.

Rules of this file:

* Our own is asked to end before the clients' sockets are closed: its last line then says who held what to the end.
* Of somebody else's the journal is read through its administration, from the moment when the load begins.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakenw.admin.client import AdminClient
from fakenw.journal.record import SECOND, Record, parse
from fakenw.server_process import ServerFailed, ServerProcess
from harness.load.specification import LoadSpecification
from harness.load.virtual_user import SMS_ACCOUNT

READY_WITHIN = 600.0  # seconds; sixty thousand accounts take a while
STOP_WITHIN = 60.0


class NoServer(Exception):
    """There is none; says why."""


class OwnServer:
    """A server for *spec*, which writes *journal*. *saw* is given its lines. Raises NoServer."""

    def __init__(self, spec: LoadSpecification, journal: Path, saw: Callable[[Record], None]) -> None:
        self._saw, self._journal, self._rest = saw, journal, b""
        users = [{"name": user, "password": password} for user, password in [*spec.view(), SMS_ACCOUNT]]
        room = min(65_534, spec.clients * 2 + 100)
        settings = {"name": "FAKENW", "release": spec.release, "licenses": spec.licenses, "connections": room}
        config = journal.with_suffix(".yaml")
        config.write_text(json.dumps({"server": settings, "bindery": {"users": users}}))
        options = ["--config", config, "--journal", journal, "--seed", spec.seed]
        try:
            self._server = ServerProcess(*options, "--listen", f"{spec.transport}:127.0.0.1:0")
            self.address = self._server.ready(READY_WITHIN).addresses[spec.transport]
        except ServerFailed as problem:
            raise NoServer(f"the server could not be started (exit code {problem.code})") from None
        finally:
            config.unlink()  # it has passwords in it
        self._file = journal.open("rb")

    def catch_up(self) -> None:
        """Read the lines that are whole."""
        while data := self._file.read(1 << 20):
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._saw(parse(line.decode()))

    def end(self) -> None:
        """Stop it in order, and read its last line."""
        self._server.stop(STOP_WITHIN)
        self.catch_up()

    def close(self) -> None:
        """Whatever has happened: nothing of it is left."""
        self._server.kill()
        self._file.close()


class ForeignServer:
    """The server at *address*. Without *admin* nothing is known of its books. Raises what AdminClient raises."""

    def __init__(self, address: tuple[str, int], admin: AdminClient | None, saw: Callable[[Record], None]) -> None:
        self.address, self._admin, self._saw = address, admin, saw
        if admin is not None:
            status: dict[str, Any] = admin.get("/api/licenses")
            if status["held"]:
                raise NoServer(f"somebody holds {status['held']} licenses already; a load needs a server of its own")
            _, _, self._next = admin.journal()

    def catch_up(self) -> None:
        """Read what is new."""
        if self._admin is None:
            return
        first, lines, after = self._admin.journal(self._next)
        if first != self._next:
            raise NoServer("the server has forgotten a part of its journal; expected fewer clients, or our own server")
        self._next = after
        for line in lines:
            self._saw(parse(line))

    def end(self) -> None:
        """It goes on; who holds what is asked instead."""
        if self._admin is None:
            return
        self.catch_up()
        said: dict[str, Any] = self._admin.get("/api/licenses")
        holders = [{**holder, "serial": holder["serial"] or 0} for holder in said["holders"] if holder["station"]]
        self._saw(Record(round(said.get("t", 0) * SECOND), "server", "stop", {"holders": holders}))

    def close(self) -> None:
        """There is nothing to close."""
