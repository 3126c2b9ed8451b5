"""The network of the memory runner: servers, client machines, and what is on its way between them.

One heap of events and one clock, in whole microseconds. The clock jumps from event to event. Whatever
happens on a client machine passes ``ClientWorld``, which is where a machine is frozen or without power.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from fakenw.capfiles import sms_tree
from fakenw.config import Config
from fakenw.records import FORMAT, Record
from fakenw.server import Effects, Server
from fakenw.volume import Volumes
from harness.faults import Cable
from harness.runners.behavior import Behavior, Driver
from harness.settings import ServerSpec
from harness.workstation import Requester

EPOCH = datetime(2000, 8, 10, 9, 30, 15, tzinfo=UTC)  # the day KB Q257223 was last modified
FASTEST, SLOWEST = 200, 2000  # microseconds that a packet travels
FIRST_PORT = 1025  # Windows 9x and NT gave out ports upwards from here, after every start anew


class MemoryLink:
    """A client's end of a way to a server. Packets arrive in the order they were sent."""

    def __init__(self, world: ClientWorld, station: str, server: Server, requester: Requester) -> None:
        self.world = world
        self.station = station
        self.server = server
        self.requester = requester
        self.stream = station.startswith("tcp:")
        self.arrival = {True: 0, False: 0}

    def close(self) -> None:
        """Close the socket: over TCP the server hears of it."""
        self.world.close(self)


class ClientWorld(Driver):
    """One client machine: what the network gives to its behaviours, and whether it has power."""

    def __init__(self, network: Network, name: str, address: str) -> None:
        super().__init__()
        self.name, self.address = name, address
        self.records: list[Record] = []
        self.cable = Cable(network.random)
        self.on = True
        self.frozen = False
        self._network = network
        self._begun = network.now
        self._port = FIRST_PORT
        self._links: dict[Requester, MemoryLink] = {}
        self._thawed: list[tuple[Callable[..., None], tuple[Any, ...]]] = []  # what waits for that
        self.write("start", format=FORMAT, utc=utc(self._begun), speed=1)

    # What a behaviour may use (harness.workstation.World)

    def now(self) -> int:
        return self._network.now - self._begun

    def link(self, server: str, transport: str, requester: Requester) -> MemoryLink:
        station = f"{transport}:{self.address}:{self._port}"
        self._port += 1
        link = self._links[requester] = self._network.connect(self, server, station, requester)
        return link

    def spawn(self, behaviour: Behavior) -> None:
        self.start(behaviour)

    def write(self, event: str, **fields: Any) -> None:
        self.records.append(Record(self.now(), "client", event, {"client": self.name, **fields}))

    # What a driver must say

    def network_now(self) -> int:
        return self._network.now

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        self._network.at(self._network.now + duration, self.happen, self.resume, behavior)

    def transmit(self, requester: Requester, packets: list[bytes]) -> None:
        link = self._links.get(requester)
        if link is None:
            return
        for data in packets:
            self._network.to_server(link, data)
        if requester.deadline is not None:
            self._network.at(requester.deadline, self.happen, self._expire, requester)

    # What happens here

    def happen(self, what: Callable[..., None], *arguments: Any) -> None:
        """Let something happen on this machine: now, after it was thawed, or never."""
        if self.frozen:
            self._thawed.append((what, arguments))
        elif self.on:
            what(*arguments)

    def received(self, link: MemoryLink, data: bytes) -> None:
        if link.requester in self._links:
            for answer in link.requester.receive(self._network.now, data):
                self._network.to_server(link, answer)
            self.settle(link.requester)

    def closed(self, link: MemoryLink) -> None:
        """The server has ended a TCP connection."""
        if self._links.pop(link.requester, None) is not None:
            self._network.forget(link)
            link.requester.closed(self._network.now)
            self.settle(link.requester)

    def close(self, link: MemoryLink) -> None:
        """A socket is closed. What was sent before still arrives."""
        if self._links.pop(link.requester, None) is not None:
            self._network.close(link)
            self._network.at(self._network.now, self.happen, self.settle, link.requester)

    def _expire(self, requester: Requester) -> None:
        due = requester.deadline
        if due is not None and due > self._network.now:
            self._network.at(due, self.happen, self._expire, requester)
        elif due is not None:
            self.transmit(requester, requester.expire(self._network.now))
            self.settle(requester)

    # Faults

    def freeze(self) -> None:
        """The machine stands still; what arrives waits."""
        self.frozen = True

    def thaw(self) -> None:
        """The machine goes on with what has been waiting."""
        self.frozen = False
        waiting, self._thawed = self._thawed, []
        for what, arguments in waiting:
            self.happen(what, *arguments)

    def kill(self) -> None:
        """The program ends without a word; the machine closes its sockets."""
        self._end()
        for link in list(self._links.values()):
            self._network.close(link)
        self._links.clear()

    def power_off(self) -> None:
        """The machine is gone; nobody hears of it."""
        self._end()
        for link in list(self._links.values()):
            self._network.abandon(link)
        self._links.clear()

    def _end(self) -> None:
        self.on = self.frozen = False
        self._thawed.clear()


