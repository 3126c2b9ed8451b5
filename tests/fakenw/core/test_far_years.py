"""The years 2079 and after: a server says what it can say, up to the end of DOS's dates, and never fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakenw.core.services.paths import from_dos_time
from fakenw.core.wall_clock import LAST
from fakenw.journal.record import SECOND
from fakenw.wire.requests import connection, files, server
from fakenw.wire.requests.server import SetServerTime
from tests.fakenw import stage as stages
from tests.fakenw.file_station import Client
from tests.fakenw.stage import Stage, Station

NEW = "SYS:NEW.TXT"


def begun(monkeypatch: pytest.MonkeyPatch, when: datetime, **more: Any) -> tuple[Stage, Station]:
    """A server that starts at *when*, and a licensed station of it."""
    monkeypatch.setattr(stages, "UTC_START", when.replace(tzinfo=UTC))
    stage = Stage("nls", tree="TREE", **more)
    return stage, stage.station("udp:10.0.0.1:1025").licensed("JOE", "SECRET")


def told(station: Station) -> tuple[datetime | None, datetime | None, datetime]:
    """The server's time, that of the login, and that of a new file, as the station reads them."""
    client = Client(station)
    if client.opens(NEW):
        client.make(NEW)
    found = client.ask(files.SearchFile(0xFFFF, 0, 6, NEW))
    login = client.ask(connection.GetStationInfo(station.number)).login_time
    return client.ask(server.GetServerTime()).now, login, from_dos_time(found.modified, found.modified_time)


@pytest.mark.parametrize("year", [1980, 2000, 2028, 2069, 2070, 2079, 2080, 2099, 2100, 2106, 2107])
def test_years_that_dos_can_say(monkeypatch: pytest.MonkeyPatch, year: int) -> None:
    """A byte holds the year since 1900; clients read one below 80 only as of the next century."""
    when = datetime(year, 11, 30, 23, 59, 58)
    _, station = begun(monkeypatch, when)
    assert told(station) == (when, when, when)


@pytest.mark.parametrize("when", [datetime(2108, 2, 29), datetime(2156, 2, 29), datetime(9999, 12, 31, 23, 59, 59)])
def test_after_that_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch, when: datetime) -> None:
    """The server's own time runs on, and so do its deadlines: a silent station is cleared."""
    stage, station = begun(monkeypatch, when)
    assert told(station) == (LAST, LAST, LAST)
    stage.wait(3600)
    assert stage.held == 0


def test_the_turn_of_the_last_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is written and a user logs in on either side of it."""
    stage, station = begun(monkeypatch, LAST - timedelta(seconds=1))
    stage.wait(60)
    assert station.login("ANN") == 0
    assert told(station)[:2] == (LAST, LAST)


def test_set_to_the_first_year_after_a_long_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server at 100,000 times the speed has lived for four thousand years; an earlier moment is 1980's first."""
    stage, station = begun(monkeypatch, datetime(2000, 1, 1), watchdog=None)
    stage.wait(4000 * 366 * 86400)
    assert told(station)[0] == LAST
    operator = stage.station("udp:10.0.0.2:1025").licensed("SUPERVISOR")
    assert operator.code(SetServerTime(80, 1, 1, 0, 0, 0)) == 0
    assert told(station)[:2] == (datetime(1980, 1, 1), datetime(1980, 1, 1))
    assert stage.records[-1].t >= 4000 * 366 * 86400 * SECOND
