"""What the server says of itself on its wires: to queries of SAP and RIP, by itself, and when it stops."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from fakenw.core.peer import Peer
from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.frames import Frame, FrameType, decode_frame
from fakenw.wire.ipx.packet import EVERY_NETWORK, EVERY_NODE, IpxAddress, IpxPacket
from tests.fakenw.transports.ipx.wire_stage import CARD, CLIENT, INTERNAL, WIRE, WireStage

SERVER = IpxAddress(INTERNAL, bytes(5) + b"\1", 0x0451)
every_frame_type = pytest.mark.parametrize("frame", FrameType, ids=lambda frame: frame.value)


class Heard(NamedTuple):
    """An answer: from and to where, and its bytes."""

    source: IpxAddress
    destination: IpxAddress
    data: bytes


def ask(
    stage: WireStage,
    socket: int,
    data: bytes,
    *,
    frame: FrameType = FrameType.ETHERNET_802_2,
    network: int | None = None,
    node: bytes = CLIENT,
    kind: int = 17,
) -> list[Heard]:
    """A station broadcasts *data* to *socket*; what comes back, which must be for it alone, in its own frame type."""
    here = stage.board.networks.get(frame, 0) if network is None else network
    packet = IpxPacket(IpxAddress(here, EVERY_NODE, socket), IpxAddress(here, node, 0x4003), kind, data)
    answers = stage.arrives(Frame(frame, EVERY_NODE, node, packet.encode()).encode())
    for answer in answers:
        told = decode_frame(answer)
        assert told is not None
        assert (told.type, told.target, told.source) == (frame, node, CARD)
    return [Heard(one.source, one.destination, one.data) for one in stage.packets(answers)]


def services(heard: list[Heard]) -> list[tuple[int, str, str, int]]:
    """The entries of the only answer."""
    (answer,) = heard
    told = sap.decode_sap(answer.data)
    assert isinstance(told, sap.SapResponse)
    return [(one.type, one.name, str(one.address), one.hops) for one in told.services]


NEAREST, GENERAL = bytes.fromhex("00030004"), bytes.fromhex("00010004")
FAKENW = (4, "FAKENW", "0000BEEF:000000000001:0451", 1)
TREE = (0x278, "FAKETREE________________________", "0000BEEF:000000000001:0451", 1)


@every_frame_type
def test_nearest_server(frame: FrameType) -> None:
    """From the wire's network and the card, in the asker's frame type: the address is that of the server itself."""
    heard = ask(WireStage(), 0x0452, NEAREST, frame=frame)
    wire = WIRE + list(FrameType).index(frame)
    assert heard[0][:2] == (IpxAddress(wire, CARD, 0x0452), IpxAddress(wire, CLIENT, 0x4003))
    assert services(heard) == [FAKENW]
    assert heard[0].data[:2] == b"\0\4"


def test_a_station_that_does_not_know_its_network() -> None:
    """Both addresses of the answer have the real number, which Linux adopts only then."""
    heard = ask(WireStage(), 0x0452, NEAREST, frame=FrameType.ETHERNET_SNAP, network=0)
    assert [heard[0].source.network, heard[0].destination.network] == [WIRE + 3, WIRE + 3]


def test_a_client_settles_a_number_that_was_not_given() -> None:
    """The first one that looks for servers, on its own frame type; then the wire has its number."""
    stage, frame = WireStage(), FrameType.ETHERNET_802_2
    stage.board.unsettled.add(frame)
    assert ask(stage, 0x0452, NEAREST, frame=FrameType.ETHERNET_II, network=0x77) == []  # that one was given
    heard = ask(stage, 0x0452, NEAREST, frame=frame, network=0x77)
    assert [heard[0].source.network, heard[0].destination.network] == [0x77, 0x77]
    assert ask(stage, 0x0452, NEAREST, frame=frame, network=0x78) == []
    assert {packet.source.network for packet in stage.packets([frame for _, frame in stage.stack.announce()])} == {
        *(WIRE, WIRE + 1, 0x77, WIRE + 3)
    }


def test_a_number_in_use_is_settled() -> None:
    """A station has learnt it, and holds a connection by it."""
    stage, frame = WireStage(), FrameType.ETHERNET_802_2
    stage.board.unsettled.add(frame)
    stage.at(frame).attached()
    assert ask(stage, 0x0452, NEAREST, frame=frame, network=0x77) == []


@pytest.mark.parametrize("network", [0, INTERNAL, 0xFFFFFFFF])
def test_numbers_that_no_wire_has(network: int) -> None:
    stage, frame = WireStage(), FrameType.ETHERNET_802_2
    stage.board.unsettled.add(frame)
    ask(stage, 0x0452, NEAREST, frame=frame, network=network)
    assert stage.board.networks[frame] == WIRE + 2


@pytest.mark.parametrize(
    ("query", "operation", "found"),
    [
        ("00010004", 2, [FAKENW]),
        ("0001FFFF", 2, [FAKENW, TREE]),
        ("00010278", 2, [TREE]),
        ("0003FFFF", 4, [FAKENW]),  # one entry, though two match
        ("00030278", 4, [TREE]),
        ("000E0004" + b"FAKENW".hex().ljust(96, "0") + "FF" * 8, 15, [FAKENW]),
    ],
)
def test_queries(query: str, operation: int, found: list[tuple[int, str, str, int]]) -> None:
    """General, nearest, specific; whatever the packet type."""
    for kind in (0, 4, 17):
        heard = ask(WireStage(), 0x0452, bytes.fromhex(query), kind=kind)
        assert heard[0].data[:2] == operation.to_bytes(2, "big")
        assert services(heard) == found


@pytest.mark.parametrize("query", ["00010007", "00030047", "000E0004" + b"OTHER".hex().ljust(96, "0")])
def test_what_the_server_is_not(query: str) -> None:
    """Silence: an answer without entries would be none."""
    assert ask(WireStage(), 0x0452, bytes.fromhex(query)) == []


def test_no_tree_is_announced_by_a_bindery_server() -> None:
    assert services(ask(WireStage(tree=None), 0x0452, bytes.fromhex("0001FFFF"))) == [FAKENW]


def test_nearest_for_some_stations() -> None:
    """Others find it by general queries."""
    other = bytes.fromhex("00001B010203")
    stage = WireStage(nearest=frozenset([CLIENT]))
    assert services(ask(stage, 0x0452, NEAREST)) == [FAKENW]
    assert ask(stage, 0x0452, NEAREST, node=other) == []
    assert services(ask(stage, 0x0452, GENERAL, node=other)) == [FAKENW]
    hidden = WireStage(nearest=frozenset())
    assert ask(hidden, 0x0452, NEAREST) == []
    assert services(ask(hidden, 0x0452, GENERAL)) == [FAKENW]


def rip_request(*networks: int) -> bytes:
    return b"\0\1" + b"".join(network.to_bytes(4, "big") + b"\xff" * 4 for network in networks)


ONE_HOP = bytes.fromhex("00020000BEEF00010002")


@every_frame_type
@pytest.mark.parametrize("networks", [(INTERNAL,), (EVERY_NETWORK,), (0x99, INTERNAL)])
def test_rip(frame: FrameType, networks: tuple[int, ...]) -> None:
    """The internal network, one hop and two ticks away; not the wire's own (split horizon), nor others."""
    heard = ask(WireStage(), 0x0453, rip_request(*networks), frame=frame, kind=1)
    wire = WIRE + list(FrameType).index(frame)
    assert heard == [Heard(IpxAddress(wire, CARD, 0x0453), IpxAddress(wire, CLIENT, 0x4003), ONE_HOP)]


