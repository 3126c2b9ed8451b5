"""A load on virtual time: server and clients in one process, and a clock that jumps.

Rules of this file:

* Packets arrive at once: between a request and its reply no time passes. Latencies are measured over real sockets only.
* The same specification is the same run, line by line.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

from fakenw.core.connection import Connection
from fakenw.core.connection_table import Answering
from fakenw.core.delivery import Delivery
from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from fakenw.journal.record import Record
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire.packet import WatchdogPacket
from harness.client.workstation import Requester
from harness.load.clients import Clients
from harness.load.outcome import Outcome
from harness.load.server_view import ServerView
from harness.load.specification import LoadSpecification
from harness.load.statistics import LoadStatistics
from harness.load.virtual_user import SMS_ACCOUNT
from harness.runners.runtime import Alarm, VirtualClock

EPOCH = datetime(2000, 8, 14, tzinfo=UTC)  # a Monday
COLLECTIONS = (20_000, 50, 50)  # thresholds of the collector: a load has many objects, and hardly any garbage in cycles
STATIONS = 60_000  # of one address


class DirectLink:
    """A client's end of a link on which no time passes."""

    __slots__ = ("_server", "clients", "peer", "requester", "station")

    def __init__(self, clients: Clients, server: DirectServer, peer: Peer, requester: Requester) -> None:
        self.clients, self._server = clients, server
        self.peer, self.station, self.requester = peer, str(peer), requester

    def send(self, data: bytes) -> None:
        self._server.delivery.receive(self.peer, data, self._server.now())

    def close(self) -> None:
        if self.clients.links.pop(self.requester, None) is not None:
            self.drop()
            if self.peer.transport.framed:
                self._server.delivery.lost(self.peer)

    def drop(self) -> None:
        del self._server.links[self.peer]


class DirectServer:
    """A server with direct links (fakenw.core.delivery.Edge). *saw* is called with every record of its journal."""

    def __init__(self, clock: VirtualClock, server: Server, saw: Callable[[Record], None]) -> None:
        self.now = clock.now
        self.links: dict[Peer, DirectLink] = {}
        self.delivery = Delivery(server, self)
        self._clock, self._saw = clock, saw
        server.table.answering = self._answering

    def call_at(self, due: int, call: Callable[[], None]) -> Alarm:
        alarm = Alarm(call)
        self._clock.call_last(due, alarm.ring)
        return alarm

    def _answering(self, connection: Connection) -> Answering | None:
        """Whether the station answers the watchdog, which only its own requester knows."""
        link, query = self.links.get(connection.peer), WatchdogPacket(connection.number, b"?").encode()
        answers = link is not None and link.requester.receive(self.now(), query)
        return Answering(self._clock.next(), 0) if answers else None

    def write(self, records: list[Record]) -> bool:
        for record in records:
            self._saw(record)
        return True

    def send(self, peer: Peer, data: bytes) -> None:
        if link := self.links.get(peer):
            link.clients.received(link, data)

    def close(self, peer: Peer) -> None:
        if link := self.links.get(peer):
            link.clients.disconnected(link)
        self.delivery.lost(peer)

    def read(self, peer: Peer, *, on: bool) -> None:
        """Nothing: there are no queues."""

    def local(self, peer: Peer) -> None:
        """None: nothing is captured."""


class VirtualLoad(Clients):
    """All clients of *spec* and their server. *saw* is called with every record of its journal."""

    def __init__(self, spec: LoadSpecification, saw: Callable[[Record], None]) -> None:
        self._clock = VirtualClock()
        super().__init__(self._clock, spec)
        settings = ServerSettings(
            name="FAKENW",
            release=spec.release,
            licenses=spec.licenses,
            connections=65_534,
            users=(*spec.accounts(), SMS_ACCOUNT),
            seed=spec.seed,
            instance=f"{Random(f'{spec.seed}/instance').getrandbits(128):032x}",
        )
        server = Server(settings, Volumes([("SYS", sms_tree())]), Random(spec.seed))
        self._server = DirectServer(self._clock, server, saw)
        self._stations = 0

    def run(self) -> LoadStatistics:
        """Run all days. The journal's last line has the licenses that are still held then."""
        before = gc.get_threshold()
        gc.set_threshold(*COLLECTIONS)
        try:
            self._server.delivery.start(EPOCH)
            self.begin_all()
            while self._asleep or self._sleeping_until_end:
                self._clock.run(lambda: not self._asleep)
                if self._sleeping_until_end:
                    self.end()
            self._server.delivery.stop()
        finally:
            gc.set_threshold(*before)
        return self.statistics

    def link(self, server: str, requester: Requester) -> DirectLink:
        number, port = divmod(self._stations, STATIONS)
        self._stations += 1
        host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        peer = Peer(requester.transport, (host, 1025 + port))
        link = self._server.links[peer] = self.links[requester] = DirectLink(self, self._server, peer, requester)
        return link


def virtual_load(spec: LoadSpecification) -> Outcome:
    """Carry out *spec*."""
    begun, view = time.monotonic(), ServerView(spec.day * spec.days)
    statistics = VirtualLoad(spec, view.saw).run()
    return Outcome(spec, statistics, view, time.monotonic() - begun, virtual=True)
