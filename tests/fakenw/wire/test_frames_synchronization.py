"""Frames of locks and semaphores, written by hand after Wireshark's tables: read, and written again.

Wireshark read each of them and saw the same values, but for the byte order of a few fields (MISREAD). The records of
locks are after Ralf Brown's list of interrupts (INT 21h AX=F217h), which has a byte more in each than Wireshark reads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakenw.wire.layout import Layout, Nothing, Request, split_body
from fakenw.wire.packet import decode_reply, decode_request
from fakenw.wire.requests import holdings, semaphores
from fakenw.wire.requests import synchronization as sync

HANDLE = b"\0\0\0\0\0\1"
FRAMES: dict[str, Layout] = {
    "log_file_old": sync.LogFileOld(1, 1, 182, "A.TXT"),
    "lock_file_set_old": sync.LockFileSetOld(182),
    "release_file": sync.ReleaseFile(1, "A.TXT"),
    "release_file_set": sync.ReleaseFileSet(0),
    "clear_file": sync.ClearFile(1, "A.TXT"),
    "clear_file_set": sync.ClearFileSet(0),
    "log_logical_record_old": sync.LogLogicalRecordOld(3, 182, "RECORD"),
    "log_logical_record_old_reply": Nothing(),
    "lock_logical_record_set_old": sync.LockLogicalRecordSetOld(1, 182),
    "clear_logical_record": sync.ClearLogicalRecord("RECORD"),
    "release_logical_record": sync.ReleaseLogicalRecord("RECORD"),
    "release_logical_record_set": sync.ReleaseLogicalRecordSet(0),
    "clear_logical_record_set": sync.ClearLogicalRecordSet(0),
    "log_physical_record_old": sync.LogPhysicalRecordOld(1, HANDLE, 0x1000, 0x80, 182),
    "log_physical_record_old_reply": Nothing(),
    "lock_physical_record_set_old": sync.LockPhysicalRecordSetOld(1, 182),
    "release_physical_record": sync.ReleasePhysicalRecord(0, HANDLE, 0x1000, 0x80),
    "release_physical_record_set": sync.ReleasePhysicalRecordSet(0),
    "clear_physical_record": sync.ClearPhysicalRecord(0, HANDLE, 0x1000, 0x80),
    "clear_physical_record_set": sync.ClearPhysicalRecordSet(0),
    "open_semaphore_old": semaphores.OpenSemaphoreOld(1, "GATE"),
    "open_semaphore_old_reply": semaphores.OpenedSemaphoreOld(7, 2),
    "examine_semaphore_old": semaphores.ExamineSemaphoreOld(7),
    "examine_semaphore_old_reply": semaphores.SemaphoreState(1, 2),
    "wait_on_semaphore_old": semaphores.WaitOnSemaphoreOld(7, 182),
    "signal_semaphore_old": semaphores.SignalSemaphoreOld(7),
    "close_semaphore_old": semaphores.CloseSemaphoreOld(7),
    "log_file": sync.LogFile(1, 1, 182, "A.TXT"),
    "lock_file_set": sync.LockFileSet(182),
    "log_logical_record": sync.LogLogicalRecord(3, 182, "RECORD"),
    "lock_logical_record_set": sync.LockLogicalRecordSet(1, 182),
    "log_physical_record": sync.LogPhysicalRecord(1, HANDLE, 0x1000, 0x80, 182),
    "lock_physical_record_set": sync.LockPhysicalRecordSet(1, 182),
    "open_semaphore": semaphores.OpenSemaphore(1, "GATE"),
    "open_semaphore_reply": semaphores.OpenedSemaphore(7, 2),
    "examine_semaphore": semaphores.ExamineSemaphore(7),
    "examine_semaphore_reply": semaphores.SemaphoreState(0xFF, 3),
    "wait_on_semaphore": semaphores.WaitOnSemaphore(7, 182),
    "wait_on_semaphore_reply": Nothing(),
    "signal_semaphore": semaphores.SignalSemaphore(7),
    "close_semaphore": semaphores.CloseSemaphore(7),
    "close_semaphore_reply": semaphores.ClosedSemaphore(2, 1),
    "get_open_files": holdings.GetOpenFiles(5, 0),
    "get_open_files_reply": holdings.HeldRecords(
        0, 1, holdings.HeldFile(1, 1, 3, 0xFE, 0, 2, 7, 1, 0, "A.TXT").encode()
    ),
    "get_logical_records": holdings.GetLogicalRecords(5, 0),
    "get_logical_records_reply": holdings.HeldRecords(
        2, 2, holdings.HeldLogicalRecord(1, 0, "A").encode() + holdings.HeldLogicalRecord(2, 2, "RECORD").encode()
    ),
    "get_semaphores": holdings.GetSemaphores(5, 2),
    "get_semaphores_reply": holdings.HeldRecords(0, 1, holdings.HeldSemaphore(3, 0xFFFF, 1, "GATE").encode()),
    "get_file_holders": holdings.GetFileHolders(0, 0, 7, 0),
    "get_file_holders_reply": holdings.FileHolders(
        *(0, 3, 2, 2, 1, 0, 1, 0xFE, 1, 3),
        holdings.FileHolder(5, 2, 3, 0x0B, 0xFE).encode()
        + holdings.FileHolder(6, 1, 1, 1, 0).encode()
        + holdings.FileHolder(7, 1, 2, 0, 0).encode(),
    ),
    "get_physical_records": holdings.GetPhysicalRecords(5, 0, 0, 7, 0),
    "get_physical_records_reply": holdings.HeldRecords(
        *(0, 2),
        holdings.HeldPhysicalRecord(2, 0, 0x1000, 0x107F).encode()
        + holdings.HeldPhysicalRecord(2, 2, 0x1080, 0xFFFFFFFF).encode(),
    ),
    "get_physical_record_holders": holdings.GetPhysicalRecordHolders(0, 0, 7, 0),
    "get_physical_record_holders_reply": holdings.HeldRecords(
        0, 1, holdings.PhysicalRecordHolder(2, 2, 0x1000, 0x107F, 5, 2, 1).encode()
    ),
    "get_logical_record_holders": holdings.GetLogicalRecordHolders(0, "RECORD"),
    "get_logical_record_holders_reply": holdings.LogicalRecordHolders(
        *(1, 2, 0, 0, 2),
        holdings.LogicalRecordHolder(5, 2, 1).encode() + holdings.LogicalRecordHolder(6, 1, 2).encode(),
    ),
    "map_number_to_path": holdings.MapNumberToPath(0, 7, 0),
    "map_number_to_path_reply": holdings.EntryPath("\x06PUBLIC\x05A.TXT"),
    "map_path_to_number": holdings.MapPathToNumber(0, "SYS:PUBLIC/A.TXT"),
    "map_path_to_number_reply": holdings.EntryNumber(0, 7),
    "get_semaphore_holders": holdings.GetSemaphoreHolders(0, "GATE"),
    "get_semaphore_holders_reply": holdings.SemaphoreHolders(
        *(0, 3, 0xFFFF, 2), holdings.SemaphoreHolder(5, 2).encode() + holdings.SemaphoreHolder(6, 1).encode()
    ),
}
# Wireshark's names of our fields; several where it has one for each group.
NAMES = {
    "directory": ("dir_handle",),
    "flag": ("lock_flag",),
    "limit": ("timeout_limit", "lock_timeout", "semaphore_time_out"),
    "path": ("file_path", "path"),
    "name": ("logical_record_name", "synch_name", "semaphore_name"),
    "start": ("lock_areas_start_offset",),
    "length": ("lock_area_len",),
    "value": ("initial_semaphore_value", "semaphore_value"),
    "opens": ("semaphore_open_count", "open_count"),
    "shares": ("semaphore_share_count",),
    "connection": ("connection_number", "target_connection_number"),
    "first": ("last_record_seen",),
    "next": ("next_request_record",),
    "count": ("number_of_records", "number_of_semaphores", "number_of_locks"),
    "stream": ("data_stream_number",),
    "volume": ("volume_number",),
    "entry": ("dir_base", "directory_number"),
    "name_space": ("name_space",),
    "uses": ("file_use_count", "user_info_use_count"),
    "reading": ("open_for_read_count",),
    "writing": ("open_for_write_count",),
    "deny_reading": ("deny_read_count",),
    "deny_writing": ("deny_write_count",),
    "locked": ("locked",),
    "forks": ("fork_count",),
    "shared": ("shareable_lock_count",),
}
MISREAD = {
    *(("lock_file_set_old", "limit"), ("lock_logical_record_set_old", "limit"), ("log_physical_record_old", "limit")),
    *(("lock_physical_record_set_old", "limit"), ("release_physical_record", "start")),
    *(("release_physical_record", "length"), ("get_open_files", "connection"), ("get_semaphores", "connection")),
}


@pytest.fixture(scope="module")
def frames() -> dict[str, dict[str, Any]]:
    """Frames by name, each with what Wireshark said of it."""
    text = (Path(__file__).parent / "data" / "frames_synchronization.json").read_text(encoding="ascii")
    return {frame["name"]: frame for frame in json.loads(text)}


def test_table_is_complete(frames: dict[str, dict[str, Any]]) -> None:
    """Every frame that is carried is in the table, and the reverse; Wireshark complained of none."""
    assert frames.keys() == FRAMES.keys()
    assert not [name for name, frame in frames.items() if "malformed" in frame["tshark"]]


@pytest.mark.parametrize("name", FRAMES)
def test_frame_decodes_and_encodes(frames: dict[str, dict[str, Any]], name: str) -> None:
    """The layout reads the values of the table, and they make the same bytes again."""
    data, expected, seen = bytes.fromhex(frames[name]["hex"]), FRAMES[name], frames[name]["tshark"]
    if frames[name]["direction"] == "s2c":
        reply = decode_reply(data)
        assert type(expected).decode(reply.data) == expected
        assert reply._replace(data=expected.encode()).encode() == data
        assert reply.completion == int(seen["completion_code"], 16)
        return
    request = decode_request(data)
    assert isinstance(expected, Request)
    subfunction, content = split_body(request.function, request.body)
    assert (request.function, subfunction) == (expected.function, expected.subfunction)
    assert int(seen["func"], 16) == request.function
    assert type(expected).decode(content) == expected
    assert request._replace(body=expected.body()).encode() == data


@pytest.mark.parametrize("name", FRAMES)
def test_wireshark_saw_the_same(frames: dict[str, dict[str, Any]], name: str) -> None:
    """Where it has a name for a field, the value; else a known misreading."""
    seen, values = frames[name]["tshark"], vars(FRAMES[name])
    read = {
        field: next(int(seen[key], 0) if isinstance(value, int) else seen[key] for key in NAMES[field] if key in seen)
        for field, value in values.items()
        if field in NAMES
    }
    differs = {(name, field) for field, value in read.items() if value != values[field]}
    assert differs == {pair for pair in MISREAD if pair[0] == name}
