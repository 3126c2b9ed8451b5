"""Files over the wire: attributes, erase, rename, search; by name and by wild cards; and each refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.volumes.dos_name import is_dos_name, is_wild, renamed
from fakenw.wire.requests import directories, files
from fakenw.wire.requests import synchronization as sync
from tests.fakenw.file_station import ALL, BOX, NORMAL, READ, WRITE, Client


@pytest.fixture
def stage(open_stage: Callable[..., Any]) -> Any:
    return open_stage("nls", licenses=5)


@pytest.fixture
def joe(stage: Any) -> Client:
    return Client(stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))


@pytest.fixture
def ann(stage: Any) -> Client:
    return Client(stage.station("tcp:10.0.0.2:1025").licensed("ANN"))


def test_read_only(joe: Client) -> None:
    """A file that is read-only is not written to, emptied, erased or renamed, until it is not."""
    joe.make(BOX + "A", b"old")
    assert joe.code(files.SetFileAttributes(0x01, 0, ALL, BOX + "A")) == 0
    assert joe.opens(BOX + "A", READ | WRITE) == 0x94
    assert joe.code(files.CreateFile(0, 0, BOX + "A")) == 0x90
    assert joe.code(files.EraseFile(0, ALL, BOX + "A")) == 0x90
    assert joe.code(files.RenameFile(0, ALL, BOX + "A", 0, BOX + "B")) == 0x90
    assert joe.read(BOX + "A") == b"old"
    assert joe.code(files.SetFileAttributes(0x20, 0, ALL, BOX + "A")) == 0
    assert joe.code(files.EraseFile(0, ALL, BOX + "A")) == 0


def test_hidden_files(joe: Client) -> None:
    """A hidden or system file is only there for who asks for such."""
    joe.make(BOX + "A", b"old", attributes=0x04)
    assert joe.opens(BOX + "A", READ, NORMAL) == 0xFF
    assert joe.code(files.EraseFile(0, 0x02, BOX + "A")) == 0xFF
    assert joe.names(BOX, search=0x02) == []
    assert joe.opens(BOX + "A", READ, 0x04) == 0


def test_attributes(joe: Client, ann: Client) -> None:
    """Of many at once; a directory's bit cannot be set; what another station has open is left."""
    for name in ("A.TXT", "B.TXT", "C.DOC"):
        joe.make(BOX + name)
    assert joe.code(files.SetFileAttributes(0xFF, 0, ALL, BOX + "*.TXT")) == 0
    found = joe.ask(files.SearchFile(0xFFFF, 0, ALL, BOX + "*.TXT"))
    assert found.attributes == 0xAF
    ann.open(BOX + "C.DOC")
    assert joe.code(files.SetFileAttributes(0, 0, ALL, BOX + "*.DOC")) == 0x8E
    assert joe.code(files.SetFileAttributes(0, 0, ALL, BOX + "*.*")) == 0x8D
    assert joe.names(BOX, search=NORMAL) == ["A.TXT", "B.TXT", "C.DOC"]
    assert joe.code(files.SetFileAttributes(0, 0, ALL, BOX + "*.NON")) == 0xFF
    assert joe.code(files.SetFileAttributes(0, 0, ALL, "SYS:CAP_GS1")) == 0xFF


def test_erase(joe: Client, ann: Client) -> None:
    """One, many, none; what is in use or read-only is left, and told."""
    for name in ("A.TXT", "B.TXT", "C.TXT", "D.DOC"):
        joe.make(BOX + name)
    assert joe.code(files.EraseFile(0, ALL, BOX + "*.NON")) == 0xFF
    assert joe.code(files.EraseFile(0, ALL, BOX + "NON")) == 0xFF
    assert joe.code(files.EraseFile(0, ALL, "SYS:CAP_GS1")) == 0xFF
    handle = ann.open(BOX + "B.TXT")
    assert joe.code(files.EraseFile(0, ALL, BOX + "B.*")) == 0x8E
    assert joe.code(files.EraseFile(0, ALL, BOX + "*.TXT")) == 0x8D
    assert joe.names(BOX) == ["B.TXT", "D.DOC"]
    ann.close(handle)
    joe.code(files.SetFileAttributes(0x01, 0, ALL, BOX + "B.TXT"))
    assert joe.code(files.EraseFile(0, ALL, BOX + "????????.???")) == 0x8F
    assert joe.names(BOX) == ["B.TXT"]


