"""A host directory that clients may write to: what is written, and that nothing outside is ever reached."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from fakenw.volumes.directory_tree import ARCHIVE, READ_ONLY, Directory, File, PathError
from fakenw.volumes.host_directory import Folder
from fakenw.volumes.volume import Volumes
from fakenw.wire.packet import Code
from tests.fakenw.file_station import read_entry

NOW = datetime(2001, 2, 3, 4, 5, 6)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """The directory that is served; beside it lies a secret, to which links of every kind lead."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key.txt").write_bytes(b"secret")
    served = tmp_path / "served"
    (served / "DOCS" / "SUB").mkdir(parents=True)
    (served / "DOCS" / "READ.ME").write_bytes(b"0123456789")
    return served


@pytest.fixture
def links(host: Path) -> Path:
    """Links out, links inside, a hard link to the secret."""
    (host / "OUT").symlink_to("../outside")
    (host / "KEY").symlink_to("../outside/key.txt")
    (host / "NEW").symlink_to("../outside/new.txt")  # dangling
    (host / "FAR").symlink_to("DOCS")
    (host / "NEAR").symlink_to("DOCS/READ.ME")
    os.link(host.parent / "outside" / "key.txt", host / "HARD")
    return host


def untouched(host: Path) -> bool:
    outside = host.parent / "outside"
    return [(p.name, p.read_bytes()) for p in outside.iterdir()] == [("key.txt", b"secret")]


def code_of(call: Callable[..., object], *arguments: object) -> Code:
    with pytest.raises(PathError) as caught:
        call(*arguments)
    return caught.value.code


def directory(parent: Directory, name: str) -> Directory:
    node = parent.find(name).node
    assert isinstance(node, Directory)
    return node


def file(parent: Directory, name: str) -> File:
    node = parent.find(name).node
    assert isinstance(node, File)
    return node


def test_create_write_rename_remove(host: Path) -> None:
    """The life of a file and of a directory on the host."""
    root = Folder(host)
    made = root.create_file("A.TXT", 0, NOW)
    made.write(3, b"abc", NOW)
    assert (host / "A.TXT").read_bytes() == b"\0\0\0abc"
    made.truncate(4, NOW)
    assert (made.size, root.find("A.TXT").size) == (4, 4)
    made.change(attributes=READ_ONLY, modified=NOW)
    entry = root.find("A.TXT")
    assert (entry.modified, entry.attributes) == (NOW, ARCHIVE | READ_ONLY)
    made.change(attributes=0)
    assert root.find("A.TXT").attributes == ARCHIVE
    docs = directory(root, "DOCS")
    root.rename("A.TXT", docs, "B.TXT")
    assert (host / "DOCS" / "B.TXT").read_bytes() == b"\0\0\0a"
    docs.remove("B.TXT")
    root.create_directory("D", NOW)
    root.rename("D", docs, "E")
    assert code_of(root.remove, "DOCS") is Code.NOT_EMPTY
    docs.remove("E")
    assert sorted(p.name for p in host.rglob("*")) == ["DOCS", "READ.ME", "SUB"]


def test_room_is_the_host_s(host: Path) -> None:
    """The volume is as large as the file system."""
    total, free = Folder(host).room()
    assert 0 <= free <= total > 0


def test_nothing_is_overwritten(host: Path) -> None:
    """What is there is neither created again nor renamed over, by a file, a directory or a link."""
    root = Folder(host)
    (host / "LINK").symlink_to("nothing")
    root.create_file("A", 0, NOW).write(0, b"a", NOW)
    for taken in ("A", "DOCS", "LINK"):
        assert code_of(root.create_file, taken, 0, NOW) is Code.FAILURE
        assert code_of(root.create_directory, taken, NOW) is Code.FAILURE
    for taken in ("DOCS", "LINK"):
        assert code_of(root.rename, "A", root, taken) is Code.ALL_EXIST
    assert (host / "A").read_bytes() == b"a"


