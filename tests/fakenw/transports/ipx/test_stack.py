"""Frames to requests and back: addresses, what is dropped and why, the watchdog's two bytes, and the size test."""

from __future__ import annotations

import pytest

from fakenw.core.peer import Peer
from fakenw.journal.record import SECOND
from fakenw.transports.ipx.board import numbered
from fakenw.transports.ipx.stack import Request
from fakenw.wire.ipx.frames import Frame, FrameType, decode_frame
from fakenw.wire.ipx.packet import (
    EVERY_NETWORK,
    EVERY_NODE,
    BadPacket,
    IpxAddress,
    IpxPacket,
    decode_ipx,
    ipx_checksum,
)
from tests.fakenw.transports.ipx.wire_stage import CARD, CLIENT, INTERNAL, WIRE, WireStage, WireStation

CREATE = bytes.fromhex("111100FF01FF00")  # type, sequence, connection, task, connection, function
every_frame_type = pytest.mark.parametrize("frame", FrameType, ids=lambda frame: frame.value)
SERVER = IpxAddress(INTERNAL, bytes(5) + b"\1", 0x0451)
LLC = FrameType.ETHERNET_802_2


def station(network: int, socket: int = 0x4001, node: bytes = CLIENT) -> IpxAddress:
    return IpxAddress(network, node, socket)


def framed(packet: IpxPacket | bytes, frame: FrameType = LLC, *, target: bytes = CARD, source: bytes = CLIENT) -> bytes:
    content = packet if isinstance(packet, bytes) else packet.encode()
    return Frame(frame, target, source, content).encode()


# Answers: from where, to where


@every_frame_type
def test_a_create(frame: FrameType) -> None:
    """A station of any frame type; its name in the journal has network, node and socket."""
    stage = WireStage()
    client = stage.at(frame)
    assert client.create().completion == 0
    wire = WIRE + list(FrameType).index(frame)
    assert [line["station"] for line in stage.events("create")] == [f"ipx:{wire:08X}:525400123456:4001"]


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        (SERVER, SERVER),
        (IpxAddress(WIRE + 2, CARD, 0x0451), IpxAddress(WIRE + 2, CARD, 0x0451)),  # the sender of the SAP answer
        (IpxAddress(0, CARD, 0x0451), IpxAddress(WIRE + 2, CARD, 0x0451)),  # "this wire"
    ],
)
def test_ncp_is_answered_from_the_address_that_was_asked(asked: IpxAddress, answers: IpxAddress) -> None:
    stage = WireStage()
    (sent,) = stage.arrives(framed(IpxPacket(asked, station(WIRE + 2), 17, CREATE)))
    (reply,) = stage.packets([sent])
    assert (reply.source, reply.destination, reply.type) == (answers, station(WIRE + 2), 17)
    assert reply.data[:2] == b"\x33\x33"


def test_a_askedbehind_a_router() -> None:
    """The reply goes to the node that sent the frame, and to the network of the packet."""
    router, far = bytes.fromhex("00001B010203"), station(0x77)
    stage = WireStage()
    (sent,) = stage.arrives(framed(IpxPacket(SERVER, far, 17, CREATE, 3), source=router))
    frame = decode_frame(sent)
    assert frame is not None
    assert (frame.target, frame.source) == (router, CARD)
    assert stage.packets([sent])[0].destination == far
    assert [line["station"] for line in stage.events("create")] == ["ipx:00000077:525400123456:4001"]


def test_sockets_of_one_askedare_several_connections() -> None:
    """Each process of a Linux client binds one; a create from the same socket is the same slot."""
    stage = WireStage()
    first, second = stage.at(LLC), stage.at(LLC, socket=0x4006)
    assert (first.attached().number, second.attached().number) == (1, 2)
    assert first.attached().number == 1
    assert len(stage.server.table.by_number) == 2


