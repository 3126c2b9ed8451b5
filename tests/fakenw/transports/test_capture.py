"""The capture that the server writes itself: what is in it, byte by byte, read without a word of what wrote it."""

from __future__ import annotations

import errno
import io
import ipaddress
import os
import struct
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from fakenw.core.peer import Peer
from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from fakenw.transports.capture import LARGEST_SEGMENT, CaptureFile
from fakenw.transports.reactor_host import ReactorHost
from fakenw.transports.udp import facing
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire import packet as ncp
from fakenw.wire.framing import frame_request
from fakenw.wire.packet import NCP_PORT, RequestPacket

FIN, SYN, PSH, ACK = 1, 2, 8, 16
CREATE = RequestPacket(ncp.CREATE, 0, ncp.NO_CONNECTION, 1, 0, b"").encode()


class Packet(NamedTuple):
    """What a packet says; ``flags``, ``seq`` and ``ack`` are 0 over UDP."""

    time: float
    source: str
    target: str
    protocol: int
    sport: int
    dport: int
    flags: int
    seq: int
    ack: int
    data: bytes


def ones_sum(data: bytes) -> int:
    """The sum that is 0xFFFF over whatever has a right checksum in it."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total


def parse(raw: bytes) -> list[Packet]:
    """Read a capture, and check every length and every checksum on the way."""
    assert struct.unpack_from("<IHHiIII", raw) == (0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 101)
    at, packets = 24, []
    while at < len(raw):
        seconds, micros, captured, length = struct.unpack_from("<IIII", raw, at)
        data = raw[at + 16 : at + 16 + captured]
        assert captured == length == len(data)
        assert micros < 1_000_000
        at += 16 + captured
        if data[0] >> 4 == 4:
            total, protocol, ends, body = struct.unpack_from(">H", data, 2)[0], data[9], data[12:20], data[20:]
            assert total == len(data)
            assert ones_sum(data[:20]) == 0xFFFF
        else:
            size, protocol, ends, body = struct.unpack_from(">H", data, 4)[0], data[6], data[8:40], data[40:]
            assert size == len(body)
        assert ones_sum(ends + struct.pack(">II", len(body), protocol) + body) == 0xFFFF
        source, target = (str(ipaddress.ip_address(ends[i : i + len(ends) // 2])) for i in (0, len(ends) // 2))
        sport, dport = struct.unpack_from(">HH", body)
        flags = seq = ack = 0
        if protocol == 17:
            assert struct.unpack_from(">H", body, 4)[0] == len(body)
            assert body[6:8] != b"\0\0"
            payload = body[8:]
        else:
            seq, ack, offset, flags = struct.unpack_from(">IIBB", body, 4)
            payload = body[offset >> 4 << 2 :]
        time = seconds + micros / 1_000_000
        packets.append(Packet(time, source, target, protocol, sport, dport, flags, seq, ack, payload))
    return packets


class Tape:
    """A capture in memory, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.file = io.BytesIO()
        self.now = 965_899_815.25
        self.failures: list[OSError] = []
        self.capture = CaptureFile(self.file, lambda: self.now, self.failures.append)

    def packets(self) -> list[Packet]:
        return parse(self.file.getvalue())


def streams(packets: list[Packet]) -> tuple[bytes, bytes]:
    """What either side of one TCP connection said, put together by sequence numbers; checks that nothing is missing."""
    first, second = packets[:2]
    assert (first.flags, second.flags, packets[2].flags) == (SYN, SYN | ACK, ACK)
    expected = {first.sport: first.seq, second.sport: second.seq}
    said = {first.sport: b"", second.sport: b""}
    for packet in packets:
        mine, other = packet.sport, packet.dport
        assert packet.seq == expected[mine]
        assert not packet.flags & ACK or packet.ack == expected[other]
        expected[mine] = packet.seq + len(packet.data) + bool(packet.flags & (SYN | FIN)) & 0xFFFFFFFF
        said[mine] += packet.data
    return said[first.sport], said[second.sport]


