"""Files as the bindery's group has them (23/14 to 16, 71), for the tools of NetWare 2 and 3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fakenw.bindery.objects import may_read
from fakenw.core.service import Call, NcpService
from fakenw.core.services.bindery import NO_OBJECT, level, numbered
from fakenw.core.services.changes import files_named
from fakenw.core.services.disk_space import BLOCK
from fakenw.core.services.entries import NOT_CHANGED, change_entry, dos_info
from fakenw.core.services.paths import NO_ENTRY, START, SUBDIRECTORIES, matching, path_of
from fakenw.volumes.directory_tree import PathError
from fakenw.volumes.dos_name import split_pattern
from fakenw.volumes.remarks import Right
from fakenw.volumes.volume import VolumePath
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import file_information as ncp
from fakenw.wire.requests.entries import CHANGES

service = NcpService()

# The codes of an object that cannot be asked about
NOT_TOLD = (*NO_OBJECT, Code.NO_OBJECT_READ, Code.NO_SUCH_VOLUME)
DATES = {"created": ("created",), "accessed": ("accessed",), "archived": ("archived", "archived_time")}
DATES |= {"modified": ("modified", "modified_time")}


@service.answers(ncp.GetDiskUse, refuses=NOT_TOLD)
def get_disk_use(call: Call[ncp.GetDiskUse]) -> ncp.DiskUse:
    """What an object has made since the server started; what was there before is SUPERVISOR's and not counted."""
    request = call.request
    volume = call.host.volumes.numbered(request.volume)
    _may_ask(call)
    directories = files = blocks = 0
    for parts, remark in volume.remarks:
        if remark.creator != request.object_id:
            continue
        try:
            entry = call.host.volumes.look_up(VolumePath(volume.name, parts)).entry
        except PathError:
            continue  # removed behind the server's back
        directories, files = directories + entry.is_directory, files + (not entry.is_directory)
        blocks += -(-entry.size // BLOCK)
    return ncp.DiskUse(volume.number, request.object_id, *(min(n, 0xFFFF) for n in (directories, files, blocks)))


@service.answers(ncp.ScanFileInformation, refuses=NO_ENTRY)
def scan_file_information(call: Call[ncp.ScanFileInformation]) -> ncp.FileInformation:
    request = call.request
    prefix, pattern = split_pattern(request.pattern)
    path, directory = call.host.volumes.look_up_directory(path_of(call, request.directory, prefix))
    for sequence, entry in matching(
        call, directory, pattern, request.search & ~SUBDIRECTORIES, request.sequence, START
    ):
        info = dos_info(call, path / entry.name, entry)
        return ncp.FileInformation(
            *(sequence, entry.name, info.attributes & 0xFFFF, entry.size, info.created, info.accessed),
            *(info.modified, info.modified_time, info.creator, info.archived, info.archived_time, bytes(56)),
        )
    raise Refused(Code.FAILURE)


@service.answers(
    ncp.SetFileInformation,
    refuses=(*NO_ENTRY, *NOT_CHANGED, Code.DIRECTORY_FULL),
)
def set_file_information(call: Call[ncp.SetFileInformation]) -> None:
    """Only a supervisor gives a file to another object."""
    request = call.request
    names = ["attributes", *(name for first, names in DATES.items() if getattr(request, first) for name in names)]
    if request.creator and call.connection.operator:
        names.append("creator")
    for found in files_named(call, request.directory, request.name, request.search):
        old = dos_info(call, found.path, found.entry)
        told = {name: getattr(request, name) for name in names}
        told["attributes"] |= old.attributes & ~0xFFFF
        change_entry(call, found, replace(old, **told), sum(CHANGES[name] for name in names))


@service.answers(ncp.ScanTrusteePaths, refuses=NOT_TOLD)
def scan_trustee_paths(call: Call[ncp.ScanTrusteePaths]) -> ncp.TrusteePath:
    request = call.request
    volume = call.host.volumes.numbered(request.volume)
    _may_ask(call)
    following = 0 if request.last == START else request.last + 1
    found = sorted(parts for parts, remark in volume.remarks if request.object_id in remark.trustees)
    if following >= len(found):
        return ncp.TrusteePath(request.last, request.object_id, 0, "")
    parts = found[following]
    rights = volume.remarks.of(parts).trustees[request.object_id]
    byte = 0xFF if rights & Right.SUPERVISOR else rights & 0xFF
    return ncp.TrusteePath(following, request.object_id, byte, str(VolumePath(volume.name, parts)))


def _may_ask(call: Call[Any]) -> None:
    """The level that may read the object."""
    item = numbered(call, call.request.object_id)
    if not may_read(level(call, item.id), item.security):
        raise Refused(Code.NO_OBJECT_READ)
