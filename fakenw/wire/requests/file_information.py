"""What the bindery's group has of files (23/14 to 16, 71): information, disk use and the paths of trustees."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Byte, Long, Nothing, PString, Raw, Reply, Request, Text14, Word, WordLE

Bytes56 = Annotated[bytes, Raw(56)]


class DiskUse(Reply, source="Wireshark ncp2222.py; Ralf Brown's list"):
    volume: Byte
    object_id: Long
    directories: Word
    files: Word
    blocks: Word


class GetDiskUse(Request[DiskUse], ncp=(23, 14), source="Wireshark ncp2222.py; Ralf Brown's list"):
    """What an object has made on a volume; the words end at 0xFFFF."""

    volume: Byte
    object_id: Long


class FileInformation(Reply, source="Wireshark ncp2222.py; Ralf Brown's list"):
    sequence: WordLE
    name: Text14
    attributes: WordLE
    size: Long
    created: Word
    accessed: Word
    modified: Word
    modified_time: Word
    creator: Long
    archived: Word
    archived_time: Word
    reserved: Bytes56


class ScanFileInformation(Request[FileInformation], ncp=(23, 15), source="Wireshark ncp2222.py; Ralf Brown's list"):
    """``sequence``: 0xFFFF starts, as in 0x40; the end is completion 0xFF."""

    sequence: WordLE
    directory: Byte
    search: Byte
    pattern: PString


class SetFileInformation(
    Request[Nothing],
    ncp=(23, 16),
    source="Wireshark ncp2222.py; Ralf Brown's list; that 0 is no date: inferred",
    sure=False,
):
    """The name may have wild cards. The size is not set, and a date or a creator of 0 stays as it was."""

    attributes: WordLE
    size: Long
    created: Word
    accessed: Word
    modified: Word
    modified_time: Word
    creator: Long
    archived: Word
    archived_time: Word
    reserved: Bytes56
    directory: Byte
    search: Byte
    name: PString


class TrusteePath(Reply, source="Wireshark ncp2222.py; Novell's NCP documents: at the end the path is empty"):
    """``rights``: one byte, in which supervisor, the ninth right, is all of the other eight (inferred)."""

    sequence: Word
    object_id: Long
    rights: Byte
    path: PString


class ScanTrusteePaths(Request[TrusteePath], ncp=(23, 71), source="Wireshark ncp2222.py; Novell's NCP documents"):
    """``last``: 0xFFFF starts, then the sequence of the last reply."""

    volume: Byte
    last: Word
    object_id: Long