@pytest.mark.parametrize(
    ("station", "local", "ends"),
    [
        ("udp:10.0.0.1:1025", "10.0.0.9", ("10.0.0.1", "10.0.0.9")),
        ("udp:fe80::1%eth0:1025", "fe80::2%eth0", ("fe80::1", "fe80::2")),
        ("udp:::ffff:10.0.0.1:1025", "::ffff:10.0.0.9", ("10.0.0.1", "10.0.0.9")),
        ("udp:10.0.0.1:1025", "::", ("10.0.0.1", "0.0.0.0")),
        ("udp:127.0.0.1:1025", "::", ("127.0.0.1", "127.0.0.1")),
    ],
)
def test_datagrams(station: str, local: str, ends: tuple[str, str]) -> None:
    """Each is one packet, at its time, between the real client and port 524."""
    tape = Tape()
    tape.capture.received(Peer.parse(station), local, b"ping")
    tape.now += 0.5
    tape.capture.sent(Peer.parse(station), local, b"pong!")
    tape.capture.sent(Peer.parse(station), local, b"")
    client, server = ends
    assert tape.packets() == [
        Packet(965_899_815.25, client, server, 17, 1025, NCP_PORT, 0, 0, 0, b"ping"),
        Packet(965_899_815.75, server, client, 17, NCP_PORT, 1025, 0, 0, 0, b"pong!"),
        Packet(965_899_815.75, server, client, 17, NCP_PORT, 1025, 0, 0, 0, b""),
    ]


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=50)), max_size=12), st.sampled_from(["::1", "127.0.0.1"]))
def test_conversation(said: list[tuple[bool, bytes]], host: str) -> None:
    """Over TCP the two streams come out as they went in, however they were cut, between a handshake and two FINs."""
    tape = Tape()
    station = f"tcp:{host}:40001"
    tape.capture.received(Peer.parse(station), host, b"first")
    for inward, data in said:
        (tape.capture.received if inward else tape.capture.sent)(Peer.parse(station), host, data)
    tape.capture.ended(Peer.parse(station))
    packets = tape.packets()
    theirs, ours = streams(packets)
    assert theirs == b"first" + b"".join(data for inward, data in said if inward)
    assert ours == b"".join(data for inward, data in said if not inward)
    assert [packet.flags for packet in packets[-3:]] == [FIN | ACK, FIN | ACK, ACK]
    assert all(packet.flags == PSH | ACK for packet in packets[3:-3])


def test_long_data_is_cut() -> None:
    """A segment fits into a packet, whatever was read at once."""
    tape = Tape()
    data = os.urandom(200_001)
    tape.capture.received(Peer.parse("tcp:10.0.0.1:40001"), "10.0.0.9", data)
    assert streams(tape.packets())[0] == data
    assert max(len(packet.data) for packet in tape.packets()) == LARGEST_SEGMENT


def test_server_ends_a_connection() -> None:
    """The server's FIN comes first, what comes after it is not shown, and its socket's end is not told twice."""
    tape = Tape()
    station, local = "tcp:10.0.0.1:40001", "10.0.0.9"
    tape.capture.received(Peer.parse(station), local, b"ping")
    tape.capture.ended(Peer.parse(station), inward=False)
    tape.capture.received(Peer.parse(station), local, b"too late")
    tape.capture.ended(Peer.parse(station))
    packets = tape.packets()
    assert streams(packets) == (b"ping", b"")
    assert [(packet.sport, packet.flags) for packet in packets[-3:]] == [
        (NCP_PORT, FIN | ACK),
        (40001, FIN | ACK),
        (NCP_PORT, ACK),
    ]


def test_port_is_used_again() -> None:
    """A second connection from the same port has a handshake and sequence numbers of its own."""
    tape = Tape()
    station, local = "tcp:10.0.0.1:40001", "10.0.0.9"
    for text in (b"one", b"two"):
        tape.capture.received(Peer.parse(station), local, text)
        tape.capture.ended(Peer.parse(station))
    packets = tape.packets()
    half = len(packets) // 2
    assert [streams(part)[0] for part in (packets[:half], packets[half:])] == [b"one", b"two"]
    assert packets[0].seq != packets[half].seq


def test_connection_that_said_nothing() -> None:
    """There is nothing to show of it."""
    tape = Tape()
    tape.capture.ended(Peer.parse("tcp:10.0.0.1:40001"))
    assert tape.packets() == []


