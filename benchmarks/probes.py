"""What is counted: the same work again and again, in one process, with nothing left to chance or to the clock.

``python -m benchmarks.probes NAME...`` does each of these twice, and calls ``getppid`` before and after the second
time: ``instructions.py`` has the instructions between these two calls counted. With ``--functions`` the second time is
traced, and the bytecodes that each function of Python executed are printed as JSON.

Rules of this file:

* A turn of a probe is the same as the one before: its connection lives on, and what it takes it gives back.
* The requests are made before the count. What a probe over sockets needs to send them and to receive is counted.
* A server's clock goes on by 50 µs with each look at it, about the time that a request takes.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from benchmarks import steps
from benchmarks.servers import MeasuredServer
from benchmarks.steps import HEADER, REPLY_FRAME, CannotMeasure, Program, Station
from benchmarks.wire import Wire
from fakenw.cli.running import RunningServer, build
from fakenw.cli.serving import _loop
from fakenw.core.peer import TCP, UDP, Peer, Transport
from fakenw.core.server import Server
from fakenw.journal.record import SECOND
from fakenw.wire.packet import WatchdogPacket, decode_watchdog
from harness.runners import memory
from harness.scenario.catalogue import find

EPOCH = datetime(1999, 6, 1, tzinfo=UTC)
TICK = 50e-6  # seconds
STATIONS = 20  # of a watchdog round

Work = Callable[[], object]
Prepare = Callable[[int], Work]


class Probe(NamedTuple):
    """*begin* yields a function that prepares so many turns; *turns* are those of a count, of *units* each."""

    what: str
    begin: Callable[[], AbstractContextManager[Prepare]]
    turns: int
    units: int = 1


def _server() -> Server:
    return build({"users": ((steps.USER, steps.PASSWORD),), "licenses": 2 * STATIONS, "seed": 1}, {})


@contextmanager
def _core() -> Iterator[Prepare]:
    """A turn is a GetTime that the core answers, without a socket."""
    server, peer, program = _server(), Peer(TCP, ("10.0.0.1", 1025)), steps.get_time()
    server.start(0, EPOCH)
    station, now = Station(program, tcp=True), count(0, round(TICK * SECOND))

    def take(request: bytes) -> bytes:
        ((_, reply),) = server.receive(next(now), peer, request).sends
        return _checked(reply, REPLY_FRAME)

    def prepare(turns: int) -> Work:
        requests = [station.request(step) for step in program.cycle * turns]
        return lambda: [take(request) for request in requests]

    for step in program.setup:
        station.answered(step, take(station.request(step))[REPLY_FRAME:])
    yield prepare


@contextmanager
def _over_sockets(transport: Transport, program: Program) -> Iterator[Prepare]:
    """A turn is the cycle of *program* with the server's edge, loop, journal and metrics."""
    loop = _loop()
    reactor: Any = AsyncioSelectorReactor(loop)
    running, looks = RunningServer(_server(), reactor, _raise), count(1)
    reactor.seconds = lambda: next(looks) * TICK
    with tempfile.TemporaryDirectory(prefix="fakenw-bench-") as folder:
        (line,) = running.listen([Peer(transport, ("127.0.0.1", 0))])
        running.administer("127.0.0.1", 0, None)  # its metrics see each line of the journal
        running.start(str(Path(folder) / "journal.jsonl"), None)
        server = MeasuredServer(transport.name, ("127.0.0.1", int(line.rpartition(":")[2])), os.getpid())
        with Wire(server, program) as wire:
            caller = _Caller(loop, wire)
            for step in program.setup:
                (reply,) = caller.take([wire.station.request(step)])
                wire.station.answered(step, reply[REPLY_FRAME if wire.tcp else 0 :])

            def prepare(turns: int) -> Work:
                requests = [wire.station.request(step) for step in program.cycle * turns]
                return lambda: caller.take(requests)

            yield prepare
        running.stop()
        loop.run_until_complete(loop.shutdown_asyncgens())  # the connection is lost meanwhile
    loop.close()


