"""Days of a server that no client of a scenario makes: strangers, late packets, silence, ends of every kind.

A day is a function of a stage, which ``tests.trust.server_runs`` lets an audit or a judge look at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fakenw.bindery.objects import USER
from fakenw.core.peer import Peer
from fakenw.journal.record import Record
from fakenw.wire import packet as ncp
from fakenw.wire.packet import RequestPacket, WatchdogPacket
from fakenw.wire.requests.bindery import CloseBindery, PlainLogin
from fakenw.wire.requests.connection import ClearConnection, EndOfJob, Logout
from fakenw.wire.requests.files import CloseFile
from fakenw.wire.requests.server import DownServer, GetServerTime
from tests.fakenw.stage import Stage
from tests.harness.judge.lived_journals import DAY, LOGIN, PEER, opened, operator, station

Day = Callable[[Stage], None]


class Unchecked(Stage):
    """A stage that does not audit for itself."""

    def audit(self, record: Record) -> None:
        """Whatever the server writes is written."""


# Packets that are not the client's, not of this connection, or not of this moment


def strangers(stage: Stage) -> None:
    """JOE works with a file; meanwhile others send with his number, and he with another one. He gives all back."""
    joe = station(stage, 1).licensed("JOE", "SECRET")
    joe.logout()
    logout = joe.last
    joe.login("JOE", "SECRET")
    handle = opened(joe)
    joe.again()
    for stranger in (station(stage, 2), station(stage, 3).attached()):
        for kind, request in ((ncp.DESTROY, None), (ncp.REQUEST, Logout()), (ncp.REQUEST, EndOfJob())):
            stage.wait(1)
            function, body = (request.function, request.body()) if request else (0, b"")
            stranger.send(RequestPacket(kind, joe.sequence + 1, joe.number, 1, function, body).encode())
    joe.number += 76
    for packet in (joe.logout, partial(joe.call, EndOfJob()), joe.destroy):
        packet()
    joe.number -= 76
    joe.send(logout)  # which took its time
    stage.wait(1)
    joe.code(CloseFile(0, handle))
    joe.logout()
    joe.destroy()
    stage.stations["udp:10.0.0.3:1025"].destroy()


def repeated_create(stage: Stage) -> None:
    """The reply to a create is lost, and the create comes again."""
    joe = station(stage, 1).attached()
    joe.create()
    joe.login("JOE", "SECRET")
    joe.destroy()


def forged_answers(stage: Stage) -> None:
    """ANN's machine is off, and others answer to the watchdog in her place."""
    ann, other = station(stage, 1).licensed("ANN"), station(stage, 2, "tcp").attached()
    forged = WatchdogPacket(ann.number, b"Y").encode()
    for _ in range(60):
        stage.wait(30)
        other.send(forged)
        station(stage, 3).send(forged)
    other.destroy()


def asked(stage: Stage) -> None:
    """ANN's machine answers no query of the watchdog, but she goes on to work, every seven minutes."""
    ann = station(stage, 1).licensed("ANN")
    for _ in range(5):
        stage.wait(420)
        ann.open()
    ann.destroy()


def answers_only(stage: Stage) -> None:
    """ANN's machine answers to the watchdog for an hour, and she does nothing; then she gives all back."""
    ann = station(stage, 1).licensed("ANN")
    for _ in range(36):
        stage.wait(100)
        ann.send(WatchdogPacket(ann.number, b"Y").encode())
    ann.destroy()


def impatient(stage: Stage) -> None:
    """At speed 36,000 ANN's machine answers 50 ms of real time after each query."""
    ann = station(stage, 1).licensed("ANN")
    answer = WatchdogPacket(ann.number, b"Y").encode()
    for _ in range(20):
        due = stage.server.deadline()
        assert due is not None
        stage.until(due)
        if ann.inbox:
            stage.wait(1800)
            ann.send(answer)
    ann.destroy()


def half_idle(stage: Stage) -> None:
    """Shorter than what makes a connection idle, and as long as one likes without a license."""
    ann = station(stage, 1, "tcp").licensed("ANN")
    station(stage, 2).attached()
    for _ in range(5):
        stage.wait(200)
        ann.open()
    ann.destroy()
    stage.wait(3600)  # the watchdog ends the other


def idle(stage: Stage) -> None:
    """ANN does nothing for almost six minutes, while others come and go."""
    ann, other = station(stage, 1, "tcp").licensed("ANN"), station(stage, 2, "tcp")
    for _ in range(35):
        stage.wait(10)
        other.attached().destroy()
    ann.lost()


