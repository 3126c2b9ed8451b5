"""Volumes and directories over the wire: sizes, handles, the older searches, create, delete, rename."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakenw.volumes.directory_tree import MemoryTree
from fakenw.volumes.host_directory import Folder
from fakenw.volumes.volume import Numbers, PathError, Volumes
from fakenw.wire.packet import Code
from fakenw.wire.requests import connection, directories, files, namespace, volumes
from tests.fakenw.file_station import ALL, BOX, Client

ROOM = 64 << 20


@pytest.fixture
def stage(open_stage: Callable[..., Any]) -> Any:
    return open_stage("nls", licenses=5)


@pytest.fixture
def joe(stage: Any) -> Client:
    return Client(stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))


@pytest.fixture
def ann(stage: Any) -> Client:
    return Client(stage.station("tcp:10.0.0.2:1025").licensed("ANN"))


def handle_of(client: Client, path: str, base: int = 0) -> int:
    return int(client.ask(files.AllocateTemporaryHandle(base, 0, path)).handle)


def path_of(client: Client, handle: int) -> str:
    return str(client.ask(directories.GetDirectoryPath(handle)).path)


# Volumes


def test_volume_sizes(stage: Any, joe: Client) -> None:
    """Total and free blocks, by number and by handle, in two bytes and in four; every reply has its full length."""
    joe.make(BOX + "A", bytes(60_000 - 512))
    info = joe.ask(volumes.GetVolumeInfo(0))
    blocks, free = ROOM // 4096, (ROOM - 60_000) // 4096
    assert (info.sectors_per_cluster, info.clusters, info.free_clusters, info.name) == (8, blocks, free, "SYS")
    handle = handle_of(joe, "SYS:PUBLIC")
    assert joe.ask(volumes.GetVolumeInfoByHandle(handle)) == info
    purge = joe.ask(volumes.GetPurgeInfo(0))
    assert (purge.blocks, purge.free_blocks, purge.sectors_per_block, purge.name) == (blocks, free, 8, "SYS")
    assert joe.ask(volumes.GetDirectoryInfo(handle)).free_blocks == free
    requests = [volumes.GetVolumeInfo(0), volumes.GetPurgeInfo(0), volumes.GetDirectoryInfo(handle)]
    assert [len(joe.station.call(request).data) for request in requests] == [28, 33, 25]


def test_a_large_volume_has_large_clusters(stage: Any, joe: Client, tmp_path: Path) -> None:
    """Two bytes say any size: the clusters grow."""

    class Large(MemoryTree):
        def room(self) -> tuple[int, int]:
            return 1 << 39, 1 << 38

    stage.server.volumes = Volumes([("SYS", Large({}, stage.server.utc(0)), True), ("HOST", Folder(tmp_path), True)])
    info = joe.ask(volumes.GetVolumeInfo(0))
    assert info.sectors_per_cluster * 512 * info.clusters == 1 << 39
    assert info.free_clusters * 2 == info.clusters
    assert joe.ask(volumes.GetPurgeInfo(0)).blocks == 1 << 27
    assert joe.ask(volumes.GetPurgeInfo(1)).name == "HOST"


@pytest.mark.parametrize("number", [1, 63, 255])
def test_no_such_volume(joe: Client, number: int) -> None:
    """A number that no volume has."""
    assert joe.code(volumes.GetVolumeInfo(number)) == 0x98
    assert joe.code(volumes.GetPurgeInfo(number)) == 0x98
    assert joe.code(namespace.GetNameSpaces(0, number)) == 0x98
    assert joe.code(directories.ContinueFileSearch(number, 1, 0xFFFF, ALL, "*")) == 0x98


def test_mounted_volumes(stage: Any) -> None:
    """Before any login, with names or without, from a number on; nmap's length word is one too small."""
    stage.server.volumes = Volumes((name, MemoryTree({}, stage.server.utc(0))) for name in ("SYS", "DATA", "CD"))
    client = Client(stage.station("tcp:10.0.0.9:1025").attached())
    every = volumes.MountedVolumes.of([(0, "SYS"), (1, "DATA"), (2, "CD")], 0, named=True)
    assert client.ask(volumes.GetMountedVolumes(0, 1, 0)) == every
    assert every.volumes == b"\0\0\0\0\3SYS\1\0\0\0\4DATA\2\0\0\0\2CD"
    assert client.ask(volumes.GetMountedVolumes(1, 0, 0)).volumes == b"\1\0\0\0\2\0\0\0"
    assert client.ask(volumes.GetMountedVolumes(9, 1, 0)).count == 0


