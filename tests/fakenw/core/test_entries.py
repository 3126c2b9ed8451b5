"""Entries by their numbers: what DOS knows of them is changed, told, and stays with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.wire.requests import directories, entries, files, namespace
from tests.fakenw.file_station import ALL, BOX, Client

SEARCH = 0x8006
EVERYTHING = 0x3FFE
READ_ONLY = 0x01 | 0x20000 | 0x40000  # as the kernel's chmod a-w sends it: not to be renamed, not to be deleted
LAST = 0xFFFFFFFF


@pytest.fixture(params=["tcp", "udp"])
def joe(request: Any, open_stage: Callable[..., Any]) -> Client:
    stage = open_stage("nls", licenses=5)
    return Client(stage.station(f"{request.param}:10.0.0.1:1025").licensed("JOE", "SECRET"))


@pytest.fixture
def ann(joe: Client) -> Client:
    return Client(joe.station.stage.station("tcp:10.0.0.2:1025").licensed("ANN", ""))


def place(client: Client, *path: str) -> int:
    """An entry's number."""
    return int(client.ask(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, ("SYS", *path))).base)


def info(client: Client, number: int) -> namespace.EntryInfo:
    raw = client.ask(namespace.GetEntryInfo(0, 0, SEARCH, 0xFFF, 0, number, 1, ())).info
    return namespace.EntryInfo.decode(raw)


def modify(client: Client, number: int, mask: int, search: int = SEARCH, **values: int) -> int:
    names = ("attributes", "created", "created_time", "creator", "modified", "modified_time", "modifier", "archived")
    more = ("archived_time", "archiver", "accessed", "granted", "revoked", "space")
    fields = (values.get(name, 0) for name in (*names, *more))
    layout: Any = entries.ModifyDosInfo
    return client.code(layout(0, 0, search, mask, *fields, 0, number, 1, ()))


def test_a_read_only_file_as_the_kernel_erases_it(joe: Client) -> None:
    """chmod a-w protects a file; the client takes the attribute away before it tries again."""
    joe.make(BOX + "A.TXT", b"text")
    number = place(joe, "CAP_GS1", "SINV.BOX", "A.TXT")
    assert modify(joe, number, 0x0002, attributes=READ_ONLY) == 0
    assert (info(joe, number).attributes, info(joe, number).flags) == (READ_ONLY, 0x0001)
    assert joe.opens(BOX + "A.TXT", 2) == 0x94
    delete = namespace.Delete(0, 0, SEARCH, 0, number, 1, ())
    assert joe.code(delete) == 0x90
    assert modify(joe, number, 0x0002, attributes=0) == 0
    assert joe.code(delete) == 0


@pytest.mark.parametrize(("attribute", "erased", "renamed"), [(0x40000, 0x90, 0), (0x20000, 0, 0x90)])
def test_not_to_be_erased_not_to_be_renamed(joe: Client, attribute: int, erased: int, renamed: int) -> None:
    joe.make(BOX + "A.TXT")
    assert modify(joe, place(joe, "CAP_GS1", "SINV.BOX", "A.TXT"), 0x0002, attributes=attribute) == 0
    assert joe.code(files.RenameFile(0, ALL, BOX + "A.TXT", 0, BOX + "B.TXT")) == renamed
    assert joe.code(files.EraseFile(0, ALL, BOX + ("A.TXT" if renamed else "B.TXT"))) == erased


def test_times_and_owners(joe: Client) -> None:
    """What was set is told, and what the mask leaves out stays."""
    joe.make(BOX + "A.TXT")
    number = place(joe, "CAP_GS1", "SINV.BOX", "A.TXT")
    values = {"attributes": 0x21, "created": 0x2101, "created_time": 0x0800, "creator": 7, "modified": 0x2222}
    more = {"modified_time": 0x1000, "modifier": 8, "archived": 0x2303, "archived_time": 0x1800, "archiver": 9}
    assert modify(joe, number, 0x0FFE, **values, **more, accessed=0x2404) == 0
    for _ in range(2):
        found = info(joe, number)
        assert (found.attributes, found.created, found.created_time, found.creator) == (
            0x21,
            0x2101,
            0x0800,
            b"\0\0\0\7",
        )
        assert (found.modified, found.modified_time, found.modifier) == (0x2222, 0x1000, b"\0\0\0\x08")
        assert (found.archived, found.archived_time, found.archiver) == (0x2303, 0x1800, b"\0\0\0\x09")
        assert found.accessed == 0x2404
        assert modify(joe, number, 0x0000) == 0
    assert modify(joe, number, 0x0100, modified=0x2525) == 0
    assert (info(joe, number).modified, info(joe, number).modified_time) == (0x2525, 0x1000)
    assert modify(joe, number, 0x0100, modified=0x2520) == 0xFF  # day 0


def test_a_directory_is_changed(joe: Client) -> None:
    """It can be hidden and dated; it stays a directory, and keeps both when it is renamed."""
    assert joe.code(directories.CreateDirectory(0, 0xFF, BOX + "SUB")) == 0
    number = place(joe, "CAP_GS1", "SINV.BOX", "SUB")
    assert modify(joe, number, 0x0902, attributes=0x23, modified=0x2222, accessed=0x2303) == 0
    assert joe.code(directories.RenameDirectory(0, BOX + "SUB", "OTHER")) == 0
    found = info(joe, number)
    assert (found.attributes, found.modified, found.accessed) == (0x12, 0x2222, 0x2303)
    assert joe.names(BOX, "*", 0x10) == []
    assert joe.names(BOX, "*", 0x12) == ["OTHER"]


