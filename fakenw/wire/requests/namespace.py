"""Files and directories as Linux's ncpfs and libncp reach them (87/x). Numbers are little-endian.

``volume``, ``base``, ``flag`` and ``path`` identify an entry: with flag 0 the first byte of the base is a
directory handle, with 1 the base is a directory entry number of the volume, with 0xFF the base is unused and
the path begins with the volume's name (Linux ncpfs ncp_add_handle_path; mars_nwe build_base).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from fakenw.wire.layout import (
    Byte,
    Bytes8,
    LongLE,
    Nothing,
    Number,
    PString,
    PStrings,
    Raw,
    Reply,
    Request,
    Rest,
    WordLE,
)

Bytes4 = Annotated[bytes, Raw(4)]


class NameSpace(IntEnum):
    """Of Wireshark's numbers (DOS, Macintosh, NFS, FTAM, OS/2 or LONG) those that a server here can load."""

    DOS = 0
    LONG = 4


# The information mask (libncp RIM_*): which blocks of EntryInfo a client requests.
NAME = 0x0001
ONLY_WANTED = 0x80000000  # "new style": other blocks are left out, not padded


class EntryInfo(Reply, source="Linux ncpfs nw_info_struct; mars_nwe build_dir_info; Wireshark packet-ncp2222.inc"):
    """76 bytes, and the name behind them where the mask requests it."""

    space: LongLE
    attributes: LongLE
    flags: WordLE
    size: LongLE
    total_size: LongLE
    streams: WordLE
    created_time: WordLE
    created: WordLE
    creator: Bytes4
    modified_time: WordLE
    modified: WordLE
    modifier: Bytes4
    accessed: WordLE
    archived_time: WordLE
    archived: WordLE
    archiver: Bytes4
    rights: WordLE
    number: LongLE
    dos_number: LongLE
    volume: LongLE
    ea_size: LongLE
    ea_count: LongLE
    ea_key_size: LongLE
    name_space: LongLE


# The mask's bit, the first byte and the length of each block, in the order of the old style.
BLOCKS = {
    "space": (0x0002, 0, 4),
    "attributes": (0x0004, 4, 6),
    "size": (0x0008, 10, 4),
    "total": (0x0010, 14, 6),
    "created": (0x0100, 20, 8),
    "modified": (0x0080, 28, 10),
    "archived": (0x0040, 38, 8),
    "rights": (0x0800, 46, 2),
    "entry": (0x0400, 48, 12),
    "ea": (0x0020, 60, 12),
    "name space": (0x0200, 72, 4),
}
ANYTHING = 0x3FFFFFFF  # bit 30, NSS's large sizes, is ignored, and requests nothing by itself (libncp)
# The order of the new style is libncp's, and Wireshark 4.0's of 87/6, which has others for 87/1 and 87/3.
NEW_ORDER = (
    *("space", "attributes", "size", "total", "ea", "archived", "modified", "created"),
    *("name space", "entry", "rights"),
)


class DataStream(Reply, source="libncp; Wireshark 4.0, but for 87/3: a count, then number and size of each"):
    count: LongLE
    number: LongLE
    size: LongLE


class ExtendedInfo(
    Reply,
    source="libncp: since NetWare 4.11; Wireshark 4.0; inferred: that a sibling is any entry of the directory",
    sure=False,
):
    """What a mask may request besides, in the new style only.

    ``updated``: seconds since 2000, negative before. ``flushed``: 0, nothing waits to be written.
    """

    reference: WordLE
    attributes: LongLE
    allocated: Annotated[bytes, Raw(12)]
    logical: Annotated[bytes, Raw(12)]
    updated: LongLE
    dos_name: PString
    flushed: LongLE
    parent: LongLE
    finder: Annotated[bytes, Raw(32)]
    siblings: LongLE
    effective_rights: LongLE
    mac_times: Bytes8
    access_time: WordLE
    size: Annotated[int, Number("<Q")]


# The bit of each field; 25 and 27 to 30 are ignored
EXTENDED = dict(
    zip((name for name, _ in ExtendedInfo.forms()), (*(1 << bit for bit in range(12, 25)), 1 << 26), strict=True)
)


def info_blocks(mask: int, info: EntryInfo, name: str, more: ExtendedInfo | None = None) -> bytes:
    """The blocks that *mask* requests, and the name; empty for 0."""
    if not mask & ANYTHING:
        return b""
    raw = info.encode()
    text = name.encode("cp437")
    tail = bytes([len(text)]) + text if mask & NAME else b""
    if not mask & ONLY_WANTED:
        return b"".join(raw[at : at + size] if mask & bit else bytes(size) for bit, at, size in BLOCKS.values()) + tail
    wanted = (BLOCKS[block] for block in NEW_ORDER)
    blocks = [raw[at : at + size] for bit, at, size in wanted if mask & bit]
    blocks += [field.encode(getattr(more, key)) for key, field in ExtendedInfo.forms() if more and mask & EXTENDED[key]]
    return b"".join(blocks) + tail


