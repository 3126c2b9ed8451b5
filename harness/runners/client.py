"""A scripted client as a program: ``python -m harness.runners.client JOURNAL [--ports-from N]``.

It prints "ready" and waits for its instructions, one line of JSON on standard input: ``client`` (its plan),
``servers`` (name -> [host, port]), ``speed``, ``behaviors`` (files) and ``incarnation`` (from 1). It prints "done" when
its script has ended. It then keeps running and answers the watchdog until it is killed or its standard input ends, so
that no verdict comes from its exit. Meanwhile the lines ``{"fault": "cut"}`` and ``{"fault": "heal"}`` disconnect and
reconnect its network cable, ``{"fault": "loss", "arguments": {...}}`` and ``drop`` have it lose datagrams, and
``{"clock": N}`` asks for its time: it prints "clock N T", where T are seconds as in its journal. JOURNAL may be "-":
standard output, where only journal lines begin with a brace.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fakenw.journal.record import FORMAT, SECOND
from fakenw.journal.writer import JournalFile
from fakenw.wire.ipx.frames import FrameType
from harness.client.behavior_file import load
from harness.client.machine import play as play_script
from harness.runners.sockets import SocketWorld


class Instructions:
    """Standard input, a JSON object on each line. ``ended`` at its end."""

    def __init__(self) -> None:
        self.ended = False
        self._partial = b""

    def read(self) -> Iterator[dict[str, Any]]:
        """The whole lines that have arrived; blocks until there is input."""
        data = os.read(sys.stdin.fileno(), 65536)
        self.ended = not data
        *lines, self._partial = (self._partial + data).split(b"\n")
        yield from map(json.loads, lines)

    def first(self) -> dict[str, Any] | None:
        """Wait for a whole line; None at the end of the input."""
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as unbuffered:  # reads no byte of the next line
            line = unbuffered.readline()
        self.ended = not line
        return json.loads(line) if line else None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("journal")
    parser.add_argument("--ports-from", type=int, default=0)
    arguments = parser.parse_args()
    instructions = Instructions()
    print("ready", flush=True)
    first = instructions.first()
    if first is None:
        return
    client, speed = first["client"], first["speed"]
    servers = {name: (host, port) for name, (host, port) in first["servers"].items()}
    journal = JournalFile(1) if arguments.journal == "-" else JournalFile.create(Path(arguments.journal))
    frame = FrameType(client.get("frame", FrameType.ETHERNET_802_2))
    world = SocketWorld(client["name"], servers, journal, speed, arguments.ports_from, client.get("seed", 0), frame)
    again = {"incarnation": first["incarnation"]} if first.get("incarnation", 1) > 1 else {}
    world.write("start", format=FORMAT, utc=world.utc.isoformat(timespec="microseconds"), speed=speed, **again)

    own = [component for file in first.get("behaviors", ()) for component in load(Path(file))]

    async def play() -> None:
        await play_script(world, client, own)
        print("done", flush=True)

    def readable() -> None:
        for line in instructions.read():
            if "clock" in line:
                print("clock", line["clock"], world.now() / SECOND, flush=True)
            elif line["fault"] in ("cut", "heal"):
                world.cut() if line["fault"] == "cut" else world.heal()
            else:
                world.conditions.apply(line["fault"], line["arguments"])

    world.start(play())
    world.loop.watch(sys.stdin.fileno(), readable)
    world.loop.run(lambda: instructions.ended)


if __name__ == "__main__":
    main()
