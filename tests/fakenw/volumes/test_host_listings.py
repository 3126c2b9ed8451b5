"""A directory of the host is read again when it has changed, and only then."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fakenw.volumes import host_directory, host_listings
from fakenw.volumes.directory_tree import Directory, PathError
from fakenw.volumes.host_directory import Folder

NOW = datetime(2000, 8, 10)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A mark for every reading of a directory."""
    marks: list[object] = []
    scandir = os.scandir

    def counting(path: Any) -> Any:
        marks.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counting)
    monkeypatch.setattr(host_listings, "OWN", 1e9)
    return marks


def there_is(folder: Folder, name: str) -> bool:
    try:
        return folder.find(name).own_name == name
    except PathError:
        return False


def test_a_file_costs_the_same_as_the_first_one(tmp_path: Path, readings: list[object]) -> None:
    """Looked for, made, found, renamed and removed: the directory is read once."""
    folder = Folder(tmp_path)
    folder.create_directory("SUB", NOW)
    for number in range(100):
        name, new = f"F{number:03}.TMP", f"G{number:03}.TMP"
        assert not there_is(folder, name)
        folder.create_file(name, 0, NOW)
        assert there_is(folder, name)
        folder.rename(name, folder, new)
        assert (there_is(folder, name), there_is(folder, new)) == (False, True)
        if number % 2:
            folder.remove(new)
    assert len(folder.index().find("SUB") or "") == 3
    assert sum(1 for _ in folder.search("G*.TMP")) == 50
    assert len(readings) == 1


def test_what_others_change_is_seen_at_once(tmp_path: Path, readings: list[object]) -> None:
    """Its stamp differs: nothing is remembered of it."""
    folder = Folder(tmp_path)
    folder.create_file("OURS", 0, NOW)
    assert there_is(folder, "OURS")
    for number in range(5):
        (tmp_path / f"THEIRS{number}").touch()
        os.utime(tmp_path, (number, number))  # the same tick of the clock would hide it for a while, see below
        assert there_is(folder, f"THEIRS{number}")
    os.rename(tmp_path / "THEIRS0", tmp_path / "OTHER")
    os.utime(tmp_path, (9, 9))
    assert (there_is(folder, "THEIRS0"), there_is(folder, "OTHER")) == (False, True)


@pytest.mark.parametrize(("own", "seen"), [(1e9, False), (0.0, True)])
def test_what_others_change_in_the_tick_of_our_own_change_is_seen_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: float, seen: bool
) -> None:
    """A stamp that does not differ is trusted for OWN seconds, not longer."""
    monkeypatch.setattr(host_listings, "stamp_of", lambda descriptor: (1,) * 6)
    monkeypatch.setattr(host_directory, "stamp_of", lambda descriptor: (1,) * 6)
    monkeypatch.setattr(host_listings, "SETTLED", 1e18)
    monkeypatch.setattr(host_listings, "OWN", own)
    folder = Folder(tmp_path)
    folder.create_file("OURS", 0, NOW)
    assert there_is(folder, "OURS")
    (tmp_path / "THEIRS").touch()
    assert there_is(folder, "THEIRS") is seen


def test_a_directory_that_has_just_changed_is_read_again(
    tmp_path: Path, readings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its last change is SETTLED seconds ago; from then on not at all."""
    (tmp_path / "THEIRS").touch()
    folder = Folder(tmp_path)
    monkeypatch.setattr(host_listings, "SETTLED", 1e9)
    for _ in range(3):
        assert there_is(folder, "THEIRS")
    assert len(readings) == 3
    monkeypatch.setattr(host_listings, "SETTLED", -1e9)
    for _ in range(3):
        assert there_is(folder, "THEIRS")
    assert len(readings) == 4


def test_a_directory_with_a_link_is_read_each_time(
    tmp_path: Path, readings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a link leads to is not in the stamp of its directory."""
    monkeypatch.setattr(host_listings, "SETTLED", -1e9)
    (tmp_path / "SUB").mkdir()
    (tmp_path / "SUB" / "TARGET").touch()
    (tmp_path / "LINK").symlink_to("SUB/TARGET")
    folder = Folder(tmp_path)
    assert there_is(folder, "LINK")
    (tmp_path / "SUB" / "TARGET").unlink()
    assert not there_is(folder, "LINK")


def dos_names(folder: Directory) -> dict[str, str]:
    """Own name -> DOS name."""
    return {entry.own_name: entry.name for entry in folder.search("*")}


def test_dos_names_stay_while_others_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever another program does in the folder, and wherever the server moves it."""
    monkeypatch.setattr(host_listings, "SETTLED", 1e9)  # read at every look
    root = Folder(tmp_path)
    sub = root.create_directory("Sub", NOW)
    for name in ("long name 2", "long name 3"):
        (tmp_path / "Sub" / name).touch()
    assert dos_names(sub) == {"long name 2": "LONGNAME", "long name 3": "LONGNAM0"}
    (tmp_path / "Sub" / "long name 1").touch()
    (tmp_path / "Sub" / "LONGNAME").touch()
    stay = {"long name 3": "LONGNAM0", "LONGNAME": "LONGNAM1", "long name 1": "LONGNAM2"}
    assert dos_names(sub) == {"long name 2": "LONGNAME", **stay}
    (tmp_path / "Sub" / "long name 2").unlink()
    assert dos_names(sub) == stay
    sub.rename("long name 3", sub, "long name 3", "OTHER")
    root.rename("Sub", root, "Moved folder")
    moved = root.find("MOVEDFOL").node
    assert isinstance(moved, Directory)
    assert dos_names(moved) == {**stay, "long name 3": "OTHER"}
    assert dos_names(Folder(tmp_path / "Moved folder"))["long name 3"] == "LONGNAM1", "another server does not know"


def test_a_rename_finds_the_folder_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another program did since the last look does not harm the names."""
    monkeypatch.setattr(host_listings, "SETTLED", 1e9)
    folder = Folder(tmp_path)
    (tmp_path / "long name").touch()
    assert dos_names(folder) == {"long name": "LONGNAME"}
    (tmp_path / "long name").unlink()
    folder.create_file("long name", 0, NOW, "LONGNAME")
    assert dos_names(folder) == {"long name": "LONGNAME"}


def test_the_names_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the folders that were read longest ago go first."""
    monkeypatch.setattr(host_listings, "SETTLED", -1e9)
    monkeypatch.setattr(host_listings, "MOST_NAMES", 20)
    folder = Folder(tmp_path)
    for number in range(10):
        inner = folder.create_directory(f"D{number}", NOW)
        inner.create_file("A", 0, NOW)
        assert dos_names(inner) == {"A": "A"}
    listings = folder._listings._listings
    assert ("D9",) in listings
    assert ("D0",) not in listings
    assert sum(1 + len(listing.names) for listing in listings.values()) == folder._listings._weight <= 20
