"""Locks: files by path, logical records by name, physical records by file handle.

Rules of this file:

* A time limit of 0 does not wait. Every other one is an amount of clock ticks, also 0xFFFF, which is an hour.
* A task has its own sets; what it releases or clears is its own (inferred, from "end of job").
* Logging a file uses the volume, and so takes a license as opening it does; names and handles take none.
"""

from __future__ import annotations

from typing import Any

from fakenw.core.locks import Kind, Lock, LockedRecord
from fakenw.core.service import Call, HeldBack, NcpService
from fakenw.core.services.files import handle_of
from fakenw.core.services.paths import NO_ENTRY, path_of
from fakenw.core.settings import ticks
from fakenw.core.waiting import PendingWait
from fakenw.volumes.directory_tree import File
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import synchronization as ncp

service = NcpService()

MOST = 1000  # records that a connection has logged
END = 1 << 32  # of every file
TO_THE_END = (0, 0xFFFFFFFF)  # lengths of a record that ends with its file (mars_nwe)

LockCall = Call[Any]

# The codes of a file that is not to be had, of one that is not locked, and of a physical record that is not to be had
NO_FILE_LOCK = (*NO_ENTRY, Code.OUT_OF_MEMORY, Code.TIMED_OUT)
NO_RECORD_LOCK = (Code.BAD_FILE_HANDLE, Code.OUT_OF_MEMORY, Code.LOCK_COLLISION, Code.TIMED_OUT)


def until(call: LockCall, limit: int) -> int | None:
    """When a time limit comes; None: the request does not wait."""
    return call.host.now + ticks(limit) if limit else None


# Files


@service.answers(ncp.LogFileOld, ncp.LogFile, refuses=NO_FILE_LOCK)
def log_file(call: LockCall) -> None:
    request = call.request
    _log(call, _file(call), request.flag, request.limit)


@service.answers(ncp.LockFileSetOld, ncp.LockFileSet, refuses=(Code.TIMED_OUT,))
def lock_file_set(call: LockCall) -> None:
    """Each file as it was logged."""
    _lock(call, _set(call, Kind.FILE), None, call.request.limit)


@service.answers(ncp.ReleaseFile, refuses=NO_ENTRY)
def release_file(call: Call[ncp.ReleaseFile]) -> None:
    call.host.locks.release(_logged(call, _file(call)))


@service.answers(ncp.ClearFile, refuses=NO_ENTRY)
def clear_file(call: Call[ncp.ClearFile]) -> None:
    call.host.locks.clear(_logged(call, _file(call)))


@service.answers(ncp.ReleaseFileSet)
def release_file_set(call: Call[ncp.ReleaseFileSet]) -> None:
    call.host.locks.release(_set(call, Kind.FILE))


@service.answers(ncp.ClearFileSet)
def clear_file_set(call: Call[ncp.ClearFileSet]) -> None:
    call.host.locks.clear(_set(call, Kind.FILE))


# Logical records


@service.answers(ncp.LogLogicalRecordOld, ncp.LogLogicalRecord, refuses=(Code.OUT_OF_MEMORY, Code.TIMED_OUT))
def log_logical_record(call: LockCall) -> None:
    request = call.request
    _log(call, LockedRecord(Kind.LOGICAL, request.name), request.flag, request.limit)


@service.answers(ncp.LockLogicalRecordSetOld, ncp.LockLogicalRecordSet, refuses=(Code.TIMED_OUT,))
def lock_logical_record_set(call: LockCall) -> None:
    _lock(call, _set(call, Kind.LOGICAL), _shared(call.request.flag), call.request.limit)


@service.answers(ncp.ReleaseLogicalRecord, refuses=(Code.FAILURE,))
def release_logical_record(call: Call[ncp.ReleaseLogicalRecord]) -> None:
    call.host.locks.release(_logged(call, LockedRecord(Kind.LOGICAL, call.request.name)))


@service.answers(ncp.ClearLogicalRecord, refuses=(Code.FAILURE,))
def clear_logical_record(call: Call[ncp.ClearLogicalRecord]) -> None:
    call.host.locks.clear(_logged(call, LockedRecord(Kind.LOGICAL, call.request.name)))


@service.answers(ncp.ReleaseLogicalRecordSet)
def release_logical_record_set(call: Call[ncp.ReleaseLogicalRecordSet]) -> None:
    call.host.locks.release(_set(call, Kind.LOGICAL))


@service.answers(ncp.ClearLogicalRecordSet)
def clear_logical_record_set(call: Call[ncp.ClearLogicalRecordSet]) -> None:
    call.host.locks.clear(_set(call, Kind.LOGICAL))


