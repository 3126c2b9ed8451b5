"""Disk space of users and directories: restrictions are set, listed and taken away, and hold for writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.wire.requests import bindery, directories, disk_space, entries, files
from tests.fakenw.file_station import ALL, BOX, Client

NONE = 0x40000000


@pytest.fixture(params=["tcp", "udp"])
def op(request: Any, open_stage: Callable[..., Any]) -> Client:
    stage = open_stage("nls", licenses=5)
    return Client(stage.station(f"{request.param}:10.0.0.8:1025").licensed("SUPERVISOR", ""))


@pytest.fixture
def joe(op: Client) -> Client:
    return Client(op.station.stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))


def number(client: Client, name: str) -> int:
    return int(client.ask(bindery.GetObjectId(1, name)).object_id)


def used(client: Client, owner: int) -> tuple[int, int]:
    found = client.ask(disk_space.GetSpaceInUse(0, owner))
    return found.restriction, found.in_use


def test_space_in_use(op: Client, joe: Client) -> None:
    """Files count for the user who made them, in blocks of 4 KB, wherever they are renamed to."""
    owner = number(op, "JOE")
    assert used(joe, owner) == (NONE, 0)
    joe.make(BOX + "A.TXT", b"a")
    joe.make(BOX + "B.TXT", bytes(500))
    op.make(BOX + "C.TXT", b"c")
    assert used(joe, owner) == (NONE, 2)
    assert joe.code(files.RenameFile(0, ALL, BOX + "A.TXT", 0, "SYS:LOGIN/A.TXT")) == 0
    assert used(joe, owner) == (NONE, 2)
    assert joe.code(files.EraseFile(0, ALL, "SYS:LOGIN/A.TXT")) == 0
    assert used(joe, owner) == (NONE, 1)


def test_space_of_supervisor(op: Client) -> None:
    """What is used of the volume, but for the files of others."""
    assert used(op, 1) == (NONE, 0)
    op.make(BOX + "A.TXT", bytes(9000))
    assert used(op, 1) == (NONE, 2)


def test_a_restriction_holds(op: Client, joe: Client) -> None:
    """A user writes no more than allowed; another user, and a file that does not grow, are not concerned."""
    owner = number(op, "JOE")
    handle = joe.create(BOX + "A.TXT")
    assert joe.put(handle, 0, b"text") == 0
    assert op.code(disk_space.SetSpaceRestriction(0, owner, 1)) == 0
    assert joe.put(handle, 4092, b"1234") == 0
    assert joe.put(handle, 4092, b"12345") == 0x01
    assert joe.put(handle, 0, b"TEXT") == 0
    assert used(op, owner) == (1, 1)
    op.make(BOX + "B.TXT", bytes(9000))
    assert op.code(disk_space.RemoveSpaceRestriction(0, owner)) == 0
    assert joe.put(handle, 4092, b"12345") == 0
    assert used(op, owner) == (NONE, 2)


def test_a_restriction_holds_for_copies(op: Client, joe: Client) -> None:
    """74 is a write of the server's own: of the target's owner, and nothing is copied where not all may be."""
    owner = number(op, "JOE")
    op.make(BOX + "A.TXT", bytes(500) * 10)
    source, target = joe.open(BOX + "A.TXT"), joe.create(BOX + "B.TXT")
    assert op.code(disk_space.SetSpaceRestriction(0, owner, 1)) == 0
    assert joe.code(files.CopyFile(0, source, target, 0, 0, 500)) == 0
    assert joe.code(files.CopyFile(0, source, target, 0, 3600, 500)) == 0x01
    assert joe.ask(files.GetFileSize(0, target)).size == 500
    assert joe.code(files.CopyFile(0, source, target, 0, 3596, 500)) == 0
    assert joe.code(files.CopyFile(0, source, target, 500, 99_999, 0)) == 0
    assert used(op, owner) == (1, 1)


def test_restrictions_are_listed(op: Client, joe: Client) -> None:
    """Twelve at a time; the client says how many it has."""
    ids = [number(op, "JOE")]
    for at in range(12):
        assert op.code(bindery.CreateObject(1, 0x31, 1, f"USER{at}")) == 0
        ids.append(number(op, f"USER{at}"))
    for one in ids:
        assert op.code(disk_space.SetSpaceRestriction(0, one, 7)) == 0
    assert joe.ask(disk_space.ScanSpaceRestrictions(0, 0)) == disk_space.SpaceRestrictions.of(
        (one, 7) for one in ids[:12]
    )
    assert joe.ask(disk_space.ScanSpaceRestrictions(0, 12)) == disk_space.SpaceRestrictions.of([(ids[12], 7)])
    assert op.code(disk_space.SetSpaceRestriction(0, ids[12], NONE)) == 0
    assert joe.ask(disk_space.ScanSpaceRestrictions(0, 12)) == disk_space.SpaceRestrictions(0, b"")


def test_refusals(op: Client, joe: Client) -> None:
    owner = number(op, "JOE")
    assert joe.code(disk_space.SetSpaceRestriction(0, owner, 7)) == 0x8C
    assert joe.code(disk_space.RemoveSpaceRestriction(0, owner)) == 0x8C
    assert op.code(disk_space.SetSpaceRestriction(0, 0x0BADBEEF, 7)) == 0xFC
    assert op.code(disk_space.RemoveSpaceRestriction(0, owner)) == 0xFE
    for request in (disk_space.ScanSpaceRestrictions(9, 0), disk_space.GetSpaceInUse(9, owner)):
        assert op.code(request) == 0x98


def restrict(client: Client, blocks: int, *names: str) -> int:
    """Restrict a directory, as 87/7 does it; the completion code."""
    layout: Any = entries.ModifyDosInfo
    return client.code(layout(0, 0, 0x8006, 0x2000, *(0,) * 13, blocks, 0, 0, 0xFF, ("SYS", *names)))


def test_a_directory_holds_no_more(op: Client, joe: Client) -> None:
    """What is in it and below it counts, whoever made it: writing, copying and a longer file are refused."""
    assert op.code(directories.CreateDirectory(0, 0xFF, BOX + "SUB")) == 0
    op.make(BOX + "A.TXT", bytes(4096))
    op.make(BOX + "SUB/B.TXT", bytes(4096))
    op.make("SYS:LOGIN/C.TXT", bytes(9000))
    handle = joe.create(BOX + "SUB/D.TXT")
    assert restrict(op, 3, "CAP_GS1", "SINV.BOX") == 0
    assert joe.put(handle, 0, b"d") == 0
    assert joe.put(handle, 4095, b"d") == 0
    assert joe.put(handle, 4096, b"d") == 0x01
    assert joe.code(files.WriteFile(0, handle, 4097, 0, b"")) == 0x01
    source = joe.open("SYS:LOGIN/C.TXT")
    assert joe.code(files.CopyFile(0, source, handle, 0, 0, 9000)) == 0x01
    assert joe.code(files.CopyFile(0, source, handle, 0, 0, 4096)) == 0
    assert joe.ask(files.GetFileSize(0, handle)).size == 4096
    assert op.code(files.EraseFile(0, ALL, BOX + "A.TXT")) == 0
    assert joe.put(handle, 4096, b"d") == 0
    assert joe.put(handle, 8192, b"d") == 0x01
    assert restrict(op, 0, "CAP_GS1", "SINV.BOX") == 0
    assert joe.put(handle, 8192, b"d") == 0


def test_the_narrowest_directory_decides(op: Client, joe: Client) -> None:
    """Of all on the way, with what is elsewhere in it; the root of a volume can be restricted too."""
    for name in ("OUTER", "OUTER/INNER"):
        assert op.code(directories.CreateDirectory(0, 0xFF, "SYS:" + name)) == 0
    op.make("SYS:OUTER/A.TXT", bytes(4097))
    handle = joe.create("SYS:OUTER/INNER/B.TXT")
    assert restrict(op, 2, "OUTER") == restrict(op, 9, "OUTER", "INNER") == 0
    assert joe.put(handle, 0, b"b") == 0x01
    assert restrict(op, 3, "OUTER") == 0
    assert joe.put(handle, 0, b"b") == 0
    assert restrict(op, 3) == 0
    assert joe.put(handle, 4096, b"b") == 0x01
    assert restrict(op, 9, "OUTER") == restrict(op, 0x7FFFFFFF) == 0
    assert joe.put(handle, 4096, b"b") == 0


def test_a_file_that_cannot_grow_is_written_within_its_blocks(op: Client, joe: Client) -> None:
    """More is there already than a restriction that comes later allows."""
    handle = joe.create(BOX + "A.TXT")
    assert joe.put(handle, 0, bytes(400)) == joe.put(handle, 400, bytes(400)) == 0
    op.make(BOX + "B.TXT", bytes(9000))
    assert restrict(op, 1, "CAP_GS1", "SINV.BOX") == 0
    assert joe.put(handle, 4000, bytes(96)) == 0
    assert joe.put(handle, 4000, bytes(97)) == 0x01
