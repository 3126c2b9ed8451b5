"""Each fault by itself: what becomes of a packet; and packets under way."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fakenw.faults.concerned import concerns
from fakenw.faults.delay import DelayFault
from fakenw.faults.drop import DropFault
from fakenw.faults.duplicate import DuplicateFault
from fakenw.faults.link_conditions import LinkConditions
from fakenw.faults.loss import LossFault
from fakenw.faults.reorder import ReorderFault
from fakenw.faults.silence import SilenceFault
from fakenw.faults.slow import SlowFault
from fakenw.faults.transit import Transit
from fakenw.faults.trip import REPEATED_AFTER

HERE, THERE = "udp:10.0.0.7:1025", "udp:10.0.0.8:1025"


def carried(link: LinkConditions, times: int, *, sent: bool, stream: bool = False, station: str = HERE) -> list[Any]:
    came: list[tuple[int, bool]] = []
    for _ in range(times):
        link.carry(lambda late, in_order: came.append((late, in_order)), sent=sent, stream=stream, station=station)
    return came


@pytest.mark.parametrize("way", ["out", "in", "both"])
@pytest.mark.parametrize("stream", [True, False])
def test_the_way(way: Any, stream: bool) -> None:
    """A fault is about what the station sends, about what it gets, or about either."""
    for sent in (True, False):
        for fault in (DelayFault(5, way), LossFault(90, way), DropFault(100, way), SilenceFault(way)):
            link = LinkConditions(Random(0))
            link.add(fault)
            affected = carried(link, 10, sent=sent, stream=stream) != [(0, True)] * 10
            assert affected is (way in ("both", "out" if sent else "in")), fault


@pytest.mark.parametrize("fault", [DuplicateFault(100, "in"), ReorderFault(100, "in")])
def test_only_datagrams_lose_their_place_or_come_twice(fault: Any) -> None:
    link = LinkConditions(Random(0))
    link.add(fault)
    assert carried(link, 10, sent=False, stream=True) == [(0, True)] * 10
    assert carried(link, 10, sent=False) != [(0, True)] * 10
    assert carried(link, 10, sent=True) == [(0, True)] * 10


def test_a_share_is_lost() -> None:
    """Of datagrams so many; what a stream loses comes later."""
    link = LinkConditions(Random(0))
    link.add(LossFault(30))
    assert 650 < len(carried(link, 1000, sent=True)) < 750
    late = [one for one, _ in carried(link, 1000, sent=True, stream=True)]
    assert len(late) == 1000
    assert {0, REPEATED_AFTER, 3 * REPEATED_AFTER} <= {*late}
    assert 250 < sum(one > 0 for one in late) < 350


def test_several_faults_add_up() -> None:
    """Whatever was added first; the same seed is the same fate."""
    faults = (DelayFault(7), LossFault(20), DelayFault(5, "both"), DuplicateFault(20), ReorderFault(20))
    fates = []
    for order in (faults, faults[::-1]):
        link = LinkConditions(Random(5))
        for fault in order:
            link.add(fault)
        fates.append(carried(link, 200, sent=True))
    assert fates[0] == fates[1]
    assert min(late for late, _ in fates[0]) == 12
    assert 150 < len(fates[0]) < 240


def test_stations_of_a_pattern() -> None:
    """One station, or all; and each end is the end of one fault."""
    link = LinkConditions(Random(0))
    ours, all_of_them = DelayFault(5), DelayFault(7)
    link.add(ours, HERE)
    assert carried(link, 1, sent=True) == [(5, True)]
    assert carried(link, 1, sent=True, station=THERE) == [(0, True)]
    link.add(all_of_them)
    assert carried(link, 1, sent=True) == [(12, True)]
    link.remove(ours)
    assert not link.calm
    assert carried(link, 1, sent=True) == [(7, True)]
    link.remove(all_of_them)
    assert link.calm


@pytest.mark.parametrize(
    ("pattern", "station", "does"),
    [
        (None, HERE, True),
        (HERE, HERE, True),
        (HERE, "udp:10.0.0.7:10259", False),
        ("udp:10.0.0.7:*", HERE, True),
        ("udp:10.0.0.7:*", "tcp:10.0.0.7:1025", False),
        ("udp:10.0.0.7:*", "udp:10.0.0.70:1025", False),
        ("ipx:00001234:525400123456:*", "ipx:00001234:525400123456:4003", True),
    ],
)
def test_patterns(pattern: str | None, station: str, does: bool) -> None:
    assert concerns(pattern, station) is does


def test_a_silence_within_a_silence() -> None:
    """What a stream sent arrives when no silence holds it any more."""
    link = LinkConditions(Random(0))
    out, both = SilenceFault("out"), SilenceFault("both")
    link.add(out)
    link.add(both)
    came = carried(link, 2, sent=True, stream=True)
    link.remove(both)
    assert came == []
    link.remove(out)
    assert came == [(0, True)] * 2


def test_slow_by_function() -> None:
    slow, all_slow = SlowFault(5, (23, 20)), SlowFault(7)
    assert [slow.delays(ncp) for ncp in ((23, 20), (23, 24), (20, None), None)] == [5, 0, 0, 0]
    assert [all_slow.delays(ncp) for ncp in ((23, 20), None)] == [7, 7]
    assert (slow.numbers()["ncp"], SlowFault(1, (72, None)).numbers()["ncp"]) == ("23/20", "72")


def test_order_under_way() -> None:
    """What is in order waits for what is before it on its way; what is not, and another way, does not."""
    transit, came = Transit(), list[str]()
    assert not transit.send(0, 10, "a", lambda: came.append("slow"), in_order=True)
    assert not transit.send(1, 0, "a", lambda: came.append("behind it"), in_order=True)
    assert transit.send(1, 0, "b", lambda: came.append("never called"), in_order=True)
    assert transit.send(1, 0, "a", lambda: came.append("never called"), in_order=False)
    assert not transit.send(1, 4, "a", lambda: came.append("astray"), in_order=False)
    transit.hurry(1, "b", lambda: came.append("hurried"))
    assert transit.next() == 1
    transit.arrive(1)
    assert came == ["hurried"]
    transit.arrive(9)
    assert (came[1:], transit.next(), len(transit)) == (["astray"], 10, 2)
    transit.arrive(10)
    assert came[2:] == ["slow", "behind it"]
    assert transit.send(10, 0, "a", lambda: None, in_order=True)
    assert transit.next() is None
