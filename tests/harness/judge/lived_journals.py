"""Journals of a real server, with every kind of line under every policy, for tests that bend them."""

from __future__ import annotations

from collections.abc import Iterator

from fakenw.admin.operations import Administration
from fakenw.journal.record import SECOND, Journal
from fakenw.wire.requests import connection, message
from fakenw.wire.requests.connection import EndOfJob
from fakenw.wire.requests.files import CloseFile, OpenedFile, OpenFile
from fakenw.wire.requests.server import DownServer
from tests.fakenw.stage import OFFER, POLICIES, Stage, Station
from tests.harness.memory_run import played

PEER = "127.0.0.1:40000"  # of a client of the administration
DAY = 86_400
LOGIN = "SYS:LOGIN/LOGIN.EXE"


def station(stage: Stage, host: int, transport: str = "udp") -> Station:
    return stage.station(f"{transport}:10.0.0.{host}:{1025 if transport == 'udp' else 40001}")


def operator(stage: Stage) -> Administration:
    return Administration(stage.server, lambda: stage.now, stage.delivery.act)


def opened(at: Station, task: int = 1) -> bytes:
    """Open a file; its handle."""
    reply = at.call(OpenFile(0, 6, 0x01, OFFER), task)
    assert reply.completion == 0
    return OpenedFile.decode(reply.data).handle


def busy_day(stage: Stage) -> None:
    """Clients that log in and out, with files, by each cause; refusals; the watchdog; operators; what is kept."""
    joe, ann = station(stage, 1).licensed("JOE", "SECRET"), station(stage, 2, "tcp").licensed("ANN")
    stage.wait(1)
    ann.code(CloseFile(0, opened(ann)))
    opened(joe)
    opened(joe, task=2)
    joe.code(EndOfJob(), task=2)
    stage.wait(2)
    ann.change(0)
    stage.wait(1)
    ann.change(1)
    ann.change(0)
    opened(ann)  # licensed by the use of a file
    assert station(stage, 3).attached().login("JOE", "WRONG") == 0xFF
    stage.stations["udp:10.0.0.3:1025"].login("GUEST")  # under attach, login, service and nls the last license
    late = station(stage, 4)
    if late.create().completion == 0 and late.login("SUPERVISOR") == 0:
        late.login("BOB")  # refused under ual, which has one license more
    joe.login("GUEST")  # over JOE
    stage.wait(400)  # idle
    ann.open()  # busy
    stage.until(stage.now + 20 * SECOND)
    joe.logout()  # with a file open
    stage.wait(1)
    ann.lost()
    stage.wait(3600)  # the watchdog ends those over UDP
    boss = station(stage, 5).licensed("SUPERVISOR")
    other = station(stage, 6, "tcp").licensed("ANN")
    boss.code(message.SendMessage((other.number,), "hello"))
    boss.code(connection.ClearConnection(other.number))
    stage.wait(310)
    boss.send(boss.last)  # an answer to the watchdog would do as well
    boss.open()
    operator(stage).do("mark", {"text": "mark"}, PEER)
    operator(stage).do("set", {"licenses": 6}, PEER)
    again = station(stage, 5)
    again.number = boss.number
    again.attached()  # the same station once more
    again.destroy()
    operator(stage).do("login", {"enabled": False}, PEER)
    operator(stage).do("login", {"enabled": True}, PEER)


def over(stage: Stage) -> Journal:
    """The journal, after an orderly stop."""
    stage.carry_out(stage.server.stop(stage.now))
    return Journal("server.jsonl", stage.records)


def held_at_the_end(stage: Stage) -> Journal:
    """A busy day, and a stop with holders: one with a file, one idle."""
    busy_day(stage)
    first = station(stage, 7, "tcp").licensed("JOE", "SECRET")
    opened(first)
    stage.wait(305)
    second = station(stage, 8, "tcp").licensed("ANN")
    opened(second)
    stage.wait(1)
    return over(stage)


def reset_and_expired(stage: Stage) -> Journal:
    """Kept units expire, others are reset; then the server is down."""
    busy_day(stage)
    stage.wait(100 * DAY)
    first, second = station(stage, 7, "tcp").licensed("JOE", "SECRET"), station(stage, 8).licensed("ANN")
    opened(first)
    stage.wait(1)
    operator(stage).do(f"connections/{second.number}/clear", {}, PEER)
    operator(stage).do("reset", {"force": True}, PEER)
    stage.wait(1)
    boss = station(stage, 9, "tcp").licensed("SUPERVISOR")
    assert boss.code(DownServer(0xFF)) == 0
    stage.wait(10)
    return over(stage)


def journals() -> Iterator[tuple[str, Journal]]:
    """Each journal with its name."""
    for policy in POLICIES:
        for lived in (held_at_the_end, reset_and_expired):
            keep = 30 * DAY * SECOND if lived is reset_and_expired else 0
            users = (("JOE", "SECRET"), ("ANN", ""), ("BOB", ""))
            stage = Stage(policy, licenses=4 if policy == "ual" else 3, keep_cleared=keep, users=users)
            yield f"{policy}, {lived.__name__}", lived(stage)
    for transport in ("udp", "tcp"):
        _, _, files = played([], transport)
        yield f"memory, {transport}", files["server-FAKENW.jsonl"]
