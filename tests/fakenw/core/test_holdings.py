"""What an operator is told that a connection holds: open files, logical records, semaphores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.wire.layout import Request
from fakenw.wire.requests import files, holdings, semaphores
from fakenw.wire.requests import synchronization as sync

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
ASKING = (holdings.GetOpenFiles, holdings.GetLogicalRecords, holdings.GetSemaphores)


def told(station: Station, request: Request[Any]) -> tuple[int, int, bytes]:
    """Where the next portion begins, how many records this one has, and their bytes."""
    found = holdings.HeldRecords.decode(station.call(request).data)
    return found.next, found.count, found.records


@pytest.fixture
def two(open_stage: OpenStage, transport: str) -> tuple[Station, Station]:
    """A station that holds something of everything, and an operator's."""
    stage = open_stage("nls")
    joe, operator = (stage.station(f"{transport}:10.0.0.{host}:1025") for host in (1, 2))
    joe.licensed("JOE", "SECRET")
    for request in (
        *(files.CreateFile(0, 0, "SYS:ONE.DAT"), files.OpenFile(0, 6, 0x0B, "SYS:PUBLIC/TWO.DAT")),
        *(sync.LogFile(0, 1, 0, "SYS:ONE.DAT"), sync.LogLogicalRecord(1, 0, "A"), sync.LogLogicalRecord(3, 0, "BB")),
        *(sync.LogLogicalRecord(0, 0, "C"), semaphores.OpenSemaphore(2, "GATE")),
    ):
        joe.call(request, task=2)
    return joe, operator.licensed("SUPERVISOR")


def test_open_files(two: tuple[Station, Station]) -> None:
    """Task, sharing, access, lock, volume, directory, entry, name."""
    joe, operator = two
    _, count, records = told(operator, holdings.GetOpenFiles(joe.number, 0))
    first = holdings.HeldFile.decode(records)
    assert (count, first.task, first.kind, first.access, first.lock) == (1, 2, 1, 3, 0xFE)
    assert (first.volume, first.parent, first.forks, first.name) == (0, 0, 1, "ONE.DAT")
    assert joe.code(sync.ReleaseFile(0, "SYS:ONE.DAT"), task=2) == 0
    handle = files.OpenedFile.decode(joe.call(files.OpenOrCreateFile(0, 0, 0x0B, 0x11, "SYS:PUBLIC/TWO.DAT")).data)
    assert handle.name == "TWO.DAT"
    _, count, records = told(operator, holdings.GetOpenFiles(joe.number, 1))
    second = holdings.HeldFile.decode(records)
    assert (count, second.task, second.kind, second.access, second.lock) == (1, 1, 3, 0x0B, 0)
    assert second.parent not in (0, second.entry)
    assert told(operator, holdings.GetOpenFiles(joe.number, 2)) == (0, 0, b"")


def test_logical_records_and_semaphores(two: tuple[Station, Station]) -> None:
    """Locked exclusive 0, shareable 1, logged 2; the opens of a semaphore are those of all connections."""
    joe, operator = two
    records = b"\2\0\0\1A" + b"\2\0\1\2BB" + b"\2\0\2\1C"
    assert told(operator, holdings.GetLogicalRecords(joe.number, 0)) == (0, 3, records)
    assert operator.code(semaphores.OpenSemaphore(0, "GATE")) == 0
    assert told(operator, holdings.GetSemaphores(joe.number, 0)) == (0, 1, b"\2\0\2\0\2\0\4GATE")


def test_a_long_list_comes_in_portions(two: tuple[Station, Station]) -> None:
    """Each fits into the client's buffer; the last one says that it is the last."""
    joe, operator = two
    for number in range(100):
        assert joe.code(sync.LogLogicalRecord(0, 0, f"RECORD{number:04}")) == 0
    found, first = 0, 0
    while True:
        behind, count, records = told(operator, holdings.GetLogicalRecords(joe.number, first))
        assert len(records) <= 500
        found += count
        assert behind in (0, first + count)
        if not behind:
            break
        first = behind
    assert found == 103


@pytest.mark.parametrize("layout", ASKING)
def test_who_may_ask(two: tuple[Station, Station], layout: type[Any]) -> None:
    """An operator for any connection, and each for its own (inferred)."""
    joe, operator = two
    assert joe.code(layout(operator.number, 0)) == 0xC6
    assert joe.code(layout(joe.number, 0)) == 0
    assert operator.code(layout(99, 0)) == (0xFF if layout is holdings.GetOpenFiles else 0xFD)
