"""What is seen on an IPX wire of how clients come in: SAP, RIP, creates and their replies, the watchdog; sans-IO.

Rules of this file:

* A client is a node that asks by SAP or RIP, or attaches. A node that answers is a server or a router, though servers
  ask as well.
* A frame that makes no sense is counted or passed over: captures may hold anything.
* What clients do once they are in is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.frames import FrameType, decode_frame
from fakenw.wire.ipx.packet import (
    EVERY_NETWORK,
    HEADER,
    NCP_SOCKET,
    RIP_SOCKET,
    SAP_SOCKET,
    SERVER_NODE,
    BadPacket,
    IpxAddress,
    IpxPacket,
    decode_ipx,
)
from fakenw.wire.layout import Malformed
from fakenw.wire.packet import CREATE, DESTROY, REPLY, REQUEST, ReplyPacket, decode_reply, packet_type

BRIDGED_HOPS = 127  # with the checksum 0: how ipxbox marks frames that it has bridged (ipx.md 8)
NDS_FUNCTION = 0x68
_SUMMED = 0xFFFF.to_bytes(2, "big")  # no checksum
_SAP_ENTRY = 64
_MOST = 5000  # of what any capture may hold of one kind; more does not make a finding clearer


class Sighting(NamedTuple):
    """*number* is that of the frame, *time* in seconds, *sender* the frame's."""

    number: int
    time: float
    type: FrameType
    sender: bytes
    target: bytes
    packet: IpxPacket


@dataclass
class Entrance:
    """A create, and its reply if that was seen."""

    create: Sighting
    reply: Sighting | None = None
    said: ReplyPacket | None = None

    @property
    def admitted(self) -> bool:
        return self.said is not None and self.said.completion == 0 and self.said.status == 0


@dataclass
class Newcomer:
    """A client: what it asks, and what it is told itself. ``inside``: frames of a connection made earlier."""

    node: bytes
    queries: list[tuple[Sighting, sap.SapQuery]] = field(default_factory=list)
    answers: list[tuple[Sighting, sap.SapResponse]] = field(default_factory=list)
    probes: list[Sighting] = field(default_factory=list)  # RIP requests for all networks
    probed: list[Sighting] = field(default_factory=list)  # and their answers
    routes: list[tuple[Sighting, rip.RipPacket]] = field(default_factory=list)
    told: list[tuple[Sighting, rip.RipPacket]] = field(default_factory=list)
    entrances: list[Entrance] = field(default_factory=list)
    inside: list[int] = field(default_factory=list)
    watched: list[int] = field(default_factory=list)  # watchdog queries without an answer since the last one

    @property
    def asked(self) -> list[Sighting]:
        """All by which it looks for a server."""
        return sorted([*(seen for seen, _ in self.queries), *self.probes])


Frames = dict[bytes, list[int]]  # numbers by node
NOWHERE: Frames = {}
K = TypeVar("K")
T = TypeVar("T")


