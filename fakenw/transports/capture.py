"""All sent and received bytes as a capture file, made without privileges: ``--pcap FILE``.

Rules of this file:

* The file is a classic pcap of raw IP (LINKTYPE_RAW), with microseconds of real time. Each packet is written at once,
  with ``write(2)``: the file is complete whenever the server ends.
* With IPX it is one of Ethernet: its frames are those of the wire, those of IP get a synthetic header.
* Addresses and the client's port are the real ones. The server's port is always shown as 524, by which Wireshark
  recognizes NCP.
* Headers are synthetic but valid: checksums, and over TCP a handshake before the first byte, sequence and
  acknowledgment numbers, and FIN when the connection ends. A segment is as large as the received or sent data.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import count
from pathlib import Path
from typing import BinaryIO

from fakenw.core.peer import Peer
from fakenw.journal.pipe import pipe_of
from fakenw.wire.packet import NCP_PORT

LINKTYPE_RAW, LINKTYPE_ETHERNET = 101, 1
LARGEST_SEGMENT = 32_768
_TCP, _UDP = 6, 17
_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10
_WINDOW_SCALE = b"\x03\x03\x0e\x00"  # a window that is never full
_ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}  # by version of IP
_ISN_STEP = 0x01000000  # connections from one port differ in their sequence numbers

Address = IPv4Address | IPv6Address


@dataclass(slots=True)
class Flow:
    """A TCP connection, and the next sequence number of either side."""

    server: Address
    client: Address
    port: int
    client_next: int
    server_next: int
    over: bool = False


class CaptureFile:
    """Writes packets to a file.

    *clock* returns the wall time in seconds. If a write fails, *fail* is called once, and nothing more is written.
    *put* writes in place of *file*. *ethernet*: the packets are in Ethernet frames.
    """

    def __init__(
        self,
        file: BinaryIO,
        clock: Callable[[], float],
        fail: Callable[[OSError], None],
        put: Callable[[bytes], int] | None = None,
        *,
        ethernet: bool = False,
    ) -> None:
        self._file, self._clock, self._fail, self._put = file, clock, fail, put or file.write
        self._flows: dict[Peer, Flow] = {}
        self._number = 0  # of the connection, and of the packet
        self._packet = 0
        self._ethernet = ethernet
        link_type = LINKTYPE_ETHERNET if ethernet else LINKTYPE_RAW
        self._write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, link_type))

    @classmethod
    def create(
        cls, path: Path, clock: Callable[[], float], fail: Callable[[OSError], None], *, ethernet: bool = False
    ) -> CaptureFile:
        """Begin a new file at *path*, replacing an existing one (see ``keep_earlier``). Raises OSError."""
        file = path.open("wb", buffering=0)
        pipe = pipe_of(file.fileno())
        return cls(file, clock, fail, pipe.write if pipe else None, ethernet=ethernet)

    def frame(self, data: bytes) -> None:
        """A frame has arrived, or was sent; the file must be one of Ethernet."""
        self._packet_of(data)

    def received(self, peer: Peer, local: str, data: bytes) -> None:
        """Bytes have arrived from *peer* at the address *local* of this computer."""
        self._data(peer, local, data, inward=True)

    def sent(self, peer: Peer, local: str, data: bytes) -> None:
        """Bytes were sent to *peer*."""
        self._data(peer, local, data, inward=False)

    def ended(self, peer: Peer, *, inward: bool = True) -> None:
        """The TCP connection of *peer* is closed by the client (*inward*), which ends its flow, or by the server."""
        flow = self._flows.pop(peer, None) if inward else self._flows.get(peer)
        if flow is not None and not flow.over:
            flow.over = True
            for direction in (inward, not inward):
                self._segment(flow, direction, _FIN | _ACK)
            self._segment(flow, inward, _ACK)

    def close(self) -> None:
        """End the open connections, and close the file."""
        for peer in self._flows:
            self.ended(peer, inward=False)
        self._file.close()

    def machine_ended(self, local: str) -> None:
        """The machine with the address *local* ends all of its connections."""
        server = _unwrapped(ip_address(local))
        for peer in [peer for peer, flow in self._flows.items() if flow.server == server]:
            self.ended(peer, inward=False)
            del self._flows[peer]

    def _data(self, peer: Peer, local: str, data: bytes, *, inward: bool) -> None:
        host, port = peer.address
        if not peer.transport.framed:
            server, client = _pair(local, host)
            ends = (port, NCP_PORT) if inward else (NCP_PORT, port)
            head = struct.pack(">HHHH", *ends, 8 + len(data), 0)
            self._ip(*((client, server) if inward else (server, client)), _UDP, head, data)
            return
        flow = self._flows.get(peer)
        if flow is None:
            flow = self._flows[peer] = self._handshake(*_pair(local, host), port)
        for at in range(0, 0 if flow.over else len(data), LARGEST_SEGMENT):
            self._segment(flow, inward, _PSH | _ACK, data[at : at + LARGEST_SEGMENT])

    def _handshake(self, server: Address, client: Address, port: int) -> Flow:
        start = self._number * _ISN_STEP & 0xFFFFFFFF
        self._number += 1
        flow = Flow(server, client, port, start, start)
        self._segment(flow, True, _SYN)
        self._segment(flow, False, _SYN | _ACK)
        self._segment(flow, True, _ACK)
        return flow

    def _segment(self, flow: Flow, inward: bool, flags: int, data: bytes = b"") -> None:
        options = _WINDOW_SCALE if flags & _SYN else b""
        sequence, acknowledged = (
            (flow.client_next, flow.server_next) if inward else (flow.server_next, flow.client_next)
        )
        ports = (flow.port, NCP_PORT) if inward else (NCP_PORT, flow.port)
        offset = 5 + len(options) // 4 << 4
        numbers = (sequence, acknowledged if flags & _ACK else 0)
        head = struct.pack(">HHIIBBHHH", *ports, *numbers, offset, flags, 0xFFFF, 0, 0) + options
        ends = (flow.client, flow.server) if inward else (flow.server, flow.client)
        self._ip(*ends, _TCP, head, data)
        after = sequence + len(data) + bool(flags & (_SYN | _FIN)) & 0xFFFFFFFF
        if inward:
            flow.client_next = after
        else:
            flow.server_next = after

    def _ip(self, source: Address, target: Address, protocol: int, head: bytes, data: bytes) -> None:
        """Write a packet; *head* is the header of UDP or TCP, with 0 in place of its checksum."""
        size = len(head) + len(data)
        pseudo = source.packed + target.packed + struct.pack(">II", size, protocol)
        at = 6 if protocol == _UDP else 16
        head = head[:at] + _checksum(pseudo + head + data) + head[at + 2 :]
        if source.version == 6:
            outer = struct.pack(">IHBB", 6 << 28, size, protocol, 64) + source.packed + target.packed
        else:
            self._packet = self._packet + 1 & 0xFFFF
            outer = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, self._packet, 0x4000, 64, protocol, 0)
            outer += source.packed + target.packed
            outer = outer[:10] + _checksum(outer) + outer[12:]
        if self._ethernet:  # the nodes are made from the addresses, locally administered
            nodes = (b"\x02\x00" + address.packed[-4:] for address in (target, source))
            outer = b"".join(nodes) + _ETHERTYPES[source.version] + outer
        self._packet_of(outer + head + data)

    def _packet_of(self, data: bytes) -> None:
        seconds, micros = divmod(round(self._clock() * 1_000_000), 1_000_000)
        self._write(struct.pack("<IIII", seconds & 0xFFFFFFFF, micros, len(data), len(data)) + data)

    def _write(self, data: bytes) -> None:
        if self._file.closed:
            return
        try:
            while data:
                data = data[self._put(data) :]
        except OSError as problem:
            self._file.close()
            self._fail(problem)


def keep_earlier(path: Path) -> Path | None:
    """Rename the capture at *path* to the first free one of NAME.1.pcap, NAME.2.pcap, and so on. Raises OSError.

    Returns its new name; None where there is no capture to keep.
    """
    if not path.is_file() or not path.stat().st_size:
        return None
    names = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(1))
    kept = next(name for name in names if not (name.exists() or name.is_symlink()))
    path.rename(kept)
    return kept


def _pair(local: str, host: str) -> tuple[Address, Address]:
    """The addresses of server and client, of the same version: an IPv4-mapped IPv6 address is unwrapped."""
    server, client = (_unwrapped(ip_address(text.partition("%")[0])) for text in (local, host))
    if server.version != client.version:
        server = client if client.is_loopback else type(client)(0)
    return server, client


def _unwrapped(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071), never 0, which over UDP would mean "no checksum"."""
    total = int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF
    return (0xFFFF - total).to_bytes(2, "big")
