"""A host directory as a volume: what is shown, what is not, and that nothing leads out of it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from fakenw.volumes import volume
from fakenw.volumes.directory_tree import ARCHIVE, READ_ONLY, Directory, PathError
from fakenw.volumes.host_directory import Folder
from fakenw.volumes.long_name import LongName
from fakenw.volumes.volume import Volumes
from fakenw.wire.packet import Code
from tests.fakenw.file_station import entries, read_entry

Open = Callable[..., int]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """The directory that is served; beside it lies a secret."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_bytes(b"secret")
    served = tmp_path / "served"
    (served / "Docs" / "Sub").mkdir(parents=True)
    (served / "Docs" / "read.me").write_bytes(b"0123456789")
    (served / "Docs" / "Sub" / "A long name.text").write_bytes(b"long")
    return served


def read(host: Path, text: str) -> bytes:
    """What a client reads from the file *text* of the volume VOL."""
    path = volume.VolumePath.parse(text, volume.VolumePath("VOL"))
    return read_entry(Volumes([("VOL", Folder(host))]).look_up(path).entry, 0, 1000)


def code_of(call: Callable[..., object], *arguments: object) -> Code:
    with pytest.raises(PathError) as caught:
        call(*arguments)
    return caught.value.code


def shown(directory: Directory) -> list[str]:
    return [entry.name for entry in entries(directory)]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("DOCS/READ.ME", b"0123456789"),
        (r"docs\Read.Me", b"0123456789"),
        (LongName("DOCS/SUB/A LONG NAME.TEXT"), b"long"),
        ("DOCS/SUB/ALONGNAM.TEX", b"long"),
        ("DOCS/SUB/../READ.ME", b"0123456789"),
    ],
)
def test_read_in_any_case(host: Path, text: str, content: bytes) -> None:
    """A file is found in any case, by its long name and by its alias, each in its name space."""
    assert read(host, text) == content


def test_read_by_offset(host: Path) -> None:
    """A read begins and ends where it is told, or with the file."""
    file = Folder(host).find("Docs").node
    assert isinstance(file, Directory)
    entry = file.find("read.me")
    reads = {(2, 3): b"234", (8, 9): b"89", (10, 1): b"", (0xFFFFFFFF, 1): b""}
    assert {where: read_entry(entry, *where) for where in reads} == reads


def test_entry(host: Path) -> None:
    """Size, time (UTC, whole seconds) and attributes are the host's."""
    path = host / "Docs" / "read.me"
    os.utime(path, (0, 965_901_600.9))
    entry = Volumes([("VOL", Folder(host))]).look_up(volume.VolumePath.parse("VOL:DOCS/READ.ME")).entry
    assert (entry.name, entry.size, entry.attributes) == ("READ.ME", 10, ARCHIVE)
    assert entry.modified == datetime(2000, 8, 10, 10, 0, 0)
    path.chmod(0o444)
    assert Folder(host / "Docs").find("READ.ME").attributes == ARCHIVE | READ_ONLY


@pytest.mark.parametrize(("seconds", "year"), [(-(10**9), 1980), (0, 1980), (2**33, 2107)])
def test_times_that_dos_cannot_say(host: Path, seconds: int, year: int) -> None:
    """A time before 1980 or after 2107 becomes the nearest that DOS has."""
    os.utime(host / "Docs", (seconds, seconds))
    assert Folder(host).find("DOCS").modified.year == year


def test_a_size_that_four_bytes_cannot_say(host: Path) -> None:
    """A file of more than 4 GB is shown as the largest there is."""
    with (host / "big.bin").open("wb") as file:
        file.truncate(5 * 2**30)
    assert Folder(host).find("BIG.BIN").size == 0xFFFFFFFF


@pytest.mark.parametrize("text", ["..", "../secret/key.txt", "DOCS/../../secret/key.txt", r"DOCS\..\..\SECRET"])
def test_two_points_do_not_escape(host: Path, text: str) -> None:
    """A path cannot climb out of the volume."""
    assert code_of(read, host, text) == Code.INVALID_PATH


@pytest.mark.parametrize("name", ["..", ".", "", "../secret", "Docs/read.me", "/", "/etc/passwd", "a\0b", "\ud800"])
def test_child_takes_only_names(host: Path, name: str) -> None:
    """Not even who asks the node itself gets out, or an error of the operating system."""
    assert code_of(Folder(host).child, name) == Code.FAILURE


