"""Properties and sets over the wire. A value travels in segments of 128 bytes, the ids of a set 32 to a segment."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Byte, Items, Long, Nothing, Padded, PString, Raw, Reply, Request, Word

Segment = Annotated[bytes, Raw(128)]


class CreateProperty(Request[Nothing], ncp=(23, 57), source="libncp; mars_nwe"):
    """Flags: bit 0 dynamic, bit 1 a set."""

    object_type: Word
    object_name: PString
    flags: Byte
    security: Byte
    name: PString


class DeleteProperty(Request[Nothing], ncp=(23, 58), source="libncp; mars_nwe: the name may have wild cards"):
    object_type: Word
    object_name: PString
    name: PString


class ChangePropertySecurity(Request[Nothing], ncp=(23, 59), source="libncp; mars_nwe; Ralf Brown's list"):
    object_type: Word
    object_name: PString
    security: Byte
    name: PString


class ScannedProperty(Reply, source="libncp: 24 bytes; mars_nwe leaves the last one 0"):
    """``number`` continues the scan; ``has_value`` and ``more`` are 0xFF for yes."""

    name: Annotated[str, Padded(16)]
    flags: Byte
    security: Byte
    number: Long
    has_value: Byte
    more: Byte


class ScanProperties(Request[ScannedProperty], ncp=(23, 60), source="libncp; mars_nwe"):
    """0xFFFFFFFF starts; the end is completion 0xFB."""

    object_type: Word
    object_name: PString
    last: Long
    pattern: PString


class PropertyValue(Reply, source="Wireshark ncp2222.py; libncp needs all 130 bytes"):
    """``more`` is 0xFF where another segment follows; bit 1 of the flags is a set."""

    data: Segment
    more: Byte
    flags: Byte


class ReadProperty(Request[PropertyValue], ncp=(23, 61), source="Wireshark ncp2222.py; libncp"):
    """Segments count from 1."""

    object_type: Word
    object_name: PString
    segment: Byte
    name: PString


class WriteProperty(
    Request[Nothing],
    ncp=(23, 62),
    source="libncp; mars_nwe; Ralf Brown's list. libncp calls ``erase`` more_flag: what is meant is inferred",
    sure=False,
):
    """``erase`` is 0xFF to delete the segments behind this one (mars_nwe, Ralf Brown)."""

    object_type: Word
    object_name: PString
    segment: Byte
    erase: Byte
    name: PString
    data: Segment


class AddToSet(Request[Nothing], ncp=(23, 65), source="libncp; mars_nwe"):
    object_type: Word
    object_name: PString
    name: PString
    member_type: Word
    member_name: PString


class DeleteFromSet(Request[Nothing], ncp=(23, 66), source="libncp; mars_nwe"):
    object_type: Word
    object_name: PString
    name: PString
    member_type: Word
    member_name: PString


class IsInSet(Request[Nothing], ncp=(23, 67), source="Wireshark ncp2222.py; mars_nwe"):
    """0x00: the object is a member, 0xEA: it is not."""

    object_type: Word
    object_name: PString
    name: PString
    member_type: Word
    member_name: PString


class Relations(Reply, source="Wireshark ncp2222.py: a word counts the ids"):
    ids: Annotated[tuple[int, ...], Items(">H", ">I")]


class ListRelations(
    Request[Relations],
    ncp=(23, 76),
    source="Wireshark ncp2222.py; Ralf Brown's list; what a relation is: inferred",
    sure=False,
):
    """The objects in whose set ``name`` the object is; ``last``: the last id of the list before, 0xFFFFFFFF starts."""

    last: Long
    object_type: Word
    object_name: PString
    name: PString
