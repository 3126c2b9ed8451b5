"""The capture of a server with an IPX link: the frames of the wire, and IP between them."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from fakenw.core.peer import TCP, UDP, Peer
from fakenw.health import visit
from fakenw.server_process import ServerProcess
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.requests import message
from tests.fakenw.transports.ipx.wire_client import Datagrams, WireClient
from tests.programs import LISTEN, PATIENCE

pytestmark = pytest.mark.process
NCP = ("C Create Connection Service", "C Login Object: GUEST", "C Get File Server Information", "R OK")
MESSAGE = "Broadcast message waiting, Connection "
ETHERNET, RAW = 1, 101  # link types


def captured(path: Path) -> tuple[int, list[bytes]]:
    """The link type, and the packets."""
    data = path.read_bytes()
    packets, at = [], 24
    while at < len(data):
        (size,) = struct.unpack_from("<8xI", data, at)
        packets.append(data[at + 16 : at + 16 + size])
        at += 16 + size
    return struct.unpack_from("<20xI", data)[0], packets


class Recorder:
    """A plug that keeps what it has sent."""

    def __init__(self, plug: Datagrams) -> None:
        self._plug = plug
        self.sent: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)
        self._plug.send(frame)

    def receive(self, within: float) -> bytes:
        return self._plug.receive(within)


def talk(folder: Path, *more: bytes) -> tuple[Path, list[bytes]]:
    """A server, visited over TCP, UDP, and IPX in each frame type: its capture, and the frames that were sent to it."""
    capture = folder / "server.pcap"
    options = (*LISTEN, "--listen", "ipx:qemu:127.0.0.1:0", "--pcap", capture, "--licenses", "9")
    with ServerProcess(*options, "--ipx-network", "BEEF", log=folder / "errors") as server:
        for transport in (TCP, UDP):
            visit(Peer(transport, server.addresses[transport.name]))
        plug = Datagrams(("127.0.0.1", server.addresses["ipx"][1]))
        with plug.socket:
            recorder = Recorder(plug)
            for kind in FrameType:
                client = WireClient(recorder, kind)
                assert client.log_in() == "FAKENW"
                assert client.call(message.SendMessage((client.number,), "HELLO")).completion == 0
                assert 0x4003 in [packet.destination.socket for _, packet in client.heard]
            for frame in more:
                recorder.send(frame)
            client.find()
        assert server.stop() == 0
    return capture, recorder.sent


def test_the_capture_has_the_frames_of_the_wire(tmp_path: Path) -> None:
    """All of them, dropped ones too, as they were; packets of IP have a header of Ethernet."""
    arp, cut_off = "ffffffffffff 525400123456 0806", "ffffffffffff 525400123456 8137 ffff"
    path, sent = talk(tmp_path, bytes.fromhex(arp) + bytes(46), bytes.fromhex(cut_off))
    link_type, packets = captured(path)
    assert link_type == ETHERNET
    inward = [packet for packet in packets if packet[6:12] == bytes.fromhex("525400123456")]
    assert inward == sent
    assert [packet for packet in packets if packet[12:14] == b"\x08\x00"]


def test_without_an_ipx_link_the_capture_is_one_of_ip(tmp_path: Path) -> None:
    with ServerProcess(*LISTEN, "--pcap", tmp_path / "server.pcap"):
        pass
    assert captured(tmp_path / "server.pcap") == (RAW, [])


@pytest.mark.tshark
def test_wireshark_reads_it(tmp_path: Path) -> None:
    """IPX, SAP, RIP, NCP and messages in all four frame types, TCP and UDP beside them, and nothing malformed."""
    path, _ = talk(tmp_path)
    fields = ("frame.protocols", "_ws.col.Info", "_ws.malformed", "ip.checksum.status", "udp.checksum.status")
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=/t"]
    command += [part for field in fields for part in ("-e", field)]
    for checksum in ("ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"):
        command += ["-o", f"{checksum}:TRUE"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line for line in lines if line[2] or "0" in line[3:]] == []  # malformed, or a bad checksum
    seen = {(protocols, said) for protocols, said, *_ in lines}
    for protocols in ("eth:ethertype:ipx", "eth:ipx", "eth:llc:ipx"):  # 802.2 and SNAP look alike
        for said in ("Nearest Query", "Nearest Response", "General Response", "Request", "Response", *NCP, MESSAGE):
            assert [text for about, text in seen if about == protocols and text.startswith(said)], (protocols, said)
    for protocols in ("eth:ethertype:ip:tcp:ncp", "eth:ethertype:ip:udp:ncp"):
        assert {"C Create Connection Service", "R OK"} <= {said for about, said in seen if about == protocols}
