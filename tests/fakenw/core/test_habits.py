"""What a server does with idle connections, users who have too many, slow requests, and cleared units."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.bindery.initial_objects import UserSpec, initial_bindery
from fakenw.bindery.objects import USER
from fakenw.core.dispatch import BUSY_REPLIES
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.packet import Code, RequestPacket, WatchdogPacket, packet_type
from fakenw.wire.requests import connection as requests
from fakenw.wire.requests.server import GetServerTime

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]
MINUTE = 60
IDLE = 30 * MINUTE * SECOND
UDP, TCP, OTHER = "udp:10.0.0.1:1025", "tcp:10.0.0.1:40001", "udp:10.0.0.2:1025"


# Idle connections


@pytest.mark.parametrize("idle_after", [5 * MINUTE, 60 * MINUTE], ids=["after it was noted", "before it is noted"])
@pytest.mark.parametrize("name", [UDP, TCP])
def test_an_idle_connection_is_cleared(open_stage: OpenStage, name: str, idle_after: int) -> None:
    """Exactly when it has asked nothing for so long, over both transports, and not a moment before."""
    stage = open_stage("nls", clear_idle=IDLE, idle_after=idle_after * SECOND, watchdog=None)
    station = stage.station(name)
    station.licensed()
    last = stage.now
    stage.until(last + IDLE - 1)
    assert stage.state(name) == "licensed"
    stage.until(last + IDLE)
    (close,) = stage.events("close")
    assert (close["cause"], close.t, stage.held) == ("idle-policy", last + IDLE, 0)


def test_a_request_puts_the_clearing_off(open_stage: OpenStage) -> None:
    """Whoever asks something is not idle."""
    stage = open_stage("nls", clear_idle=IDLE, watchdog=None)
    station = stage.station(UDP)
    station.licensed()
    for _ in range(3):
        stage.wait(29 * MINUTE)
        assert station.code(GetServerTime()) == 0
    stage.wait(31 * MINUTE)
    assert [close["cause"] for close in stage.events("close")] == ["idle-policy"]


def test_an_answer_does_not_put_the_clearing_off(open_stage: OpenStage) -> None:
    """The network stack answers to the watchdog, whether anybody works there or not."""
    stage = open_stage("nls", clear_idle=IDLE)
    station = stage.station(UDP).licensed()
    last = stage.now
    for _ in range(29):
        stage.wait(MINUTE)
        station.send(WatchdogPacket(station.number, b"Y").encode())
    stage.until(last + IDLE)
    assert [(close.t, close["cause"]) for close in stage.events("close")] == [(last + IDLE, "idle-policy")]


@pytest.mark.parametrize("name", [UDP, TCP])
def test_who_was_cleared_hears_of_it(open_stage: OpenStage, name: str) -> None:
    """As after any clear: the next request gets the status of a bad connection, and over TCP the stream ends."""
    stage = open_stage("nls", clear_idle=IDLE, watchdog=None)
    station = stage.station(name)
    station.licensed()
    stage.wait(30 * MINUTE)
    reply = station.call(GetServerTime())
    assert (reply.completion, reply.status) == (Code.BAD_CONNECTION, ncp.BAD_CONNECTION)
    assert (("close", name) in stage.order) == (name == TCP)


def test_who_holds_no_license_is_not_cleared(open_stage: OpenStage) -> None:
    """Over TCP such a connection stays for good."""
    stage = open_stage("nls", clear_idle=IDLE)
    stage.station(TCP).attached()
    stage.wait(3 * 60 * MINUTE)
    assert stage.events("close") == []


# Users with too many connections


def test_who_answers_without_a_license_is_not_cleared(open_stage: OpenStage) -> None:
    """The watchdog looks at it now and then, and the policy does not."""
    stage = open_stage("nls", clear_idle=IDLE)
    station = stage.station(UDP).attached()
    for _ in range(90):
        stage.wait(MINUTE)
        station.send(WatchdogPacket(station.number, b"Y").encode())
    assert stage.state(UDP) == "attached"


def test_default_restriction_of_connections(open_stage: OpenStage) -> None:
    """The second login of a user is refused with 0xD9, and the journal says why."""
    stage = open_stage("nls", users=(("JOE", ""),), user_connections=1)
    first, second = stage.station(UDP), stage.station(OTHER)
    first.attached()
    second.attached()
    assert first.login("JOE") == 0
    assert second.login("JOE") == Code.TOO_MANY_CONNECTIONS
    (deny,) = stage.events("deny")
    assert (deny["what"], deny["code"], deny["serial"]) == ("account", Code.TOO_MANY_CONNECTIONS, 2)


def test_who_is_restricted() -> None:
    """The users that were made here, unless they say otherwise; not SUPERVISOR and GUEST."""
    users = (("JOE", ""), UserSpec("ANN", max_connections=3), UserSpec("BOB", max_connections=0), ("GUEST", "X"))
    bindery = initial_bindery("SRV", bytes(12), users, user_connections=2)
    limits = {name: bindery.find(USER, name) for name in ("JOE", "ANN", "BOB", "GUEST", "SUPERVISOR")}
    assert {name: user.control.max_connections for name, user in limits.items() if user} == {
        "JOE": 2,
        "ANN": 3,
        "BOB": 0,
        "GUEST": 0,
        "SUPERVISOR": 0,
    }


# Requests that take for ever


@pytest.mark.parametrize("asked", [BUSY_REPLIES - 1, BUSY_REPLIES])
def test_who_is_told_too_often_that_the_server_is_busy_is_given_up(open_stage: OpenStage, asked: int) -> None:
    """After 240 busy replies to one request the connection ends, and its license is free (KB Q176027)."""
    stage = open_stage("attach", slow={(0x14, None): 3600 * SECOND})
    station = stage.station(UDP)
    station.attached()
    packet = RequestPacket(ncp.REQUEST, 1, 1, 1, 0x14, b"").encode()
    assert station.send(packet) == []
    for _ in range(asked):
        stage.wait(3)
        (reply,) = station.send(packet)
        assert packet_type(reply) == ncp.BEING_PROCESSED
    ended = [close["cause"] for close in stage.events("close")]
    assert (ended, stage.held) == ((["busy"], 0) if asked == BUSY_REPLIES else ([], 1))


def test_busy_replies_are_counted_for_each_request(open_stage: OpenStage) -> None:
    """Two requests that each take a while are no hung client."""
    stage = open_stage("attach", slow={(0x14, None): 600 * SECOND})
    station = stage.station(UDP)
    station.attached()
    for sequence in (1, 2):
        packet = RequestPacket(ncp.REQUEST, sequence, 1, 1, 0x14, b"").encode()
        station.send(packet)
        for _ in range(150):
            stage.wait(3)
            station.send(packet)
        stage.wait(200)
    assert stage.events("close") == []


# Units of connections that an operator has cleared


def clear(stage: Stage, number: int) -> None:
    operator = stage.station("udp:10.0.0.9:1025")
    operator.attached()
    assert operator.login("SUPERVISOR") == 0
    assert operator.code(requests.ClearConnection(number)) == 0
    operator.logout()


@pytest.mark.parametrize(("policy", "kept"), [("nls", True), ("service", False)])
def test_the_unit_of_a_cleared_connection_is_kept(open_stage: OpenStage, policy: str, kept: bool) -> None:
    """Under nls it stays out for 72 hours, though nobody is connected (Novell TID 10061455)."""
    stage = open_stage(policy, keep_cleared=72 * 3600 * SECOND)
    stage.station(UDP).licensed()
    clear(stage, 1)
    assert stage.state(UDP) == "gone"
    assert stage.held == (1 if kept else 0)
    cleared = stage.now
    stage.until(cleared + 72 * 3600 * SECOND - 1)
    assert stage.held == (1 if kept else 0)
    stage.wait(1)
    assert stage.held == 0
    causes = [release["cause"] for release in stage.events("release") if release["unit"] == "connection:1"]
    assert causes == (["expired"] if kept else ["cleared"])


@pytest.mark.parametrize(("policy", "keep", "told"), [("nls", 60, 60), ("nls", 0, None), ("ual", 60, None)])
def test_the_journal_says_how_long_units_are_kept(
    open_stage: OpenStage, policy: str, keep: int, told: int | None
) -> None:
    """In seconds, and only where it is so."""
    (start,) = open_stage(policy, keep_cleared=keep * SECOND).events("start")
    assert start.get("keep_cleared") == told


def test_a_kept_unit_is_no_license_for_another(open_stage: OpenStage) -> None:
    """Until it has expired, whoever comes is refused."""
    stage = open_stage("nls", licenses=2, keep_cleared=3600 * SECOND)
    stage.station(UDP).licensed()
    clear(stage, 1)
    assert stage.station("udp:10.0.0.3:1025").licensed().stage.held == 2
    late = stage.station("udp:10.0.0.4:1025").attached()
    assert late.login() == Code.NO_LICENSE
    stage.wait(3600)
    assert late.create().completion == 0  # the watchdog has cleared the silent ones
    assert late.login() == 0


def test_a_connection_that_leaves_by_itself_frees_its_unit(open_stage: OpenStage) -> None:
    """Only a clear has that effect."""
    stage = open_stage("nls", keep_cleared=72 * 3600 * SECOND)
    station = stage.station(UDP)
    station.licensed()
    station.logout()
    assert stage.held == 0


def test_numbers_above_255(open_stage: OpenStage) -> None:
    """The number has two bytes, in the reply and in the request (KB Q125455, Q152401)."""
    stage = open_stage("nls", connections=400)
    for port in range(300):
        stage.station(f"udp:10.0.0.1:{2000 + port}").create()
    last = stage.station("udp:10.0.0.2:2000")
    assert last.create().connection == 301
    assert last.call(GetServerTime()).connection == 301
    assert last.login() == 0
    (state,) = [record for record in stage.events("state") if record["to"] == "licensed"]
    assert (state["connection"], state["station"]) == (301, last.name)
