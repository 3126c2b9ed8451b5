"""The server's end of its IPX wires, sans-IO: frames in; requests for the core, and frames to send, come out.

Rules of this file:

* NCP is answered from the address that was asked, in the frame type and to the node of the request (ipx.md 1).
* A packet goes by its destination's socket; its type is a hint. What the server has no use for is dropped and counted,
  by its reason: a frame can neither raise an exception nor move a license.
* Over IPX the watchdog queries the socket behind that of NCP, and messages are announced on the one after it, in two
  bytes: the low byte of the connection number, and a mark. The core knows them as the packets of UDP.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from fakenw.core.peer import IPX, Peer
from fakenw.journal.sentences import conflict
from fakenw.transports.ipx.advertising import Advertising
from fakenw.transports.ipx.board import Bind, Board, Way
from fakenw.transports.ipx.diagnostics import answer_diagnostics
from fakenw.wire.ipx import packet as ipx
from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.frames import FrameType, decode_frame
from fakenw.wire.ipx.packet import BadPacket, IpxAddress, IpxPacket, decode_ipx
from fakenw.wire.packet import BROADCAST, WATCHDOG, WatchdogPacket, packet_type

ECHO_SOCKET = IPX.echo_socket  # where watchdog answers and the packets of a size test arrive, as in mars_nwe
_ECHO = b"\x11\x11"  # begins a packet of a size test
_KNOWN = 70_000  # stations, a few more than the largest number of connections


class Request(NamedTuple):
    """What a station has sent to the core, as the datagram it would be over UDP."""

    peer: Peer
    way: Way
    data: bytes


class Conflict(NamedTuple):
    """Another node's packet shows that one of the server's numbers is not its own."""

    board: str
    frame: FrameType
    what: str  # internal-network, wire-network or serial-number
    number: str
    node: bytes  # that says so

    def fields(self) -> dict[str, str]:
        """As a journal has it."""
        return {
            "link": self.board,
            "frame": self.frame.value,
            "what": self.what,
            "number": self.number,
            "node": self.node.hex().upper(),
        }

    def __str__(self) -> str:
        return conflict(**self.fields())


class Stack:
    """IPX of one server. ``dropped`` counts frames by reason, ``conflicts`` are those that the edge has not
    taken yet.
    """

    def __init__(self, advertising: Advertising, serial_number: int) -> None:
        self.advertising = advertising
        self.boards: list[Board] = []
        self.dropped: Counter[str] = Counter()
        self.conflicts: list[Conflict] = []
        self._known_conflicts: set[Conflict] = set()
        self._serial_number = serial_number.to_bytes(6, "big")
        self._peers: dict[IpxAddress, Peer] = {}
        # Stations that were queried, with their connection numbers, by network and node, then by socket
        self._queried: dict[tuple[int, bytes], dict[int, tuple[Peer, int]]] = {}

    def receive(self, board: Board, data: bytes) -> Request | list[bytes]:
        """A frame has arrived: a request for the core, or the frames that answer it."""
        frame = decode_frame(data)
        if frame is None:
            return self._drop("other-protocol")
        if frame.source == board.node:
            return self._drop("loop")
        if frame.target not in (board.node, ipx.EVERY_NODE):
            return self._drop("other-node")
        network = board.networks.get(frame.type)
        if network is None:
            return self._drop("frame-type")
        bind = Bind(board, frame.type, network)
        try:
            packet = decode_ipx(frame.packet, checked=frame.type is not FrameType.ETHERNET_802_3)
            return self._packet(bind, frame.source, packet)
        except BadPacket as bad:
            return self._drop(str(bad))

    def seal(self, peer: Peer, way: Way, data: bytes) -> bytes:
        """The frame with what the core sends to *peer*."""
        kind, local, station = packet_type(data), way.local, way.station
        if kind in (WATCHDOG, BROADCAST):
            number, local = data[3], local._replace(socket=ECHO_SOCKET)
            if kind == WATCHDOG:
                asked = self._queried.setdefault(station[:2], {})
                asked[station.socket] = (peer, number | data[5] << 8)
            beyond = 1 if kind == WATCHDOG else 2
            station = station._replace(socket=station.socket + beyond & 0xFFFF)
            data = bytes([number]) + (b"?" if kind == WATCHDOG else b"!")
        return way.bind.encode(way.node, IpxPacket(station, local, ipx.NCP_TYPE, data))

    def forget(self, way: Way) -> None:
        """The station of *way* has no connection any more."""
        self._peers.pop(way.station, None)
        queried = self._queried.get(way.station[:2])
        if queried is not None:
            queried.pop(way.station.socket, None)
            if not queried:
                del self._queried[way.station[:2]]

    def announce(self, *, gone: bool = False) -> list[tuple[Board, bytes]]:
        """The broadcasts of all boards: the server is here, or with *gone* it stops."""
        return [
            (bind.board, bind.encode(ipx.EVERY_NODE, packet))
            for board in self.boards
            for bind in board.binds()
            for packet in self.advertising.broadcasts(bind, gone=gone)
        ]

    def question(self, board: Board) -> list[bytes]:
        """Frames whose answers show, as ``conflicts``, that the server's network is that of another."""
        return [
            bind.encode(ipx.EVERY_NODE, packet) for bind in board.binds() for packet in self.advertising.question(bind)
        ]

    def _drop(self, reason: str) -> list[bytes]:
        self.dropped[reason] += 1
        return []

    def _packet(self, bind: Bind, node: bytes, packet: IpxPacket) -> Request | list[bytes]:
        """Raises BadPacket."""
        to, source = packet.destination, packet.source
        if to.socket in (ipx.SAP_SOCKET, ipx.RIP_SOCKET) and self._is_told(bind, node, packet):
            return []
        if self._settles(bind, packet):
            bind.board.networks[bind.frame] = to.network
            bind.board.unsettled.discard(bind.frame)
            bind = bind._replace(network=to.network)
        if not self._is_own(bind, to):
            return self._drop("other-network")
        if source.network == 0:  # a station that has not learnt the number yet
            source = source._replace(network=bind.network)
        if to.socket == ipx.NCP_SOCKET:
            if to.node == ipx.EVERY_NODE:
                return self._drop("broadcast")
            bind.board.unsettled.discard(bind.frame)
            local = to if to.network else to._replace(network=bind.network)
            return Request(self._peer(source), Way(bind, node, local, source), packet.data)
        answers: list[IpxPacket] = []
        match to.socket:
            case ipx.SAP_SOCKET:
                query = sap.decode_sap(packet.data)
                if isinstance(query, sap.SapQuery):
                    answers = self.advertising.answer_sap(bind, source, query)
            case ipx.RIP_SOCKET:
                answers = self.advertising.answer_rip(bind, source, rip.decode_rip(packet.data))
            case _ if to.socket == ECHO_SOCKET:
                if to.node == ipx.EVERY_NODE:
                    return self._drop("broadcast")
                if packet.data.startswith(_ECHO):
                    answers = [packet._replace(destination=source, source=to, hops=0)]
                else:
                    return self._watchdog_answer(bind, node, packet, source)
            case ipx.DIAGNOSTIC_SOCKET:
                answers = answer_diagnostics(bind, source, packet.data, self.advertising.server(bind))
            case ipx.SERIALIZATION_SOCKET:
                if packet.data[:6] == self._serial_number:
                    self._conflict(bind, node, "serial-number", packet.data[:6].hex().upper())
            case ipx.NETBIOS_SOCKET:
                return self._drop("netbios")
            case socket if socket in ipx.SMB_SOCKETS:
                return self._drop("smb")
            case _:
                return self._drop("netbios" if packet.type == ipx.NETBIOS_TYPE else "socket")
        return [bind.encode(node, answer) for answer in answers]

    def _settles(self, bind: Bind, packet: IpxPacket) -> bool:
        """Whether a client that looks for servers has a number for its wire, which the server takes over."""
        to, board = packet.destination, bind.board
        return (
            bind.frame in board.unsettled
            and to.socket in (ipx.SAP_SOCKET, ipx.RIP_SOCKET)
            and to.node == ipx.EVERY_NODE
            and to.network == packet.source.network
            and to.network not in (0, ipx.EVERY_NETWORK, self.advertising.network)
        )

    def _is_own(self, bind: Bind, to: IpxAddress) -> bool:
        """Whether a packet to this address is for the server."""
        if to.network == self.advertising.network and not bind.board.tunnel:
            return to.node in (ipx.SERVER_NODE, ipx.EVERY_NODE)
        here = to.network in (0, bind.network, ipx.EVERY_NETWORK)
        return here and to.node in (bind.board.node, ipx.EVERY_NODE)

    def _peer(self, station: IpxAddress) -> Peer:
        peer = self._peers.get(station)
        if peer is None:
            if len(self._peers) >= _KNOWN:
                self._peers.clear()
            host = f"{station.network:08X}:{station.node.hex().upper()}"
            peer = self._peers[station] = Peer(IPX, (host, station.socket))
        return peer

    def _watchdog_answer(self, bind: Bind, node: bytes, packet: IpxPacket, source: IpxAddress) -> Request | list[bytes]:
        """It comes from the socket that was queried; from another, it is that of the node's first such connection."""
        data, queried = packet.data, self._queried.get(source[:2], {})
        asked = [own for own in queried.values() if data == bytes([own[1] & 0xFF]) + b"Y"]
        if not asked:
            return self._drop("socket")
        socket = source.socket - 1 & 0xFFFF
        peer, number = next((own for own in asked if own[0].address[1] == socket), asked[0])
        station = source._replace(socket=peer.address[1])
        local = packet.destination._replace(socket=ipx.NCP_SOCKET)
        return Request(peer, Way(bind, node, local, station), WatchdogPacket(number, b"Y").encode())

    def _is_told(self, bind: Bind, node: bytes, packet: IpxPacket) -> bool:
        """Whether another server or a router tells of itself. It may contradict the server's numbers, and where it has
        another one for the wire its broadcasts are to a network that is not the server's. Raises BadPacket."""
        networks: tuple[rip.Reach, ...] = ()
        if packet.destination.socket == ipx.SAP_SOCKET:
            if isinstance(sap.decode_sap(packet.data), sap.SapQuery):
                return False
        else:
            told = rip.decode_rip(packet.data)
            if told.operation == rip.REQUEST:
                return False
            networks = told.networks
        if bind.board.tunnel:
            return True
        own, source = self.advertising.network, packet.source
        if any(reach.network == own and reach.hops < rip.UNREACHABLE for reach in networks):
            self._conflict(bind, node, "internal-network", f"{own:08X}")
        if source.node == node and source.network not in (0, bind.network):
            self._conflict(bind, node, "wire-network", f"{source.network:08X}")
        return True

    def _conflict(self, bind: Bind, node: bytes, what: str, number: str) -> None:
        found = Conflict(bind.board.name, bind.frame, what, number, node)
        if found not in self._known_conflicts and len(self._known_conflicts) < 100:
            self._known_conflicts.add(found)
            self.conflicts.append(found)
