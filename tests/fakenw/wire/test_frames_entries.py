"""Frames of the functions on entries, laid out by hand from the sources and read by Wireshark: read, written again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakenw.wire.layout import Layout, Request, split_body
from fakenw.wire.packet import decode_reply, decode_request
from fakenw.wire.requests import (
    directories,
    directory_entries,
    disk_space,
    entries,
    file_information,
    files,
    trustees,
    volumes,
)

A_TXT = (0, 0, 0xFF, ("SYS", "A.TXT"))
LAST = 0xFFFFFFFF

A_FILE = directory_entries.FileEntry(
    *(5, 0x20, 0, 0x18, 0, 5, "A.TXT", 0x4BC7, 0x290A, 0x02000001, 2, 0x290C, 0x02000002, 1, 0x290B, 1, 5, bytes(44)),
    *(0x1FF, 0x290D, bytes(28)),
)
A_DIRECTORY = directory_entries.SubdirectoryEntry(
    *(5, 0x10, 0, 0x14, 0, 3, "SUB", 0x4BC7, 0x290A, 0x02000001, 2, 0x290C, 0x02000002, 1, 0x290B, 0, bytes(48)),
    *(0x7FFFFFFF, 0x1FF, bytes(26)),
)

FRAMES: dict[str, Layout] = {
    "entries_modify_dos_info": entries.ModifyDosInfo(
        *(0, 0, 0x8006, 0x0002, 0x60001, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        *(0, 5, 1, ()),
    ),
    "entries_modify_dos_info_2": entries.ModifyDosInfo(
        *(0, 0, 0x8006, 0x3FFE, 0x20, 0x290A, 0x4BC7, 0x02000001, 0x290B, 1, 1, 0x290C, 2, 0x02000002, 0x290D),
        *(0x0010, 0x0008, 0x100, *A_TXT),
    ),
    "entries_set_short_handle": entries.SetShortHandle(0, 0, 2, 0, 0, 0, 0xFF, ("SYS", "LOGIN")),
    "entries_get_name_space_info": entries.GetNameSpaceInfo(0, 0, 0, 0, 5, 0x1FFF),
    "entries_get_name_space_info_reply": entries.NameSpaceInfo(
        bytes.fromhex("05412e545854 20000000 0a29c74b02000001 0c29020002000002 0b29010000000001 0d29 ff01")
    ),
    "entries_get_handle_path": entries.GetHandlePath(0, 2),
    "entries_get_handle_path_reply": entries.HandlePath("SYS:LOGIN"),
    "entries_set_name_space_info": entries.SetNameSpaceInfo(0, 0, 0, 5, 3, b"\x05B.TXT\x20".ljust(512, b"\0")),
    "entries_get_huge_info": entries.GetHugeInfo(0, 0, 5, 1, bytes(16)),
    "entries_get_huge_info_reply": entries.HugeInfo(bytes(16), ""),
    "entries_get_full_path": entries.GetFullPath(0, 0, 0, LAST, LAST, 0, 5, 1, ("",)),
    "entries_get_full_path_reply": entries.FullPath(0, LAST, LAST, 15, 3, b"\x03SUB\x06PUBLIC\x03SYS"),
    "trustees_modify_maximum_rights": trustees.ModifyMaximumRights(1, 0x41, 0x80, "PUBLIC"),
    "trustees_add_trustee": trustees.AddTrustee(1, 0x02000001, 0x41, "PUBLIC"),
    "trustees_delete_trustee": trustees.DeleteTrustee(1, 0x02000001, 0, "PUBLIC"),
    "trustees_scan_trustees": trustees.ScanTrustees(1, 0, "PUBLIC"),
    "trustees_scan_trustees_reply": trustees.TrusteesOf.of([(0x02000001, 0x41), (1, 0x1FF)]),
    "trustees_add_extended_trustee": trustees.AddExtendedTrustee(1, 0x02000001, 0x1FB, "PUBLIC"),
    "trustees_get_entry_rights": trustees.GetEntryRights(1, "PUBLIC"),
    "trustees_get_entry_rights_reply": trustees.EntryRights(0xDF),
    "trustees_delete_extended_trustee": trustees.DeleteExtendedTrustee(1, 0x02000001, 0, "PUBLIC"),
    "trustees_get_object_rights": trustees.GetObjectRights(0x02000001, 1, "PUBLIC"),
    "trustees_get_object_rights_reply": trustees.EntryRights(0x41),
    "trustees_scan_trustee_set": trustees.ScanTrusteeSet(0, 0, 0x8006, 0, 0, 5, 1, ()),
    "trustees_scan_trustee_set_reply": trustees.TrusteeSet(2, 2, trustees.pack([(0x02000001, 0x41), (1, 0x1FF)])),
    "trustees_add_trustee_set": trustees.AddTrusteeSet(
        0, 0, 0x8006, 0xFFFF, 2, 0, 0, 0xFF, ("SYS",), trustees.pack([(0x02000001, 0x41), (0x02000002, 0x1FB)])
    ),
    "trustees_delete_trustee_set": trustees.DeleteTrusteeSet(0, 0, 1, 0, 5, 1, (), trustees.pack([(0x02000001, 0)])),
    "trustees_get_effective_rights": trustees.GetEffectiveRights(0, 0, 0x8006, 0x80000000, 0, 5, 1, ()),
    "trustees_get_effective_rights_reply": trustees.EntryRightsAndInfo(0x1FF, b""),
    "files_allocate_special_handle": files.AllocateSpecialHandle(0, ord("F"), "SYS:PUBLIC"),
    "files_allocate_special_handle_reply": files.DirectoryHandle(1, 0xDF),
    "directories_extract_handle": directories.ExtractHandle(1),
    "directories_extract_handle_reply": directories.ExtractedHandle(bytes.fromhex("00c0ffee000000000001"), 5),
    "directories_restore_handle": directories.RestoreHandle(bytes.fromhex("00c0ffee000000000001"), 5),
    "directories_restore_handle_reply": files.DirectoryHandle(2, 0xDF),
    "directories_get_path_of_number": directories.GetPathOfNumber(0, 1),
    "directories_get_path_of_number_reply": directories.DirectoryPath("SYS:PUBLIC"),
    "directories_rename_or_move": directories.RenameOrMove(1, 6, ("A.TXT",), 0, ("SYS", "B.TXT")),
    "volumes_get_name_space_list": volumes.GetNameSpaceList(0),
    "volumes_get_name_space_list_reply": volumes.NameSpaceList(b"\1\3DOS\1\0\x13Primary Data Stream\1\0\1\0\1\0"),
    "volumes_get_extended_volume_info": volumes.GetExtendedVolumeInfo(0),
    "volumes_get_extended_volume_info_reply": volumes.ExtendedVolumeInfo(
        *(132, 0, 0, 512, 8, 0x4000, 0x3000, bytes(76), 0x4000, 0x3000, bytes(16), 0, 0x290A4BC7, "SYS")
    ),
    "file_information_disk_use": file_information.GetDiskUse(0, 0x02000001),
    "file_information_disk_use_reply": file_information.DiskUse(0, 0x02000001, 1, 2, 3),
    "file_information_scan": file_information.ScanFileInformation(0xFFFF, 1, 6, "*.*"),
    "file_information_scan_reply": file_information.FileInformation(
        *(7, "A.TXT", 0x21, 5, 0x290A, 0x290B, 0x290C, 0x4BC7, 0x02000001, 0x290D, 2, bytes(56))
    ),
    "file_information_set": file_information.SetFileInformation(
        *(0x21, 5, 0x290A, 0x290B, 0x290C, 0x4BC7, 0x02000001, 0x290D, 2, bytes(56), 1, 6, "A.TXT")
    ),
    "file_information_trustee_paths": file_information.ScanTrusteePaths(0, 0xFFFF, 0x02000001),
    "file_information_trustee_paths_reply": file_information.TrusteePath(0, 0x02000001, 0x41, "SYS:PUBLIC"),
    "disk_space_scan": disk_space.ScanSpaceRestrictions(0, 0),
    "disk_space_scan_reply": disk_space.SpaceRestrictions.of([(0x02000001, 7), (0x02000002, 256)]),
    "disk_space_set": disk_space.SetSpaceRestriction(0, 0x02000001, 7),
    "disk_space_remove": disk_space.RemoveSpaceRestriction(0, 0x02000001),
    "disk_space_in_use": disk_space.GetSpaceInUse(0, 0x02000001),
    "disk_space_in_use_reply": disk_space.SpaceInUse(0x40000000, 3),
    "directory_entries_set_info": directory_entries.SetDirectoryInfo(1, 0x290A, 0x4BC7, 0x02000001, 0x41, "PUBLIC"),
    "directory_entries_scan": directory_entries.ScanDirectory(1, 6, LAST, "*.*"),
    "directory_entries_scan_reply": directory_entries.ScannedEntry(7, A_FILE.encode()),
    "directory_entries_scan_2": directory_entries.ScanDirectory(1, 0x16, LAST, "*.*"),
    "directory_entries_scan_2_reply": directory_entries.ScannedEntry(8, A_DIRECTORY.encode()),
    "directory_entries_of_handle": directory_entries.GetDirectoryEntry(1),
    "directory_entries_of_handle_reply": A_DIRECTORY,
    "directory_entries_set": directory_entries.SetDirectoryEntry(1, 6, 7, 2, bytes(2), 5, A_FILE.encode()[4:]),
    "directory_entries_scan_space": directory_entries.ScanDirectorySpace(1, 6, LAST, "*.*"),
    "directory_entries_scan_space_reply": directory_entries.ScannedEntry(7, A_FILE.encode() + bytes(8)),
    "directory_entries_of_number": directory_entries.GetNameSpaceEntry(0, 9, 0),
    "directory_entries_of_number_reply": directory_entries.ScannedEntry(9, A_FILE.encode()[:100]),
}


@pytest.fixture(scope="module")
def frames() -> dict[str, dict[str, Any]]:
    """Frames by name, each with what Wireshark said of it."""
    text = (Path(__file__).parent / "data" / "frames_entries.json").read_text(encoding="ascii")
    return {frame["name"]: frame for frame in json.loads(text)}


def test_table_is_complete(frames: dict[str, dict[str, Any]]) -> None:
    """Every frame that is carried is in the table, and the reverse."""
    assert frames.keys() == FRAMES.keys()


@pytest.mark.parametrize("name", FRAMES)
def test_frame_decodes_and_encodes(frames: dict[str, dict[str, Any]], name: str) -> None:
    """The layout reads the values of the table, and they make the same bytes again."""
    data, expected, seen = bytes.fromhex(frames[name]["hex"]), FRAMES[name], frames[name]["tshark"]
    if frames[name]["direction"] == "s2c":
        reply = decode_reply(data)
        assert type(expected).decode(reply.data) == expected
        assert expected.encode() == reply.data
        return
    request = decode_request(data)
    assert isinstance(expected, Request)
    subfunction, content = split_body(request.function, request.body)
    assert (request.function, subfunction) == (expected.function, expected.subfunction)
    assert (int(seen["func"], 16), int(seen["subfunc"])) == (expected.function, expected.subfunction)
    assert type(expected).decode(content) == expected
    assert request._replace(body=expected.body()).encode() == data
