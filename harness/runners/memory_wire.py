"""IPX in the memory runner: one Ethernet, on which every server has a board and every client machine a card.

Rules of this file:

* Bytes travel as whole frames. Each passes the link of its client machine, with the faults of that.
* A broadcast of a server reaches every card and every other server. That of a station reaches every server: on the
  sockets of SAP and RIP no station listens.
* A station that is started again has the sockets that it had, as after a boot.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any, Protocol

from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.transports.ipx.advertising import Advertising
from fakenw.transports.ipx.board import DEFAULT_FRAMES, Board, Way, numbered
from fakenw.transports.ipx.stack import Request, Stack
from fakenw.wire.ipx.packet import EVERY_NODE
from harness.client.ipx_station import FIRST_SOCKET, SOCKETS, IpxStation
from harness.client.workstation import Requester
from harness.runners.link_conditions import LinkConditions

FIRST_NETWORK = 0x0000_0100  # of the wire, in the first frame type


def node_of(address: str) -> bytes:
    """The node of a machine's card: locally administered, with its IPv4 address in it."""
    return b"\x02\x00" + IPv4Address(address).packed


class WireMachine(Protocol):
    """A client machine, as its card uses it."""

    conditions: LinkConditions
    links: dict[Requester, Any]

    def execute(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call something on the machine, unless it is frozen or off."""

    def received(self, link: IpxLink, data: bytes) -> None: ...


class Card:
    """A client machine's Ethernet card, and the stations behind it."""

    lossless = False

    def __init__(self, wire: Wire, machine: WireMachine, node: bytes) -> None:
        self.machine, self.node = machine, node
        self.arrival = [0, 0]  # of the last frame: at the client, at the server
        self.links: dict[int, IpxLink] = {}  # by socket
        self._wire, self._next_socket = wire, FIRST_SOCKET

    def open(self, server: str, requester: Requester) -> IpxLink:
        """A new station, which looks for *server*."""
        station = IpxStation(server, self.node, self._next_socket)
        self._next_socket += SOCKETS
        link = self.links[station.address.socket] = IpxLink(self, requester, station)
        return link

    def send(self, frames: tuple[bytes, ...]) -> None:
        for frame in frames:
            self._wire.from_card(self, frame)

    def receive(self, frame: bytes) -> None:
        """A frame has arrived at the machine."""
        for link in list(self.links.values()):
            link.receive(frame)


class IpxLink:
    """A client's end of a connection to a server."""

    framed = False

    def __init__(self, card: Card, requester: Requester, ipx: IpxStation) -> None:
        self.requester = requester
        self._card, self._ipx = card, ipx

    @property
    def station(self) -> str:
        return str(self._ipx)

    def send(self, data: bytes) -> None:
        self._card.send(self._ipx.send(data))

    def receive(self, frame: bytes) -> None:
        heard = self._ipx.receive(frame)
        self._card.send(heard.frames)
        if heard.packet is not None:
            self._card.machine.received(self, heard.packet)

    def close(self) -> None:
        if self._card.machine.links.pop(self.requester, None) is not None:
            self.drop()

    def drop(self) -> None:
        self._card.links.pop(self._ipx.address.socket, None)


class ServerBoard:
    """A server's end of the wire, for one incarnation of *server*, which gets requests by *deliver*."""

    def __init__(self, wire: Wire, server: Server, node: bytes, deliver: Callable[[Peer, bytes], None]) -> None:
        settings = server.settings
        self.node = node
        self.stack = Stack(Advertising(settings.name, settings.network_number, settings.tree), settings.serial_number)
        self._board = Board("wire", node, numbered(DEFAULT_FRAMES, FIRST_NETWORK))
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

    def receive_frame(self, frame: bytes) -> None:
        """A frame has arrived at the machine, in any state of it."""


class Travels(Protocol):
    """The network, as it carries frames."""

    def travel(self, end: Any, to_server: bool, call: Callable[..., None], *arguments: Any) -> None:
        """Call at the other end of the link of *end*, when the packet arrives."""

    def between_servers(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call when a packet from one server arrives at another."""

    def spoofed_answer(self, frame: bytes) -> bytes | None:
        """The answer of a router to a frame for a client machine; None: it arrives there."""


class Wire:
    """The Ethernet of a run."""

    def __init__(self, network: Travels) -> None:
        self._network = network
        self._servers: list[ServerMachine] = []
        self._cards: dict[bytes, Card] = {}

    def attach(self, server: ServerMachine) -> None:
        self._servers.append(server)

    def card(self, machine: WireMachine, node: bytes) -> Card:
        """A card of a machine that was just switched on."""
        card = self._cards[node] = Card(self, machine, node)
        return card

    def from_card(self, card: Card, frame: bytes) -> None:
        """Carry what a client machine has sent."""
        self._network.travel(card, True, self._at_servers, frame)

    def from_server(self, sender: ServerBoard, frame: bytes) -> None:
        """Carry what a server has sent."""
        target = frame[:6]
        answer = self._network.spoofed_answer(frame)
        if answer is not None:
            self._network.between_servers(self._at_servers, answer)
            return
        for card in list(self._cards.values()):
            if target in (card.node, EVERY_NODE):
                self._network.travel(card, False, card.machine.execute, card.receive, frame)
        for server in self._servers:
            if server.node != sender.node and target in (server.node, EVERY_NODE):
                self._network.between_servers(server.receive_frame, frame)

    def _at_servers(self, frame: bytes) -> None:
        for server in self._servers:
            if frame[:6] in (server.node, EVERY_NODE):
                server.receive_frame(frame)
