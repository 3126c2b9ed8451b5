"""Servers in processes that stand still or go down: real signals, and what memory says of the same."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import SECOND, Journal
from fakenw.server_process import ProcessGroup
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.text import Result, story
from harness.runners import memory, real_time
from harness.runners.backend import Failed
from harness.runners.journal_tail import JournalTail
from harness.runners.processes import Processes
from harness.scenario.schedule import ScheduledFault
from tests.harness.handmade_journals import ServerBook
from tests.harness.memory_run import WORK, events, planned

pytestmark = pytest.mark.process

OPEN, CLOSE = WORK[0], "nal.close"
both = pytest.mark.parametrize("transport", ["udp", "tcp"])


def carry_out(
    folder: Path, faults: list[Any], transport: str, script: list[Any], **more: Any
) -> tuple[RunHistory, str, dict[str, Journal]]:
    """Run it in processes: the run, what is said about it, and its journals. Memory is of the same opinion."""
    plan = planned(faults, transport, script, **more)
    journals = real_time.run(plan, folder, Processes(), threading.Event())
    run = RunHistory.of(journals)
    verdict = judge(run)
    told = "\n".join([verdict.verdict, *story(Result(run, verdict))])
    assert verdict.verdict == judge(RunHistory.of(memory.run(plan))).verdict, told
    return run, told, {Path(journal.name).name: journal for journal in journals}


@both
def test_a_server_goes_down_and_comes_up_again(transport: str, tmp_path: Path) -> None:
    """Its journal goes on, its addresses stay, and the client that comes back is licensed anew."""
    faults = [{"wait": "500ms"}, {"server-down": "FAKENW"}, {"wait": "100ms"}, {"server-up": "FAKENW"}]
    start = {"wait": "15s"}  # ample on a machine with other work: a connect over TCP does not wait for the server
    run, told, journals = carry_out(tmp_path, faults, transport, [OPEN, {"wait": "1s"}, CLOSE, start, OPEN, CLOSE])
    first, second = run.servers
    assert told.startswith("reclaimed"), told
    assert "the server went down, and started again with empty tables" in told
    server = journals["server-FAKENW.jsonl"]
    assert [record.event for record in server.records if record.event in ("start", "stop")] == ["start", "stop"] * 2
    licensed = [
        [holding.cause for history in part.histories for holding in history.holdings] for part in (first, second)
    ]
    assert licensed[0] == ["server-down"]
    assert licensed[1] in (["logout"], ["destroy"])
    (history,) = [history for history in second.histories if history.holdings]
    (opened,) = history.client_lines("nal-open")
    assert abs(opened.t - history.created) < SECOND  # the clocks of both lives are understood
    faults_told = [(record["what"], record["server"]) for record in events(journals["runner.jsonl"], "fault")]
    assert faults_told == [("server-down", "FAKENW"), ("server-up", "FAKENW")]


def test_a_server_has_come_up_when_it_answers(tmp_path: Path) -> None:
    """The run does not end before, though nobody needs the server any more."""
    faults = [{"wait": "1s"}, {"server-down": "FAKENW"}, {"server-up": "FAKENW"}]
    run, told, _ = carry_out(tmp_path, faults, "udp", [OPEN, CLOSE])
    assert told.startswith("released"), told
    assert [server.holders is not None for server in run.servers] == [True, True]


@both
def test_a_server_stands_still(transport: str, tmp_path: Path) -> None:
    """What is sent to it waits, and is carried out when it goes on."""
    faults = [{"wait": "500ms"}, {"freeze": "fakenw"}, {"wait": "1500ms"}, {"thaw": "fakenw"}]
    run, told, journals = carry_out(tmp_path, faults, transport, [OPEN, {"wait": "1s"}, CLOSE, {"wait": "1s"}])
    assert told.startswith("released"), told
    (history,) = run.histories
    stopped, went_on = (
        run.to_server(journals["runner.jsonl"], history.server, record.t)
        for record in events(journals["runner.jsonl"], "fault")
    )
    assert history.ended is not None
    assert history.ended > went_on - SECOND // 100
    meanwhile = range(stopped + SECOND // 4, went_on - SECOND // 100)
    assert not [record for record in journals["server-FAKENW.jsonl"].records if record.t in meanwhile]


def test_a_server_that_stands_still_to_the_end_is_no_hindrance(tmp_path: Path) -> None:
    """It is ended all the same, without a last word."""
    checks = [{"released": {"within": "500ms"}}]
    faults = [{"wait": "500ms"}, {"freeze": "FAKENW"}]
    run, told, journals = carry_out(tmp_path, faults, "udp", [OPEN, {"wait": "1s"}], checks=checks)
    assert told.startswith("unknown"), told
    assert events(journals["server-FAKENW.jsonl"], "stop") == []
    assert [record.event for record in journals["runner.jsonl"].records][-1] == "end"
    assert run.runner_lines("failed") == []


def test_who_follows_a_journal_knows_nobody_after_a_second_start(tmp_path: Path) -> None:
    """Who was idle when the server went down holds nothing any more."""
    book = ServerBook()
    book.create(1, 1)
    book.login(2, 1)
    book.line(500, "idle", 1, since=200.0, files=0)
    path = tmp_path / "journal"
    for held, idle in ((1, [200 * SECOND]), (0, [])):
        path.write_text("".join(record.line() for record in book.lines))
        tail = JournalTail(path)
        tail.catch_up()
        assert (tail.fold.held, [one.idle and one.idle.since for one in tail.fold.connections.values()]) == (held, idle)
        assert tail.idle
        book.begin()


def test_a_license_that_is_kept_for_nobody_is_not_idle(tmp_path: Path) -> None:
    """Idle is one whose holders all are, and there are some; where nothing is held nothing is in use."""
    book, path = ServerBook("ual"), tmp_path / "journal"
    tail, seen = JournalTail(path), []
    assert not tail.catch_up()
    steps: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (book.create, (1, 1)),
        (book.login, (2, 1)),
        (book.line, (500, "idle", 1)),
        (book.leave, (501, 1)),
    ]
    for write, given in steps:
        write(*given)
        path.write_text("".join(record.line() for record in book.lines))
        assert (tail.catch_up(), tail.catch_up()) == (True, False)
        seen.append((tail.fold.held, tail.idle))
    assert seen == [(0, True), (1, False), (1, True), (1, False)]


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        ("drop", "drop: processes share one network; --on memory can do that"),
        ("reorder", "reorder: processes share one network; --on memory can do that"),
        ("duplicate", "duplicate: processes share one network; --on containers can do that"),
        ("spoof", "spoof: there is no router between processes; --on memory can do that"),
        ("clock-jump", "clock-jump: processes share the clock of their computer; --on memory can do that"),
    ],
)
def test_what_processes_cannot_do(verb: str, reason: str, tmp_path: Path) -> None:
    """It is not passed over in silence: the run fails, and says where it can be done."""
    host = ProcessGroup(sys.executable, "-c", "", name="ws")
    try:
        with pytest.raises(Failed) as caught:
            Processes().inject(ScheduledFault(0, verb, "client", "ws", {}), host)
        assert str(caught.value) == reason
    finally:
        host.stop()


def test_what_cannot_be_done_makes_the_verdict_unknown(tmp_path: Path) -> None:
    """With the reason, and nobody is left behind."""
    plan = planned([{"clock-jump": {"server": "FAKENW", "by": "-1h"}}], "tcp", [OPEN, {"wait": "2s"}, CLOSE])
    verdict = judge(RunHistory.of(real_time.run(plan, tmp_path, Processes(), threading.Event())))
    assert verdict.verdict == "unknown"
    assert "clock-jump: processes share the clock of their computer" in verdict.reason
