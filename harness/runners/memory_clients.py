"""A client machine of the memory runner: its behaviours, its sockets, its power switch and its freezes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakenw.core.peer import IPX, Peer
from fakenw.journal.record import FORMAT, Record
from fakenw.wire.ipx.frames import FrameType
from harness.client.workstation import Requester
from harness.runners.ipx_card import Card, IpxLink
from harness.runners.machine_link import MachineLink
from harness.runners.memory_network import MemoryLink, Network, utc
from harness.runners.memory_wire import node_of
from harness.runners.runtime import Driver

FIRST_PORT = 1025  # Windows 9x and NT assigned ports upwards from here, after every start anew


class ClientWorld(Driver):
    """One client machine, on *network*; over IPX with one *frame* type."""

    def __init__(self, network: Network, name: str, address: str, frame: FrameType = FrameType.ETHERNET_802_2) -> None:
        super().__init__(network.clock)
        self.name, self.address = name, address
        self.records: list[Record] = []
        self.conditions = MachineLink(network.random)
        self.on = True
        self.frozen = False
        self._network, self._frame = network, frame
        self._port = FIRST_PORT
        self._card: Card | None = None
        self._until_thaw: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.write("start", format=FORMAT, utc=utc(network.clock.time), speed=1)

    # What a behaviour may use (harness.client.workstation.World)

    def link(self, server: str, requester: Requester) -> MemoryLink | IpxLink:
        link: MemoryLink | IpxLink
        if requester.transport is IPX:
            link = self._ipx_card().open(server, requester)
        else:
            peer = Peer(requester.transport, (self.address, self._port))
            self._port += 1
            link = self._network.connect(self, server, peer, requester)
        self.links[requester] = link
        return link

    def _ipx_card(self) -> Card:
        if self._card is None:
            assert self._network.wire is not None
            self._card = self._network.wire.card(self, node_of(self.address), self._frame)
        return self._card

    def write(self, event: str, **fields: Any) -> None:
        if self.on:
            self.records.append(Record(self.now(), "client", event, {"client": self.name, **fields}))

    # Execution

    def call_at(self, when: int, call: Callable[..., None], *arguments: Any) -> None:
        self.loop.call_at(when, self.execute, call, *arguments)

    def execute(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call something on this machine: now, after its thaw, or never where it is off."""
        if self.frozen:
            self._until_thaw.append((call, arguments))
        elif self.on:
            call(*arguments)

    def answers(self, requester: Requester, query: bytes) -> bool:
        """Whether this machine would answer a query of the watchdog now. Nothing is sent."""
        runs = self.on and not self.frozen and requester in self.links
        return runs and bool(requester.receive(self.loop.now(), query))

    # Faults

    def freeze(self) -> None:
        """Defer everything that happens on this machine until its thaw."""
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
        waiting, self._until_thaw = self._until_thaw, []
        for call, arguments in waiting:
            self.execute(call, *arguments)

    def kill(self) -> None:
        """The program ends at once; the machine closes its sockets."""
        self._end(self._network.close)

    def power_off(self) -> None:
        """The machine is off, and the servers receive nothing of it."""
        self._end(self._network.abandon)

    def abandon(self) -> None:
        """What a behaviour does at its end leaves no trace: Python would end it at another time, or complain."""
        self.on = self.frozen = False
        super().abandon()

    def _end(self, leave: Callable[[MemoryLink], None]) -> None:
        self.abandon()
        self._until_thaw.clear()
        links = list(self.links.values())
        self.links.clear()
        for link in links:
            if isinstance(link, MemoryLink):
                leave(link)
            else:
                link.drop()
