"""A client machine of the memory runner: its behaviours, its sockets, and whether it has power or stands still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakenw.core.peer import Peer
from fakenw.journal.record import FORMAT, Record
from harness.client.workstation import Requester
from harness.runners.link_conditions import LinkConditions
from harness.runners.memory_network import MemoryLink, Network, utc
from harness.runners.runtime import Driver

FIRST_PORT = 1025  # Windows 9x and NT gave out ports upwards from here, after every start anew


class ClientWorld(Driver):
    """One client machine, on *network*."""

    def __init__(self, network: Network, name: str, address: str) -> None:
        super().__init__(network.clock)
        self.name, self.address = name, address
        self.records: list[Record] = []
        self.conditions = LinkConditions(network.random)
        self.on = True
        self.frozen = False
        self._network = network
        self._port = FIRST_PORT
        self._thawed: list[tuple[Callable[..., None], tuple[Any, ...]]] = []  # what waits for that
        self.write("start", format=FORMAT, utc=utc(network.clock.time), speed=1)

    # What a behaviour may use (harness.client.workstation.World)

    def link(self, server: str, requester: Requester) -> MemoryLink:
        peer = Peer(requester.transport, (self.address, self._port))
        self._port += 1
        link = self.links[requester] = self._network.connect(self, server, peer, requester)
        return link

    def write(self, event: str, **fields: Any) -> None:
        self.records.append(Record(self.now(), "client", event, {"client": self.name, **fields}))

    # What happens here

    def call_at(self, when: int, call: Callable[..., None], *arguments: Any) -> None:
        self.loop.call_at(when, self.happen, call, *arguments)

    def happen(self, call: Callable[..., None], *arguments: Any) -> None:
        """Let something happen on this machine: now, after it was thawed, or never."""
        if self.frozen:
            self._thawed.append((call, arguments))
        elif self.on:
            call(*arguments)

    # Faults

    def freeze(self) -> None:
        """The machine stands still; what arrives waits."""
        self.frozen = True

    def thaw(self) -> None:
        """The machine goes on with what has been waiting."""
        self.frozen = False
        waiting, self._thawed = self._thawed, []
        for call, arguments in waiting:
            self.happen(call, *arguments)

    def kill(self) -> None:
        """The program ends without a word; the machine closes its sockets."""
        self._end(self._network.close)

    def power_off(self) -> None:
        """The machine is gone, and nothing tells the servers."""
        self._end(self._network.abandon)

    def _end(self, leave: Callable[[MemoryLink], None]) -> None:
        self.on = self.frozen = False
        self._thawed.clear()
        links = list(self.links.values())
        self.links.clear()
        for link in links:
            leave(link)
