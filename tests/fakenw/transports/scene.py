"""A server behind the edge of a reactor, with stations whose sockets are not real."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from fakenw.journal.record import Record
from fakenw.journal.writer import JournalFile
from fakenw.transports.asyncio_transports import AsyncioConnection, AsyncioUdpListener
from fakenw.transports.reactor_host import ReactorHost
from fakenw.transports.tcp import TcpConnection
from fakenw.transports.udp import UdpPort
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer
from fakenw.wire.layout import Request
from fakenw.wire.packet import RequestPacket, WatchdogPacket
from fakenw.wire.requests import bindery

FIRST_QUERY = 5400 / 18.2065
CREATE = RequestPacket(ncp.CREATE, 0, ncp.NO_CONNECTION, 1, 0, b"").encode()
GUEST = bindery.PlainLogin(1, "GUEST", "")


def request(sequence: int, number: int, layout: Request[Any]) -> bytes:
    return RequestPacket(ncp.REQUEST, sequence, number, 1, layout.function, layout.body()).encode()


class Log(JournalFile):
    """A journal that says when it was written, until it is full."""

    def __init__(self, done: list[str]) -> None:
        super().__init__(2)  # to which nothing is written
        self.records: list[Record] = []
        self.full = False
        self._done = done

    def write(self, records: Iterable[Record]) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        for record in records:
            self.records.append(record)
            self._done.append(record.event)


class Wire:
    """The other end of a TCP connection: what asyncio's transport is to the protocol, and Twisted's."""

    def __init__(self, done: list[str], port: int) -> None:
        self.received = b""
        self.waiting = 0  # bytes that the client does not read
        self.offset = self._tempDataLen = 0
        self.reading, self.ending = True, False
        self._done = done
        self._facts = {"peername": ("10.0.0.1", port), "socket": self}
        self.getPeer = self.getHost = lambda: IPv4Address("TCP", "10.0.0.1", port)
        self.setTcpNoDelay = self.setTcpKeepAlive = self.setsockopt
        self.loseConnection = self.close
        self.registerProducer = self.set_write_buffer_limits = self.setsockopt
        self.pauseProducing, self.resumeProducing = self.pause_reading, self.resume_reading
        self.abortConnection = self.abort

    def get_extra_info(self, name: str) -> Any:
        return self._facts[name]

    def fileno(self) -> int:
        return 9

    def setsockopt(self, *option: object, **more: object) -> None:
        pass

    def write(self, data: bytes) -> None:
        self._done.append("send")
        self.received += data

    def close(self) -> None:
        self.ending = True
        self._done.append("close")

    def unregisterProducer(self) -> None:  # noqa: N802
        pass

    def abort(self) -> None:
        self.ending = True
        self._done.append("abort")

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def is_closing(self) -> bool:
        return self.ending

    def get_write_buffer_size(self) -> int:
        return self.waiting

    @property
    def dataBuffer(self) -> bytes:  # noqa: N802
        return bytes(self.waiting)


class Air:
    """A port of UDP: what was written, and to whom. There is no way to the addresses in ``cut``."""

    def __init__(self) -> None:
        self.arrived: list[tuple[bytes, tuple[str, int]]] = []
        self.written: list[tuple[bytes, tuple[str, int]]] = []
        self.cut: list[tuple[str, int]] = []

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.arrived:
            raise BlockingIOError
        return self.arrived.pop(0)

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        if address in self.cut:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        self.written.append((data, address))


class Readers:
    """A reactor that looks after no sockets."""

    def addReader(self, reader: object) -> None:  # noqa: N802
        pass

    def removeReader(self, reader: object) -> None:  # noqa: N802
        pass


class Client:
    """A client's end of a stream."""

    def __init__(self, edge: str, host: ReactorHost, wire: Wire) -> None:
        if edge == "asyncio":
            fast = AsyncioConnection(host)
            fast.connection_made(wire)
            self.send: Callable[[bytes], None] = fast.data_received
            self.end: Callable[[], None] = lambda: fast.connection_lost(None)
            self.full: Callable[[], None] = fast.pause_writing
            self.drained: Callable[[], None] = fast.resume_writing
        else:
            stream = TcpConnection(host)
            stream.makeConnection(wire)  # type: ignore[no-untyped-call]
            self.send, self.end = stream.dataReceived, stream.connectionLost
            self.full, self.drained = stream.pauseProducing, stream.resumeProducing


class Scene:
    """A host on a clock that stands still, with what it did, in order; *edge* is asyncio's or Twisted's."""

    def __init__(
        self, soon: Callable[[Callable[[], None]], None] | None = None, edge: str = "asyncio", **more: Any
    ) -> None:
        self.edge = edge
        self.clock = Clock()
        self.done: list[str] = []
        self.log = Log(self.done)
        self.told: list[str] = []
        self.failures: list[OSError] = []
        core = Server(ServerSettings(**more), Volumes([("SYS", sms_tree())]), Random(1))
        self.clock.advance(1_000_000)  # a reactor's clock does not begin with the server
        tell = [lambda record: self.told.append(record.event)]
        self.host = ReactorHost(core, self.clock, tell, self.failures.append, soon)
        self.host.start(datetime(2000, 8, 10, tzinfo=UTC), self.log)
        self.air = Air()
        self.fast = AsyncioUdpListener(self.host, Readers(), "127.0.0.1", 0)
        self.fast.stop()
        self.fast.wire = self.air
        self.datagrams = UdpPort(self.host)
        self.datagrams.transport = SimpleNamespace(socket=self.air)  # type: ignore[assignment]

    def datagram(self, packet: bytes, port: int = 1025) -> list[bytes]:
        """A datagram arrives; what was sent back to its port."""
        before = len(self.air.written)
        if self.edge == "asyncio":
            self.air.arrived.append((packet, ("10.0.0.1", port)))
            self.fast.doRead()
        else:
            self.datagrams.datagramReceived(packet, ("10.0.0.1", port))
        return [data for data, address in self.air.written[before:] if address == ("10.0.0.1", port)]

    def socket(self, port: int = 40001) -> tuple[Client, Wire]:
        """A client connects."""
        wire = Wire(self.done, port)
        return Client(self.edge, self.host, wire), wire

    def queries(self) -> int:
        return sum(data == WatchdogPacket(1, b"?").encode() for data, _ in self.air.written)

    def alarms(self) -> list[float]:
        """When the timer rings, in seconds from now."""
        return [call.getTime() - self.clock.seconds() for call in self.clock.getDelayedCalls()]


def replies(wire: Wire) -> list[ncp.ReplyPacket]:
    """What came back over TCP since the last look."""
    data, wire.received = wire.received, b""
    return [ncp.decode_reply(packet) for packet in Deframer(TNCP).feed(data)]
