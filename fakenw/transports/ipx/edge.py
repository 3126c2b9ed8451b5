"""The server's IPX in a reactor: its links, the order in which frames are handled, announcements, conflicts.

Rules of this file:

* SAP and RIP are answered when they are read; NCP requests wait until all frames of the reactor's turn are read. A
  client waits 100 ms for SAP, and gives up where the server was busy for a second (ipx.md 1).
* The server is silent until it has looked for another one with its numbers, and while it is down.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.task import LoopingCall, deferLater

from fakenw.core.ipx_link import CARD, DOSBOX, QEMU, STREAM, TAP, IpxBinding, IpxLink
from fakenw.core.peer import IPX, Peer
from fakenw.journal.record import Record
from fakenw.transports.ipx.advertising import EVERY, Advertising
from fakenw.transports.ipx.board import Board, Way, numbered
from fakenw.transports.ipx.card_link import CardLink
from fakenw.transports.ipx.datagram_link import DatagramLink
from fakenw.transports.ipx.link import Link, LinkRefused
from fakenw.transports.ipx.stack import Conflict, Request, Stack
from fakenw.transports.ipx.stream_link import StreamLink
from fakenw.transports.ipx.tap_link import TapLink
from fakenw.transports.ipx.tunnel_link import TunnelLink
from fakenw.transports.reactor_host import ReactorHost
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.ipx.packet import IpxAddress

AT_ONCE = 64  # requests in one turn, a part of the frames that it reads: no question of SAP waits in the socket
WAITING = 8192  # requests; more are dropped, and repeated by their stations
ANSWERS_WITHIN = 0.5  # seconds for another server with the same numbers

LINKS: dict[str, Any] = {
    QEMU: DatagramLink,
    STREAM: StreamLink,
    DOSBOX: TunnelLink,
    TAP: TapLink,
    CARD: CardLink,
}
TUNNEL_NETWORKS = {FrameType.ETHERNET_II: 0}  # "this wire", which has no number


class FrameCapture(Protocol):
    """Gets every frame; see ``fakenw.transports.capture``."""

    def frame(self, data: bytes) -> None: ...


class IpxWire:
    """A link of the server, and its board, which a tunnel has when it has been joined."""

    def __init__(self, edge: IpxEdge, number: int) -> None:
        self.number = number
        self.link: Link | None = None
        self.board: Board | None = None
        self._edge = edge

    def arrived(self, frame: bytes) -> None:
        self._edge.arrived(self, frame)

    def joined(self) -> None:
        self._edge.joined(self)

    def send(self, frame: bytes) -> None:
        if self.link is not None:
            if self._edge.capture is not None:
                self._edge.capture.frame(frame)
            self.link.send(frame)


class IpxRoute:
    """The way to a station (a Route of ``reactor_host``)."""

    __slots__ = ("_edge", "peer", "way", "wire")

    def __init__(self, edge: IpxEdge, wire: IpxWire, peer: Peer, way: Way) -> None:
        self._edge, self.wire, self.peer, self.way = edge, wire, peer, way

    def send(self, data: bytes) -> None:
        self.wire.send(self._edge.stack.seal(self.peer, self.way, data))

    def close(self) -> None:
        self._edge.forget(self)

    def local(self) -> None:
        """A capture gets the frames."""
        return None


class IpxEdge:
    """IPX of the server of *host*. *soon* calls a function when the reactor's turn has ended.

    ``capture`` gets every frame.
    """

    def __init__(
        self, host: ReactorHost, reactor: Any, soon: Callable[[Callable[[], None]], object], binding: IpxBinding
    ) -> None:
        server = host.server
        settings = server.settings
        advertising = Advertising(settings.name, settings.network_number, settings.tree, binding.nearest, silent=True)
        self.stack = Stack(advertising, settings.serial_number)
        self.capture: FrameCapture | None = None
        self._host, self._server, self._reactor, self._soon, self._binding = host, server, reactor, soon, binding
        self._wires: list[IpxWire] = []
        self._by_board: dict[Board, IpxWire] = {}
        self._known: dict[Peer, IpxRoute] = {}
        self._requests: deque[tuple[IpxWire, Request]] = deque()
        self._turn_ends = self._begun = self._stopped = False
        self._timer = LoopingCall(self._announce)
        self._timer.clock = reactor

    def bind(self, link: IpxLink) -> str:
        """Bind IPX to *link*. Returns the link's name. Raises OSError, OverflowError, LinkRefused."""
        number = len(self._wires)
        wire = IpxWire(self, number)
        # Locally administered, and another one for each link and server
        node = bytes([2, number & 0xFF]) + self._server.settings.serial_number.to_bytes(4, "big")
        wire.link = LINKS[link.kind](self._reactor, link, node, wire)
        self._wires.append(wire)
        self._have_board(wire)
        return wire.link.name

    def names(self) -> list[str]:
        """The names of the links, in their order."""
        return [wire.link.name for wire in self._wires if wire.link is not None]

    def networks(self) -> list[str]:
        """A sentence with the numbers of the networks for each link that has such."""
        internal = f"internal network {self.stack.advertising.network:08X}"
        return [
            f"IPX on {board.name}: {internal}; "
            + ", ".join(f"{bind.frame.value} {bind.network:08X}" for bind in board.binds())
            for board in self.stack.boards
            if not board.tunnel
        ]

    def begin(self) -> Deferred[list[Conflict]]:
        """Look for another server with the numbers of this one, for half a second where a link is up; if there is none,
        say on all links that this one is here.
        """
        asked = [self._ask(wire) for wire in self._wires]
        waiting = deferLater(self._reactor, ANSWERS_WITHIN) if any(asked) else succeed(None)
        return waiting.addCallback(lambda _: self._have_looked())

    def stop(self) -> Deferred[Any]:
        """Say on all links that the server is gone, and close them."""
        if self._begun and not self.stack.advertising.silent:
            self._broadcast(gone=True)
        self._stopped = True
        if self._timer.running:
            self._timer.stop()
        self._requests.clear()
        return gatherResults([maybeDeferred(wire.link.stop) for wire in self._wires if wire.link is not None])

    def saw(self, record: Record) -> None:
        """The next line of the journal: an operator may have brought the server down, or back."""
        if record.event == "operator" and self._begun:
            self._reactor.callLater(0, self._follow)

    # For wires and routes

    def arrived(self, wire: IpxWire, frame: bytes) -> None:
        """A frame has arrived."""
        if self._stopped:
            return
        if self.capture is not None:
            self.capture.frame(frame)
        if wire.board is None:
            return
        outcome = self.stack.receive(wire.board, frame)
        if isinstance(outcome, list):
            for answer in outcome:
                wire.send(answer)
        elif len(self._requests) < WAITING:
            self._requests.append((wire, outcome))
        else:
            self.stack.dropped["busy"] += 1
        if (self._requests or self.stack.conflicts) and not self._turn_ends:
            self._turn_ends = True
            self._soon(self._end_turn)

    def joined(self, wire: IpxWire) -> None:
        """The link of *wire* has come up."""
        if self._stopped or wire.link is None:
            return
        self._have_board(wire)
        self._soon(lambda: self._introduce(wire))  # what has been asked meanwhile is answered first

    def forget(self, route: IpxRoute) -> None:
        """The station of *route* has no connection any more."""
        self.stack.forget(route.way)
        self._known.pop(route.peer, None)

    def _have_board(self, wire: IpxWire) -> None:
        link = wire.link
        assert link is not None
        if link.node is None or (wire.board is not None and wire.board.node == link.node):
            return
        tunnel = isinstance(link, TunnelLink)
        internal = self._server.settings.network_number
        networks = TUNNEL_NETWORKS if tunnel else self._networks(wire.number)
        if internal in networks.values():
            raise LinkRefused(f"{internal:08X} is the internal network; expected another number for the link")
        unsettled = set() if tunnel else {frame for frame, given in self._binding.frames.items() if given is None}
        wire.board = Board(link.name, link.node, dict(networks), tunnel, unsettled)
        self._by_board = {known.board: known for known in self._wires if known.board is not None}
        self.stack.boards = list(self._by_board)
        addresses = {self.stack.advertising.server(bind): None for board in self.stack.boards for bind in board.binds()}
        others = [peer for peer in self._server.addresses if peer.transport is not IPX]
        self._server.addresses = (*others, *map(_peer, addresses))

    def _networks(self, number: int) -> dict[FrameType, int]:
        """Those of the link with this number."""
        above = number * len(FrameType)
        frames = self._binding.frames
        given = {frame: network + above for frame, network in frames.items() if network is not None}
        return numbered(frames, self._server.settings.network_number + 1 + above) | given

    def _introduce(self, wire: IpxWire) -> None:
        if self._begun and not self._stopped:
            self._ask(wire)
            if not self.stack.advertising.silent:
                self._broadcast(only=wire)

    def _end_turn(self) -> None:
        self._turn_ends = False
        if self._stopped:
            return
        host, known, requests, now = self._host, self._known, self._requests, self._host.now()
        for _ in range(min(AT_ONCE, len(requests))):
            wire, (peer, way, data) = requests.popleft()
            route = known.get(peer)
            if route is None or route.way != way:
                route = known[peer] = IpxRoute(self, wire, peer, way)
            host.opened(peer, route)
            host.received(peer, data, now)
        if requests:
            self._turn_ends = True
            self._soon(self._end_turn)
        if self._begun:  # earlier ones are for ``begin``
            conflicts, self.stack.conflicts = self.stack.conflicts, []
            for conflict in conflicts:
                host.delivery.act(functools.partial(self._server.emit, "conflict", conflict.fields()))

    def _have_looked(self) -> list[Conflict]:
        conflicts, self.stack.conflicts = self.stack.conflicts, []
        if not conflicts and not self._stopped:
            self._begun, self.stack.advertising.silent = True, False
            self._timer.start(EVERY)
        return conflicts

    def _follow(self) -> None:
        """Be silent while the server is down."""
        advertising = self.stack.advertising
        if self._stopped or self._server.is_down is advertising.silent:
            return
        if self._server.is_down:
            self._broadcast(gone=True)
        advertising.silent = self._server.is_down
        self._announce()

    def _announce(self) -> None:
        if not self.stack.advertising.silent:
            self._broadcast()

    def _ask(self, wire: IpxWire) -> bool:
        """Ask on *wire* for another server with the numbers of this one; whether one could answer."""
        if wire.board is None or wire.link is None or not wire.link.up:
            return False
        questions = self.stack.question(wire.board)
        for frame in questions:
            wire.send(frame)
        return bool(questions)

    def _broadcast(self, *, gone: bool = False, only: IpxWire | None = None) -> None:
        for board, frame in self.stack.announce(gone=gone):
            wire = self._by_board[board]
            if only in (None, wire) and wire.link is not None and wire.link.up:
                wire.send(frame)


def _peer(address: IpxAddress) -> Peer:
    return Peer(IPX, (f"{address.network:08X}:{address.node.hex().upper()}", address.socket))
