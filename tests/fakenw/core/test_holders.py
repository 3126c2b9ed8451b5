"""What an operator is told of a file, a part of it, a record or a semaphore: who has it; paths as numbers and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.wire import packet as ncp
from fakenw.wire.layout import Request
from fakenw.wire.packet import RequestPacket
from fakenw.wire.requests import directories, files, holdings, semaphores
from fakenw.wire.requests import synchronization as sync

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
FILE = "SYS:PUBLIC/ONE.DAT"


@pytest.fixture
def three(open_stage: OpenStage, transport: str) -> tuple[Station, Station, Station]:
    """JOE, whose task 2 has made the file and has it open; ANN; and an operator."""
    stage = open_stage("nls")
    joe, ann, operator = (stage.station(f"{transport}:10.0.0.{host}:1025") for host in (1, 2, 3))
    joe.licensed("JOE", "SECRET").call(files.CreateFile(0, 0, FILE), task=2)
    return joe, ann.licensed("ANN"), operator.licensed("SUPERVISOR")


def entry_of(operator: Station, path: str = FILE) -> tuple[int, int]:
    """The volume and the number of an entry."""
    found = holdings.EntryNumber.decode(operator.call(holdings.MapPathToNumber(0, path)).data)
    return found.volume, found.entry


def opened(station: Station, access: int, task: int = 1) -> bytes:
    return files.OpenedFile.decode(station.call(files.OpenFile(0, 6, access, FILE), task).data).handle


def number(station: Station) -> bytes:
    return station.number.to_bytes(2, "little")


def locked(station: Station, request: Request[Any], task: int = 1) -> None:
    assert station.code(request, task=task) == 0


def test_holders_of_a_file(three: tuple[Station, Station, Station]) -> None:
    """JOE's task 2 reads and writes, ANN reads and denies nothing, and JOE's task 3 has logged it, then locks it."""
    joe, ann, operator = three
    opened(ann, 0x01)
    locked(joe, sync.LogFile(0, 0, 0, FILE), task=3)
    asked = holdings.GetFileHolders(0, *entry_of(operator), 0)
    found = holdings.FileHolders.decode(operator.call(asked).data)
    opens = number(joe) + b"\2\0\1\3\0" + number(ann) + b"\1\0\1\1\0"
    assert found == holdings.FileHolders(0, 3, 2, 2, 1, 0, 0, 0, 1, 3, opens + number(joe) + b"\3\0\2\0\0")
    locked(joe, sync.LogFile(0, 3, 0, FILE), task=3)
    found = holdings.FileHolders.decode(operator.call(asked).data)
    assert (found.locked, found.count) == (0xFE, 3)
    assert found.records[:7] == number(joe) + b"\2\0\1\3\xfe"
    assert found.records[14:] == number(joe) + b"\3\0\0\0\xfe"
    assert operator.code(holdings.GetFileHolders(1, *entry_of(operator), 0)) == 0xFF  # of another data stream


def test_denials_are_counted(three: tuple[Station, Station, Station]) -> None:
    joe, ann, operator = three
    joe.code(files.CloseFile(0, b"\0\0\0\0\0\1"))
    assert operator.code(holdings.GetFileHolders(0, *entry_of(operator), 0)) == 0xFF
    opened(ann, 0x0D)
    found = holdings.FileHolders.decode(operator.call(holdings.GetFileHolders(0, *entry_of(operator), 0)).data)
    assert (found.opens, found.reading, found.writing, found.deny_reading, found.deny_writing) == (1, 1, 0, 1, 1)
    assert found.records == number(ann) + b"\1\0\3\x0d\0"


def test_physical_records(three: tuple[Station, Station, Station]) -> None:
    """Of one connection, and of all; the end is the last byte, also of a record that ends with its file."""
    joe, ann, operator = three
    mine, hers = opened(joe, 3, task=2), opened(ann, 3)
    locked(joe, sync.LogPhysicalRecord(3, mine, 0x10, 8, 0), task=2)
    locked(ann, sync.LogPhysicalRecord(3, hers, 0x10, 8, 0))
    locked(ann, sync.LogPhysicalRecord(0, hers, 0x20, 0, 0))
    there = 0, *entry_of(operator), 0
    found = holdings.HeldRecords.decode(operator.call(holdings.GetPhysicalRecords(ann.number, *there)).data)
    part, rest = b"\x10\0\0\0\x17\0\0\0", b"\x20\0\0\0\xff\xff\xff\xff"
    assert (found.next, found.count, found.records) == (0, 2, b"\1\0\1" + part + b"\1\0\2" + rest)
    found = holdings.HeldRecords.decode(operator.call(holdings.GetPhysicalRecordHolders(*there)).data)
    assert (found.next, found.count) == (0, 3)
    assert found.records[:34] == b"".join(
        b"\2\0\2\0" + part + number(who) + task + b"\1" for who, task in ((joe, b"\2\0"), (ann, b"\1\0"))
    )
    assert found.records[34:] == b"\1\0\0\0" + rest + number(ann) + b"\1\0\2"
    there = 0, *entry_of(operator), 1
    found = holdings.HeldRecords.decode(operator.call(holdings.GetPhysicalRecords(ann.number, *there)).data)
    assert (found.next, found.count, found.records) == (0, 1, b"\1\0\2" + rest)
    assert operator.code(holdings.GetPhysicalRecords(operator.number, *there)) == 0xFF  # has not opened it


def test_logical_records(three: tuple[Station, Station, Station]) -> None:
    """Shared locks, connections that use the record, whether it is locked exclusively; then each task."""
    joe, ann, operator = three
    asked = holdings.GetLogicalRecordHolders(0, "RECORD")
    assert operator.code(asked) == 0xFF
    locked(joe, sync.LogLogicalRecord(3, 0, "RECORD"))
    locked(joe, sync.LogLogicalRecord(0, 0, "RECORD"), task=2)
    locked(ann, sync.LogLogicalRecord(3, 0, "RECORD"))
    records = number(joe) + b"\1\0\1" + number(joe) + b"\2\0\2" + number(ann) + b"\1\0\1"
    assert operator.call(asked).data == b"\2\0\2\0\0\0\0\3\0" + records
    locked(ann, sync.ClearLogicalRecord("RECORD"))
    locked(joe, sync.LogLogicalRecord(1, 0, "RECORD"))
    records = number(joe) + b"\1\0\0" + number(joe) + b"\2\0\2"
    assert operator.call(asked).data == b"\0\0\1\0\1\0\0\2\0" + records


def test_semaphores(three: tuple[Station, Station, Station]) -> None:
    """All opens, the value less the stations that wait, and each task that has it open."""
    joe, ann, operator = three
    asked = holdings.GetSemaphoreHolders(0, "GATE")
    assert operator.code(asked) == 0xFF
    opens = semaphores.OpenSemaphore(1, "GATE")
    handle = semaphores.OpenedSemaphore.decode(joe.call(opens, task=2).data).handle
    for station in (ann, ann):
        locked(station, opens)
    records = number(joe) + b"\2\0" + number(ann) + b"\1\0"
    assert operator.call(asked).data == b"\0\0\3\0\1\0\2\0" + records
    locked(joe, semaphores.WaitOnSemaphore(handle, 0), task=2)
    waiting = semaphores.WaitOnSemaphore(handle, 182)
    ann.sequence += 1
    ann.send(RequestPacket(ncp.REQUEST, ann.sequence, ann.number, 1, waiting.function, waiting.body()).encode())
    assert operator.call(asked).data == b"\0\0\3\0\xff\xff\2\0" + records


def test_a_long_list_comes_in_portions(three: tuple[Station, Station, Station]) -> None:
    """Each fits into the client's buffer, 512 bytes without a negotiation; the last one says that it is the last."""
    joe, _, operator = three
    handle = opened(joe, 3)
    for task in range(100):  # of which 1 and 2 have the file open
        locked(joe, sync.LogPhysicalRecord(0, handle, task, 1, 0))
        locked(joe, sync.LogLogicalRecord(0, 0, "RECORD"), task=task)
        locked(joe, sync.LogFile(0, 0, 0, FILE), task=task)
    there = 0, *entry_of(operator)
    for ask, reply in (
        (lambda first: holdings.GetPhysicalRecordHolders(*there, first), holdings.HeldRecords),
        (lambda first: holdings.GetLogicalRecordHolders(first, "RECORD"), holdings.LogicalRecordHolders),
        (lambda first: holdings.GetFileHolders(*there, first), holdings.FileHolders),
    ):
        found, first, portions = 0, 0, 0
        while first or not portions:
            told = operator.call(ask(first))
            assert len(told.encode()) <= 512
            portion: Any = reply.decode(told.data)
            found, first, portions = found + portion.count, portion.next, portions + 1
        assert portions > 1
        assert found == 100