def test_a_askedwithout_a_network_number_is_of_its_wire() -> None:
    """It is the same station when it has learnt the number."""
    stage = WireStage()
    for network in (0, WIRE + 2):
        (sent,) = stage.arrives(framed(IpxPacket(SERVER, station(network), 17, CREATE)))
        assert stage.packets([sent])[0].destination == station(WIRE + 2)
    assert len(stage.server.table.by_number) == 1


def test_a_reply_as_large_as_can_be_fits_a_frame() -> None:
    """1,444 bytes of data, in the frame type with the longest head."""
    stage = WireStage()
    client = stage.at(FrameType.ETHERNET_SNAP).attached()
    request = stage.stack.receive(stage.board, client.framed(IpxPacket(SERVER, client.address, 17, CREATE)))
    assert isinstance(request, Request)
    assert len(stage.stack.seal(request.peer, request.way, bytes(8 + 2 + 1444))) <= 14 + 1500


# What is dropped


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (bytes.fromhex("FFFFFFFFFFFF5254001234560800") + bytes(46), "other-protocol"),
        (bytes.fromhex("FFFFFFFFFFFF525400123456002042420300") + bytes(42), "other-protocol"),  # spanning tree
        (b"", "other-protocol"),
        (framed(IpxPacket(SERVER, station(WIRE), 17, CREATE), source=CARD), "loop"),
        (framed(IpxPacket(SERVER, station(WIRE), 17, CREATE), target=bytes.fromhex("020000000002")), "other-node"),
        (framed(IpxPacket(SERVER, station(WIRE), 17, CREATE), FrameType.ETHERNET_SNAP), "frame-type"),
        (framed(IpxPacket(SERVER._replace(network=0x99), station(WIRE), 17, CREATE)), "other-network"),
        (framed(IpxPacket(SERVER._replace(node=CARD), station(WIRE), 17, CREATE)), "other-network"),
        (framed(IpxPacket(IpxAddress(0x99, EVERY_NODE, 0x0452), station(0x99), 4, b"\0\3\0\4")), "other-network"),
        (framed(IpxPacket(IpxAddress(0, EVERY_NODE, 0x0451), station(0), 17, CREATE), target=EVERY_NODE), "broadcast"),
        (framed(IpxPacket(IpxAddress(0, EVERY_NODE, 0x4001), station(0), 4, b"\x11\x11")), "broadcast"),
        (framed(IpxPacket(IpxAddress(0, EVERY_NODE, 0x0455), station(0), 20, bytes(80))), "netbios"),
        (framed(IpxPacket(IpxAddress(0, EVERY_NODE, 0x0553), station(0), 20, bytes(80))), "smb"),
        (framed(IpxPacket(IpxAddress(0, EVERY_NODE, 0x0999), station(0), 20, bytes(80))), "netbios"),
        (framed(IpxPacket(IpxAddress(0, CARD, 0x9086), station(0), 0, b"Ping")), "socket"),
        (framed(IpxPacket(IpxAddress(0, CARD, 0x4001), station(0), 17, b"\1Y")), "socket"),  # no station was queried
        (framed(IpxPacket(IpxAddress(0, CARD, 0x0452), station(0), 4, b"\0\3")), "malformed"),
        (framed(IpxPacket(IpxAddress(0, CARD, 0x0453), station(0), 1, b"\0\1\0\0")), "malformed"),
        (framed(IpxPacket(SERVER, station(WIRE), 17, CREATE, 16)), "hops"),
        (framed(IpxPacket(SERVER, station(WIRE), 17, bytes(90)).encode()[:119]), "length"),
        (framed(b"\xff\xff\0\x1d" + bytes(26)), "length"),
        (framed(b"\0\0" + IpxPacket(SERVER, station(WIRE), 17, CREATE).encode()[2:]), "checksum"),
        (Frame(LLC, CARD, CLIENT, bytes(20)).encode()[:30], "short"),
    ],
)
def test_drops(frame: bytes, reason: str) -> None:
    """Counted by their reason; nothing is answered, nothing raised, no connection made."""
    stage = WireStage(networks={LLC: WIRE, FrameType.ETHERNET_802_3: WIRE + 1})
    assert stage.arrives(frame) == []
    assert stage.stack.dropped == {reason: 1}
    assert stage.events("create") == []


