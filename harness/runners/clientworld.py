"""A client machine of the memory runner: its behaviours, its sockets, and whether it has power or stands still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakenw.records import FORMAT, Record
from harness.cable import Cable
from harness.runners.behavior import Behavior, Driver
from harness.runners.network import MemoryLink, Network, utc
from harness.workstation import Requester

FIRST_PORT = 1025  # Windows 9x and NT gave out ports upwards from here, after every start anew


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
