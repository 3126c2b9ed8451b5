"""The memory runner: servers and clients in one process, on virtual time.

One heap of events and one clock, in whole microseconds. The clock jumps from event to event, so
four idle hours cost milliseconds. Everything that could happen in another order is drawn from one
seeded generator: the same seed is the same run, byte for byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from fakenw.capfiles import sms_tree
from fakenw.config import Config
from fakenw.records import FORMAT, SECOND, Journal, Record
from fakenw.server import Effects, Server
from fakenw.volume import Volumes
from harness.machine import Machine
from harness.runners.behavior import Behavior, Driver
from harness.scenario import Plan, ServerSpec
from harness.workstation import Requester

EPOCH = datetime(2000, 8, 10, 9, 30, 15, tzinfo=UTC)  # the day KB Q257223 was last modified
FASTEST, SLOWEST = 200, 2000  # microseconds that a packet travels
STARTS_WITHIN = SECOND  # the clients of a run do not begin in the same instant


class MemoryLink:
    """A client's end of a way to a server. Packets arrive in the order they were sent."""

    def __init__(self, network: Network, station: str, server: Server, requester: Requester) -> None:
        self.station = station
        self.server = server
        self.requester = requester
        self.arrival = {True: 0, False: 0}
        self._network = network

    def close(self) -> None:
        """Close the socket: over TCP the server hears of it."""
        self._network.close(self)


class ClientWorld:
    """What the network gives to the behaviours of one client."""

    def __init__(self, network: Network, name: str, address: str) -> None:
        self.records: list[Record] = []
        self._network, self._name, self._address = network, name, address
        self._port = 1024

    def now(self) -> int:
        return self._network.now

    def link(self, server: str, transport: str, requester: Requester) -> MemoryLink:
        self._port += 1
        return self._network.connect(server, f"{transport}:{self._address}:{self._port}", requester)

    def spawn(self, behaviour: Behavior) -> None:
        self._network.start(behaviour)

    def write(self, event: str, **fields: Any) -> None:
        self.records.append(Record(self._network.now, "client", event, {"client": self._name, **fields}))


class Network(Driver):
    """The servers, the clients and everything that is on its way between them."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.now = 0
        self.servers: dict[str, Server] = {}
        self.journals: dict[str, list[Record]] = {}
        self._random = random
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0
        self._links: dict[str, MemoryLink] = {}
        self._by_requester: dict[Requester, MemoryLink] = {}
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

    def connect(self, server: str, station: str, requester: Requester) -> MemoryLink:
        """A new way to *server*. Raises OSError where there is no such server."""
        if server.upper() not in self.servers:
            raise ConnectionRefusedError(f"there is no server {server}")
        link = MemoryLink(self, station, self.servers[server.upper()], requester)
        self._links[station] = self._by_requester[requester] = link
        return link

    def close(self, link: MemoryLink) -> None:
        """The client has closed its socket. What it sent before still arrives."""
        if self._links.pop(link.station, None) is None:
            return
        self._by_requester.pop(link.requester, None)
        if link.station.startswith("tcp:"):
            self.at(self._arrival(link, True), self._lost, link)
        self.at(self.now, self.settle, link.requester)

    # What a driver must say

    def network_now(self) -> int:
        return self.now

    def wake_after(self, duration: int, behavior: Behavior) -> None:
        self.at(self.now + duration, self.resume, behavior)

    def transmit(self, requester: Requester, packets: list[bytes]) -> None:
        link = self._by_requester.get(requester)
        if link is None:
            return
        for data in packets:
            self.at(self._arrival(link, True), self._to_server, link, data)
        if requester.deadline is not None:
            self.at(requester.deadline, self._expire, requester)

    # Events

    def _arrival(self, link: MemoryLink, to_server: bool) -> int:
        travel = self._random.randrange(FASTEST, SLOWEST)
        arrival = max(self.now + travel, link.arrival[to_server] + 1)
        link.arrival[to_server] = arrival
        return arrival

    def _to_server(self, link: MemoryLink, data: bytes) -> None:
        self._carry_out(link.server, link.server.receive(self.now, link.station, data))

    def _lost(self, link: MemoryLink) -> None:
        self._carry_out(link.server, link.server.lost(self.now, link.station))

    def _to_client(self, link: MemoryLink, data: bytes) -> None:
        if link.station in self._links:
            for answer in link.requester.receive(self.now, data):
                self.at(self._arrival(link, True), self._to_server, link, answer)
            self.settle(link.requester)

    def _closed(self, link: MemoryLink) -> None:
        if self._links.pop(link.station, None) is not None:
            self._by_requester.pop(link.requester, None)
            link.requester.closed(self.now)
            self.settle(link.requester)

    def _expire(self, requester: Requester) -> None:
        due = requester.deadline
        if due is not None and due > self.now:
            self.at(due, self._expire, requester)
        elif due is not None:
            self.transmit(requester, requester.expire(self.now))
            self.settle(requester)

    def _server_due(self, server: Server, armed: int) -> None:
        if self._armed.get(server.config.name) == armed:
            del self._armed[server.config.name]
            self._carry_out(server, server.expire(self.now))

    def _carry_out(self, server: Server, effects: Effects) -> None:
        name = server.config.name
        if effects.records:
            self.journals[name].extend(effects.records)
        for station, data in effects.sends:
            link = self._links.get(station)
            if link is not None:
                self.at(self._arrival(link, False), self._to_client, link, data)
        for station in effects.closes:
            link = self._links.get(station)
            if link is not None:
                self.at(self._arrival(link, False), self._closed, link)
                self._carry_out(server, server.lost(self.now, station))
        due = server.deadline()
        armed = self._armed.get(name)
        if due is not None and (armed is None or due < armed):
            due = max(due, self.now)
            self._armed[name] = due
            self.at(due, self._server_due, server, due)


def run(plan: Plan) -> list[Journal]:
    """Carry *plan* out. Returns the journals of the runner, the servers and the clients."""
    random = Random(plan.seed)
    network = Network(random)
    runner = [Record(0, "runner", "run", {**plan.opening("memory"), "utc": _utc(), "speed": 1})]
    for spec in plan.servers:
        network.add_server(spec, plan.seed, plan.idle_threshold)
    worlds: dict[str, ClientWorld] = {}
    done: set[str] = set()
    for number, client in enumerate(plan.scripted(), 1):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        world = worlds[client["name"]] = ClientWorld(network, client["name"], address)
        world.write("start", format=FORMAT, utc=_utc(), speed=1)
        starts = random.randrange(STARTS_WITHIN) if number > 1 else 0
        network.at(starts, network.start, _play(world, client, done))
        runner.append(Record(0, "runner", "spawn", {"client": client["name"]}))
    network.run(lambda: len(done) == len(worlds))
    if any(server.ledger.held for server in network.servers.values()):
        network.run(lambda: False, network.now + plan.within + SECOND)
    for name, server in network.servers.items():
        network.journals[name].extend(server.stop(network.now).records)
    runner.append(Record(network.now, "runner", "end", {}))
    return [
        Journal("runner.jsonl", runner),
        *(Journal(f"server-{name}.jsonl", records) for name, records in network.journals.items()),
        *(Journal(f"client-{name}.jsonl", world.records) for name, world in worlds.items()),
    ]


async def _play(world: ClientWorld, client: dict[str, Any], done: set[str]) -> None:
    await Machine(world, client).run()
    done.add(client["name"])


def _utc() -> str:
    return EPOCH.isoformat(timespec="microseconds")
