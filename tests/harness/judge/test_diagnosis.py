"""The evidence in words: who opened, who rode, why the release was refused, what is left."""

from __future__ import annotations

import pytest

from harness.judge.diagnosis import explain
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from tests.harness.handmade_journals import KEY, OFFER, PATH, ClientBook, RunnerBook, ServerBook, put_together, q257223


def explained(run: RunHistory) -> list[str]:
    """What is said of a run."""
    return explain(run, judge(run))


def test_the_bug_is_explained() -> None:
    """Q257223 from the open to the orphan, with the registry's last word."""
    assert explained(put_together(*q257223())) == [
        "connection 1 (serial 1) of user SMSCLIENT_GS1 from udp:10.0.0.2:1025 holds a license of FAKENW",
        f"  0:00:00  NAL opened it for SMSCCMBootAcct ({PATH})",
        f"  0:00:00  APM rode on it: opened {OFFER}, uncounted",
        f"  0:00:01  NAL closed it and asked for its release; refused: 1 file open ({OFFER})",
        "  0:10:01  APM closed its file",
        "  its release was refused at 0:00:01 (1 file open), and not asked for again; "
        "idle since 0:10:01, 4:00:00 by the end",
        f"  registry: {KEY}\\Resource1 still there: persistence 0, reference 0",
    ]


def test_what_was_given_back_needs_no_words() -> None:
    """A released run has nothing to explain."""
    server = ServerBook()
    server.create(1, 1)
    server.login(2, 1)
    server.leave(3, 1)
    run = put_together(server)
    assert judge(run).verdict == "released"
    assert explained(run) == []


@pytest.mark.parametrize(("mode", "expected"), [("rides", ", uncounted"), ("counted", ", counted"), (None, "")])
def test_how_a_component_rides_is_told(mode: str | None, expected: str) -> None:
    """Whether the arbiter knew of it is what the bug is about."""
    server, client, runner = q257223()
    client.bend("apm-open", mode=mode)
    assert f"  0:00:00  APM rode on it: opened {OFFER}{expected}" in explained(put_together(server, client, runner))


def test_an_entry_that_was_deleted_is_said_to_be() -> None:
    """The other reading of the article: the entry went, the connection stayed."""
    server, client, runner = q257223()
    client.bend("arbiter", 2, action="deleted")
    assert explained(put_together(server, client, runner))[-1] == f"  registry: {KEY}\\Resource1 deleted at 0:00:01"


def test_refusals_are_counted() -> None:
    """A release that was tried again and again."""
    server, client, runner = q257223()
    for t in (61, 121):
        client.say(t, "release-asked", by="NAL", forced=False)
        client.say(t, "release-refused", reason="open files", files=[OFFER, "SYS:B"])
    client.lines.sort(key=lambda record: record.t)
    text = "\n".join(explained(put_together(server, client, runner)))
    assert f"0:01:01  NAL asked for its release; refused: 2 files open ({OFFER}, SYS:B)" in text
    assert "its release was refused 3 times, the last at 0:02:01 (2 files open), and not asked for again" in text


def foreign(transport: str = "udp", *, cause: str | None = None) -> list[str]:
    """A user's own client, which opens a file and exits at 10 s; the server may take its license back."""
    server, runner = ServerBook(), RunnerBook(within=300)
    server.create(1, 1, station=f"{transport}:10.0.0.9:1025")
    server.login(2, 1)
    server.open(3, 1)
    server.shut(4, 1)
    if cause:
        server.close(10, 1, cause)
    server.stop(1000)
    runner.write(0, "spawn", client="mine", command=["./client"])
    runner.write(10, "exit", client="mine", code=0)
    return explained(put_together(server, runner))


def test_a_client_that_exited_over_udp_waits_for_the_watchdog() -> None:
    """It did not log out, and nobody tells the server."""
    assert foreign() == [
        "connection 1 (serial 1) of user JOE from udp:10.0.0.9:1025 holds a license of FAKENW",
        "  0:00:02  it took a license as user JOE",
        f"  0:00:03  it opened {OFFER}",
        f"  0:00:04  it closed {OFFER}",
        "  0:00:10  the client exited",
        "  its client exited at 0:00:10 without logging out; idle since 0:00:04, 0:16:36 by the end; "
        "the watchdog would reclaim it a quarter of an hour after its last request",
    ]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("lost", "the server reclaimed it when the socket closed"),
        ("stalled", "the server closed the socket, since its client did not read the replies"),
        ("cleared", "an operator cleared the connection"),
        ("reinitialize", "the station attached anew, and the server ended its old connection"),
        ("idle-policy", "the server reclaimed it because it was idle"),
        ("busy", "the server ended the connection, after it had been busy with one request for too long"),
        ("watchdog", "the watchdog reclaimed it at 0:00:10"),
        ("a\x1bn", "the server reclaimed it (a\\x1bn)"),
    ],
)
def test_what_the_server_took_back_is_explained(cause: str, expected: str) -> None:
    """Over TCP the socket of a process that ends closes by itself: that is why it is not called released."""
    told = foreign("tcp", cause=cause)
    assert told[0] == "connection 1 (serial 1) of user JOE from tcp:10.0.0.9:1025 held a license of FAKENW for 0:00:08"
    assert told[-1] == f"  {expected}"
    assert "watchdog would" not in told[-1]


