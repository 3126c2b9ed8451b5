"""Directories: handles and their paths, search, rights, create, delete, rename."""

from __future__ import annotations

from fakenw.core.service import Call, NcpService
from fakenw.core.services.changes import NOT_REMOVED, NOT_RENAMED, is_wanted, remove, rename_entry, there_is
from fakenw.core.services.paths import (
    BY_HANDLE,
    BY_NAME,
    NO_DIRECTORY,
    NO_ENTRY,
    START,
    SUBDIRECTORIES,
    FileCall,
    about,
    admit,
    base,
    dos_time,
    entry_at,
    entry_path,
    made,
    matching,
    may,
    new_handle,
    now,
    path_of,
    remark_to_change,
    rights,
)
from fakenw.volumes.directory_tree import UNCHANGEABLE, Directory
from fakenw.volumes.dos_name import split_pattern
from fakenw.volumes.remarks import ALL_RIGHTS, Right
from fakenw.volumes.volume import VolumePath
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import directories as ncp
from fakenw.wire.requests import files

service = NcpService()

SUPERVISOR = 1  # made everything
DIRECTORY_STAMP = b"\xd1\xd1"  # Wireshark: "Directory Stamp"; inferred


@service.answers(
    files.AllocatePermanentHandle,
    files.AllocateTemporaryHandle,
    files.AllocateSpecialHandle,
    refuses=(*NO_DIRECTORY, Code.NO_DIRECTORY_HANDLES),
)
def allocate_handle(call: FileCall) -> files.DirectoryHandle:
    path = path_of(call, call.request.directory, call.request.path)
    handle = new_handle(call, path)
    return files.DirectoryHandle(handle, rights(call, base(call, handle)) & 0xFF)


@service.answers(files.FreeDirectoryHandle, refuses=(Code.BAD_DIRECTORY_HANDLE,))
def free_directory_handle(call: Call[files.FreeDirectoryHandle]) -> None:
    if call.connection.directories.pop(call.request.directory, None) is None:
        raise Refused(Code.BAD_DIRECTORY_HANDLE)


@service.answers(files.SearchFile, refuses=NO_ENTRY)
def search_file(call: Call[files.SearchFile]) -> files.FoundFile:
    """The sequence is the number of the last entry's name; files and subdirectories are looked for apart."""
    request = call.request
    prefix, pattern = split_pattern(request.pattern)
    directory = call.host.volumes.directory(path_of(call, request.directory, prefix))
    for sequence, entry in matching(call, directory, pattern, request.attributes, request.sequence, START):
        return files.FoundFile(sequence, bytes(2), *about(entry))
    raise Refused(Code.FAILURE)


@service.answers(ncp.SetDirectoryHandle, refuses=NO_DIRECTORY)
def set_directory_handle(call: Call[ncp.SetDirectoryHandle]) -> None:
    request = call.request
    base(call, request.target)
    path = path_of(call, request.directory, request.path)
    call.connection.directories[request.target], _ = call.host.volumes.look_up_directory(path)


@service.answers(ncp.GetDirectoryPath, refuses=(Code.BAD_DIRECTORY_HANDLE,))
def get_directory_path(call: Call[ncp.GetDirectoryPath]) -> ncp.DirectoryPath:
    return ncp.DirectoryPath(str(base(call, call.request.directory)))


@service.answers(ncp.ScanDirectories, refuses=NO_ENTRY)
def scan_directories(call: Call[ncp.ScanDirectories]) -> ncp.ScannedDirectory:
    request = call.request
    prefix, pattern = split_pattern(request.pattern)
    path, directory = call.host.volumes.look_up_directory(path_of(call, request.directory, prefix))
    number = max(request.number, 1)
    found: tuple[str, Directory] | None = None
    if not pattern:
        found = ("", directory) if number == 1 else None
    else:
        entries = (entry for _, entry in matching(call, directory, pattern, SUBDIRECTORIES, START))
        for place, entry in enumerate(entries, 1):
            if place == number and isinstance(entry.node, Directory):
                found = entry.name, entry.node
                break
    if found is None:
        raise Refused(Code.FAILURE)
    name, node = found
    held = rights(call, path / name if name else path) & 0xFF
    return ncp.ScannedDirectory(name, *dos_time(node.modified), SUPERVISOR, held, 0, number)


@service.answers(ncp.GetEffectiveRights, refuses=NO_DIRECTORY)
def get_effective_rights(call: Call[ncp.GetEffectiveRights]) -> ncp.EffectiveRights:
    path, _ = call.host.volumes.look_up_directory(path_of(call, call.request.directory, call.request.path))
    return ncp.EffectiveRights(rights(call, path) & 0xFF)


@service.answers(
    ncp.CreateDirectory, refuses=(*NO_ENTRY, *UNCHANGEABLE, Code.NO_CREATE_RIGHTS, Code.BAD_DIRECTORY_NAME)
)
def create_directory(call: Call[ncp.CreateDirectory]) -> None:
    """The rights are the inherited rights mask of the new directory."""
    path = make_directory(call, path_of(call, call.request.directory, call.request.path), Code.FAILURE)
    inherited = call.request.rights | Right.SUPERVISOR
    if inherited != ALL_RIGHTS:
        remark_to_change(call, path).inherited = inherited


@service.answers(ncp.DeleteDirectory, refuses=(*NO_ENTRY, *NOT_REMOVED, Code.DIRECTORY_IN_USE, Code.NOT_EMPTY))
def delete_directory(call: Call[ncp.DeleteDirectory]) -> None:
    found = call.host.volumes.look_up(path_of(call, call.request.directory, call.request.path))
    if not found.entry.is_directory:
        raise Refused(Code.INVALID_PATH)
    remove(call, found)


