"""The server of a load, with its journal: one that the load starts, or one that runs already.

Rules of this file:

* Our own server is stopped before the clients' sockets are closed: the last line of its journal then has the holders.
* The journal of another server is read through its administration, from the begin of the load.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakenw.admin.client import AdminClient, ServerRestarted
from fakenw.journal.record import SECOND, Record, parse
from fakenw.server_process import ServerFailed, ServerProcess
from harness.load.specification import LoadSpecification
from harness.load.virtual_user import SMS_ACCOUNT

READY_WITHIN = 600.0  # seconds; sixty thousand accounts take a while
STOP_WITHIN = 60.0


class NoServer(Exception):
    """There is no server for the load; the text is the reason."""


class OwnServer:
    """A server for *spec*, which writes *journal*. *saw* is called with its records. Raises NoServer."""

    def __init__(self, spec: LoadSpecification, journal: Path, saw: Callable[[Record], None]) -> None:
        self._saw, self._partial = saw, b""
        users = [{"name": user, "password": password} for user, password in [*spec.accounts(), SMS_ACCOUNT]]
        slots = min(65_534, spec.clients * 2 + 100)
        settings = {"name": "FAKENW", "release": spec.release, "licenses": spec.licenses, "connections": slots}
        config = journal.with_suffix(".yaml")
        config.touch(0o600)  # it contains passwords
        config.write_text(json.dumps({"server": settings, "bindery": {"users": users}}))
        options = ["--config", config, "--journal", journal, "--overwrite", "--seed", spec.seed]
        try:
            log = journal.with_suffix(".log")  # on a terminal the server would tell every event
            self._server = ServerProcess(*options, "--listen", f"{spec.transport}:127.0.0.1:0", log=log)
            self.address = self._server.ready(READY_WITHIN).addresses[spec.transport]
        except ServerFailed as problem:
            raise NoServer(str(problem)) from None
        finally:
            config.unlink()
        self._file = journal.open("rb")

    def catch_up(self) -> None:
        """Read the new whole lines."""
        while data := self._file.read(1 << 20):
            *lines, self._partial = (self._partial + data).split(b"\n")
            for line in lines:
                self._saw(parse(line.decode()))

    def end(self) -> None:
        """Stop it in order, and read the rest of its journal."""
        self._server.stop(STOP_WITHIN)
        self.catch_up()

    def close(self) -> None:
        """Kill it if it still runs."""
        self._server.kill()
        self._file.close()


class ForeignServer:
    """The server at *address*. Without *admin* its journal cannot be read. Raises NoServer and AdminClient's errors."""

    def __init__(self, address: tuple[str, int], admin: AdminClient | None, saw: Callable[[Record], None]) -> None:
        self.address, self._admin, self._saw = address, admin, saw
        if admin is not None:
            status: dict[str, Any] = admin.get("/api/licenses")
            if status["held"]:
                raise NoServer(f"other clients hold {status['held']} licenses; a load needs a server of its own")
            _, _, self._next = admin.journal()
            self._instance = admin.instance

    def catch_up(self) -> None:
        """Read the new lines."""
        if self._admin is None:
            return
        try:
            first, lines, after = self._admin.journal(self._next, self._instance)
        except ServerRestarted:
            raise NoServer("the server was started again during the load; expected one that runs to its end") from None
        if first != self._next:
            raise NoServer(
                "the server has discarded unread lines of its journal; expected fewer clients or no --server"
            )
        self._next = after
        for line in lines:
            self._saw(parse(line))

    def end(self) -> None:
        """Take the holders from its administration, since it is not stopped."""
        if self._admin is None:
            return
        self.catch_up()
        status: dict[str, Any] = self._admin.get("/api/licenses")
        holders = [{**holder, "serial": holder["serial"] or 0} for holder in status["holders"] if holder["station"]]
        self._saw(Record(round(status.get("t", 0) * SECOND), "server", "stop", {"holders": holders}))

    def close(self) -> None:
        """It is not ours to end."""
