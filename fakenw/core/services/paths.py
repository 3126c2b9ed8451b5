"""From what a request says to a place in a volume, once the connection may go there.

Files are an essential service: who is authenticated becomes licensed by asking, or is refused (ncp.md 8.5).
Every function that reaches into a volume comes through ``admit``; a file handle or a directory handle has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from fakenw.bindery.objects import SECURITY_EQUALS, SUPERVISOR_ID
from fakenw.core.ledger import NoRoom
from fakenw.core.service import Call
from fakenw.journal.policy import State
from fakenw.volumes.directory_tree import HIDDEN, SYSTEM, UNREADABLE, Directory, DirectoryEntry, PathError
from fakenw.volumes.dos_name import fold
from fakenw.volumes.long_name import LongName
from fakenw.volumes.remarks import ALL_RIGHTS, EVERYTHING_ELSE, Remark, Right
from fakenw.volumes.volume import Found, VolumePath
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests.namespace import NameSpace

SUBDIRECTORIES = 0x10  # search attributes: these only
EVERYTHING = 0x8000  # files and subdirectories; only 87/x has room for it
START = 0xFFFF  # of a search

BY_HANDLE, BY_NUMBER, BY_NAME = 0, 1, 0xFF  # what the base of a path is, in 87/x

TO_LOG_IN = Right.READ | Right.OPEN | Right.FILE_SCAN  # in SYS:LOGIN, before the login

# The codes of a path that leads to no directory, and of one that leads to nothing at all
NO_DIRECTORY = (
    Code.NOT_LOGGED_IN,
    Code.NO_LICENSE,
    Code.BAD_DIRECTORY_HANDLE,
    Code.NO_SUCH_VOLUME,
    Code.INVALID_PATH,
    *UNREADABLE,
)
NO_ENTRY = (*NO_DIRECTORY, Code.FAILURE)
NOT_FOUND = (*NO_ENTRY, Code.BAD_NAME_SPACE)  # in 87/x

FileCall = Call[Any]


def path_of(call: FileCall, handle: int, text: str) -> VolumePath:
    """The path that a directory handle and a text mean, once the connection may go there."""
    path = VolumePath.parse(text, base(call, handle) if handle else None)
    admit(call, path)
    return path


def base(call: FileCall, handle: int) -> VolumePath:
    """The directory that a handle stands for."""
    directory = call.connection.directories.get(handle)
    if directory is None:
        raise Refused(Code.BAD_DIRECTORY_HANDLE)
    return directory


def new_handle(call: FileCall, path: VolumePath) -> int:
    """A directory handle for the directory at *path*."""
    found, _ = call.host.volumes.look_up_directory(path)
    taken = call.connection.directories
    free = next((handle for handle in range(1, 256) if handle not in taken), None)
    if free is None:
        raise Refused(Code.NO_DIRECTORY_HANDLES)
    taken[free] = found
    return free


def admit(call: FileCall, path: VolumePath) -> None:
    """License the connection, or refuse. Before the login only SYS:LOGIN is there, for the login program itself.

    That the refusal is 0x7D is inferred: Wireshark and NDS's -125 name it "not logged in", but no source lists it for a
    function of files.
    """
    connection = call.connection
    if connection.state is State.AUTHENTICATED:
        if not call.host.settings.auto_license:
            raise NoRoom
        connection.move(call.host.now, State.LICENSED, "service")
    elif connection.state is State.ATTACHED:
        first = path.parts[:1]
        if first and isinstance(first[0], LongName):
            with suppress(PathError):
                first = call.host.volumes.look_up(VolumePath(path.volume, first)).path.parts
        login = path.volume == "SYS" and [fold(part) for part in first] == ["LOGIN"]
        if not login:
            raise Refused(Code.NOT_LOGGED_IN)


def loaded(call: FileCall, number: int) -> NameSpace:
    """The name space with this number, which must be loaded."""
    for space in call.host.settings.loaded_name_spaces:
        if space == number:
            return space
    raise Refused(Code.BAD_NAME_SPACE)


def has_long_names(call: FileCall) -> bool:
    return NameSpace.LONG in call.host.settings.loaded_name_spaces


def name_in(space: NameSpace, name: str) -> str:
    """A name or a pattern, as volumes distinguish them."""
    return LongName(name) if space is NameSpace.LONG else name


def shown(entry: DirectoryEntry, space: NameSpace) -> str:
    """What an entry is called in a name space."""
    return entry.long_name if space is NameSpace.LONG else entry.name


def names_to(call: FileCall, path: VolumePath, space: NameSpace) -> VolumePath:
    """A path of DOS names, in a name space."""
    if space is NameSpace.DOS:
        return path
    volumes, parts = call.host.volumes, path.parts
    entries = (volumes.look_up(VolumePath(path.volume, parts[: depth + 1])).entry for depth in range(len(parts)))
    return VolumePath(path.volume, tuple(shown(entry, space) for entry in entries))


def entry_path(
    call: FileCall, volume: int, number: int, flag: int, names: tuple[str, ...], space: NameSpace = NameSpace.DOS
) -> VolumePath:
    """What four fields of a request of 87/x mean, once the connection may go there."""
    volumes = call.host.volumes
    if flag == BY_HANDLE:
        path = base(call, number & 0xFF)
    elif flag == BY_NUMBER:
        found = volumes.numbered(volume)
        path = VolumePath(found.name, found.parts_of(number))
    elif flag == BY_NAME and names:
        first, *rest = names
        path, names = VolumePath.parse(name_in(space, first if ":" in first else first + ":")), tuple(rest)
    else:
        raise Refused(Code.INVALID_PATH)
    for name in names:
        if ":" in name:
            raise Refused(Code.INVALID_PATH)
        path = VolumePath.parse(name_in(space, name), path)
    admit(call, path)
    return path


def entry_at(
    call: FileCall, volume: int, number: int, flag: int, names: tuple[str, ...], space: NameSpace = NameSpace.DOS
) -> Found:
    return call.host.volumes.look_up(entry_path(call, volume, number, flag, names, space))


def rights(call: FileCall, path: VolumePath, of: int | None = None) -> int:
    """What the caller, or the object with the id *of*, may do with the entry at *path*, which is one of DOS names."""
    connection, bindery = call.connection, call.host.bindery
    user = None
    if of is not None:
        user = bindery.objects.get(of)
        if user is not None and bindery.is_supervisor(user):
            return ALL_RIGHTS
    elif connection.state is State.ATTACHED:
        return TO_LOG_IN
    elif connection.operator:
        return ALL_RIGHTS
    remarks = call.host.volumes.named(path.volume).remarks
    if not remarks:
        return EVERYTHING_ELSE
    user = user or bindery.objects.get(connection.object_id)
    ids = (user.id, *user.ids(SECURITY_EQUALS)) if user is not None else (connection.object_id,)
    return remarks.effective(path.parts, ids)


def may(call: FileCall, path: VolumePath, right: int, code: Code) -> None:
    """Refuse with *code* a caller that lacks the right to the entry at *path*, which is one of DOS names."""
    if not rights(call, path) & right:
        raise Refused(code)


def remark_of(call: FileCall, path: VolumePath) -> Remark:
    """What was noted of the entry at *path*, which is one of DOS names; to read."""
    return call.host.volumes.named(path.volume).remarks.of(path.parts)


def remark_to_change(call: FileCall, path: VolumePath) -> Remark:
    return call.host.volumes.named(path.volume).remarks.to_change(path.parts)


def made(call: FileCall, path: VolumePath) -> None:
    """Note the maker of the entry at *path*, as far as there is room for it."""
    if call.connection.object_id != SUPERVISOR_ID:
        with suppress(PathError):
            remark = remark_to_change(call, path)
            remark.creator = remark.modifier = call.connection.object_id


def visible(entry: DirectoryEntry, search: int) -> bool:
    """Whether the search attributes admit an entry: hidden and system ones only if they are asked for."""
    return not entry.attributes & (HIDDEN | SYSTEM) & ~search


def matching(
    call: FileCall, directory: Directory, pattern: str, search: int, sequence: int, start: int = START
) -> Iterator[tuple[int, DirectoryEntry]]:
    """The entries of a search after *sequence*, each with its own: the number of its name."""
    places = call.host.volumes.places
    after = "" if sequence == start else places.key(sequence)
    if after is None:
        return
    wanted = bool(search & SUBDIRECTORIES)
    for entry in directory.search(pattern, after):
        if (search & EVERYTHING or entry.is_directory is wanted) and visible(entry, search):
            yield places.number(entry.name), entry


def now(call: FileCall) -> datetime:
    """The server's wall time."""
    return call.host.utc(call.host.now)


def dos_time(when: datetime) -> tuple[int, int]:
    """A moment as the two words of DOS: date and time."""
    year = min(max(when.year, 1980), 2107) - 1980
    return year << 9 | when.month << 5 | when.day, when.hour << 11 | when.minute << 5 | when.second // 2


def about(entry: DirectoryEntry) -> tuple[str, int, int, int, int, int, int, int]:
    """What the older replies say of an entry: name, attributes, mode, size, three dates and a time."""
    date, time = dos_time(entry.modified)
    return entry.name, entry.attributes & 0xFF, 0, entry.size, date, date, date, time


def from_dos_time(date: int, time: int) -> datetime:
    """The moment that two words of DOS mean. Raises ValueError where there is no such moment."""
    day = 1980 + (date >> 9), date >> 5 & 15, date & 31
    return datetime(*day, time >> 11, time >> 5 & 63, (time & 31) * 2)