def unlicensed_and_idle(stage: Stage) -> None:
    """The clear-idle policy is about licenses."""
    ann = station(stage, 1).licensed("ANN")
    ann.change(0)
    for _ in range(36):
        stage.wait(100)
        ann.send(WatchdogPacket(ann.number, b"Y").encode())
    ann.destroy()


def silent_over_tcp(stage: Stage) -> None:
    """Over TCP nobody is asked whether he is still there."""
    ann, other = station(stage, 1, "tcp").licensed("ANN"), station(stage, 2, "tcp")
    for _ in range(2):
        stage.wait(1800)
        other.attached().destroy()
    ann.lost()


def answers(stage: Stage) -> None:
    """ANN's machine answers to the watchdog, and she does nothing; then it goes silent, and answers at last."""
    ann = station(stage, 1).licensed("ANN")
    opened(ann)
    for _ in range(20):
        stage.wait(100)
        ann.send(WatchdogPacket(ann.number, b"Y").encode())
    stage.wait(500)
    ann.send(WatchdogPacket(ann.number, b"Y").encode())
    stage.wait(10)
    ann.open()
    stage.wait(1)
    ann.destroy()


# Ends of connections


def closed_bindery(stage: Stage) -> None:
    """SUPERVISOR closes the bindery of a 3.x, and JOE's machine, which has a connection, tries to log in."""
    boss, joe = station(stage, 1, "tcp").licensed("SUPERVISOR"), station(stage, 2, "tcp").attached()
    boss.code(CloseBindery())
    joe.code(PlainLogin(USER, "JOE", "SECRET"))
    boss.destroy()
    joe.code(PlainLogin(USER, "JOE", "SECRET"))
    joe.destroy()


def stalled(stage: Stage) -> None:
    """A client that reads nothing, with a file open."""
    ann = station(stage, 1, "tcp").licensed("ANN")
    opened(ann)
    stage.wait(60)
    stage.delivery.stalled(Peer.parse(ann.name))
    stage.delivery.lost(Peer.parse(ann.name))


def numbers(stage: Stage) -> None:
    """A station attaches anew, others come and go, and each has the lowest free number."""
    first, second, third = (station(stage, host).licensed("ANN") for host in (1, 2, 3))
    first.attached()
    fourth = station(stage, 4).attached()
    second.destroy()
    station(stage, 5).attached().destroy()
    for one in (first, third, fourth):
        one.destroy()


def files(stage: Stage) -> None:
    """Files of two tasks; JOE closes each, or ends its job, and gives all back in order."""
    joe = station(stage, 1, "tcp").licensed("JOE", "SECRET")
    for end in (joe.logout, partial(joe.change, 0), joe.destroy):
        joe.login("JOE", "SECRET")
        first, _ = opened(joe), opened(joe, task=2)
        joe.code(EndOfJob(), task=2)
        joe.code(CloseFile(0, first))
        opened(joe)
        joe.code(EndOfJob())
        stage.wait(1)
        end()


def open_files(stage: Stage) -> None:
    """ANN logs in where JOE has a file open, and gives the license back with it."""
    joe = station(stage, 1, "tcp").licensed("JOE", "SECRET")
    opened(joe)
    joe.login("ANN")
    stage.wait(1)
    joe.change(0)
    opened(joe)
    joe.lost()


def late(stage: Stage) -> None:
    """A logout comes again, a hundred requests late."""
    joe = station(stage, 1).licensed("JOE", "SECRET")
    joe.logout()
    logout = joe.last
    joe.login("JOE", "SECRET")
    handle = opened(joe)
    for _ in range(100):
        joe.call(GetServerTime())
    joe.send(logout)
    joe.code(CloseFile(0, handle))
    joe.destroy()


def garbage(stage: Stage) -> None:
    """A client's stream goes wrong, and its socket is closed."""
    ann = station(stage, 1, "tcp").licensed("ANN")
    stage.receive(ann.name, b"garbage, and more of it")
    stage.delivery.lost(Peer.parse(ann.name))
    stage.wait(600)


def down_with_files(stage: Stage) -> None:
    """SUPERVISOR wants to bring the server down, and ANN has a file open."""
    boss, ann = station(stage, 1, "tcp").licensed("SUPERVISOR"), station(stage, 2, "tcp").licensed("ANN")
    opened(ann)
    boss.code(DownServer(0))
    ann.lost()
    boss.lost()


def logout_twice(stage: Stage) -> None:
    """The second one has nothing to do."""
    ann = station(stage, 1, "tcp").licensed("ANN")
    ann.logout()
    ann.logout()
    ann.destroy()


def before_the_login(stage: Stage) -> None:
    """A station that has not logged in opens what it finds, and stays."""
    here = station(stage, 1, "tcp").attached()
    here.open(LOGIN)
    here.open()
    station(stage, 2, "tcp").licensed("ANN").destroy()


