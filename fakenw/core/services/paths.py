"""From what a request says to a place in a volume, once the connection may go there.

Files are an essential service: who is authenticated becomes licensed by asking, or is refused (ncp.md 8.5).
Every function that reaches into a volume comes through ``admit``; a file handle or a directory handle has.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fakenw.core.ledger import NoRoom
from fakenw.core.service import Call
from fakenw.journal.policy import State
from fakenw.volumes.directory_tree import HIDDEN, SYSTEM, UNREADABLE, Directory, DirectoryEntry
from fakenw.volumes.dos_name import fold
from fakenw.volumes.volume import VolumePath
from fakenw.wire.packet import Code, Refused

SUBDIRECTORIES = 0x10  # search attributes: these only
EVERYTHING = 0x8000  # files and subdirectories; only 87/x has room for it
START = 0xFFFF  # of a search

READ_OPEN_SEARCH = 0x45
ALL_BUT_PARENTAL = 0xDF

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
    """License the connection, or refuse. Before the login only SYS:LOGIN is there, for the login program itself."""
    connection = call.connection
    if connection.state is State.AUTHENTICATED:
        if not call.host.settings.auto_license:
            raise NoRoom
        connection.move(call.host.now, State.LICENSED, "service")
    elif connection.state is State.ATTACHED:
        login = path.volume == "SYS" and [fold(part) for part in path.parts[:1]] == ["LOGIN"]
        if not login:
            raise Refused(Code.NOT_LOGGED_IN)


def rights(call: FileCall) -> int:
    """What the connection may do with files and directories: look, and after the login everything."""
    return READ_OPEN_SEARCH if call.connection.state is State.ATTACHED else ALL_BUT_PARENTAL


def may_change(call: FileCall, code: Code) -> None:
    """Refuse with *code* who has not logged in."""
    if call.connection.state is State.ATTACHED:
        raise Refused(code)


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
