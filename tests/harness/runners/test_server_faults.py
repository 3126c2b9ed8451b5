"""What comes over servers and over the way to them, on memory: standing still, going down, clocks, routers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fakenw.core.settings import ticks
from fakenw.journal.record import SECOND, Journal
from harness.judge.audit import books_balance
from harness.judge.history import WENT_DOWN, ConnectionHistory
from harness.judge.verdict import judge
from harness.report.text import Result, story
from harness.runners.memory import MemoryRun as MemoryRun
from harness.runners.memory_network import EPOCH
from tests.harness.handmade_journals import PATH, ClientBook, RunnerBook, ServerBook, put_together
from tests.harness.memory_run import WORK, events, planned, played

MINUTE = 60 * SECOND
GIVES_UP = ticks(5400 + 10 * 1080)
both = pytest.mark.parametrize("transport", ["udp", "tcp", "ipx"])
OPEN, CLOSE = WORK[0], "nal.close"


def server_of(faults: list[Any], transport: str = "udp", **more: Any) -> Any:
    """The server as it is after a run."""
    run = MemoryRun(planned(faults, transport, **more))
    run.carry_out()
    return run.network.hosts["FAKENW"].server


# The way to it


@pytest.mark.parametrize(
    ("transport", "way", "later"),
    [
        ("udp", "out", 9 * SECOND),  # three tries
        ("udp", "in", 0),  # the requests arrived, the answers did not: the server is done, the client is not
        ("udp", "both", 9 * SECOND),
        ("ipx", "out", 9 * SECOND),
        ("ipx", "in", 0),
        ("tcp", "out", SECOND * 7 // 5),
        ("tcp", "both", SECOND * 7 // 5),
    ],
)
def test_dropped_requests_come_later(transport: str, way: str, later: int) -> None:
    """The client, or TCP for it, says everything again; the license comes back."""
    drop = {"drop": {"client": "ws", "packets": 3, "way": way}}
    (usual,) = (history.files[0].shut for history in played([], transport)[0].histories)
    run, verdict, journals = played([{"wait": "59m59s"}, drop], transport)
    (history,) = run.histories
    assert verdict.verdict == "released"
    assert usual is not None
    assert history.files[0].shut is not None
    assert abs(history.files[0].shut - usual - later) < SECOND // 100
    (done,) = events(journals["client-ws.jsonl"], "done")
    assert done.t > 60 * MINUTE + (SECOND if transport == "tcp" else 9 * SECOND)


@both
def test_what_comes_twice_is_carried_out_once(transport: str) -> None:
    """The server tells a request from its copy, also from one that comes after the next request."""
    quiet, doubled = (
        server_of([{"duplicate": {"client": "ws", "percent": percent}}], transport).counts for percent in (0, 100)
    )
    assert (quiet.duplicates, quiet.late) == (0, 0)
    assert (doubled.duplicates + doubled.late > 0) is (transport != "tcp")
    again: list[Any] = [{word: {"client": "ws", "percent": 100}} for word in ("duplicate", "reorder")]
    # Behind the create, which over IPX is not the first packet: a late copy of it would be that of a restarted station.
    run, verdict, _ = played([{"wait": "10ms"}, *again], transport)
    (history,) = run.histories
    assert (verdict.verdict, verdict.problems, verdict.peak) == ("released", [], 1)
    assert len(history.files) == 1


# A server that stands still


@both
def test_a_frozen_server_finds_what_has_been_waiting(transport: str) -> None:
    """The requests come in when it goes on, and nobody was the wiser; meanwhile it writes nothing."""
    faults = [{"wait": "59m45s"}, {"freeze": "FAKENW"}, {"wait": "30s"}, {"thaw": "FAKENW"}]
    run, verdict, journals = played(faults, transport)
    (history,) = run.histories
    assert (verdict.verdict, verdict.problems) == ("released", [])
    assert history.ended is not None
    assert 0 <= history.ended - (60 * MINUTE + 15 * SECOND) < SECOND // 10
    server = journals["server-FAKENW.jsonl"].records
    assert not [record for record in server if 59 * MINUTE + 45 * SECOND < record.t < 60 * MINUTE + 15 * SECOND]
    told = [
        (record["what"], record["server"], record.get("client")) for record in events(journals["runner.jsonl"], "fault")
    ]
    assert told == [("freeze", "FAKENW", None), ("thaw", "FAKENW", None)]


def test_a_frozen_server_does_not_see_a_connection_end() -> None:
    """Not before it goes on."""
    faults = [{"wait": "2m"}, {"freeze": "FAKENW"}, {"process-killed": "ws"}, {"wait": "2m"}, {"thaw": "FAKENW"}]
    run, verdict, _ = played(faults, "tcp")
    (history,) = run.histories
    assert (verdict.verdict, history.cause, history.ended) == ("reclaimed", "lost", 4 * MINUTE)


def test_the_timers_of_a_frozen_server_do_not_run() -> None:
    """Neither does it see that a client is idle, nor does its watchdog ask."""
    script = [*WORK[:2], {"wait": "20m"}, "apm.close", "nal.close"]
    faults = [{"wait": "4m"}, {"freeze": "FAKENW"}, {"wait": "6m"}, {"thaw": "FAKENW"}]
    _, _, journals = played(faults, "udp", script)
    assert [idle.t for idle in events(journals["server-FAKENW.jsonl"], "idle")] == [10 * MINUTE]
    faults = [{"power-off": "ws"}, {"freeze": "FAKENW"}, {"wait": "2h"}, {"thaw": "FAKENW"}]
    run, verdict, _ = played([{"wait": "1m"}, *faults], "udp", checks=[{"released": {"within": "3h"}}])
    (history,) = run.histories
    assert (verdict.verdict, history.cause) == ("reclaimed", "watchdog")
    assert history.ended is not None
    assert history.ended > 121 * MINUTE > MINUTE + GIVES_UP


def test_a_server_that_is_never_thawed_says_nothing_more() -> None:
    """Its journal ends in the middle: what became of the license cannot be told."""
    _, verdict, journals = played([{"wait": "2m"}, {"freeze": "fakenw"}], "udp")
    assert events(journals["server-FAKENW.jsonl"], "stop") == []
    assert verdict.verdict == "unknown"


def test_that_a_server_stood_still_is_told_of_its_connections() -> None:
    """The client could not give its license back, and so nobody did."""
    faults = [{"wait": "2m"}, {"freeze": "FAKENW"}, {"wait": "2h"}, {"thaw": "FAKENW"}]
    run, verdict, _ = played(faults, "udp", [*WORK, {"wait": "5h"}])
    text = "\n".join(story(Result(run, verdict)))
    assert verdict.verdict == "leaked"
    assert "0:02:00  the server stood still" in text
    assert "2:02:00  the server went on" in text


# A server that goes down

DOWN_AND_UP = [{"wait": "2m"}, {"server-down": "FAKENW"}, {"wait": "30s"}, {"server-up": "FAKENW"}]


@both
def test_a_server_that_goes_down_takes_everything_with_it(transport: str) -> None:
    """The license is nobody's any more: reclaimed, not leaked. Its next life begins empty, in the same journal."""
    run, verdict, journals = played(DOWN_AND_UP, transport)
    first, second = run.servers
    (history,) = first.histories
    assert (verdict.verdict, verdict.problems, verdict.notes) == ("reclaimed", [], [])
    assert verdict.reclaimed[0].reason == "the server went down, and started again with empty tables"
    assert (history.cause, history.ended, first.end) == (WENT_DOWN, 2 * MINUTE, 2 * MINUTE)
    assert verdict.reclaimed[0].held_for == pytest.approx(120, abs=0.1)
    journal = journals["server-FAKENW.jsonl"]
    assert [record.event for record in journal.records if record.event in ("start", "stop")] == ["start", "stop"] * 2
    assert (journal.records[second.line - 1].t, journal.records[second.line - 1]["held"]) == (0, 0)
    assert run.to_server(journals["runner.jsonl"], second, 3 * MINUTE) == 30 * SECOND
    assert "0:02:00  the server went down" in "\n".join(story(Result(run, verdict)))


