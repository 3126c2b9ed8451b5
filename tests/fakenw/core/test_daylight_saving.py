"""Daylight saving: the zone of the computer changes nothing; an hour that is there twice is twice an hour."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fakenw.journal.record import SECOND, Journal
from fakenw.volumes.host_directory import Folder
from fakenw.wire.requests.server import GetServerTime
from harness.judge.history import RunHistory
from tests.fakenw import stage as stages
from tests.fakenw.file_station import Client
from tests.fakenw.stage import Stage

HALF = 1800  # seconds
AUTUMN = datetime(2000, 10, 29, 0, 15, tzinfo=UTC)  # 2:15 of summer in Berlin; at 1:00 UTC it is 2:00 again
SPRING = datetime(2000, 3, 26, 0, 15, tzinfo=UTC)  # 1:15 of winter; at 1:00 UTC it is 3:00


@pytest.fixture(params=["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The computer is there."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield str(request.param)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("begin", [AUTUMN, SPRING], ids=["autumn", "spring"])
def test_the_server_s_time_runs_on(zone: str, begin: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is UTC, in its replies and in the journal: half an hour later it is half an hour later."""
    monkeypatch.setattr(stages, "UTC_START", begin)
    stage = Stage(watchdog=None)
    station = stage.station("udp:10.0.0.1:1025").licensed()
    told = []
    for _ in range(4):
        told.append(Client(station).ask(GetServerTime()).now)
        stage.wait(HALF)
    assert told == [begin.replace(tzinfo=None) + timedelta(seconds=n * HALF) for n in range(4)]
    assert stage.records[0]["utc"] == begin.isoformat(timespec="microseconds")
    assert [record.t for record in stage.events("idle")] == [300 * SECOND + n * HALF * SECOND for n in range(4)]


def test_the_times_of_files(zone: str, tmp_path: Path) -> None:
    """Of either hour that Berlin calls half past two."""
    times = [AUTUMN + timedelta(minutes=15), AUTUMN + timedelta(minutes=75)]
    for number, moment in enumerate(times):
        path = tmp_path / f"{number}.TXT"
        path.touch()
        os.utime(path, (moment.timestamp(), moment.timestamp()))
    found = [Folder(tmp_path).find(f"{number}.TXT").modified for number in (0, 1)]
    assert found == [moment.replace(tzinfo=None) for moment in times]


@pytest.mark.parametrize(
    ("begin", "shown"),
    [
        (AUTUMN, ["2000-10-29 02:15:00 CEST", "2000-10-29 02:45:00 CEST", "2000-10-29 02:15:00 CET"]),
        (SPRING, ["2000-03-26 01:15:00 CET", "2000-03-26 01:45:00 CET", "2000-03-26 03:15:00 CEST"]),
    ],
)
def test_a_sentence_names_the_zone(
    zone: str, begin: datetime, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the two hours can be told apart."""
    monkeypatch.setattr(stages, "UTC_START", begin)
    (server,) = RunHistory.of([Journal("server-FAKENW.jsonl", Stage().records)]).servers
    server.zone = ZoneInfo("Europe/Berlin")
    assert [server.at(n * HALF * SECOND) for n in range(3)] == shown
