"""Entries by their numbers: what DOS knows of them, what they are called in a name space, and their paths."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from fakenw.core.service import Call, NcpService
from fakenw.core.services.changes import NOT_RENAMED, is_wanted, rename_entry
from fakenw.core.services.paths import (
    NOT_FOUND,
    FileCall,
    admit,
    base,
    dos_time,
    entry_at,
    entry_path,
    from_dos_time,
    has_long_names,
    loaded,
    may,
    name_in,
    names_to,
    remark_of,
    remark_to_change,
    shown,
)
from fakenw.volumes.directory_tree import DIRECTORY, UNCHANGEABLE, UNREADABLE, DirectoryEntry, File
from fakenw.volumes.remarks import ALL_RIGHTS, Right
from fakenw.volumes.volume import Found, VolumePath
from fakenw.wire.layout import Counted, Malformed
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import entries as ncp
from fakenw.wire.requests.entries import CHANGES

service = NcpService()

SETTABLE = 0xFF7AF  # of a file: everything but directory
SETTABLE_OF_DIRECTORY = 0x70006  # hidden, system, purge, not to be renamed, not to be deleted
LAST = 0xFFFFFFFF
HEAD = 22  # bytes of a reply before its names

# The codes of an entry that cannot be changed
NOT_CHANGED = (*UNCHANGEABLE, Code.NO_MODIFY_RIGHTS, Code.ALL_IN_USE)


@dataclass(frozen=True, slots=True)
class DosInfo:
    """What DOS knows of an entry, as the fields of 87/7 and 87/19 have it."""

    attributes: int
    created: int
    created_time: int
    creator: int
    archived: int
    archived_time: int
    archiver: int
    modified: int
    modified_time: int
    modifier: int
    accessed: int
    inherited: int
    space: int


def dos_info(call: FileCall, path: VolumePath, entry: DirectoryEntry) -> DosInfo:
    remark = remark_of(call, path)
    date, time = dos_time(entry.modified)
    created, created_time = remark.created or (date, time)
    return DosInfo(
        *(entry.attributes, created, created_time, remark.creator),
        *(*remark.archived, remark.archiver, date, time, remark.modifier),
        *(date if remark.accessed is None else remark.accessed, remark.inherited, remark.space),
    )


def change_entry(call: FileCall, found: Found, new: DosInfo, mask: int) -> None:
    """Change what *mask* says. The inherited rights mask needs the right of access control, all else that to modify."""
    if mask & CHANGES["inherited"]:
        may(call, found.path, Right.ACCESS_CONTROL, Code.NO_MODIFY_RIGHTS)
    if mask & ~CHANGES["inherited"]:
        may(call, found.path, Right.MODIFY, Code.NO_MODIFY_RIGHTS)
    place, node, sharing = found.path.place, found.entry.node, call.host.volumes.sharing
    others = (handle for handle in sharing.by_place.get(place, ()) if handle.serial != call.connection.serial)
    if mask & CHANGES["attributes"] and any(others):
        raise Refused(Code.ALL_IN_USE)
    modified = None
    if mask & (CHANGES["modified"] | CHANGES["modified_time"]):
        try:
            modified = from_dos_time(new.modified, new.modified_time)
        except ValueError:
            raise Refused(Code.FAILURE) from None
    if isinstance(node, File):
        node, settable = sharing.node(place, node), SETTABLE
    else:
        settable = SETTABLE_OF_DIRECTORY
    attributes = new.attributes & settable | node.attributes & DIRECTORY if mask & CHANGES["attributes"] else None
    if attributes is not None or modified is not None:
        node.change(attributes=attributes, modified=modified)
    if mask & ~(CHANGES["attributes"] | CHANGES["modified"] | CHANGES["modified_time"]):
        remark = remark_to_change(call, found.path)
        remark.creator, remark.modifier, remark.archiver = new.creator, new.modifier, new.archiver
        remark.archived, remark.inherited, remark.space = (new.archived, new.archived_time), new.inherited, new.space
        if mask & (CHANGES["created"] | CHANGES["created_time"]):
            remark.created = new.created, new.created_time
        if mask & CHANGES["accessed"]:
            remark.accessed = new.accessed


@service.answers(ncp.ModifyDosInfo, refuses=(*NOT_FOUND, *NOT_CHANGED))
def modify_dos_info(call: Call[ncp.ModifyDosInfo]) -> None:
    request = call.request
    space = loaded(call, request.name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path, space)
    if not is_wanted(found, request.search):
        raise Refused(Code.FAILURE)
    old = dos_info(call, found.path, found.entry)
    plain = [name for name, bit in CHANGES.items() if request.mask & bit and name != "inherited"]
    inherited = (old.inherited | request.granted) & ~request.revoked & ALL_RIGHTS
    new = replace(old, inherited=inherited, **{name: getattr(request, name) for name in plain})
    change_entry(call, found, new, request.mask & sum(CHANGES.values()))


@service.answers(ncp.SetShortHandle, refuses=NOT_FOUND)
def set_short_handle(call: Call[ncp.SetShortHandle]) -> None:
    request = call.request
    space = loaded(call, request.name_space)
    base(call, request.target)
    path = entry_path(call, request.volume, request.base, request.flag, request.path, space)
    call.connection.directories[request.target], _ = call.host.volumes.look_up_directory(path)


# The fields of 87/19, each with its form (libncp: in the order of their bits).
FORMS = {name: ">I" if name in ("creator", "archiver", "modifier") else "<H" for name in CHANGES} | {
    "attributes": "<I",
    "space": "<I",
}


@service.answers(ncp.GetNameSpaceInfo, refuses=NOT_FOUND)
def get_name_space_info(call: Call[ncp.GetNameSpaceInfo]) -> ncp.NameSpaceInfo:
    request = call.request
    _, to_space = loaded(call, request.name_space), loaded(call, request.to_name_space)
    found = _numbered(call, request.volume, request.base)
    info = dos_info(call, found.path, found.entry)
    raw = Counted().encode(shown(found.entry, to_space)) if request.mask & ncp.NAME else b""
    for name, bit in CHANGES.items():
        if request.mask & bit:
            raw += struct.pack(FORMS[name], getattr(info, name))
    return ncp.NameSpaceInfo(raw)


@service.answers(
    ncp.SetNameSpaceInfo, refuses=(*NOT_FOUND, *NOT_CHANGED, *NOT_RENAMED, Code.BAD_FILE_NAME, Code.BAD_RENAME)
)
def set_name_space_info(call: Call[ncp.SetNameSpaceInfo]) -> None:
    request = call.request
    _, to_space = loaded(call, request.name_space), loaded(call, request.to_name_space)
    found = _numbered(call, request.volume, request.base)
    name, at = Counted().decode(request.fields, 0) if request.mask & ncp.NAME else ("", 0)
    values = {}
    for field, bit in CHANGES.items():
        if request.mask & bit:
            try:
                (values[field],) = struct.unpack_from(FORMS[field], request.fields, at)
            except struct.error:
                raise Malformed(f"{field} is missing") from None
            at += struct.calcsize(FORMS[field])
    if values:
        new = replace(dos_info(call, found.path, found.entry), **values)
        change_entry(call, found, new, request.mask & sum(CHANGES.values()))
    if request.mask & ncp.NAME:
        to = VolumePath(found.path.volume, found.path.parts[:-1])
        name, there_are_two = name_in(to_space, name), has_long_names(call)
        rename_entry(call, found, to, found.parent, name, Code.BAD_FILE_NAME, alone=there_are_two)


@service.answers(
    ncp.GetHandlePath,
    refuses=(Code.BAD_DIRECTORY_HANDLE, Code.BAD_NAME_SPACE, Code.INVALID_PATH, Code.FAILURE, *UNREADABLE),
)
def get_handle_path(call: Call[ncp.GetHandlePath]) -> ncp.HandlePath:
    space = loaded(call, call.request.name_space)
    return ncp.HandlePath(str(names_to(call, base(call, call.request.directory), space)))


@service.answers(ncp.GetHugeInfo, refuses=NOT_FOUND)
def get_huge_info(call: Call[ncp.GetHugeInfo]) -> ncp.HugeInfo:
    loaded(call, call.request.name_space)
    _numbered(call, call.request.volume, call.request.base)
    return ncp.HugeInfo(bytes(16), "")


@service.answers(ncp.GetFullPath, refuses=NOT_FOUND)
def get_full_path(call: Call[ncp.GetFullPath]) -> ncp.FullPath:
    """As many names as fit into what the client can take at once; the state is how many it has (inferred)."""
    request = call.request
    space, to_space = loaded(call, request.name_space), loaded(call, request.to_name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path, space)
    place = names_to(call, found.path, to_space).place
    names = place if found.entry.is_directory else place[:-1]
    told = 0 if request.state == LAST else request.state
    raw, room, before = b"", call.connection.buffer - HEAD, told
    for name in names[::-1][told:]:
        counted = Counted().encode(name)
        if raw and len(raw) + len(counted) > room:
            break
        raw, told = raw + counted, told + 1
    state = LAST if told >= len(names) else told
    return ncp.FullPath(request.flags, LAST, state, len(raw), told - before, raw)


def _numbered(call: FileCall, volume: int, number: int) -> Found:
    """The entry with this number, once the connection may go there."""
    found = call.host.volumes.numbered(volume)
    path = VolumePath(found.name, found.parts_of(number))
    admit(call, path)
    return call.host.volumes.look_up(path)
