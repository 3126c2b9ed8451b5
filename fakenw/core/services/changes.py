"""Erase and rename, with what follows from it: nothing that is open goes away, and who refers to it finds it again."""

from __future__ import annotations

from collections.abc import Callable

from fakenw.core.services.paths import SUBDIRECTORIES, FileCall, may, path_of, visible
from fakenw.volumes.directory_tree import READ_ONLY, RENAME_INHIBIT, UNCHANGEABLE, Directory, File, PathError
from fakenw.volumes.dos_name import is_wild, renamed, split_pattern
from fakenw.volumes.long_name import LongName
from fakenw.volumes.remarks import Right
from fakenw.volumes.volume import Found, VolumePath
from fakenw.wire.packet import Code, Refused

# The codes of an entry that cannot be removed, of one that cannot be renamed, and of some of many entries
NOT_REMOVED = (Code.NO_DELETE_RIGHTS, Code.READ_ONLY)
NOT_RENAMED = (Code.NO_RENAME_RIGHTS, Code.ALL_IN_USE, Code.ALL_EXIST, *UNCHANGEABLE)
SOME = (Code.SOME_IN_USE, Code.SOME_READ_ONLY, Code.SOME_EXIST)


def files_named(call: FileCall, handle: int, text: str, search: int) -> list[Found]:
    """The files that a name means, which may have wild cards. Refuses where there are none."""
    prefix, name = split_pattern(text)
    volumes = call.host.volumes
    if not is_wild(name):
        found = volumes.look_up(path_of(call, handle, text))
        founds = [found] if visible(found.entry, search) else []
    else:
        path, directory = volumes.look_up_directory(path_of(call, handle, prefix))
        entries = [entry for entry in directory.search(name) if visible(entry, search)]
        founds = [Found(path / entry.name, entry, directory) for entry in entries]
    founds = [found for found in founds if isinstance(found.entry.node, File)]
    if not founds:
        raise Refused(Code.FAILURE)
    return founds


def each(founds: list[Found], do: Callable[[Found], Code | None]) -> None:
    """Do something with each file. *do* returns why it did not: ALL_IN_USE, READ_ONLY or ALL_EXIST.

    Refuses with the first of these that occurred, or with its "some" where others could be done.
    """
    reasons = [do(found) for found in founds]
    for all_of_them, some in (
        (Code.ALL_IN_USE, Code.SOME_IN_USE),
        (Code.READ_ONLY, Code.SOME_READ_ONLY),
        (Code.ALL_EXIST, Code.SOME_EXIST),
    ):
        if all_of_them in reasons:
            raise Refused(some if None in reasons else all_of_them)


def hindrance(call: FileCall, found: Found, inhibit: int) -> Code | None:
    """Why an entry cannot be erased or renamed; *inhibit* is the attribute that forbids this alone.

    A file is in use while any connection has it open, as one with a locked part has, or another one has locked it
    (inferred from 0x80, which is "lock fail" and "file in use": Wireshark).
    """
    place, sharing, locks = found.path.place, call.host.volumes.sharing, call.host.locks
    if place in sharing.by_place or (found.entry.is_directory and sharing.below(place)):
        return Code.ALL_IN_USE
    if locks and locks.hinder_files(call.connection.serial, place, below=found.entry.is_directory):
        return Code.ALL_IN_USE
    return Code.READ_ONLY if found.entry.attributes & (READ_ONLY | inhibit) else None


def remove(call: FileCall, found: Found) -> None:
    """Remove a file, or a directory that is empty and that nobody else has a handle of."""
    may(call, found.path, Right.ERASE, Code.NO_DELETE_RIGHTS)
    if not found.path.parts:
        raise Refused(Code.NO_DELETE_RIGHTS)
    others = (other for other in call.host.table.by_number.values() if other is not call.connection)
    if found.entry.is_directory and any(found.path in other.directories.values() for other in others):
        raise Refused(Code.DIRECTORY_IN_USE)
    found.parent.remove(found.entry.own_name)
    call.host.volumes.named(found.path.volume).removed(found.path.parts)