def test_paths_and_numbers(three: tuple[Station, Station, Station]) -> None:
    """There and back; the root of a volume is 0, and its path is empty."""
    *_, operator = three
    volume, entry = entry_of(operator)
    assert operator.call(holdings.MapNumberToPath(volume, entry, 0)).data == b"\x0f\6PUBLIC\7ONE.DAT"
    assert operator.call(holdings.MapNumberToPath(volume, entry, 4)).data == b"\x0f\6PUBLIC\7ONE.DAT"
    assert entry_of(operator, "SYS:") == (0, 0)
    assert operator.call(holdings.MapNumberToPath(0, 0, 0)).data == b"\0"
    handle = files.DirectoryHandle.decode(operator.call(files.AllocateTemporaryHandle(0, 0, "SYS:PUBLIC")).data).handle
    there = holdings.EntryNumber.decode(operator.call(holdings.MapPathToNumber(handle, "ONE.DAT")).data)
    assert (there.volume, there.entry) == (volume, entry)
    assert operator.code(holdings.MapNumberToPath(volume, 0x7FFFFFFF, 0)) == 0xFF
    assert operator.code(holdings.MapNumberToPath(9, entry, 0)) == 0xFF
    assert operator.code(holdings.MapNumberToPath(volume, entry, 2)) == 0xBF  # of NFS
    assert operator.code(holdings.MapPathToNumber(0, "SYS:NO.SUCH")) == 0xFF


