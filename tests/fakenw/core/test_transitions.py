"""What every event does to a connection in every state, under every policy and over both transports.

The expectations are written down here once more, from the documents: nothing is asked of the server's own tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pytest

from fakenw.journal.record import Record
from fakenw.wire import packet as ncp
from fakenw.wire.packet import ReplyPacket, RequestPacket
from fakenw.wire.requests import bindery, connection, files, server

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
SUBJECT = {"udp": "udp:10.0.0.1:1025", "tcp": "tcp:10.0.0.1:40001"}
MOVES = ("create", "grant", "release", "shut", "state", "close")
HOLDING = {
    "attach": {"attached", "authenticated", "licensed"},
    "login": {"authenticated", "licensed"},
    "service": {"licensed"},
    "nls": {"licensed"},
    "ual": {"licensed"},
}


class Then(NamedTuple):
    """What follows from an event: the reply's completion code, the state after it, and the cause in the journal."""

    code: int | None  # None: there is no reply
    state: str
    cause: str | None  # None: nothing moves


SAME = "same"
# Events by states: attached, authenticated, licensed (ncp.md 8.5).
TABLE = {
    "create": (Then(0, "attached", "reinitialize"),) * 3,
    "login": (Then(0, "licensed", "login"),) * 3,
    "plain-login": (Then(0, "licensed", "login"),) * 3,
    "wrong-password": (Then(0xFF, SAME, None),) * 3,
    "unknown-user": (Then(0xFC, SAME, None),) * 3,
    "license": (Then(0x7C, SAME, None), Then(0, "licensed", "request"), Then(0x7B, SAME, None)),
    "unlicense": (Then(0x7C, SAME, None), Then(0x7A, SAME, None), Then(0, "authenticated", "unlicense")),
    "end-of-job": (Then(0, SAME, None),) * 3,
    "logout": (Then(0, SAME, None), Then(0, "attached", "logout"), Then(0, "attached", "logout")),
    "destroy": (Then(0, "gone", "destroy"),) * 3,
    "cleared": (Then(None, "gone", "cleared"),) * 3,
    "lost": (Then(None, "gone", "lost"),) * 3,
    "watchdog": (Then(None, "gone", "watchdog"),) * 3,
    "file": (Then(0x7D, SAME, None), Then(0, "licensed", "service"), Then(0, SAME, None)),
    "login-file": (Then(0, SAME, None), Then(0, "licensed", "service"), Then(0, SAME, None)),
    "directory": (Then(0x7D, SAME, None), Then(0, "licensed", "service"), Then(0, SAME, None)),
    "search": (Then(0x7D, SAME, None), Then(0, "licensed", "service"), Then(0, SAME, None)),
    "volume": (Then(0, SAME, None),) * 3,
    "time": (Then(0, SAME, None),) * 3,
    "unsupported": (Then(0xFB, SAME, None),) * 3,
}
STATES = ("attached", "authenticated", "licensed")
# Over UDP nothing is lost, over TCP there is no watchdog, and 3.x has no connection that is authenticated only.
CELLS = [
    (policy, transport, event, before)
    for policy in HOLDING
    for transport in SUBJECT
    for event in TABLE
    for before in STATES
    if (transport, event) not in (("udp", "lost"), ("tcp", "watchdog"))
    and (policy, before) != ("attach", "authenticated")
]


def provoke(stage: Stage, subject: Station, event: str) -> int | None:
    """Let the event happen to the subject; the completion code, if there was a reply."""
    match event:
        case "create":
            return subject.create().completion
        case "login":
            return subject.login()
        case "plain-login":
            return subject.code(bindery_login("GUEST", ""))
        case "wrong-password":
            return subject.login("JOE", "WRONG")
        case "unknown-user":
            return subject.code(bindery_login("NOBODY", ""))
        case "license" | "unlicense":
            return subject.change(event == "license")
        case "end-of-job":
            return subject.code(connection.EndOfJob())
        case "logout":
            return subject.logout()
        case "destroy":
            return subject.destroy().completion
        case "cleared":
            operator = stage.station("udp:10.0.0.9:1025").licensed("SUPERVISOR")
            assert operator.code(connection.ClearConnection(subject.number)) == 0
        case "lost":
            subject.lost()
        case "watchdog":
            stage.wait(900)
        case "file":
            return subject.open()
        case "login-file":
            return subject.open("SYS:LOGIN/LOGIN.EXE")
        case "directory":
            return subject.code(files.AllocateTemporaryHandle(0, 0, "SYS:PUBLIC"))
        case "search":
            return subject.code(files.SearchFile(0xFFFF, 0, 6, "SYS:PUBLIC/*.*"))
        case "volume":
            return subject.code(files.GetVolumeNumber("SYS"))
        case "time":
            return subject.code(server.GetServerTime())
        case "unsupported":
            reply = subject.ask(RequestPacket(ncp.REQUEST, subject.sequence + 1, subject.number, 1, 0x01, b""))
            return reply.completion
    return None