# Physical records


@service.answers(ncp.LogPhysicalRecordOld, ncp.LogPhysicalRecord, refuses=NO_RECORD_LOCK)
def log_physical_record(call: LockCall) -> None:
    request = call.request
    handle = handle_of(call, request.handle)
    end = END if request.length in TO_THE_END else min(request.start + request.length, END)
    record = LockedRecord(Kind.PHYSICAL, call.connection.files[handle].place, request.start, end)
    _log(call, record, request.flag, request.limit, handle)


@service.answers(ncp.LockPhysicalRecordSetOld, ncp.LockPhysicalRecordSet, refuses=(Code.LOCK_COLLISION, Code.TIMED_OUT))
def lock_physical_record_set(call: LockCall) -> None:
    _lock(call, _set(call, Kind.PHYSICAL), _shared(call.request.flag), call.request.limit, Code.LOCK_COLLISION)


@service.answers(ncp.ReleasePhysicalRecord, refuses=(Code.BAD_FILE_HANDLE, Code.FAILURE))
def release_physical_record(call: Call[ncp.ReleasePhysicalRecord]) -> None:
    call.host.locks.release(_bytes(call))


@service.answers(ncp.ClearPhysicalRecord, refuses=(Code.BAD_FILE_HANDLE, Code.FAILURE))
def clear_physical_record(call: Call[ncp.ClearPhysicalRecord]) -> None:
    call.host.locks.clear(_bytes(call))


@service.answers(ncp.ReleasePhysicalRecordSet)
def release_physical_record_set(call: Call[ncp.ReleasePhysicalRecordSet]) -> None:
    call.host.locks.release(_set(call, Kind.PHYSICAL))


@service.answers(ncp.ClearPhysicalRecordSet)
def clear_physical_record_set(call: Call[ncp.ClearPhysicalRecordSet]) -> None:
    call.host.locks.clear(_set(call, Kind.PHYSICAL))


# What is locked, and how


def _shared(flag: int) -> bool | None:
    """How a set is locked; None: each record as it was logged (mars_nwe)."""
    return bool(flag & ncp.SHARED) if flag else None


def _file(call: LockCall) -> LockedRecord:
    """The file that a request names."""
    found = call.host.volumes.look_up(path_of(call, call.request.directory, call.request.path))
    if not isinstance(found.entry.node, File):
        raise Refused(Code.FAILURE)
    return LockedRecord(Kind.FILE, found.path.place)


def _set(call: LockCall, kind: Kind) -> list[Lock]:
    """The records of a kind that the task has logged."""
    return [lock for lock in call.host.locks.of(call.connection.serial, kind) if lock.task == call.task]


def _logged(call: LockCall, record: LockedRecord) -> list[Lock]:
    """The entry of a record in the task's set, which must be there."""
    found = [lock for lock in _set(call, record.kind) if lock.record == record]
    if not found:
        raise Refused(Code.FAILURE)
    return found


def _bytes(call: LockCall) -> list[Lock]:
    """The physical record that a request means; without a length the one that starts there (mars_nwe)."""
    request = call.request
    handle, end = handle_of(call, request.handle), request.start + request.length
    for lock in _set(call, Kind.PHYSICAL):
        same_length = request.length in TO_THE_END or lock.record.end == min(end, END)
        if lock.handle == handle and lock.record.start == request.start and same_length:
            return [lock]
    raise Refused(Code.FAILURE)


def _log(call: LockCall, record: LockedRecord, flag: int, limit: int, handle: bytes = b"") -> None:
    """Log a record, and lock it where the flag says so."""
    locks, serial, shared = call.host.locks, call.connection.serial, bool(flag & ncp.SHARED)
    lock = locks.entry(serial, call.task, record, handle)
    if lock not in (mine := locks.of(serial, *Kind)) and len(mine) >= MOST:
        raise Refused(Code.OUT_OF_MEMORY)
    if flag & ncp.LOCK:
        collision = Code.LOCK_COLLISION if record.kind is Kind.PHYSICAL else Code.TIMED_OUT
        _lock(call, [lock], shared, limit, collision)
    else:
        locks.log(lock, shared=shared)


def _lock(call: LockCall, locks: list[Lock], shared: bool | None, limit: int, collision: Code = Code.TIMED_OUT) -> None:
    """Lock all of *locks* or none; *collision* is the code where the request does not wait."""
    outcome = call.host.locks.lock(locks, shared, until(call, limit))
    if isinstance(outcome, PendingWait):
        raise HeldBack(outcome, Code.TIMED_OUT)
    if not outcome:
        raise Refused(collision)
