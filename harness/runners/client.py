"""A scripted client as a process: ``python -m harness.runners.client``, told what to do on standard input.

The first line of standard input is JSON: ``client`` (its plan), ``servers`` (name -> [host, port]), ``speed``
and ``journal`` (a path). It prints "done" when its script has ended and then stays, answering the
watchdog, until it is killed or its standard input ends, so that no verdict comes from its exit.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from fakenw.journal import JournalFile
from fakenw.records import FORMAT
from harness.machine import Machine
from harness.runners.sockets import SocketWorld


def main() -> None:
    """Play the script."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    client, speed = order["client"], order["speed"]
    servers = {name: (host, port) for name, (host, port) in order["servers"].items()}
    journal = JournalFile.create(Path(order["journal"]))
    world = SocketWorld(client["name"], servers, journal, speed)
    world.write("start", format=FORMAT, utc=world.utc.isoformat(timespec="microseconds"), speed=speed)
    over = False

    def parent_gone() -> None:
        nonlocal over
        over = not os.read(sys.stdin.fileno(), 1024)

    async def play() -> None:
        await Machine(world, client).run()
        print("done", flush=True)

    world.start(play())
    world.run(lambda: over, {sys.stdin.fileno(): parent_gone})


if __name__ == "__main__":
    main()
