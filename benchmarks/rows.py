"""The rows over sockets, 1 to 5: each yields lines of numbers that were measured side by side.

Rules of this file:

* A round measures ours and the bare one directly after another; a line has as many pairs as there are rounds.
* What is measured was rehearsed on the same server, so that a refusal is an error before it is a number.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import steps
from benchmarks.crowd import connected, idle
from benchmarks.row import Row
from benchmarks.servers import MeasuredServer, baseline, in_c, ours
from benchmarks.wire import Tools, Wire, load, rehearse, sizes

OFF = ("--watchdog", "off")


@dataclass(frozen=True)
class Setting:
    """How much is measured, and with what."""

    folder: Path
    tools: Tools
    rounds: int = 3
    seconds: float = 2.0
    few: int = 50
    many: int = 1000
    idle_tcp: int = 15_000
    idle_udp: int = 60_000
    files: int = 0  # how many connections the limit of open files allows
    memory: int = 5_000
    holders: int = 60_000
    clients: int = 1_000
    hours_udp: int = 24
    hours_tcp: int = 2_400


def progress(what: str) -> None:
    """Say what is being measured."""
    print(f"  {what} …", file=sys.stderr, flush=True)


def tcp(setting: Setting) -> Iterator[Row]:
    """1: requests per second over TCP."""
    with ours(setting.folder, "tcp") as server:
        programs = ((steps.get_time(), "get time", 1.5), (steps.mix(), "a client's life", 1.0))
        for program, what, target in programs:
            program = rehearse(server, program)
            for connections in (setting.few, min(setting.many, setting.files)):
                row = Row(1, f"TCP: {what}", connections, "requests/s", target)
                yield _measured(row, setting, server, program)


def udp(setting: Setting) -> Iterator[Row]:
    """2: requests per second over UDP."""
    with ours(setting.folder, "udp") as server:
        program = rehearse(server, steps.get_time())
        for connections in (setting.few, min(setting.many, setting.files)):
            row = Row(2, "UDP: get time", connections, "requests/s", 0.65)
            yield _measured(row, setting, server, program)


def logons(setting: Setting) -> Iterator[Row]:
    """3: logons per second, and how often as many frames can be echoed."""
    with ours(setting.folder, "tcp") as server:
        with Wire(server, steps.who()) as wire:
            for step in steps.who().life:
                wire.ask(step)
            user = int.from_bytes(wire.station.known["id"], "big")
        program = rehearse(server, steps.logon(user))
        row = Row(3, "TCP: logon to destroy", setting.few, "logons/s", 0.7)
        yield _measured(row, setting, server, program, exchanges=len(program.life))


def _measured(row: Row, setting: Setting, server: MeasuredServer, program: steps.Program, exchanges: int = 1) -> Row:
    """Ours and a bare server, turn by turn. *exchanges* make up what is counted."""
    replies = sizes(program, server.transport)
    with ExitStack() as stack:
        echo = stack.enter_context(baseline(server.transport, replies))
        beside = None
        if server.transport == "tcp" and setting.tools.echo is not None:
            beside = stack.enter_context(in_c(setting.tools.echo, replies))
        for number in range(setting.rounds):
            progress(f"row {row.row}, {row.what}, {row.connections} stations, round {number + 1}")
            for one, column in ((server, row.ours), (echo, row.baseline), (beside, row.beside)):
                if one is not None:
                    rate = load(setting.tools, one, program, row.connections, setting.seconds)
                    column.append(rate.answers / exchanges)
                    row.resent += rate.resent
    return row


def crowds(setting: Setting) -> Iterator[Row]:
    """4: requests per second of a few beside very many who hold a license and say nothing."""
    for transport, wanted in (("tcp", setting.idle_tcp), ("udp", setting.idle_udp)):
        number = min(wanted, setting.files) if transport == "tcp" else wanted
        note = "" if number == wanted else f"not {wanted:,}: the limit of open files is in the way"
        row = Row(4, f"{transport.upper()}: beside {number:,} idle ones", setting.few, "requests/s", 0.9, note=note)
        with ours(setting.folder, transport, *OFF) as full, ours(setting.folder, transport, *OFF) as empty:
            program = rehearse(empty, steps.active())
            progress(f"row 4, {number:,} stations take licenses over {transport.upper()}")
            with idle(full, number):
                for turn in range(setting.rounds):
                    progress(f"row 4, {row.what}, round {turn + 1}")
                    for server, column in ((full, row.ours), (empty, row.baseline)):
                        rate = load(setting.tools, server, program, setting.few, setting.seconds)
                        column.append(rate.answers)
                        row.resent += rate.resent
        yield row


def memory(setting: Setting) -> Iterator[Row]:
    """5: what a licensed connection weighs, less what a connection weighs in a bare server."""
    number = min(setting.memory, setting.files)
    before = max(1, number // 50)  # so that what is made once is there
    row = Row(5, "memory: licensed, less a bare one", number, "KiB", 6.0, how="difference", at_most=True)
    for turn in range(setting.rounds):
        progress(f"row 5, {row.what}, round {turn + 1}")
        with ours(setting.folder, "tcp") as server, idle(server, before):
            empty = server.memory()
            with idle(server, number):
                row.ours.append((server.memory() - empty) / number / 1024)
        with baseline("tcp", [24]) as server, connected(server, before):
            empty = server.memory()
            with connected(server, number):
                row.baseline.append((server.memory() - empty) / number / 1024)
    yield row
