"""Directories by handle: their paths and rights, create, delete, rename; the older search."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Byte, Bytes2, Long, Nothing, PString, PStrings, Raw, Reply, Request, Text14, Text16, Word
from fakenw.wire.requests.files import DirectoryHandle

Bytes10 = Annotated[bytes, Raw(10)]


class SetDirectoryHandle(Request[Nothing], ncp=(22, 0), source="Wireshark ncp2222.py; mars_nwe"):
    """Points the handle ``target`` at another directory."""

    target: Byte
    directory: Byte
    path: PString


class DirectoryPath(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    path: PString


class GetDirectoryPath(Request[DirectoryPath], ncp=(22, 1), source="Wireshark ncp2222.py; mars_nwe"):
    directory: Byte


class ScannedDirectory(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    name: Text16
    created: Word
    created_time: Word
    creator: Long
    rights: Byte
    reserved: Byte
    number: Word


class ScanDirectories(Request[ScannedDirectory], ncp=(22, 2), source="Wireshark ncp2222.py; mars_nwe", sure=False):
    """The subdirectory at *number*, from 1 (as in mars_nwe; inferred); without a pattern the directory itself."""

    directory: Byte
    number: Word
    pattern: PString


class EffectiveRights(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    rights: Byte


class GetEffectiveRights(Request[EffectiveRights], ncp=(22, 3), source="Wireshark ncp2222.py; mars_nwe"):
    directory: Byte
    path: PString


class CreateDirectory(
    Request[Nothing], ncp=(22, 10), source="Wireshark ncp2222.py; mars_nwe; libncp: the inherit mask"
):
    directory: Byte
    rights: Byte
    path: PString


class DeleteDirectory(Request[Nothing], ncp=(22, 11), source="Wireshark ncp2222.py; mars_nwe"):
    directory: Byte
    reserved: Byte
    path: PString


class RenameDirectory(Request[Nothing], ncp=(22, 15), source="Wireshark ncp2222.py; mars_nwe"):
    """The new name is a single name: the directory stays in its parent."""

    directory: Byte
    path: PString
    new_name: PString


class SearchStart(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    volume: Byte
    directory_id: Word
    sequence: Word
    rights: Byte


class InitializeFileSearch(Request[SearchStart], ncp=0x3E, source="Wireshark ncp2222.py; mars_nwe"):
    directory: Byte
    path: PString


class FoundInSearch(Reply, source="Wireshark ncp2222.py: File Instance; mars_nwe"):
    sequence: Word
    directory_id: Word
    name: Text14
    attributes: Byte
    mode: Byte
    size: Long
    created: Word
    accessed: Word
    modified: Word
    modified_time: Word


class FoundDirectory(
    Reply,
    source="Wireshark ncp2222.py: Directory Instance; mars_nwe, which has the time of creation where Wireshark has "
    "the date of access, and other words at the end",
    sure=False,
):
    sequence: Word
    directory_id: Word
    name: Text14
    attributes: Byte
    rights: Byte
    created: Word
    created_time: Word
    creator: Long
    reserved: Bytes2
    stamp: Bytes2


class ContinueFileSearch(Request[FoundInSearch], ncp=0x3F, source="Wireshark ncp2222.py; mars_nwe"):
    """The reply to a search for subdirectories is a FoundDirectory."""

    volume: Byte
    directory_id: Word
    sequence: Word
    attributes: Byte
    pattern: PString


class ExtractedHandle(Reply, source="Wireshark ncp2222.py; what the four bytes mean is inferred", sure=False):
    """Opaque to clients, which return it in 22/24."""

    server: Bytes10
    place: Long


class ExtractHandle(Request[ExtractedHandle], ncp=(22, 23), source="Wireshark ncp2222.py"):
    directory: Byte


class RestoreHandle(Request[DirectoryHandle], ncp=(22, 24), source="Wireshark ncp2222.py"):
    """A new handle for the directory that was extracted, also on another connection."""

    server: Bytes10
    place: Long


class GetPathOfNumber(
    Request[DirectoryPath],
    ncp=(22, 26),
    source="Wireshark ncp2222.py: LE. BE, as 62 and 63 have the same number, is inferred",
    sure=False,
):
    volume: Byte
    directory_id: Word


class RenameOrMove(
    Request[Nothing], ncp=(22, 46), source="Wireshark ncp2222.py, which shows one component of each path"
):
    """A file or a directory; the first component of a path without a handle names the volume."""

    directory: Byte
    search: Byte
    path: PStrings
    new_directory: Byte
    new_path: PStrings
