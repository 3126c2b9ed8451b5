"""Files and directories as Linux's ncpfs and libncp reach them, in the name spaces that are loaded.

An entry has one number in all of them. What a request calls an entry, and what the reply calls it, is in the name space
that the request says.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from fakenw.core.service import Call, NcpService
from fakenw.core.services.changes import NOT_REMOVED, NOT_RENAMED, hindrance, is_wanted, remove, rename_entry
from fakenw.core.services.directories import make_directory
from fakenw.core.services.files import CREATE, CREATED, EMPTY, NOT_CREATED, OPEN, open_at
from fakenw.core.services.paths import (
    NOT_FOUND,
    FileCall,
    admit,
    dos_time,
    entry_at,
    entry_path,
    has_long_names,
    loaded,
    matching,
    name_in,
    new_handle,
    remark_of,
    rights,
    shown,
)
from fakenw.core.services.volumes import BLOCK, SECTOR
from fakenw.volumes.directory_tree import DELETE_INHIBIT, DIRECTORY, DirectoryEntry
from fakenw.volumes.dos_name import split_pattern
from fakenw.volumes.volume import Volume, VolumePath
from fakenw.wire.layout import Malformed, Texts
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import namespace as ncp
from fakenw.wire.requests.namespace import NameSpace

service = NcpService()

START = 0xFFFFFFFF  # of a search (mars_nwe)
YEAR_2000 = datetime(2000, 1, 1)
LEVEL_2 = 0x4000
TO_ITSELF, IN_THIS_SPACE = 0x01, 0x04  # flags of a rename
QUOTED = {f"\xa0{wild}": wild for wild in "*?.\xac\xab\u2510"}  # byte 0xFF before a wild card, as code page 437


@service.answers(ncp.OpenOrCreate, refuses=(*NOT_FOUND, *NOT_CREATED, Code.BAD_DIRECTORY_NAME, Code.BAD_OPEN_MODE))
def open_or_create(call: Call[ncp.OpenOrCreate]) -> ncp.OpenedEntry:
    request = call.request
    space = loaded(call, request.name_space)
    path = entry_path(call, request.volume, request.base, request.flag, request.path, space)
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
    return ncp.OpenedEntry(handle, action, 0, entry_info(call, found.path, found.entry, request.mask, space))


@service.answers(ncp.InitializeSearch, refuses=NOT_FOUND)
def initialize_search(call: Call[ncp.InitializeSearch]) -> ncp.SearchPosition:
    request = call.request
    space = loaded(call, request.name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path, space)
    if not found.entry.is_directory:
        raise Refused(Code.FAILURE)
    volume = call.host.volumes.named(found.path.volume)
    return ncp.SearchPosition(volume.number, volume.number_of(found.path.parts), START)


@service.answers(ncp.Search, refuses=NOT_FOUND)
def search(call: Call[ncp.Search]) -> ncp.FoundEntry:
    request = call.request
    space = loaded(call, request.name_space)
    for path, sequence, entry in _search(call, request, space):
        info = entry_info(call, path / entry.name, entry, request.mask, space)
        return ncp.FoundEntry(request.volume, request.directory, sequence, 0, info)
    raise Refused(Code.FAILURE)


@service.answers(ncp.SearchSet, refuses=NOT_FOUND)
def search_set(call: Call[ncp.SearchSet]) -> ncp.FoundSet:
    """As many entries as fit into what the client can take at once."""
    request = call.request
    room = call.connection.buffer - 20
    found: list[bytes] = []
    last, more = request.sequence, 0
    space = loaded(call, request.name_space)
    for path, sequence, entry in _search(call, request, space):
        info = entry_info(call, path / entry.name, entry, request.mask, space)
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
    space = loaded(call, request.name_space)
    old, new = _two_paths(request)
    if not new:
        raise Refused(Code.INVALID_PATH)
    found = entry_at(call, request.volume, request.base, request.flag, old, space)
    if not is_wanted(found, request.search):
        raise Refused(Code.FAILURE)
    target = entry_path(call, request.new_volume, request.new_base, request.new_flag, new, space)
    if not target.parts:
        raise Refused(Code.BAD_RENAME)
    to, directory = call.host.volumes.look_up_directory(VolumePath(target.volume, target.parts[:-1]))
    flag = request.rename_flag
    flags = {"same": bool(flag & TO_ITSELF), "alone": bool(flag & IN_THIS_SPACE) and has_long_names(call)}
    rename_entry(call, found, to, directory, target.parts[-1], Code.BAD_DIRECTORY_NAME, **flags)


@service.answers(ncp.GetEntryInfo, refuses=NOT_FOUND)
def get_entry_info(call: Call[ncp.GetEntryInfo]) -> ncp.EntryInfoReply:
    request = call.request
    space, to_space = loaded(call, request.name_space), loaded(call, request.to_name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path, space)
    return ncp.EntryInfoReply(entry_info(call, found.path, found.entry, request.mask, to_space))


@service.answers(ncp.Delete, refuses=(*NOT_FOUND, *NOT_REMOVED, Code.DIRECTORY_IN_USE, Code.NOT_EMPTY, Code.ALL_IN_USE))
def delete(call: Call[ncp.Delete]) -> None:
    request = call.request
    space = loaded(call, request.name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path, space)
    if not is_wanted(found, request.search):
        raise Refused(Code.FAILURE)
    hindered = hindrance(call, found, DELETE_INHIBIT)
    if hindered is not None:
        raise Refused(hindered)
    remove(call, found)


@service.answers(ncp.AllocateShortHandle, refuses=(*NOT_FOUND, Code.NO_DIRECTORY_HANDLES))
def allocate_short_handle(call: Call[ncp.AllocateShortHandle]) -> ncp.ShortHandle | ncp.ShortHandleLevel2:
    request = call.request
    space, to_space = loaded(call, request.name_space), loaded(call, request.to_name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path, space)
    handle = new_handle(call, found.path)
    volume = call.host.volumes.named(found.path.volume)
    if request.mode & LEVEL_2:
        number = volume.number_of(found.path.parts)
        return ncp.ShortHandleLevel2(volume.number, number, number, to_space, handle)
    return ncp.ShortHandle(handle, volume.number, bytes(4))


@service.answers(ncp.GetDirectoryBase, refuses=NOT_FOUND)
def get_directory_base(call: Call[ncp.GetDirectoryBase]) -> ncp.DirectoryBase:
    request = call.request
    space, _ = loaded(call, request.name_space), loaded(call, request.to_name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path, space)
    volume = call.host.volumes.named(found.path.volume)
    number = volume.number_of(found.path.parts)
    return ncp.DirectoryBase(number, number, volume.number)


@service.answers(ncp.GetNameSpaces, refuses=(Code.NO_SUCH_VOLUME,))
def get_name_spaces(call: Call[ncp.GetNameSpaces]) -> ncp.NameSpaces:
    call.host.volumes.numbered(call.request.volume)
    spaces = call.host.settings.loaded_name_spaces
    return ncp.NameSpaces(len(spaces), bytes(spaces))


def _search(
    call: FileCall, request: ncp.Search | ncp.SearchSet, space: NameSpace
) -> Iterator[tuple[VolumePath, int, DirectoryEntry]]:
    """The directory's path, and each entry with its sequence."""
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
    wanted = name_in(space, pattern or "*")
    for sequence, entry in matching(call, directory, wanted, request.search, request.sequence, START):
        yield path, sequence, entry


def entry_info(
    call: FileCall, path: VolumePath, entry: DirectoryEntry, mask: int, space: NameSpace = NameSpace.DOS
) -> bytes:
    """The blocks of an entry that a mask wants. A date that was never set is that of the last change.

    An entry was made in LONG where its names differ (inferred).
    """
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
        name_space=NameSpace.LONG if entry.long_name != entry.name and has_long_names(call) else NameSpace.DOS,
    )
    more = _more(call, path, entry, mask) if mask & ncp.ONLY_WANTED else None
    return ncp.info_blocks(mask, info, shown(entry, space), more)


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
