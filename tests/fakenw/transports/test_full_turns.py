"""Many lines of one turn of the reactor."""

from __future__ import annotations

from collections.abc import Callable

from fakenw.wire import packet as ncp
from fakenw.wire.packet import RequestPacket
from tests.fakenw.transports.scene import CREATE, Scene


def test_a_full_turn_is_written_whole() -> None:
    """Sixty stations come in one turn: their lines are written, in order, before the first of them has its reply."""
    turn: list[Callable[[], None]] = []
    scene = Scene(soon=turn.append)
    for port in range(60):
        assert scene.datagram(CREATE, port=2000 + port) == []
    assert scene.done == ["start"]
    turn.pop()()
    assert scene.done[1:] == ["create", "state"] * 60
    assert len(scene.air.written) == 60
    assert [record["serial"] for record in scene.log.records if record.event == "create"] == list(range(1, 61))
    destroy = RequestPacket(ncp.DESTROY, 1, 7, 1, 0, b"").encode()
    scene.datagram(destroy, port=2006)
    turn.pop()()
    assert [record.event for record in scene.log.records[-2:]] == ["state", "close"]