@both
def test_the_client_comes_back_to_the_server(transport: str) -> None:
    """Its lines about the new connection belong to the server's second life, on that life's clock."""
    script = [OPEN, {"wait": "10m"}, CLOSE, OPEN, {"wait": "10m"}, CLOSE]
    run, verdict, _ = played(DOWN_AND_UP, transport, script)
    first, second = run.servers
    assert (verdict.verdict, len(first.histories)) == ("reclaimed", 1)
    (history,) = [history for history in second.histories if history.holdings]
    assert history.holdings[0].cause in ("logout", "destroy")
    (opened,) = history.client_lines("nal-open")
    assert 0 <= opened.t - history.created < SECOND
    assert 7 * MINUTE < opened.t < 8 * MINUTE


def test_a_server_that_is_down_has_no_timers() -> None:
    """It would have called its client idle."""
    _, _, journals = played([{"wait": "2m"}, {"server-down": "FAKENW"}, {"wait": "1h"}, {"server-up": "FAKENW"}], "udp")
    told = [record.event for record in journals["server-FAKENW.jsonl"].records]
    assert told[told.index("stop") : told.index("stop") + 2] == ["stop", "start"]


@both
def test_nobody_reaches_a_server_that_is_down(transport: str) -> None:
    """Over TCP the client is refused at once, over UDP nobody answers. Afterwards it gets its license."""
    faults = [{"server-down": "FAKENW"}, {"wait": "30s"}, {"server-up": "FAKENW"}]
    run, verdict, journals = played(faults, transport, [{"wait": "10s"}, OPEN, CLOSE, {"wait": "1m"}, OPEN, CLOSE])
    first, second = run.servers
    assert (len(first.histories), verdict.verdict) == (0, "unknown" if transport == "tcp" else "released")
    failed = [record["reason"] for record in events(journals["client-ws.jsonl"], "work-failed")]
    licensed = [history.created // SECOND for history in second.histories]
    assert (failed, licensed) == ((["unreachable"], [40]) if transport == "tcp" else ([], [1, 61]))


def test_a_stream_ends_with_the_server_that_it_leads_to() -> None:
    """What it repeated while the cable was cut does not reach the server's next life."""
    faults = [{"wait": "5s"}, {"cut": "ws"}, {"wait": "10s"}, {"server-down": "FAKENW"}, {"server-up": "FAKENW"}]
    run, _, journals = played([*faults, {"heal": "ws"}], "tcp", [{"wait": "10s"}, OPEN, {"wait": "1m"}])
    assert [server.histories for server in run.servers] == [[], []]
    assert [record["reason"] for record in events(journals["client-ws.jsonl"], "work-failed")] == ["gone"]


def test_a_server_that_stays_down_is_judged_as_one_that_was_stopped() -> None:
    """Its last word is who held what: nobody knows whether the client would have given it back."""
    run, verdict, _ = played([{"wait": "2m"}, {"server-down": "FAKENW"}], "tcp")
    (history,) = run.histories
    assert (history.ended, history.holdings[0].released, verdict.verdict) == (None, None, "unknown")


def a_server_of_two_lives(needed: float, stopped: bool) -> tuple[ServerBook, ClientBook]:
    """The client needs its license for so long; the server starts again after 1000 seconds."""
    server, client = ServerBook(), ClientBook()
    server.create(1, 1)
    server.login(2, 1)
    client.attach(2)
    client.say(3, "nal-open", path=PATH, owner="O")
    client.say(needed, "nal-close", path=PATH, owner="O")
    client.say(needed, "detach", by="NAL", forced=False)
    client.write(3000, "done")
    server.line(1000, "unsupported", 1)
    if stopped:
        server.stop(1000)
    server.begin(utc="2000-08-10T09:50:15.000000+00:00")  # 1200 seconds after the first
    server.create(10, 1, station="udp:10.0.0.9:1025")
    server.stop(2000)
    return server, client


@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.parametrize(("needed", "expected"), [(10, "leaked"), (900, "reclaimed"), (2000, "reclaimed")])
def test_a_life_that_another_follows(needed: float, expected: str, stopped: bool) -> None:
    """What was not given back in time while the server ran has leaked all the same; a crash is no other than a stop."""
    server, client = a_server_of_two_lives(needed, stopped)
    runner = RunnerBook(within=300, checks=[{"bounded": {"units": 0}}, "opens_balance"])
    verdict = judge(put_together(server, client, runner))
    assert (verdict.verdict, verdict.problems, verdict.undecided, verdict.failed) == (expected, [], [], [])
    assert bool(verdict.notes) is (needed < 1000)  # that the client let go of it, which the server did not see
    (held,) = verdict.leaked or verdict.reclaimed
    assert (held.history.cause, held.holding and held.holding.released) == (WENT_DOWN, 1000 * SECOND)
    assert held.reason.startswith("the server went down")


def test_the_books_of_two_lives_balance() -> None:
    """And the second knows nothing of the first: what it releases was never granted."""
    server, _ = a_server_of_two_lives(10, stopped=True)
    assert books_balance(server.journal()) == []
    server.lines.pop()  # the stop
    server.line(2000, "release", unit="connection:1")
    assert "was not held" in str(books_balance(server.journal())[0])


# Its clock


def test_a_clock_that_jumps_moves_nothing_else() -> None:
    """The wall time is another, the journal's is not, and the watchdog gives up when it would have."""
    jump = {"clock-jump": {"server": "FAKENW", "by": "-2h"}}
    server = server_of([{"wait": "2m"}, jump])
    assert server.utc(server.now) == (EPOCH + timedelta(microseconds=server.now, hours=-2)).replace(tzinfo=None)
    faults = [{"wait": "2m"}, {"power-off": "ws"}]
    ends: list[ConnectionHistory] = []
    for more in ([], [{"wait": "5m"}, jump], [{"wait": "5m"}, {"clock-jump": {"server": "FAKENW", "by": "30d"}}]):
        run, verdict, _ = played([*faults, *more], "udp", checks=[{"released": {"within": "30m"}}])
        assert (verdict.verdict, verdict.problems) == ("reclaimed", [])
        ends += run.histories
    assert {history.ended for history in ends} == {ends[0].last_request + GIVES_UP}


def test_after_its_next_start_the_clock_is_right_again() -> None:
    """It is asked of the network then."""
    jump = {"clock-jump": {"server": "FAKENW", "by": "1d"}}
    server = server_of([jump, {"server-down": "FAKENW"}, {"wait": "1m"}, {"server-up": "FAKENW"}])
    assert server.utc(0) == (EPOCH + timedelta(minutes=1)).replace(tzinfo=None)


# A router that answers for somebody

GONE = [{"wait": "1m"}, {"power-off": "ws"}]
PATIENT = [{"released": {"within": "3h"}}]


def spoofed(*faults: Any, transport: str = "udp") -> tuple[str, ConnectionHistory, Journal]:
    """The verdict on a machine that lost its power, and the connection it left."""
    run, verdict, journals = played([{"wait": "1m"}, *faults, *GONE], transport, checks=PATIENT)
    (history,) = run.histories
    answered = "0:01:00  from here a router answered the watchdog in its place"
    assert (answered in "\n".join(story(Result(run, verdict)))) is bool(faults)
    return verdict.verdict, history, journals["runner.jsonl"]


@pytest.mark.parametrize("transport", ["udp", "ipx"])
def test_a_router_keeps_a_dead_machine_alive(transport: str) -> None:
    """Nobody ever takes the license back: without the router the watchdog does."""
    verdict, history, journal = spoofed({"spoof": "ws"}, transport=transport)
    assert (verdict, history.ended, history.server_lines("watchdog")) == ("leaked", None, [])
    fault, _ = events(journal, "fault")
    assert (fault["what"], fault["client"], fault.get("for")) == ("spoof", "ws", None)
    assert spoofed(transport=transport)[0] == "reclaimed"


@pytest.mark.parametrize("transport", ["udp", "ipx"])
def test_a_router_that_stops_answering_lets_the_watchdog_find_out(transport: str) -> None:
    """After the last answer it takes as long as ever."""
    verdict, history, _ = spoofed({"spoof": {"client": "ws", "for": "1h"}}, transport=transport)
    assert (verdict, history.cause) == ("reclaimed", "watchdog")
    assert history.ended is not None
    assert 61 * MINUTE + GIVES_UP - ticks(5400) <= history.ended <= 61 * MINUTE + GIVES_UP


@pytest.mark.parametrize("transport", ["udp", "ipx"])
def test_a_router_is_about_one_machine_and_the_watchdog(transport: str) -> None:
    """Another machine is given up, and requests and replies pass."""
    clients = [{"name": name, "script": WORK} for name in ("ws", "other")]
    faults = [{"spoof": "ws"}, {"wait": "2m"}, {"power-off": "other"}]
    run, verdict, _ = played(faults, transport, clients=clients, checks=PATIENT)
    causes = {history.client.name: history.cause for history in run.histories if history.client}
    assert (causes, verdict.verdict) == ({"ws": "destroy", "other": "watchdog"}, "reclaimed")
