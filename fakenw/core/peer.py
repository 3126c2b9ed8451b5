"""A peer, the station at the other end, as a value; and the properties of transports.

Rules of this file:

* An edge makes the peers of its clients, from the addresses on the wire. All other code uses the properties of a
  peer's transport, never its name.
* A third transport needs an entry in ``TRANSPORTS``, and an edge.
* A peer's text is the ``station`` of journals: ``udp:10.0.0.1:1025``.
"""

from __future__ import annotations

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
    nds: int  # address type of NDS (libncp nwnet.h)
    signed: SignedForm  # what a packet signature covers


TCP = Transport("tcp", framed=True, lossless=True, watched=False, number=6, nds=9, signed=FRAMED)
UDP = Transport("udp", framed=False, lossless=False, watched=True, number=5, nds=8, signed=DATAGRAMS)
TRANSPORTS = {transport.name: transport for transport in (TCP, UDP)}


class Peer(NamedTuple):
    """A transport, and a host and port on it."""

    transport: Transport
    address: tuple[str, int]

    @classmethod
    def parse(cls, text: str) -> Peer:
        """From ``tcp:HOST:PORT``. Raises ValueError."""
        name, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        if name not in TRANSPORTS or not host or not port.isdecimal() or int(port) > 65_535:
            forms = " or ".join(f"{known}:HOST:PORT" for known in TRANSPORTS)
            raise ValueError(f"{text!r} is not {forms}, for instance tcp:127.0.0.1:0")
        return cls(TRANSPORTS[name], (host.strip("[]"), int(port)))

    @property
    def network(self) -> bytes:
        """The network number of the station in replies: its IPv4 address, zero for any other host."""
        try:
            return IPv4Address(self.address[0]).packed
        except ValueError:
            return bytes(4)

    @property
    def node(self) -> bytes:
        """The node in replies: libncp reads the port in its first two bytes."""
        return self.address[1].to_bytes(2, "big") + bytes(4)

    @property
    def net_address(self) -> bytes:
        """Network, node and socket in twelve bytes. The socket is the port as well: inferred."""
        return self.network + self.node + self.address[1].to_bytes(2, "big")

    def __str__(self) -> str:
        host, port = self.address
        return f"{self.transport.name}:{host}:{port}"