# Handles


def test_handles(joe: Client) -> None:
    """A handle stands for a directory, can be let stand for another, and tells its path."""
    public = handle_of(joe, "sys:public")
    assert path_of(joe, public) == "SYS:PUBLIC"
    assert joe.opens("NLIST.EXE") == 0x98
    assert joe.code(files.OpenFile(public, ALL, 1, "NLIST.EXE")) == 0
    assert joe.code(directories.SetDirectoryHandle(public, public, "..\\LOGIN")) == 0
    assert path_of(joe, public) == "SYS:LOGIN"
    assert joe.code(directories.SetDirectoryHandle(public, 0, "SYS:LOGIN/LOGIN.EXE")) == 0x9C
    assert joe.code(directories.SetDirectoryHandle(99, public, "")) == 0x9B
    assert joe.code(directories.SetDirectoryHandle(public, 99, "")) == 0x9B
    assert joe.code(files.FreeDirectoryHandle(public)) == 0
    for request in (directories.GetDirectoryPath, volumes.GetVolumeInfoByHandle, volumes.GetDirectoryInfo):
        assert joe.code(request(public)) == 0x9B


def test_there_are_255_handles(joe: Client) -> None:
    """And not one more."""
    for _ in range(255):
        handle_of(joe, "SYS:")
    assert joe.code(files.AllocateTemporaryHandle(0, 0, "SYS:")) == 0x9D
    assert joe.code(namespace.AllocateShortHandle(0, 0, 0, 0, 0, 1, ())) == 0x9D


def test_rights(stage: Any, joe: Client) -> None:
    """Looking before the login, nearly everything after it, and all for SUPERVISOR."""
    assert joe.ask(directories.GetEffectiveRights(0, "SYS:LOGIN")).rights == 0xDF
    guest = Client(stage.station("tcp:10.0.0.9:1025").attached())
    assert guest.ask(directories.GetEffectiveRights(0, "SYS:LOGIN")).rights == 0x45
    assert guest.code(directories.GetEffectiveRights(0, "SYS:PUBLIC")) == 0x7D
    assert joe.code(directories.GetEffectiveRights(0, "SYS:NONE")) == 0x9C
    op = Client(stage.station("tcp:10.0.0.8:1025").licensed("SUPERVISOR", ""))
    assert op.ask(directories.GetEffectiveRights(0, "SYS:LOGIN")).rights == 0xFF


# The older searches


def scan(client: Client, path: str, attributes: int, pattern: str = "*.*") -> list[str]:
    start = client.ask(directories.InitializeFileSearch(0, path))
    found: list[str] = []
    sequence = start.sequence
    while True:
        request = directories.ContinueFileSearch(start.volume, start.directory_id, sequence, attributes, pattern)
        reply = client.station.call(request)
        if reply.completion:
            assert reply.completion == 0xFF
            return found
        kind = directories.FoundDirectory if attributes & 0x10 else directories.FoundInSearch
        assert len(reply.data) == 32
        entry = kind.decode(reply.data)
        assert entry.directory_id == start.directory_id
        found.append(entry.name)
        sequence = entry.sequence