def test_search_goes_on_while_files_are_erased(joe: Client) -> None:
    """Whoever erases what a search finds misses none."""
    for number in range(20):
        joe.make(f"{BOX}F{number}.TXT")
    sequence, seen = 0xFFFF, []
    while not (reply := joe.station.call(files.SearchFile(sequence, 0, ALL, BOX + "*.*"))).completion:
        found = files.FoundFile.decode(reply.data)
        sequence = found.sequence
        seen.append(found.name)
        assert joe.code(files.EraseFile(0, ALL, BOX + found.name)) == 0
    assert len(seen) == 20
    assert joe.names(BOX) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "left"),
    [
        ("A.TXT", "C.TXT", 0, ["B.TXT", "C.TXT"]),
        ("*.TXT", "*.BAK", 0, ["A.BAK", "B.BAK"]),
        ("A.TXT", "B.TXT", 0x92, ["A.TXT", "B.TXT"]),
        ("*.TXT", "B.*", 0x92, ["A.TXT", "B.TXT"]),
        ("A.TXT", "A.TXT", 0x92, ["A.TXT", "B.TXT"]),
        ("*.NON", "*.BAK", 0xFF, ["A.TXT", "B.TXT"]),
        ("A.TXT", "NOT A NAME", 0x87, ["A.TXT", "B.TXT"]),
        ("A.TXT", "", 0x87, ["A.TXT", "B.TXT"]),
    ],
)
def test_rename(joe: Client, old: str, new: str, code: int, left: list[str]) -> None:
    """By name and by wild cards, as REN does it."""
    for name in ("A.TXT", "B.TXT"):
        joe.make(BOX + name, name.encode())
    assert joe.code(files.RenameFile(0, ALL, BOX + old, 0, BOX + new)) == code
    assert joe.names(BOX) == left


def test_rename_elsewhere(joe: Client, ann: Client) -> None:
    """Into another directory, but not while it is in use, and not to another volume or nowhere."""
    joe.make(BOX + "A", b"old")
    assert joe.code(files.RenameFile(0, ALL, BOX + "A", 0, "SYS:PUBLIC/B")) == 0
    assert joe.read("SYS:PUBLIC/B") == b"old"
    assert joe.code(files.RenameFile(0, ALL, "SYS:PUBLIC/B", 0, "SYS:NONE/B")) == 0x9C
    handle = ann.open("SYS:PUBLIC/B")
    assert joe.code(files.RenameFile(0, ALL, "SYS:PUBLIC/B", 0, BOX + "A")) == 0x8E
    ann.close(handle)
    given = joe.ask(files.AllocatePermanentHandle(0, 0, "SYS:PUBLIC")).handle
    assert joe.code(files.RenameFile(given, ALL, "B", 0, "C")) == 0  # mars_nwe: by the first handle
    assert "C" in joe.names("SYS:PUBLIC/")


@pytest.mark.parametrize(
    ("name", "template", "new"),
    [
        ("LOGIN.EXE", "*.BAK", "LOGIN.BAK"),
        ("LOGIN.EXE", "X*.*", "XOGIN.EXE"),
        ("LOGIN.EXE", "?X?.E", "LXG.E"),
        ("LOGIN.EXE", "plain", "PLAIN"),
        ("LOGIN.EXE", "*", "LOGIN"),
        ("LOGIN", "*.*", "LOGIN"),
        ("A", "????????.TXT", "A.TXT"),
        ("LOGIN.EXE", b"\xaa\xaeB\xbf\xbf".decode("cp437"), "LOGIN.BXE"),
    ],
)
def test_ren_of_dos(name: str, template: str, new: str) -> None:
    """A question mark keeps a character, a star the rest; the wild cards of DOS shells mean the same."""
    assert renamed(name, template) == new
    assert is_dos_name(new)
    assert is_wild(template) is (template != "plain")


EXCLUSIVE, SHARED = 1, 3


@pytest.mark.parametrize("flag", [EXCLUSIVE, SHARED])
def test_what_another_station_has_locked(joe: Client, ann: Client, flag: int) -> None:
    """A locked file is in use, also where the directory that it is in is to be renamed; a logged one is not."""
    for name in ("A.TXT", "B.TXT"):
        joe.make(BOX + name)
    locked = BOX + "A.TXT"
    assert ann.code(sync.LogFile(0, flag, 0, locked)) == 0
    assert joe.code(files.EraseFile(0, ALL, locked)) == 0x8E
    assert joe.code(files.RenameFile(0, ALL, locked, 0, BOX + "C.TXT")) == 0x8E
    assert joe.code(directories.RenameDirectory(0, "SYS:CAP_GS1/SINV.BOX", "OTHER.BOX")) == 0x8E
    assert joe.code(files.EraseFile(0, ALL, BOX + "*.TXT")) == 0x8D
    assert joe.names(BOX) == ["A.TXT"]
    assert ann.code(sync.ReleaseFile(0, locked)) == 0
    assert joe.code(directories.RenameDirectory(0, "SYS:CAP_GS1/SINV.BOX", "OTHER.BOX")) == 0
    assert joe.code(directories.RenameDirectory(0, "SYS:CAP_GS1/OTHER.BOX", "SINV.BOX")) == 0
    assert joe.code(files.EraseFile(0, ALL, locked)) == 0


def test_what_the_station_itself_has_locked(joe: Client) -> None:
    joe.make(BOX + "A.TXT")
    assert joe.code(sync.LogFile(0, EXCLUSIVE, 0, BOX + "A.TXT")) == 0
    assert joe.code(files.RenameFile(0, ALL, BOX + "A.TXT", 0, BOX + "B.TXT")) == 0
    assert joe.code(files.EraseFile(0, ALL, BOX + "B.TXT")) == 0
