"""Entries by their numbers: change what DOS knows of them, their paths, short handles, name space information.

The four fields that identify an entry are those of ``namespace``. Numbers are little-endian, object ids big-endian.
"""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Byte, Long, LongLE, Nothing, PString, PStrings, Raw, Reply, Request, Rest, WordLE

Bytes16 = Annotated[bytes, Raw(16)]

# The bits of the masks of 87/7, 87/19 and 87/25, in the order of 87/19's fields (Wireshark ncp2222.py; libncp DM_*)
CHANGES = {
    "attributes": 0x0002,
    "created": 0x0004,
    "created_time": 0x0008,
    "creator": 0x0010,
    "archived": 0x0020,
    "archived_time": 0x0040,
    "archiver": 0x0080,
    "modified": 0x0100,
    "modified_time": 0x0200,
    "modifier": 0x0400,
    "accessed": 0x0800,
    "inherited": 0x1000,
    "space": 0x2000,
}
NAME = 0x0001


class ModifyDosInfo(
    Request[Nothing],
    ncp=(87, 7),
    source="Linux ncpfs nw_modify_dos_info; libncp; Wireshark ncp2222.py, where the mask has two bytes",
):
    """``mask``: see ``CHANGES``. ``granted`` is added to the inherited rights mask, ``revoked`` is taken from it."""

    name_space: Byte
    reserved: Byte
    search: WordLE
    mask: LongLE
    attributes: LongLE
    created: WordLE
    created_time: WordLE
    creator: Long
    modified: WordLE
    modified_time: WordLE
    modifier: Long
    archived: WordLE
    archived_time: WordLE
    archiver: Long
    accessed: WordLE
    granted: WordLE
    revoked: WordLE
    space: LongLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class SetShortHandle(Request[Nothing], ncp=(87, 9), source="Wireshark ncp2222.py; mars_nwe"):
    """Points the handle ``target`` at another directory."""

    name_space: Byte
    data_stream: Byte
    target: Byte
    reserved: Byte
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class NameSpaceInfo(Reply, source="Wireshark ncp2222.py: the wanted fields, without gaps; dates and times LE, ids BE"):
    fields: Rest


class GetNameSpaceInfo(
    Request[NameSpaceInfo], ncp=(87, 19), source="libncp: a mask of four bytes; Wireshark ncp2222.py: two"
):
    """``mask``: 1 the name, else ``CHANGES``."""

    name_space: Byte
    to_name_space: Byte
    reserved: Byte
    volume: Byte
    base: LongLE
    mask: LongLE


class HandlePath(Reply, source="Wireshark ncp2222.py"):
    path: PString


class GetHandlePath(Request[HandlePath], ncp=(87, 21), source="Wireshark ncp2222.py; mars_nwe"):
    name_space: Byte
    directory: Byte


class SetNameSpaceInfo(
    Request[Nothing],
    ncp=(87, 25),
    source="libncp; Wireshark ncp2222.py; the fields as in the reply to 87/19",
    sure=False,
):
    """``mask``: as in 87/19. A new name stays in its directory, and is one of ``to_name_space`` only."""

    name_space: Byte
    to_name_space: Byte
    volume: Byte
    base: LongLE
    mask: LongLE
    fields: Rest


class HugeInfo(Reply, source="Wireshark ncp2222.py"):
    next_state: Bytes16
    data: PString


class GetHugeInfo(
    Request[HugeInfo], ncp=(87, 26), source="Wireshark ncp2222.py; that DOS and LONG have none is inferred", sure=False
):
    """The name spaces of DOS and LONG have no information of this kind: the reply is empty."""

    name_space: Byte
    volume: Byte
    base: LongLE
    mask: LongLE
    state: Bytes16


class FullPath(Reply, source="Wireshark ncp2222.py; libncp: the last name comes first, and the volume last"):
    """``state``: 0xFFFFFFFF after the last part of a path, else the next request's."""

    flags: WordLE
    cookie: LongLE
    state: LongLE
    size: WordLE
    count: WordLE
    names: Rest


class GetFullPath(Request[FullPath], ncp=(87, 28), source="Wireshark ncp2222.py; libncp"):
    """Of a file the path of its directory, as NetWare 4.11 since Service Pack 4 and 5.x answer (libncp)."""

    name_space: Byte
    to_name_space: Byte
    flags: WordLE
    cookie: LongLE
    state: LongLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings
