"""Disk space of users: restrictions on a volume, in blocks of 4 KB, and what is in use. Object ids are big-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from fakenw.wire.layout import Byte, Long, LongLE, Nothing, Reply, Request, Rest


class SpaceRestrictions(Reply, source="libncp: ids BE, restrictions LE; Wireshark ncp2222.py"):
    """At most twelve, each an object id and a number of blocks."""

    count: Byte
    restrictions: Rest

    @classmethod
    def of(cls, restrictions: Iterable[tuple[int, int]]) -> SpaceRestrictions:
        raw = [struct.pack(">I", one) + struct.pack("<I", blocks) for one, blocks in restrictions]
        return cls(len(raw), b"".join(raw))


class ScanSpaceRestrictions(Request[SpaceRestrictions], ncp=(22, 32), source="libncp; Wireshark ncp2222.py"):
    """``first``: how many the client has already. There are no more where the count is 0 (libncp)."""

    volume: Byte
    first: LongLE


class SetSpaceRestriction(Request[Nothing], ncp=(22, 33), source="libncp: the id BE; Wireshark ncp2222.py"):
    volume: Byte
    object_id: Long
    blocks: LongLE


class RemoveSpaceRestriction(Request[Nothing], ncp=(22, 34), source="libncp: the id BE; Wireshark ncp2222.py"):
    volume: Byte
    object_id: Long


class SpaceInUse(Reply, source="libncp; Wireshark ncp2222.py"):
    """``restriction``: 0x40000000 where there is none (libncp)."""

    restriction: LongLE
    in_use: LongLE


class GetSpaceInUse(Request[SpaceInUse], ncp=(22, 41), source="libncp: the id BE; Wireshark ncp2222.py: LE"):
    volume: Byte
    object_id: Long
