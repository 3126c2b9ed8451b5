"""Days of stations that sign, and of others that send in their names."""

from __future__ import annotations

from fakenw.wire import packet as ncp
from fakenw.wire.framing import frame_request
from fakenw.wire.packet import RequestPacket, WatchdogPacket
from fakenw.wire.requests.connection import Logout
from fakenw.wire.requests.files import CloseFile
from fakenw.wire.requests.server import GetServerTime
from tests.fakenw.stage import Stage, Station
from tests.harness.judge.lived_journals import opened, station


def signing(stage: Stage, transport: str = "udp") -> Station:
    """JOE, licensed, whose packets are signed."""
    joe = station(stage, 1, transport).attached()
    joe.negotiate()
    assert joe.login("JOE", "SECRET") == 0
    joe.signs(joe.root)
    return joe


def forged(joe: Station, request: Logout | GetServerTime) -> bytes:
    """A request in JOE's name, as a frame or a datagram with a signature that is none."""
    packet = RequestPacket(ncp.REQUEST, joe.sequence + 1, joe.number, 1, request.function, request.body()).encode()
    return frame_request(packet, signature=bytes(8)) if joe.tcp else packet + bytes(8)


def forged_logout(stage: Stage) -> None:
    """A stranger logs JOE out in his name; JOE's machine stays, and answers to the watchdog for an hour."""
    joe = signing(stage)
    stage.receive(joe.name, forged(joe, Logout()))
    for _ in range(36):
        stage.wait(100)
        joe.send(WatchdogPacket(joe.number, b"Y").encode())


def goes_on(stage: Stage) -> None:
    """Behind the stranger's packet JOE works on, and gives all back; without a reply JOE's machine gives up."""
    joe = signing(stage)
    stage.receive(joe.name, forged(joe, GetServerTime()))
    joe.sequence += 1
    packet = RequestPacket(ncp.REQUEST, joe.sequence, joe.number, 1, GetServerTime.function, b"").encode()
    assert joe.send(packet) != []
    joe.code(CloseFile(0, opened(joe)))
    stage.wait(1)
    joe.logout()
    joe.destroy()


def broken_stream(stage: Stage) -> None:
    """A stranger breaks into JOE's stream; JOE's machine sends nothing more."""
    joe = signing(stage, "tcp")
    stage.receive(joe.name, forged(joe, GetServerTime()))
    stage.wait(60)


def unsigned(stage: Stage) -> None:
    """A station asks for no signatures, and logs in."""
    here = station(stage, 1).attached()
    here.login("JOE", "SECRET")
    here.destroy()