def test_a_path_that_is_too_long(three: tuple[Station, Station, Station]) -> None:
    *_, operator = three
    path = "SYS:"
    for depth in range(28):
        path += f"{'/' if depth else ''}DIRECT{depth:02}"
        assert operator.code(holdings.MapPathToNumber(0, path)) == 0xFF
        assert operator.code(directories.CreateDirectory(0, 0xFF, path)) == 0
    assert len(operator.call(holdings.MapNumberToPath(*entry_of(operator, path), 0)).data) == 1 + 28 * 9
    long = entry_of(operator, path)
    handle = files.DirectoryHandle.decode(operator.call(files.AllocateTemporaryHandle(0, 0, path)).data).handle
    assert operator.code(directories.CreateDirectory(handle, 0xFF, "DIRECT28")) == 0
    deeper = holdings.EntryNumber.decode(operator.call(holdings.MapPathToNumber(handle, "DIRECT28")).data)
    assert deeper.entry != long[1]
    assert operator.code(holdings.MapNumberToPath(0, deeper.entry, 0)) == 0x9C


def test_who_may_ask(three: tuple[Station, Station, Station]) -> None:
    """An operator; of a connection's records in a file also the connection itself (inferred)."""
    joe, ann, operator = three
    there = 0, *entry_of(operator), 0
    assert joe.code(holdings.GetPhysicalRecords(joe.number, *there)) == 0
    for asking in (
        *(holdings.GetFileHolders(*there), holdings.GetPhysicalRecords(joe.number, *there)),
        *(holdings.GetPhysicalRecordHolders(*there), holdings.GetLogicalRecordHolders(0, "RECORD")),
        holdings.GetSemaphoreHolders(0, "GATE"),
        *(holdings.MapNumberToPath(*there[1:3], 0), holdings.MapPathToNumber(0, FILE)),
    ):
        assert ann.code(asking) == 0xC6
    assert operator.code(holdings.GetPhysicalRecords(99, *there)) == 0xFD
