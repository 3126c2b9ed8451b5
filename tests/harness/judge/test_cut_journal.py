"""A journal whose first records are forgotten: with the beginning that is made up it tells what the whole one tells."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fakenw.admin.operations import Administration
from fakenw.journal.fold import Fold, Holding, ServiceConnection
from fakenw.journal.record import SECOND, Journal, Record
from harness.judge.audit import books_balance
from harness.judge.cut_journal import completed
from harness.judge.history import RunHistory
from tests.fakenw.stage import POLICIES, Stage, Station

NAMES = [*(f"udp:10.0.0.{host}:1025" for host in (1, 2, 3)), *(f"tcp:10.0.0.{host}:40001" for host in (4, 5))]
PASSWORDS = {"GUEST": "", "JOE": "SECRET", "ANN": ""}


def snapshots(stage: Stage) -> tuple[Any, ...]:
    """What the server says of itself."""
    administration = operator(stage)
    return administration.about(), administration.licenses(), administration.connections()


def operator(stage: Stage) -> Administration:
    return Administration(stage.server, lambda: stage.now, stage.delivery.act)


def lived(policy: str, seed: int, **more: Any) -> tuple[Stage, int, tuple[Any, ...]]:
    """A server with random clients: it, and what it said of itself when it had written so many records."""
    random, stage = Random(seed), Stage(policy, licenses=3, **more)
    stations = [stage.station(name) for name in NAMES]
    at, said = 0, snapshots(stage)
    for step in range(60):
        if step == 40:
            at, said = len(stage.records), snapshots(stage)
        act(random, stage, random.choice(stations))
    return stage, at, said


def act(random: Random, stage: Stage, station: Station) -> None:
    """Something that a client, time or an operator does."""
    there = stage.find(station.name)
    if there is None:
        station.create()
        return
    match random.choice(["login", "login", "logout", "state", "open", "destroy", "lost", "clear", "wait"]):
        case "login":
            user = random.choice(list(PASSWORDS))
            station.login(user, PASSWORDS[user])
        case "logout":
            station.logout()
        case "state":
            station.change(random.randrange(2))
        case "open":
            station.open()
        case "destroy":
            station.destroy()
        case "lost" if station.tcp:
            station.lost()
        case "clear":
            clear(stage, there.number)
        case "wait":
            stage.wait(random.choice([0.5, 300, 600]))


def clear(stage: Stage, number: int) -> None:
    """As an operator does."""
    operator(stage).do(f"connections/{number}/clear", {}, "127.0.0.1:40000")


def all_holdings(records: list[Record]) -> list[tuple[int, ServiceConnection, Holding]]:
    """Every holding with its connection, and the line that ended it (one beyond the last where none did)."""
    fold, found, held = Fold(), list[tuple[int, ServiceConnection, Holding]](), dict[int, Holding]()
    for line, record in enumerate(records, 1):
        connection = fold.saw(record)
        before = held.pop(connection.serial, None) if connection else None
        if connection and before and connection.holding is not before:
            found.append((line, connection, before))
        if connection and connection.holding:
            held[connection.serial] = connection.holding
    return found + [(len(records) + 1, fold.connections[serial], holding) for serial, holding in held.items()]


def told(history: ServiceConnection, holding: Holding) -> tuple[object, ...]:
    """What must be known of a holding: whose it is, and how it ended."""
    user = history.user if holding.released is None else None
    return history.serial, history.station, history.connection, user, holding.released, holding.cause


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("policy", POLICIES)
def test_whatever_was_held_is_seen(policy: str, seed: int) -> None:
    """Wherever the journal is cut: each holding that had not ended, as the whole journal has it; the books balance."""
    stage, at, said = lived(policy, seed)
    records = stage.records
    holdings = all_holdings(records)
    for cut in range(1, at):
        journal = completed(Journal("rest", records[cut:]), *said)
        run = RunHistory.of([journal])
        expected = {told(connection, holding) for line, connection, holding in holdings if line > cut}
        assert {told(history, holding) for history in run.histories for holding in history.holdings} == expected, cut
        assert [str(problem) for problem in books_balance(journal)] == [], cut


def test_what_is_held_since_before_and_silent() -> None:
    """Since when, by whom, and when it made its last request: from what the server says."""
    stage = Stage("nls")
    stage.wait(5)
    silent = stage.station(NAMES[0]).licensed("JOE", "SECRET")
    stage.wait(10)
    assert silent.open() == 0
    cut = len(stage.records)
    stage.station(NAMES[1]).licensed()
    run = RunHistory.of([completed(Journal("rest", stage.records[cut:]), *snapshots(stage))])
    first, second = run.histories
    assert (first.user, second.user) == ("JOE", "GUEST")
    assert [holding.granted for holding in first.holdings] == [5 * SECOND]
    assert (first.holdings[0].released, first.last_request) == (None, 15 * SECOND)
    (server,) = run.servers
    assert (server.name, server.policy.name, server.limit, server.clock.speed) == ("FAKENW", "nls", 5, 1)
    assert server.clock.utc == RunHistory.of([Journal("whole", stage.records)]).servers[0].clock.utc


def test_units_that_are_kept_are_out() -> None:
    """Without a connection they are nobody's, but count."""
    stage = Stage("nls", keep_cleared=1000 * SECOND)
    stage.station(NAMES[0]).licensed()
    clear(stage, 1)
    cut = len(stage.records)
    stage.station(NAMES[1]).licensed()
    stage.wait(2000)
    journal = completed(Journal("rest", stage.records[cut:]), *snapshots(stage))
    assert books_balance(journal) == []
    assert [record["held"] for record in journal.records if record.event == "release"] == [1, 0]


def test_nothing_is_left_of_the_journal() -> None:
    """The server forgets everything but the release whose reason is forgotten."""
    stage = Stage("nls")
    station = stage.station(NAMES[0]).licensed()
    assert station.logout() == 0
    assert stage.records[-1].event == "release"
    journal = completed(Journal("rest", stage.records[-1:]), *snapshots(stage))
    assert [record.event for record in journal.records] == ["start", "create", "state"]
    assert next(RunHistory.of([journal]).histories).holdings == []
