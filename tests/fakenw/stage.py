"""A server in memory with its stations, as every test of the core needs it.

``Stage`` is the edge: it carries out effects, keeps the clock, and audits every journal line as it is written, so that
no test can pass on books that do not balance. ``Station`` is a client without a will of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, Self

from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.core.connection import Connection
from fakenw.core.delivery import Delivery
from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from fakenw.crypto.signatures import DATAGRAMS, FRAMED, Signer, bindery_root
from fakenw.journal.fold import Fold
from fakenw.journal.record import SECOND, Record
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.layout import Request
from fakenw.wire.packet import ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import bindery, connection, files
from harness.runners.runtime import Alarm

POLICIES = ("attach", "login", "service", "nls", "ual")
RELEASE = {"attach": "3.12", "login": "3.12", "service": "4.11", "nls": "5.1", "ual": "6.5"}
USERS = (("JOE", "SECRET"), ("ANN", ""))
OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
UTC_START = datetime(2000, 8, 10, 9, 30, 15, tzinfo=UTC)


class Stage:
    """A server, its journal and the time. What the server sends waits in the station's ``inbox``."""

    def __init__(self, policy: str = "nls", licenses: int = 5, **more: Any) -> None:
        more = {
            "release": RELEASE[policy],
            "policy_name": policy,
            "licenses": licenses,
            "users": USERS,
            "tree": "FAKETREE",
            **more,
        }
        self.server = Server(ServerSettings(**more), Volumes([("SYS", sms_tree())]), Random(1))
        self.now = 0
        self.records: list[Record] = []
        self.order: list[tuple[str, str]] = []  # ("send" or "close", station), as it happened
        self.stations: dict[str, Station] = {}
        self.fold = Fold()
        self._held: set[str] = set()
        self.delivery = Delivery(self.server, StageEdge(self))
        self.carry_out = self.delivery.carry_out
        self.delivery.start(UTC_START)

    def station(self, name: str) -> Station:
        """A new client at the station *name*, such as "udp:10.0.0.1:1025"."""
        station = self.stations[name] = Station(self, name)
        return station

    def receive(self, name: str, data: bytes) -> None:
        """Bytes arrive from a station."""
        self.delivery.receive(Peer.parse(name), data, self.now)

    def sent(self, peer: Peer, data: bytes) -> None:
        """The server has sent something."""
        name = str(peer)
        self.order.append(("send", name))
        if name in self.stations:
            self.stations[name].sent_to(data)

    def find(self, name: str) -> Connection | None:
        """The connection of a station, if it has one."""
        return self.server.table.by_peer.get(Peer.parse(name))

    def connection(self, name: str) -> Connection:
        """The connection of a station, which must have one."""
        return self.server.table.by_peer[Peer.parse(name)]

    def until(self, now: int, idly: Callable[[], None] = lambda: None) -> None:
        """Let the time come, stopping at every deadline; *idly* is called after each."""
        while (due := self.server.deadline()) is not None and due <= now:
            assert due >= self.now, "a deadline in the past would be a loop without end"
            self.now = due
            self.delivery.expire()
            idly()
        self.now = now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.until(self.now + round(seconds * SECOND))

    def audit(self, record: Record) -> None:
        """Held is grants less releases, never above the limit, and every release ends one grant."""
        if record.event == "grant":
            assert record["unit"] not in self._held
            self._held.add(record["unit"])
        elif record.event == "release":
            assert record["unit"] in self._held
            self._held.remove(record["unit"])
        assert (record["held"], record["limit"]) == (len(self._held), self.server.ledger.limit), record
        assert 0 <= record["held"] <= record["limit"]
        assert (record.t, record.role, record["server"]) == (self.now, "server", "FAKENW")

    @property
    def held(self) -> int:
        """How many units are out, by the journal."""
        return len(self._held)

    def events(self, *names: str) -> list[Record]:
        """The journal's lines with these events."""
        return [record for record in self.records if record.event in names]

    def state(self, station: str) -> str:
        """What the connection of a station is now."""
        found = self.find(station)
        return "gone" if found is None else str(found.state)


class StageEdge:
    """The surroundings of a stage's server (fakenw.core.delivery.Edge)."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def now(self) -> int:
        return self._stage.now

    def call_at(self, due: int, call: Callable[[], None]) -> Alarm:
        """Nothing rings: ``Stage.until`` looks at the server's deadline itself."""
        return Alarm(call)

    def write(self, records: list[Record]) -> bool:
        for record in records:
            self._stage.audit(record)
            self._stage.fold.saw(record)
            self._stage.records.append(record)
        return True

    def send(self, peer: Peer, data: bytes) -> None:
        self._stage.sent(peer, data)

    def close(self, peer: Peer) -> None:
        self._stage.order.append(("close", str(peer)))

    def read(self, peer: Peer, *, on: bool) -> None:
        """Nothing: there are no queues."""

    def local(self, peer: Peer) -> None:
        """Nothing is captured."""


