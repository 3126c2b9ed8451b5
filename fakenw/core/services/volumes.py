"""Volumes: their names, how large they are, which are mounted.

Whoever is attached may ask: nmap does so before any login.
"""

from __future__ import annotations

from typing import NamedTuple

from fakenw.core.service import Call, NcpService
from fakenw.core.services.paths import base, dos_time
from fakenw.volumes.directory_tree import UNREADABLE, PathError
from fakenw.volumes.volume import Volume
from fakenw.wire.layout import Counted
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import files
from fakenw.wire.requests import volumes as ncp

service = NcpService()

DEFINED = ("DOS", "MACINTOSH", "NFS", "FTAM", "LONG")  # name spaces, by their numbers (Wireshark)
SLOTS = 64  # clients count through so many volume numbers
SECTOR = 512
BLOCK = 8  # sectors


class _Size(NamedTuple):
    """In blocks of *sectors* sectors; there are as many directory entries."""

    sectors: int
    blocks: int
    free: int


def _size(volume: Volume, most: int, largest: int) -> _Size:
    """A volume's size in blocks of so many sectors that there are not more than *most*; *largest* is the limit."""
    total, free = volume.root.room()
    sectors = BLOCK
    while total // (sectors * SECTOR) > most and sectors < largest:
        sectors *= 2
    block = sectors * SECTOR
    return _Size(sectors, min(total // block, most), min(free // block, most))


@service.answers(files.GetVolumeNumber, refuses=(Code.NO_SUCH_VOLUME,))
def get_volume_number(call: Call[files.GetVolumeNumber]) -> files.VolumeNumber:
    return files.VolumeNumber(call.host.volumes.named(call.request.name.rstrip(":")).number)


@service.answers(files.GetVolumeName, refuses=(Code.NO_SUCH_VOLUME,))
def get_volume_name(call: Call[files.GetVolumeName]) -> files.VolumeName:
    """Clients count through 64 slots; an unused one has an empty name."""
    if call.request.number >= SLOTS:
        raise Refused(Code.NO_SUCH_VOLUME)
    try:
        return files.VolumeName(call.host.volumes.numbered(call.request.number).name)
    except PathError:
        return files.VolumeName("")


@service.answers(ncp.GetVolumeInfo, refuses=(Code.NO_SUCH_VOLUME, Code.FAILURE, *UNREADABLE))
def get_volume_info(call: Call[ncp.GetVolumeInfo]) -> ncp.VolumeInfo:
    return _info(call.host.volumes.numbered(call.request.number))


@service.answers(ncp.GetVolumeInfoByHandle, refuses=(Code.BAD_DIRECTORY_HANDLE, Code.FAILURE, *UNREADABLE))
def get_volume_info_by_handle(call: Call[ncp.GetVolumeInfoByHandle]) -> ncp.VolumeInfo:
    return _info(call.host.volumes.named(base(call, call.request.directory).volume))


@service.answers(ncp.GetPurgeInfo, refuses=(Code.NO_SUCH_VOLUME, Code.FAILURE, *UNREADABLE))
def get_purge_info(call: Call[ncp.GetPurgeInfo]) -> ncp.PurgeInfo:
    """Nothing erased is kept, so nothing can be purged."""
    volume = call.host.volumes.numbered(call.request.number)
    size = _size(volume, 0xFFFFFFFF, 0x80)
    return ncp.PurgeInfo(size.blocks, size.free, 0, 0, size.blocks, size.free, 0, size.sectors, volume.name)


@service.answers(ncp.GetDirectoryInfo, refuses=(Code.BAD_DIRECTORY_HANDLE, Code.FAILURE, *UNREADABLE))
def get_directory_info(call: Call[ncp.GetDirectoryInfo]) -> ncp.DirectoryInfo:
    """No directory has less room than its volume."""
    volume = call.host.volumes.named(base(call, call.request.directory).volume)
    size = _size(volume, 0xFFFFFFFF, 0x80)
    return ncp.DirectoryInfo(size.blocks, size.free, size.blocks, size.free, 0, size.sectors, volume.name)


@service.answers(ncp.GetMountedVolumes)
def get_mounted_volumes(call: Call[ncp.GetMountedVolumes]) -> ncp.MountedVolumes:
    """All from the number *start* on; there are never more than fit into a reply."""
    mounted = [(volume.number, volume.name) for volume in call.host.volumes if volume.number >= call.request.start]
    return ncp.MountedVolumes.of(mounted, 0, bool(call.request.flags & 1))


@service.answers(ncp.GetNameSpaceList, refuses=(Code.NO_SUCH_VOLUME,))
def get_name_space_list(call: Call[ncp.GetNameSpaceList]) -> ncp.NameSpaceList:
    """A name space is defined by the place of its name. There is one data stream, that of DOS."""
    call.host.volumes.numbered(call.request.number)
    counted, loaded = Counted(), bytes(call.host.settings.loaded_name_spaces)
    defined = DEFINED[: loaded[-1] + 1]
    named = bytes([len(defined)]) + b"".join(map(counted.encode, defined))
    streams = b"\1\0" + counted.encode("Primary Data Stream")
    listed = bytes([len(loaded)]) + loaded
    return ncp.NameSpaceList(named + streams + listed * 2 + b"\1\0")


@service.answers(ncp.GetExtendedVolumeInfo, refuses=(Code.NO_SUCH_VOLUME, Code.FAILURE, *UNREADABLE))
def get_extended_volume_info(call: Call[ncp.GetExtendedVolumeInfo]) -> ncp.ExtendedVolumeInfo:
    volume = call.host.volumes.numbered(call.request.number)
    size = _size(volume, 0xFFFFFFFF, 0x80)
    date, time = dos_time(volume.root.modified)
    return ncp.ExtendedVolumeInfo(
        *(132, 0, 0, SECTOR, size.sectors, size.blocks, size.free, bytes(76)),
        *(size.blocks, size.free, bytes(16), 0, date << 16 | time, volume.name),
    )


def _info(volume: Volume) -> ncp.VolumeInfo:
    """The two bytes of each number are kept by larger clusters, as in mars_nwe."""
    size = _size(volume, 0xFFFF, 0x8000)
    return ncp.VolumeInfo(size.sectors, size.blocks, size.free, size.blocks, size.free, volume.name, 0)
