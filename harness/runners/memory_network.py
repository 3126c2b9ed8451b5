"""The network of the memory runner: the servers, and the packets between them and the clients.

All that happens on a client machine passes ``ClientWorld``, and all that happens on a server ``ServerHost``: these know
whether their machine is frozen or off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

from fakenw.config.server_file import ncp_number
from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.core.settings import NOVELLS_WATCHDOG, ServerSettings, watchdog
from fakenw.transports.capture import CaptureFile
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire.packet import WATCHDOG, packet_type
from harness.client.workstation import Requester
from harness.runners.ipx_card import IpxLink
from harness.runners.machine_link import MachineLink
from harness.runners.memory_server import ServerHost
from harness.runners.memory_wire import WATCHDOG_TRIP, Wire, node_of
from harness.runners.router import Router
from harness.runners.runtime import VirtualClock
from harness.scenario.settings import ServerSpec

EPOCH = datetime(2000, 8, 10, 9, 30, 15, tzinfo=UTC)  # the day KB Q257223 was last modified
FASTEST, SPREAD = 200, 1800  # microseconds of a packet's trip: the least, and what is added at random


class NetworkMachine(Protocol):
    """A client machine, as the network sees it."""

    conditions: MachineLink
    links: dict[Requester, Any]

    def execute(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call something on the machine, unless it is frozen or off."""

    def received(self, link: MemoryLink | IpxLink, data: bytes) -> None: ...

    def disconnected(self, link: MemoryLink) -> None: ...

    def answers(self, requester: Requester, query: bytes) -> bool:
        """Whether the machine would answer a query of the watchdog now."""


class MemoryLink:
    """A client's end of a link to a server. Without a fault, packets arrive in the order in which they were sent.

    ``incarnation``: that of the server, for a stream.
    """

    def __init__(
        self, network: Network, machine: NetworkMachine, peer: Peer, host: ServerHost, requester: Requester
    ) -> None:
        self.machine = machine
        self.peer = peer
        self.station = str(peer)
        self.host = host
        self.requester = requester
        self.framed, self.lossless = peer.transport.framed, peer.transport.lossless
        self.incarnation = host.incarnation if peer.transport.framed else None
        self.arrival = [0, 0]  # of the last packet: at the client, at the server
        self._network = network

    def send(self, data: bytes) -> None:
        self._network.to_server(self, data)

    def close(self) -> None:
        """Close the socket: over TCP the server is informed. What was sent before still arrives."""
        if self.machine.links.pop(self.requester, None) is not None:
            self._network.close(self)

    def drop(self) -> None:
        self._network.forget(self)


class End(Protocol):
    """The end of a link at a client machine; ``arrival`` is that of the last packet, there and at the server."""

    lossless: bool
    arrival: list[int]

    @property
    def machine(self) -> Any: ...


