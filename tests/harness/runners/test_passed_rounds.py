"""Rounds of the watchdog that the clock passes over leave the same journals as rounds that are played.

A round is played where a capture is written, for which every packet counts, and passed over else. So one plan with a
capture and without one is the proof. That of the whole catalogue is in ``test_catalogue_runs.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.config.yaml_file import DocumentError
from fakenw.journal.record import SECOND, Journal
from fakenw.wire.packet import WATCHDOG, packet_type
from harness.runners import memory
from harness.runners.memory_clients import ClientWorld
from harness.runners.memory_network import Network
from harness.runners.runtime import VirtualClock
from harness.scenario.plan import Plan
from tests.harness.memory_run import OPEN_PATH, planned

OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
LEAK: list[Any] = [
    {"nal.open": {"path": OPEN_PATH, "owner": "SMSCCMBootAcct"}},
    {"apm.open": {"file": OFFER}},
    "nal.close",
    "apm.close",
]


def lines(journals: list[Journal]) -> list[str]:
    return [f"{journal.name}: {record.line()}" for journal in journals for record in journal.records]


def passed_and_played(plan: Plan) -> tuple[list[str], list[str]]:
    """The lines of a run whose rounds are passed over, and of one in which each is played."""
    return lines(memory.run(plan)), lines(memory.run(plan, BytesIO()))


def queries(plan: Plan, monkeypatch: pytest.MonkeyPatch, capture: BytesIO | None = None) -> int:
    """How many queries of the watchdog arrive at requesters."""
    arrived: list[bytes] = []
    receive = ClientWorld.received

    def received(world: ClientWorld, link: Any, data: bytes) -> None:
        arrived.append(data)
        receive(world, link, data)

    with monkeypatch.context() as patch:
        patch.setattr(ClientWorld, "received", received)
        memory.run(plan, capture)
    return sum(packet_type(data) == WATCHDOG for data in arrived)


@pytest.mark.parametrize("transport", ["udp", "ipx"])
def test_a_day_of_rounds_is_passed_over(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the rounds in a day and five minutes, each of 5400 ticks, none is played, or with a capture all."""
    plan = planned([], transport, [*LEAK, {"wait": "24h"}])
    assert queries(plan, monkeypatch) == 0
    assert queries(plan, monkeypatch, BytesIO()) == 86_700 * 182_065 // 54_000_000 == 292
    passed, played = passed_and_played(plan)
    assert passed == played


def moments(longest: int) -> st.SearchStrategy[str]:
    """Times as long as a trip, as the silence before a query, and others of at most so many seconds."""
    times = st.one_of(st.integers(0, 5), st.integers(296_500, 297_000), st.integers(0, longest * 1000))
    return times.map("{}ms".format)


def step() -> st.SearchStrategy[list[Any]]:
    """A piece of a script."""
    opens = {"nal.open": {"path": OPEN_PATH, "owner": "SMSCCMBootAcct"}}
    elsewhere = {"nal.open": {"path": OPEN_PATH.replace("FAKENW", "OTHER"), "owner": "SMSCCMBootAcct"}}
    pieces: list[list[Any]] = [
        LEAK,
        [opens, "nal.close"],
        [elsewhere],
        [opens, {"apm.open": {"file": OFFER}}, {"wait": "7m"}, "apm.close", "nal.close"],
    ]
    return st.sampled_from(pieces) | moments(3 * 3600).map(lambda time: [{"wait": time}])


def fault(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A fault of a client or of a server, or a wait."""
    name = st.sampled_from(names)
    verbs = st.sampled_from(["cut", "heal", "freeze", "thaw", "process-killed", "power-off", "restart"])
    of_server = st.sampled_from(["freeze", "thaw", "server-down", "server-up"])
    chances = st.sampled_from(["loss", "duplicate", "reorder"])
    return st.one_of(
        st.builds(lambda verb, name: {verb: name}, verbs, name),
        st.builds(lambda name, by: {"delay": {"client": name, "by": by}}, name, st.sampled_from([0, 2])),
        st.builds(lambda verb, name: {verb: {"client": name, "percent": 30}}, chances, name),
        st.builds(lambda verb, name: {verb: {"client": name, "percent": 0}}, chances, name),
        st.builds(lambda name, some: {"drop": {"client": name, "packets": some}}, name, st.integers(1, 3)),
        st.builds(lambda name, yes: {"when": {"client": name, "licensed": yes}}, name, st.booleans()),
        st.builds(lambda name, time: {"spoof": {"client": name, "for": time}}, name, moments(3600)),
        st.builds(lambda verb, name: {verb: name}, of_server, st.sampled_from(["FAKENW", "OTHER"])),
        moments(2 * 3600).map(lambda time: {"wait": time}),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A run of some clients over UDP or IPX, with faults of all kinds at any time."""
    names = [f"ws{number}" for number in range(draw(st.integers(1, 4)))]
    clients = [
        {"name": name, "script": [part for piece in draw(st.lists(step(), min_size=1, max_size=6)) for part in piece]}
        for name in names
    ]
    habits = {
        "watchdog": draw(st.sampled_from(["296.6,59.3,10", "15.7,9.9,5", "off"])),
        **draw(st.sampled_from([{}, {"clear_idle": "20m"}, {"slow": {"66": "4s"}}, {"connections": 2}])),
    }
    transport, seed = draw(st.sampled_from(["udp", "ipx"])), draw(st.integers(0, 9))
    servers = [{"name": name, **habits} for name in ("FAKENW", "OTHER")]
    faults: list[Any] = []
    plan = planned(faults, transport, seed=seed, servers=servers, clients=clients)
    for one in draw(st.lists(fault(names), max_size=8)):
        with suppress(DocumentError):  # a machine that is on cannot be switched on
            plan = planned([*faults, one], transport, seed=seed, servers=servers, clients=clients)
            faults.append(one)
    return plan


@given(plan=plans())
def test_random_runs(plan: Plan) -> None:
    """Whatever happens, and whenever: the same lines at the same times, and the same draws."""
    passed, played = passed_and_played(plan)
    assert passed == played


def far_future(clock: VirtualClock) -> int:
    return clock.time + 3600 * SECOND


def any_answer(*_: Any) -> bool:
    return True


def slow(by: int) -> dict[str, Any]:
    return {"delay": {"client": "ws", "by": by}}


MISTAKES: dict[str, tuple[type, str, Callable[..., Any], list[Any]]] = {
    "the link is cut": (Network, "is_calm", any_answer, [{"wait": "90m"}, {"cut": "ws"}]),
    "packets are lost": (Network, "is_calm", any_answer, [{"loss": {"client": "ws", "percent": 40, "way": "both"}}]),
    "a router answers": (Network, "is_calm", any_answer, [{"spoof": "ws"}]),
    "a packet is on its way": (Network, "is_calm", any_answer, [{"wait": "59m"}, slow(600), {"wait": "2m"}, slow(0)]),
    "the machine is frozen": (ClientWorld, "answers", any_answer, [{"wait": "62m"}, {"freeze": "ws"}]),
    "the cut comes": (VirtualClock, "next", far_future, [{"wait": "90m"}, {"cut": "ws"}]),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_round_with_another_outcome_shows(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison finds a clock that passes over what it must not."""
    place, name, mistaken, faults = MISTAKES[what]
    plan = planned(faults, "udp", [*LEAK, {"wait": "1h"}, *LEAK, {"wait": "5h"}])
    passed, played = passed_and_played(plan)
    assert passed == played
    monkeypatch.setattr(place, name, mistaken)
    passed, again = passed_and_played(plan)
    assert passed != again == played
