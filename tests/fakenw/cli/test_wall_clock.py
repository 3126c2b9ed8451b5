"""The wall clock of the computer is set while a server runs: no deadline is early or late, and its time runs on."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor

from fakenw.journal.record import SECOND, read
from fakenw.transports.monotonic_clock import go_by_monotonic_clock
from harness.judge.audit import books_balance
from tests.fakenw.administered_server import DEADLINE, Client, Served, wait_for

HOUR = 3600
# ``fakenw serve`` on a computer whose wall clock is set: SIGUSR1 six hours forward, SIGUSR2 six hours back.
SET_CLOCK = """
import signal, sys, time
true, offset = time.time, 0
def step(by):
    global offset
    offset += by
time.time = lambda: true() + offset
signal.signal(signal.SIGUSR1, lambda *_: step(6 * 3600))
signal.signal(signal.SIGUSR2, lambda *_: step(-6 * 3600))
from fakenw.cli.main import main
sys.argv[0] = "fakenw"
main()
"""
PROGRAM = (sys.executable, "-c", SET_CLOCK, "serve")


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2], ids=["forward", "back"])
def test_the_wall_clock_is_set(tmp_path: Path, number: int) -> None:
    """A silent client is not cleared hours early, and a deadline of half a minute is met although the clock is back."""
    with Served(
        tmp_path, "--idle-after", "3600", "--watchdog", "15.7,9.9,5", "--speed", "30", program=PROGRAM
    ) as server:
        client = Client(server, "udp")
        server.process.send_signal(number)
        before = server.get("/api/server")
        assert before["t"] < HOUR
        assert before["held"] == 1
        wait_for(lambda: client.asked)  # the watchdog, after 15.7 s of its time
        after = server.get("/api/server")
        assert before["t"] < after["t"] < HOUR
        assert after["held"] == 1
        client.close()
        assert server.stop(DEADLINE) == 0
    journal = read(server.journal)
    times = [record.t for record in journal.records]
    assert times == sorted(times)
    assert times[-1] < HOUR * SECOND
    assert not {"idle", "watchdog"} & {record.event for record in journal.records}
    assert books_balance(journal) == []


@pytest.mark.process
@pytest.mark.parametrize("speed", [0.1, 100_000])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_slow_and_fast_servers(tmp_path: Path, speed: float, transport: str) -> None:
    """A live client keeps its license and gives it back, whatever a second of the server is."""
    with Served(tmp_path, "--speed", str(speed)) as server:
        client = Client(server, transport)
        begun = server.get("/api/server")["t"]
        if transport == "udp" and speed > 1:
            wait_for(lambda: client.asked > 1)  # twice within seconds
        now = wait_for(lambda: (found := server.get("/api/server"))["t"] > begun and found)
        assert now["held"] == 1
        client.close()
        assert server.stop(DEADLINE) == 0
    journal = read(server.journal)
    assert journal.records[0]["speed"] == speed
    assert books_balance(journal) == []


def test_what_is_scheduled_keeps_its_delay() -> None:
    """A reactor that is told later, and told twice."""
    reactor: Any = EPollReactor()  # type: ignore[no-untyped-call]
    call = reactor.callLater(60, lambda: None)
    for _ in range(2):
        go_by_monotonic_clock(reactor)
        assert 0 < call.getTime() - reactor.seconds() <= 60
    later = reactor.callLater(30, lambda: None)
    assert 0 < later.getTime() - reactor.seconds() <= 30
    assert 0 < reactor.timeout() <= 30
    for one in (call, later):
        one.cancel()
    reactor.removeAll()
