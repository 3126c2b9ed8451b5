"""The network of the memory runner: the servers, and the packets between them and the clients.

Everything that happens on a client machine passes ``ClientWorld``, which is where a machine is frozen or without power;
everything that happens on a server passes ``ServerHost``.
"""

from __future__ import annotations

from collections.abc import Callable
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
from harness.client.workstation import Requester
from harness.runners.link_conditions import LinkConditions
from harness.runners.memory_server import ServerHost
from harness.runners.router import Router
from harness.runners.runtime import VirtualClock
from harness.scenario.settings import ServerSpec

EPOCH = datetime(2000, 8, 10, 9, 30, 15, tzinfo=UTC)  # the day KB Q257223 was last modified
FASTEST, SPREAD = 200, 1800  # microseconds that a packet travels, and by how much they differ


class NetworkMachine(Protocol):
    """A client machine, as the network sees it."""

    conditions: LinkConditions
    links: dict[Requester, Any]

    def happen(self, call: Callable[..., None], *arguments: Any) -> None:
        """Let something happen on the machine, if it can."""

    def arrived(self, link: MemoryLink, data: bytes) -> None: ...

    def hung_up(self, link: MemoryLink) -> None: ...


class MemoryLink:
    """A client's end of a way to a server. Packets arrive in the order they were sent, unless a fault comes over them.

    ``incarnation``: of the server, if the way is a stream.
    """

    def __init__(
        self, network: Network, machine: NetworkMachine, peer: Peer, host: ServerHost, requester: Requester
    ) -> None:
        self.machine = machine
        self.peer = peer
        self.station = str(peer)
        self.host = host
        self.requester = requester
        self.incarnation = host.incarnation if peer.transport.framed else None
        self.arrival = [0, 0]  # of the last packet: at the client, at the server
        self._network = network

    def send(self, data: bytes) -> None:
        self._network.to_server(self, data)

    def close(self) -> None:
        """Close the socket: over TCP the server hears of it. What was sent before still arrives."""
        if self.machine.links.pop(self.requester, None) is not None:
            self._network.close(self)

    def drop(self) -> None:
        self._network.forget(self)


class Network:
    """The servers and everything that is on its way. *capture* sees what comes to servers, and goes from them."""

    def __init__(self, random: Random, capture: CaptureFile | None = None) -> None:
        self.clock = VirtualClock()
        self.random = random
        self.hosts: dict[str, ServerHost] = {}
        self.router = Router()
        self._capture = capture
        self._links: dict[Peer, MemoryLink] = {}
        self._half_open: dict[Peer, MemoryLink] = {}  # streams whose machine went off

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
        )

        def boot(incarnation: int) -> Server:
            again = f"+{incarnation}" if incarnation > 1 else ""
            return Server(config, Volumes([("SYS", sms_tree())]), Random(f"{seed}/{spec.name}{again}"))

        number = len(self.hosts) + 1
        self.hosts[spec.name] = ServerHost(self, boot, f"192.168.{number >> 8}.{number & 255}", self._capture)

    def stop_server(self, name: str) -> None:
        """Stop a server in order. Its machine closes its streams."""
        host = self.hosts[name]
        host.stop()
        for link in [link for link in self._links.values() if link.host is host and link.peer.transport.framed]:
            self.hang_up(link.peer)
        self._half_open = {peer: link for peer, link in self._half_open.items() if link.host is not host}

    def connect(self, machine: NetworkMachine, server: str, peer: Peer, requester: Requester) -> MemoryLink:
        """A new way to *server*. Raises OSError where there is no such server, or a stream would have no end."""
        host = self.hosts.get(server.upper())
        if host is None:
            raise ConnectionRefusedError(f"there is no server {server}")
        if not host.on and peer.transport.framed:
            raise ConnectionRefusedError(f"{server} is down")
        if old := self._half_open.pop(peer, None):
            # The same four numbers again: the server asks, and the machine, which knows of nothing, resets
            # the old connection (RFC 9293, 3.5.1).
            old.host.lost(peer, old.incarnation)
        link = self._links[peer] = MemoryLink(self, machine, peer, host, requester)
        return link

    def to_server(self, link: MemoryLink, data: bytes) -> None:
        """A client has sent something."""
        self._travel(link, True, link.host.receive, link.peer, data, link.incarnation)

    def to_client(self, host: ServerHost, peer: Peer, data: bytes) -> None:
        """A server has sent something."""
        answer = self.router.answer(self.clock.time, peer, data) if self.router.spoofed else None
        if answer is not None:
            self.clock.call_at(self.clock.time + self._trip(), host.receive, peer, answer, None)
        elif link := self._links.get(peer):
            self._travel(link, False, link.machine.happen, link.machine.arrived, link, data)

    def hang_up(self, peer: Peer) -> None:
        """A server has closed a stream."""
        self._half_open.pop(peer, None)
        if link := self._links.get(peer):
            self._travel(link, False, link.machine.happen, link.machine.hung_up, link)

    def close(self, link: MemoryLink) -> None:
        """A client has closed its socket."""
        self.forget(link)
        if link.peer.transport.framed:
            self._travel(link, True, link.host.lost, link.peer, link.incarnation)

    def abandon(self, link: MemoryLink) -> None:
        """A client's end is gone, and nothing tells the server."""
        self.forget(link)
        if link.peer.transport.framed:
            self._half_open[link.peer] = link

    def forget(self, link: MemoryLink) -> None:
        """From now on nothing arrives at the client."""
        if self._links.get(link.peer) is link:
            del self._links[link.peer]

    def wall(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.clock.time)

    def _travel(self, link: MemoryLink, to_server: bool, what: Callable[..., None], *arguments: Any) -> None:
        conditions = link.machine.conditions
        if conditions.calm:
            self._arrive(link, to_server, 0, what, arguments)
            return

        def deliver(late: int, in_order: bool) -> None:
            if in_order:
                self._arrive(link, to_server, late, what, arguments)
            else:
                self.clock.call_at(self.clock.time + self._trip() + late, what, *arguments)

        conditions.carry(deliver, sent=to_server, stream=link.peer.transport.lossless)

    def _arrive(
        self, link: MemoryLink, to_server: bool, late: int, what: Callable[..., None], arguments: tuple[Any, ...]
    ) -> None:
        """Let something arrive behind what was sent before."""
        arrival = self.clock.time + self._trip() + late
        earlier = link.arrival[to_server]
        if arrival <= earlier:
            arrival = earlier + 1
        link.arrival[to_server] = arrival
        self.clock.call_at(arrival, what, *arguments)

    def _trip(self) -> int:
        """How long a packet travels. (``randrange`` takes ten times as long to say so.)"""
        return FASTEST + int(self.random.random() * SPREAD)


def utc(now: int) -> str:
    """The wall time at *now*, as journals have it."""
    return (EPOCH + timedelta(microseconds=now)).isoformat(timespec="microseconds")
