"""The server of a load: our own in a process of its own, or one that is there already. What it says is its journal.

Rules of this file:

* Our own is asked to end before the clients' sockets are closed: its last line then says who held what to the end.
* Of somebody else's the journal is read through its administration, from the moment when the load begins.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakenw.records import Record, parse
from fakenw.remote import Remote
from harness.load.member import SMS_ACCOUNT
from harness.load.order import SECOND, Order

STOP_WITHIN = 60.0  # seconds


class NoServer(Exception):
    """There is none; says why."""


class Own:
    """A server for *order*, which writes *journal*. *saw* is given its lines. Raises NoServer."""

    def __init__(self, order: Order, journal: Path, saw: Callable[[Record], None]) -> None:
        self._saw, self._journal, self._rest = saw, journal, b""
        users = [{"name": user, "password": password} for user, password in [*order.accounts(), SMS_ACCOUNT]]
        room = min(65_534, order.clients * 2 + 100)
        settings = {"name": "FAKENW", "release": order.release, "licenses": order.licenses, "connections": room}
        config = journal.with_suffix(".yaml")
        config.write_text(json.dumps({"server": settings, "bindery": {"users": users}}))
        command = [sys.executable, "-m", "fakenw", "serve", "--config", str(config), "--journal", str(journal)]
        command += ["--listen", f"{order.transport}:127.0.0.1:0", "--seed", str(order.seed)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        config.unlink()  # it has passwords in it
        if len(words) != 3:
            raise NoServer(f"the server could not be started (exit code {self.process.wait()})")
        host, _, port = words[2].rpartition(":")
        self.address = (host, int(port))
        self._file = journal.open("rb")

    def catch_up(self) -> None:
        """Read the lines that are whole."""
        while data := self._file.read(1 << 20):
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._saw(parse(line.decode()))

    def end(self) -> None:
        """Stop it in order, and read its last line."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.catch_up()

    def close(self) -> None:
        """Whatever has happened: nothing of it is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._file.close()


class Theirs:
    """The server at *address*. Without *remote*, its administration, nothing is known of its books."""

    def __init__(self, address: tuple[str, int], remote: Remote | None, saw: Callable[[Record], None]) -> None:
        self.address, self._remote, self._saw = address, remote, saw
        self._before: set[str] = set()
        if remote is not None:
            status: dict[str, Any] = remote.get("/api/licenses")
            if status["held"]:
                raise NoServer(f"somebody holds {status['held']} licenses already; a load needs a server of its own")
            _, _, self._next = remote.journal(0)

    def catch_up(self) -> None:
        """Read what is new."""
        if self._remote is None:
            return
        first, lines, after = self._remote.journal(self._next)
        if first != self._next:
            raise NoServer("the server has forgotten a part of its journal; expected fewer clients, or our own server")
        self._next = after
        for line in lines:
            self._saw(parse(line))

    def end(self) -> None:
        """It goes on; who holds what is asked instead."""
        if self._remote is None:
            return
        self.catch_up()
        said: dict[str, Any] = self._remote.get("/api/licenses")
        holders = [{**holder, "serial": holder["serial"] or 0} for holder in said["holders"] if holder["station"]]
        self._saw(Record(round(said.get("t", 0) * SECOND), "server", "stop", {"holders": holders}))

    def close(self) -> None:
        """There is nothing to close."""
