"""Files: open, create, read, write, erase, rename."""

from __future__ import annotations

from dataclasses import replace

from fakenw.core.locks import Kind, LockedRecord
from fakenw.core.service import Call, NcpService
from fakenw.core.services.changes import (
    NOT_REMOVED,
    NOT_RENAMED,
    SOME,
    each,
    files_named,
    hindrance,
    remove,
    rename_files,
)
from fakenw.core.services.disk_space import may_grow
from fakenw.core.services.paths import (
    NO_ENTRY,
    FileCall,
    about,
    from_dos_time,
    made,
    may,
    now,
    path_of,
    rights,
    visible,
)
from fakenw.volumes.directory_tree import (
    ARCHIVE,
    DELETE_INHIBIT,
    READ_ONLY,
    UNCHANGEABLE,
    UNREADABLE,
    DirectoryEntry,
    File,
    PathError,
)
from fakenw.volumes.dos_name import split_pattern
from fakenw.volumes.remarks import Right
from fakenw.volumes.sharing import DENY_READ, DENY_WRITE, READ, WRITE, FileHandle
from fakenw.volumes.volume import Found, VolumePath
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import files as ncp

service = NcpService()

LARGEST_READ = 0xFE00  # with its headers it still fits into a datagram and into a frame of 64 KiB
MOST_FILES = 1000  # open at once on one connection
SETTABLE = 0xAF  # attributes: read-only, hidden, system, execute-only, archive, shareable

# What to do with a file that is there, or is not (mode of 87/1), and what was done.
OPEN, EMPTY, CREATE = 1, 2, 8
OPENED, CREATED, EMPTIED = 1, 2, 4
ACCESS = READ | WRITE | DENY_READ | DENY_WRITE

# The codes of a file that cannot be opened, of one that cannot be emptied or created either, and of one that cannot be
# written to
NOT_OPENED = (*NO_ENTRY, Code.OUT_OF_HANDLES, Code.IN_USE, Code.NO_WRITE_RIGHTS)
NOT_CREATED = (
    *NOT_OPENED,
    *UNCHANGEABLE,
    Code.NO_CREATE_RIGHTS,
    Code.NO_OVERWRITE_RIGHTS,
    Code.NO_MODIFY_RIGHTS,
    Code.BAD_FILE_NAME,
)
NOT_WRITTEN = (Code.BAD_FILE_HANDLE, Code.NO_WRITE_RIGHTS, Code.FAILURE, *UNCHANGEABLE)

END = 1 << 32  # of every file


@service.answers(ncp.OpenFileOld, refuses=NOT_OPENED)
def open_file_old(call: Call[ncp.OpenFileOld]) -> ncp.OpenedFile:
    """Without an access mask it is for reading (mars_nwe)."""
    request = call.request
    return _opened_file(call, request.directory, request.name, request.attributes, READ, 0, OPEN)


@service.answers(ncp.OpenFile, refuses=NOT_OPENED)
def open_file(call: Call[ncp.OpenFile]) -> ncp.OpenedFile:
    request = call.request
    return _opened_file(call, request.directory, request.name, request.attributes, request.access, 0, OPEN)


@service.answers(ncp.CreateFile, refuses=NOT_CREATED)
def create_file(call: Call[ncp.CreateFile]) -> ncp.OpenedFile:
    request = call.request
    mode = CREATE | EMPTY
    return _opened_file(call, request.directory, request.name, 0xFF, READ | WRITE, request.attributes, mode)


@service.answers(ncp.CreateNewFile, refuses=NOT_CREATED)
def create_new_file(call: Call[ncp.CreateNewFile]) -> ncp.OpenedFile:
    request = call.request
    return _opened_file(call, request.directory, request.name, 0xFF, READ | WRITE, request.attributes, CREATE)


@service.answers(ncp.OpenOrCreateFile, refuses=NOT_CREATED)
def open_or_create_file(call: Call[ncp.OpenOrCreateFile]) -> ncp.OpenedFile:
    request = call.request
    mode = request.action & (OPEN | EMPTY) | (CREATE if request.action & 0x10 else 0)
    return _opened_file(call, request.directory, request.name, 0xFF, request.access, request.attributes, mode)


@service.answers(ncp.CloseFile, refuses=(Code.BAD_FILE_HANDLE,))
def close_file(call: Call[ncp.CloseFile]) -> None:
    call.connection.close(handle_of(call, call.request.handle), "close")


@service.answers(ncp.CommitFile, ncp.CommitFileToDisk, refuses=(Code.BAD_FILE_HANDLE,))
def commit_file(call: FileCall) -> None:
    """What was written is there at once."""
    handle_of(call, call.request.handle)


@service.answers(ncp.GetFileSize, refuses=(Code.BAD_FILE_HANDLE,))
def get_file_size(call: Call[ncp.GetFileSize]) -> ncp.FileSize:
    return ncp.FileSize(_opened(call, call.request.handle).node.size)


