"""The server's IPX at the edge of a reactor: the order in which frames are handled, and what it says of itself when."""

from __future__ import annotations

import pytest

from fakenw.core.ipx_link import IpxBinding, IpxLink
from fakenw.core.peer import Peer
from fakenw.transports.ipx.advertising import EVERY
from fakenw.transports.ipx.edge import ANSWERS_WITHIN, AT_ONCE, WAITING
from fakenw.transports.ipx.link import LinkRefused
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.requests import connection
from tests.fakenw.transports.ipx.cable import (
    INTERNAL,
    Cable,
    CabledScene,
    asks_rip,
    asks_sap,
    has_internal_network,
    speaks_ncp,
)
from tests.fakenw.transports.scene import CREATE, FIRST_QUERY, GUEST, request

HERE = "0000BEEF:000000000001:0451"
INTRODUCTION = [
    f"{kind} {said}"
    for kind in ("II", "802.3", "802.2", "SNAP")
    for said in ("RIP response BEEF hops 1", f"SAP 2 FAKENW {HERE} hops 1")
]
GOODBYE = [said.replace("hops 1", "hops 16") for said in INTRODUCTION]
QUESTIONS = [f"{kind} RIP request BEEF" for kind in ("II", "802.3", "802.2", "SNAP")]


def test_sap_and_rip_before_ncp(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are answered as they are read, and NCP after all frames of the turn, in their order."""
    scene = CabledScene(monkeypatch).begun()
    cable = scene.cable
    for frame in (speaks_ncp(cable, CREATE), asks_sap(), speaks_ncp(cable, request(0, 1, GUEST)), asks_rip()):
        cable.wire.arrived(frame)
    assert cable.said() == [f"802.2 SAP 4 FAKENW {HERE} hops 1", "802.2 RIP response BEEF hops 1"]
    assert scene.told == ["start"]
    scene.turn()
    assert cable.said() == ["802.2 NCP 3333", "802.2 NCP 3333"]
    assert scene.told[1:3] == ["create", "state"]
    assert scene.log.records[1]["station"] == "ipx:0000BEF2:525400123456:4001"


def test_a_busy_server_answers_sap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn executes so many requests; behind them frames are read, and SAP is answered, before the next ones. What is
    more than can wait is dropped, and counted: a station repeats it."""
    scene = CabledScene(monkeypatch).begun()
    cable = scene.cable
    for number in range(WAITING + 3):
        cable.wire.arrived(speaks_ncp(cable, CREATE, socket=0x4000 + number))
    assert scene.ipx.stack.dropped == {"busy": 3}
    first = scene._ends.pop(0)
    first()
    assert len(scene.host.server.table.by_number) == AT_ONCE
    cable.said()
    cable.wire.arrived(asks_sap())
    assert cable.said() == [f"802.2 SAP 4 FAKENW {HERE} hops 1"]
    scene.turn()
    assert len(scene.host.server.table.by_number) == scene.host.server.settings.connections


def test_a_server_introduces_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for its own network, and is silent for half a second; then it tells of itself at once, and each minute of
    real time: RIP before SAP."""
    scene = CabledScene(monkeypatch)
    heard: list[object] = []
    scene.ipx.begin().addCallback(heard.append)
    assert scene.cable.said() == QUESTIONS
    scene.clock.advance(ANSWERS_WITHIN - 0.01)
    scene.cable.wire.arrived(asks_sap())
    assert (scene.cable.said(), heard) == ([], [])
    scene.clock.advance(0.02)
    assert (scene.cable.said(), heard) == (INTRODUCTION, [[]])
    scene.clock.advance(EVERY - 1)
    assert scene.cable.said() == []
    scene.clock.advance(1)
    assert scene.cable.said() == INTRODUCTION


def test_a_link_without_stations_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it comes up the server asks there, and introduces itself, after it has answered what was asked meanwhile."""
    scene = CabledScene(monkeypatch)
    scene.cable.up = False
    heard: list[object] = []
    scene.ipx.begin().addCallback(heard.append)
    assert (heard, scene.cable.said()) == ([[]], [])
    scene.cable.up = True
    scene.cable.wire.joined()
    scene.cable.wire.arrived(asks_sap())
    scene.turn()
    assert scene.cable.said() == [f"802.2 SAP 4 FAKENW {HERE} hops 1", *QUESTIONS, *INTRODUCTION]


def test_another_server_with_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that finds it at its start does not say that it is here, and not that it is gone."""
    scene = CabledScene(monkeypatch)
    heard: list[str] = []
    scene.ipx.begin().addCallback(lambda conflicts: heard.extend(map(str, conflicts)))
    scene.cable.wire.arrived(has_internal_network())
    scene.turn()
    scene.cable.said()
    scene.clock.advance(1)
    scene.ipx.stop()
    assert heard == [
        "qemu:lab:0, ETHERNET_802.2: node 00001B0A0B0C has the internal network 0000BEEF as well; "
        "--ipx-network sets another one"
    ]
    assert (scene.cable.said(), scene.told) == ([], ["start"])


def test_a_server_that_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the journal, once."""
    scene = CabledScene(monkeypatch).begun()
    for _ in range(3):
        scene.cable.wire.arrived(has_internal_network())
    scene.turn()
    assert scene.told == ["start", "conflict"]
    line = scene.log.records[-1]
    told = {name: line[name] for name in ("link", "frame", "what", "number", "node")}
    assert told == {
        "link": "qemu:lab:0",
        "frame": "ETHERNET_802.2",
        "what": "internal-network",
        "number": "0000BEEF",
        "node": "00001B0A0B0C",
    }


def test_a_server_that_stops_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """On each link, before it is closed."""
    scene = CabledScene(monkeypatch, cables=2).begun()
    scene.ipx.stop()
    for number, cable in enumerate(scene.cables):
        assert cable.stopped
        assert cable.said() == GOODBYE, number


def test_a_server_that_is_down_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says once that it is gone; when it is reset it is back. At its stop it says nothing where it was down."""
    scene = CabledScene(monkeypatch).begun()
    server, cable = scene.host.server, scene.cable

    def operator(action: str) -> None:
        scene.host.delivery.act(lambda: server.emit("operator", {"action": action, "by": "admin"}))

    operator("down")
    server.down()  # the administration does so after the line
    scene.clock.advance(0)
    assert cable.said() == GOODBYE
    cable.wire.arrived(asks_sap())
    scene.clock.advance(EVERY)
    assert cable.said() == []
    operator("reset")
    server.reset()
    scene.clock.advance(0)
    assert cable.said() == INTRODUCTION
    server.down()
    operator("down")
    scene.clock.advance(0)
    cable.said()
    scene.ipx.stop()
    assert cable.said() == []


def test_the_watchdog_asks_over_ipx(monkeypatch: pytest.MonkeyPatch) -> None:
    """The route of a station lasts as long as its connection."""
    scene = CabledScene(monkeypatch).begun()
    cable = scene.cable
    cable.wire.arrived(speaks_ncp(cable, CREATE))
    scene.turn()
    assert cable.said() == ["802.2 NCP 3333"]
    scene.clock.advance(FIRST_QUERY + 0.001)
    scene.turn()
    assert "802.2 NCP 013f" in cable.said()  # its number, and "?"
    assert scene.host.routes() == len(scene.ipx._known) == 1
    cable.wire.arrived(speaks_ncp(cable, request(0, 1, connection.Logout())))
    scene.host.delivery.act(lambda: scene.host.server.clear(scene.host.server.table.by_number[1], "cleared"))
    scene.turn()
    assert scene.host.routes() == len(scene.ipx._known) == len(scene.ipx.stack._peers) == 0


def test_each_link_has_networks_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a node. The server's address is one for all of them."""
    frames = {FrameType.ETHERNET_802_2: 0x10, FrameType.ETHERNET_II: None}
    scene = CabledScene(monkeypatch, cables=2, binding=IpxBinding(frames))
    assert scene.ipx.networks() == [
        "IPX on qemu:lab:0: internal network 0000BEEF; ETHERNET_802.2 00000010, ETHERNET_II 0000BEF1",
        "IPX on qemu:lab:1: internal network 0000BEEF; ETHERNET_802.2 00000014, ETHERNET_II 0000BEF5",
    ]
    assert len({cable.node for cable in scene.cables}) == 2
    assert scene.host.server.addresses == (Peer.parse(f"ipx:{HERE}"),)
    assert scene.ipx.names() == ["qemu:lab:0", "qemu:lab:1"]


def test_a_wire_has_another_number_than_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LinkRefused, match="0000BEEF is the internal network; expected another number"):
        CabledScene(monkeypatch, binding=IpxBinding({FrameType.ETHERNET_II: INTERNAL}))


