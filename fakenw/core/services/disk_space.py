"""Disk space of users: how much of a volume the files of each take, and how much they may take.

A file belongs to the user who made it; what was there before belongs to SUPERVISOR. A restriction holds for writing.
"""

from __future__ import annotations

from fakenw.core.service import Call, NcpService
from fakenw.core.services.paths import FileCall
from fakenw.volumes.directory_tree import UNREADABLE, PathError
from fakenw.volumes.remarks import SUPERVISOR_ID
from fakenw.volumes.volume import Volume, VolumePath
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import disk_space as ncp

service = NcpService()

BLOCK = 4096
UNRESTRICTED = 0x40000000
TWELVE = 12  # in a reply


@service.answers(ncp.ScanSpaceRestrictions, refuses=(Code.NO_SUCH_VOLUME,))
def scan_space_restrictions(call: Call[ncp.ScanSpaceRestrictions]) -> ncp.SpaceRestrictions:
    limits = call.host.volumes.numbered(call.request.volume).remarks.limits
    return ncp.SpaceRestrictions.of(list(limits.items())[call.request.first : call.request.first + TWELVE])


@service.answers(ncp.SetSpaceRestriction, refuses=(Code.NO_SUCH_VOLUME, Code.NO_MODIFY_RIGHTS, Code.NO_SUCH_OBJECT))
def set_space_restriction(call: Call[ncp.SetSpaceRestriction]) -> None:
    """UNRESTRICTED or more takes the restriction away."""
    request = call.request
    limits = call.host.volumes.numbered(request.volume).remarks.limits
    _supervise(call)
    if request.object_id not in call.host.bindery.objects:
        raise Refused(Code.NO_SUCH_OBJECT)
    if request.blocks < UNRESTRICTED:
        limits[request.object_id] = request.blocks
    else:
        limits.pop(request.object_id, None)


@service.answers(ncp.RemoveSpaceRestriction, refuses=(Code.NO_SUCH_VOLUME, Code.NO_MODIFY_RIGHTS, Code.NO_RESTRICTION))
def remove_space_restriction(call: Call[ncp.RemoveSpaceRestriction]) -> None:
    limits = call.host.volumes.numbered(call.request.volume).remarks.limits
    _supervise(call)
    if limits.pop(call.request.object_id, None) is None:
        raise Refused(Code.NO_RESTRICTION)


@service.answers(ncp.GetSpaceInUse, refuses=(Code.NO_SUCH_VOLUME, Code.FAILURE, *UNREADABLE))
def get_space_in_use(call: Call[ncp.GetSpaceInUse]) -> ncp.SpaceInUse:
    volume, owner = call.host.volumes.numbered(call.request.volume), call.request.object_id
    blocks = volume.remarks.limits.get(owner, UNRESTRICTED)
    if owner != SUPERVISOR_ID:
        return ncp.SpaceInUse(blocks, _in_use(call, volume, owner))
    total, free = volume.root.room()
    others = _in_use(call, volume, None)
    return ncp.SpaceInUse(blocks, min(max((total - free) // BLOCK - others, 0), 0xFFFFFFFF))


def may_grow(call: FileCall, place: tuple[str, ...], size: int, end: int) -> None:
    """Refuse with OUT_OF_SPACE where a file of *size* bytes that grows to *end* is too much for whom it belongs to."""
    volume = call.host.volumes.named(place[0])
    if not volume.remarks.limits or end <= size:
        return
    owner = volume.remarks.of(place[1:]).creator
    blocks = volume.remarks.limits.get(owner)
    if blocks is not None and _in_use(call, volume, owner) + _blocks(end) - _blocks(size) > blocks:
        raise Refused(Code.OUT_OF_SPACE)


def _in_use(call: FileCall, volume: Volume, owner: int | None) -> int:
    """The blocks of the files that *owner*, or anyone but SUPERVISOR, has made."""
    total = 0
    for parts, remark in volume.remarks:
        if remark.creator == owner or (owner is None and remark.creator != SUPERVISOR_ID):
            try:
                total += _blocks(call.host.volumes.look_up(VolumePath(volume.name, parts)).entry.size)
            except PathError:
                continue  # a file that someone else removed from the folder of a host
    return total


def _blocks(size: int) -> int:
    return -(-size // BLOCK)


def _supervise(call: FileCall) -> None:
    if not call.connection.operator:
        raise Refused(Code.NO_MODIFY_RIGHTS)