@dataclass
class WireLog:
    """Fed by ``saw``, with frames in the order of their numbers."""

    frames: int = 0
    packets: int = 0
    newcomers: dict[bytes, Newcomer] = field(default_factory=dict)
    speaking: dict[FrameType, list[int]] = field(default_factory=dict)  # frames of servers and routers
    speakers: dict[bytes, None] = field(default_factory=dict)  # nodes of servers and routers
    # Name and type of a server, then its address, then frames
    services: dict[tuple[str, int], dict[IpxAddress, list[int]]] = field(default_factory=dict)
    places: dict[tuple[int, bytes], str] = field(default_factory=dict)  # names of file servers, by network and node
    names: dict[bytes, dict[str, None]] = field(default_factory=dict)  # of servers, by their own nodes
    wires: dict[FrameType, dict[int, Frames]] = field(default_factory=dict)  # the wire's number, as told
    internal: dict[int, Frames] = field(default_factory=dict)  # networks that are one hop away
    bridged: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)  # frames of SAP that end too early
    no_nds: list[tuple[int, IpxAddress]] = field(default_factory=list)  # refusals
    _creates: dict[IpxAddress, Entrance] = field(default_factory=dict)  # without a reply, by station
    _nds: dict[tuple[IpxAddress, int], IpxAddress] = field(default_factory=dict)  # station, sequence: server

    def saw(self, number: int, time: float, data: bytes) -> None:
        self.frames += 1
        frame = decode_frame(data)
        if frame is None:
            return
        self.packets += 1
        content = frame.packet
        if content[:2] == b"\0\0" and content[4:5] == bytes([BRIDGED_HOPS]):
            _keep(self.bridged, number)
            content = _SUMMED + content[2:4] + b"\0" + content[5:]
        try:
            packet = decode_ipx(content)
            seen = Sighting(number, time, frame.type, frame.source, frame.target, packet)
            self._packet(seen)
        except BadPacket as bad:
            if str(bad) == "length" and len(content) >= HEADER and SAP_SOCKET in _sockets(content):
                _keep(self.cut, number)
        except Malformed:
            pass

    def clients(self) -> list[Newcomer]:
        """Those that are neither servers nor routers, by node."""
        others = {*self.speakers, SERVER_NODE}
        return [one for node, one in sorted(self.newcomers.items()) if node not in others]

    def servers(self) -> dict[str, list[IpxAddress]]:
        """The file servers by name, with what is announced as their addresses."""
        return {name: sorted(where) for (name, kind), where in self.services.items() if kind == sap.FILE_SERVER}

    def server(self, address: IpxAddress) -> str:
        """The name of the file server at *address*, or the address."""
        return self.places.get(address[:2], str(address))

    def _packet(self, seen: Sighting) -> None:
        """Raises BadPacket and Malformed."""
        packet = seen.packet
        source, destination = packet.source, packet.destination
        if SAP_SOCKET in (source.socket, destination.socket):
            said = sap.decode_sap(packet.data)
            if isinstance(said, sap.SapQuery):
                _keep(self._newcomer(source.node).queries, (seen, said))
            else:
                self._services(seen, said)
        elif RIP_SOCKET in (source.socket, destination.socket):
            told = rip.decode_rip(packet.data)
            if told.operation == rip.RESPONSE:
                self._routes(seen, told)
            elif any(reach.network == EVERY_NETWORK for reach in told.networks):
                _keep(self._newcomer(source.node).probes, seen)
            else:
                _keep(self._newcomer(source.node).routes, (seen, told))
        elif destination.socket == NCP_SOCKET:
            self._asked(seen)
        elif source.socket == NCP_SOCKET:
            self._replied(seen)
        elif len(packet.data) == 2:
            self._watchdog(seen)

    def _newcomer(self, node: bytes) -> Newcomer:
        return _entry(self.newcomers, node, Newcomer(node))

    def _speaks(self, seen: Sighting) -> None:
        _keep(_entry(self.speaking, seen.type, []), seen.number)
        source = seen.packet.source
        if source.node == seen.sender:
            _entry(self.speakers, seen.sender, None)
            if source.network:
                told = _entry(_entry(self.wires, seen.type, {}), source.network, {})
                _keep(_entry(told, seen.sender, []), seen.number)

    def _services(self, seen: Sighting, said: sap.SapResponse) -> None:
        self._speaks(seen)
        if (len(seen.packet.data) - 2) % _SAP_ENTRY:
            _keep(self.cut, seen.number)
        for service in said.services:
            if service.hops < sap.GONE:
                where = _entry(self.services, (service.name, service.type), {})
                _keep(_entry(where, service.address, []), seen.number)
                if service.type == sap.FILE_SERVER:
                    _entry(self.places, service.address[:2], service.name)
                if service.hops == 1 and service.type == sap.FILE_SERVER:
                    _entry(_entry(self.names, seen.sender, {}), service.name, None)
        client = self.newcomers.get(seen.packet.destination.node)
        if client is not None:
            _keep(client.answers, (seen, said))

    def _routes(self, seen: Sighting, told: rip.RipPacket) -> None:
        self._speaks(seen)
        for reach in told.networks:
            if reach.hops == 1:
                _keep(_entry(_entry(self.internal, reach.network, {}), seen.sender, []), seen.number)
        client = self.newcomers.get(seen.packet.destination.node)
        if client is not None:
            _keep(client.told, (seen, told))
            if client.probes:
                _keep(client.probed, seen)

    def _asked(self, seen: Sighting) -> None:
        """A client's packet to a server."""
        station, data = seen.packet.source, seen.packet.data
        kind = packet_type(data)
        if kind == CREATE:
            entrance = Entrance(seen)
            _keep(self._newcomer(station.node).entrances, entrance)
            self._creates.pop(station, None)
            _entry(self._creates, station, entrance)
        elif kind == REQUEST and data[6:7] == bytes([NDS_FUNCTION]):
            _entry(self._nds, (station, data[2]), seen.packet.destination)
        elif kind == DESTROY:
            self._creates.pop(station, None)

    def _replied(self, seen: Sighting) -> None:
        """A server's packet to a client. Raises Malformed."""
        station, data = seen.packet.destination, seen.packet.data
        if packet_type(data) != REPLY:
            return
        _keep(_entry(self.speaking, seen.type, []), seen.number)
        said = decode_reply(data)
        entrance = self._creates.pop(station, None)
        client = self._newcomer(station.node)
        if entrance is not None:
            entrance.reply, entrance.said = seen, said
        elif not client.entrances:
            _keep(client.inside, seen.number)
        server = self._nds.pop((station, said.sequence), None)
        if server is not None and said.completion:
            _keep(self.no_nds, (seen.number, server))

    def _watchdog(self, seen: Sighting) -> None:
        mark, packet = seen.packet.data[1:], seen.packet
        if mark == b"?" and packet.destination.node in self.newcomers:
            _keep(self.newcomers[packet.destination.node].watched, seen.number)
        elif mark == b"Y" and packet.source.node in self.newcomers:
            self.newcomers[packet.source.node].watched.clear()


def _keep(kept: list[T], one: T) -> None:
    if len(kept) < _MOST:
        kept.append(one)


def _entry(kept: dict[K, T], key: K, new: T) -> T:
    """What *kept* has for *key*, which is *new* at first."""
    if key in kept:
        return kept[key]
    if len(kept) < _MOST:
        kept[key] = new
    return new


def _sockets(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[16:18], "big"), int.from_bytes(content[28:30], "big")