def test_who_comes_after_an_entry_inherits_nothing(joe: Client) -> None:
    joe.make(BOX + "A.TXT")
    assert modify(joe, place(joe, "CAP_GS1", "SINV.BOX", "A.TXT"), 0x0020, archived=0x2303) == 0
    assert joe.code(files.EraseFile(0, ALL, BOX + "A.TXT")) == 0
    joe.make(BOX + "A.TXT")
    assert info(joe, place(joe, "CAP_GS1", "SINV.BOX", "A.TXT")).archived == 0


def test_refusals(joe: Client, ann: Client) -> None:
    """An open file, an entry that is not wanted, a name space, a missing entry, a user without the right."""
    joe.make(BOX + "A.TXT")
    number = place(joe, "CAP_GS1", "SINV.BOX", "A.TXT")
    handle = ann.open(BOX + "A.TXT")
    assert modify(joe, number, 0x0002, attributes=1) == 0x8E
    ann.close(handle)
    assert modify(joe, number, 0x0002, attributes=2) == 0
    assert modify(joe, number, 0x0002, search=0) == 0xFF
    assert modify(joe, number, 0x1000, granted=1) == 0x8C
    assert modify(joe, 9999, 0x0002) == 0x9B
    nothing = (0,) * 15
    assert joe.code(entries.ModifyDosInfo(1, 0, SEARCH, 2, *nothing[:14], 0, number, 1, ())) == 0xBF
    guest = Client(joe.station.stage.station("tcp:10.0.0.9:1025").attached())
    login = entries.ModifyDosInfo(0, 0, SEARCH, 2, *nothing[:14], 0, 0, 0xFF, ("SYS", "LOGIN", "LOGIN.EXE"))
    assert guest.code(login) == 0x8C


def test_a_short_handle_is_set(joe: Client) -> None:
    """87/9 lets a handle stand for another directory; 87/21 tells which."""
    handle = joe.ask(files.AllocateTemporaryHandle(0, 0, "SYS:")).handle
    login, program = ("SYS", "LOGIN"), ("SYS", "LOGIN", "LOGIN.EXE")
    assert joe.code(entries.SetShortHandle(0, 0, handle, 0, 0, 0, 0xFF, login)) == 0
    assert joe.ask(entries.GetHandlePath(0, handle)).path == "SYS:LOGIN"
    assert joe.code(entries.SetShortHandle(0, 0, handle, 0, 0, 0, 0xFF, program)) == 0x9C
    assert joe.code(entries.SetShortHandle(0, 0, 99, 0, 0, 0, 0xFF, login)) == 0x9B
    assert joe.code(entries.GetHandlePath(0, 99)) == 0x9B
    assert joe.code(entries.GetHandlePath(1, handle)) == 0xBF


def test_name_space_information(joe: Client) -> None:
    """87/25 sets what 87/19 tells: fields without gaps, in the order of the mask's bits; the first renames."""
    joe.make(BOX + "A.TXT")
    number = place(joe, "CAP_GS1", "SINV.BOX", "A.TXT")
    fields = b"\x05B.TXT" + bytes.fromhex("22000000 01210008 00000007 0323")
    assert joe.code(entries.SetNameSpaceInfo(0, 0, 0, number, 0x003F, fields)) == 0
    assert joe.ask(entries.GetNameSpaceInfo(0, 0, 0, 0, number, 0x003F)).fields == fields
    assert joe.names(BOX) == ["B.TXT"]
    assert joe.ask(entries.GetNameSpaceInfo(0, 0, 0, 0, number, 0x1000)).fields == b"\xff\x01"
    assert joe.code(entries.SetNameSpaceInfo(0, 0, 0, number, 0x0001, b"\x0a1234567890")) == 0x87
    assert joe.code(entries.SetNameSpaceInfo(0, 0, 0, number, 0x0002, b"\x22")) == 0x7E
    assert joe.code(entries.GetNameSpaceInfo(0, 1, 0, 0, number, 1)) == 0xBF
    assert joe.ask(entries.GetHugeInfo(0, 0, number, 1, bytes(16))) == entries.HugeInfo(bytes(16), "")
    assert joe.code(entries.GetHugeInfo(0, 0, 9999, 1, bytes(16))) == 0x9B


def test_a_full_path(joe: Client) -> None:
    """The last name comes first (libncp); a file has the path of its directory, with or without the way up."""
    offers = [b"OFFERINF.BOX", b"CAP_GS1", b"SYS"]
    expected = b"".join(bytes([len(name)]) + name for name in offers)
    for path, up in (
        (("OFFERINF.BOX",), ()),
        (("OFFERINF.BOX", "GS100001.OFR"), ()),
        (("OFFERINF.BOX", "GS100001.OFR"), ("",)),
    ):
        asked = entries.GetFullPath(0, 0, 0, LAST, LAST, 0, place(joe, "CAP_GS1", *path), 1, up)
        assert joe.ask(asked) == entries.FullPath(0, LAST, LAST, len(expected), 3, expected)
    assert joe.code(entries.GetFullPath(0, 1, 0, LAST, LAST, 0, 0, 1, ())) == 0xBF
    assert joe.ask(entries.GetFullPath(0, 0, 0, LAST, LAST, 0, 0, 1, ())).names == b"\x03SYS"