def test_links_that_stay_inside(host: Path) -> None:
    """A link counts as what it leads to, whether it is relative, absolute, a chain, or leads to the root."""
    (host / "near").symlink_to("Docs/read.me")
    (host / "far").symlink_to(host / "Docs")
    (host / "chain").symlink_to("near")
    (host / "Docs" / "top").symlink_to("..")
    assert shown(Folder(host)) == ["CHAIN", "DOCS", "FAR", "NEAR"]
    assert not Folder(host).find("NEAR").is_directory
    assert Folder(host).find("FAR").is_directory
    for text in ("NEAR", "CHAIN", "FAR/READ.ME", "DOCS/TOP/FAR/TOP/NEAR"):
        assert read(host, text) == b"0123456789"


def test_links_that_lead_out(host: Path) -> None:
    """A link out of the root, a dangling one and a circle are invisible, in lists and by name."""
    beside = host.parent / "served-too"
    beside.mkdir()
    targets: dict[str, str | Path] = {
        "file": "../secret/key.txt",
        "dir": host.parent / "secret",
        "root": "/",
        "parent": "..",
        "beside": beside,
        "dangling": "nothing",
        "circle": "circle",
        "through": "dir/key.txt",
    }
    for name, target in targets.items():
        (host / name).symlink_to(target)
    assert shown(Folder(host)) == ["DOCS"]
    for name in targets:
        assert code_of(Folder(host).child, name) == Code.FAILURE
        assert code_of(read, host, name) == Code.FAILURE
    assert code_of(read, host, "DIR/KEY.TXT") == Code.INVALID_PATH


def test_a_file_swapped_for_a_link(host: Path) -> None:
    """A file that becomes a link after it was opened is not followed, even to the inside."""
    docs = host / "Docs"
    entry = Folder(docs).find("read.me")
    (docs / "read.me").unlink()
    (docs / "read.me").symlink_to("../../secret/key.txt")
    assert code_of(read_entry, entry, 0, 9) == Code.FAILURE
    assert shown(Folder(docs)) == ["SUB"]


def test_a_directory_swapped_for_a_link(host: Path) -> None:
    """A directory on the way that becomes a link is not followed, neither to read nor to list nor to find."""
    docs = Folder(host).find("Docs").node
    assert isinstance(docs, Directory)
    entry = docs.find("read.me")
    (host.parent / "secret" / "read.me").write_bytes(b"secret")
    (host / "Docs").rename(host / "Old")
    (host / "Docs").symlink_to("../secret")
    assert code_of(read_entry, entry, 0, 9) == Code.FAILURE
    assert code_of(docs.names) == Code.FAILURE
    assert code_of(docs.child, "key.txt") == Code.FAILURE


def test_the_target_of_a_link_swapped_for_a_link(host: Path) -> None:
    """A link is resolved when it is looked up: what its target becomes later does not lead out."""
    (host / "near").symlink_to("Docs/read.me")
    entry = Folder(host).find("near")
    (host / "Docs" / "read.me").unlink()
    (host / "Docs" / "read.me").symlink_to(host.parent / "secret" / "key.txt")
    assert code_of(read_entry, entry, 0, 9) == Code.FAILURE


def test_a_file_swapped_for_a_pipe(host: Path) -> None:
    """A pipe in the place of a file neither blocks the server nor is read."""
    entry = Folder(host / "Docs").find("read.me")
    (host / "Docs" / "read.me").unlink()
    os.mkfifo(host / "Docs" / "read.me")
    assert code_of(read_entry, entry, 0, 9) == Code.FAILURE