@pytest.mark.parametrize("name", ["", ".", "..", "../X", "A/B", "/X", "A\0B", "\ud800"])
def test_only_names(host: Path, name: str) -> None:
    """Whoever asks the tree itself with something that is no name gets nowhere."""
    root = Folder(host)
    docs = directory(root, "DOCS")
    for call in (
        lambda: docs.create_file(name, 0, NOW),
        lambda: docs.create_directory(name, NOW),
        lambda: docs.remove(name),
        lambda: docs.rename(name, root, "N"),
        lambda: docs.rename("READ.ME", root, name),
    ):
        assert code_of(call) is Code.FAILURE
    assert sorted(p.name for p in host.parent.rglob("*")) == ["DOCS", "READ.ME", "SUB", "key.txt", "outside", "served"]


def test_nothing_is_changed_through_links(links: Path) -> None:
    """A link is not written through, be it to the inside; neither is a file that has a second name."""
    root = Folder(links)
    for name in ("NEAR", "HARD"):
        found = file(root, name)
        assert code_of(found.write, 0, b"x", NOW) is Code.NO_WRITE_RIGHTS
        assert code_of(found.truncate, 0, NOW) is Code.NO_WRITE_RIGHTS
        assert code_of(found.change, READ_ONLY) is Code.NO_MODIFY_RIGHTS
    far = directory(root, "FAR")
    assert code_of(far.create_file, "N", 0, NOW) is Code.NO_CREATE_RIGHTS
    assert code_of(far.create_directory, "N", NOW) is Code.NO_CREATE_RIGHTS
    assert code_of(far.remove, "READ.ME") is Code.NO_DELETE_RIGHTS
    assert code_of(far.rename, "READ.ME", root, "N") is Code.NO_RENAME_RIGHTS
    assert code_of(root.rename, "DOCS", far, "N") is Code.NO_RENAME_RIGHTS
    assert code_of(file(far, "READ.ME").write, 0, b"x", NOW) is Code.NO_WRITE_RIGHTS
    assert code_of(directory(far, "SUB").create_file, "N", 0, NOW) is Code.NO_CREATE_RIGHTS
    assert untouched(links)
    assert (links / "DOCS" / "READ.ME").read_bytes() == b"0123456789"


def test_links_are_neither_removed_nor_renamed_nor_replaced(links: Path) -> None:
    """What a client cannot see it cannot take away; creating where a link dangles creates nothing outside."""
    root = Folder(links)
    for name in ("OUT", "KEY", "NEW", "FAR", "NEAR"):
        assert code_of(root.remove, name) is Code.NO_DELETE_RIGHTS
        assert code_of(root.rename, name, root, "N") is Code.NO_RENAME_RIGHTS
        assert code_of(root.create_file, name, 0, NOW) is Code.FAILURE
        assert code_of(root.create_directory, name, NOW) is Code.FAILURE
        assert (links / name).is_symlink()
    assert untouched(links)


def test_a_second_name_can_be_removed(links: Path) -> None:
    """Removing a hard link leaves the file outside as it is."""
    Folder(links).remove("HARD")
    assert untouched(links)


def test_a_directory_swapped_for_a_link(host: Path) -> None:
    """A directory that becomes a link after it was looked up is not followed, whatever is done in it."""
    root = Folder(host)
    docs = directory(root, "DOCS")
    read_me, sub = file(docs, "READ.ME"), directory(docs, "SUB")
    (host.parent / "outside" / "READ.ME").write_bytes(b"other")
    (host / "DOCS").rename(host / "OLD")
    (host / "DOCS").symlink_to("../outside")
    for call in (
        lambda: docs.create_file("N", 0, NOW),
        lambda: docs.create_directory("N", NOW),
        lambda: docs.remove("READ.ME"),
        lambda: docs.rename("READ.ME", root, "N"),
        lambda: root.rename("OLD", docs, "N"),
        lambda: sub.create_file("N", 0, NOW),
        lambda: read_me.write(0, b"x", NOW),
        lambda: read_me.truncate(0, NOW),
        lambda: read_me.change(READ_ONLY),
    ):
        assert code_of(call) is Code.FAILURE
    (host.parent / "outside" / "READ.ME").unlink()
    assert untouched(host)