def with_checksum(packet: IpxPacket, wrong: int = 0) -> bytes:
    data = packet.encode()
    return (ipx_checksum(data) ^ wrong).to_bytes(2, "big") + data[2:]


def test_checksum() -> None:
    """By hand: the words of a packet without its checksum, the hops as 0 and an odd byte padded; carried and inverted.

    001F + 0011 + 0000 BEEF + 0000 0000 0001 + 0451 + 0000 1234 + 5254 0012 3456 + 4001 + 4200 = 1DE62, DE63, 219C
    """
    assert ipx_checksum(IpxPacket(SERVER, station(WIRE), 17, b"B", 3).encode()) == 0x219C


@pytest.mark.parametrize(
    ("frame", "wrong", "accepted"),
    [
        (FrameType.ETHERNET_II, 0, True),
        (FrameType.ETHERNET_802_2, 0, True),
        (FrameType.ETHERNET_SNAP, 0, True),
        (FrameType.ETHERNET_II, 1, False),
    ],
)
def test_checksums(frame: FrameType, wrong: int, accepted: bool) -> None:
    """A right one is accepted, after hops as well; 802.3 frames are known by its absence."""
    stage = WireStage()
    packet = IpxPacket(SERVER, station(WIRE), 17, CREATE, 2)
    assert bool(stage.arrives(framed(with_checksum(packet, wrong), frame))) is accepted
    assert stage.stack.dropped == ({} if accepted else {"checksum": 1})


def test_a_checksum_in_802_3() -> None:
    """Such a frame is none of IPX: its first word is not FFFF."""
    stage = WireStage()
    frame = framed(with_checksum(IpxPacket(SERVER, station(WIRE), 17, CREATE)), FrameType.ETHERNET_802_3)
    assert stage.arrives(frame) == []
    assert stage.stack.dropped == {"other-protocol": 1}
    with pytest.raises(BadPacket, match="checksum"):
        decode_ipx(with_checksum(IpxPacket(SERVER, station(WIRE), 17, CREATE)), checked=False)


@every_frame_type
@pytest.mark.parametrize("size", [7, 8, 30, 31])
def test_padding(frame: FrameType, size: int) -> None:
    """Frames of 60 bytes at least; some drivers make them even. The IPX length alone says where the data end."""
    stage = WireStage()
    for padding in (b"", b"\0", b"\xa5" * 9):
        packet = IpxPacket(SERVER, station(WIRE), 17, CREATE.ljust(size, b"."))
        request = stage.stack.receive(stage.board, framed(packet.encode() + padding, frame))
        assert isinstance(request, Request)
        assert request.data == packet.data
    sent = framed(IpxPacket(SERVER, station(WIRE), 17, CREATE), frame)
    assert len(sent) == 60


def test_numbers_of_networks() -> None:
    """Each frame type is a network of its own; FFFFFFFF is every network, FFFFFFFE the default route, 0 this wire."""
    frames = (FrameType.ETHERNET_II, LLC)
    assert numbered(frames, 0xFFFFFFFD) == {FrameType.ETHERNET_II: 0xFFFFFFFD, LLC: 1}
    assert [bind.network for bind in WireStage().board.binds()] == [WIRE, WIRE + 1, WIRE + 2, WIRE + 3]


# The watchdog and messages: two bytes on the sockets behind that of NCP


def queried(stage: WireStage) -> list[tuple[int, bytes]]:
    """To which sockets the server has sent what, other than NCP."""
    sent = [one for one in stage.packets(stage.frames) if one.source.socket == 0x4001]
    assert all(one.source[:2] == SERVER[:2] for one in sent)
    stage.frames.clear()
    return [(one.destination.socket, one.data) for one in sent]


def answer(stage: WireStage, client: WireStation, data: bytes, socket: int) -> list[bytes]:
    packet = IpxPacket(SERVER._replace(socket=0x4001), client.address._replace(socket=socket), 17, data)
    return stage.arrives(client.framed(packet))


