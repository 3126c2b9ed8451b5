"""Packets and captures that tests make, with nothing of the project's own encoders.

The NCP packets in them are those of a real client and another server (tests/fakenw/transports/data/README.md); headers
are those of RFC 791, 8200, 768 and 9293, and the frames of NCP over TCP those of Wireshark's packet-ncp.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from harness.capture.captured_messages import CapturedMessages
from harness.capture.message import Life, Message
from tests.fakenw.transports.ipx.captures import MARS

CLIENT, SERVER, PORT = "10.0.0.7", "10.0.0.1", 524
FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16
RAW_IP, ETHERNET = 101, 1

Event = Message | Life


@cache
def dialogue() -> tuple[tuple[bool, bytes], ...]:
    """What the client and mars_nwe said, by direction: from the client, or not."""
    packets = []
    content = MARS.read_bytes()
    at = 24
    while at < len(content):
        length = struct.unpack_from("<I", content, at + 8)[0]
        frame = content[at + 16 : at + 16 + length]
        at += 16 + length
        ipx = frame[17:] if frame[14:17] == b"\xe0\xe0\x03" else b""
        target, source = ipx[16:18], ipx[28:30]
        if b"\x04\x51" in (target, source):
            packets.append((target == b"\x04\x51", ipx[30 : int.from_bytes(ipx[2:4], "big")]))
    assert len(packets) == 704
    return tuple(packets)


def request(packet: bytes) -> bytes:
    return struct.pack(">4sIII", b"DmdT", 16 + len(packet), 1, 65_536) + packet


def reply(packet: bytes) -> bytes:
    return struct.pack(">4sI", b"tNcP", 8 + len(packet)) + packet


def framed(from_client: bool, packet: bytes) -> bytes:
    return request(packet) if from_client else reply(packet)


def ip(source: str, target: str, protocol: int, data: bytes) -> bytes:
    first, second = ip_address(source).packed, ip_address(target).packed
    if len(first) == 16:
        return struct.pack(">IHBB", 6 << 28, len(data), protocol, 64) + first + second + data
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, protocol, 0) + first + second + data


def udp(
    from_client: bool, data: bytes, port: int = 1025, server_port: int = PORT, hosts: tuple[str, str] = (CLIENT, SERVER)
) -> bytes:
    ports, ends = ((port, server_port), hosts) if from_client else ((server_port, port), hosts[::-1])
    return ip(*ends, 17, struct.pack(">HHHH", *ports, 8 + len(data), 0) + data)


class Segment(NamedTuple):
    """Of a connection between port *port* of the client and *server_port*."""

    from_client: bool
    sequence: int
    acknowledged: int
    flags: int
    data: bytes = b""
    port: int = 1025
    server_port: int = PORT

    def packet(self) -> bytes:
        ports = (self.port, self.server_port) if self.from_client else (self.server_port, self.port)
        numbers = (self.sequence & 0xFFFFFFFF, self.acknowledged & 0xFFFFFFFF)
        header = struct.pack(">HHIIBBHHH", *ports, *numbers, 0x50, self.flags, 0xFFFF, 0, 0)
        ends = (CLIENT, SERVER) if self.from_client else (SERVER, CLIENT)
        return ip(*ends, 6, header + self.data)


class Connection:
    """Both ends of a TCP connection, which say what a test has them say: ``segments``."""

    def __init__(
        self, start: tuple[int, int] = (1000, 5000), *, port: int = 1025, server_port: int = PORT, opened: bool = True
    ) -> None:
        self._next = {True: start[0], False: start[1]}
        self._ports = (port, server_port)
        self.segments: list[Segment] = []
        if opened:
            self.send(True, b"", SYN)
            self.send(False, b"", SYN | ACK)
            self.send(True, b"", ACK)

    def send(self, from_client: bool, data: bytes, flags: int = PUSH | ACK) -> Segment:
        segment = Segment(from_client, self._next[from_client], self._next[not from_client], flags, data, *self._ports)
        self.segments.append(segment)
        self._next[from_client] += len(data) + bool(flags & (SYN | FIN))
        return segment

    def say(self, packets: Iterable[tuple[bool, bytes]]) -> Connection:
        for from_client, packet in packets:
            self.send(from_client, framed(from_client, packet))
        return self


def write(path: Path, packets: Iterable[bytes], link: int = RAW_IP, snap: int = 262_144, apart: int = 1000) -> Path:
    """A capture file, the packets *apart* microseconds apart."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, link))
        for number, packet in enumerate(packets):
            seconds, micros = divmod(number * apart, 1_000_000)
            file.write(struct.pack("<IIII", seconds, micros, len(packet[:snap]), len(packet)))
            file.write(packet[:snap])
    return path


def read(path: Path, packets: Iterable[bytes], link: int = RAW_IP, snap: int = 262_144) -> list[Event]:
    return list(CapturedMessages([write(path, packets, link, snap)]))


def told(events: Iterable[Event]) -> Iterator[tuple[bool, bytes | str]]:
    """What events say, without when: the packets of NCP, and the names of what happened to streams."""
    for event in events:
        yield event.from_client, event.data if isinstance(event, Message) else event.what.name


def said(events: Iterable[Event], from_client: bool) -> list[bytes | str]:
    return [what for direction, what in told(events) if direction is from_client]
