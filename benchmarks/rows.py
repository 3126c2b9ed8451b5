"""The rows over sockets, 1 to 5: each yields lines of numbers that were measured side by side.

Rules of this file:

* A pair is a slice of time of our server and one of the baseline, directly one after the other, in turn first and last.
  The first pair is not counted: its stations come in, and its servers grow warm.
* What counts is the processor time of the server for a request.
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
from benchmarks.load import Load, Slice, build
from benchmarks.row import Row
from benchmarks.scheduled import Scheduled
from benchmarks.servers import MeasuredServer, baseline, in_c, ours
from benchmarks.wire import Wire, rehearse, sizes

OFF = ("--watchdog", "off")


@dataclass(frozen=True)
class Setting:
    """The amounts to measure."""

    folder: Path
    pairs: int
    seconds: float  # of a slice
    files: int  # connections that the limit of open files allows
    rounds: int = 3  # of what takes long: memory, and hours
    few: int = 50
    many: int = 1000
    idle_tcp: int = 15_000
    idle_udp: int = 60_000
    memory: int = 5_000
    holders: int = 60_000
    clients: int = 1_000
    hours_udp: int = 2_400
    hours_tcp: int = 2_400


def progress(what: str) -> None:
    print(f"  {what} …", file=sys.stderr, flush=True)


def tcp(setting: Setting) -> Iterator[Row]:
    """1: requests over TCP."""
    with ours(setting.folder, "tcp") as server:
        programs = ((steps.get_time(), "get time", 1.8), (steps.mix(), "a whole session", 1.0))
        for program, what, target in programs:
            program = rehearse(server, program)
            for connections in (setting.few, min(setting.many, setting.files)):
                row = Row(1, f"TCP: {what}", connections, "µs a request", target)
                yield _measured(row, setting, server, program)


def udp(setting: Setting) -> Iterator[Row]:
    """2: requests over UDP."""
    with ours(setting.folder, "udp") as server:
        program = rehearse(server, steps.get_time())
        for connections in (setting.few, min(setting.many, setting.files)):
            row = Row(2, "UDP: get time", connections, "µs a request", 0.8)
            yield _measured(row, setting, server, program)


def logons(setting: Setting) -> Iterator[Row]:
    """3: logons, and as many echoes of frames."""
    with ours(setting.folder, "tcp") as server:
        with Wire(server, steps.object_id_lookup()) as wire:
            for step in steps.object_id_lookup().cycle:
                wire.ask(step)
            user = int.from_bytes(wire.station.known["id"], "big")
        program = rehearse(server, steps.logon(user))
        row = Row(3, "TCP: logon to destroy", setting.few, "µs a logon", 0.7)
        yield _measured(row, setting, server, program, exchanges=len(program.cycle))


def _measured(row: Row, setting: Setting, server: MeasuredServer, program: steps.Program, exchanges: int = 1) -> Row:
    """Our server and bare ones. *exchanges* count as one."""
    replies = sizes(program, server.transport)
    with ExitStack() as stack:
        columns = [(server, row.ours), (stack.enter_context(baseline(server.transport, replies)), row.baseline)]
        if server.transport == "tcp":
            columns.append((stack.enter_context(in_c(build(setting.folder).echo, replies)), row.in_c))
        _measure(columns, row, setting, program, exchanges)
    return row


def _measure(
    columns: Sequence[tuple[MeasuredServer, list[float]]],
    row: Row,
    setting: Setting,
    program: steps.Program,
    exchanges: int = 1,
) -> None:
    """Slices of all *columns*, of which the first is ours and the second the baseline."""
    tools = build(setting.folder)
    slices: list[list[Slice]] = [[] for _ in columns]
    with ExitStack() as stack:
        loads = [stack.enter_context(Load(tools, server, program, row.connections)) for server, _ in columns]
        progress(f"row {row.row}, {row.what}, {row.connections} stations, {setting.pairs} pairs")
        for turn in range(setting.pairs + 1):
            order = list(zip(loads, slices, strict=True))
            for load, taken in reversed(order) if turn % 2 else order:
                taken.append(load.slice(setting.seconds))
    for (_, column), taken in zip(columns, slices, strict=True):
        del taken[0]
        column += [each.cost.computed * 1e6 * exchanges / each.answers for each in taken]
    row.rates += [
        mine.answers / mine.seconds / (other.answers / other.seconds) for mine, other in zip(*slices[:2], strict=True)
    ]
    every = [each for taken in slices for each in taken]
    computed, waited = (sum(part) for part in zip(*(each.cost for each in every), strict=True))
    row.waited = Scheduled(computed, waited).share_waited
    row.resent = sum(each.resent for each in every)


def beside_idle(setting: Setting) -> Iterator[Row]:
    """4: requests of a few stations beside very many idle ones that hold a license."""
    for transport, wanted in (("tcp", setting.idle_tcp), ("udp", setting.idle_udp)):
        number = min(wanted, setting.files) if transport == "tcp" else wanted
        note = "" if number == wanted else f"not {wanted:,}: the limit of open files is in the way"
        row = Row(4, f"{transport.upper()}: beside {number:,} idle ones", setting.few, "µs a request", 0.9, note=note)
        with ours(setting.folder, transport, *OFF) as full, ours(setting.folder, transport, *OFF) as empty:
            program = rehearse(empty, steps.active())
            progress(f"row 4, {number:,} stations take licenses over {transport.upper()}")
            with idle(full, number):
                _measure([(full, row.ours), (empty, row.baseline)], row, setting, program)
        yield row


def memory(setting: Setting) -> Iterator[Row]:
    """5: the memory of a licensed connection, less that of a connection to a bare server."""
    number = min(setting.memory, setting.files)
    before = max(1, number // 50)  # so that memory allocated only once is not counted
    row = Row(5, "memory: licensed, less a bare one", number, "KiB", 6.0, how="difference")
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