@service.answers(ncp.RenameDirectory, refuses=(*NO_ENTRY, *NOT_RENAMED, Code.BAD_DIRECTORY_NAME, Code.BAD_RENAME))
def rename_directory(call: Call[ncp.RenameDirectory]) -> None:
    request = call.request
    found = call.host.volumes.look_up(path_of(call, request.directory, request.path))
    if not found.entry.is_directory:
        raise Refused(Code.INVALID_PATH)
    to = VolumePath(found.path.volume, found.path.parts[:-1])
    rename_entry(call, found, to, found.parent, request.new_name, Code.BAD_DIRECTORY_NAME)


@service.answers(ncp.InitializeFileSearch, refuses=NO_DIRECTORY)
def initialize_file_search(call: Call[ncp.InitializeFileSearch]) -> ncp.SearchStart:
    path, _ = call.host.volumes.look_up_directory(path_of(call, call.request.directory, call.request.path))
    volume = call.host.volumes.named(path.volume)
    return ncp.SearchStart(volume.number, volume.searches.number(path.parts), START, rights(call, path) & 0xFF)


@service.answers(ncp.ContinueFileSearch, refuses=NO_ENTRY)
def continue_file_search(call: Call[ncp.ContinueFileSearch]) -> ncp.FoundInSearch | ncp.FoundDirectory:
    request = call.request
    volume = call.host.volumes.numbered(request.volume)
    parts = volume.searches.key(request.directory_id)
    if parts is None:
        raise Refused(Code.BAD_DIRECTORY_HANDLE)
    path = VolumePath(volume.name, parts)
    admit(call, path)
    directory = call.host.volumes.directory(path)
    for sequence, entry in matching(call, directory, request.pattern, request.attributes, request.sequence):
        if not entry.is_directory:
            return ncp.FoundInSearch(sequence, request.directory_id, *about(entry))
        return ncp.FoundDirectory(
            *(
                sequence,
                request.directory_id,
                entry.name,
                entry.attributes & 0xFF,
                rights(call, path / entry.name) & 0xFF,
            ),
            *(*dos_time(entry.modified), SUPERVISOR, bytes(2), DIRECTORY_STAMP),
        )
    raise Refused(Code.FAILURE)


@service.answers(ncp.ExtractHandle, refuses=(Code.BAD_DIRECTORY_HANDLE,))
def extract_handle(call: Call[ncp.ExtractHandle]) -> ncp.ExtractedHandle:
    path = base(call, call.request.directory)
    volume = call.host.volumes.named(path.volume)
    return ncp.ExtractedHandle(_server(call), volume.number << 24 | volume.number_of(path.parts))


@service.answers(ncp.RestoreHandle, refuses=(*NO_DIRECTORY, Code.NO_DIRECTORY_HANDLES))
def restore_handle(call: Call[ncp.RestoreHandle]) -> files.DirectoryHandle:
    request = call.request
    if request.server != _server(call):
        raise Refused(Code.BAD_DIRECTORY_HANDLE)
    volume = call.host.volumes.numbered(request.place >> 24)
    path = VolumePath(volume.name, volume.parts_of(request.place & 0xFFFFFF))
    admit(call, path)
    return files.DirectoryHandle(new_handle(call, path), rights(call, path) & 0xFF)


@service.answers(ncp.GetPathOfNumber, refuses=NO_DIRECTORY)
def get_path_of_number(call: Call[ncp.GetPathOfNumber]) -> ncp.DirectoryPath:
    volume = call.host.volumes.numbered(call.request.volume)
    parts = volume.searches.key(call.request.directory_id)
    if parts is None:
        raise Refused(Code.INVALID_PATH)
    path = VolumePath(volume.name, parts)
    admit(call, path)
    return ncp.DirectoryPath(str(path))


@service.answers(
    ncp.RenameOrMove, refuses=(*NO_ENTRY, *NOT_RENAMED, Code.BAD_FILE_NAME, Code.BAD_RENAME, Code.OTHER_VOLUME)
)
def rename_or_move(call: Call[ncp.RenameOrMove]) -> None:
    request = call.request
    kind = BY_HANDLE if request.directory else BY_NAME
    found = entry_at(call, 0, request.directory, kind, request.path)
    if not is_wanted(found, request.search):
        raise Refused(Code.FAILURE)
    target = entry_path(
        call, 0, request.new_directory, BY_HANDLE if request.new_directory else BY_NAME, request.new_path
    )
    if not target.parts:
        raise Refused(Code.BAD_RENAME)
    to, directory = call.host.volumes.look_up_directory(VolumePath(target.volume, target.parts[:-1]))
    rename_entry(call, found, to, directory, target.parts[-1], Code.BAD_FILE_NAME)


def _server(call: FileCall) -> bytes:
    """The network and the node of the server."""
    return call.host.net_address(call.connection.peer)[:10]


def make_directory(call: FileCall, path: VolumePath, taken: Code) -> VolumePath:
    """Make a directory; *taken* is the code where there is something with this name. Its path."""
    to, directory = call.host.volumes.look_up_directory(VolumePath(path.volume, path.parts[:-1]))
    may(call, to, Right.CREATE, Code.NO_CREATE_RIGHTS)
    if not path.parts:
        raise Refused(taken)
    if there_is(directory, path.parts[-1]):
        raise Refused(taken)
    names = directory.index().new(path.parts[-1])
    if names is None:
        raise Refused(Code.BAD_DIRECTORY_NAME)
    own, dos = names
    directory.create_directory(own, now(call), dos)
    made(call, to / dos)
    return to / dos
