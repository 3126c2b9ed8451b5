"""Directory entries as NetWare 386 stores them: scanned, told and set."""

from __future__ import annotations

from dataclasses import replace

from fakenw.core.service import Call, NcpService
from fakenw.core.services.changes import NOT_RENAMED, rename_entry
from fakenw.core.services.entries import NOT_CHANGED, change_entry, dos_info
from fakenw.core.services.namespace import START as FIRST
from fakenw.core.services.paths import NO_ENTRY, NOT_FOUND, FileCall, admit, matching, path_of, visible
from fakenw.volumes.directory_tree import DirectoryEntry
from fakenw.volumes.dos_name import split_pattern
from fakenw.volumes.remarks import Right
from fakenw.volumes.volume import Found, VolumePath
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import directory_entries as ncp
from fakenw.wire.requests.entries import CHANGES, NAME
from fakenw.wire.requests.namespace import NameSpace

service = NcpService()

OF_FILE, OF_DIRECTORY = 0x18, 0x14  # flags (mars_nwe)
OTHER_STREAM = bytes(8)
SHORT = 100  # bytes of an entry in 22/48


@service.answers(ncp.SetDirectoryInfo, refuses=(*NO_ENTRY, *NOT_CHANGED))
def set_directory_info(call: Call[ncp.SetDirectoryInfo]) -> None:
    request = call.request
    found = call.host.volumes.look_up(path_of(call, request.directory, request.path))
    if not found.entry.is_directory:
        raise Refused(Code.INVALID_PATH)
    old = dos_info(call, found.path, found.entry)
    new = replace(
        old,
        created=request.created,
        created_time=request.created_time,
        creator=request.creator,
        inherited=request.rights | Right.SUPERVISOR,
    )
    changes = ("created", "created_time", "creator", "inherited")
    change_entry(call, found, new, sum(CHANGES[name] for name in changes))


@service.answers(ncp.ScanDirectory, refuses=NO_ENTRY)
def scan_directory(call: Call[ncp.ScanDirectory]) -> ncp.ScannedEntry:
    return _scan(call, call.request)


@service.answers(ncp.ScanDirectorySpace, refuses=NO_ENTRY)
def scan_directory_space(call: Call[ncp.ScanDirectorySpace]) -> ncp.ScannedEntry:
    scanned = _scan(call, call.request)
    return ncp.ScannedEntry(scanned.sequence, scanned.entry + OTHER_STREAM)


@service.answers(ncp.GetDirectoryEntry, refuses=NO_ENTRY)
def get_directory_entry(call: Call[ncp.GetDirectoryEntry]) -> ncp.SubdirectoryEntry:
    found = call.host.volumes.look_up(path_of(call, call.request.directory, ""))
    return _subdirectory(call, found.path, found.entry)


@service.answers(
    ncp.SetDirectoryEntry, refuses=(*NO_ENTRY, *NOT_CHANGED, *NOT_RENAMED, Code.BAD_FILE_NAME, Code.BAD_RENAME)
)
def set_directory_entry(call: Call[ncp.SetDirectoryEntry]) -> None:
    request = call.request
    path = path_of(call, request.directory, "")
    name = call.host.volumes.places.key(request.sequence)
    if name is None:
        raise Refused(Code.FAILURE)
    found = call.host.volumes.look_up(path / name)
    if not visible(found.entry, request.search):
        raise Refused(Code.FAILURE)
    kind = ncp.SubdirectoryEntry if found.entry.is_directory else ncp.FileEntry
    given = kind.decode(bytes(4) + request.entry)
    wanted = {
        name: getattr(given, name) for name, bit in CHANGES.items() if request.changes & bit and hasattr(given, name)
    }
    if wanted:
        new = replace(dos_info(call, found.path, found.entry), **wanted)
        change_entry(call, found, new, sum(CHANGES[name] for name in wanted))
    if request.changes & NAME:
        to = VolumePath(found.path.volume, found.path.parts[:-1])
        rename_entry(call, found, to, found.parent, given.name[: given.length], Code.BAD_FILE_NAME)


@service.answers(ncp.GetNameSpaceEntry, refuses=NOT_FOUND)
def get_name_space_entry(call: Call[ncp.GetNameSpaceEntry]) -> ncp.ScannedEntry:
    request = call.request
    if request.name_space != NameSpace.DOS:
        raise Refused(Code.BAD_NAME_SPACE)
    volume = call.host.volumes.numbered(request.volume)
    path = VolumePath(volume.name, volume.parts_of(request.number))
    admit(call, path)
    found: Found = call.host.volumes.look_up(path)
    return ncp.ScannedEntry(request.number, _stored(call, found.path, found.entry)[:SHORT])


def _scan(call: FileCall, request: ncp.ScanDirectory | ncp.ScanDirectorySpace) -> ncp.ScannedEntry:
    """The sequence is the number of the last entry's name."""
    prefix, pattern = split_pattern(request.pattern)
    path, directory = call.host.volumes.look_up_directory(path_of(call, request.directory, prefix))
    for sequence, entry in matching(call, directory, pattern or "*", request.search, request.sequence, FIRST):
        return ncp.ScannedEntry(sequence, _stored(call, path / entry.name, entry))
    raise Refused(Code.FAILURE)


def _stored(call: FileCall, path: VolumePath, entry: DirectoryEntry) -> bytes:
    return (_subdirectory if entry.is_directory else _file)(call, path, entry).encode()


def _file(call: FileCall, path: VolumePath, entry: DirectoryEntry) -> ncp.FileEntry:
    info = dos_info(call, path, entry)
    return ncp.FileEntry(
        *(_parent(call, path), info.attributes, 0, OF_FILE, NameSpace.DOS, len(entry.name), entry.name),
        *(info.created_time, info.created, info.creator, info.archived_time, info.archived, info.archiver),
        *(info.modified_time, info.modified, info.modifier, entry.size, bytes(44)),
        *(info.inherited, info.accessed, bytes(28)),
    )


def _subdirectory(call: FileCall, path: VolumePath, entry: DirectoryEntry) -> ncp.SubdirectoryEntry:
    info = dos_info(call, path, entry)
    name = entry.name if path.parts else ""
    return ncp.SubdirectoryEntry(
        *(_parent(call, path), info.attributes, 0, OF_DIRECTORY, NameSpace.DOS, len(name), name),
        *(info.created_time, info.created, info.creator, info.archived_time, info.archived, info.archiver),
        *(info.modified_time, info.modified, 0),
        reserved=bytes(48),
        space=info.space,
        inherited=info.inherited,
        tail=bytes(26),
    )


def _parent(call: FileCall, path: VolumePath) -> int:
    """The number of the directory that an entry is in."""
    return call.host.volumes.named(path.volume).number_of(path.parts[:-1])