def test_search_62_and_63(joe: Client) -> None:
    """Files and subdirectories are looked for apart; what is not there is not found."""
    assert scan(joe, "SYS:", 0x16) == ["CAP_GS1", "LOGIN", "PUBLIC"]
    assert scan(joe, "SYS:", 0x06) == []
    assert scan(joe, "SYS:LOGIN", 0x06, "L*.EXE") == ["LOGIN.EXE"]
    assert joe.code(directories.InitializeFileSearch(0, "SYS:NONE")) == 0x9C
    assert joe.code(directories.InitializeFileSearch(0, "SYS:LOGIN/LOGIN.EXE")) == 0x9C
    assert joe.code(directories.ContinueFileSearch(0, 999, 0xFFFF, ALL, "*")) == 0x9B
    start = joe.ask(directories.InitializeFileSearch(0, "SYS:LOGIN"))
    assert joe.code(directories.ContinueFileSearch(0, start.directory_id, 0xFFFE, ALL, "*")) == 0xFF


def test_scan_directories(joe: Client) -> None:
    """22/2 counts from 1, and tells of a directory itself where there is no pattern."""
    names = [joe.ask(directories.ScanDirectories(0, number, "SYS:*")).name for number in (0, 1, 2, 3)]
    assert names == ["CAP_GS1", "CAP_GS1", "LOGIN", "PUBLIC"]
    assert joe.code(directories.ScanDirectories(0, 4, "SYS:*")) == 0xFF
    itself = joe.ask(directories.ScanDirectories(0, 1, "SYS:PUBLIC/"))
    assert (itself.name, itself.creator, itself.rights, itself.number) == ("", 1, 0xDF, 1)
    assert joe.code(directories.ScanDirectories(0, 2, "SYS:PUBLIC/")) == 0xFF


# Create, delete, rename


def test_create_and_delete(joe: Client, ann: Client) -> None:
    """A directory comes, is used, is emptied and goes."""
    make, delete = directories.CreateDirectory, directories.DeleteDirectory
    assert joe.code(make(0, 0xFF, BOX + "new")) == 0
    assert joe.code(make(0, 0xFF, BOX + "NEW")) == 0xFF
    assert joe.code(make(handle_of(joe, BOX + "NEW"), 0xFF, "SUB")) == 0
    joe.make(BOX + "NEW/SUB/A", b"a")
    assert ann.read(BOX + "NEW/SUB/A") == b"a"
    assert joe.code(delete(0, 0, BOX + "NEW/SUB")) == 0xA0
    assert joe.code(files.EraseFile(0, ALL, BOX + "NEW/SUB/A")) == 0
    handle = handle_of(ann, BOX + "NEW/SUB")
    assert joe.code(delete(0, 0, BOX + "NEW/SUB")) == 0x9F
    assert ann.code(files.FreeDirectoryHandle(handle)) == 0
    assert joe.code(delete(0, 0, BOX + "NEW/SUB")) == 0
    assert joe.code(delete(0, 0, BOX + "NEW/SUB")) == 0xFF
    assert joe.names(BOX, search=0x10) == ["NEW"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("SYS:", 0xFF), ("SYS:A*", 0x9E), ("SYS:LONG NAME", 0x9E), ("SYS:NONE/A", 0x9C), ("SYS:..", 0x9C), ("X:A", 0x98)],
)
def test_what_cannot_be_created(joe: Client, path: str, code: int) -> None:
    """The root, names that are not 8.3, what is nowhere."""
    assert joe.code(directories.CreateDirectory(0, 0xFF, path)) == code


@pytest.mark.parametrize(("path", "code"), [("SYS:", 0x8A), ("SYS:LOGIN/LOGIN.EXE", 0x9C), ("SYS:LOGIN", 0xA0)])
def test_what_cannot_be_deleted(joe: Client, path: str, code: int) -> None:
    """The root, a file, what is not empty."""
    assert joe.code(directories.DeleteDirectory(0, 0, path)) == code