def test_only_files_and_directories(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes and sockets are invisible, and so are links to them and to devices."""
    os.mkfifo(host / "pipe")
    (host / "link").symlink_to("pipe")
    (host / "null").symlink_to("/dev/null")
    monkeypatch.chdir(host)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert shown(Folder(host)) == ["DOCS"]
        for name in ("pipe", "link", "null", "socket"):
            assert code_of(Folder(host).child, name) == Code.FAILURE


def test_names_the_wire_cannot_carry(host: Path) -> None:
    """Names that are not UTF-8, not on code page 437, or hold signs of DOS can be opened by their alias."""
    docs = os.fsencode(host / "Docs" / "Sub")
    for number, name in enumerate([b"caf\x82.txt", "日本語.txt".encode(), b"a:b*c?d.txt", b"back\\slash", b"\x01\n"]):
        with open(os.path.join(docs, name), "wb") as file:
            file.write(bytes([number]))
    aliases = {"CAF.TXT": 0, "_.TXT": 1, "ABCD.TXT": 2, "BACKSLAS": 3, "_": 4}
    assert set(shown(Folder(host / "Docs" / "Sub"))) == {*aliases, "ALONGNAM.TEX"}
    for alias, number in aliases.items():
        assert read(host, f"DOCS/SUB/{alias}") == bytes([number])


def test_a_name_of_code_page_437(host: Path) -> None:
    """What the host calls é in UTF-8 is found by the é of code page 437."""
    (host / "café.txt").write_bytes(b"coffee")
    assert read(host, b"CAF\x82.TXT".decode("cp437")) == b"coffee"
    assert "CAFé.TXT" in shown(Folder(host))


def test_very_long_names(host: Path) -> None:
    """The longest names of the host have aliases; one that the host cannot hold is not found."""
    for last in "ab":
        (host / ("x" * 254 + last)).write_bytes(last.encode())
    assert shown(Folder(host)) == ["DOCS", "XXXXXXX0", "XXXXXXXX"]
    assert read(host, "XXXXXXX0") == b"b"
    assert read(host, LongName("X" * 254 + "A")) == b"a"
    assert code_of(read, host, "X" * 300) == Code.FAILURE
    assert code_of(Folder(host).child, "x" * 300) == Code.FAILURE


def test_what_vanished(host: Path) -> None:
    """A file, then its directory, then the root go away under a client."""
    root = Folder(host)
    docs = root.find("DOCS").node
    assert isinstance(docs, Directory)
    entry = docs.find("READ.ME")
    (host / "Docs" / "read.me").unlink()
    assert code_of(read_entry, entry, 0, 9) == Code.FAILURE
    host.rename(host.parent / "elsewhere")
    assert code_of(docs.names) == Code.FAILURE
    assert code_of(root.names) == Code.FAILURE


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, Code.NO_READ_RIGHTS),
        (errno.EPERM, Code.NO_READ_RIGHTS),
        (errno.EMFILE, Code.OUT_OF_HANDLES),
        (errno.EIO, Code.FAILURE),
    ],
)
def test_what_the_host_refuses(host: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: Code) -> None:
    """A refusal of the host becomes a completion code (simulated: root may read everything)."""
    docs = Folder(host / "Docs")
    entry = docs.find("READ.ME")
    really_open: Open = os.open

    def refusing(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path in ("read.me", "Sub"):
            raise OSError(number, os.strerror(number))
        return really_open(path, flags, dir_fd=dir_fd)

    sub = docs.find("SUB").node
    assert isinstance(sub, Directory)
    monkeypatch.setattr(os, "open", refusing)
    assert code_of(read_entry, entry, 0, 9) == code
    assert code_of(sub.names) == code
    assert shown(docs) == ["READ.ME", "SUB"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(host: Path) -> None:
    """A file and a directory without permissions are shown and refused."""
    (host / "Docs" / "read.me").chmod(0)
    assert code_of(read, host, "DOCS/READ.ME") == Code.NO_READ_RIGHTS
    (host / "Docs").chmod(0)
    assert shown(Folder(host)) == ["DOCS"]
    assert code_of(read, host, "DOCS/READ.ME") == Code.NO_READ_RIGHTS
    (host / "Docs").chmod(0o755)


def test_no_descriptor_stays_open(host: Path) -> None:
    """Listing, reading and failing leave no descriptor behind."""
    (host / "out").symlink_to("/")

    def use() -> None:
        read(host, "DOCS/READ.ME")
        entries(Folder(host))
        for text in ("OUT", "NONE", "DOCS/NONE", "DOCS/READ.ME/X"):
            code_of(read, host, text)

    use()
    before = len(os.listdir("/proc/self/fd"))
    use()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_root_may_be_a_link(host: Path) -> None:
    """The operator's own link to the root is followed, once."""
    link = host.parent / "link"
    link.symlink_to(host)
    root = Folder(link)
    link.unlink()
    link.symlink_to(host.parent / "secret")
    assert shown(root) == ["DOCS"]


@pytest.mark.parametrize("name", ["nothing", "Docs/read.me"])
def test_no_such_root(host: Path, name: str) -> None:
    """A root that is missing or a file is refused at once."""
    assert code_of(Folder, host / name) == Code.FAILURE


def test_the_order_of_the_host_is_of_no_account(host: Path) -> None:
    """Aliases depend on the names, not on the order in which files were made."""
    first, second = host / "1", host / "2"
    names = [f"common name {n}.txt" for n in range(5)]
    for place, order in ((first, names), (second, names[::-1])):
        place.mkdir()
        for name in order:
            (place / name).write_bytes(name.encode())
    assert [(e.name, read_entry(e, 0, 99)) for e in entries(Folder(first))] == [
        (e.name, read_entry(e, 0, 99)) for e in entries(Folder(second))
    ]
