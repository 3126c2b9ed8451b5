"""Sets of locks, what they are good for, and the codes of what cannot be locked or unlocked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.core.services.locks import MOST
from fakenw.wire import packet as ncp
from fakenw.wire.layout import Request
from fakenw.wire.requests import connection, files
from fakenw.wire.requests import synchronization as sync

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
LOG, EXCLUSIVE, LOG_SHARED, SHARED = 0, 1, 2, 3
ONE, TWO = "SYS:PUBLIC/ONE.DAT", "SYS:PUBLIC/TWO.DAT"
LOCKED = 0xFE


def two_stations(stage: Stage, transport: str) -> tuple[Station, Station]:
    one, two = (stage.station(f"{transport}:10.0.0.{host}:1025").licensed() for host in (1, 2))
    for name in (ONE, TWO):
        handle = files.OpenedFile.decode(one.call(files.CreateFile(0, 0, name)).data).handle
        assert one.code(files.CloseFile(0, handle)) == 0
    return one, two


def handle_of(station: Station, name: str = ONE, task: int = 1) -> bytes:
    return files.OpenedFile.decode(station.call(files.OpenFile(0, 6, 3, name), task).data).handle


class Ways:
    """How to log, lock and unlock one kind, in the old functions and in the new ones: *one* and *two* are records."""

    def __init__(self, kind: str, station: Station, task: int = 1) -> None:
        self.refused = 0xFD if kind == "physical" else 0xFE
        self.one: Any
        self.two: Any
        self.release_set: Request[Any]
        self.clear_set: Request[Any]
        if kind == "file":
            self.one, self.two = (0, ONE), (0, TWO)
            self.log_old, self.log = self._of_file(sync.LogFileOld), self._of_file(sync.LogFile)
            self.lock_old = lambda flag, limit: sync.LockFileSetOld(limit)
            self.lock = lambda flag, limit: sync.LockFileSet(limit)
            self.release, self.clear = sync.ReleaseFile, sync.ClearFile
            self.release_set, self.clear_set = sync.ReleaseFileSet(0), sync.ClearFileSet(0)
        elif kind == "logical":
            self.one, self.two = ("ONE",), ("TWO",)
            self.log_old, self.log = self._of_name(sync.LogLogicalRecordOld), self._of_name(sync.LogLogicalRecord)
            self.lock_old, self.lock = sync.LockLogicalRecordSetOld, sync.LockLogicalRecordSet
            self.release, self.clear = sync.ReleaseLogicalRecord, sync.ClearLogicalRecord
            self.release_set, self.clear_set = sync.ReleaseLogicalRecordSet(0), sync.ClearLogicalRecordSet(0)
        else:
            handle = handle_of(station, task=task)
            self.one, self.two = (0, handle, 0, 10), (0, handle, 10, 10)
            self.log_old, self.log = self._of_bytes(sync.LogPhysicalRecordOld), self._of_bytes(sync.LogPhysicalRecord)
            self.lock_old, self.lock = sync.LockPhysicalRecordSetOld, sync.LockPhysicalRecordSet
            self.release, self.clear = sync.ReleasePhysicalRecord, sync.ClearPhysicalRecord
            self.release_set, self.clear_set = sync.ReleasePhysicalRecordSet(0), sync.ClearPhysicalRecordSet(0)

    log_old: Callable[..., Request[Any]]
    log: Callable[..., Request[Any]]
    lock_old: Callable[..., Request[Any]]
    lock: Callable[..., Request[Any]]
    release: Callable[..., Request[Any]]
    clear: Callable[..., Request[Any]]

    @staticmethod
    def _of_file(layout: Callable[..., Request[Any]]) -> Callable[..., Request[Any]]:
        return lambda record, flag, limit: layout(record[0], flag, limit, record[1])

    @staticmethod
    def _of_name(layout: Callable[..., Request[Any]]) -> Callable[..., Request[Any]]:
        return lambda record, flag, limit: layout(flag, limit, *record)

    @staticmethod
    def _of_bytes(layout: Callable[..., Request[Any]]) -> Callable[..., Request[Any]]:
        return lambda record, flag, limit: layout(flag, *record[1:], limit)


@pytest.fixture(params=["file", "logical", "physical"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["old", "new"])
def age(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_set_is_locked_as_a_whole_or_not_at_all(open_stage: OpenStage, transport: str, kind: str, age: str) -> None:
    """Logged first, then locked; one that is not to be had keeps the others free. Released, they stay logged."""
    one, two = two_stations(open_stage("nls"), transport)
    ones, twos = Ways(kind, one), Ways(kind, two)
    log, lock = (ones.log_old, ones.lock_old) if age == "old" else (ones.log, ones.lock)
    for record in (ones.one, ones.two):
        assert one.code(log(record, LOG, 0)) == 0
    assert two.code(twos.log(twos.two, EXCLUSIVE, 0)) == 0
    assert one.code(lock(EXCLUSIVE, 0)) == ones.refused
    assert two.code(twos.log(twos.one, EXCLUSIVE, 0)) == 0, "the first of the set has not been locked"
    assert two.code(twos.clear_set) == 0
    assert one.code(lock(EXCLUSIVE, 0)) == 0
    for record in (twos.one, twos.two):
        assert two.code(twos.log(record, EXCLUSIVE, 0)) == twos.refused
    assert one.code(ones.release_set) == 0
    assert two.code(twos.log(twos.one, EXCLUSIVE, 0)) == 0
    assert two.code(twos.release(*twos.one)) == 0
    assert one.code(lock(EXCLUSIVE, 0)) == 0, "it was logged all the time"
    assert one.code(ones.clear_set) == 0
    assert one.code(lock(EXCLUSIVE, 0)) == 0, "there is nothing in the set"
    assert two.code(twos.log(twos.one, EXCLUSIVE, 0)) == 0


def test_a_set_that_waits(open_stage: OpenStage, transport: str, kind: str) -> None:
    """It is granted when the last of its records is free."""
    one, two = two_stations(open_stage("nls"), transport)
    ones, twos = Ways(kind, one), Ways(kind, two)
    for record in (ones.one, ones.two):
        assert one.code(ones.log(record, EXCLUSIVE, 0)) == 0
        assert two.code(twos.log(twos.one if record == ones.one else twos.two, LOG, 0)) == 0
    two.sequence += 1
    request = twos.lock(EXCLUSIVE, 500)
    asked = ncp.RequestPacket(ncp.REQUEST, two.sequence, two.number, 1, request.function, request.body())
    assert two.send(asked.encode()) == []
    assert one.code(ones.release(*ones.one)) == 0
    assert two.inbox == []
    assert one.code(ones.clear(*ones.two)) == 0
    assert [ncp.decode_reply(reply).completion for reply in two.inbox] == [0]


def test_a_set_is_shared_as_it_was_logged_or_as_it_is_locked(open_stage: OpenStage, transport: str, kind: str) -> None:
    """Flag 0 of a set leaves each as it was logged; a file set has no flag."""
    one, two = two_stations(open_stage("nls"), transport)
    ones, twos = Ways(kind, one), Ways(kind, two)
    assert one.code(ones.log(ones.one, LOG_SHARED, 0)) == 0
    assert one.code(ones.lock(0, 0)) == 0
    assert two.code(twos.log(twos.one, SHARED, 0)) == 0
    if kind != "file":
        assert two.code(twos.clear_set) == 0
        assert one.code(ones.lock(EXCLUSIVE, 0)) == 0
        assert two.code(twos.log(twos.one, SHARED, 0)) == twos.refused
        assert one.code(ones.lock(SHARED, 0)) == 0
        assert two.code(twos.log(twos.one, SHARED, 0)) == 0


def test_what_is_not_logged_cannot_be_unlocked(open_stage: OpenStage, transport: str, kind: str) -> None:
    """0xFF; also what another task has logged."""
    one, _ = two_stations(open_stage("nls"), transport)
    ways = Ways(kind, one)
    assert one.code(ways.log(ways.one, EXCLUSIVE, 0), task=2) == 0
    for unlock in (ways.release, ways.clear):
        assert one.code(unlock(*ways.one)) == 0xFF
        assert one.code(unlock(*ways.one), task=2) == 0


def test_end_of_job_ends_the_locks_of_its_task(open_stage: OpenStage, transport: str, kind: str) -> None:
    """Of the others only task 0, which stands for all."""
    one, two = two_stations(open_stage("nls"), transport)
    ones, twos = (Ways(kind, one, task=3), Ways(kind, two))
    for task, code in ((2, twos.refused), (3, 0)):
        assert one.code(ones.log(ones.one, EXCLUSIVE, 0), task=3) == 0
        assert one.code(connection.EndOfJob(), task=task) == 0
        assert two.code(twos.log(twos.one, EXCLUSIVE, 0)) == code
    assert two.code(connection.EndOfJob(), task=0) == 0
    again = Ways(kind, one, task=3)
    assert one.code(again.log(again.one, EXCLUSIVE, 0), task=3) == 0


def test_a_connection_can_log_so_many(open_stage: OpenStage, transport: str) -> None:
    """Then it is 0x96; what is logged already can still be locked."""
    station, _ = two_stations(open_stage("nls"), transport)
    for number in range(MOST):
        assert station.code(sync.LogLogicalRecord(EXCLUSIVE, 0, f"N{number}")) == 0
    handle = handle_of(station)
    for request in (
        sync.LogLogicalRecord(LOG, 0, "ONE"),
        sync.LogFile(0, EXCLUSIVE, 0, ONE),
        sync.LogPhysicalRecord(EXCLUSIVE, handle, 0, 1, 0),
    ):
        assert station.code(request) == 0x96
    assert station.code(sync.LogLogicalRecord(EXCLUSIVE, 0, "N0")) == 0


# Files


def test_a_locked_file_is_not_opened_by_others(open_stage: OpenStage, transport: str) -> None:
    """0x80; a shared lock lets them read."""
    one, two = two_stations(open_stage("nls"), transport)
    for flag, reading, writing in ((EXCLUSIVE, 0x80, 0x80), (SHARED, 0, 0x80)):
        assert one.code(sync.LogFile(0, flag, 0, ONE)) == 0
        assert two.code(files.OpenFile(0, 6, 1, ONE)) == reading
        assert two.code(files.OpenFile(0, 6, 3, ONE)) == writing
        assert one.code(files.OpenFile(0, 6, 3, ONE)) == 0
    assert one.code(sync.ClearFile(0, ONE)) == 0
    assert two.code(files.OpenFile(0, 6, 3, ONE)) == 0


@pytest.mark.parametrize("layout", [sync.ReleaseFile, sync.ClearFile])
def test_only_files_are_locked(open_stage: OpenStage, transport: str, layout: Callable[..., Request[Any]]) -> None:
    one, _ = two_stations(open_stage("nls"), transport)
    for directory, path, code in (
        *((0, "SYS:PUBLIC", 0xFF), (0, "SYS:NO.SUCH", 0xFF), (9, "ONE.DAT", 0x9B), (0, "NONE:ONE.DAT", 0x98)),
        (0, "SYS:NONE/ONE.DAT", 0x9C),
    ):
        assert one.code(sync.LogFile(directory, EXCLUSIVE, 0, path)) == code
        assert one.code(layout(directory, path)) == code


def test_a_file_lock_takes_a_license_as_an_open_does(open_stage: OpenStage, transport: str) -> None:
    """Names take none; without a license no file stays locked, and a station that has not logged in locks none."""
    stage = open_stage("nls")
    one, two = two_stations(stage, transport)
    assert one.change(0) == 0
    assert one.code(sync.LogLogicalRecord(EXCLUSIVE, 0, "ONE")) == 0
    assert stage.held == 1
    assert one.code(sync.LogFile(0, EXCLUSIVE, 0, ONE)) == 0
    assert (stage.held, stage.state(one.name)) == (2, "licensed")
    assert one.change(0) == 0
    assert two.code(sync.LogFile(0, EXCLUSIVE, 0, ONE)) == 0
    assert two.code(sync.LogLogicalRecord(EXCLUSIVE, 0, "ONE")) == LOCKED
    stranger = stage.station(f"{transport}:10.0.0.9:1025").attached()
    assert stranger.code(sync.LogFile(0, EXCLUSIVE, 0, ONE)) == 0x7D
    full = open_stage("nls", auto_license=False)
    refused = full.station(one.name).licensed()
    assert refused.change(0) == 0
    assert refused.code(sync.LogFile(0, EXCLUSIVE, 0, "SYS:ONE.DAT")) == 0xE0


# Physical records


def test_locked_bytes_are_not_read_or_written_by_others(open_stage: OpenStage, transport: str) -> None:
    """0xA2; a shared lock lets them read. Its own connection is not hindered."""
    one, two = two_stations(open_stage("nls"), transport)
    mine, other, target = handle_of(one), handle_of(two), handle_of(two, TWO)
    assert one.code(files.WriteFile(0, mine, 0, 30, bytes(30))) == 0
    for flag, reading in ((EXCLUSIVE, 0xA2), (SHARED, 0)):
        assert one.code(sync.LogPhysicalRecord(flag, mine, 10, 10, 0)) == 0
        for start, size, read, write in ((0, 10, 0, 0), (20, 5, 0, 0), (9, 2, reading, 0xA2), (19, 1, reading, 0xA2)):
            assert two.code(files.ReadFile(0, other, start, size)) == read
            assert two.code(files.WriteFile(0, other, start, size, bytes(size))) == write
            assert one.code(files.WriteFile(0, mine, start, size, bytes(size))) == 0
        assert two.code(files.CopyFile(0, other, target, 15, 0, 1)) == reading
        assert two.code(files.CopyFile(0, target, other, 0, 15, 1)) == 0xA2
        assert two.code(files.WriteFile(0, other, 5, 0, b"")) == 0xA2, "it would cut the locked bytes off"
    assert one.code(files.CloseFile(0, mine)) == 0
    assert two.code(files.WriteFile(0, other, 5, 0, b"")) == 0


def test_records_that_do_not_overlap(open_stage: OpenStage, transport: str) -> None:
    """A record ends before its last byte and one; length 0 and 0xFFFFFFFF reach to the end of every file."""
    one, two = two_stations(open_stage("nls"), transport)
    mine, other = handle_of(one), handle_of(two)
    assert one.code(sync.LogPhysicalRecordOld(EXCLUSIVE, mine, 100, 50, 0)) == 0
    for start, length, code in ((0, 100, 0), (150, 1, 0), (99, 2, 0xFD), (149, 9, 0xFD), (0, 0, 0xFD), (120, 1, 0xFD)):
        assert two.code(sync.LogPhysicalRecordOld(EXCLUSIVE, other, start, length, 0)) == code
    for length in (0, 0xFFFFFFFF):
        assert two.code(sync.LogPhysicalRecordOld(EXCLUSIVE, other, 0xFFFFFF00, length, 0)) == 0
        assert one.code(sync.LogPhysicalRecordOld(EXCLUSIVE, mine, 0xFFFFFFFF, 1, 0)) == 0xFD
        assert two.code(sync.ClearPhysicalRecord(0, other, 0xFFFFFF00, length)) == 0
    assert two.code(sync.ClearPhysicalRecord(0, other, 150, 2)) == 0xFF
    assert two.code(sync.ClearPhysicalRecord(0, other, 150, 0)) == 0, "some programs give no length (mars_nwe)"


def test_a_handle_that_is_none(open_stage: OpenStage, transport: str) -> None:
    one, _ = two_stations(open_stage("nls"), transport)
    nothing = b"\0\0\0\0\0\x63"
    for request in (
        *(sync.LogPhysicalRecord(EXCLUSIVE, nothing, 0, 1, 0), sync.LogPhysicalRecordOld(LOG, nothing, 0, 1, 0)),
        *(sync.ReleasePhysicalRecord(0, nothing, 0, 1), sync.ClearPhysicalRecord(0, nothing, 0, 1)),
    ):
        assert one.code(request) == 0x88