def test_rename(joe: Client, ann: Client) -> None:
    """The handles and numbers of others follow; open files hinder it."""
    mine, box = "SYS:CAP_GS1", handle_of(ann, "SYS:CAP_GS1/SINV.BOX")
    number = ann.ask(namespace.GetDirectoryBase(0, 0, 0, box, box, 0, ())).base
    search = ann.ask(directories.InitializeFileSearch(0, "SYS:CAP_GS1/SINV.BOX"))
    joe.make(BOX + "A", b"a")
    handle = ann.open(BOX + "A")
    assert joe.code(directories.RenameDirectory(0, mine, "CAP_NEW")) == 0x8E
    ann.close(handle)
    assert joe.code(directories.RenameDirectory(0, mine, "CAP_NEW")) == 0
    assert path_of(ann, box) == "SYS:CAP_NEW/SINV.BOX"
    assert ann.names("SYS:CAP_NEW/SINV.BOX/") == ["A"]
    assert ann.code(namespace.GetEntryInfo(0, 0, 0x8006, 0xFFF, 0, number, 1, ("A",))) == 0
    request = directories.ContinueFileSearch(0, search.directory_id, 0xFFFF, ALL, "*")
    assert ann.ask(request).name == "A"
    assert joe.code(directories.DeleteDirectory(0, 0, mine)) == 0xFF


@pytest.mark.parametrize(
    ("path", "new", "code"),
    [
        ("SYS:LOGIN", "PUBLIC", 0x92),
        ("SYS:LOGIN", "login", 0x92),
        ("SYS:LOGIN", "A*", 0x9E),
        ("SYS:LOGIN", "SUB/A", 0x9E),
        ("SYS:LOGIN", "", 0x9E),
        ("SYS:NONE", "A", 0xFF),
        ("SYS:LOGIN/LOGIN.EXE", "A", 0x9C),
        ("SYS:", "A", 0xA4),
    ],
)
def test_what_cannot_be_renamed(joe: Client, path: str, new: str, code: int) -> None:
    """A name that is taken or is no name, what is missing, a file, the root."""
    assert joe.code(directories.RenameDirectory(0, path, new)) == code
    assert scan(joe, "SYS:", 0x16) == ["CAP_GS1", "LOGIN", "PUBLIC"]


# Numbers


def test_numbers_are_kept_and_the_oldest_forgotten() -> None:
    """A key keeps its number until there are too many; then the oldest gives up its own."""
    numbers: Numbers[str] = Numbers(3, first=0)
    assert [numbers.number(key) for key in "abacb"] == [0, 1, 0, 2, 1]
    assert numbers.number("d") == 0
    assert (numbers.key(0), numbers.key(1), numbers.key(9)) == ("d", "b", None)
    numbers.replace("b", "d")
    assert (numbers.number("d"), numbers.key(0), numbers.key(1)) == (1, "d", "d")
    numbers.replace("gone", "e")
    assert numbers.keys() == ["c", "d"]


def test_many_names_do_not_fill_the_memory() -> None:
    """However many names are met, so many are known at a time, each under its own number."""
    numbers: Numbers[int] = Numbers(10)
    for key in range(1000):
        number = numbers.number(key)
        assert 1 <= number <= 10
        assert numbers.key(number) == key
    assert len(numbers.keys()) == 10


def test_a_number_that_no_entry_has(stage: Any) -> None:
    """A number that was never given out is a bad handle."""
    with pytest.raises(PathError) as caught:
        stage.server.volumes.named("SYS").parts_of(77)
    assert caught.value.code is Code.BAD_DIRECTORY_HANDLE


# The end of a handle


@pytest.mark.parametrize("end", ["logout", "unlicense", "all tasks"])
def test_handles_end_with_the_login(joe: Client, end: str) -> None:
    """With the license too, and with the end of all tasks; an end of job of one task leaves them."""
    handle = handle_of(joe, "SYS:PUBLIC")
    assert joe.station.code(connection.EndOfJob(), task=1) == 0
    assert path_of(joe, handle) == "SYS:PUBLIC"
    if end == "logout":
        assert joe.station.logout() == 0
        assert joe.station.login("JOE", "SECRET") == 0
    elif end == "unlicense":
        assert joe.station.change(0) == 0
    else:
        assert joe.station.code(connection.EndOfJob(), task=0) == 0
    assert joe.code(directories.GetDirectoryPath(handle)) == Code.BAD_DIRECTORY_HANDLE
