"""Disk space of users and directories: how much the files of each take, and how much they may take.

Rules of this file:

* The owner of a file is the user that made it; a file that was there before is SUPERVISOR's.
* The space of a directory is what the files in it and below it take. Its restriction is a field of its entry (87/7,
  22/37); 0 is none, as in 22/36 (Ralf Brown's list).
* A restriction holds for writing. What is there already, or is renamed into a directory, may be more.
"""

from __future__ import annotations

from contextlib import suppress

from fakenw.core.service import Call, NcpService
from fakenw.core.services.paths import FileCall
from fakenw.volumes.directory_tree import UNREADABLE, Directory, PathError
from fakenw.volumes.remarks import SUPERVISOR_ID, UNLIMITED
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
    """Refuse with OUT_OF_SPACE where a file of *size* bytes that grows to *end* is too much.

    The space is that of the file's owner, and of each directory that the file is in.
    """
    volume, more = call.host.volumes.named(place[0]), _blocks(end) - _blocks(size)
    remarks, parts = volume.remarks, place[1:]
    if more <= 0:
        return
    if remarks.limits:
        owner = remarks.of(parts).creator
        blocks = remarks.limits.get(owner)
        if blocks is not None and _in_use(call, volume, owner) + more > blocks:
            raise Refused(Code.OUT_OF_SPACE)
    for depth in range(len(parts)) if remarks else ():
        space = remarks.space(parts[:depth])
        if 0 < space < UNLIMITED:
            taken = _taken(call.host.volumes.directory(VolumePath(volume.name, parts[:depth])))
            if taken + more > space:
                raise Refused(Code.OUT_OF_SPACE)


def _taken(directory: Directory) -> int:
    """The blocks of the files in a directory and below it, as far as they can be read."""
    total = 0
    with suppress(PathError):
        for entry in directory.search("*"):
            total += _taken(entry.node) if isinstance(entry.node, Directory) else _blocks(entry.size)
    return total


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