def holders(stage: Stage) -> None:
    """ANN attaches, logs in later, and stays."""
    ann = station(stage, 1, "tcp").attached()
    stage.wait(10)
    ann.login("ANN")
    stage.wait(10)


def login_disabled(stage: Stage) -> None:
    """An operator has disabled login."""
    operator(stage).do("login", {"enabled": False}, PEER)
    station(stage, 1).attached().login("ANN")


def attached_anew(stage: Stage) -> None:
    """JOE's machine attaches a second time, on the same socket, and ANN logs in."""
    joe = station(stage, 1, "tcp").licensed("JOE", "SECRET")
    joe.attached().login("ANN")
    joe.destroy()


def reset(stage: Stage) -> None:
    """An operator resets the server; then another client comes."""
    for host in (1, 2):
        station(stage, host, "tcp").licensed("ANN")
    operator(stage).do("reset", {"force": True}, PEER)
    station(stage, 3, "tcp").attached().destroy()


def marked(stage: Stage) -> None:
    """A test says that nothing is needed any more, and ANN stays."""
    ann = station(stage, 1, "tcp").licensed("ANN")
    operator(stage).do("mark", {"text": "over"}, PEER)
    stage.wait(400)
    ann.lost()


def busy_replies(stage: Stage) -> None:
    """A client that is told 240 times that its request is being processed."""
    ann = station(stage, 1).licensed("ANN")
    ann.sequence += 1
    ann.send(RequestPacket(ncp.REQUEST, ann.sequence, ann.number, 1, GetServerTime.function, b"").encode())
    for _ in range(240):
        stage.wait(1)
        ann.again()


def assignments(stage: Stage) -> None:
    """JOE comes and goes under ual, with two connections, over a year."""
    first, second = (
        station(stage, 1, "tcp").licensed("JOE", "SECRET"),
        station(stage, 2, "tcp").licensed("JOE", "SECRET"),
    )
    first.logout()
    stage.wait(100 * DAY)  # in use all the time, by the other
    second.logout()
    stage.wait(50 * DAY)
    first.login("JOE", "SECRET")
    first.logout()
    stage.wait(89 * DAY)  # 139 days after the first end, 89 after the second
    first.login("JOE", "SECRET")
    stage.wait(2 * DAY)
    first.login("ANN")
    stage.wait(100 * DAY)
    first.destroy()
    second.destroy()
    for _ in range(200):
        stage.wait(DAY / 2)
        second.attached().destroy()


def full(stage: Stage) -> None:
    """Every license is held, and JOE comes a second time, from another machine."""
    first, second = station(stage, 1).licensed("JOE", "SECRET"), station(stage, 2).attached()
    assert second.login("JOE", "SECRET") == 0
    first.destroy()
    second.destroy()


def unlicensed(stage: Stage) -> None:
    """JOE gives his license back, and stays logged in for longer than an assignment lasts."""
    joe = station(stage, 1, "tcp").licensed("JOE", "SECRET")
    joe.change(0)
    stage.wait(100 * DAY)
    joe.destroy()


def three_at_once(stage: Stage) -> None:
    """Three stations log in to a server without licenses."""
    for host in (1, 2, 3):
        station(stage, host).attached().login("ANN")
    for host in (1, 2, 3):
        stage.stations[f"udp:10.0.0.{host}:1025"].destroy()


def kept(stage: Stage) -> None:
    """Under nls with --keep-cleared: a unit is kept after a clear, and after nothing else."""
    for end in ("clear", "logout", "lost"):
        ann = station(stage, 1, "tcp").licensed("ANN")
        if end == "clear":
            operator(stage).do(f"connections/{ann.number}/clear", {}, PEER)
        elif end == "logout":
            ann.logout()
        ann.lost()
        stage.wait(1)
    stage.wait(100 * DAY)


def down(stage: Stage) -> None:
    """A server that is down, whatever comes."""
    boss, ann = station(stage, 1, "tcp").licensed("SUPERVISOR"), station(stage, 2, "tcp").attached()
    boss.code(DownServer(0xFF))
    ann.login("ANN")
    ann.open(LOGIN)
    station(stage, 3).create()
    stage.wait(10)


def without_a_user(stage: Stage) -> None:
    """SUPERVISOR has logged out, and is no operator any more."""
    boss, ann = station(stage, 1, "tcp").licensed("SUPERVISOR"), station(stage, 2, "tcp").licensed("ANN")
    boss.logout()
    boss.code(ClearConnection(ann.number))
    ann.lost()
    boss.destroy()