FIRST, BETWEEN = 297, 60  # seconds, a little more than Novell's 5400 and 1080 ticks


def test_watchdog() -> None:
    """A station that answers from the socket of the query lives; one that does not is cleared."""
    stage = WireStage()
    lives, dead = stage.at(LLC, socket=0x4001).licensed(), stage.at(LLC, socket=0x4006).licensed()
    for _ in range(12):
        stage.wait(FIRST if not stage.events("watchdog") else BETWEEN)
        if (0x4002, b"\1?") in queried(stage):
            assert answer(stage, lives, b"\1Y", 0x4002) == []
    stage.wait(10 * BETWEEN)
    assert stage.state(lives.name) == "licensed"
    assert stage.state(dead.name) == "gone"
    assert [line["cause"] for line in stage.events("close")] == ["watchdog"]


def test_stations_of_one_node_with_the_same_low_byte() -> None:
    """Connections 1 and 257 are both told apart by the socket of the answer."""
    stage = WireStage(licenses=300, connections=300)
    clients = {number: stage.at(LLC, socket=0x4000 + 4 * number).attached() for number in range(1, 258)}
    one, other = clients[1], clients[257]
    assert (one.number, other.number) == (1, 257)
    stage.wait(FIRST)
    asked = queried(stage)
    assert [socket for socket, data in asked if data == b"\1?"] == [0x4005, 0x4405]
    assert len(asked) == 257
    answer(stage, other, b"\1Y", 0x4405)
    unanswered = {c.number for c in stage.server.table.by_serial.values() if c.unanswered}
    assert unanswered == set(range(1, 257))
    answer(stage, one, b"\1Y", 0x4005)
    assert not stage.connection(one.name).unanswered


def test_an_answer_from_another_socket() -> None:
    """It counts for the node's connection with that number; of an unknown number, node or mark it counts for none."""
    stage = WireStage()
    client = stage.at(LLC).attached()
    stranger = stage.at(LLC, bytes.fromhex("00001B010203"))
    stage.wait(FIRST)
    for asked, data in ((client, b"\2Y"), (client, b"\1N"), (client, b"\1Y."), (client, b""), (stranger, b"\1Y")):
        answer(stage, asked, data, 0x4002)
        assert stage.connection(client.name).unanswered == 1
    assert stage.stack.dropped == {"socket": 5}
    answer(stage, client, b"\1Y", 0x5000)
    assert stage.connection(client.name).unanswered == 0


def test_a_forgotten_askedanswers_nothing() -> None:
    """When its connection has ended the edge forgets its way."""
    stage = WireStage()
    client = stage.at(LLC).attached()
    stage.wait(FIRST)
    stage.stack.forget(stage.ways[Peer.parse(client.name)])
    answer(stage, client, b"\1Y", 0x4002)
    assert stage.stack.dropped == {"socket": 1}


def test_message() -> None:
    """'!' to the second socket behind that of NCP."""
    stage = WireStage()
    stage.at(LLC, socket=0xFFFE).attached()
    (connection,) = stage.server.table.by_serial.values()
    stage.server.leave_message(connection, "HELLO")
    stage.carry_out(stage.server.take_effects())
    assert queried(stage) == [(0, b"\1!")]  # sockets have sixteen bits
    assert stage.now < SECOND


# The size test: packets come back as they were


@pytest.mark.parametrize("network", [INTERNAL, WIRE + 2])
def test_size_test(network: int) -> None:
    """The answer to 97 names the socket."""
    stage = WireStage()
    client = stage.at(LLC).attached()
    to = IpxAddress(network, SERVER.node if network == INTERNAL else CARD, 0x4001)
    data = b"\x11\x11\0\0Lip Echo Data".ljust(1400, b".")
    (echo,) = stage.packets(stage.arrives(client.framed(IpxPacket(to, client.address, 4, data))))
    assert echo == IpxPacket(client.address, to, 4, data)
    assert EVERY_NETWORK not in (echo.source.network, echo.destination.network)
