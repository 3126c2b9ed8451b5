"""Days of thousands of stations on virtual time: server and edge in this process, no sockets, a clock that jumps.

The journal goes through a pipe to another process, which audits it line by line.
"""

from __future__ import annotations

import gc
import heapq
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.task import Clock

from fakenw.admin.metrics import Metrics
from fakenw.bindery.login_control import Lockout
from fakenw.core.peer import TCP, Peer
from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from fakenw.journal.writer import JournalFile
from fakenw.transports.asyncio_transports import AsyncioUdpListener
from fakenw.transports.reactor_host import ReactorHost
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.packet import ReplyPacket, WatchdogPacket, decode_reply
from tests.trust.slopes import Bound, Series
from tests.trust.soak_station import USERS, Ask, Boot, Life, Rest, life

DAY = 86_400.0
HOUR = 3600.0
PAUSE = 1800.0  # seconds
EPOCH = datetime(2000, 8, 14, tzinfo=UTC)

BOUNDS = {  # per day
    "RSS, MB": Bound(1, 2),
    "objects": Bound(500, 2000),
    **{
        name: Bound(2, 10)
        for name in (
            *("timers beyond connections", "routes beyond stations", "cached routes beyond stations"),
            *("streams beyond sockets", "cleared, not told"),
            *("bindery", "layers of changes", "open files beyond handles", "units beyond licensed"),
        )
    },
}


class Socket:
    """A station's end of a TCP connection (fakenw.transports.reactor_host.StreamRoute)."""

    def __init__(self, world: World, station: Station, peer: Peer) -> None:
        self._world, self._station, self.peer, self.ended = world, station, peer, False
        self._deframer = Deframer(TNCP)
        world.sockets += 1
        world.host.connected(peer, self, 0)

    def send(self, data: bytes) -> None:
        for packet in self._deframer.feed(data):
            self._station.received(packet)

    def close(self) -> None:
        self._world.turn.append(self.lost)

    def lost(self) -> None:
        """The connection has ended, at either side."""
        if not self.ended:
            self.ended = True
            self._world.sockets -= 1
            self._world.host.lost(self.peer)

    abort = lost

    def local(self) -> str:
        return "127.0.0.1"

    def read(self, *, on: bool) -> None:
        """Nothing: there are no queues."""

    def queued(self) -> int:
        return 0


class Station:
    """Carries out a life, on virtual time."""

    def __init__(self, world: World, number: int, steps: Life) -> None:
        self._world, self._steps, self.framed = world, steps, number % 2 == 0
        self._host, self._port = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1024
        self._answers = True
        self._reply: ReplyPacket | None = None
        self._socket: Socket | None = None
        self._silent: Socket | None = None

    def go_on(self) -> float:
        """Carry out what comes until the next rest. Returns the seconds of that."""
        reply: ReplyPacket | None = None
        while True:
            step, reply = self._steps.send(reply), None
            if isinstance(step, Rest):
                self._answers = step.answers
                return step.seconds
            if isinstance(step, Ask):
                reply = self._ask(step)
            else:
                self._boot(step)

    def received(self, packet: bytes) -> None:
        kind = ncp.packet_type(packet)
        if kind == ncp.REPLY:
            self._reply = decode_reply(packet)
        elif kind == ncp.WATCHDOG and self._answers:
            answer = WatchdogPacket(ncp.decode_watchdog(packet).connection, b"Y").encode()
            self._world.arrived.append((answer, (self._host, self._port)))

    def go_dark(self) -> None:
        """The end of all: the machine is off, and its TCP connections end."""
        for socket in (self._silent, self._socket):
            if socket is not None:
                socket.lost()
        self._world.at.pop((self._host, self._port), None)

    def _ask(self, step: Ask) -> ReplyPacket | None:
        world, data = self._world, step.packet.encode()
        self._answers, self._reply = True, None
        if self._socket is not None:
            if not self._socket.ended:
                world.host.received(self._socket.peer, frame_request(data), world.host.now())
                world.end_turn()
            return self._reply
        for _ in range(step.times + step.lost):
            world.arrived.append((data, (self._host, self._port)))
            world.end_turn()
        return self._reply

    def _boot(self, step: Boot) -> None:
        world = self._world
        if self._silent is not None:
            self._silent.lost()
        self._silent = self._socket if step.silently else None
        if self._socket is not None and not step.silently:
            self._socket.lost()
        world.at.pop((self._host, self._port), None)
        self._port = self._port + 1 if self._port < 65_535 else 1025
        if self.framed:
            self._socket = Socket(world, self, Peer(TCP, (self._host, self._port)))
        else:
            world.at[self._host, self._port] = self
        world.end_turn()


