"""Directory handles that are kept and restored, paths of numbers, moves by handle, and more about volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.wire.requests import directories, files, volumes
from tests.fakenw.file_station import ALL, BOX, Client


@pytest.fixture(params=["tcp", "udp"])
def joe(request: Any, open_stage: Callable[..., Any]) -> Client:
    stage = open_stage("nls", licenses=5)
    return Client(stage.station(f"{request.param}:10.0.0.1:1025").licensed("JOE", "SECRET"))


@pytest.fixture
def ann(joe: Client) -> Client:
    return Client(joe.station.stage.station("tcp:10.0.0.2:1025").licensed("ANN", ""))


def test_a_special_handle(joe: Client) -> None:
    """22/22 is one more way to a handle."""
    found = joe.ask(files.AllocateSpecialHandle(0, 0, "SYS:PUBLIC"))
    assert found.rights == 0xDF
    assert joe.ask(directories.GetDirectoryPath(found.handle)).path == "SYS:PUBLIC"
    assert joe.code(files.AllocateSpecialHandle(0, 0, "SYS:NONE")) == 0x9C


def test_a_handle_is_extracted_and_restored(joe: Client, ann: Client) -> None:
    """Its directory is found again on another connection, also under another name; on another server it is not."""
    assert joe.code(directories.CreateDirectory(0, 0xFF, BOX + "SUB")) == 0
    handle = joe.ask(files.AllocateTemporaryHandle(0, 0, BOX + "SUB")).handle
    kept = joe.ask(directories.ExtractHandle(handle))
    assert kept.server != bytes(10)
    assert joe.code(directories.RenameDirectory(0, BOX + "SUB", "OTHER")) == 0
    restored = ann.ask(directories.RestoreHandle(kept.server, kept.place))
    assert ann.ask(directories.GetDirectoryPath(restored.handle)).path == BOX.rstrip("/") + "/OTHER"
    assert ann.code(directories.RestoreHandle(bytes(10), kept.place)) == 0x9B
    assert ann.code(directories.RestoreHandle(kept.server, 0x00FFFFFF)) == 0x9B
    assert ann.code(directories.RestoreHandle(kept.server, 0x09000000)) == 0x98
    assert joe.code(directories.ExtractHandle(99)) == 0x9B


def test_the_path_of_a_number(joe: Client) -> None:
    """The number is the one that a search began with."""
    start = joe.ask(directories.InitializeFileSearch(0, "SYS:CAP_GS1/SINV.BOX"))
    asked = directories.GetPathOfNumber(start.volume, start.directory_id)
    assert joe.ask(asked).path == "SYS:CAP_GS1/SINV.BOX"
    assert joe.code(directories.GetPathOfNumber(0, 999)) == 0x9C
    assert joe.code(directories.GetPathOfNumber(9, 1)) == 0x98


def test_rename_or_move(joe: Client) -> None:
    """22/46 takes files and directories, by handle or by the volume's name, into any directory of the volume."""
    joe.make(BOX + "A.TXT", b"text")
    box = joe.ask(files.AllocateTemporaryHandle(0, 0, BOX)).handle
    move = directories.RenameOrMove
    assert joe.code(move(box, ALL, ("A.TXT",), 0, ("SYS", "LOGIN", "B.TXT"))) == 0
    assert joe.read("SYS:LOGIN/B.TXT") == b"text"
    assert joe.code(move(0, ALL, ("SYS", "LOGIN", "B.TXT"), box, ("LOGIN.EXE",))) == 0
    assert joe.code(move(box, ALL, ("LOGIN.EXE",), 0, ("SYS", "LOGIN", "LOGIN.EXE"))) == 0x92
    assert joe.code(move(box, ALL, ("LOGIN.EXE",), box, ("A*.TXT",))) == 0x87
    assert joe.code(directories.CreateDirectory(0, 0xFF, BOX + "SUB")) == 0
    assert joe.code(move(box, ALL, ("SUB",), box, ("OTHER",))) == 0xFF
    assert joe.code(move(box, ALL | 0x10, ("SUB",), box, ("SUB", "SUB"))) == 0xA4
    assert joe.code(move(box, ALL | 0x10, ("SUB",), 0, ("SYS",))) == 0xA4
    assert joe.code(move(box, ALL | 0x10, ("SUB",), 0, ("SYS", "PUBLIC", "OTHER"))) == 0
    assert joe.names("SYS:PUBLIC/", "*", 0x10) == ["OTHER"]


def test_more_about_a_volume(joe: Client) -> None:
    """The name spaces of DOS and LONG with one data stream (22/47), and sizes (22/51)."""
    lists = joe.ask(volumes.GetNameSpaceList(0)).lists
    defined = b"\5\x03DOS\x09MACINTOSH\x03NFS\x04FTAM\x04LONG"
    assert lists == defined + b"\1\0\x13Primary Data Stream" + b"\2\0\4" * 2 + b"\1\0"
    assert joe.code(volumes.GetNameSpaceList(9)) == 0x98
    info = joe.ask(volumes.GetExtendedVolumeInfo(0))
    assert (info.name, info.sector_size, info.sectors_per_cluster, info.clusters) == ("SYS", 512, 8, 16384)
    assert len(info.encode()) == 2 + info.length + 4
    assert joe.code(volumes.GetExtendedVolumeInfo(9)) == 0x98
