"""The rows over sockets, 1 to 5: each yields lines of numbers that were measured side by side.

Rules of this file:

* A round measures our server and the baseline directly one after the other.
* Every program is rehearsed on the same server first, so that a refused request is not measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import steps
from benchmarks.idle_stations import connected, idle
from benchmarks.row import Row
from benchmarks.servers import MeasuredServer, baseline, in_c, ours
from benchmarks.wire import Tools, Wire, load, rehearse, sizes

OFF = ("--watchdog", "off")


@dataclass(frozen=True)
class Setting:
    """The amounts to measure, and the tools."""

    folder: Path
    tools: Tools
    rounds: int = 3
    seconds: float = 2.0
    few: int = 50
    many: int = 1000
    idle_tcp: int = 15_000
    idle_udp: int = 60_000
    files: int = 0  # connections that the limit of open files allows
    memory: int = 5_000
    holders: int = 60_000
    clients: int = 1_000
    hours_udp: int = 24
    hours_tcp: int = 2_400


def progress(what: str) -> None:
    print(f"  {what} …", file=sys.stderr, flush=True)


def tcp(setting: Setting) -> Iterator[Row]:
    """1: requests per second over TCP."""
    with ours(setting.folder, "tcp") as server:
        programs = ((steps.get_time(), "get time", 1.5), (steps.mix(), "a whole session", 1.0))
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
    """3: logons per second, and as many echoes of frames."""
    with ours(setting.folder, "tcp") as server:
        with Wire(server, steps.object_id_lookup()) as wire:
            for step in steps.object_id_lookup().cycle:
                wire.ask(step)
            user = int.from_bytes(wire.station.known["id"], "big")
        program = rehearse(server, steps.logon(user))
        row = Row(3, "TCP: logon to destroy", setting.few, "logons/s", 0.7)
        yield _measured(row, setting, server, program, exchanges=len(program.cycle))


def _measured(row: Row, setting: Setting, server: MeasuredServer, program: steps.Program, exchanges: int = 1) -> Row:
    """Our server and bare ones, alternately. *exchanges* count as one."""
    replies = sizes(program, server.transport)
    with ExitStack() as stack:
        columns = [(server, row.ours), (stack.enter_context(baseline(server.transport, replies)), row.baseline)]
        if server.transport == "tcp" and setting.tools.echo is not None:
            columns.append((stack.enter_context(in_c(setting.tools.echo, replies)), row.in_c))
        for number in range(setting.rounds):
            progress(f"row {row.row}, {row.what}, {row.connections} stations, round {number + 1}")
            _append_rates(columns, row, setting, program, exchanges)
    return row


def _append_rates(
    columns: Sequence[tuple[MeasuredServer, list[float]]],
    row: Row,
    setting: Setting,
    program: steps.Program,
    exchanges: int = 1,
) -> None:
    for server, column in columns:
        rate = load(setting.tools, server, program, row.connections, setting.seconds)
        column.append(rate.answers / exchanges)
        row.resent += rate.resent


def beside_idle(setting: Setting) -> Iterator[Row]:
    """4: requests per second of a few stations beside very many idle ones that hold a license."""
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
                    _append_rates([(full, row.ours), (empty, row.baseline)], row, setting, program)
        yield row


def memory(setting: Setting) -> Iterator[Row]:
    """5: the memory of a licensed connection, less that of a connection to a bare server."""
    number = min(setting.memory, setting.files)
    before = max(1, number // 50)  # so that memory allocated only once is not counted
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
