"""Files and directories as Linux's ncpfs and libncp reach them. There is one name space: that of DOS."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from fakenw.core.service import Call, NcpService
from fakenw.core.services.changes import NOT_REMOVED, NOT_RENAMED, hindrance, is_wanted, remove, rename_entry
from fakenw.core.services.directories import make_directory
from fakenw.core.services.files import CREATE, CREATED, EMPTY, NOT_CREATED, OPEN, open_at
from fakenw.core.services.paths import (
    NO_ENTRY,
    FileCall,
    admit,
    dos_time,
    entry_at,
    entry_path,
    matching,
    new_handle,
    remark_of,
    rights,
)
from fakenw.core.services.volumes import BLOCK, SECTOR
from fakenw.volumes.directory_tree import DELETE_INHIBIT, DIRECTORY, DirectoryEntry
from fakenw.volumes.dos_name import split_pattern
from fakenw.volumes.volume import Volume, VolumePath
from fakenw.wire.layout import Malformed, Texts
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import namespace as ncp

service = NcpService()

DOS = 0
START = 0xFFFFFFFF  # of a search (mars_nwe)
YEAR_2000 = datetime(2000, 1, 1)
LEVEL_2 = 0x4000
QUOTED = {f"\xa0{wild}": wild for wild in "*?.\xac\xab\u2510"}  # byte 0xFF before a wild card, as code page 437

# The codes of an entry that is not there
NOT_FOUND = (*NO_ENTRY, Code.BAD_NAME_SPACE)


@service.answers(ncp.OpenOrCreate, refuses=(*NOT_FOUND, *NOT_CREATED, Code.BAD_DIRECTORY_NAME, Code.BAD_OPEN_MODE))
def open_or_create(call: Call[ncp.OpenOrCreate]) -> ncp.OpenedEntry:
    request = call.request
    _check(request.name_space)
    path = entry_path(call, request.volume, request.base, request.flag, request.path)
    if request.attributes & DIRECTORY:
        if not request.mode & CREATE:
            raise Refused(Code.BAD_OPEN_MODE)
        found = call.host.volumes.look_up(make_directory(call, path, Code.NO_CREATE_RIGHTS))
        handle, action = bytes(4), CREATED
    else:
        if not request.mode & (OPEN | EMPTY | CREATE):
            raise Refused(Code.BAD_OPEN_MODE)
        attributes = request.attributes & 0xFF
        six, found, action = open_at(call, path, request.search, request.access, attributes, request.mode)
        handle = six[2:]
    return ncp.OpenedEntry(handle, action, 0, entry_info(call, found.path, found.entry, request.mask))


@service.answers(ncp.InitializeSearch, refuses=NOT_FOUND)
def initialize_search(call: Call[ncp.InitializeSearch]) -> ncp.SearchPosition:
    request = call.request
    _check(request.name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path)
    if not found.entry.is_directory:
        raise Refused(Code.FAILURE)
    volume = call.host.volumes.named(found.path.volume)
    return ncp.SearchPosition(volume.number, volume.number_of(found.path.parts), START)


@service.answers(ncp.Search, refuses=NOT_FOUND)
def search(call: Call[ncp.Search]) -> ncp.FoundEntry:
    request = call.request
    for path, sequence, entry in _search(call, request):
        info = entry_info(call, path / entry.name, entry, request.mask)
        return ncp.FoundEntry(request.volume, request.directory, sequence, 0, info)
    raise Refused(Code.FAILURE)


@service.answers(ncp.SearchSet, refuses=NOT_FOUND)
def search_set(call: Call[ncp.SearchSet]) -> ncp.FoundSet:
    """As many entries as fit into what the client can take at once."""
    request = call.request
    room = call.connection.buffer - 20
    found: list[bytes] = []
    last, more = request.sequence, 0
    for path, sequence, entry in _search(call, request):
        info = entry_info(call, path / entry.name, entry, request.mask)
        room -= len(info)
        if found and (room < 0 or len(found) >= request.most):
            more = 0xFF
            break
        found.append(info)
        last = sequence
    if not found:
        raise Refused(Code.FAILURE)
    return ncp.FoundSet(request.volume, request.directory, last, more, len(found), b"".join(found))


@service.answers(
    ncp.Rename, refuses=(*NOT_FOUND, *NOT_RENAMED, Code.BAD_DIRECTORY_NAME, Code.BAD_RENAME, Code.OTHER_VOLUME)
)
def rename(call: Call[ncp.Rename]) -> None:
    request = call.request
    _check(request.name_space)
    old, new = _two_paths(request)
    if not new:
        raise Refused(Code.INVALID_PATH)
    found = entry_at(call, request.volume, request.base, request.flag, old)
    if not is_wanted(found, request.search):
        raise Refused(Code.FAILURE)
    target = entry_path(call, request.new_volume, request.new_base, request.new_flag, new)
    if not target.parts:
        raise Refused(Code.BAD_RENAME)
    to, directory = call.host.volumes.look_up_directory(VolumePath(target.volume, target.parts[:-1]))
    rename_entry(call, found, to, directory, target.parts[-1], Code.BAD_DIRECTORY_NAME)


@service.answers(ncp.GetEntryInfo, refuses=NOT_FOUND)
def get_entry_info(call: Call[ncp.GetEntryInfo]) -> ncp.EntryInfoReply:
    request = call.request
    _check(request.name_space, request.to_name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path)
    return ncp.EntryInfoReply(entry_info(call, found.path, found.entry, request.mask))


@service.answers(ncp.Delete, refuses=(*NOT_FOUND, *NOT_REMOVED, Code.DIRECTORY_IN_USE, Code.NOT_EMPTY, Code.ALL_IN_USE))
def delete(call: Call[ncp.Delete]) -> None:
    request = call.request
    _check(request.name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path)
    if not is_wanted(found, request.search):
        raise Refused(Code.FAILURE)
    hindered = hindrance(call, found, DELETE_INHIBIT)
    if hindered is not None:
        raise Refused(hindered)
    remove(call, found)


@service.answers(ncp.AllocateShortHandle, refuses=(*NOT_FOUND, Code.NO_DIRECTORY_HANDLES))
def allocate_short_handle(call: Call[ncp.AllocateShortHandle]) -> ncp.ShortHandle | ncp.ShortHandleLevel2:
    request = call.request
    _check(request.name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path)
    handle = new_handle(call, found.path)
    volume = call.host.volumes.named(found.path.volume)
    if request.mode & LEVEL_2:
        number = volume.number_of(found.path.parts)
        return ncp.ShortHandleLevel2(volume.number, number, number, DOS, handle)
    return ncp.ShortHandle(handle, volume.number, bytes(4))


@service.answers(ncp.GetDirectoryBase, refuses=NOT_FOUND)
def get_directory_base(call: Call[ncp.GetDirectoryBase]) -> ncp.DirectoryBase:
    request = call.request
    _check(request.name_space, request.to_name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path)
    volume = call.host.volumes.named(found.path.volume)
    number = volume.number_of(found.path.parts)
    return ncp.DirectoryBase(number, number, volume.number)


@service.answers(ncp.GetNameSpaces, refuses=(Code.NO_SUCH_VOLUME,))
def get_name_spaces(call: Call[ncp.GetNameSpaces]) -> ncp.NameSpaces:
    call.host.volumes.numbered(call.request.volume)
    return ncp.NameSpaces(1, bytes([DOS]))


def _check(*name_spaces: int) -> None:
    """Refuse other name spaces."""
    if any(name_spaces):
        raise Refused(Code.BAD_NAME_SPACE)


def _search(call: FileCall, request: ncp.Search | ncp.SearchSet) -> Iterator[tuple[VolumePath, int, DirectoryEntry]]:
    """The directory's path, and each entry with its sequence."""
    _check(request.name_space)
    volume: Volume = call.host.volumes.numbered(request.volume)
    path = VolumePath(volume.name, volume.parts_of(request.directory))
    admit(call, path)
    pattern = request.pattern
    for quoted, wild in QUOTED.items():
        pattern = pattern.replace(quoted, wild)
    prefix, pattern = split_pattern(pattern)
    if prefix:
        raise Refused(Code.INVALID_PATH)
    directory = call.host.volumes.directory(path)
    for sequence, entry in matching(call, directory, pattern or "*", request.search, request.sequence, START):
        yield path, sequence, entry


