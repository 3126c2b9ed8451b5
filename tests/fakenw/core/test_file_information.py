"""Files as the tools of NetWare 2 and 3 ask for them: information, disk use, and where an object is a trustee."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.wire.requests import bindery, directories, file_information, files, trustees
from tests.fakenw.file_station import BOX, Client

HIDDEN = 0x02
TODAY = 20 << 9 | 8 << 5 | 10
NOBODY = 0x0BADBEEF


@pytest.fixture(params=["tcp", "udp"])
def op(request: Any, open_stage: Callable[..., Any]) -> Client:
    stage = open_stage("nls", licenses=5)
    return Client(stage.station(f"{request.param}:10.0.0.8:1025").licensed("SUPERVISOR", ""))


@pytest.fixture
def joe(op: Client) -> Client:
    return Client(op.station.stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))


def number(client: Client, name: str) -> int:
    return int(client.ask(bindery.GetObjectId(1, name)).object_id)


def scanned(client: Client, pattern: str, search: int = 0) -> list[file_information.FileInformation]:
    found: list[file_information.FileInformation] = []
    sequence = 0xFFFF
    while True:
        reply = client.station.call(file_information.ScanFileInformation(sequence, 0, search, pattern))
        if reply.completion:
            assert reply.completion == 0xFF
            return found
        assert len(reply.data) == 94
        found.append(file_information.FileInformation.decode(reply.data))
        sequence = found[-1].sequence


def change(name: str, attributes: int = 0x20, **values: int) -> file_information.SetFileInformation:
    """A request that changes nothing but what is given."""
    fields = ("size", "created", "accessed", "modified", "modified_time", "creator", "archived", "archived_time")
    told = {**dict.fromkeys(fields, 0), **values}
    return file_information.SetFileInformation(attributes, **told, reserved=bytes(56), directory=0, search=6, name=name)


def test_what_is_scanned(joe: Client) -> None:
    """Files only, hidden ones if they are asked for; name, attributes, size, dates, and who made it."""
    joe.make(BOX + "A.TXT", b"12345")
    joe.make(BOX + "B.TXT", b"1", attributes=HIDDEN)
    assert joe.code(directories.CreateDirectory(0, 0xFF, BOX + "D.TXT")) == 0
    assert [found.name for found in scanned(joe, BOX + "*.TXT")] == ["A.TXT"]
    assert [found.name for found in scanned(joe, BOX + "*.TXT", 0x16)] == ["A.TXT", "B.TXT"]
    (found,) = scanned(joe, BOX + "A.TXT")
    assert (found.attributes, found.size, found.created, found.accessed, found.modified) == (0x20, 5, *[TODAY] * 3)
    assert (found.creator, found.archived, found.archived_time) == (number(joe, "JOE"), 0, 0)
    assert joe.code(file_information.ScanFileInformation(0xFFFF, 0, 0, "SYS:NONE/*")) == 0x9C


def test_what_is_set(op: Client, joe: Client) -> None:
    """Attributes and dates; a date of 0 stays; the owner is changed by a supervisor only."""
    joe.make(BOX + "A.TXT", b"12345")
    day, noon = 19 << 9 | 12 << 5 | 31, 12 << 11
    dates = {"created": day, "accessed": day - 1, "archived": day - 2, "archived_time": noon, "modified": day - 3}
    assert joe.code(change(BOX + "A.TXT", 0x21, modified_time=noon, **dates)) == 0
    assert joe.code(change(BOX + "A.TXT", 0x21, creator=1)) == 0
    (found,) = scanned(joe, BOX + "A.TXT")
    assert (found.attributes, found.size, found.created, found.accessed) == (0x21, 5, day, day - 1)
    assert (found.archived, found.archived_time, found.modified, found.modified_time) == (day - 2, noon, day - 3, noon)
    assert found.creator == number(joe, "JOE")
    assert op.code(change(BOX + "A.TXT", 0x20, creator=1)) == 0
    assert scanned(joe, BOX + "A.TXT")[0].creator == 1
    assert joe.code(change(BOX + "A.TXT", modified=0xFFFF)) == 0xFF
    assert joe.code(change(BOX + "NONE")) == 0xFF
    guest = Client(op.station.stage.station("udp:10.0.0.7:1025").attached())
    assert guest.code(change("SYS:LOGIN/LOGIN.EXE")) == 0x8C


def test_disk_use(op: Client, joe: Client) -> None:
    """Directories, files and blocks of 4 KB that an object has made; an object that the caller may not read is 0xF2."""
    joe.make(BOX + "A", bytes(4097))
    joe.make(BOX + "B", b"1")
    assert joe.code(directories.CreateDirectory(0, 0xFF, BOX + "D")) == 0
    Client(op.station.stage.station("tcp:10.0.0.2:1025").licensed("ANN")).make(BOX + "C", b"1")
    me = number(joe, "JOE")
    assert joe.ask(file_information.GetDiskUse(0, me)) == file_information.DiskUse(0, me, 1, 2, 3)
    assert joe.code(files.EraseFile(0, 6, BOX + "A")) == 0
    assert op.ask(file_information.GetDiskUse(0, me)) == file_information.DiskUse(0, me, 1, 1, 1)
    assert joe.code(file_information.GetDiskUse(9, me)) == 0x98
    assert joe.code(file_information.GetDiskUse(0, NOBODY)) == 0xFC
    guest = Client(op.station.stage.station("udp:10.0.0.7:1025").attached())
    assert guest.code(file_information.GetDiskUse(0, me)) == 0xF2


def test_trustee_paths(op: Client, joe: Client) -> None:
    """One after another, with the rights in a byte; an empty path is the end."""
    me, last, seen = number(joe, "JOE"), 0xFFFF, []
    assert joe.ask(file_information.ScanTrusteePaths(0, last, me)).path == ""
    for path, rights in (("SYS:PUBLIC", 0x41), (BOX[:-1], 0x100), ("SYS:LOGIN/LOGIN.EXE", 0x01)):
        assert op.code(trustees.AddExtendedTrustee(0, me, rights, path)) == 0
    while (told := joe.ask(file_information.ScanTrusteePaths(0, last, me))).path:
        assert told.object_id == me
        last = told.sequence
        seen.append((told.path, told.rights))
    assert seen == [("SYS:CAP_GS1/SINV.BOX", 0xFF), ("SYS:LOGIN/LOGIN.EXE", 0x01), ("SYS:PUBLIC", 0x41)]
    assert joe.code(file_information.ScanTrusteePaths(9, last, me)) == 0x98
    assert joe.code(file_information.ScanTrusteePaths(0, last, NOBODY)) == 0xFC
    guest = Client(op.station.stage.station("udp:10.0.0.7:1025").attached())
    assert guest.code(file_information.ScanTrusteePaths(0, 0xFFFF, me)) == 0xF2