def move(call: FileCall, found: Found, to: VolumePath, directory: Directory, names: tuple[str, str]) -> None:
    """Let an entry have the own name and the DOS name *names* in the directory at *to*; it is known that it can.

    Handles of directories follow.
    """
    if found.path.volume != to.volume:
        raise Refused(Code.OTHER_VOLUME)
    own, dos = names
    old, new = found.path, to / dos
    depth = len(old.place)
    if not old.parts or to.place[:depth] == old.place:
        raise Refused(Code.BAD_RENAME)
    found.parent.rename(found.entry.own_name, directory, own, dos)
    if old == new:
        return
    call.host.volumes.named(old.volume).moved(old.parts, new.parts)
    if found.entry.is_directory:
        for connection in call.host.table.by_number.values():
            for handle, path in connection.directories.items():
                if path.place[:depth] == old.place:
                    connection.directories[handle] = VolumePath(new.volume, new.parts + path.parts[len(old.parts) :])


def there_is(directory: Directory, name: str) -> bool:
    """Whether a name is taken."""
    try:
        directory.find(name)
    except PathError as problem:
        if problem.code is Code.FAILURE:
            return False
        raise
    return True


def rename_files(call: FileCall, founds: list[Found], to: VolumePath, directory: Directory, template: str) -> None:
    """Let each file be what *template* makes of its name, in the directory at *to*."""
    for found in founds:
        may(call, found.path, Right.MODIFY, Code.NO_RENAME_RIGHTS)
    many = is_wild(template) or len(founds) > 1

    def rename(found: Found) -> Code | None:
        name = renamed(found.entry.name, template) if many else template
        names = _new_names(found, to, directory, name, alone=False)
        if names is None:
            raise Refused(Code.BAD_FILE_NAME)
        if found.path.volume != to.volume:
            raise Refused(Code.OTHER_VOLUME)
        hindered = hindrance(call, found, RENAME_INHIBIT)
        if hindered is None and there_is(directory, name):
            hindered = Code.ALL_EXIST
        if hindered is None:
            move(call, found, to, directory, names)
        return hindered

    each(founds, rename)


def rename_entry(
    call: FileCall,
    found: Found,
    to: VolumePath,
    directory: Directory,
    name: str,
    wrong: Code,
    *,
    alone: bool = False,
    same: bool = False,
) -> None:
    """Let one file or directory be *name* in the directory at *to*. *wrong* is the code for a bad name.

    A DOS name becomes the long name too, and from a long name the DOS name is made, unless the name changes *alone*.
    With *same* an entry may get the name that it has.
    """
    may(call, found.path, Right.MODIFY, Code.NO_RENAME_RIGHTS)
    names = _new_names(found, to, directory, name, alone)
    if names is None:
        raise Refused(wrong)
    hindered = hindrance(call, found, RENAME_INHIBIT)
    if hindered is None and there_is(directory, name):
        itself = to / directory.find(name).name == found.path
        if not (itself and (same or (isinstance(name, LongName) and name != found.entry.long_name))):
            hindered = Code.ALL_EXIST
    if hindered is not None:
        raise Refused(hindered)
    move(call, found, to, directory, names)


def _new_names(found: Found, to: VolumePath, directory: Directory, name: str, alone: bool) -> tuple[str, str] | None:
    """The own name and the DOS name of an entry that is renamed; None: a bad name.

    Of a name that changes alone, the other one stays, where it is free in a directory that is another.
    """
    entry, index = found.entry, directory.index()
    here = found.path.parts[:-1] == to.parts and found.path.volume == to.volume
    names = index.new(name, entry.own_name if here else None)
    if names is None or not alone:
        return names
    own, dos = names
    if isinstance(name, LongName):
        return own, dos if not here and index.find(entry.name) else entry.name
    long = LongName(entry.long_name)
    return (own if long != entry.own_name or (not here and index.find(long)) else str(long)), dos


def is_wanted(found: Found, search: int) -> bool:
    """Whether search attributes of 87/x mean an entry: directories only if they are asked for."""
    return found.entry.is_directory <= bool(search & (SUBDIRECTORIES | 0x8000)) and visible(found.entry, search)
