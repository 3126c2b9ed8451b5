"""Stations that are there and say nothing: licensed ones on our server, mere connections on a bare one.

Rules of this file:

* Stations come from several loopback addresses, for one of them has too few ports.
* Over TCP a station keeps its socket. Over UDP it is an address and a port: its socket is closed as soon as it is
  licensed, and the server, which has no watchdog then, goes on counting it.
"""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.servers import MeasuredServer
from benchmarks.steps import CannotMeasure, licensed
from benchmarks.wire import Wire
from fakenw.health import Address

AT_ONCE = 200  # fewer than the server's backlog, and than fit into its buffer
TO_ADDRESS = 10_000  # stations of one loopback address
FIRST_PORT = 10_000  # of ours over UDP: below those that the kernel gives away
SPARE = 200  # descriptors for everything else, and for the few of the load


def files() -> int:
    """Raise the limit of open files as far as it goes, for us and whom we start: how many connections that allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return max(1, most - SPARE) if most != resource.RLIM_INFINITY else 1 << 20


@contextmanager
def idle(server: MeasuredServer, number: int) -> Iterator[None]:
    """*number* more licensed stations, for so long. Raises CannotMeasure, OSError."""
    program, before = licensed(), server.held()
    wires: list[Wire] = []
    addresses = _addresses(server.transport, number)
    try:
        for begin in range(0, number, AT_ONCE):
            some: list[Wire] = []
            while len(some) < min(AT_ONCE, number - begin):
                address = next(addresses, None)
                if address is None:
                    raise CannotMeasure(f"there are not enough free ports for {number} stations")
                try:
                    some.append(Wire(server, program, address))
                except OSError as problem:  # somebody else's port
                    if problem.errno != errno.EADDRINUSE:
                        raise
            wires += some
            for step in program.once:
                for wire in some:
                    wire.send(wire.station.request(step))
                for wire in some:
                    wire.wait(step)
            if server.transport == "udp":
                _close(wires)
        held = server.held() - before
        if held != number:
            raise CannotMeasure(f"{number} stations were to be licensed, and {held} are")
        yield
    finally:
        _close(wires)


@contextmanager
def connected(server: MeasuredServer, number: int) -> Iterator[None]:
    """*number* TCP connections to a bare server, each of which was answered once."""
    program = licensed()
    wires: list[Wire] = []
    try:
        for address, _ in zip(_addresses("tcp", number), range(number), strict=False):
            wires.append(Wire(server, program, address))
            wires[-1].send(bytes(8))
            wires[-1].socket.recv(4096)
        yield
    finally:
        _close(wires)


def _addresses(transport: str, number: int) -> Iterator[Address]:
    """Where stations come from: enough for *number* of them, and for ports that are taken."""
    for station in range(number + 1000):
        host, port = divmod(station, TO_ADDRESS)
        yield f"127.0.0.{2 + host}", FIRST_PORT + port if transport == "udp" else 0


def _close(wires: list[Wire]) -> None:
    while wires:
        wires.pop().socket.close()
