"""Directory entries as NetWare 386 stores them: scanned, told and set.

Numbers are little-endian, object ids big-endian, dates and times those of DOS. Wireshark has the size big-endian in
22/30 and 22/40, and little-endian in 22/48; it is little-endian here, as in mars_nwe.
"""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import (
    Byte,
    Bytes2,
    Long,
    LongLE,
    Nothing,
    Padded,
    PString,
    Raw,
    Reply,
    Request,
    Rest,
    Word,
    WordLE,
)

Text12 = Annotated[str, Padded(12)]


class EntryHead(Reply, source="mars_nwe NW_DOS_FILE_INFO and NW_DOS_DIR_INFO", sure=False):
    """What entries of files and of directories begin with."""

    subdirectory: LongLE
    attributes: LongLE
    unique: Byte
    flags: Byte
    name_space: Byte
    length: Byte
    name: Text12
    created_time: WordLE
    created: WordLE
    creator: Long
    archived_time: WordLE
    archived: WordLE
    archiver: Long
    modified_time: WordLE
    modified: WordLE


class FileEntry(EntryHead, source="mars_nwe NW_DOS_FILE_INFO; Wireshark ncp2222.py 22/30: the size BE", sure=False):
    """``subdirectory``: the number of the directory that the file is in. ``tail``: of a deleted file."""

    modifier: Long
    size: LongLE
    reserved: Annotated[bytes, Raw(44)]
    inherited: WordLE
    accessed: WordLE
    tail: Annotated[bytes, Raw(28)]


class SubdirectoryEntry(
    EntryHead, source="mars_nwe NW_DOS_DIR_INFO: four bytes of space; Wireshark ncp2222.py 22/31: two", sure=False
):
    next_trustee: Long
    reserved: Annotated[bytes, Raw(48)]
    space: LongLE
    inherited: WordLE
    tail: Annotated[bytes, Raw(26)]


class SetDirectoryInfo(
    Request[Nothing], ncp=(22, 25), source="Wireshark ncp2222.py: LE; BE as in 22/2 is inferred", sure=False
):
    """``rights`` becomes the inherited rights mask."""

    directory: Byte
    created: Word
    created_time: Word
    creator: Long
    rights: Byte
    path: PString


class ScannedEntry(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    """``entry``: a FileEntry or a SubdirectoryEntry."""

    sequence: LongLE
    entry: Rest


class ScanDirectory(Request[ScannedEntry], ncp=(22, 30), source="Wireshark ncp2222.py; mars_nwe"):
    """``sequence``: 0xFFFFFFFF starts. Search attribute 0x10 is for subdirectories, which are looked for apart."""

    directory: Byte
    search: Byte
    sequence: LongLE
    pattern: PString


class GetDirectoryEntry(Request[SubdirectoryEntry], ncp=(22, 31), source="Wireshark ncp2222.py; mars_nwe"):
    directory: Byte


class SetDirectoryEntry(Request[Nothing], ncp=(22, 37), source="Wireshark ncp2222.py, which doubts it", sure=False):
    """``sequence`` is that of a scan of the directory; ``changes``: 1 the name, else as in 87/7.

    ``entry``: a FileEntry or a SubdirectoryEntry without its first field.
    """

    directory: Byte
    search: Byte
    sequence: LongLE
    changes: WordLE
    reserved: Bytes2
    subdirectory: LongLE
    entry: Rest


class ScanDirectorySpace(Request[ScannedEntry], ncp=(22, 40), source="Wireshark ncp2222.py"):
    """As 22/30; behind the entry, size and place of the other data stream, which there is not."""

    directory: Byte
    search: Byte
    sequence: LongLE
    pattern: PString


class GetNameSpaceEntry(Request[ScannedEntry], ncp=(22, 48), source="Wireshark ncp2222.py"):
    """The entry with this number, without the last 28 bytes; ``sequence`` of the reply is the number."""

    volume: Byte
    number: LongLE
    name_space: Byte
