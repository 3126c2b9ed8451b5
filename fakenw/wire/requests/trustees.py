"""Trustees: users' rights to an entry, the inherited rights mask, and effective rights.

An object id is big-endian; rights are a little-endian word with the bits of ``fakenw.volumes.remarks.Right``, of which
the functions of NetWare 2 have the lowest eight. In 87/10 and 87/11 the trustees have a fixed place, behind the room
for the longest path (libncp; mars_nwe); Wireshark expects them behind the path.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Annotated

from fakenw.wire.layout import (
    Byte,
    Long,
    LongLE,
    Malformed,
    Nothing,
    PString,
    PStrings,
    Raw,
    Reply,
    Request,
    Rest,
    Texts,
    WordLE,
)

Bytes16 = Annotated[bytes, Raw(16)]
TWENTY = 20  # trustees in a reply to 22/38 and 87/5

Trustee = tuple[int, int]  # object id, rights


RoomyPath = Annotated[tuple[str, ...], Texts(301)]  # of libncp's 307 bytes for an entry


def pack(trustees: Iterable[Trustee]) -> bytes:
    """Trustees as 87/5, 87/10 and 87/11 have them."""
    return b"".join(struct.pack(">I", one) + struct.pack("<H", rights) for one, rights in trustees)


def unpack(raw: bytes, count: int) -> list[Trustee]:
    """Raises Malformed where there are fewer."""
    if len(raw) < 6 * count:
        raise Malformed(f"expected {count} trustees")
    return [
        (int.from_bytes(raw[at : at + 4], "big"), int.from_bytes(raw[at + 4 : at + 6], "little"))
        for at in range(0, 6 * count, 6)
    ]


class ModifyMaximumRights(
    Request[Nothing], ncp=(22, 4), source="Wireshark ncp2222.py; the order of both is inferred", sure=False
):
    """``granted`` is added to the inherited rights mask of a directory, then ``revoked`` is taken from it."""

    directory: Byte
    granted: Byte
    revoked: Byte
    path: PString


class AddTrustee(Request[Nothing], ncp=(22, 13), source="Wireshark ncp2222.py; libncp"):
    directory: Byte
    trustee: Long
    rights: Byte
    path: PString


class DeleteTrustee(Request[Nothing], ncp=(22, 14), source="Wireshark ncp2222.py; libncp"):
    directory: Byte
    trustee: Long
    reserved: Byte
    path: PString


class TrusteesOf(Reply, source="Wireshark ncp2222.py; mars_nwe: ids BE; both have room for twenty"):
    """``ids``: 80 bytes, ``rights``: 40; unused ones are 0."""

    count: Byte
    ids: Annotated[bytes, Raw(80)]
    rights: Annotated[bytes, Raw(40)]

    @classmethod
    def of(cls, trustees: list[Trustee]) -> TrusteesOf:
        ids = b"".join(one.to_bytes(4, "big") for one, _ in trustees)
        rights = b"".join(held.to_bytes(2, "little") for _, held in trustees)
        return cls(len(trustees), ids.ljust(80, b"\0"), rights.ljust(40, b"\0"))


class ScanTrustees(Request[TrusteesOf], ncp=(22, 38), source="Wireshark ncp2222.py; mars_nwe"):
    """``sequence`` counts replies, from 0. There are no more where the code is 0x9C (mars_nwe)."""

    directory: Byte
    sequence: Byte
    path: PString


class AddExtendedTrustee(Request[Nothing], ncp=(22, 39), source="Wireshark ncp2222.py"):
    directory: Byte
    trustee: Long
    rights: WordLE
    path: PString


class EntryRights(Reply, source="Wireshark ncp2222.py; libncp"):
    rights: WordLE


class GetEntryRights(Request[EntryRights], ncp=(22, 42), source="Wireshark ncp2222.py"):
    directory: Byte
    path: PString


class DeleteExtendedTrustee(Request[Nothing], ncp=(22, 43), source="Wireshark ncp2222.py"):
    directory: Byte
    trustee: Long
    reserved: Byte
    path: PString


class GetObjectRights(Request[EntryRights], ncp=(22, 50), source="Wireshark ncp2222.py"):
    """The effective rights of another object."""

    object_id: Long
    directory: Byte
    path: PString


class TrusteeSet(Reply, source="libncp; Wireshark ncp2222.py"):
    """``next`` continues the scan. There are no more where the code is 0x9C (libncp, Wireshark)."""

    next: LongLE
    count: WordLE
    trustees: Rest


class ScanTrusteeSet(Request[TrusteeSet], ncp=(87, 5), source="libncp; Wireshark ncp2222.py"):
    """``sequence``: 0, or what the last reply says."""

    name_space: Byte
    reserved: Byte
    search: WordLE
    sequence: LongLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings


class AddTrusteeSet(
    Request[Nothing], ncp=(87, 10), source="libncp; mars_nwe: with a mask of 0xFFFF each has its own rights"
):
    """``mask``: the rights of all, or 0xFFFF."""

    name_space: Byte
    reserved: Byte
    search: WordLE
    mask: WordLE
    count: WordLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: RoomyPath
    trustees: Rest


class DeleteTrusteeSet(Request[Nothing], ncp=(87, 11), source="libncp; mars_nwe"):
    name_space: Byte
    reserved: Byte
    count: WordLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: RoomyPath
    trustees: Rest


class EntryRightsAndInfo(Reply, source="Wireshark ncp2222.py; libncp asks for no information"):
    rights: WordLE
    info: Rest


class GetEffectiveRights(Request[EntryRightsAndInfo], ncp=(87, 29), source="libncp; Wireshark ncp2222.py"):
    name_space: Byte
    to_name_space: Byte
    search: WordLE
    mask: LongLE
    volume: Byte
    base: LongLE
    flag: Byte
    path: PStrings
