"""Frames of the file services that Wireshark dissected without complaint: read, and written again.

Those named after a client come from elsewhere; the others were recorded here, and say at least that Wireshark reads
what we write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakenw.wire.framing import DMDT, TNCP, Deframer
from fakenw.wire.layout import Layout, Nothing, Request, split_body
from fakenw.wire.packet import decode_reply, decode_request
from fakenw.wire.requests import directories, files, namespace, volumes


def entry(mask: int, name: str, number: int, size: int = 0, attributes: int = 0x10, time: int = 0) -> bytes:
    """What a reply of 87/x says of an entry of these servers, everything made on one day by SUPERVISOR."""
    day, owner = 0x290A, b"\0\0\0\1"
    info = namespace.EntryInfo(
        *(size, attributes, attributes, size, size, 1, time, day, owner, time, day, owner),
        *(day, 0, 0, bytes(4), 0xDF, number, number, 0, 0, 0, 0, 0),
    )
    stream = b"\1\0\0\0" + bytes(4)
    more = namespace.ExtendedInfo(
        *(0, attributes, stream + b"\1\0\0\0", stream + size.to_bytes(4, "little"), 222 * 86_400, name, 0, 7),
        *(bytes(32), 1, 0xDF, bytes(8), 0, size),
    )
    return namespace.info_blocks(mask, info, name, more)


FRAMES: dict[str, Layout] = {
    "nmap_mounted_volumes": volumes.GetMountedVolumes(0, 1, 0),
    "nmap_mounted_volumes_reply": volumes.MountedVolumes.of([(0, "SYS"), (1, "DATA")], 0, named=True),
    "volume_purge_info_2c_reply": volumes.PurgeInfo(20000, 15000, 0, 0, 1000, 900, 0, 8, "SYS"),
    "file_vol_info_12": volumes.GetVolumeInfo(0),
    "file_vol_info_12_reply": volumes.VolumeInfo(8, 20000, 15000, 1000, 900, "SYS", 0),
    "volumes_get_volume_info": volumes.GetVolumeInfo(0),
    "volumes_get_volume_info_reply": volumes.VolumeInfo(8, 16384, 16384, 16384, 16384, "SYS", 0),
    "volumes_get_volume_info_by_handle": volumes.GetVolumeInfoByHandle(1),
    "volumes_get_volume_info_by_handle_reply": volumes.VolumeInfo(8, 16384, 16384, 16384, 16384, "SYS", 0),
    "volumes_get_purge_info": volumes.GetPurgeInfo(0),
    "volumes_get_purge_info_reply": volumes.PurgeInfo(16384, 16384, 0, 0, 16384, 16384, 0, 8, "SYS"),
    "volumes_get_directory_info": volumes.GetDirectoryInfo(1),
    "volumes_get_directory_info_reply": volumes.DirectoryInfo(16384, 16384, 16384, 16384, 0, 8, "SYS"),
    "volumes_get_mounted_volumes": volumes.GetMountedVolumes(0, 1, 0),
    "volumes_get_mounted_volumes_reply": volumes.MountedVolumes(1, 0, b"\x00\x00\x00\x00\x03SYS"),
    "directories_set_directory_handle": directories.SetDirectoryHandle(2, 1, "LOGIN"),
    "directories_set_directory_handle_reply": Nothing(),
    "directories_get_directory_path": directories.GetDirectoryPath(2),
    "directories_get_directory_path_reply": directories.DirectoryPath("SYS:LOGIN"),
    "directories_scan_directories": directories.ScanDirectories(1, 1, "*"),
    "directories_scan_directories_reply": directories.ScannedDirectory("CAP_GS1", 10506, 0, 1, 223, 0, 1),
    "directories_get_effective_rights": directories.GetEffectiveRights(1, "PUBLIC"),
    "directories_get_effective_rights_reply": directories.EffectiveRights(223),
    "directories_create_directory": directories.CreateDirectory(1, 0xFF, "NEWDIR"),
    "directories_rename_directory": directories.RenameDirectory(1, "NEWDIR", "OTHER"),
    "directories_initialize_file_search": directories.InitializeFileSearch(1, ""),
    "directories_initialize_file_search_reply": directories.SearchStart(0, 1, 65535, 223),
    "directories_continue_file_search": directories.ContinueFileSearch(0, 1, 65535, 22, "*.*"),
    "directories_continue_file_search_reply": directories.FoundDirectory(
        0, 1, "CAP_GS1", 16, 223, 10506, 0, 1, bytes(2), b"\xd1\xd1"
    ),
    "directories_continue_file_search_2": directories.ContinueFileSearch(0, 2, 65535, 6, "*.*"),
    "directories_continue_file_search_2_reply": directories.FoundInSearch(
        1, 2, "LOGIN.EXE", 32, 0, 5, 10506, 10506, 10506, 0
    ),
    "files_create_file": files.CreateFile(1, 0, "A.TXT"),
    "files_create_file_reply": files.OpenedFile(
        b"\x00\x00\x00\x00\x00\x01", bytes(2), "A.TXT", 32, 0, 0, 10506, 10506, 10506, 19399
    ),
    "files_write_file": files.WriteFile(0, b"\x00\x00\x00\x00\x00\x01", 0, 5, b"hello"),
    "files_get_file_size": files.GetFileSize(0, b"\x00\x00\x00\x00\x00\x01"),
    "files_get_file_size_reply": files.FileSize(5),
    "files_read_file": files.ReadFile(0, b"\x00\x00\x00\x00\x00\x01", 1, 9),
    "files_read_file_reply": files.FileData(4, b"\x00ello"),
    "files_set_file_time": files.SetFileTime(0, b"\x00\x00\x00\x00\x00\x01", 19392, 10506),
    "files_commit_file": files.CommitFile(0, b"\x00\x00\x00\x00\x00\x01"),
    "files_commit_file_to_disk": files.CommitFileToDisk(0, b"\x00\x00\x00\x00\x00\x01"),
    "files_create_new_file": files.CreateNewFile(1, 0, "B.TXT"),
    "files_create_new_file_reply": files.OpenedFile(
        b"\x00\x00\x00\x00\x00\x02", bytes(2), "B.TXT", 32, 0, 0, 10506, 10506, 10506, 19399
    ),
    "files_create_new_file_85": files.CreateNewFile(1, 0, "B.TXT"),
    "files_copy_file": files.CopyFile(0, b"\x00\x00\x00\x00\x00\x01", b"\x00\x00\x00\x00\x00\x02", 0, 0, 1000),
    "files_copy_file_reply": files.CopiedBytes(1000),
    "files_set_file_attributes": files.SetFileAttributes(1, 1, 6, "A.TXT"),
    "files_rename_file": files.RenameFile(1, 6, "A.TXT", 1, "C.TXT"),
    "files_open_or_create_file": files.OpenOrCreateFile(1, 0, 3, 19, "D.TXT"),
    "files_open_or_create_file_reply": files.OpenedFile(
        b"\x00\x00\x00\x00\x00\x03", bytes(2), "D.TXT", 32, 0, 0, 10506, 10506, 10506, 19399
    ),
    "files_open_file_old": files.OpenFileOld(1, 6, "C.TXT"),
    "files_open_file_old_reply": files.OpenedFile(
        b"\x00\x00\x00\x00\x00\x04", bytes(2), "C.TXT", 0, 0, 5, 10506, 10506, 10506, 19392
    ),
    "files_erase_file": files.EraseFile(1, 6, "?.TXT"),
    "directories_delete_directory": directories.DeleteDirectory(1, 0, "OTHER"),
    "namespace_get_directory_base": namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, ("SYS",)),
    "namespace_get_directory_base_reply": namespace.DirectoryBase(0, 0, 0),
    "namespace_get_name_spaces": namespace.GetNameSpaces(0, 0),
    "namespace_get_name_spaces_reply": namespace.NameSpaces(1, b"\x00"),
    "namespace_get_entry_info": namespace.GetEntryInfo(0, 0, 0x8006, 0xFFF, 0, 0, 1, ("LOGIN",)),
    "namespace_get_entry_info_reply": namespace.EntryInfoReply(entry(0xFFF, "LOGIN", 1)),
    "namespace_get_entry_info_2": namespace.GetEntryInfo(0, 0, 0x8006, 0x80000FFF, 0, 0, 1, ("LOGIN", "LOGIN.EXE")),
    "namespace_get_entry_info_2_reply": namespace.EntryInfoReply(entry(0x80000FFF, "LOGIN.EXE", 2, 5, 0x20)),
    "namespace_get_more_info": namespace.GetEntryInfo(0, 0, 6, 0x81FFF001, 0, 0, 1, ("LOGIN", "LOGIN.EXE")),
    "namespace_get_more_info_reply": namespace.EntryInfoReply(entry(0x81FFF001, "LOGIN.EXE", 2, 5, 0x20)),
    "namespace_get_entry_info_3": namespace.GetEntryInfo(0, 0, 0x8006, 0x80000009, 0, 0, 1, ("LOGIN",)),
    "namespace_get_entry_info_3_reply": namespace.EntryInfoReply(entry(0x80000009, "LOGIN", 1)),
    "namespace_initialize_search": namespace.InitializeSearch(0, 0, 0, 0, 1, ()),
    "namespace_initialize_search_reply": namespace.SearchPosition(0, 0, 0xFFFFFFFF),
    "namespace_search": namespace.Search(0, 0, 0x8006, 0xFFF, 0, 0, 0xFFFFFFFF, "\xa0*"),
    "namespace_search_reply": namespace.FoundEntry(0, 0, 0, 0, entry(0xFFF, "CAP_GS1", 3)),
    "namespace_search_set": namespace.SearchSet(0, 0, 0x8006, 0xFFF, 10, 0, 0, 0xFFFFFFFF, "\xa0*"),
    "namespace_search_set_reply": namespace.FoundSet(
        0, 0, 3, 0, 3, entry(0xFFF, "CAP_GS1", 3) + entry(0xFFF, "LOGIN", 1) + entry(0xFFF, "PUBLIC", 4)
    ),
    "namespace_open_or_create": namespace.OpenOrCreate(0, 9, 6, 0xFFF, 0, 3, 0, 0, 1, ("X.TXT",)),
    "namespace_open_or_create_reply": namespace.OpenedEntry(
        b"\x00\x00\x00\x06", 3, 0, entry(0xFFF, "X.TXT", 5, 0, 0x20, 0x4BC7)
    ),
    "namespace_open_or_create_2": namespace.OpenOrCreate(0, 8, 0x8006, 0xFFF, 16, 0xFF, 0, 0, 1, ("XDIR",)),
    "namespace_open_or_create_2_reply": namespace.OpenedEntry(bytes(4), 2, 0, entry(0xFFF, "XDIR", 6, 0, 0x10, 0x4BC7)),
    "namespace_rename": namespace.Rename(0, 1, 6, 0, 0, 1, 1, 0, 0, 1, 1, b"\x05X.TXT\x05Y.TXT"),
    "namespace_delete": namespace.Delete(0, 0, 0x8006, 0, 0, 1, ("Y.TXT",)),
    "namespace_allocate_short_handle": namespace.AllocateShortHandle(0, 0, 0, 0, 0, 1, ("LOGIN",)),
    "namespace_allocate_short_handle_reply": namespace.ShortHandle(3, 0, bytes(4)),
    "namespace_allocate_short_handle_2": namespace.AllocateShortHandle(0, 0, 16384, 0, 0, 1, ("LOGIN",)),
    "namespace_allocate_short_handle_2_reply": namespace.ShortHandleLevel2(0, 1, 1, 0, 4),
}


@pytest.fixture(scope="module")
def frames() -> dict[str, dict[str, Any]]:
    """Frames by name, each with what Wireshark said of it."""
    text = (Path(__file__).parent / "data" / "frames_files.json").read_text(encoding="ascii")
    return {frame["name"]: frame for frame in json.loads(text)}


def unwrapped(frame: dict[str, Any]) -> bytes:
    """The NCP packet inside a frame."""
    data = bytes.fromhex(frame["hex"])
    if frame["transport"] == "tcp":
        (data,) = Deframer(DMDT if frame["direction"] == "c2s" else TNCP).feed(data)
    return data


def test_table_is_complete(frames: dict[str, dict[str, Any]]) -> None:
    """Every frame that is carried is in the table, and the reverse."""
    assert frames.keys() == FRAMES.keys()


@pytest.mark.parametrize("name", FRAMES)
def test_frame_decodes_and_encodes(frames: dict[str, dict[str, Any]], name: str) -> None:
    """The layout reads the values of the table, and they make the same bytes again."""
    data, expected, seen = unwrapped(frames[name]), FRAMES[name], frames[name]["tshark"]
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
    assert (f"0x{request.function:02x}", subfunction) == (
        seen["func"],
        int(seen["subfunc"]) if "subfunc" in seen else None,
    )
    assert type(expected).decode(content) == expected
    assert expected.encode() == content
    if name != "nmap_mounted_volumes":  # whose length word is one too small
        assert request._replace(body=expected.body()).encode() == data
