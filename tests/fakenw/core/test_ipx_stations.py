"""Stations of IPX as the core sees them: addresses in replies, station restrictions, signatures; also from a tunnel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakenw.core.peer import Peer
from fakenw.wire import nds as layouts
from fakenw.wire.ipx.frames import FrameType, decode_frame
from fakenw.wire.ipx.packet import IpxPacket, decode_ipx
from fakenw.wire.packet import Code
from fakenw.wire.requests import connection, properties, status
from fakenw.wire.requests.server import GetServerTime
from tests.fakenw.login_ways import JOE, Login, every_login, keyed, nds_login
from tests.fakenw.nds_requests import ask, resolve
from tests.fakenw.transports.ipx.wire_stage import WireStage

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]

WIRE = "ipx:00001234:525400123456:4001"
TUNNEL = "ipx:00000000:7F0000010200:4003"  # DOSBox: the node is an IPv4 address and a port
BOTH = pytest.mark.parametrize(
    ("station", "own", "server"),
    [
        (WIRE, "000012345254001234564001", "0000BEEF0000000000010451"),
        (TUNNEL, "000000007F00000102004003", "000000000200000000010451"),
    ],
    ids=["wire", "tunnel"],
)


@pytest.fixture
def stage(open_stage: OpenStage) -> Stage:
    """A server on a wire, in a tunnel, and on UDP and TCP."""
    stage = open_stage("nls", ipx_network=0xBEEF)
    stage.server.addresses = tuple(
        map(
            Peer.parse,
            (
                "udp:10.0.0.9:524",
                "ipx:00000000:020000000001:0451",
                "ipx:0000BEEF:000000000001:0451",
                "tcp:10.0.0.9:524",
            ),
        )
    )
    return stage


@BOTH
def test_where_a_station_is(stage: Stage, station: str, own: str, server: str) -> None:
    """23/26: network, node, socket, and type 2 (libncp nwfse.h); 23/19 the same without the type. 0 is refused."""
    client = stage.station(station).attached()
    assert client.call(connection.GetInternetAddress(1)).data == bytes.fromhex(own + "02")
    assert client.call(connection.GetInternetAddressOld(1)).data == bytes.fromhex(own)
    assert client.code(connection.GetInternetAddress(0)) == Code.BAD_CONNECTION
    udp = stage.station("udp:10.0.0.1:1025").attached()
    assert udp.call(connection.GetInternetAddress(1)).data == bytes.fromhex(own + "02")


def test_connections_by_type(stage: Stage) -> None:
    """123/14: type 2 is NCP, which all speak; IPX stations are of this type too (mars_nwe); type 11 is IP alone."""
    client = stage.station(WIRE).attached()
    stage.station("tcp:10.0.0.1:1025").attached()

    def bits(kind: int) -> int:
        told = client.call(status.GetActiveConnections(0, kind))
        return int.from_bytes(status.ActiveConnections.decode(told.data).bits, "little")

    assert (bits(2), bits(11), bits(4)) == (0b110, 0b100, 0)


@BOTH
def test_details(stage: Stage, station: str, own: str, server: str) -> None:
    """123/16: transport 1, IPX, and twelve bytes."""
    stage.station(station).attached()
    looking = stage.station("udp:10.0.0.1:1025").attached()
    told = status.ConnectionDetails.decode(looking.call(status.GetConnectionDetails(1, bytes(3), (1,))).data)
    assert told.blocks == bytes.fromhex("010C000000" + own)


@BOTH
def test_addresses_of_the_server(stage: Stage, station: str, own: str, server: str) -> None:
    """123/17, NET_ADDRESS and NDS tell of one address. Through a tunnel, where no other network can be reached, only
    that of the tunnel is told; elsewhere all but that."""
    client = stage.station(station).attached()
    told = status.Addresses.decode(client.call(status.GetAddresses(0)).data)
    ipx = bytes.fromhex("010000000C000000" + server)
    if station == TUNNEL:
        assert (told.items, told.listeners) == (1, ipx)
    else:
        udp, tcp = (bytes([kind, 0, 0, 0, 6, 0, 0, 0, 2, 12, 10, 0, 0, 9]) for kind in (5, 6))
        assert (told.items, told.listeners) == (3, udp + ipx + tcp)

    read = client.call(properties.ReadProperty(4, "FAKENW", 1, "NET_ADDRESS"))
    assert read.data[:128] == bytes.fromhex(server).ljust(128, b"\0")

    code, data = ask(client, resolve("[Root]"))
    assert code == 0
    addresses = dict(layouts.Resolved.decode(data).addresses)
    assert addresses[0] == bytes.fromhex(server)
    assert sorted(addresses) == ([0] if station == TUNNEL else [0, 8, 9])


@pytest.mark.parametrize(
    ("stations", "admitted"),
    [
        (("00001234:525400123456",), {WIRE}),
        (("1234:*",), {WIRE, "ipx:00001234:00001B010203:4001"}),
        (("0:7F0000010200",), {TUNNEL}),
        (("0:*",), {TUNNEL}),
        (("00001234:525400123457", "5678:525400123456", "10.0.0.1"), {"udp:10.0.0.1:1025"}),
    ],
)
@every_login
def test_station_restrictions(
    open_stage: OpenStage, stations: tuple[str, ...], admitted: set[str], login: Login
) -> None:
    """NODE_CONTROL compares network and node, not the socket."""
    stage = open_stage("nls", users=(replace(JOE, stations=stations),))
    every = [WIRE, TUNNEL, "ipx:00001234:00001B010203:4001", "udp:10.0.0.1:1025"]
    for name in every:
        code = login(stage.station(name).attached(), "SECRET")
        assert code == (0 if name in admitted else 0xDB), name


def signs(station: Station, in_tree: bool) -> None:
    """JOE logs in, and the packets behind that are signed."""
    if in_tree:
        login = nds_login(station, "SECRET", signed=True)
        assert login.root is not None
        station.signs(login.root)
        assert station.change(1) == 0
    else:
        assert keyed(station) == 0
        station.signs(station.root)


@pytest.mark.parametrize("in_tree", [False, True], ids=["bindery", "nds"])
def test_signatures(in_tree: bool) -> None:
    """As over UDP behind the packet, and in frames of any type; its IPX length counts the signature."""
    stage = WireStage()
    for frame in FrameType:
        client = stage.at(frame).attached()
        assert client.negotiate() == 2
        signs(client, in_tree)
        assert client.code(GetServerTime()) == 0
        signed = decode_frame(stage.frames[-1])
        assert signed is not None
        reply = decode_ipx(signed.packet).data
        assert len(reply) == 8 + 7 + 8
        assert client.destroy().completion == 0
    assert stage.events("bad-signature") == []


def test_the_watchdog_of_a_signed_connection() -> None:
    """Its two bytes are not signed, and neither are those of the answer."""
    stage = WireStage()
    client = stage.at(FrameType.ETHERNET_802_2).attached()
    assert client.negotiate() == 2
    signs(client, in_tree=False)
    client.inbox.clear()
    stage.wait(297)
    assert client.inbox == [b"\1?"]
    answer = IpxPacket(
        client.server._replace(socket=0x4001), client.address._replace(socket=client.address.socket + 1), 17, b"\1Y"
    )
    assert stage.arrives(client.framed(answer)) == []
    assert not stage.connection(client.name).unanswered
    assert client.code(GetServerTime()) == 0