def test_rip_of_other_networks() -> None:
    """Silence, also of the wire's own: an answer would draw a real router's packets."""
    assert ask(WireStage(), 0x0453, rip_request(0x99, WIRE), kind=1) == []


def test_general_rip_requests_of_windows_95() -> None:
    """It asks in each frame type and takes the one with most answers: only those that are bound are answered in."""
    bound = {FrameType.ETHERNET_802_2: WIRE, FrameType.ETHERNET_II: WIRE + 1}
    stage = WireStage(networks=bound)
    answered = {
        frame for frame in FrameType if ask(stage, 0x0453, rip_request(EVERY_NETWORK), frame=frame, network=0, kind=1)
    }
    assert answered == set(bound)
    assert stage.stack.dropped == {"frame-type": 2}


def test_a_server_that_is_down_is_silent() -> None:
    stage = WireStage()
    stage.stack.advertising.silent = True
    assert ask(stage, 0x0452, NEAREST) == []
    assert ask(stage, 0x0453, rip_request(INTERNAL)) == []


@pytest.mark.parametrize(("gone", "hops"), [(False, 1), (True, 16)])
def test_broadcasts(gone: bool, hops: int) -> None:
    """RIP, then SAP, on each frame type; at the end both with 16 hops, so that clients forget the server."""
    stage = WireStage()
    sent = stage.packets([frame for _, frame in stage.stack.announce(gone=gone)])
    assert len(sent) == 8
    for index in range(4):
        route, service = sent[2 * index : 2 * index + 2]
        assert route[:2] == (IpxAddress(WIRE + index, EVERY_NODE, 0x0453), IpxAddress(WIRE + index, CARD, 0x0453))
        assert route.data == b"\0\2\0\0\xbe\xef" + bytes([0, hops]) + b"\0\2"
        assert service[:2] == (IpxAddress(WIRE + index, EVERY_NODE, 0x0452), IpxAddress(WIRE + index, CARD, 0x0452))
        heard = Heard(service.source, service.destination, service.data)
        assert services([heard]) == [(*FAKENW[:3], hops), (*TREE[:3], hops)]
        assert service.data[:2] == b"\0\2"


