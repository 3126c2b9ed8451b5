"""The cable between a machine and the network: what gets through it, when, and how often."""

from __future__ import annotations

from random import Random

import pytest

from fakenw.core.peer import TRANSPORTS
from fakenw.faults.trip import REPEATED_AFTER
from fakenw.journal.record import SECOND
from harness.client.workstation import Requester
from harness.runners.machine_link import MachineLink
from harness.runners.memory_clients import ClientWorld
from harness.runners.memory_network import MemoryLink, Network
from harness.scenario.settings import ServerSpec


class Trace:
    """What a cable lets through: how late, and whether in order."""

    def __init__(self, *faults: tuple[str, dict[str, object]]) -> None:
        self.conditions = MachineLink(Random(0))
        for verb, arguments in faults:
            self.conditions.apply(verb, arguments)
        self.came: list[tuple[int, bool]] = []

    def carry(self, times: int = 1, *, sent: bool = True, stream: bool = False) -> list[tuple[int, bool]]:
        """What comes of so many packets."""
        self.came.clear()
        for _ in range(times):
            self.conditions.carry(lambda late, in_order: self.came.append((late, in_order)), sent=sent, stream=stream)
        return list(self.came)


def test_cut_streams_arrive_late_and_cut_datagrams_never() -> None:
    """What a stream sends meanwhile comes when the cable is back, in order."""
    conditions, came = MachineLink(Random(0)), list[str]()
    conditions.apply("cut", {})
    conditions.carry(lambda *late: came.append("stream 1"), sent=True, stream=True)
    conditions.carry(lambda *late: came.append("datagram"), sent=True, stream=False)
    conditions.carry(lambda *late: came.append("stream 2"), sent=False, stream=True)
    assert came == []
    conditions.apply("heal", {})
    assert came == ["stream 1", "stream 2"]
    conditions.carry(lambda *late: came.append("again"), sent=True, stream=False)
    assert came[-1] == "again"


def test_delay_and_loss_are_about_what_is_sent() -> None:
    """As with tc on the machine's own interface."""
    trace = Trace(("delay", {"by": 5}), ("loss", {"percent": 100 - 1e-9}))
    assert trace.carry(sent=False) == [(0, True)]
    assert trace.carry() == []
    trace.conditions.apply("loss", {"percent": 0})
    assert trace.carry() == [(5, True)]


@pytest.mark.parametrize(("way", "lost"), [("out", (True, False)), ("in", (False, True)), ("both", (True, True))])
def test_a_loss_has_a_way(way: str, lost: tuple[bool, bool]) -> None:
    """Of datagrams that the machine sends, of those for it, or of both; a stream is late instead."""
    trace = Trace(("loss", {"percent": 50, "way": way}))
    for sent, some in zip((True, False), lost, strict=True):
        assert (len(trace.carry(100, sent=sent)) < 100) is some
        assert any(late for late, _ in trace.carry(100, sent=sent, stream=True)) is some
        assert len(trace.carry(100, sent=sent, stream=True)) == 100


@pytest.mark.parametrize(("way", "lost"), [("out", (2, 0)), ("in", (0, 2)), ("both", (2, 0))])
def test_the_next_packets_are_lost(way: str, lost: tuple[int, int]) -> None:
    """So many of those that go that way, and then no more."""
    trace = Trace(("drop", {"way": way, "packets": 2}))
    assert not trace.conditions.calm
    assert [3 - len(trace.carry(3, sent=sent)) for sent in (True, False)] == list(lost)
    assert trace.conditions.calm


def test_a_stream_repeats_what_was_dropped() -> None:
    """Nothing of it is lost: what it repeats counts as a packet, too, and it waits twice as long each time."""
    trace = Trace(("drop", {"way": "out", "packets": 3}))
    assert trace.carry(2, stream=True) == [(7 * REPEATED_AFTER, True), (0, True)]


def test_a_datagram_comes_twice_and_a_stream_does_not() -> None:
    """The second a little later; nothing that the machine receives."""
    trace = Trace(("duplicate", {"percent": 100}))
    (first, second) = trace.carry()
    assert first == (0, True)
    assert SECOND // 1000 < second[0] <= SECOND // 100
    assert len(trace.carry(10, stream=True)) == len(trace.carry(10, sent=False)) == 10
    trace.conditions.apply("duplicate", {"percent": 30})
    assert 1200 < len(trace.carry(1000)) < 1400
    trace.conditions.apply("duplicate", {"percent": 0})
    assert trace.conditions.calm


def test_so_many_datagrams_lose_their_place() -> None:
    """Up to a twentieth of a second later than the others; streams keep their order."""
    trace = Trace(("reorder", {"percent": 30}))
    strays = [late for late, in_order in trace.carry(1000) if not in_order]
    assert 200 < len(strays) < 400
    assert SECOND // 25 < max(strays) < SECOND // 20
    assert trace.carry(100, stream=True) == trace.carry(100, sent=False) == [(0, True)] * 100


@pytest.mark.parametrize(("transport", "percent", "kept"), [("udp", 0, True), ("tcp", 50, True), ("udp", 50, False)])
def test_who_is_overtaken(transport: str, percent: int, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the network packets arrive in the order they were sent, unless they are datagrams that lose their place."""
    network = Network(Random(0))
    network.add_server(ServerSpec(name="FAKENW"), 0, 0)
    world = ClientWorld(network, "ws", "10.0.0.1")
    link = world.link("FAKENW", Requester(world, "FAKENW", TRANSPORTS[transport]))
    assert isinstance(link, MemoryLink)
    came: list[bytes] = []
    monkeypatch.setattr(link.host, "receive", lambda station, data, history: came.append(data))
    world.conditions.apply("reorder", {"percent": percent})
    sent = [bytes([n]) for n in range(50)]
    for data in sent:
        network.to_server(link, data)
    network.clock.run(lambda: len(came) == 50)
    assert sorted(came) == sent
    assert (came == sent) is kept
