"""IPX in the memory runner: one Ethernet, on which every server has a board and every client machine a card.

Rules of this file:

* Bytes travel as whole frames. Each passes the link of its client machine, with the faults of that.
* A broadcast of a server reaches every card and every other server. That of a station reaches every server: on the
  sockets of SAP and RIP no station listens.
* A capture has each frame once: when it reaches a server that is up, or when a server sends it.
* A machine that is started again has the sockets that it had.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any, Protocol

from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.transports.capture import CaptureFile
from fakenw.transports.ipx.advertising import Advertising
from fakenw.transports.ipx.board import Board, Way
from fakenw.transports.ipx.stack import Request, Stack
from fakenw.wire.ipx.frames import FrameType, decode_frame
from fakenw.wire.ipx.packet import EVERY_NODE, HEADER
from harness.client.workstation import Requester
from harness.runners.ipx_card import Card, Machine, sockets
from harness.runners.machine_link import MachineLink

NETWORKS = {frame: 0x0100 + index for index, frame in enumerate(FrameType)}  # on the wire, which all servers call so
# Microseconds of a packet of the watchdog, each way. Nothing is drawn, so rounds that are passed over change no later
# draw.
WATCHDOG_TRIP = 1100


def node_of(address: str) -> bytes:
    """The node of a machine's card: locally administered, with its IPv4 address in it."""
    return b"\x02\x00" + IPv4Address(address).packed


class WireMachine(Machine, Protocol):
    """A client machine, as the wire uses it."""

    conditions: MachineLink

    def execute(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call something on the machine, unless it is frozen or off."""

    def answers(self, requester: Requester, query: bytes) -> bool:
        """Whether the machine would answer a query of the watchdog now."""


class Attached:
    """A client machine's end of the wire: its card."""

    lossless = False

    def __init__(self, wire: Wire, machine: WireMachine, node: bytes, frame: FrameType) -> None:
        self.machine = machine
        self.arrival = [0, 0]  # of the last frame: at the client, at the server
        self.card = Card(machine, node, frame, sockets(), lambda data: wire.from_card(self, data))


class ServerBoard:
    """A server's end of the wire, for one incarnation of *server*, which gets requests by *deliver*."""

    def __init__(self, wire: Wire, server: Server, node: bytes, deliver: Callable[[Peer, bytes], None]) -> None:
        settings = server.settings
        self.node = node
        self.stack = Stack(Advertising(settings.name, settings.network_number, settings.tree), settings.serial_number)
        self._board = Board("wire", node, dict(NETWORKS))
        self.stack.boards.append(self._board)
        self._wire, self._deliver = wire, deliver
        self._owners = server.table.by_peer
        self._ways: dict[Peer, Way] = {}
        self._unowned: list[Peer] = []  # peers that may own no connection
        server.table.removed = self._unowned.append

    def receive(self, frame: bytes) -> None:
        """A frame has arrived."""
        heard = self.stack.receive(self._board, frame)
        if isinstance(heard, Request):
            self._ways[heard.peer] = heard.way
            self._deliver(heard.peer, heard.data)
            self._unowned.append(heard.peer)
            self.forget()
        else:
            for answer in heard:
                self._wire.from_server(self, answer)

    def send(self, peer: Peer, data: bytes) -> None:
        """What the core sends to a station."""
        if way := self._ways.get(peer):
            self._wire.from_server(self, self.stack.seal(peer, way, data))

    def answers(self, peer: Peer, query: bytes) -> bool:
        """Whether a station answers *query* in ``WATCHDOG_TRIP`` each way."""
        way = self._ways.get(peer)
        return way is not None and self._wire.answers(self.stack.seal(peer, way, query))

    def announce(self, *, gone: bool = False) -> None:
        for _, frame in self.stack.announce(gone=gone):
            self._wire.from_server(self, frame)

    def forget(self) -> None:
        """Drop the ways to stations that have no connection."""
        for peer in self._unowned:
            if peer not in self._owners and (way := self._ways.pop(peer, None)):
                self.stack.forget(way)
        self._unowned.clear()


class ServerMachine(Protocol):
    """A server machine, as the wire sees it."""

    node: bytes
    on: bool

    def receive_frame(self, frame: bytes) -> None:
        """A frame has arrived at the machine, in any state of it."""


class Travels(Protocol):
    """The network, as it carries frames."""

    def travel(self, end: Any, to_server: bool, steady: bool, call: Callable[..., None], *arguments: Any) -> None:
        """Call at the other end of the link of *end*, when the packet arrives; *steady*: it is the watchdog's."""

    def is_calm(self, end: Any) -> bool:
        """Whether nothing disturbs the packets on the link of *end*, and none is on its way."""

    def between_servers(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call when a packet from one server arrives at another."""

    def spoofed_answer(self, frame: bytes) -> bytes | None:
        """The answer of a router to a frame for a client machine; None: it arrives there."""


class Wire:
    """The Ethernet of a run. *capture* gets its frames."""

    def __init__(self, network: Travels, capture: CaptureFile | None = None) -> None:
        self._network, self._capture = network, capture
        self._servers: list[ServerMachine] = []
        self._clients: dict[bytes, Attached] = {}  # by node

    def attach(self, server: ServerMachine) -> None:
        self._servers.append(server)

    def card(self, machine: WireMachine, node: bytes, frame: FrameType) -> Card:
        """A card for a machine that was just switched on."""
        client = self._clients[node] = Attached(self, machine, node, frame)
        return client.card

    def from_card(self, client: Attached, frame: bytes) -> None:
        """Carry what a client machine has sent."""
        self._network.travel(client, True, _is_watchdog(frame), self._at_servers, frame)

    def from_server(self, sender: ServerBoard, frame: bytes) -> None:
        """Carry what a server has sent."""
        target = frame[:6]
        if self._capture is not None:
            self._capture.frame(frame)
        answer = self._network.spoofed_answer(frame)
        if answer is not None:
            self._network.between_servers(self._at_servers, answer)
            return
        steady = _is_watchdog(frame)
        for client in self._clients.values() if target == EVERY_NODE else filter(None, [self._clients.get(target)]):
            self._network.travel(client, False, steady, client.machine.execute, client.card.receive, frame)
        for server in self._servers:
            if server.node != sender.node and target in (server.node, EVERY_NODE):
                self._network.between_servers(server.receive_frame, frame)

    def answers(self, frame: bytes) -> bool:
        """Whether a client machine answers a query of the watchdog in *frame*. Nothing is sent."""
        client = self._clients.get(frame[:6])
        if client is None or not self._network.is_calm(client):
            return False
        heard = [(link.requester, link.hear(frame).packet) for link in client.card.links.values()]
        return any(query is not None and client.machine.answers(requester, query) for requester, query in heard)

    def _at_servers(self, frame: bytes) -> None:
        reached = [server for server in self._servers if frame[:6] in (server.node, EVERY_NODE)]
        if self._capture is not None and any(server.on for server in reached):
            self._capture.frame(frame)
        for server in reached:
            server.receive_frame(frame)


def _is_watchdog(frame: bytes) -> bool:
    """Whether a packet has two bytes, the low byte of a connection number and a mark, as no other has (ipx.md 6)."""
    found = decode_frame(frame)
    return found is not None and found.packet[2:4] == (HEADER + 2).to_bytes(2, "big")