@service.answers(ncp.ReadFile, refuses=(Code.BAD_FILE_HANDLE, Code.FAILURE, Code.IO_LOCKED, *UNREADABLE))
def read_file(call: Call[ncp.ReadFile]) -> ncp.FileData:
    request = call.request
    file = _opened(call, request.handle, READ, Code.NO_READ_RIGHTS)
    _unlocked(call, file, request.offset, request.offset + request.size, writing=False)
    data = file.node.read(request.offset, min(request.size, LARGEST_READ))
    call.connection.bytes_read += len(data)
    return ncp.FileData.of(data, request.offset)


@service.answers(ncp.WriteFile, refuses=(*NOT_WRITTEN, Code.INVALID_LENGTH, Code.IO_LOCKED))
def write_file(call: Call[ncp.WriteFile]) -> None:
    request = call.request
    file = _opened(call, request.handle, WRITE, Code.NO_WRITE_RIGHTS)
    if len(request.data) < request.size:
        raise Refused(Code.INVALID_LENGTH)
    _unlocked(call, file, request.offset, request.offset + request.size if request.size else END, writing=True)
    if request.size:
        may_grow(call, file.place, file.node.size, request.offset + request.size)
        file.node.write(request.offset, request.data[: request.size], now(call))
    else:
        may_grow(call, file.place, file.node.size, request.offset)
        file.node.truncate(request.offset, now(call))
    call.connection.bytes_written += request.size


@service.answers(ncp.CopyFile, refuses=(*NOT_WRITTEN, Code.IO_LOCKED))
def copy_file(call: Call[ncp.CopyFile]) -> ncp.CopiedBytes:
    """Within one file the target gets what the source was before, as by memmove (inferred: no source says)."""
    request = call.request
    source = _opened(call, request.handle, READ, Code.NO_READ_RIGHTS)
    target = _opened(call, request.to_handle, WRITE, Code.NO_WRITE_RIGHTS)
    count = min(request.size, max(0, source.node.size - request.offset))
    _unlocked(call, source, request.offset, request.offset + count, writing=False)
    _unlocked(call, target, request.to_offset, request.to_offset + count, writing=True)
    may_grow(call, target.place, target.node.size, request.to_offset + count if count else 0)
    pieces = range(0, count, LARGEST_READ)
    moves_up = source.place == target.place and request.offset < request.to_offset < request.offset + count
    for done in reversed(pieces) if moves_up else pieces:
        data = source.node.read(request.offset + done, min(LARGEST_READ, count - done))
        target.node.write(request.to_offset + done, data, now(call))
    return ncp.CopiedBytes(count)


@service.answers(ncp.SetFileTime, refuses=(*NOT_WRITTEN, Code.UNSUPPORTED, Code.NO_MODIFY_RIGHTS))
def set_file_time(call: Call[ncp.SetFileTime]) -> None:
    file = _opened(call, call.request.handle)
    may(call, VolumePath(file.place[0], file.place[1:]), Right.WRITE, Code.NO_WRITE_RIGHTS)
    try:
        moment = from_dos_time(call.request.date, call.request.time)
    except ValueError:
        raise Refused(Code.UNSUPPORTED) from None  # Wireshark: an invalid parameter
    file.node.change(modified=moment)


@service.answers(
    ncp.EraseFile, refuses=(*NO_ENTRY, *NOT_REMOVED, Code.ALL_IN_USE, Code.SOME_IN_USE, Code.SOME_READ_ONLY)
)
def erase_file(call: Call[ncp.EraseFile]) -> None:
    request = call.request
    founds = files_named(call, request.directory, request.name, request.attributes)
    for found in founds:
        may(call, found.path, Right.ERASE, Code.NO_DELETE_RIGHTS)

    def erase(found: Found) -> Code | None:
        hindered = hindrance(call, found, DELETE_INHIBIT)
        if hindered is None:
            remove(call, found)
        return hindered

    each(founds, erase)


@service.answers(ncp.RenameFile, refuses=(*NO_ENTRY, *NOT_RENAMED, *SOME, Code.BAD_FILE_NAME, Code.OTHER_VOLUME))
def rename_file(call: Call[ncp.RenameFile]) -> None:
    """Without a second handle or volume the new name is in the directory of the first handle (as in mars_nwe)."""
    request = call.request
    founds = files_named(call, request.directory, request.name, request.attributes)
    prefix, template = split_pattern(request.new_name)
    target = path_of(call, request.new_directory or request.directory, prefix)
    to, directory = call.host.volumes.look_up_directory(target)
    rename_files(call, founds, to, directory, template)


@service.answers(
    ncp.SetFileAttributes, refuses=(*NO_ENTRY, *UNCHANGEABLE, Code.NO_MODIFY_RIGHTS, Code.ALL_IN_USE, Code.SOME_IN_USE)
)
def set_file_attributes(call: Call[ncp.SetFileAttributes]) -> None:
    request, sharing = call.request, call.host.volumes.sharing
    founds = files_named(call, request.directory, request.name, request.attributes)
    for found in founds:
        may(call, found.path, Right.MODIFY, Code.NO_MODIFY_RIGHTS)

    def change(found: Found) -> Code | None:
        place, node = found.path.place, found.entry.node
        if any(handle.serial != call.connection.serial for handle in sharing.by_place.get(place, ())):
            return Code.ALL_IN_USE
        if isinstance(node, File):
            sharing.node(place, node).change(attributes=request.new & SETTABLE)
        return None

    each(founds, change)


