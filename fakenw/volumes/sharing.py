"""The open files of a server and their access modes, which decide sharing.

Rules of this file:

* A file is identified by its volume and the DOS names that lead to it. All its handles share one node.
* A deny mode concerns other stations only (Wireshark: "Deny read requests from other stations").
* An open or a close costs the same however many handles a file has: a thousand stations read the same offer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fakenw.volumes.directory_tree import File

# The access mode of an open (Wireshark's Access Mode); 0x10 is the compatibility mode, which denies nothing here.
READ = 0x01
WRITE = 0x02
DENY_READ = 0x04
DENY_WRITE = 0x08

Place = tuple[str, ...]  # volume, names


@dataclass(slots=True, eq=False)
class FileHandle:
    """A file handle: its path as the client wrote it, its node, task and access mode."""

    path: str
    node: File
    task: int
    access: int
    serial: int  # of the connection
    place: Place
    sharing: Sharing

    def end(self) -> None:
        """The handle is closed."""
        self.sharing.close(self)


class SharedFile(dict[FileHandle, None]):
    """The handles of a file, in the order of their opens; *accesses*: how many have each access mode."""

    def __init__(self) -> None:
        self.accesses: Counter[int] = Counter()


class Sharing:
    def __init__(self) -> None:
        self.by_place: dict[Place, SharedFile] = {}

    def node(self, place: Place, found: File) -> File:
        """The node of an open file, else *found*."""
        handles = self.by_place.get(place)
        return next(iter(handles)).node if handles else found

    def allows(self, place: Place, access: int, serial: int) -> bool:
        """Whether connection *serial* can open the file with *access*, given all other handles."""
        handles = self.by_place.get(place)
        if handles is None or not any(_excludes(access, other) for other in handles.accesses):
            return True
        return not any(handle.serial != serial and _excludes(access, handle.access) for handle in handles)

    def open(self, path: str, place: Place, node: File, access: int, task: int, serial: int) -> FileHandle:
        handle = FileHandle(path, node, task, access, serial, place, self)
        handles = self.by_place.setdefault(place, SharedFile())
        handles[handle] = None
        handles.accesses[access] += 1
        return handle

    def close(self, handle: FileHandle) -> None:
        handles = self.by_place[handle.place]
        del handles[handle]
        handles.accesses[handle.access] -= 1
        if not handles.accesses[handle.access]:
            del handles.accesses[handle.access]
        if not handles:
            del self.by_place[handle.place]

    def below(self, place: Place) -> bool:
        """Whether anything is open in the directory at *place* or below it."""
        depth = len(place)
        return any(other[:depth] == place for other in self.by_place)


def _excludes(access: int, other: int) -> bool:
    """Whether two handles of different stations deny each other READ or WRITE."""
    return bool((access >> 2 & other | other >> 2 & access) & (READ | WRITE))