class World:
    """A server with its edge, and *clients* stations. *spoil* makes it worse, for a test."""

    def __init__(
        self,
        clients: int,
        seed: int,
        journal: JournalFile | None,
        spoil: Callable[[World], None] | None = None,
        pause: float = PAUSE,
    ) -> None:
        self.clock, self.turn, self.sockets = Clock(), list[Callable[[], None]](), 0
        self.arrived: list[tuple[bytes, tuple[str, int]]] = []
        self.at: dict[tuple[str, int], Station] = {}  # stations over UDP
        settings = ServerSettings(
            licenses=clients * 2 // 3,
            connections=min(2 * clients, 65_000),
            users=tuple((f"U{n}", "") for n in range(USERS)),
            lockout=Lockout(),
            instance="5" * 32,
        )
        self.server = Server(settings, Volumes([("SYS", sms_tree())]), Random(seed))
        watch: list[Any] = []
        self.host = ReactorHost(self.server, self.clock, watch, soon=self.turn.append)
        self.metrics, self.lines = Metrics(self.server, self.host.now, self.host.routes), 0
        watch += [self.metrics.saw, self._count]
        self.udp = AsyncioUdpListener(self.host, _Readers(), "127.0.0.1", 0)
        self.udp.stop()
        self.udp.wire = self
        self._stations = [
            Station(self, n, life(Random(f"{seed}/{n}"), f"T{n:04}", pause)) for n in range(1, clients + 1)
        ]
        self._due = [(0.0, n) for n in range(clients)]
        self.host.start(EPOCH, journal)
        if spoil is not None:
            spoil(self)

    def _count(self, _: object) -> None:
        self.lines += 1

    # The socket of the server's listener over UDP

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.arrived:
            raise BlockingIOError
        return self.arrived.pop(0)

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        station = self.at.get(address)
        if station is not None:
            station.received(data)

    def end_turn(self) -> None:
        """All that has arrived is executed, and all that waits for the end of the turn."""
        while self.arrived or self.turn:
            if self.arrived:
                self.udp.doRead()
            turn, self.turn[:] = list(self.turn), []
            for call in turn:
                call()

    def until(self, end: float) -> None:
        """Let the time come, deadline by deadline and station by station."""
        clock, due = self.clock, self._due
        while True:
            timer = min((call.getTime() for call in clock.getDelayedCalls()), default=end)
            at = min(end, timer, due[0][0] if due else end)
            clock.advance(max(0.0, at - clock.seconds()))
            self.end_turn()
            if at >= end:
                return
            while due and due[0][0] <= at:
                _, n = heapq.heappop(due)
                heapq.heappush(due, (at + self._stations[n].go_on(), n))

    def end(self) -> None:
        """All stations go dark, and the server finds out."""
        self._due.clear()
        for station in self._stations:
            station.go_dark()
        self.until(self.clock.seconds() + HOUR)

    def figures(self) -> dict[str, float]:
        server, host = self.server, self.host
        table = server.table.by_number
        over_udp = sum(connection.transport.watched for connection in table.values())
        volume: Any = next(iter(server.volumes))
        bindery = server.bindery.objects.values()
        rss = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
        gc.collect()
        return {
            "RSS, MB": rss / 2**20,
            "objects": len(gc.get_objects()),
            "timers beyond connections": server.pending() - sum(c.entry is not None for c in table.values()),
            "routes beyond stations": host.routes() - self.sockets - over_udp,
            "cached routes beyond stations": len(self.udp._known) - over_udp,
            "streams beyond sockets": len(server._streams.by_peer) - self.sockets,
            "cleared, not told": len(server._packets._cleared),
            "units beyond licensed": server.ledger.held - sum(c.unit is not None for c in table.values()),
            "bindery": len(bindery) + sum(len(p.segments) for item in bindery for p in item.properties.values()),
            "layers of changes": len(volume.root._changes.layers) + volume.root._changes.used,
            "open files beyond handles": sum(map(len, server.volumes.sharing.by_place.values()))
            - sum(len(connection.files) for connection in table.values()),
            "connections": len(table),
            "licenses held": server.ledger.held,
            "journal lines": self.lines,
        }


class _Readers:
    """A reactor that looks after no sockets."""

    def addReader(self, reader: object) -> None:  # noqa: N802
        pass

    def removeReader(self, reader: object) -> None:  # noqa: N802
        pass


def soak(
    days: float,
    clients: int,
    seed: int,
    say: Callable[[str], None],
    spoil: Callable[[World], None] | None = None,
) -> Iterator[str]:
    """Let so many days pass. Yields a sentence for each finding."""
    command = (sys.executable, "-m", "tests.trust.soak_audit")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as auditor:
        assert auditor.stdin is not None
        assert auditor.stdout is not None
        world = World(clients, seed, JournalFile(auditor.stdin.fileno()), spoil)
        yield from churn(world, days, say)
        world.host.stop()
        auditor.stdin.close()
        audit = json.loads(auditor.stdout.read())
    say(f"{audit['lines']:,} lines, {audit['grants']:,} grants, {audit['releases']}")
    yield from audit["problems"]
    if audit["holders"]:
        yield f"the journal's last line has {audit['holders']} holders; expected none"


def churn(world: World, days: float, say: Callable[[str], None]) -> Iterator[str]:
    """Let so many days pass, then all stations go dark. Yields a sentence for each finding."""
    series = Series(BOUNDS)
    every, warm = min(HOUR, days * DAY / 40), min(DAY, days * DAY / 3)
    for sample in range(1, round(days * DAY / every) + 1):
        world.until(sample * every)
        if sample * every > warm:
            series.add(sample * every / DAY, world.figures())
            if sample % 12 == 0:
                told = ", ".join(f"{name} {values[-1]:,.0f}" for name, values in series.values.items())
                say(f"day {sample * every / DAY:.2f}: {told}")
    for line in series.table("day"):
        say(line)
    yield from series.findings()
    world.end()
    left = world.figures()
    for name in ("connections", "licenses held", *(name for name in BOUNDS if "beyond" in name), "cleared, not told"):
        if left[name]:
            yield f"{name}: {left[name]:g} when all stations are gone; expected none"