# What the other services use as well


def open_at(
    call: FileCall, path: VolumePath, search: int, access: int, attributes: int, mode: int
) -> tuple[bytes, Found, int]:
    """Open, empty or create the file at *path* (see OPEN, EMPTY, CREATE): its handle, what it is, what was done."""
    connection, volumes = call.connection, call.host.volumes
    if len(connection.files) >= MOST_FILES:
        raise Refused(Code.OUT_OF_HANDLES)
    access = access & ACCESS if access & (READ | WRITE) else access & ACCESS | READ
    action = OPENED
    try:
        found = volumes.look_up(path)
    except PathError as problem:
        if problem.code is not Code.FAILURE or not mode & CREATE:
            raise
        found, action = _created(call, path, attributes), OPENED | CREATED
    node = found.entry.node
    place = found.path.place
    if not isinstance(node, File):
        raise Refused(Code.NO_CREATE_RIGHTS if mode & CREATE else Code.FAILURE)
    if not action & CREATED:
        node = volumes.sharing.node(place, node)
        if not visible(found.entry, search):
            raise Refused(Code.FAILURE)
        if not mode & (OPEN | EMPTY):
            raise Refused(Code.NO_OVERWRITE_RIGHTS)
        changing = mode & EMPTY or access & WRITE
        held = rights(call, found.path)
        if access & READ and not held & Right.READ:
            raise Refused(Code.NO_READ_RIGHTS)
        if changing and (node.attributes & READ_ONLY or not held & Right.WRITE):
            raise Refused(Code.READ_ONLY if mode & EMPTY else Code.NO_WRITE_RIGHTS)
        locked = call.host.locks.hinder(connection.serial, LockedRecord(Kind.FILE, place), writing=bool(changing))
        if locked or not volumes.sharing.allows(place, access | (WRITE if mode & EMPTY else 0), connection.serial):
            raise Refused(Code.IN_USE)
        if mode & EMPTY:
            node.truncate(0, now(call))
            node.change(attributes=attributes & SETTABLE | ARCHIVE)
            action = OPENED | EMPTIED
    handle = connection.next_file.to_bytes(6, "big")
    connection.next_file += 1
    connection.files[handle] = volumes.sharing.open(str(path), place, node, access, call.task, connection.serial)
    call.host.emit("open", {**connection.about(), "handle": handle.hex(), "path": str(path)})
    if node is not found.entry.node:
        found = replace(found, entry=replace(found.entry, node=node))
    return handle, found, action


def _created(call: FileCall, path: VolumePath, attributes: int) -> Found:
    """A new file."""
    to, directory = call.host.volumes.look_up_directory(VolumePath(path.volume, path.parts[:-1]))
    may(call, to, Right.CREATE, Code.NO_CREATE_RIGHTS)
    names = directory.index().new(path.parts[-1]) if path.parts else None
    if names is None:
        raise Refused(Code.BAD_FILE_NAME)
    own, dos = names
    node = directory.create_file(own, attributes & SETTABLE | ARCHIVE, now(call), dos)
    made(call, to / dos)
    return Found(to / dos, DirectoryEntry(dos, own, node, own), directory)


def _opened_file(
    call: FileCall, directory: int, name: str, search: int, access: int, attributes: int, mode: int
) -> ncp.OpenedFile:
    path = path_of(call, directory, name)
    handle, found, _ = open_at(call, path, search, access, attributes, mode)
    return ncp.OpenedFile(handle, bytes(2), *about(found.entry))


def handle_of(call: FileCall, handle: bytes) -> bytes:
    """The handle as it was given out: clients of 87/1 make the first two of its six bytes up (Linux ncpfs)."""
    handle = b"\0\0" + handle[2:]
    if handle not in call.connection.files:
        raise Refused(Code.BAD_FILE_HANDLE)
    return handle


def _opened(call: FileCall, handle: bytes, access: int = 0, code: Code = Code.FAILURE) -> FileHandle:
    """The open file; it was opened for all of *access*, or the request is refused with *code*."""
    file = call.connection.files[handle_of(call, handle)]
    if access & ~file.access:
        raise Refused(code)
    return file


def _unlocked(call: FileCall, file: FileHandle, start: int, end: int, *, writing: bool) -> None:
    """Refuse where another connection has locked some of the bytes; a shared lock hinders writing only."""
    locks = call.host.locks
    if locks and locks.hinder(
        call.connection.serial, LockedRecord(Kind.PHYSICAL, file.place, start, end), writing=writing
    ):
        raise Refused(Code.IO_LOCKED)