def test_a_tunnel_gets_its_node_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then its frames are for nobody. Its stations reach the server at this node; what others know stays."""
    from fakenw.transports.ipx import edge as edges

    class Tunnel(Cable):
        def __init__(self, reactor: object, link: IpxLink, node: bytes | None, wire: object) -> None:
            super().__init__(reactor, link, b"", wire)  # type: ignore[arg-type]
            self.node = None  # type: ignore[assignment]
            self.up = False

    scene = CabledScene(monkeypatch)
    monkeypatch.setitem(edges.LINKS, "dosbox", Tunnel)
    monkeypatch.setattr(edges, "TunnelLink", Tunnel)
    scene.ipx.bind(IpxLink("dosbox", ("lab", 213)))
    scene.begun()
    tunnel: Tunnel = scene.ipx._wires[1].link  # type: ignore[assignment]
    query = asks_sap(FrameType.ETHERNET_II, bytes.fromhex("7F00000188B8"))
    tunnel.wire.arrived(query)
    tunnel.node, tunnel.up = bytes.fromhex("7F0000018BB1"), True
    tunnel.wire.joined()
    tunnel.wire.arrived(query)
    scene.turn()
    there = "SAP 4 FAKENW 00000000:7F0000018BB1:0451 hops 1"
    assert tunnel.said() == [f"II {there}", f"II {there.replace('SAP 4', 'SAP 2')}"]
    assert scene.host.server.addresses == (Peer.parse(f"ipx:{HERE}"), Peer.parse("ipx:00000000:7F0000018BB1:0451"))