def bindery_login(name: str, password: str) -> bindery.PlainLogin:
    return bindery.PlainLogin(1, name, password)


def bring(stage: Stage, transport: str, state: str) -> Station:
    """A station in a state. AUTHENTICATED is reached as a bindery client can: by login and 23/29(0)."""
    subject = stage.station(SUBJECT[transport]).attached()
    assert subject.code(server.GetServerTime()) == 0
    if state != "attached":
        assert subject.login() == 0
    if state == "authenticated":
        assert subject.change(0) == 0
    assert stage.state(subject.name) == state
    return subject


def journal(stage: Stage, subject: Station, since: int) -> list[str]:
    """The moves of the subject since a line, in short."""
    lines = [r for r in stage.records[since:] if r.event in MOVES and r["station"] == subject.name]
    return [short(record) for record in lines]


def short(record: Record) -> str:
    if record.event == "state":
        return f"state {record['from']} {record['to']} {record['cause']}"
    return f"{record.event} {record.get('cause', '')}".strip()


def expected(policy: str, before: str, then: Then, *, files_open: bool) -> list[str]:
    """The moves of one transition, in the order the journal promises."""
    if then.cause is None:
        return []
    after = "gone" if then.cause == "reinitialize" else before if then.state == SAME else then.state
    holding = HOLDING[policy]
    lines = [f"grant {then.cause}"] if after in holding and before not in holding and policy != "ual" else []
    if policy == "ual" and before == "attached" and after == "licensed":  # later it keeps its user's
        lines = [f"grant {then.cause}"]
    lines += [f"shut {then.cause}"] if files_open and after != "licensed" else []
    lines += [f"state {before} {after} {then.cause}"]
    if before in holding and after not in holding and policy != "ual":  # which keeps it for 90 days
        lines += [f"release {then.cause}"]
    lines += [f"close {then.cause}"] if after == "gone" else []
    if then.cause == "reinitialize":
        lines += ["create", *(["grant create"] if "attached" in holding else []), "state gone attached create"]
    return lines


@pytest.mark.parametrize(("policy", "transport", "event", "before"), CELLS)
def test_row(open_stage: OpenStage, policy: str, transport: str, event: str, before: str) -> None:
    """The reply, the state, the held units and the journal of one cell of the table."""
    stage = open_stage(policy, idle_after=10**12)
    subject = bring(stage, transport, before)
    files_open = before == "licensed" and event != "file"
    if files_open:
        assert subject.open() == 0
    then = TABLE[event][STATES.index(before)]
    if policy == "attach" and event in ("license", "unlicense"):
        then = Then(0xFB, SAME, None)
    since, serial = len(stage.records), stage.connection(subject.name).serial

    assert provoke(stage, subject, event) == then.code

    after = before if then.state == SAME else then.state
    moves = expected(policy, before, then, files_open=files_open)
    if event == "end-of-job" and files_open:
        moves = ["shut end-of-job"]
    assert stage.state(subject.name) == after
    assert journal(stage, subject, since) == moves
    once_licensed = before != "attached" or after == "licensed"
    held = once_licensed if policy == "ual" else after in HOLDING[policy]
    operator = event == "cleared"
    assert stage.held == stage.server.ledger.held == held + operator
    for record in stage.records[since:]:
        if record.event in ("grant", "release", "shut"):
            assert record["serial"] == serial or record["cause"] == "create" or operator


@pytest.mark.parametrize("cause", ["logout", "destroy", "unlicense"])
def test_what_a_release_says(open_stage: OpenStage, transport: str, cause: str) -> None:
    """A release names the unit, the user and the last request; so does the close."""
    stage = open_stage("nls")
    stage.wait(3)
    subject = bring(stage, transport, "licensed")
    stage.wait(4)
    assert provoke(stage, subject, cause) == 0
    (release,) = stage.events("release")
    (grant,) = stage.events("grant")
    assert release["unit"] == grant["unit"] == "connection:1"
    assert (release["user"], release["cause"], release["last_request"]) == ("GUEST", cause, 7.0)
    assert (release["connection"], release["serial"], release["station"]) == (1, 1, subject.name)
    assert [(r["user"], r["last_request"]) for r in stage.events("close")] == [("GUEST", 7.0)] * (cause == "destroy")


@pytest.mark.parametrize("cause", ["reinitialize", "watchdog"])
def test_last_request_is_the_clients(open_stage: OpenStage, cause: str) -> None:
    """What the server does to a connection is no request of its client."""
    stage = open_stage("nls")
    subject = bring(stage, "udp", "licensed")
    stage.wait(200)
    provoke(stage, subject, {"reinitialize": "create"}.get(cause, cause))
    (release,) = stage.events("release")
    assert (release["cause"], release["last_request"]) == (cause, 0.0)


# What a station without a connection gets (the column FREE, and "cleared" of ncp.md 6.3).