# A tunnel: no routers, no link-layer addresses, network 0 (ipx.md 8)


def tunnel() -> WireStage:
    return WireStage(networks={FrameType.ETHERNET_II: 0}, tunnel=True)


def test_tunnel() -> None:
    """The server is where its packets come from: an internal network could not be reached."""
    stage = tunnel()
    found = [(4, "FAKENW", "00000000:020000000001:0451", 1)]
    heard = ask(stage, 0x0452, NEAREST, frame=FrameType.ETHERNET_II)
    assert services(heard) == found
    assert heard[0].source == IpxAddress(0, CARD, 0x0452)
    for networks in ((EVERY_NETWORK,), (INTERNAL,), (0,)):
        assert ask(stage, 0x0453, rip_request(*networks), frame=FrameType.ETHERNET_II, kind=1) == []
    sent = stage.packets([frame for _, frame in stage.stack.announce()])
    assert [one.destination.socket for one in sent] == [0x0452]
    assert stage.stack.question(stage.board) == []
    assert stage.server.addresses == (Peer.parse("ipx:00000000:020000000001:0451"),)


# What other servers say


def other(
    stage: WireStage, socket: int, data: bytes, *, network: int, frame: FrameType = FrameType.ETHERNET_802_2
) -> list[str]:
    """Another server broadcasts; the conflicts that this shows."""
    node = bytes.fromhex("00001B010203")
    packet = IpxPacket(IpxAddress(network, EVERY_NODE, socket), IpxAddress(network, node, socket), 1, data)
    assert stage.arrives(Frame(frame, EVERY_NODE, node, packet.encode()).encode()) == []
    told = [str(conflict) for conflict in stage.stack.conflicts]
    stage.stack.conflicts.clear()
    return told


HERE = WIRE + 2  # in 802.2
BY = "lab, ETHERNET_802.2: node 00001B010203"


def test_conflicts() -> None:
    """One sentence each, once: the internal network, the wire's number, the serial number."""
    stage = WireStage()
    assert other(stage, 0x0453, ONE_HOP, network=HERE) == [
        f"{BY} has the internal network 0000BEEF as well; --ipx-network sets another one"
    ]
    announced = sap.SapResponse(2, (sap.Service(4, "OTHER", SERVER._replace(network=0x77), 1),)).encode()
    assert other(stage, 0x0452, announced, network=0x5678) == [
        f"{BY} says that this network is 00005678; the section ipx of a configuration file sets the number"
    ]
    serial = stage.server.settings.serial_number.to_bytes(6, "big")
    assert other(stage, 0x0457, serial, network=HERE) == [
        f"{BY} has the serial number {serial.hex().upper()} as well; --name sets another one"
    ]
    assert other(stage, 0x0453, ONE_HOP, network=HERE) == []
    assert other(stage, 0x0452, announced, network=0x5678) == []


def test_no_conflicts() -> None:
    """Other networks, another serial number, the wire's right number, a server that has gone; anything on a tunnel."""
    stage = WireStage()
    route = rip.RipPacket(2, (rip.Reach(0x99, 1, 2), rip.Reach(INTERNAL, 16, 2))).encode()
    assert other(stage, 0x0453, route, network=HERE) == []
    assert other(stage, 0x0457, b"\0\0\1\2\3\4", network=HERE) == []
    here = tunnel()
    assert other(here, 0x0453, ONE_HOP, network=0x5678, frame=FrameType.ETHERNET_II) == []


def test_the_question_whose_answer_is_a_conflict() -> None:
    """A RIP request for the server's own internal network, in each frame type."""
    stage = WireStage()
    asked = stage.packets(stage.stack.question(stage.board))
    assert [one.data for one in asked] == [rip_request(INTERNAL)] * 4
    assert [one.destination for one in asked] == [IpxAddress(WIRE + n, EVERY_NODE, 0x0453) for n in range(4)]


# IPX diagnostics


@pytest.mark.parametrize(
    ("request_hex", "answered"),
    [("00", True), ("01525400123456", True), ("01020000000001", False), ("02", False), ("", False)],
)
def test_diagnostics(request_hex: str, answered: bool) -> None:
    """IPX/SPX, a bridge driver, a file server with its internal network; not where its node is to be silent."""
    heard = ask(WireStage(), 0x0456, bytes.fromhex(request_hex), kind=0)
    assert [one.data.hex().upper() for one in heard] == ["010100000300010601010000BEEF000000000001"] * answered
