"""Every IPX packet of the captures decodes, and encodes to the bytes that were on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.ipx.packet import RIP_SOCKET, SAP_SOCKET, IpxAddress
from tests.fakenw.transports.ipx.captures import CAPTURES, FOUR_FRAMES, MARS, Captured, captured

COUNTS = dict(zip(CAPTURES, (178, 134, 801, 278), strict=True))  # frames less IPv6, as Wireshark counts them
ONLY_ONE_TYPE = {FrameType.ETHERNET_802_2}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_packets_encode_to_the_same_bytes(path: Path) -> None:
    """Frame, packet, SAP and RIP. Drivers fill short frames in different ways, or not: the padding is not compared."""
    seen = list(captured(path))
    assert len(seen) == COUNTS[path]
    for one in seen:
        packet = one.packet.encode()
        end = len(one.data) - len(one.frame.packet) + len(packet)
        assert one.frame._replace(packet=packet).encode()[:end] == one.data[:end], one.number
        sockets = {one.packet.source.socket, one.packet.destination.socket}
        if SAP_SOCKET in sockets:
            assert sap.decode_sap(one.packet.data).encode() == one.packet.data, one.number
        if RIP_SOCKET in sockets:
            assert rip.decode_rip(one.packet.data).encode() == one.packet.data, one.number


def test_all_four_frame_types_are_there() -> None:
    """As Wireshark names them."""
    assert {one.frame.type for one in captured(FOUR_FRAMES)} == set(FrameType)
    assert {one.frame.type for one in captured(MARS)} == ONLY_ONE_TYPE


def frame(path: Path, number: int) -> Captured:
    return next(one for one in captured(path) if one.number == number)


def test_values_of_some_packets() -> None:
    """What Wireshark says of them."""
    announced = sap.Service(4, "FAKENW", IpxAddress(0xBEEF, bytes(5) + b"\1", 0x0451), 1)
    wire, client, card = 0x1234, bytes.fromhex("525400123456"), bytes.fromhex("020000000001")

    query = frame(FOUR_FRAMES, 10)
    assert (query.frame.target, query.frame.source) == (b"\xff" * 6, client)
    assert query.packet[:3] == (IpxAddress(wire, b"\xff" * 6, 0x0452), IpxAddress(wire, client, 0x4000), 4)
    assert sap.decode_sap(query.packet.data) == sap.SapQuery(3, 4)

    answer = frame(FOUR_FRAMES, 11)
    assert answer.packet[:2] == (IpxAddress(wire, client, 0x4000), IpxAddress(wire, card, 0x0452))
    assert sap.decode_sap(answer.packet.data) == sap.SapResponse(4, (announced,))
    assert sap.decode_sap(frame(FOUR_FRAMES, 25).packet.data) == sap.SapQuery(14, 4, "FAKENW")
    assert sap.decode_sap(frame(FOUR_FRAMES, 26).packet.data) == sap.SapResponse(15, (announced,))
    assert rip.decode_rip(frame(FOUR_FRAMES, 12).packet.data) == rip.RipPacket(1, (rip.Reach(0xBEEF, 0, 0),))
    assert rip.decode_rip(frame(FOUR_FRAMES, 13).packet.data) == rip.RipPacket(2, (rip.Reach(0xBEEF, 1, 2),))
    assert rip.decode_rip(frame(MARS, 4).packet.data).operation == rip.REQUEST
