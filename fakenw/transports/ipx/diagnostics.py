"""Novell's IPX diagnostics (socket 0x0456): which components a node has, which router tools ask for as an "IPX ping".

A request is a number of nodes that are to be silent, and these nodes. A reply has a version, the socket for further
questions over SPX, and components; a file server's has its addresses (mars_nwe ``response_ipx_diag``, as facts).
"""

from __future__ import annotations

from fakenw.transports.ipx.board import Bind
from fakenw.wire.ipx.packet import DIAGNOSTIC_SOCKET, PLAIN_TYPE, IpxAddress, IpxPacket

VERSION = b"\x01\x01"
NO_SOCKET = bytes(2)  # no questions over SPX
IPX_SPX, BRIDGE_DRIVER, FILE_SERVER = 0, 1, 6
INTERNAL_NETWORK, LAN_NETWORK = 1, 0


def answer_diagnostics(bind: Bind, asker: IpxAddress, request: bytes, server: IpxAddress) -> list[IpxPacket]:
    """The reply, unless the server's node is to be silent or the request is cut short."""
    count = request[0] if request else 0
    nodes = [request[at : at + 6] for at in range(1, 1 + 6 * count, 6)]
    if not request or len(request) < 1 + 6 * count or bind.board.node in nodes:
        return []
    kind = LAN_NETWORK if bind.board.tunnel else INTERNAL_NETWORK
    network = bytes([kind]) + server.packed[:10]
    data = VERSION + NO_SOCKET + bytes([3, IPX_SPX, BRIDGE_DRIVER, FILE_SERVER, 1]) + network
    return [IpxPacket(asker, bind.address(DIAGNOSTIC_SOCKET), PLAIN_TYPE, data)]
