"""A workstation's day: what a client of a NetWare 5 tree does from its start to its end, signed and not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from fakenw.wire.packet import Code
from fakenw.wire.requests import files, synchronization
from fakenw.wire.requests.connection import ChangeConnectionState
from fakenw.wire.requests.directories import ContinueFileSearch, InitializeFileSearch
from tests.fakenw.file_station import ALL, DENY_READ, DENY_WRITE, READ, WRITE, Client
from tests.fakenw.login_ways import nds_login

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]


@pytest.mark.parametrize("signed", [True, False])
def test_a_day(open_stage: OpenStage, transport: str, signed: bool) -> None:
    """One license from the morning to the evening, whatever is done with it, and nothing is left."""
    stage = open_stage("nls", signatures=3 if signed else 0)
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert station.negotiate(2) == (2 if signed else 0)
    login = nds_login(station, "SECRET", signed=signed)
    if signed:
        assert login.root is not None
        station.signs(login.root)
    assert stage.held == 0
    joe = Client(station)
    joe.ask(ChangeConnectionState(1))
    drive = joe.ask(files.AllocatePermanentHandle(0, ord("F"), "SYS:PUBLIC")).handle
    start = joe.ask(InitializeFileSearch(drive, ""))
    found = joe.ask(ContinueFileSearch(start.volume, start.directory_id, start.sequence, ALL, "*.*"))
    assert found.name

    letter = joe.ask(files.CreateFile(drive, 0, "LETTER.TXT")).handle
    joe.close(letter)
    assert joe.code(synchronization.LogFile(drive, 1, 0, "LETTER.TXT")) == 0
    letter = joe.ask(files.OpenFile(drive, ALL, READ | WRITE | DENY_READ | DENY_WRITE, "LETTER.TXT")).handle
    assert joe.put(letter, 0, b"Dear ANN") == 0
    assert joe.get(letter) == b"Dear ANN"
    ann = Client(stage.station(f"{transport}:10.0.0.2:1025").attached())
    if not signed:
        assert ann.station.login("ANN") == 0
        assert ann.opens("SYS:PUBLIC/LETTER.TXT") == Code.IN_USE
        assert ann.station.logout() == 0
    joe.close(letter)
    assert joe.code(synchronization.ClearFile(drive, "LETTER.TXT")) == 0
    assert joe.code(files.RenameFile(drive, ALL, "LETTER.TXT", drive, "SENT.TXT")) == 0
    assert joe.code(files.EraseFile(drive, ALL, "SENT.TXT")) == 0
    assert joe.opens("SYS:PUBLIC/SENT.TXT") == Code.FAILURE
    assert joe.code(files.FreeDirectoryHandle(drive)) == 0
    assert (stage.held, [line["how"] for line in stage.events("login") if line["user"] == "JOE"]) == (1, ["nds"])
    assert station.logout() == 0
    assert stage.held == 0
    assert station.destroy().completion == 0
    assert stage.state(station.name) == "gone"
    assert [line["cause"] for line in stage.events("release") if line["user"] == "JOE"] == ["logout"]
    assert not stage.events("bad-signature")