class Network:
    """The servers and everything that is on its way."""

    def __init__(self, random: Random) -> None:
        self.now = 0
        self.random = random
        self.servers: dict[str, Server] = {}
        self.journals: dict[str, list[Record]] = {}
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0
        self._links: dict[str, MemoryLink] = {}
        self._half_open: dict[str, Server] = {}  # TCP stations whose machine went off
        self._armed: dict[str, int] = {}

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
            idle_after=idle_after,
            seed=seed,
        )
        server = Server(config, Volumes([("SYS", sms_tree())]), Random(f"{seed}/{spec.name}"))
        self.servers[spec.name] = server
        self.journals[spec.name] = []
        self._carry_out(server, server.start(0, EPOCH))

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

    def connect(self, world: ClientWorld, server: str, station: str, requester: Requester) -> MemoryLink:
        """A new way to *server*. Raises OSError where there is no such server."""
        if server.upper() not in self.servers:
            raise ConnectionRefusedError(f"there is no server {server}")
        if old := self._half_open.pop(station, None):
            # The same four numbers again: the server asks, and the machine, which knows of nothing, resets
            # the old connection (RFC 9293, 3.5.1).
            self._carry_out(old, old.lost(self.now, station))
        link = self._links[station] = MemoryLink(world, station, self.servers[server.upper()], requester)
        return link

    def to_server(self, link: MemoryLink, data: bytes) -> None:
        """A client has sent something."""
        self._travel(link, True, self._to_server, link, data)

    def close(self, link: MemoryLink) -> None:
        """A client has closed its socket."""
        self.forget(link)
        if link.stream:
            self._travel(link, True, self._lost, link)

    def abandon(self, link: MemoryLink) -> None:
        """A client's end is gone, and nobody says so."""
        self.forget(link)
        if link.stream:
            self._half_open[link.station] = link.server

    def forget(self, link: MemoryLink) -> None:
        """From now on nothing arrives at the client."""
        if self._links.get(link.station) is link:
            del self._links[link.station]

    def _travel(self, link: MemoryLink, to_server: bool, what: Callable[..., None], *arguments: Any) -> None:
        def deliver(late: int) -> None:
            travel = self.random.randrange(FASTEST, SLOWEST)
            arrival = max(self.now + travel + late, link.arrival[to_server] + 1)
            link.arrival[to_server] = arrival
            self.at(arrival, what, *arguments)

        link.world.cable.carry(deliver, sent=to_server, stream=link.stream)

    def _to_server(self, link: MemoryLink, data: bytes) -> None:
        self._carry_out(link.server, link.server.receive(self.now, link.station, data))

    def _lost(self, link: MemoryLink) -> None:
        self._carry_out(link.server, link.server.lost(self.now, link.station))

    def _server_due(self, server: Server, armed: int) -> None:
        if self._armed.get(server.config.name) == armed:
            del self._armed[server.config.name]
            self._carry_out(server, server.expire(self.now))

    def _carry_out(self, server: Server, effects: Effects) -> None:
        name = server.config.name
        if effects.records:
            self.journals[name].extend(effects.records)
        for station, data in effects.sends:
            if link := self._links.get(station):
                self._travel(link, False, link.world.happen, link.world.received, link, data)
        for station in effects.closes:
            if link := self._links.get(station):
                self._travel(link, False, link.world.happen, link.world.closed, link)
            self._half_open.pop(station, None)
            self._carry_out(server, server.lost(self.now, station))
        due = server.deadline()
        armed = self._armed.get(name)
        if due is not None and (armed is None or due < armed):
            due = max(due, self.now)
            self._armed[name] = due
            self.at(due, self._server_due, server, due)


def utc(now: int) -> str:
    """The wall time at *now*, as journals have it."""
    return (EPOCH + timedelta(microseconds=now)).isoformat(timespec="microseconds")
