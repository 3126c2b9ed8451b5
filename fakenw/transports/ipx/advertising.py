"""What the server says of itself on a wire, by SAP and RIP: at once when it starts, on request, and when it stops.

Rules of this file:

* SAP and RIP come from the wire's network and the board's node; the addresses in them are those of the server itself:
  node 1 on the internal network, or, on a tunnel, the board's node on its wire (ipx.md 1, 8).
* A network is not announced on itself (split horizon): the internal one is all that RIP tells, and a tunnel has none.
* A RIP request for other networks is not answered: an answer would draw the packets of a real router.
* Every frame type that is bound is answered in, and no other: Windows 95 takes the one in which answers come.
"""

from __future__ import annotations

from dataclasses import dataclass

from fakenw.transports.ipx.board import Bind
from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.packet import (
    EVERY_NETWORK,
    NCP_SOCKET,
    RIP_SOCKET,
    RIP_TYPE,
    SAP_SOCKET,
    SAP_TYPE,
    SERVER_NODE,
    IpxAddress,
    IpxPacket,
)

EVERY = 60  # seconds between broadcasts
HOPS, TICKS = 1, 2  # to the internal network: over the wire, and one more (mars_nwe)
PADDED_TREE = 32  # a tree's name in SAP, padded with "_" as in the reply to the NDS ping: inferred


@dataclass
class Advertising:
    """*nearest*: the nodes that hear of this server when they look for the nearest; None: all of them.

    ``silent``: the server is down, and says nothing.
    """

    name: str
    network: int  # internal
    tree: str | None = None
    nearest: frozenset[bytes] | None = None
    silent: bool = False

    def server(self, bind: Bind) -> IpxAddress:
        """Where NCP is served, for the stations of a wire."""
        return bind.address(NCP_SOCKET) if bind.board.tunnel else IpxAddress(self.network, SERVER_NODE, NCP_SOCKET)

    def broadcasts(self, bind: Bind, *, gone: bool = False) -> list[IpxPacket]:
        """RIP, then SAP: the server is here, or with *gone* it stops."""
        everybody = IpxAddress(bind.network, b"\xff" * 6, RIP_SOCKET)
        packets = []
        if not bind.board.tunnel:
            reach = rip.Reach(self.network, rip.UNREACHABLE if gone else HOPS, TICKS)
            packets.append(_rip(bind, everybody, reach))
        services = self._services(bind, sap.EVERY_TYPE, sap.GONE if gone else HOPS)
        response = sap.SapResponse(sap.GENERAL_RESPONSE, services)
        packets.append(_sap(bind, everybody._replace(socket=SAP_SOCKET), response))
        return packets

    def answer_sap(self, bind: Bind, asker: IpxAddress, query: sap.SapQuery) -> list[IpxPacket]:
        """The answer to a query, if there is one."""
        if self.silent:
            return []
        services = self._services(bind, query.type, HOPS)
        match query.operation:
            case sap.NEAREST_QUERY:
                services = services[:1] if self.nearest is None or asker.node in self.nearest else ()
            case sap.SPECIFIC_QUERY:
                services = tuple(service for service in services if service.name == query.name)
        response = sap.SapResponse(sap.ANSWER_TO[query.operation], services)
        return [_sap(bind, asker, response)] if services else []

    def answer_rip(self, bind: Bind, asker: IpxAddress, request: rip.RipPacket) -> list[IpxPacket]:
        """The answer to a request, if there is one."""
        asked = {reach.network for reach in request.networks}
        if self.silent or bind.board.tunnel or not asked & {self.network, EVERY_NETWORK}:
            return []
        return [_rip(bind, asker, rip.Reach(self.network, HOPS, TICKS))]

    def question(self, bind: Bind) -> list[IpxPacket]:
        """A RIP request for the server's own network, which only a server with the same number answers."""
        everybody = IpxAddress(bind.network, b"\xff" * 6, RIP_SOCKET)
        request = rip.RipPacket(rip.REQUEST, (rip.Reach(self.network),))
        return [] if bind.board.tunnel else [_packet(bind, everybody, RIP_SOCKET, RIP_TYPE, request.encode())]

    def _services(self, bind: Bind, kind: int, hops: int) -> tuple[sap.Service, ...]:
        names = [(sap.FILE_SERVER, self.name)]
        if self.tree is not None:
            names.append((sap.TREE, self.tree.ljust(PADDED_TREE, "_")))
        where = self.server(bind)
        return tuple(sap.Service(own, name, where, hops) for own, name in names if kind in (own, sap.EVERY_TYPE))


def _sap(bind: Bind, to: IpxAddress, response: sap.SapResponse) -> IpxPacket:
    return _packet(bind, to, SAP_SOCKET, SAP_TYPE, response.encode())


def _rip(bind: Bind, to: IpxAddress, reach: rip.Reach) -> IpxPacket:
    return _packet(bind, to, RIP_SOCKET, RIP_TYPE, rip.RipPacket(rip.RESPONSE, (reach,)).encode())


def _packet(bind: Bind, to: IpxAddress, socket: int, kind: int, data: bytes) -> IpxPacket:
    return IpxPacket(to, bind.address(socket), kind, data)