GONE = ReplyPacket(ncp.REPLY, 1, 0, 1, 0xFD, 0x01, b"")
KIND = [
    (RequestPacket(ncp.REQUEST, 1, 0, 1, 0x19, b""), GONE._replace(completion=0, status=0)),
    (RequestPacket(ncp.DESTROY, 1, 0, 1, 0, b""), GONE._replace(completion=0, status=0)),
    (RequestPacket(ncp.REQUEST, 1, 0, 1, 0x14, b""), GONE),
    (RequestPacket(ncp.REQUEST, 1, 0, 1, 0x01, b""), GONE),
    (RequestPacket(ncp.REQUEST, 1, 0, 1, 0x17, b"\0\2\x1d\1"), GONE),
    (RequestPacket(ncp.REQUEST, 1, 0, 1, 0x4C, b"\0\6\1\x17SYS:PUBLIC/NLIST.EXE"), GONE),
]


@pytest.mark.parametrize("number", [0, 1, 2, 0x0101, 0xFFFF])
@pytest.mark.parametrize(("packet", "reply"), KIND)
def test_without_a_connection(
    open_stage: OpenStage, policy: str, transport: str, packet: RequestPacket, reply: ReplyPacket, number: int
) -> None:
    """Logout and destroy are always answered 0; anything else is 0xFD with status 1. Nothing is written or moved."""
    stage = open_stage(policy)
    other = stage.station("udp:10.0.0.2:1025").licensed()  # connection 1 is another station's
    lines, held = len(stage.records), stage.held
    subject = stage.station(SUBJECT[transport])
    assert subject.ask(packet._replace(connection=number)) == reply._replace(connection=number)
    assert (len(stage.records), stage.held, stage.state(other.name)) == (lines, held, "licensed")
    assert ("close", subject.name) not in stage.order


@pytest.mark.parametrize(("packet", "reply"), KIND)
def test_number_of_another_station(
    open_stage: OpenStage, transport: str, packet: RequestPacket, reply: ReplyPacket
) -> None:
    """A connection's number is worth nothing from another address: the owner does not notice."""
    stage = open_stage("nls")
    owner = stage.station("udp:10.0.0.2:1025").licensed()
    assert owner.open() == 0
    thief = stage.station(SUBJECT[transport]).licensed()
    lines = len(stage.records)
    packet = packet._replace(connection=owner.number, sequence=thief.sequence + 1)
    assert thief.ask(packet) == reply._replace(connection=owner.number, sequence=packet.sequence)
    assert len(stage.records) == lines
    assert stage.state(owner.name) == stage.state(thief.name) == "licensed"
    assert owner.code(server.GetServerTime()) == 0


# No license is left.


@pytest.mark.parametrize("event", ["license", "file", "login"])
def test_no_license_is_left(open_stage: OpenStage, transport: str, event: str) -> None:
    """Who asks for a license when there is none gets 0xE0 and stays what he was (4.x and 5.x)."""
    stage = open_stage("service", licenses=1)
    subject = bring(stage, transport, "authenticated")
    other = stage.station("udp:10.0.0.2:1025").licensed("JOE", "SECRET")
    since = len(stage.records)
    assert provoke(stage, subject, event) == 0xE0
    assert stage.state(subject.name) == "authenticated"
    (denial,) = stage.records[since:]
    assert (denial.event, denial["what"], denial["code"], denial["station"]) == ("deny", "license", 0xE0, subject.name)
    assert (denial["user"], denial["held"]) == ("GUEST", 1)
    assert other.logout() == 0
    assert provoke(stage, subject, event) == 0
    assert stage.state(subject.name) == "licensed"


@pytest.mark.parametrize("counting", ["login", "service", "nls", "ual"])
def test_no_license_at_login(open_stage: OpenStage, transport: str, counting: str) -> None:
    """A login without room is refused with 0xE0 after the password was right, and leaves no trace of the user."""
    stage = open_stage(counting, licenses=1)
    stage.station("udp:10.0.0.2:1025").licensed("JOE", "SECRET")
    subject = bring(stage, transport, "attached")
    since = len(stage.records)
    assert subject.login("GUEST") == 0xE0
    assert (stage.state(subject.name), stage.held) == ("attached", 1)
    (denial,) = stage.records[since:]
    assert (denial.event, denial["what"], denial["code"], denial["user"]) == ("deny", "license", 0xE0, None)
    assert subject.login("JOE", "WRONG") == 0xFF
    assert stage.records[-1].event == "login-failed"
    assert (stage.records[-1]["user"], stage.records[-1]["code"]) == ("JOE", 0xFF)


def test_no_license_at_attach(open_stage: OpenStage, transport: str) -> None:
    """In 3.x the create itself is refused: 0xF9, connection, sequence and task 0."""
    stage = open_stage("attach", licenses=1)
    stage.station("udp:10.0.0.2:1025").attached()
    subject = stage.station(SUBJECT[transport])
    assert subject.create(sequence=1) == ReplyPacket(ncp.REPLY, 0, 0, 0, 0xF9, 0, b"")
    denial = stage.records[-1]
    assert (denial.event, denial["what"], denial["code"]) == ("deny", "license", 0xF9)
    assert denial["station"] == subject.name
    assert stage.state(subject.name) == "gone"
