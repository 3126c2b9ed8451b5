"""IPX at the edge of a reactor whose clock stands still, on cables that are not real, and a station on such a cable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.core.ipx_link import IpxBinding, IpxLink
from fakenw.transports.ipx import edge as edges
from fakenw.transports.ipx.edge import IpxEdge
from fakenw.transports.ipx.link import Wire
from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.frames import Frame, FrameType, decode_frame
from fakenw.wire.ipx.packet import (
    EVERY_NODE,
    NCP_SOCKET,
    NCP_TYPE,
    RIP_SOCKET,
    RIP_TYPE,
    SAP_SOCKET,
    SAP_TYPE,
    SERVER_NODE,
    IpxAddress,
    IpxPacket,
    decode_ipx,
)
from tests.fakenw.transports.scene import Scene

INTERNAL = 0xBEEF
STATION = bytes.fromhex("525400123456")
SOCKET = 0x4001
OTHER = bytes.fromhex("00001B0A0B0C")  # the node of another server


class Cable:
    """A link of the edge (fakenw.transports.ipx.link.Link), with what the server has sent."""

    def __init__(self, reactor: object, link: IpxLink, node: bytes, wire: Wire) -> None:
        self.name, self.node, self.wire = str(link), node, wire
        self.up = True
        self.sent: list[bytes] = []
        self.stopped = False

    def send(self, frame: bytes) -> None:
        assert not self.stopped
        self.sent.append(frame)

    def stop(self) -> None:
        self.stopped = True

    def said(self) -> list[str]:
        """What the server has sent since the last look: each with its frame type, in short."""
        sent, self.sent = self.sent, []
        return [spoken(frame) for frame in sent]


class CabledScene(Scene):
    """``turn`` ends a turn of the reactor."""

    def __init__(self, patch: pytest.MonkeyPatch, *, cables: int = 1, binding: IpxBinding | None = None) -> None:
        self._ends: list[Callable[[], None]] = []
        super().__init__(self._ends.append, ipx_network=INTERNAL)
        patch.setitem(edges.LINKS, "qemu", Cable)
        self.ipx = IpxEdge(self.host, self.clock, self._ends.append, binding or IpxBinding())
        self.host._watch = [*self.host._watch, self.ipx.saw]
        for number in range(cables):
            self.ipx.bind(IpxLink("qemu", ("lab", number)))
        self.cables: list[Any] = [wire.link for wire in self.ipx._wires]
        self.cable: Cable = self.cables[0]

    def begun(self) -> CabledScene:
        """Half a second has passed, and the server has introduced itself."""
        self.ipx.begin()
        self.clock.advance(1)
        for cable in self.cables:
            cable.said()
        return self

    def turn(self) -> None:
        while self._ends:
            ends, self._ends[:] = list(self._ends), []
            for end in ends:
                end()


def framed(
    packet: IpxPacket, target: bytes = EVERY_NODE, kind: FrameType = FrameType.ETHERNET_802_2, node: bytes = STATION
) -> bytes:
    return Frame(kind, target, node, packet.encode()).encode()


def asks_sap(kind: FrameType = FrameType.ETHERNET_802_2, node: bytes = STATION) -> bytes:
    """A station looks for the nearest file server, and does not know its network yet."""
    source = IpxAddress(0, node, 0x4000)
    query = sap.SapQuery(sap.NEAREST_QUERY, sap.FILE_SERVER).encode()
    return framed(IpxPacket(IpxAddress(0, EVERY_NODE, SAP_SOCKET), source, SAP_TYPE, query), kind=kind, node=node)


def asks_rip(network: int = INTERNAL) -> bytes:
    source = IpxAddress(0, STATION, 0x4002)
    request = rip.RipPacket(rip.REQUEST, (rip.Reach(network),)).encode()
    return framed(IpxPacket(IpxAddress(0, EVERY_NODE, RIP_SOCKET), source, RIP_TYPE, request))


def has_internal_network(node: bytes = OTHER) -> bytes:
    """Another server answers that it has the network that this one asks for."""
    response = rip.RipPacket(rip.RESPONSE, (rip.Reach(INTERNAL, 1, 2),)).encode()
    source = IpxAddress(INTERNAL + 3, node, RIP_SOCKET)
    packet = IpxPacket(IpxAddress(INTERNAL + 3, EVERY_NODE, RIP_SOCKET), source, RIP_TYPE, response)
    return framed(packet, node=node)


def speaks_ncp(cable: Cable, data: bytes, node: bytes = STATION, socket: int = SOCKET) -> bytes:
    """A packet to the server's internal address."""
    to = IpxAddress(INTERNAL, SERVER_NODE, NCP_SOCKET)
    source = IpxAddress(INTERNAL + 3, node, socket)  # of 802.2, the third frame type
    return framed(IpxPacket(to, source, NCP_TYPE, data), cable.node, node=node)


def spoken(data: bytes) -> str:
    """A frame in short, such as ``802.2 RIP response BEEF hops 1``."""
    frame = decode_frame(data)
    assert frame is not None
    packet = decode_ipx(frame.packet, checked=False)
    kind = frame.type.value.removeprefix("ETHERNET_")
    match packet.source.socket:
        case 0x0453:
            said = rip.decode_rip(packet.data)
            (reach,) = said.networks
            told = f"RIP response {reach.network:X} hops {reach.hops}"
            return f"{kind} {told if said.operation == rip.RESPONSE else f'RIP request {reach.network:X}'}"
        case 0x0452:
            response = sap.decode_sap(packet.data)
            assert isinstance(response, sap.SapResponse)
            (service,) = response.services
            return f"{kind} SAP {response.operation} {service.name} {service.address} hops {service.hops}"
    return f"{kind} NCP {packet.data[:2].hex()}"