def test_a_file_swapped_for_a_link_or_a_pipe(host: Path) -> None:
    """A file that becomes something else after it was looked up is not written to, and does not block."""
    found = file(directory(Folder(host), "DOCS"), "READ.ME")
    path = host / "DOCS" / "READ.ME"
    path.unlink()
    path.symlink_to("../../outside/key.txt")
    assert code_of(found.write, 0, b"x", NOW) is Code.FAILURE
    path.unlink()
    os.mkfifo(path)
    assert code_of(found.write, 0, b"x", NOW) is Code.FAILURE
    assert code_of(found.truncate, 0, NOW) is Code.FAILURE
    assert untouched(host)


def test_a_race_for_the_way_out(host: Path) -> None:
    """While somebody swaps a directory for a link out and back, everything lands inside or nowhere."""
    root = Folder(host)
    outside, spare, docs = host.parent / "outside", host / "SPARE", host / "DOCS"
    spare.symlink_to("../outside")
    done = threading.Event()

    def swap() -> None:
        aside = host / "ASIDE"
        while not done.is_set():
            docs.rename(aside)
            spare.rename(docs)
            docs.rename(spare)
            aside.rename(docs)

    swapper = threading.Thread(target=swap)
    swapper.start()
    made = 0
    try:
        for number in range(400):
            try:
                directory(root, "DOCS").create_file(f"N{number}", 0, NOW).write(0, b"x", NOW)
                made += 1
            except PathError:
                pass
    finally:
        done.set()
        swapper.join()
    assert untouched(host)
    assert outside.is_dir()
    assert len([p for p in docs.iterdir() if p.name.startswith("N") and p.read_bytes()]) == made


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, Code.OUT_OF_SPACE),
        (errno.EDQUOT, Code.OUT_OF_SPACE),
        (errno.EROFS, Code.READ_ONLY),
        (errno.EACCES, Code.NO_WRITE_RIGHTS),
        (errno.ENOMEM, Code.OUT_OF_MEMORY),
        (errno.EIO, Code.FAILURE),
    ],
)
def test_what_the_host_refuses(host: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: Code) -> None:
    """A refusal of the host becomes a completion code (simulated)."""
    found = file(directory(Folder(host), "DOCS"), "READ.ME")

    def refusing(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", refusing)
    assert code_of(found.write, 0, b"x", NOW) is code


def test_a_write_in_pieces(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the host takes in pieces is written to the end."""
    really = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, offset: really(descriptor, data[:2], offset))
    file(directory(Folder(host), "DOCS"), "READ.ME").write(1, b"abcde", NOW)
    assert (host / "DOCS" / "READ.ME").read_bytes() == b"0abcde6789"


def test_four_gigabytes_are_the_most(host: Path) -> None:
    """A size has four bytes."""
    found = file(directory(Folder(host), "DOCS"), "READ.ME")
    assert code_of(found.write, 0xFFFFFFFF, b"x", NOW) is Code.OUT_OF_SPACE
    assert (host / "DOCS" / "READ.ME").stat().st_size == 10


def test_not_into_another_root(host: Path) -> None:
    """Nothing moves from one volume to another, even on one host."""
    (host.parent / "other").mkdir()
    assert code_of(Folder(host).rename, "DOCS", Folder(host.parent / "other"), "N") is Code.OTHER_VOLUME


def test_no_descriptor_stays_open(links: Path) -> None:
    """Neither success nor failure leaves a descriptor behind."""
    root = Folder(links)

    def use() -> None:
        root.create_file("A", 0, NOW).write(0, b"x", NOW)
        root.rename("A", directory(root, "DOCS"), "B")
        directory(root, "DOCS").remove("B")
        code_of(root.remove, "DOCS")
        code_of(file(root, "HARD").write, 0, b"x", NOW)
        code_of(root.rename, "DOCS", directory(root, "FAR"), "N")
        code_of(root.create_file, "NEW", 0, NOW)

    use()
    before = len(os.listdir("/proc/self/fd"))
    use()
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_a_writable_volume_is_written_to(host: Path) -> None:
    """Mounted as usual, the host's directory stays as it is; mounted writable, it is changed."""
    for writable in (False, True):
        volume = Volumes([("SYS", Folder(host), writable)]).named("SYS")
        volume.root.create_file("A", 0, NOW).write(0, b"x", NOW)
        assert read_entry(volume.root.find("A"), 0, 9) == b"x"
        assert (host / "A").exists() is writable
