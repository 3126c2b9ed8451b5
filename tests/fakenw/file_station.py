"""A station that works with files, for the tests of the file services."""

from __future__ import annotations

from typing import Any, NamedTuple

from fakenw.volumes.directory_tree import Directory, DirectoryEntry, File
from fakenw.wire.layout import Reply, Request
from fakenw.wire.requests import files

NORMAL, ALL = 0x00, 0x06  # search attributes
READ, WRITE, DENY_READ, DENY_WRITE = 1, 2, 4, 8
BOX = "SYS:CAP_GS1/SINV.BOX/"
OFFER = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"


def entries(directory: Directory) -> list[DirectoryEntry]:
    """Everything in the directory."""
    return list(directory.search("*.*"))


def read_entry(entry: DirectoryEntry, offset: int, length: int) -> bytes:
    """Read from an entry, which must be a file."""
    assert isinstance(entry.node, File)
    return entry.node.read(offset, length)


class Client(NamedTuple):
    """A licensed station, and what it does with files."""

    station: Any

    def code(self, request: Request[Any]) -> int:
        return int(self.station.code(request))

    def ask(self, request: Request[Any]) -> Any:
        reply = self.station.call(request)
        assert reply.completion == 0, f"{request}: {reply.completion:#x}"
        kind: type[Reply] = request.reply
        return kind.decode(reply.data)

    def open(self, name: str, access: int = READ, search: int = ALL) -> bytes:
        return bytes(self.ask(files.OpenFile(0, search, access, name)).handle)

    def opens(self, name: str, access: int = READ, search: int = ALL) -> int:
        return self.code(files.OpenFile(0, search, access, name))

    def create(self, name: str, attributes: int = 0) -> bytes:
        return bytes(self.ask(files.CreateFile(0, attributes, name)).handle)

    def put(self, handle: bytes, offset: int, data: bytes) -> int:
        return self.code(files.WriteFile(0, handle, offset, len(data), data))

    def get(self, handle: bytes, offset: int = 0, size: int = 512) -> bytes:
        return bytes(self.ask(files.ReadFile(0, handle, offset, size)).data(offset))

    def close(self, handle: bytes) -> None:
        assert self.code(files.CloseFile(0, handle)) == 0

    def make(self, name: str, data: bytes = b"", attributes: int = 0) -> None:
        handle = self.create(name, attributes)
        assert self.put(handle, 0, data) == 0
        self.close(handle)

    def read(self, name: str) -> bytes:
        handle = self.open(name)
        data = self.get(handle)
        self.close(handle)
        return data

    def names(self, directory: str, pattern: str = "*.*", search: int = ALL) -> list[str]:
        found, sequence = [], 0xFFFF
        while not (reply := self.station.call(files.SearchFile(sequence, 0, search, directory + pattern))).completion:
            entry = files.FoundFile.decode(reply.data)
            found.append(entry.name)
            sequence = entry.sequence
        assert reply.completion == 0xFF
        return found
