"""A scripted client by itself: ``python -m harness.runners.client JOURNAL [--ports-from N]``.

It says "ready" and waits for its order, one line of JSON on standard input: ``client`` (its plan), ``servers``
(name -> [host, port]) and ``speed``. It says "done" when its script has ended and then stays, answering the
watchdog, until it is killed or its standard input ends, so that no verdict comes from its exit. Meanwhile
``{"fault": "cut"}`` and ``{"fault": "heal"}`` are lines about its network cable. JOURNAL may be "-": standard
output, where journal lines are told from what it says by their first character, a brace.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fakenw.journal.record import FORMAT
from fakenw.journal.writer import JournalFile
from harness.client.behavior_file import load
from harness.client.machine import Machine
from harness.runners.sockets import SocketWorld


class Orders:
    """Standard input, line by line. ``over`` when it has ended."""

    def __init__(self) -> None:
        self.over = False
        self._begun = b""

    def read(self) -> Iterator[dict[str, Any]]:
        """The lines that have come; waits for something to come."""
        data = os.read(sys.stdin.fileno(), 65536)
        self.over = not data
        *lines, self._begun = (self._begun + data).split(b"\n")
        yield from map(json.loads, lines)

    def first(self) -> dict[str, Any] | None:
        """Wait for a whole line."""
        while not self.over:
            for instructions in self.read():
                return instructions
        return None


def main() -> None:
    """Play the script."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("journal")
    arguments.add_argument("--ports-from", type=int, default=0)
    given = arguments.parse_args()
    orders = Orders()
    print("ready", flush=True)
    instructions = orders.first()
    if instructions is None:
        return
    client, speed = instructions["client"], instructions["speed"]
    servers = {name: (host, port) for name, (host, port) in instructions["servers"].items()}
    journal = JournalFile(1) if given.journal == "-" else JournalFile.create(Path(given.journal))
    world = SocketWorld(client["name"], servers, journal, speed, given.ports_from)
    world.write("start", format=FORMAT, utc=world.utc.isoformat(timespec="microseconds"), speed=speed)

    own = [component for file in instructions.get("behaviors", ()) for component in load(Path(file))]

    async def play() -> None:
        await Machine(world, client, own).run()
        print("done", flush=True)

    def told() -> None:
        for line in orders.read():
            world.cut() if line["fault"] == "cut" else world.heal()

    world.start(play())
    world.loop.watch(sys.stdin.fileno(), told)
    world.loop.run(lambda: orders.over)


if __name__ == "__main__":
    main()
