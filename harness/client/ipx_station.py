"""A workstation's end of one NCP connection over IPX: its socket, without a card and without a clock.

Rules of this file:

* What the requester sends comes in, and frames go out; what the requester has to read comes out of frames.
* The server is found before anything is sent to it: by its name (SAP), then the node behind which its network is (RIP).
  The requester sends again what is not answered, and each time the step that is still unanswered is repeated.
* The station learns the number of its network from the first answer, whose source and destination network are the same
  (Linux ``af_ipx.c``). Until then it is 0.
* Over IPX the watchdog asks the next socket, and messages are announced on the one after it, in two bytes: the low byte
  of the connection number and a mark (ipx.md 6). The requester knows the packets of UDP.
"""

from __future__ import annotations

from typing import NamedTuple

from fakenw.core.peer import IPX
from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.frames import Frame, FrameType, decode_frame
from fakenw.wire.ipx.packet import (
    EVERY_NODE,
    NCP_TYPE,
    RIP_SOCKET,
    RIP_TYPE,
    SAP_SOCKET,
    SAP_TYPE,
    BadPacket,
    IpxAddress,
    IpxPacket,
    decode_ipx,
)
from fakenw.wire.packet import NO_CONNECTION, REPLY, WATCHDOG, WatchdogPacket, packet_type

FIRST_SOCKET = 0x4003  # of a DOS shell; sockets that are not asked for by number begin at 0x4000 (ipx.md 1, 11)
SOCKETS = 3  # of a station: for NCP, for the watchdog, for messages


def socket_of(frame: bytes) -> int:
    """The socket to which the packet in *frame* goes; 0 where there is none."""
    found = decode_frame(frame)
    return 0 if found is None else int.from_bytes(found.packet[16:18], "big")


class Heard(NamedTuple):
    """What a frame has brought: a packet for the requester, and frames to send at once."""

    packet: bytes | None = None
    frames: tuple[bytes, ...] = ()


NOTHING = Heard()


class IpxStation:
    """A station at a *node* that looks for *server*. ``address`` is its own."""

    def __init__(
        self, server: str, node: bytes, socket: int = FIRST_SOCKET, frame: FrameType = FrameType.ETHERNET_802_2
    ) -> None:
        self.address = IpxAddress(0, node, socket)
        self._server_name, self._frame = server.upper(), frame
        self._server: IpxAddress | None = None
        self._next_node: bytes | None = None  # to which packets for the server are sent: a router's, or its own
        self._unsent = b""  # what waits for the server to be found
        self._number = NO_CONNECTION
        self._asker: tuple[bytes, IpxAddress] | None = None  # node and address of the last query of the watchdog

    def __str__(self) -> str:
        """As journals have it."""
        return f"{IPX.name}:{self.address}"

    def send(self, data: bytes) -> tuple[bytes, ...]:
        """The frames for a packet of the requester: the packet, or the question that must be answered before it."""
        if packet_type(data) == WATCHDOG:
            return self._watchdog_answer(data)
        self._unsent = data
        if self._server is None:
            query = sap.SapQuery(sap.GENERAL_QUERY, sap.FILE_SERVER)
            return self._broadcast(SAP_SOCKET, SAP_TYPE, query.encode())
        if self._next_node is None:
            request = rip.RipPacket(rip.REQUEST, (rip.Reach(self._server.network, 0, 0),))
            return self._broadcast(RIP_SOCKET, RIP_TYPE, request.encode())
        return self._frame_to(self._next_node, IpxPacket(self._server, self.address, NCP_TYPE, data))

    def receive(self, data: bytes) -> Heard:
        """A frame has arrived. What is not for this station is ignored."""
        frame = decode_frame(data)
        if frame is None or frame.type is not self._frame or frame.target not in (self.address.node, EVERY_NODE):
            return NOTHING
        try:
            packet = decode_ipx(frame.packet)
            return self._packet(frame.source, packet) if self._is_mine(packet.destination) else NOTHING
        except BadPacket:
            return NOTHING

    def _is_mine(self, to: IpxAddress) -> bool:
        own = self.address
        return to.node in (own.node, EVERY_NODE) and (own.network in (0, to.network) or to.network == 0)

    def _packet(self, node: bytes, packet: IpxPacket) -> Heard:
        """Raises BadPacket."""
        to, source, data = packet.destination, packet.source, packet.data
        match to.socket - self.address.socket:
            case 0 if source.socket == SAP_SOCKET and self._server is None:
                return self._found(packet, sap.decode_sap(data))
            case 0 if source.socket == RIP_SOCKET and self._next_node is None:
                return self._routed(node, packet, rip.decode_rip(data))
            case 0 if self._server is not None and source == self._server:
                if packet_type(data) == REPLY and len(data) > 5:
                    self._number = data[3] | data[5] << 8
                return Heard(data)
            case 1 if data == bytes([self._number & 0xFF]) + b"?" and self._number != NO_CONNECTION:
                self._asker = node, source
                return Heard(WatchdogPacket(self._number, b"?").encode())
        return NOTHING  # "!" too: a message is fetched by programs that show messages, and this one does not

    def _found(self, packet: IpxPacket, said: sap.SapQuery | sap.SapResponse) -> Heard:
        for service in said.services if isinstance(said, sap.SapResponse) else ():
            if (service.type, service.name) == (sap.FILE_SERVER, self._server_name) and service.hops < sap.GONE:
                self._learn(packet)
                self._server = service.address
                if service.address.network in (0, self.address.network):  # no router is between
                    self._next_node = service.address.node
                return Heard(frames=self.send(self._unsent))
        return NOTHING

    def _routed(self, node: bytes, packet: IpxPacket, said: rip.RipPacket) -> Heard:
        if said.operation != rip.RESPONSE or self._server is None:
            return NOTHING
        if not any(reach.network == self._server.network and reach.hops < rip.UNREACHABLE for reach in said.networks):
            return NOTHING
        self._learn(packet)
        self._next_node = node
        return Heard(frames=self.send(self._unsent))

    def _learn(self, packet: IpxPacket) -> None:
        if self.address.network == 0 and packet.source.network == packet.destination.network:
            self.address = self.address._replace(network=packet.source.network)

    def _watchdog_answer(self, data: bytes) -> tuple[bytes, ...]:
        """The requester's answer goes to where the query came from, from the socket that was asked."""
        if self._asker is None:
            return ()
        node, asker = self._asker
        source = self.address._replace(socket=self.address.socket + 1)
        return self._frame_to(node, IpxPacket(asker, source, NCP_TYPE, data[3:4] + data[9:10]))

    def _broadcast(self, socket: int, kind: int, data: bytes) -> tuple[bytes, ...]:
        everybody = IpxAddress(self.address.network, EVERY_NODE, socket)
        return self._frame_to(EVERY_NODE, IpxPacket(everybody, self.address, kind, data))

    def _frame_to(self, node: bytes, packet: IpxPacket) -> tuple[bytes, ...]:
        return (Frame(self._frame, node, self.address.node, packet.encode()).encode(),)
