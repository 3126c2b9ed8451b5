"""Many clients over real sockets, in one thread: ``python -m harness.load.worker``.

Rules of this file:

* It reads its order from standard input, one line of JSON: the order, which clients are its own, where the server is,
  and the addresses to come from. It says how far it is, twice a second, one line of JSON each.
* ``end`` on standard input: everybody has come, whoever holds until the end lets go. ``stop``: everybody lets go now.
* When its clients have done it says its tally and stays, answering the watchdog, until standard input ends: no verdict
  comes from its exit.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from itertools import cycle
from typing import Any

from fakenw.journal.record import SECOND
from harness.load.clients import Clients
from harness.load.specification import LoadSpecification
from harness.runners.runtime import SelectorLoop
from harness.runners.sockets import Address, SocketDriver

TELL_EVERY = SECOND // 2


class Worker(Clients, SocketDriver):
    """Clients of *spec* that come from *sources* to the *server*."""

    def __init__(self, spec: LoadSpecification, server: Address, sources: list[str]) -> None:
        super().__init__(SelectorLoop(), spec)
        self._server, self._sources = server, cycle(sources or [None])
        self._is_over = self._is_done = False

    def address(self, server: str) -> Address:
        return self._server

    def source(self) -> Address | None:
        source = next(self._sources)
        return None if source is None else (source, 0)

    def run(self, commands: int, tell: Any) -> None:
        """Until the descriptor *commands* ends. *tell* is called with what is to be said."""

        def read() -> None:
            words = os.read(commands, 4096)
            self._is_over = not words
            if b"stop" in words or b"end" in words:
                self.leave(now=b"stop" in words)

        def report() -> None:
            if self.running:
                tell(self._progress())
                self.loop.call_at(self.loop.now() + TELL_EVERY, report)

        def is_over() -> bool:
            if not self.running and not self._is_done:
                self._is_done = True
                tell({"tally": self.statistics.to_json()})
            return self._is_over

        self.loop.watch(commands, read)
        self.loop.call_at(TELL_EVERY, report)
        self.loop.run(is_over)

    def _progress(self) -> dict[str, Any]:
        statistics = self.statistics
        return {
            **{
                "logons": statistics.logons,
                "granted": statistics.granted,
                "refused": statistics.refused,
                "done": statistics.done,
            },
            **{"clients_refused": len(statistics.clients_refused), "latencies": statistics.latencies[-2000:]},
            "busy": self.asking,
        }


def main() -> None:
    """One crowd, from its order."""

    def tell(what: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            return
        line += piece
    asked = json.loads(line)
    worker = Worker(LoadSpecification.from_json(asked["order"]), tuple(asked["server"]), asked["sources"])
    worker.begin_all(asked["first"], asked["every"])
    with suppress(BrokenPipeError, KeyboardInterrupt):
        worker.run(0, tell)


if __name__ == "__main__":
    main()
