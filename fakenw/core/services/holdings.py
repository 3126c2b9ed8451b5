"""What a connection holds: an operator asks for any connection, and each may ask for its own (inferred)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fakenw.core.connection import Connection
from fakenw.core.locks import Kind, Lock
from fakenw.core.service import Call, NcpService
from fakenw.core.services.connection import connection_of
from fakenw.volumes.sharing import DENY_READ, DENY_WRITE
from fakenw.wire.layout import Layout
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import holdings as ncp

service = NcpService()

HEAD = 12  # bytes of a reply before its records
OPEN_SHARED, OPEN_ALONE = 1, 3
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
                kind=OPEN_ALONE if file.access & (DENY_READ | DENY_WRITE) else OPEN_SHARED,
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


def _portion(call: Call[Any], records: Sequence[Layout]) -> ncp.HeldRecords:
    """As many records from the one that was asked for as the client's buffer holds."""
    first = call.request.first
    found, room = [], call.connection.buffer - HEAD
    for record in records[first:]:
        data = record.encode()
        room -= len(data)
        if room < 0:
            break
        found.append(data)
    behind = first + len(found)
    return ncp.HeldRecords(behind if found and behind < len(records) else 0, len(found), b"".join(found))