def test_close_ends_what_is_open() -> None:
    """The end of the server is the end of its connections; what happens then is not written."""
    tape = Tape()
    for port in (1, 2):
        tape.capture.received(Peer.parse(f"tcp:10.0.0.1:{port}"), "10.0.0.9", b"ping")
    kept = io.BytesIO()
    tape.file.close = lambda: kept.write(tape.file.getvalue()) and None  # type: ignore[method-assign,assignment]
    tape.capture.close()
    packets = parse(kept.getvalue())
    assert sum(packet.flags == FIN | ACK for packet in packets) == 4


class Full(io.BytesIO):
    """A disk that takes so many bytes, a few at a time."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        size = min(len(data), self.room, 7)
        self.room -= size
        return super().write(data[:size])


def test_disk_is_full() -> None:
    """That is told once, and nothing is written any more."""
    failures: list[OSError] = []
    capture = CaptureFile(Full(60), lambda: 0.0, failures.append)
    for _ in range(3):
        capture.received(Peer.parse("udp:10.0.0.1:1025"), "10.0.0.9", b"ping")
    capture.close()
    assert [problem.errno for problem in failures] == [errno.ENOSPC]


def test_file_takes_a_few_bytes_at_a_time() -> None:
    """write(2) may do less than it is asked."""
    file = Full(100_000)
    CaptureFile(file, lambda: 1.0, list[OSError]().append).received(
        Peer.parse("udp:10.0.0.1:1025"), "10.0.0.9", b"ping"
    )
    (packet,) = parse(file.getvalue())
    assert packet.data == b"ping"


class Route:
    """The way to a station, which says when it was used."""

    def __init__(self, done: list[str]) -> None:
        self.done = done

    def send(self, data: bytes) -> None:
        self.done.append("send")

    def close(self) -> None:
        self.done.append("close")

    def local(self) -> str:
        return "10.0.0.9"


def test_host_shows_everything() -> None:
    """All that comes in and goes out, and the end of a connection from either side."""
    tape = Tape()
    host = ReactorHost(Server(ServerSettings(), Volumes([("SYS", sms_tree())]), Random(1)), Clock())
    host.start(datetime(2000, 8, 10, tzinfo=UTC), None)
    host.delivery.capture = tape.capture
    done: list[str] = []

    def receive(name: str, data: bytes) -> None:
        peer = Peer.parse(name)
        host.opened(peer, Route(done))
        host.received(peer, data, 0)

    receive("udp:10.0.0.1:1025", CREATE)
    receive("tcp:10.0.0.1:40001", frame_request(CREATE))
    host.lost(Peer.parse("tcp:10.0.0.1:40001"))
    receive("tcp:10.0.0.1:40002", b"GET / HTTP/1.0\r\n\r\n")
    host.lost(Peer.parse("tcp:10.0.0.1:40002"))
    packets = tape.packets()
    assert [packet.data[:2] for packet in packets if packet.protocol == 17] == [b"\x11\x11", b"\x33\x33"]
    theirs, ours = streams([packet for packet in packets if 40001 in (packet.sport, packet.dport)])
    assert (theirs, ours[:4]) == (frame_request(CREATE), b"tNcP")
    web = [packet for packet in packets if 40002 in (packet.sport, packet.dport)]
    assert (streams(web)[1], web[-1].sport) == (b"", NCP_PORT)
    assert done == ["send", "send", "close"]


@pytest.mark.parametrize(
    ("host", "other", "local"),
    [("10.1.2.3", "127.0.0.1", "10.1.2.3"), ("0.0.0.0", "127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1", "127.0.0.1")],
)
def test_address_that_a_client_sees(host: str, other: str, local: str) -> None:
    """A port that listens everywhere is shown with the address that the client talks to."""
    assert facing(host, (other, 1025)) == local


SERVE = (sys.executable, "-m", "fakenw", "serve", "--listen", "udp:127.0.0.1:0", "--pcap")


@pytest.mark.process
def test_capture_that_cannot_be_begun(tmp_path: Path) -> None:
    """Exit code 2, with the reason."""
    done = subprocess.run([*SERVE, str(tmp_path / "no" / "x.pcap")], capture_output=True, timeout=30, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "fakenw: the capture cannot be written" in done.stderr
    assert "No such file" in done.stderr


@pytest.mark.process
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_capture_on_a_full_disk() -> None:
    """Exit code 1, as with the journal."""
    done = subprocess.run([*SERVE, "/dev/full"], capture_output=True, timeout=30, text=True)
    assert done.returncode == 1
    assert "fakenw: the capture cannot be written, stopping:" in done.stderr