class OpenedEntry(Reply, source="Linux ncpfs; Wireshark ncp2222.py; the six bytes of a handle end with these four"):
    """``action``: 1 opened, 2 created, 4 truncated."""

    handle: Bytes4
    action: Byte
    reserved: Byte
    info: Rest


class OpenOrCreate(Request[OpenedEntry], ncp=(87, 1), source="Linux ncpfs; Wireshark ncp2222.py; libncp"):
    """``mode``: 1 open, 2 truncate, 8 create. With attribute 0x10 a directory is created."""

    name_space: Byte
    mode: Byte
    search: WordLE
    mask: LongLE
    attributes: LongLE
    access: WordLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class SearchPosition(Reply, source="Linux ncpfs; mars_nwe; Wireshark ncp2222.py"):
    """Opaque to clients, which return it in 87/3."""

    volume: Byte
    directory: LongLE
    sequence: LongLE


class InitializeSearch(Request[SearchPosition], ncp=(87, 2), source="Linux ncpfs; Wireshark ncp2222.py"):
    name_space: Byte
    reserved: Byte
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class FoundEntry(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    volume: Byte
    directory: LongLE
    sequence: LongLE
    reserved: Byte
    info: Rest


class Search(Request[FoundEntry], ncp=(87, 3), source="Wireshark ncp2222.py; mars_nwe"):
    """A wild card may stand behind a byte 0xFF (mars_nwe; Linux ncpfs)."""

    name_space: Byte
    data_stream: Byte
    search: WordLE
    mask: LongLE
    volume: Byte
    directory: LongLE
    sequence: LongLE
    pattern: PString


class FoundSet(Reply, source="Linux ncpfs ncp_search_for_fileset; mars_nwe"):
    """``more``: 0xFF where the search can continue. The entries follow without gaps."""

    volume: Byte
    directory: LongLE
    sequence: LongLE
    more: Byte
    count: WordLE
    entries: Rest


class SearchSet(Request[FoundSet], ncp=(87, 20), source="Linux ncpfs ncp_search_for_fileset; Wireshark ncp2222.py"):
    """The reply has as many entries as ``most`` and a packet allow."""

    name_space: Byte
    data_stream: Byte
    search: WordLE
    mask: LongLE
    most: WordLE
    volume: Byte
    directory: LongLE
    sequence: LongLE
    pattern: PString


class Rename(Request[Nothing], ncp=(87, 4), source="Linux ncpfs; Wireshark ncp2222.py; Novell's NWNSRename"):
    """Both paths follow, without a count of their own.

    ``rename_flag``: 1 an entry may get the name that it has, 4 the name changes in this name space only.
    """

    name_space: Byte
    rename_flag: Byte
    search: WordLE
    volume: Byte
    base: LongLE
    flag: Byte
    count: Byte
    new_volume: Byte
    new_base: LongLE
    new_flag: Byte
    new_count: Byte
    paths: Rest


class EntryInfoReply(Reply, source="Linux ncpfs; mars_nwe; Wireshark ncp2222.py"):
    info: Rest


class GetEntryInfo(
    Request[EntryInfoReply], ncp=(87, 6), source="Linux ncpfs; mars_nwe. Wireshark writes all offsets two higher"
):
    """``path`` is of ``name_space``, the name in the reply of ``to_name_space``."""

    name_space: Byte
    to_name_space: Byte
    search: WordLE
    mask: LongLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class Delete(Request[Nothing], ncp=(87, 8), source="Linux ncpfs; Wireshark ncp2222.py"):
    name_space: Byte
    reserved: Byte
    search: WordLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class ShortHandle(Reply, source="Linux ncpfs; Wireshark ncp2222.py: Reply Level 1"):
    handle: Byte
    volume: Byte
    reserved: Bytes4


class ShortHandleLevel2(Reply, source="Wireshark ncp2222.py: Reply Level 2"):
    volume: LongLE
    base: LongLE
    dos_base: LongLE
    name_space: Byte
    handle: Byte


class AllocateShortHandle(Request[ShortHandle], ncp=(87, 12), source="Linux ncpfs; Wireshark ncp2222.py"):
    """``mode``: bit 14 requests a ShortHandleLevel2."""

    name_space: Byte
    to_name_space: Byte
    mode: WordLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class DirectoryBase(Reply, source="Linux ncpfs; Wireshark ncp2222.py; mars_nwe"):
    base: LongLE
    dos_base: LongLE
    volume: Byte


class GetDirectoryBase(Request[DirectoryBase], ncp=(87, 22), source="Linux ncpfs; Wireshark ncp2222.py; mars_nwe"):
    name_space: Byte
    to_name_space: Byte
    indicator: WordLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class NameSpaces(Reply, source="Linux ncpfs ncp_get_known_namespace; Wireshark ncp2222.py"):
    """0 that of DOS; 4 that of LONG, which NetWare loads since 5.0."""

    count: WordLE
    loaded: Rest


class GetNameSpaces(Request[NameSpaces], ncp=(87, 24), source="Linux ncpfs; Wireshark ncp2222.py"):
    reserved: WordLE
    volume: Byte
