"""Volumes: sizes, and the mounted ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fakenw.wire.layout import Byte, Long, LongLE, PString, Raw, Reply, Request, Rest, Text16, Word, WordLE


class VolumeInfo(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    sectors_per_cluster: Word
    clusters: Word
    free_clusters: Word
    directory_slots: Word
    free_directory_slots: Word
    name: Text16
    removable: Word


class GetVolumeInfo(Request[VolumeInfo], ncp=0x12, source="Wireshark ncp2222.py; mars_nwe"):
    number: Byte


class GetVolumeInfoByHandle(Request[VolumeInfo], ncp=(22, 21), source="Wireshark ncp2222.py; mars_nwe"):
    directory: Byte


class PurgeInfo(Reply, source="Wireshark ncp2222.py; mars_nwe; libncp"):
    blocks: LongLE
    free_blocks: LongLE
    purgeable_blocks: LongLE
    not_yet_purgeable_blocks: LongLE
    directory_entries: LongLE
    free_directory_entries: LongLE
    reserved: LongLE
    sectors_per_block: Byte
    name: PString


class GetPurgeInfo(Request[PurgeInfo], ncp=(22, 44), source="Wireshark ncp2222.py; mars_nwe; libncp"):
    number: Byte


class DirectoryInfo(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    blocks: LongLE
    free_blocks: LongLE
    directory_entries: LongLE
    free_directory_entries: LongLE
    reserved: LongLE
    sectors_per_block: Byte
    name: PString


class GetDirectoryInfo(Request[DirectoryInfo], ncp=(22, 45), source="Wireshark ncp2222.py; mars_nwe"):
    directory: Byte


class MountedVolumes(Reply, source="Wireshark ncp2222.py; nmap nselib/ncp.lua: next is 0 after the last"):
    """Behind the two numbers, each volume's number, with its name where the request asks for names."""

    count: LongLE
    next: LongLE
    volumes: Rest

    @classmethod
    def of(cls, volumes: Iterable[tuple[int, str]], following: int, named: bool) -> MountedVolumes:
        raw = [
            number.to_bytes(4, "little") + (bytes([len(name)]) + name.encode("cp437") if named else b"")
            for number, name in volumes
        ]
        return cls(len(raw), following, b"".join(raw))


class GetMountedVolumes(Request[MountedVolumes], ncp=(22, 52), source="Wireshark ncp2222.py; nmap nselib/ncp.lua"):
    """``flags``: bit 0 requests names. nmap's length word is one too small."""

    start: LongLE
    flags: LongLE
    name_space: LongLE


class NameSpaceList(Reply, source="Wireshark ncp2222.py; mars_nwe; the names are inferred", sure=False):
    """Counted lists: the name spaces that are defined, data streams with the number of their name space, the numbers of
    the loaded name spaces, and of the volume's name spaces and data streams.
    """

    lists: Rest


class GetNameSpaceList(Request[NameSpaceList], ncp=(22, 47), source="Wireshark ncp2222.py"):
    number: Byte


class ExtendedVolumeInfo(
    Reply,
    source="Wireshark ncp2222.py, whose fields take 132 bytes where it says 128; the name follows them",
    sure=False,
):
    """``length``: of the structure behind it. ``details``: suballocation, compression, migration."""

    length: WordLE
    type: LongLE
    status: LongLE
    sector_size: LongLE
    sectors_per_cluster: LongLE
    clusters: LongLE
    freed_clusters: LongLE
    details: Annotated[bytes, Raw(76)]
    directory_entries: LongLE
    free_directory_entries: LongLE
    extents: Annotated[bytes, Raw(16)]
    object_id: Long
    modified: LongLE
    name: PString


class GetExtendedVolumeInfo(Request[ExtendedVolumeInfo], ncp=(22, 51), source="Wireshark ncp2222.py"):
    number: Byte
