"""A peer: the station at the other end, as a value, and what its transport promises.

Rules of this file:

* An edge makes the peers of its clients, from what the wire shows. Everything else asks a peer's transport what holds
  for it, and never looks at its name.
* A third transport is one more entry in ``TRANSPORTS``, and an edge.
* A peer's text is the ``station`` of journals: ``udp:10.0.0.1:1025``.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """What NCP travels on. The entries of ``TRANSPORTS`` are the only ones, so that identity is equality."""

    name: str
    framed: bool  # a stream, in which every packet has a frame
    lossless: bool  # nothing is lost or comes twice: no reply is retained for a duplicate of its request
    watched: bool  # the watchdog asks its stations, and broadcasts announce messages (ncp.md 7)
    number: int  # in 123/16 and 123/17
    nds: int  # address type of NDS (libncp nwnet.h)


TCP = Transport("tcp", framed=True, lossless=True, watched=False, number=6, nds=9)
UDP = Transport("udp", framed=False, lossless=False, watched=True, number=5, nds=8)
TRANSPORTS = {transport.name: transport for transport in (TCP, UDP)}


class Peer(NamedTuple):
    """A transport, and a host and port on it."""

    transport: Transport
    address: tuple[str, int]

    @classmethod
    def parse(cls, text: str) -> Peer:
        """Read ``tcp:HOST:PORT``. Raises ValueError."""
        name, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        if name not in TRANSPORTS or not host or not port.isdecimal() or int(port) > 65_535:
            forms = " or ".join(f"{known}:HOST:PORT" for known in TRANSPORTS)
            raise ValueError(f"{text!r} is not {forms}, for instance tcp:127.0.0.1:0")
        return cls(TRANSPORTS[name], (host.strip("[]"), int(port)))

    @property
    def network(self) -> bytes:
        """The network number that NCP tells of a station: over IP its IPv4 address, zero for any other host."""
        try:
            return IPv4Address(self.address[0]).packed
        except ValueError:
            return bytes(4)

    def __str__(self) -> str:
        host, port = self.address
        return f"{self.transport.name}:{host}:{port}"
