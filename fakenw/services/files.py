"""Volumes, directory handles, search, open, read, close. Nothing can be written yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fakenw.connection import OpenFile
from fakenw.dosname import fold, split_pattern
from fakenw.ledger import State
from fakenw.service import Call, Service
from fakenw.volume import File, Path, PathError
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import files as ncp

service = Service()

READ_AND_SCAN = 0x41  # rights: read, scan
WRITE_ACCESS = 0x02
SUBDIRECTORIES = 0x10
START = 0xFFFF
LARGEST_READ = 0xFE00  # with its headers it still fits into a datagram and into a frame of 64 KiB
MOST_FILES = 1000  # open at once on one connection


@service.answers(ncp.GetVolumeNumber)
def get_volume_number(call: Call[ncp.GetVolumeNumber]) -> ncp.VolumeNumber:
    try:
        return ncp.VolumeNumber(call.host.volumes.named(call.request.name.rstrip(":")).number)
    except PathError as problem:
        raise Refused(problem.code) from None


@service.answers(ncp.GetVolumeName)
def get_volume_name(call: Call[ncp.GetVolumeName]) -> ncp.VolumeName:
    """Clients count through 64 slots; an unused one has an empty name."""
    if call.request.number > 63:
        raise Refused(Code.NO_SUCH_VOLUME)
    try:
        return ncp.VolumeName(call.host.volumes.numbered(call.request.number).name)
    except PathError:
        return ncp.VolumeName("")


@service.answers(ncp.AllocatePermanentHandle)
def allocate_permanent_handle(call: Call[ncp.AllocatePermanentHandle]) -> ncp.DirectoryHandle:
    return _allocate(call, call.request.directory, call.request.path)


@service.answers(ncp.AllocateTemporaryHandle)
def allocate_temporary_handle(call: Call[ncp.AllocateTemporaryHandle]) -> ncp.DirectoryHandle:
    return _allocate(call, call.request.directory, call.request.path)


@service.answers(ncp.FreeDirectoryHandle)
def free_directory_handle(call: Call[ncp.FreeDirectoryHandle]) -> None:
    if call.connection.directories.pop(call.request.directory, None) is None:
        raise Refused(Code.BAD_DIRECTORY_HANDLE)


@service.answers(ncp.SearchFile)
def search_file(call: Call[ncp.SearchFile]) -> ncp.FoundFile:
    """The sequence is the place of the last entry; files and subdirectories are looked for apart."""
    request = call.request
    prefix, pattern = split_pattern(request.pattern)
    path = _path(call, request.directory, prefix)
    wanted = bool(request.attributes & SUBDIRECTORIES)
    after = -1 if request.sequence == START else request.sequence
    try:
        for place, entry in call.host.volumes.directory(path).search(pattern, after):
            if entry.is_directory is wanted:
                date, time = dos_time(entry.modified)
                return ncp.FoundFile(
                    place, bytes(2), entry.name, entry.attributes, 0, entry.size, date, date, date, time
                )
    except PathError as problem:
        raise Refused(problem.code) from None
    raise Refused(Code.FAILURE)


@service.answers(ncp.OpenFileOld)
def open_file_old(call: Call[ncp.OpenFileOld]) -> ncp.OpenedFile:
    return _open(call, call.request.directory, call.request.name)


@service.answers(ncp.OpenFile)
def open_file(call: Call[ncp.OpenFile]) -> ncp.OpenedFile:
    if call.request.access & WRITE_ACCESS:
        raise Refused(Code.NO_WRITE_RIGHTS)
    return _open(call, call.request.directory, call.request.name)


@service.answers(ncp.CloseFile)
def close_file(call: Call[ncp.CloseFile]) -> None:
    _opened(call, call.request.handle)
    call.connection.close(call.request.handle, "close")


@service.answers(ncp.GetFileSize)
def get_file_size(call: Call[ncp.GetFileSize]) -> ncp.FileSize:
    return ncp.FileSize(_opened(call, call.request.handle).node.size)


@service.answers(ncp.ReadFile)
def read_file(call: Call[ncp.ReadFile]) -> ncp.FileData:
    request = call.request
    file = _opened(call, request.handle)
    try:
        return ncp.FileData.of(file.node.read(request.offset, min(request.size, LARGEST_READ)), request.offset)
    except PathError as problem:
        raise Refused(problem.code) from None


def dos_time(when: datetime) -> tuple[int, int]:
    """A moment as the two words of DOS: date and time."""
    year = min(max(when.year, 1980), 2107) - 1980
    return year << 9 | when.month << 5 | when.day, when.hour << 11 | when.minute << 5 | when.second // 2


FileCall = Call[Any]


def _allocate(call: FileCall, base: int, text: str) -> ncp.DirectoryHandle:
    path = _path(call, base, text)
    try:
        call.host.volumes.directory(path)
    except PathError as problem:
        raise Refused(problem.code) from None
    taken = call.connection.directories
    free = next((handle for handle in range(1, 256) if handle not in taken), None)
    if free is None:
        raise Refused(Code.NO_DIRECTORY_HANDLES)
    taken[free] = path
    return ncp.DirectoryHandle(free, READ_AND_SCAN)


def _path(call: FileCall, base: int, text: str) -> Path:
    """The path that a request means, once the connection may use files at all."""
    directory = call.connection.directories.get(base)
    if base and directory is None:
        raise Refused(Code.BAD_DIRECTORY_HANDLE)
    try:
        path = Path.parse(text, directory)
    except PathError as problem:
        raise Refused(problem.code) from None
    _admit(call, path)
    return path


def _admit(call: FileCall, path: Path) -> None:
    """Files are an essential service: who is authenticated becomes licensed by asking, or is refused.

    Before the login only SYS:LOGIN is there, for the login program itself (ncp.md 8.5).
    """
    connection = call.connection
    if connection.state is State.AUTHENTICATED:
        connection.move(call.host.now, State.LICENSED, "service")
    elif connection.state is State.ATTACHED:
        login = path.volume == "SYS" and [fold(part) for part in path.parts[:1]] == ["LOGIN"]
        if not login:
            raise Refused(Code.NOT_LOGGED_IN)


def _open(call: FileCall, base: int, name: str) -> ncp.OpenedFile:
    path = _path(call, base, name)
    connection = call.connection
    if len(connection.files) >= MOST_FILES:
        raise Refused(Code.OUT_OF_HANDLES)
    try:
        entry = call.host.volumes.find(path)
    except PathError as problem:
        raise Refused(problem.code) from None
    node = entry.node
    if not isinstance(node, File):
        raise Refused(Code.FAILURE)
    handle = connection.next_file.to_bytes(6, "big")
    connection.next_file += 1
    connection.files[handle] = OpenFile(str(path), node, call.task)
    call.host.note("open", {**connection.about(), "handle": handle.hex(), "path": str(path)})
    date, time = dos_time(entry.modified)
    return ncp.OpenedFile(handle, bytes(2), entry.name, entry.attributes, 0, entry.size, date, date, date, time)


def _opened(call: FileCall, handle: bytes) -> OpenFile:
    file = call.connection.files.get(handle)
    if file is None:
        raise Refused(Code.BAD_FILE_HANDLE)
    return file
