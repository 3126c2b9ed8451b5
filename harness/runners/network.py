"""The network of the memory runner: the servers, and what is on its way between them and the clients.

One heap of events and one clock, in whole microseconds. The clock jumps from event to event. Whatever
happens on a client machine passes ``ClientWorld``, which is where a machine is frozen or without power; whatever
happens on a server passes ``ServerHost``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

from fakenw.capfiles import sms_tree
from fakenw.config import NOVELLS_WATCHDOG, Config, watchdog
from fakenw.configfile import ncp_number
from fakenw.pcap import Capture
from fakenw.server import Server
from fakenw.volume import Volumes
from harness.cable import Cable
from harness.runners.router import Router
from harness.runners.serverhost import ServerHost
from harness.runners.tapped import TappedHost
from harness.settings import ServerSpec
from harness.workstation import Requester

EPOCH = datetime(2000, 8, 10, 9, 30, 15, tzinfo=UTC)  # the day KB Q257223 was last modified
FASTEST, SPREAD = 200, 1800  # microseconds that a packet travels, and by how much they differ


class World(Protocol):
    """A client machine, as the network sees it."""

    cable: Cable

    def happen(self, what: Callable[..., None], *arguments: Any) -> None:
        """Let something happen on the machine, if it can."""

    def received(self, link: MemoryLink, data: bytes) -> None:
        """Something has arrived."""

    def closed(self, link: MemoryLink) -> None:
        """A server has closed a stream."""

    def close(self, link: MemoryLink) -> None:
        """A socket is closed here."""


class MemoryLink:
    """A client's end of a way to a server. Packets arrive in the order they were sent, unless a fault comes over them.

    ``life``: of the server, if the way is a stream.
    """

    def __init__(self, world: World, station: str, host: ServerHost, requester: Requester) -> None:
        self.world = world
        self.station = station
        self.host = host
        self.requester = requester
        self.stream = station.startswith("tcp:")
        self.life = host.life if self.stream else None
        self.arrival = [0, 0]  # of the last packet: at the client, at the server

    def close(self) -> None:
        """Close the socket: over TCP the server hears of it."""
        self.world.close(self)


class Network:
    """The servers and everything that is on its way. *capture* is told what comes to servers, and goes from them."""

    def __init__(self, random: Random, capture: Capture | None = None) -> None:
        self.now = 0
        self.random = random
        self.hosts: dict[str, ServerHost] = {}
        self.router = Router()
        self._capture = capture
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0
        self._links: dict[str, MemoryLink] = {}
        self._half_open: dict[str, MemoryLink] = {}  # streams whose machine went off, by station

    def at(self, when: int, what: Callable[..., None], *arguments: Any) -> None:
        """Let something happen at *when*; what is due together happens in the order it was asked for."""
        self._order += 1
        heapq.heappush(self._heap, (when, self._order, what, arguments))

    def add_server(self, spec: ServerSpec, seed: int, idle_after: int) -> None:
        """Start a server, empty."""
        config = Config(
            name=spec.name,
            release=spec.release,
            licenses=spec.licenses,
            connections=spec.connections,
            policy_name=spec.policy or "",
            users=tuple(spec.accounts()),
            user_connections=spec.user_connections,
            watchdog=watchdog(spec.watchdog) if spec.watchdog else NOVELLS_WATCHDOG,
            slow={ncp_number(ncp): time for ncp, time in spec.slow.items()},
            idle_after=idle_after,
            clear_idle=spec.clear_idle,
            keep_cleared=spec.keep_cleared or 0,
            seed=seed,
        )

        def boot(life: int) -> Server:
            again = f"+{life}" if life > 1 else ""
            return Server(config, Volumes([("SYS", sms_tree())]), Random(f"{seed}/{spec.name}{again}"))

        if self._capture is None:
            self.hosts[spec.name] = ServerHost(self, boot)
        else:
            number = len(self.hosts) + 1
            self.hosts[spec.name] = TappedHost(self, boot, self._capture, f"192.168.{number >> 8}.{number & 255}")

    def stop_server(self, name: str) -> None:
        """Stop a server in order. Its machine closes its streams."""
        host = self.hosts[name]
        host.stop()
        for link in [link for link in self._links.values() if link.host is host and link.stream]:
            self.hang_up(link.station)
        self._half_open = {station: link for station, link in self._half_open.items() if link.host is not host}

    def run(self, until: Callable[[], bool], limit: int | None = None) -> None:
        """Let events happen until *until* is true, or all that is due by *limit* has happened."""
        heap = self._heap
        while not until():
            if not heap or (limit is not None and heap[0][0] > limit):
                break
            self.now, _, what, arguments = heapq.heappop(heap)
            what(*arguments)
        if limit is not None and not until():
            self.now = max(self.now, limit)

    def connect(self, world: World, server: str, station: str, requester: Requester) -> MemoryLink:
        """A new way to *server*. Raises OSError where there is no such server, or a stream would have no end."""
        host = self.hosts.get(server.upper())
        if host is None:
            raise ConnectionRefusedError(f"there is no server {server}")
        if not host.on and station.startswith("tcp:"):
            raise ConnectionRefusedError(f"{server} is down")
        if old := self._half_open.pop(station, None):
            # The same four numbers again: the server asks, and the machine, which knows of nothing, resets
            # the old connection (RFC 9293, 3.5.1).
            old.host.lost(station, old.life)
        link = self._links[station] = MemoryLink(world, station, host, requester)
        return link

    def to_server(self, link: MemoryLink, data: bytes) -> None:
        """A client has sent something."""
        self._travel(link, True, link.host.receive, link.station, data, link.life)

    def to_client(self, host: ServerHost, station: str, data: bytes) -> None:
        """A server has sent something."""
        answer = self.router.answer(self.now, station, data) if self.router.spoofed else None
        if answer is not None:
            self.at(self.now + self._trip(), host.receive, station, answer, None)
        elif link := self._links.get(station):
            self._travel(link, False, link.world.happen, link.world.received, link, data)

    def hang_up(self, station: str) -> None:
        """A server has closed a stream."""
        self._half_open.pop(station, None)
        if link := self._links.get(station):
            self._travel(link, False, link.world.happen, link.world.closed, link)

    def close(self, link: MemoryLink) -> None:
        """A client has closed its socket."""
        self.forget(link)
        if link.stream:
            self._travel(link, True, link.host.lost, link.station, link.life)

    def abandon(self, link: MemoryLink) -> None:
        """A client's end is gone, and nobody says so."""
        self.forget(link)
        if link.stream:
            self._half_open[link.station] = link

    def forget(self, link: MemoryLink) -> None:
        """From now on nothing arrives at the client."""
        if self._links.get(link.station) is link:
            del self._links[link.station]

    def wall(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.now)

    def _travel(self, link: MemoryLink, to_server: bool, what: Callable[..., None], *arguments: Any) -> None:
        cable = link.world.cable
        if cable.calm:
            self._arrive(link, to_server, 0, what, arguments)
            return

        def deliver(late: int, in_order: bool) -> None:
            if in_order:
                self._arrive(link, to_server, late, what, arguments)
            else:
                self.at(self.now + self._trip() + late, what, *arguments)

        cable.carry(deliver, sent=to_server, stream=link.stream)

    def _arrive(
        self, link: MemoryLink, to_server: bool, late: int, what: Callable[..., None], arguments: tuple[Any, ...]
    ) -> None:
        """Let something arrive behind what was sent before."""
        arrival = self.now + self._trip() + late
        earlier = link.arrival[to_server]
        if arrival <= earlier:
            arrival = earlier + 1
        link.arrival[to_server] = arrival
        self._order += 1
        heapq.heappush(self._heap, (arrival, self._order, what, arguments))

    def _trip(self) -> int:
        """How long a packet travels. (``randrange`` takes ten times as long to say so.)"""
        return FASTEST + int(self.random.random() * SPREAD)


def utc(now: int) -> str:
    """The wall time at *now*, as journals have it."""
    return (EPOCH + timedelta(microseconds=now)).isoformat(timespec="microseconds")