class Network:
    """The servers and the packets in transit. *capture* gets what servers receive and send.

    With *ipx* there is a wire between servers and clients, too.
    """

    def __init__(self, random: Random, capture: CaptureFile | None = None, *, ipx: bool = False) -> None:
        self.clock = VirtualClock()
        self.random = random
        self.hosts: dict[str, ServerHost] = {}
        self.router = Router()
        self.wire = Wire(self, capture) if ipx else None
        self._capture = capture
        self._links: dict[Peer, MemoryLink] = {}
        self._half_open: dict[Peer, MemoryLink] = {}  # streams whose machine was powered off

    def add_server(self, spec: ServerSpec, seed: int, idle_after: int) -> None:
        """Start a server, empty."""
        config = ServerSettings(
            name=spec.name,
            release=spec.release,
            licenses=spec.licenses,
            connections=spec.connections,
            policy_name=spec.policy or "",
            users=tuple(spec.accounts()),
            user_connections=spec.user_connections,
            watchdog=watchdog(spec.watchdog) if spec.watchdog else NOVELLS_WATCHDOG,
            slow={ncp_number(ncp): time for ncp, time in spec.slow.items()},
            idle_after=idle_after,
            clear_idle=spec.clear_idle,
            keep_cleared=spec.keep_cleared or 0,
            seed=seed,
            tree=spec.tree,
            signatures=spec.signatures,
        )

        def boot(incarnation: int) -> Server:
            suffix = f"+{incarnation}" if incarnation > 1 else ""
            own = f"{seed}/{spec.name}{suffix}"
            settings = replace(config, instance=f"{Random(f'{own}/instance').getrandbits(128):032x}")
            return Server(settings, Volumes([("SYS", sms_tree())]), Random(own))

        number = len(self.hosts) + 1
        address = f"192.168.{number >> 8}.{number & 255}"
        self.hosts[spec.name] = ServerHost(self, boot, address, self._capture, self.wire)

    def stop_server(self, name: str) -> None:
        """Stop a server in order. Its machine closes its streams."""
        host = self.hosts[name]
        host.stop()
        for link in [link for link in self._links.values() if link.host is host and link.peer.transport.framed]:
            self.disconnect(link.peer)
        self._half_open = {peer: link for peer, link in self._half_open.items() if link.host is not host}

    def connect(self, machine: NetworkMachine, server: str, peer: Peer, requester: Requester) -> MemoryLink:
        """A new link to *server*. Raises OSError where there is no such server, or it is down and the link a stream."""
        host = self.hosts.get(server.upper())
        if host is None:
            raise ConnectionRefusedError(f"there is no server {server}")
        if not host.on and peer.transport.framed:
            raise ConnectionRefusedError(f"{server} is down")
        if old := self._half_open.pop(peer, None):
            # The same addresses and ports again: the server sends an acknowledgement, and the machine, which does not
            # know the old connection, resets it (RFC 9293, 3.5.1).
            old.host.lost(peer, old.incarnation)
        link = self._links[peer] = MemoryLink(self, machine, peer, host, requester)
        return link

    def to_server(self, link: MemoryLink, data: bytes) -> None:
        """Carry what a client has sent."""
        self.travel(link, True, _is_watchdog(link, data), link.host.receive, link.peer, data, link.incarnation)

    def to_client(self, host: ServerHost, peer: Peer, data: bytes) -> None:
        """Carry what a server has sent."""
        answer = self.router.answer(self.clock.time, peer, data) if self.router.spoofed else None
        if answer is not None:
            self.clock.call_at(self.clock.time + self._trip(), host.receive, peer, answer, None)
        elif link := self._links.get(peer):
            steady = _is_watchdog(link, data)
            self.travel(link, False, steady, link.machine.execute, link.machine.received, link, data)

    def disconnect(self, peer: Peer) -> None:
        """A server has closed the stream of *peer*."""
        self._half_open.pop(peer, None)
        if link := self._links.get(peer):
            self.travel(link, False, False, link.machine.execute, link.machine.disconnected, link)

    def close(self, link: MemoryLink) -> None:
        """A client has closed its socket."""
        self.forget(link)
        if link.peer.transport.framed:
            self.travel(link, True, False, link.host.lost, link.peer, link.incarnation)

    def abandon(self, link: MemoryLink) -> None:
        """A client's end is gone, and the server is not informed."""
        self.forget(link)
        if link.peer.transport.framed:
            self._half_open[link.peer] = link

    def forget(self, link: MemoryLink) -> None:
        """Deliver nothing more to the client."""
        if self._links.get(link.peer) is link:
            del self._links[link.peer]

    def wall(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.clock.time)

    def travel(self, end: End, to_server: bool, steady: bool, call: Callable[..., None], *arguments: Any) -> None:
        """Call at the other end, when the packet arrives there, as often as it does; *steady*: it is the watchdog's."""
        conditions = end.machine.conditions
        if conditions.calm:
            self._arrive(end, to_server, self._trip(steady), call, arguments)
            return

        def deliver(late: int, in_order: bool) -> None:
            trip = self._trip(steady) + late
            if in_order:
                self._arrive(end, to_server, trip, call, arguments)
            else:
                self.clock.call_at(self.clock.time + trip, call, *arguments)

        conditions.carry(deliver, sent=to_server, stream=end.lossless)

    def between_servers(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call when a packet arrives that passes no client's link."""
        self.clock.call_at(self.clock.time + self._trip(), call, *arguments)

    def spoofed_answer(self, frame: bytes) -> bytes | None:
        """The router's answer to a frame; None: it forwards the frame."""
        return self.router.answer_frame(self.clock.time, frame) if self.router.spoofed else None

    def spoof(self, address: str, until: int | None) -> None:
        """The router answers for the machine at *address* until then."""
        self.router.spoofed |= dict.fromkeys((address, node_of(address)), until)

    def answers(self, host: ServerHost, peer: Peer, query: bytes) -> bool:
        """Whether a station over UDP answers *query* of a server in ``WATCHDOG_TRIP`` each way."""
        link = self._links.get(peer)
        if link is None or link.host is not host or not self.is_calm(link):
            return False
        return link.machine.answers(link.requester, query)

    def is_calm(self, end: End) -> bool:
        """Whether no fault affects a link, no router answers for machines, and no packet is on its way."""
        return end.machine.conditions.calm and not self.router.spoofed and max(end.arrival) <= self.clock.time

    def _arrive(
        self, end: End, to_server: bool, trip: int, call: Callable[..., None], arguments: tuple[Any, ...]
    ) -> None:
        """Schedule *call* at an arrival time, after all that was sent before."""
        arrival = self.clock.time + trip
        earlier = end.arrival[to_server]
        if arrival <= earlier:
            arrival = earlier + 1
        end.arrival[to_server] = arrival
        self.clock.call_at(arrival, call, *arguments)

    def _trip(self, steady: bool = False) -> int:
        """The time that a packet travels. (``randrange`` would be ten times as slow as this.)"""
        return WATCHDOG_TRIP if steady else FASTEST + int(self.random.random() * SPREAD)


def _is_watchdog(link: MemoryLink, data: bytes) -> bool:
    return link.peer.transport.watched and packet_type(data) == WATCHDOG


def utc(now: int) -> str:
    """The wall time at *now*, as in journals."""
    return (EPOCH + timedelta(microseconds=now)).isoformat(timespec="microseconds")