def test_a_late_release_is_explained() -> None:
    """Given back, but when nobody needed it any more for a long time."""
    server, client = ServerBook(), ClientBook()
    server.create(1, 1)
    server.login(2, 1)
    server.leave(900, 1)
    client.attach(2)
    client.say(3, "nal-open", path=PATH, owner="O")
    client.say(10, "nal-close", path=PATH, owner="O")
    client.say(900, "release-asked", by="redirector", forced=False)
    client.say(900.1, "detach", by="redirector", forced=False)
    told = explained(put_together(server, client))
    assert "held a license of FAKENW for 0:14:58" in told[0]
    assert told[-3:] == [
        "  0:15:00  the redirector asked for its release",
        "  0:15:00  the redirector released it",
        "  its client released it (logout) at 0:15:00, 0:14:50 after it was no longer needed",
    ]


def test_an_interruption_is_explained() -> None:
    """Who let go by force, which file was shut, whose work failed."""
    server, client = ServerBook(), ClientBook()
    server.create(1, 1)
    server.login(2, 1)
    server.open(3, 1)
    server.shut(5, 1, "logout")
    server.leave(5, 1)
    client.attach(2)
    client.say(3, "apm-open", file=OFFER)
    client.say(4, "release-asked", by="NAL", forced=True)
    client.say(6, "detach", by="NAL", forced=True)
    client.say(7, "work-failed", component="APM", file=OFFER, code=None, reason="the connection has ended")
    assert explained(put_together(server, client))[1:] == [
        f"  0:00:03  APM opened {OFFER} on it",
        "  0:00:04  NAL asked for its release by force",
        f"  0:00:05  the server shut {OFFER} (logout)",
        "  0:00:06  the redirector released it",
        "  0:00:07  APM's work failed: the connection has ended",
        f"  logout with 1 file still open: {OFFER}",
    ]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("detach", "its client released it at 0:00:11, but no release reached the server; idle"),
        ("release-asked", "its release was asked for at 0:00:11, but none reached the server; idle"),
        (None, "its release was never asked for; idle"),
    ],
)
def test_what_the_client_did_about_it_is_said(event: str | None, expected: str) -> None:
    """It let go, it tried, or it did nothing."""
    server, client = ServerBook(), ClientBook()
    server.create(1, 1)
    server.login(2, 1)
    server.stop(1000)
    client.attach(2)
    client.say(3, "nal-open", path=PATH, owner="O")
    client.say(10, "nal-close", path=PATH, owner="O")
    if event:
        client.say(11, event, by="NAL", forced=False)
    assert explained(put_together(server, client))[-1].startswith(f"  {expected}")


def test_hostile_text_is_made_harmless() -> None:
    """Names and paths from the wire cannot move the cursor or forge a line."""
    evil = "\x1b[2J\n\u202eevil"
    server, client, runner = q257223()
    for event in ("create", "grant", "open", "shut"):
        server.bend(event, user=evil)
    server.bend("state", 1, user=evil)
    client.bend("apm-open", file=evil)
    client.bend("nal-open", owner=evil)
    client.bend("release-refused", files=[evil])
    client.bend("arbiter", 2, resource=evil, reference=evil)
    for told in (explained(put_together(server, client, runner)), explained(put_together(server))):
        assert told
        assert all(line.isprintable() for line in told)
    assert "\\x1b[2J\\x0a\\x202eevil" in "\n".join(explained(put_together(server, client, runner)))


def test_ten_are_told_in_full() -> None:
    """A thousand leaks need not be read one by one, nor all of a long story."""
    server, runner = ServerBook(limit=99), RunnerBook()
    for serial in range(1, 14):
        server.create(1, serial, connection=serial, station=f"udp:10.0.0.9:{serial}")
        server.login(1, serial)
    for n in range(50):
        server.open(n + 2, 1, path=f"SYS:{n}")
    server.stop(1000)
    runner.write(60, "exit", client="mine", code=0)
    told = explained(put_together(server, runner))
    assert [line.split(" (")[0] for line in told if not line.startswith(" ")] == [
        *(f"connection {n}" for n in range(1, 11)),
        "and 3 more like it",
    ]
    assert "  ... and 33 more ..." in told
    assert len(told) < 60


def test_each_connection_is_told_once_and_the_worst_first() -> None:
    """One that was interrupted and leaked is one case; what was only taken back comes last."""
    server, runner = ServerBook(), RunnerBook()
    for serial in (1, 2, 3):
        server.create(1, serial, connection=serial)
        server.login(1, serial)
    server.close(5, 1, "lost")
    server.open(6, 3)
    server.shut(900, 3, "unlicense")
    server.move(900, 3, "authenticated", "unlicense")
    server.stop(1000)
    runner.write(6, "exit", client="mine", code=0)
    told = explained(put_together(server, runner))
    assert [line[:12] for line in told if not line.startswith(" ")] == ["connection 3", "connection 2", "connection 1"]
