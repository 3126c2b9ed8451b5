"""Directory entries as NetWare 386 stores them: scanned, told and set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.wire.requests import directories, directory_entries, files, namespace
from tests.fakenw.file_station import BOX, Client

START = 0xFFFFFFFF
DAY = 20 << 9 | 8 << 5 | 10  # of everything on volume SYS
SUBDIRECTORIES = 0x16
FILES = 0x06


@pytest.fixture(params=["tcp", "udp"])
def op(request: Any, open_stage: Callable[..., Any]) -> Client:
    stage = open_stage("nls", licenses=5)
    return Client(stage.station(f"{request.param}:10.0.0.8:1025").licensed("SUPERVISOR", ""))


@pytest.fixture
def joe(op: Client) -> Client:
    return Client(op.station.stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))


def handle(client: Client, path: str) -> int:
    return int(client.ask(files.AllocateTemporaryHandle(0, 0, path)).handle)


def number(client: Client, *path: str) -> int:
    return int(client.ask(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, ("SYS", *path))).base)


def scanned(client: Client, path: str, search: int, kind: type[Any] = directory_entries.ScanDirectory) -> list[Any]:
    """What a scan finds."""
    layout = directory_entries.SubdirectoryEntry if search & 0x10 else directory_entries.FileEntry
    found, sequence = [], START
    while not (reply := client.station.call(kind(0, search, sequence, path + "*"))).completion:
        entry = directory_entries.ScannedEntry.decode(reply.data)
        assert len(entry.entry) == (128 if kind is directory_entries.ScanDirectory else 136)
        found.append(layout.decode(entry.entry))
        sequence = entry.sequence
    assert reply.completion == 0xFF
    return found


def test_a_scan(joe: Client) -> None:
    """22/30 finds files and subdirectories apart, with all that is known of them; 22/40 says the same and more."""
    for kind in (directory_entries.ScanDirectory, directory_entries.ScanDirectorySpace):
        assert [entry.name for entry in scanned(joe, "SYS:", SUBDIRECTORIES, kind)] == ["CAP_GS1", "LOGIN", "PUBLIC"]
        assert scanned(joe, "SYS:", FILES, kind) == []
        (program,) = scanned(joe, "SYS:LOGIN/", FILES, kind)
        assert (program.name, program.length, program.attributes, program.size) == ("LOGIN.EXE", 9, 0x20, 5)
        assert (program.created, program.modified, program.accessed, program.creator) == (DAY, DAY, DAY, 1)
        assert (program.inherited, program.flags, program.subdirectory) == (0x1FF, 0x18, number(joe, "LOGIN"))
    assert joe.code(directory_entries.ScanDirectory(0, FILES, START, "SYS:NONE/*")) == 0x9C
    assert joe.code(directory_entries.ScanDirectorySpace(99, FILES, START, "*")) == 0x9B


def test_who_made_it(joe: Client) -> None:
    """A file and a directory say whose they are."""
    joe.make(BOX + "A.TXT", b"text")
    assert joe.code(directories.CreateDirectory(0, 0xFF, BOX + "SUB")) == 0
    joe_id = joe.station.stage.connection("tcp:10.0.0.1:1025").object_id
    assert [entry.creator for entry in scanned(joe, BOX, FILES)] == [joe_id]
    assert [entry.creator for entry in scanned(joe, BOX, SUBDIRECTORIES)] == [joe_id]


def test_the_entry_of_a_handle(joe: Client) -> None:
    """22/31 tells of the directory that a handle stands for; a root has no name."""
    told = joe.ask(directory_entries.GetDirectoryEntry(handle(joe, BOX)))
    assert (told.name, told.attributes, told.flags, told.modified) == ("SINV.BOX", 0x10, 0x14, DAY)
    assert (told.subdirectory, told.space, told.inherited) == (number(joe, "CAP_GS1"), 0x7FFFFFFF, 0x1FF)
    assert joe.ask(directory_entries.GetDirectoryEntry(handle(joe, "SYS:"))).length == 0
    assert joe.code(directory_entries.GetDirectoryEntry(99)) == 0x9B


def test_the_entry_with_a_number(joe: Client) -> None:
    """22/48: as in a scan, but shorter."""
    program = number(joe, "LOGIN", "LOGIN.EXE")
    told = joe.ask(directory_entries.GetNameSpaceEntry(0, program, 0))
    assert (told.sequence, len(told.entry)) == (program, 100)
    assert directory_entries.FileEntry.decode(told.entry + bytes(28)) == scanned(joe, "SYS:LOGIN/", FILES)[0]
    assert joe.code(directory_entries.GetNameSpaceEntry(0, program, 4)) == 0xBF
    assert joe.code(directory_entries.GetNameSpaceEntry(0, 9999, 0)) == 0x9B
    assert joe.code(directory_entries.GetNameSpaceEntry(9, program, 0)) == 0x98


def test_an_entry_is_set(joe: Client) -> None:
    """22/37 changes what its bits say of what a scan has found: dates, attributes, the name."""
    joe.make(BOX + "A.TXT", b"text")
    box, set_entry = handle(joe, BOX), directory_entries.SetDirectoryEntry
    sequence = joe.ask(directory_entries.ScanDirectory(box, FILES, START, "*")).sequence
    (old,) = scanned(joe, BOX, FILES)
    values = {**{name: getattr(old, name) for name, _ in old.forms()}, "attributes": 0x21, "created": 0x2101}
    new = directory_entries.FileEntry(**{**values, "name": "B.TXT", "length": 5, "modified": 0x2222, "size": 99})
    entry = new.encode()[4:]
    assert joe.code(set_entry(box, FILES, sequence, 0x0106, bytes(2), 0, entry)) == 0
    (found,) = scanned(joe, BOX, FILES)
    assert (found.name, found.attributes, found.created, found.modified, found.size) == (
        "A.TXT",
        0x21,
        0x2101,
        0x2222,
        4,
    )
    assert joe.code(set_entry(box, FILES, sequence, 0x0001, bytes(2), 0, entry)) == 0x90
    assert joe.code(set_entry(box, FILES, sequence, 0x0002, bytes(2), 0, bytes(124))) == 0
    assert joe.code(set_entry(box, FILES, sequence, 0x0001, bytes(2), 0, entry)) == 0
    assert joe.names(BOX) == ["B.TXT"]
    assert joe.code(set_entry(box, FILES, sequence, 0x0001, bytes(2), 0, entry)) == 0xFF
    assert joe.code(set_entry(box, FILES, 0xFFFE, 0x0001, bytes(2), 0, entry)) == 0xFF
    assert joe.code(set_entry(99, FILES, sequence, 0x0001, bytes(2), 0, entry)) == 0x9B


def test_a_directory_is_set(op: Client, joe: Client) -> None:
    """22/25 and 22/37: owner, date and mask of a directory; only who has access control may set the mask."""
    assert op.code(directories.CreateDirectory(0, 0xFF, BOX + "SUB")) == 0
    set_info = directory_entries.SetDirectoryInfo
    assert joe.code(set_info(0, 0x2101, 0x0800, 7, 0x41, BOX + "SUB")) == 0x8C
    assert op.code(set_info(0, 0x2101, 0x0800, 7, 0x41, BOX + "SUB")) == 0
    (told,) = scanned(op, BOX, SUBDIRECTORIES)
    assert (told.created, told.created_time, told.creator, told.inherited) == (0x2101, 0x0800, 7, 0x141)
    assert joe.ask(directories.GetEffectiveRights(0, BOX + "SUB")).rights == 0x41
    assert op.code(set_info(0, 0x2101, 0, 7, 0xFF, "SYS:LOGIN/LOGIN.EXE")) == 0x9C
    box = handle(op, BOX)
    sequence = op.ask(directory_entries.ScanDirectory(box, SUBDIRECTORIES, START, "*")).sequence
    new = directory_entries.SubdirectoryEntry(
        *(0, 0x12, 0, 0, 0, 0, "", 0, 0, 0, 0, 0, 0, 0, 0, 0, bytes(48), 25, 0x1FF, bytes(26)),
    )
    asked = directory_entries.SetDirectoryEntry(box, SUBDIRECTORIES, sequence, 0x3002, bytes(2), 0, new.encode()[4:])
    assert op.code(asked) == 0
    (told,) = scanned(op, BOX, SUBDIRECTORIES)
    assert (told.attributes, told.space, told.inherited, told.creator) == (0x12, 25, 0x1FF, 7)
