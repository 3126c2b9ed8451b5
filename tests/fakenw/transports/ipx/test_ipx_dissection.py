"""Wireshark reads what the server's end of a wire sends, in the four frame types."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.ipx.packet import EVERY_NODE, IpxAddress, IpxPacket
from fakenw.wire.requests import connection, message, server, status
from tests.fakenw.transports.ipx.pcap import write_pcap
from tests.fakenw.transports.ipx.wire_stage import WireStage

FIELDS = ("_ws.col.Protocol", "_ws.col.Info", "eth.type", "llc.dsap", "llc.type", "_ws.malformed", "_ws.expert.message")
LINK = {  # EtherType, LLC and SNAP, as Wireshark shows them
    FrameType.ETHERNET_II: ("0x8137", "", ""),
    FrameType.ETHERNET_802_3: ("", "", ""),
    FrameType.ETHERNET_802_2: ("", "0xe0", ""),
    FrameType.ETHERNET_SNAP: ("", "0xaa", "0x8137"),
}


def converse(frame: FrameType) -> WireStage:
    """Everything that comes over IPX alone: SAP, RIP, NCP, the watchdog, a message, the size test, diagnostics."""
    stage = WireStage()
    for board, sent in stage.stack.announce():
        assert board is stage.board
        stage.put([sent])
    stage.put(stage.stack.question(stage.board))
    client = stage.at(frame, socket=0x4010)  # on 4001 Wireshark expects the watchdog
    network = client.address.network
    for socket, data in (
        (0x0452, "00030004"),
        (0x0452, "0001FFFF"),
        (0x0453, "0001FFFFFFFFFFFFFFFF"),
        (0x0456, "00"),
    ):
        packet = IpxPacket(IpxAddress(network, EVERY_NODE, socket), client.address, 4, bytes.fromhex(data))
        assert len(stage.arrives(client.framed(packet, EVERY_NODE))) == 1
    client.licensed()
    client.negotiate()
    for request in (connection.GetInternetAddress(1), status.GetAddresses(0), server.GetServerInfo()):
        assert client.code(request) == 0
    echo = client.server._replace(socket=0x4001)
    assert len(stage.arrives(client.framed(IpxPacket(echo, client.address, 4, b"\x11\x11Lip Echo Data")))) == 1
    stage.wait(297)
    stage.arrives(client.framed(IpxPacket(echo, client.address._replace(socket=0x4011), 17, b"\1Y")))
    (connected,) = stage.server.table.by_serial.values()
    stage.server.leave_message(connected, "HELLO")
    stage.carry_out(stage.server.take_effects())
    assert client.code(message.GetMessage()) == 0
    client.destroy()
    for _, sent in stage.stack.announce(gone=True):
        stage.put([sent])
    return stage


@pytest.mark.tshark
@pytest.mark.parametrize("frame", FrameType, ids=lambda frame: frame.value)
def test_wireshark_reads_everything(frame: FrameType, tmp_path: Path) -> None:
    """Nothing malformed, nothing noted, and the protocols are those that they should be."""
    stage = converse(frame)
    capture = write_pcap(tmp_path / "wire.pcap", stage.wire)
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "separator=/t"]
    command += [part for field in FIELDS for part in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(lines) == len(stage.wire)
    assert {line[0] for line in lines} == {
        "IPX SAP",
        "IPX RIP",
        "NCP",
        "IPX MSG",
        "IPX",
    }  # diagnostics are no more to it
    assert [line for line in lines if line[5] or line[6]] == []
    assert {tuple(line[2:5]) for line in lines[12:-8]} == {LINK[frame]}
    assert {tuple(line[2:5]) for line in lines[:12]} == set(LINK.values())
    told = [line[1] for line in lines]
    assert "Poll inactive station, Connection 1" in told
    assert "Station is still using the connection, Connection 1" in told
    assert "Broadcast message waiting, Connection 1" in told
    assert told.count("Nearest Response") == 1
