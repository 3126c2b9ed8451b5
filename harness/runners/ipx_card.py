"""The Ethernet card of a simulated workstation, with the stations behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol

from fakenw.wire.ipx.frames import FrameType
from harness.client.ipx_station import FIRST_SOCKET, SOCKETS, Heard, IpxStation, socket_of
from harness.client.workstation import Requester


def sockets() -> Iterator[int]:
    """The sockets of a machine that was just started, one for each station."""
    return count(FIRST_SOCKET, SOCKETS)


class Machine(Protocol):
    """The machine of a card (``harness.runners.runtime.Driver``)."""

    links: dict[Requester, Any]

    def received(self, link: IpxLink, data: bytes) -> None: ...


class Card:
    """A card of *machine* at a *node*, in one *frame* type; *put* sends. Its stations have *sockets* of the machine."""

    def __init__(
        self, machine: Machine, node: bytes, frame: FrameType, sockets: Iterator[int], put: Callable[[bytes], None]
    ) -> None:
        self.machine, self.node = machine, node
        self.put = put
        self._frame = frame
        self.links: dict[int, IpxLink] = {}  # by socket
        self._sockets = sockets

    def open(self, server: str, requester: Requester) -> IpxLink:
        """A new station, which looks for *server*."""
        station = IpxStation(server, self.node, next(self._sockets), self._frame)
        link = self.links[station.address.socket] = IpxLink(self, requester, station)
        return link

    def receive(self, frame: bytes) -> None:
        """A frame has arrived at the machine."""
        socket = socket_of(frame)
        for first in range(socket - SOCKETS + 1, socket + 1):
            if link := self.links.get(first):
                link.receive(frame)


class IpxLink:
    """A client's end of a connection to a server (``harness.runners.runtime.SendingLink``)."""

    framed = False

    def __init__(self, card: Card, requester: Requester, ipx: IpxStation) -> None:
        self.requester = requester
        self._card, self._ipx = card, ipx

    @property
    def station(self) -> str:
        return str(self._ipx)

    def send(self, data: bytes) -> None:
        for frame in self._ipx.send(data):
            self._card.put(frame)

    def hear(self, frame: bytes) -> Heard:
        return self._ipx.receive(frame)

    def receive(self, frame: bytes) -> None:
        heard = self.hear(frame)
        for answer in heard.frames:
            self._card.put(answer)
        if heard.packet is not None:
            self._card.machine.received(self, heard.packet)

    def close(self) -> None:
        if self._card.machine.links.pop(self.requester, None) is not None:
            self.drop()

    def drop(self) -> None:
        self._card.links.pop(self._ipx.address.socket, None)