class _Caller:
    """A client in the loop of its server: it sends in one turn of the loop and receives in the next."""

    def __init__(self, loop: Any, wire: Wire) -> None:
        self._loop, self._socket, self._frame = loop, wire.socket, REPLY_FRAME if wire.tcp else 0
        self._socket.setblocking(False)

    def take(self, requests: list[bytes]) -> list[bytes]:
        """The replies to *requests*, one after the other. Raises CannotMeasure."""
        self._left, self._replies = iter(requests), list[bytes]()
        self._send()
        self._loop.run_forever()
        return [_checked(reply, self._frame) for reply in self._replies]

    def _send(self) -> None:
        request = next(self._left, None)
        if request is None:
            self._loop.stop()
        else:
            self._socket.send(request)
            self._loop.call_soon(self._receive)

    def _receive(self) -> None:
        try:
            self._replies.append(self._socket.recv(4096))
        except BlockingIOError:
            self._loop.call_soon(self._receive)
        else:
            self._send()


def _checked(reply: bytes, frame: int) -> bytes:
    if len(reply) < frame + HEADER or reply[frame + 6]:
        raise CannotMeasure(f"a request was answered {reply.hex() or 'with nothing'}, so nothing is counted")
    return reply


@contextmanager
def _watchdog_rounds() -> Iterator[Prepare]:
    """In a turn the core asks every station, and each of them answers."""
    server, program = _server(), steps.licensed()
    server.start(0, EPOCH)
    for number in range(STATIONS):
        peer, station = Peer(UDP, ("10.0.0.1", 1025 + number)), Station(program, tcp=False)
        for step in program.setup:
            ((_, reply),) = server.receive(0, peer, station.request(step)).sends
            station.answered(step, reply)

    def rounds(number: int) -> None:
        asked = 0
        while asked < number * STATIONS:
            now = server.deadline()
            assert now is not None
            for peer, query in server.expire(now).sends:
                asked += 1
                server.receive(now, peer, WatchdogPacket(decode_watchdog(query).connection, b"Y").encode())

    yield lambda turns: lambda: rounds(turns)


@contextmanager
def _memory_runs() -> Iterator[Prepare]:
    """A turn is a run of Q257223 as shipped."""
    (plan,) = find("Q257223").plans(variants=["as-shipped"])
    yield lambda turns: lambda: [memory.run(plan) for _ in range(turns)]


PROBES = {
    "core": Probe("GetTime, the core alone", _core, 500),
    "tcp": Probe("GetTime over TCP", lambda: _over_sockets(TCP, steps.get_time()), 500),
    "udp": Probe("GetTime over UDP", lambda: _over_sockets(UDP, steps.get_time()), 500),
    "license": Probe("a license taken and given back", lambda: _over_sockets(TCP, steps.license_again()), 200),
    "watchdog": Probe("a station's watchdog round", _watchdog_rounds, 20, STATIONS),
    "run": Probe("a run of Q257223 in memory", _memory_runs, 2),
}


def bytecodes(work: Work) -> dict[str, int]:
    """How many bytecodes each function of Python executes."""
    counts: Counter[str] = Counter()
    names: dict[Any, str] = {}

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            code = frame.f_code
            if code not in names:
                names[code] = f"{frame.f_globals.get('__name__', '?')}:{code.co_qualname}"
            counts[names[code]] += 1
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return dict(counts)


def _raise(problem: OSError, what: str) -> None:
    raise problem


def main(*arguments: str) -> None:
    traced = "--functions" in arguments
    told = {}
    for name in arguments:
        if name in PROBES:
            probe = PROBES[name]
            with probe.begin() as prepare:
                prepare(probe.turns)()
                work = prepare(probe.turns)
                gc.collect()
                gc.freeze()  # so that what was made before is not looked through again
                if traced:
                    told[name] = bytecodes(work)
                else:
                    os.getppid()
                    work()
                    os.getppid()
    if traced:
        json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
