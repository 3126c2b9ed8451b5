"""The IPXNET tunnel of a DOSBox or an ipxbox, which the server joins as one more member.

The edge sees its packets as frames between nodes, of type ETHERNET_II.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.task import LoopingCall

from fakenw.core.ipx_link import IpxLink
from fakenw.transports.ipx.link import LONGEST, FrameReader, Wire
from fakenw.transports.ipx.membership import Membership, of_frame

LOOK_EVERY = 1.0  # seconds


class TunnelLink(FrameReader):
    """Registers when the reactor runs, and again until it is answered. Raises OSError."""

    def __init__(self, reactor: Any, link: IpxLink, node: bytes, wire: Wire) -> None:
        family, _, _, _, address = socket.getaddrinfo(*link.address, type=socket.SOCK_DGRAM)[0]
        self._tunnel: Any = address
        # Not connected: it would have an error where no DOSBox is, after which uvloop looks no more
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("", 0))
        self.name = str(link)
        self._membership = Membership()
        super().__init__(reactor, self._socket, wire)
        self._timer = LoopingCall(self._register)
        self._timer.clock = reactor
        self._timer.start(LOOK_EVERY)

    @property
    def node(self) -> bytes | None:
        return self._membership.node

    @property
    def up(self) -> bool:
        return self.node is not None

    def read(self) -> bytes | None:
        datagram, address = self._socket.recvfrom(LONGEST)
        if address != self._tunnel:
            return None
        was = self.node
        frame, answer = self._membership.receive(datagram, self._reactor.seconds())
        if answer is not None:
            self._put(answer)
        if self.node != was:
            self._wire.joined()
        return frame

    def send(self, frame: bytes) -> None:
        self._put(of_frame(frame))

    def stop(self) -> None:
        self._timer.stop()
        super().stop()

    def _register(self) -> None:
        if (registration := self._membership.due(self._reactor.seconds())) is not None:
            self._put(registration)

    def _put(self, datagram: bytes) -> None:
        try:
            self._socket.sendto(datagram, self._tunnel)
        except OSError:
            return  # no tunnel there now, or no buffer