class Station:
    """A client: it counts its requests, frames them over TCP, and remembers what it sent last."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.name = stage, name
        self.tcp = name.startswith("tcp:")
        self.number = ncp.NO_CONNECTION
        self.sequence = 0
        self.inbox: list[bytes] = []  # NCP packets, out of their frames
        self.last = b""
        self.root = b""  # of signatures, from the last login
        self.signer: Signer | None = None  # behind a signed login
        self._deframer = Deframer(TNCP)

    def sent_to(self, data: bytes) -> None:
        self.inbox += [self.verified(packet) for packet in (self._deframer.feed(data) if self.tcp else [data])]

    def verified(self, data: bytes) -> bytes:
        """A packet without its signature, which must be right."""
        if self.signer is None or (not self.tcp and ncp.packet_type(data) != ncp.REPLY):
            return data
        packet, signature = (data[8:], data[:8]) if self.tcp else (data[:-8], data[-8:])
        assert self.signer.accept_reply(packet, signature)
        return packet

    def signs(self, root: bytes) -> None:
        """From now on packets are signed."""
        self.signer = Signer(root, FRAMED if self.tcp else DATAGRAMS)
        self._deframer.signed = True

    def signs_no_more(self) -> None:
        self.signer, self._deframer.signed = None, False

    def send(self, packet: bytes) -> list[bytes]:
        """Send one NCP packet; what came back."""
        signature = b""
        if self.signer is not None and ncp.packet_type(packet) in (ncp.REQUEST, ncp.DESTROY):
            signature = self.signer.sign_request(packet)
        return self.send_raw(frame_request(packet, signature=signature) if self.tcp else packet + signature)

    def send_raw(self, data: bytes) -> list[bytes]:
        """Send a frame or a datagram; what came back."""
        self.inbox.clear()
        self.last = data
        self.stage.receive(self.name, data)
        return list(self.inbox)

    def again(self) -> list[bytes]:
        """Send the same bytes once more; what came back."""
        return self.send_raw(self.last)

    def ask(self, packet: RequestPacket) -> ReplyPacket:
        """Send a packet that is always answered. A notice that comes with the reply stays in the inbox."""
        (reply,) = (sent for sent in self.send(packet.encode()) if ncp.packet_type(sent) == ncp.REPLY)
        return decode_reply(reply)

    def create(self, sequence: int = 0) -> ReplyPacket:
        """Attach."""
        reply = self.ask(RequestPacket(ncp.CREATE, sequence, ncp.NO_CONNECTION, 1, 0, b""))
        if reply.completion == 0:
            self.number, self.sequence = reply.connection, 0
        return reply

    def negotiate(self, flags: int = 2) -> int:
        """Ask for signatures; the flags of the answer."""
        told = self.call(connection.NegotiateBigPacket(1032, flags)).data
        return connection.BigPacketSize.decode(told).security

    def destroy(self) -> ReplyPacket:
        self.sequence = (self.sequence + 1) & 0xFF
        return self.ask(RequestPacket(ncp.DESTROY, self.sequence, self.number, 1, 0, b""))

    def call(self, request: Request[Any], task: int = 1) -> ReplyPacket:
        """Send a request; its reply."""
        self.sequence = (self.sequence + 1) & 0xFF
        packet = RequestPacket(ncp.REQUEST, self.sequence, self.number, task, request.function, request.body())
        reply = self.ask(packet)
        assert (reply.sequence, reply.connection, reply.task) == (self.sequence, self.number, task)
        return reply

    def code(self, request: Request[Any], task: int = 1) -> int:
        """Send a request; its completion code."""
        return self.call(request, task).completion

    def login(self, name: str = "GUEST", password: str = "") -> int:
        """Log in with a login key; the completion code."""
        given = self.call(bindery.GetLoginKey())
        if given.completion:
            return given.completion
        key = bindery.LoginKey.decode(given.data).key
        found = self.call(bindery.GetObjectId(USER, name))
        if found.completion:
            return found.completion
        hashed = hash_password(bindery.ObjectInfo.decode(found.data).object_id, password.encode())
        self.root = bindery_root(hashed, key)
        return self.code(bindery.KeyedLogin(answer(key, hashed), USER, name))

    def change(self, state: int) -> int:
        """23/29; the completion code."""
        return self.code(connection.ChangeConnectionState(state))

    def logout(self) -> int:
        return self.code(connection.Logout())

    def open(self, name: str = OFFER, task: int = 1) -> int:
        """Open a file for reading; the completion code."""
        return self.code(files.OpenFile(0, 6, 0x01, name), task)

    def lost(self) -> None:
        """The TCP connection breaks."""
        assert self.tcp
        self.stage.delivery.lost(Peer.parse(self.name))

    def attached(self) -> Self:
        """Attach, which must succeed; the station itself."""
        assert self.create().completion == 0
        return self

    def licensed(self, name: str = "GUEST", password: str = "") -> Self:
        """Attach and log in, which must succeed; the station itself."""
        assert self.attached().login(name, password) == 0
        return self
