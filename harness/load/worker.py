"""Many clients over real sockets, in one thread: ``python -m harness.load.worker``.

Rules of this file:

* It reads its instructions from standard input, one line of JSON: the specification of the load, its share of the
  clients, the address of the server, and the addresses of the clients. It writes its progress twice a second, one line
  of JSON each.
* The command ``end``: all clients have logged in, those that hold to the end log out. ``stop``: all log out now.
* When its clients have ended it writes its statistics. It then keeps running and answers the watchdog until standard
  input ends: no verdict comes from its exit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from typing import Any

from fakenw.health import Address
from fakenw.journal.record import SECOND
from harness.load.clients import Clients
from harness.load.specification import LoadSpecification
from harness.runners.client import Instructions
from harness.runners.runtime import SelectorLoop
from harness.runners.sockets import SocketDriver

REPORT_EVERY = SECOND // 2


class Worker(Clients, SocketDriver):
    """Clients of *spec* with the addresses *sources*. Their time begins with the first logon of all clients."""

    def __init__(self, spec: LoadSpecification, server: Address, sources: list[str]) -> None:
        super().__init__(SelectorLoop(), spec)
        self._begun -= spec.first_logon()  # nothing happens before
        self._server, self._sources = server, cycle(sources or [None])
        self._is_closed = self._is_reported = False

    def address(self, server: str) -> Address:
        return self._server

    def source(self) -> Address | None:
        source = next(self._sources)
        return None if source is None else (source, 0)

    def run(self, commands: int, write: Callable[[dict[str, Any]], None]) -> None:
        """Run until the descriptor *commands* ends. *write* is called with progress and statistics."""

        def read() -> None:
            data = os.read(commands, 4096)
            self._is_closed = not data
            if b"stop" in data or b"end" in data:
                self.end(now=b"stop" in data)

        def report() -> None:
            if self.running:
                write(self._progress())
                self.loop.call_at(self.loop.now() + REPORT_EVERY, report)

        def is_closed() -> bool:
            if not self.running and not self._is_reported:
                self._is_reported = True
                write({"statistics": self.statistics.to_json()})
            return self._is_closed

        self.loop.watch(commands, read)
        self.loop.call_at(REPORT_EVERY, report)
        self.loop.run(is_closed)

    def _progress(self) -> dict[str, Any]:
        return {
            "logons": self.statistics.logons,
            "clients_refused": len(self.statistics.clients_refused),
            "latencies": self.statistics.latencies[-2000:],
            "busy": self.asking,
        }


def main() -> None:
    def write(report: dict[str, Any]) -> None:
        print(json.dumps(report), flush=True)

    instructions = Instructions().first()
    if instructions is None:
        return
    spec = LoadSpecification.from_json(instructions["specification"])
    worker = Worker(spec, tuple(instructions["server"]), instructions["sources"])
    worker.begin_all(instructions["first"], instructions["every"])
    with suppress(BrokenPipeError, KeyboardInterrupt):
        worker.run(0, write)


if __name__ == "__main__":
    main()
