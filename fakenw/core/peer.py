"""A peer, the station at the other end, as a value; and the properties of transports.

Rules of this file:

* An edge makes the peers of its clients, from the addresses on the wire. All other code uses the properties of a
  peer's transport, never its name.
* Another transport needs an entry in ``TRANSPORTS``, and an edge.
* A peer's text is the ``station`` of journals: ``udp:10.0.0.1:1025``, ``ipx:00001234:525400123456:4001``.
* The host of an IPX peer is ``NETWORK:NODE`` in hexadecimal, its port the socket.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from fakenw.crypto.signatures import DATAGRAMS, FRAMED, SignedForm


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """A transport of NCP. ``TRANSPORTS`` holds the only instances, so that identity is equality."""

    name: str
    framed: bool  # a stream, in which every packet has a frame
    lossless: bool  # no packet is lost or duplicated: no reply is retained for a duplicate of its request
    watched: bool  # the watchdog queries its stations, and broadcasts announce messages (ncp.md 7)
    number: int  # in 123/16 and 123/17
    connection: int  # in 23/26 and 123/14 (libncp nwfse.h)
    nds: int  # address type of NDS (libncp nwnet.h)
    signed: SignedForm  # what a packet signature covers
    echo_socket: int = 0  # in 97: where packets of a size test are sent (mars_nwe: that of the watchdog)


TCP = Transport("tcp", framed=True, lossless=True, watched=False, number=6, connection=11, nds=9, signed=FRAMED)
UDP = Transport("udp", framed=False, lossless=False, watched=True, number=5, connection=11, nds=8, signed=DATAGRAMS)
IPX = Transport(
    "ipx",
    framed=False,
    lossless=False,
    watched=True,
    number=1,
    connection=2,
    nds=0,
    signed=DATAGRAMS,
    echo_socket=0x4001,
)
TRANSPORTS = {transport.name: transport for transport in (TCP, UDP, IPX)}


_IPX_ADDRESS = re.compile(r"([0-9a-fA-F]{8}:[0-9a-fA-F]{12}):([0-9a-fA-F]{4})")


class Peer(NamedTuple):
    """A transport, and a host and port on it."""

    transport: Transport
    address: tuple[str, int]

    @classmethod
    def parse(cls, text: str) -> Peer:
        """From ``tcp:HOST:PORT`` or ``ipx:NETWORK:NODE:SOCKET``. Raises ValueError."""
        name, _, rest = text.partition(":")
        if name == IPX.name:
            if not (found := _IPX_ADDRESS.fullmatch(rest)):
                raise ValueError(f"{text!r} is not ipx:NETWORK:NODE:SOCKET, 8, 12 and 4 hexadecimal digits")
            return cls(IPX, (found[1].upper(), int(found[2], 16)))
        host, _, port = rest.rpartition(":")
        if name not in TRANSPORTS or not host or not port.isdecimal() or int(port) > 65_535:
            forms = " or ".join(f"{known.name}:HOST:PORT" for known in (TCP, UDP))
            raise ValueError(f"{text!r} is not {forms}, for instance tcp:127.0.0.1:0")
        return cls(TRANSPORTS[name], (host.strip("[]"), int(port)))

    @property
    def network(self) -> bytes:
        """The network number of the station in replies: over IP its IPv4 address, zero for any other host."""
        if self.transport is IPX:
            return bytes.fromhex(self.address[0][:8])
        try:
            return IPv4Address(self.address[0]).packed
        except ValueError:
            return bytes(4)

    @property
    def node(self) -> bytes:
        """The node in replies: over IP libncp reads the port in its first two bytes."""
        if self.transport is IPX:
            return bytes.fromhex(self.address[0][9:])
        return self.address[1].to_bytes(2, "big") + bytes(4)

    @property
    def net_address(self) -> bytes:
        """Network, node and socket in twelve bytes. Over IP the socket is the port as well: inferred."""
        return self.network + self.node + self.address[1].to_bytes(2, "big")

    @property
    def packed(self) -> bytes:
        """As 123/16, 123/17 and NDS have it: over IP port and IPv4 address, six bytes."""
        return self.net_address if self.transport is IPX else self.address[1].to_bytes(2, "big") + self.network

    @property
    def control_entry(self) -> bytes:
        """As NODE_CONTROL has it, network and node: over IP the node is zero."""
        return self.network + (self.node if self.transport is IPX else bytes(6))

    @property
    def on_one_wire(self) -> bool:
        """Whether its network is number 0, "this wire", which no router leads to: a tunnel of DOSBox."""
        return self.transport is IPX and not any(self.network)

    def __str__(self) -> str:
        host, port = self.address
        return (
            f"{self.transport.name}:{host}:{port:04X}"
            if self.transport is IPX
            else f"{self.transport.name}:{host}:{port}"
        )


def told_to(station: Peer, addresses: Sequence[Peer]) -> tuple[Peer, ...]:
    """Those of a server's *addresses* by which *station* reaches it: of one wire, those of this wire alone."""
    return tuple(address for address in addresses if address.on_one_wire is station.on_one_wire)


def net_address_for(station: Peer, addresses: Sequence[Peer]) -> bytes | None:
    """The server's NET_ADDRESS for *station*: on its own transport if it can be, else the first that has a network."""
    told = [address for address in told_to(station, addresses) if any(address.network) or address.on_one_wire]
    found = next((address for address in told if address.transport is station.transport), told[0] if told else None)
    return None if found is None else found.net_address
