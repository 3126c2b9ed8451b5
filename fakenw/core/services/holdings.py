"""What a connection holds, and what holds a file or a record.

Rules of this file:

* An operator asks for any connection, and each may ask for its own; about files, records and numbers of entries an
  operator alone asks (both inferred: Wireshark lists 0xC6 for all of them).
* A file that is neither open nor logged is 0xFF, "file not open" (Ralf Brown's list), however it was named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fakenw.core.connection import Connection
from fakenw.core.locks import Kind, Lock
from fakenw.core.service import Call, NcpService
from fakenw.core.services.connection import connection_of
from fakenw.core.services.paths import NO_ENTRY, admit, loaded, names_to, path_of
from fakenw.volumes.directory_tree import PathError
from fakenw.volumes.sharing import DENY_READ, DENY_WRITE, READ, WRITE, FileHandle, Place
from fakenw.volumes.volume import VolumePath
from fakenw.wire.layout import CODE_PAGE, Counted, Layout
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import holdings as ncp

service = NcpService()

HEAD = 12  # bytes of a reply before its records
LOCKED, OPEN_SHARED, LOGGED_ONLY, OPEN_ALONE = 0, 1, 2, 3
LONGEST_PATH = 255  # bytes of names and their lengths
FILE_LOCK = 0xFE
LOCKED_EXCLUSIVE, LOCKED_SHARED, LOGGED = 0, 1, 2

REFUSALS = (Code.NOT_OPERATOR, Code.BAD_CONNECTION)


@service.answers(ncp.GetOpenFiles, refuses=(Code.NOT_OPERATOR, Code.FAILURE))
def get_open_files(call: Call[ncp.GetOpenFiles]) -> ncp.HeldRecords:
    """An unused number is 0xFF here, as Wireshark has it."""
    other = _asked(call, Code.FAILURE)
    host = call.host
    locked = {lock.record.name for lock in host.locks.of(other.serial, Kind.FILE) if lock.held}
    records = []
    for file in other.files.values():
        name, *parts = file.place
        volume = host.volumes.named(name)
        records.append(
            ncp.HeldFile(
                task=file.task,
                kind=_open_kind(file),
                access=file.access,
                lock=FILE_LOCK if file.place in locked else 0,
                volume=volume.number,
                parent=volume.number_of(tuple(parts[:-1])),
                entry=volume.number_of(tuple(parts)),
                forks=1,
                name_space=0,
                name=parts[-1],
            )
        )
    return _portion(call, records)


@service.answers(ncp.GetLogicalRecords, refuses=REFUSALS)
def get_logical_records(call: Call[ncp.GetLogicalRecords]) -> ncp.HeldRecords:
    locks = call.host.locks.of(_asked(call).serial, Kind.LOGICAL)
    return _portion(call, [ncp.HeldLogicalRecord(lock.task, _status(lock), str(lock.record.name)) for lock in locks])


@service.answers(ncp.GetSemaphores, refuses=REFUSALS)
def get_semaphores(call: Call[ncp.GetSemaphores]) -> ncp.HeldRecords:
    """One record for each task that has a semaphore open; ``opens`` are those of all connections."""
    serial, semaphores = _asked(call).serial, call.host.semaphores
    return _portion(
        call,
        [
            ncp.HeldSemaphore(semaphore.opens & 0xFFFF, semaphores.value(semaphore) & 0xFFFF, task, semaphore.name)
            for semaphore in semaphores.of(serial)
            for owner, task in semaphore.openings
            if owner == serial
        ],
    )


@service.answers(ncp.GetFileHolders, refuses=(Code.NOT_OPERATOR, Code.FAILURE))
def get_file_holders(call: Call[ncp.GetFileHolders]) -> ncp.FileHolders:
    """Each open, then each task that has logged the file and not opened it."""
    _operator(call)
    place = _place(call)
    opens = call.host.volumes.sharing.by_place.get(place, ())
    locks = call.host.locks.at(Kind.FILE, place)
    held = {lock.serial for lock in locks if lock.held}
    records = [
        ncp.FileHolder(
            _number(call, file.serial),
            file.task,
            _open_kind(file),
            file.access,
            FILE_LOCK if file.serial in held else 0,
        )
        for file in opens
    ]
    opened = {(file.serial, file.task) for file in opens}
    for lock in locks:
        if (lock.serial, lock.task) not in opened:
            kind, flag = (LOCKED, FILE_LOCK) if lock.held else (LOGGED_ONLY, 0)
            records.append(ncp.FileHolder(_number(call, lock.serial), lock.task, kind, 0, flag))
    if not records:
        raise Refused(Code.FAILURE)
    found = _portion(call, records, before=14)
    reading, writing, no_reading, no_writing = (
        _word(sum(bool(file.access & bit) for file in opens)) for bit in (READ, WRITE, DENY_READ, DENY_WRITE)
    )
    return ncp.FileHolders(
        next=found.next,
        uses=_word(len(records)),
        opens=_word(len(opens)),
        reading=reading,
        writing=writing,
        deny_reading=no_reading,
        deny_writing=no_writing,
        locked=FILE_LOCK if held else 0,
        forks=1,
        count=found.count,
        records=found.records,
    )


@service.answers(ncp.GetPhysicalRecords, refuses=(*REFUSALS, Code.FAILURE))
def get_physical_records(call: Call[ncp.GetPhysicalRecords]) -> ncp.HeldRecords:
    serial, place = _asked(call).serial, _place(call)
    if not any(file.serial == serial for file in call.host.volumes.sharing.by_place.get(place, ())):
        raise Refused(Code.FAILURE)
    mine = [lock for lock in call.host.locks.at(Kind.PHYSICAL, place) if lock.serial == serial]
    return _portion(
        call,
        [ncp.HeldPhysicalRecord(lock.task, _status(lock), lock.record.start, lock.record.end - 1) for lock in mine],
    )


@service.answers(ncp.GetPhysicalRecordHolders, refuses=(Code.NOT_OPERATOR, Code.FAILURE))
def get_physical_record_holders(call: Call[ncp.GetPhysicalRecordHolders]) -> ncp.HeldRecords:
    """One record for each task that has logged a record."""
    _operator(call)
    place = _place(call)
    if place not in call.host.volumes.sharing.by_place:
        raise Refused(Code.FAILURE)
    locks = call.host.locks.at(Kind.PHYSICAL, place)
    logged = Counter(lock.record for lock in locks)
    shared = Counter(lock.record for lock in locks if lock.held and lock.shared)
    return _portion(
        call,
        [
            ncp.PhysicalRecordHolder(
                *(_word(logged[lock.record]), _word(shared[lock.record]), lock.record.start, lock.record.end - 1),
                *(_number(call, lock.serial), lock.task, _status(lock)),
            )
            for lock in locks
        ],
    )


@service.answers(ncp.GetLogicalRecordHolders, refuses=(Code.NOT_OPERATOR, Code.FAILURE))
def get_logical_record_holders(call: Call[ncp.GetLogicalRecordHolders]) -> ncp.LogicalRecordHolders:
    """A name that no task has logged is 0xFF (inferred, from files)."""
    _operator(call)
    locks = call.host.locks.at(Kind.LOGICAL, call.request.name)
    if not locks:
        raise Refused(Code.FAILURE)
    records = [ncp.LogicalRecordHolder(_number(call, lock.serial), lock.task, _status(lock)) for lock in locks]
    found = _portion(call, records, before=5)
    statuses = [_status(lock) for lock in locks]
    uses = _word(len({lock.serial for lock in locks}))
    locked = int(LOCKED_EXCLUSIVE in statuses)
    return ncp.LogicalRecordHolders(
        _word(statuses.count(LOCKED_SHARED)), uses, locked, found.next, found.count, found.records
    )


@service.answers(ncp.GetSemaphoreHolders, refuses=(Code.NOT_OPERATOR, Code.FAILURE))
def get_semaphore_holders(call: Call[ncp.GetSemaphoreHolders]) -> ncp.SemaphoreHolders:
    """One record for each task that has the semaphore open. A name that none has is 0xFF (inferred, from files)."""
    _operator(call)
    semaphores = call.host.semaphores
    semaphore = semaphores.by_name.get(call.request.name)
    if semaphore is None:
        raise Refused(Code.FAILURE)
    found = _portion(
        call, [ncp.SemaphoreHolder(_number(call, serial), task) for serial, task in semaphore.openings], before=4
    )
    value = semaphores.value(semaphore) & 0xFFFF
    return ncp.SemaphoreHolders(found.next, _word(semaphore.opens), value, found.count, found.records)


@service.answers(ncp.MapNumberToPath, refuses=(Code.NOT_OPERATOR, *NO_ENTRY, Code.BAD_NAME_SPACE))
def map_number_to_path(call: Call[ncp.MapNumberToPath]) -> ncp.EntryPath:
    """A number that means nothing is 0xFF; a path that is too long for the reply is 0x9C (Wireshark lists both)."""
    _operator(call)
    space = loaded(call, call.request.name_space)
    name, *parts = _entry(call)
    path = VolumePath(name, tuple(parts))
    admit(call, path)
    raw = b"".join(map(Counted().encode, names_to(call, path, space).parts))
    if len(raw) > LONGEST_PATH:
        raise Refused(Code.INVALID_PATH)
    return ncp.EntryPath(raw.decode(CODE_PAGE))


@service.answers(ncp.MapPathToNumber, refuses=(Code.NOT_OPERATOR, *NO_ENTRY))
def map_path_to_number(call: Call[ncp.MapPathToNumber]) -> ncp.EntryNumber:
    _operator(call)
    path = call.host.volumes.look_up(path_of(call, call.request.directory, call.request.path)).path
    volume = call.host.volumes.named(path.volume)
    return ncp.EntryNumber(volume.number, volume.number_of(path.parts))


def _word(count: int) -> int:
    return min(count, 0xFFFF)


def _number(call: Call[Any], serial: int) -> int:
    return call.host.table.by_serial[serial].number


def _open_kind(file: FileHandle) -> int:
    return OPEN_ALONE if file.access & (DENY_READ | DENY_WRITE) else OPEN_SHARED


def _status(lock: Lock) -> int:
    if not lock.held:
        return LOGGED
    return LOCKED_SHARED if lock.shared else LOCKED_EXCLUSIVE


def _asked(call: Call[Any], missing: Code = Code.BAD_CONNECTION) -> Connection:
    """The connection that is asked about."""
    other = connection_of(call, call.request.connection, missing)
    if other is not call.connection and not call.connection.operator:
        raise Refused(Code.NOT_OPERATOR)
    return other


def _operator(call: Call[Any]) -> None:
    if not call.connection.operator:
        raise Refused(Code.NOT_OPERATOR)


def _entry(call: Call[Any]) -> Place:
    """The entry with the volume and the number that were asked for."""
    try:
        volume = call.host.volumes.numbered(call.request.volume)
        return (volume.name, *volume.parts_of(call.request.entry))
    except PathError:
        raise Refused(Code.FAILURE) from None


def _place(call: Call[Any]) -> Place:
    """The file that is asked about, which has one data stream."""
    if call.request.stream:
        raise Refused(Code.FAILURE)
    return _entry(call)


def _portion(call: Call[Any], records: Sequence[Layout], before: int = 0) -> ncp.HeldRecords:
    """As many records from the one that was asked for as the client's buffer holds, behind *before* more bytes."""
    first = call.request.first
    found, room = [], call.connection.buffer - HEAD - before
    for record in records[first:0xFFFF]:  # the most that the reply has a number for
        data = record.encode()
        room -= len(data)
        if room < 0:
            break
        found.append(data)
    behind = first + len(found)
    return ncp.HeldRecords(behind if found and behind < min(len(records), 0xFFFF) else 0, len(found), b"".join(found))
