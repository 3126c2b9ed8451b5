"""Faults of a running server on IPX: what a station on a wire sees."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.faults.delay import DelayFault
from fakenw.faults.silence import SilenceFault
from tests.fakenw.transports.ipx.cable import CabledScene, speaks_ncp
from tests.fakenw.transports.scene import CREATE

STATION = "ipx:0000BEF2:525400123456:*"  # of speaks_ncp


def begin(scene: CabledScene, fault: Any) -> Any:
    begun: list[Any] = []
    faults = scene.host.server.faults
    scene.host.delivery.act(lambda: begun.append(faults.begin(fault, STATION, None, "127.0.0.1:1")))
    return begun[0]


def test_a_packet_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the station that is meant; its answer has the way that it came by."""
    scene = CabledScene(monkeypatch).begun()
    begin(scene, DelayFault(200_000))
    scene.cable.wire.arrived(speaks_ncp(scene.cable, CREATE))
    scene.turn()
    assert (scene.cable.said(), scene.host.routes()) == ([], 0)
    scene.clock.advance(0.201)
    scene.turn()
    assert scene.cable.said() == ["802.2 NCP 3333"]
    scene.cable.wire.arrived(speaks_ncp(scene.cable, CREATE, node=bytes.fromhex("525400123457")))
    scene.turn()
    assert scene.cable.said() == ["802.2 NCP 3333"]


@pytest.mark.parametrize(("way", "connections"), [("out", 0), ("in", 1)])
def test_one_way_silence(monkeypatch: pytest.MonkeyPatch, way: Any, connections: int) -> None:
    scene = CabledScene(monkeypatch).begun()
    live = begin(scene, SilenceFault(way))
    scene.cable.wire.arrived(speaks_ncp(scene.cable, CREATE))
    scene.turn()
    assert (scene.cable.said(), len(scene.host.server.table.by_number)) == ([], connections)
    scene.host.delivery.act(lambda: scene.host.server.faults.end(live, "removed"))
    scene.cable.wire.arrived(speaks_ncp(scene.cable, CREATE))
    scene.turn()
    assert scene.cable.said() == ["802.2 NCP 3333"]