def entry_info(call: FileCall, path: VolumePath, entry: DirectoryEntry, mask: int) -> bytes:
    """The blocks of an entry that a mask wants. A date that was never set is that of the last change."""
    date, time = dos_time(entry.modified)
    remark = remark_of(call, path)
    created, created_time = remark.created or (date, time)
    volume = call.host.volumes.named(path.volume)
    number = volume.number_of(path.parts)
    info = ncp.EntryInfo(
        space=entry.size,
        attributes=entry.attributes,
        flags=entry.attributes & 0xFFFF,
        size=entry.size,
        total_size=entry.size,
        streams=1,
        created_time=created_time,
        created=created,
        creator=remark.creator.to_bytes(4, "big"),
        modified_time=time,
        modified=date,
        modifier=remark.modifier.to_bytes(4, "big"),
        accessed=date if remark.accessed is None else remark.accessed,
        archived_time=remark.archived[1],
        archived=remark.archived[0],
        archiver=remark.archiver.to_bytes(4, "big"),
        rights=remark.inherited,
        number=number,
        dos_number=number,
        volume=volume.number,
        ea_size=0,
        ea_count=0,
        ea_key_size=0,
        name_space=DOS,
    )
    more = _more(call, path, entry, mask) if mask & ncp.ONLY_WANTED else None
    return ncp.info_blocks(mask, info, entry.name, more)


def _more(call: FileCall, path: VolumePath, entry: DirectoryEntry, mask: int) -> ncp.ExtendedInfo:
    volumes, parent = call.host.volumes, VolumePath(path.volume, path.parts[:-1])
    return ncp.ExtendedInfo(
        reference=0,
        attributes=entry.attributes,
        allocated=ncp.DataStream(1, 0, -(-entry.size // (BLOCK * SECTOR))).encode(),
        logical=ncp.DataStream(1, 0, entry.size).encode(),
        updated=(entry.modified - YEAR_2000) // timedelta(seconds=1) & 0xFFFFFFFF,
        dos_name=entry.name,
        flushed=0,
        parent=volumes.named(path.volume).number_of(parent.parts),
        finder=bytes(32),
        siblings=len(volumes.directory(parent).names()) if mask & ncp.EXTENDED["siblings"] else 0,
        effective_rights=rights(call, path),
        mac_times=bytes(8),
        access_time=0,
        size=entry.size,
    )


def _two_paths(request: ncp.Rename) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The components of the old path and of the new."""
    count = request.count + request.new_count
    if count > 0xFF:
        raise Malformed(f"{count} names")
    names, _ = Texts().decode(bytes([count]) + request.paths, 0)
    return names[: request.count], names[request.count :]
