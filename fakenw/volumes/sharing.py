"""The open files of a server and their access modes, which decide sharing.

Rules of this file:

* A file is identified by its volume and the DOS names that lead to it. All its handles share one node.
* A deny mode concerns other stations only (Wireshark: "Deny read requests from other stations").
"""

from __future__ import annotations

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
        others = self.sharing.by_place[self.place]
        others.remove(self)
        if not others:
            del self.sharing.by_place[self.place]


class Sharing:
    def __init__(self) -> None:
        self.by_place: dict[Place, list[FileHandle]] = {}

    def node(self, place: Place, found: File) -> File:
        """The node of an open file, else *found*."""
        handles = self.by_place.get(place)
        return handles[0].node if handles else found

    def allows(self, place: Place, access: int, serial: int) -> bool:
        """Whether connection *serial* can open the file with *access*, given all other handles."""
        return not any(
            handle.serial != serial and (_denied(handle.access) & access or _denied(access) & handle.access)
            for handle in self.by_place.get(place, ())
        )

    def open(self, path: str, place: Place, node: File, access: int, task: int, serial: int) -> FileHandle:
        handle = FileHandle(path, node, task, access, serial, place, self)
        self.by_place.setdefault(place, []).append(handle)
        return handle

    def below(self, place: Place) -> bool:
        """Whether anything is open in the directory at *place* or below it."""
        depth = len(place)
        return any(other[:depth] == place for other in self.by_place)


def _denied(access: int) -> int:
    """The READ and WRITE that *access* denies to others."""
    return access >> 2 & (READ | WRITE)
