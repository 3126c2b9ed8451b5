"""Files over the wire: open, create, read, write, share; the license they need; and each refusal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import pytest

from fakenw.wire.layout import Request
from fakenw.wire.requests import directories, files
from tests.fakenw.file_station import ALL, BOX, DENY_READ, DENY_WRITE, NORMAL, OFFER, READ, WRITE, Client


@pytest.fixture
def stage(open_stage: Callable[..., Any]) -> Any:
    return open_stage("nls", licenses=5)


@pytest.fixture
def joe(stage: Any) -> Client:
    return Client(stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))


@pytest.fixture
def ann(stage: Any) -> Client:
    return Client(stage.station("tcp:10.0.0.2:1025").licensed("ANN"))


def test_an_inventory_is_delivered(stage: Any, joe: Client, ann: Client) -> None:
    """What an SMS client writes into its inbox is there for everybody, with the server's time, and not below."""
    handle = joe.create(BOX + "ab12.nhm")
    assert joe.put(handle, 0, b"inventory") == 0
    assert joe.put(handle, 9, b" of JOE") == 0
    joe.close(handle)
    assert ann.names(BOX) == ["AB12.NHM"]
    assert ann.read(BOX + "AB12.NHM") == b"inventory of JOE"
    found = ann.ask(files.SearchFile(0xFFFF, 0, ALL, BOX + "*.*"))
    assert (found.size, found.modified, found.attributes) == (16, 20 << 9 | 8 << 5 | 10, 0x20)
    opens, shuts = stage.events("open"), stage.events("shut")
    assert [record["handle"] for record in opens] == [record["handle"] for record in shuts]
    assert opens[0]["path"] == BOX + "ab12.nhm"


def test_an_odd_offset_is_padded_and_a_reply_is_long_enough(joe: Client) -> None:
    """Read: two bytes of length, the pad, the data; open: 36 bytes; size: four."""
    joe.make(BOX + "A", b"0123456789")
    handle = joe.open(BOX + "A")
    assert joe.station.call(files.ReadFile(0, handle, 1, 3)).data == b"\0\3\0" + b"123"
    assert joe.station.call(files.ReadFile(0, handle, 2, 3)).data == b"\0\3" + b"234"
    assert joe.get(handle, 10) == b""
    assert len(joe.station.call(files.OpenFile(0, ALL, READ, BOX + "A")).data) == 36
    assert joe.station.call(files.GetFileSize(0, handle)).data == bytes([0, 0, 0, 10])


def test_a_write_of_nothing_sets_the_end(joe: Client) -> None:
    """No bytes at an offset cut the file there, or make it longer."""
    joe.make(BOX + "A", b"0123456789")
    handle = joe.open(BOX + "A", READ | WRITE)
    assert joe.put(handle, 4, b"") == 0
    assert joe.get(handle) == b"0123"
    assert joe.put(handle, 6, b"") == 0
    assert joe.get(handle) == b"0123\0\0"


def test_a_write_with_too_few_bytes(joe: Client) -> None:
    """What is announced must be there; more is ignored."""
    handle = joe.create(BOX + "A")
    assert joe.code(files.WriteFile(0, handle, 0, 5, b"1234")) == 0x7E
    assert joe.code(files.WriteFile(0, handle, 0, 2, b"1234")) == 0
    assert joe.get(handle) == b"12"


def test_out_of_space(joe: Client) -> None:
    """A write far beyond what the volume keeps is refused, and nothing changes."""
    handle = joe.create(BOX + "A")
    assert joe.put(handle, 0xFFFFFF00, b"x") == 0x01
    assert joe.get(handle) == b""


def test_create_empties_and_create_new_does_not(joe: Client) -> None:
    """0x43 empties what is there, 0x4D refuses; both open for reading and writing."""
    joe.make(BOX + "A", b"old")
    assert joe.code(files.CreateNewFile(0, 0, BOX + "A")) == 0x85
    assert joe.read(BOX + "A") == b"old"
    handle = joe.create(BOX + "A", attributes=0x02)
    assert joe.get(handle) == b""
    assert joe.put(handle, 0, b"new") == 0
    assert joe.names(BOX, search=NORMAL) == []
    assert joe.names(BOX, search=0x02) == ["A"]
    other = joe.ask(files.CreateNewFile(0, 0x01, BOX + "B"))
    assert (other.name, other.attributes) == ("B", 0x21)
    assert joe.put(other.handle, 0, b"x") == 0  # although it is read-only from now on
    assert joe.opens(BOX + "B", WRITE) == 0x94


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (BOX + "A*.TXT", 0x87),
        (BOX + "A?", 0x87),
        (BOX + "LONGER NAME.TEXT", 0x87),
        (BOX + "A.B.C", 0x87),
        (BOX + "NONE/A", 0x9C),
        ("NONE:A", 0x98),
        ("SYS:", 0x84),
        ("SYS:CAP_GS1", 0x84),
        ("SYS:../A", 0x9C),
        ("A", 0x98),
    ],
)
def test_what_cannot_be_created(joe: Client, name: str, code: int) -> None:
    """Wild cards, names that are not 8.3, directories that are missing or in the way."""
    assert joe.code(files.CreateFile(0, 0, name)) == code
    assert joe.code(files.CreateNewFile(0, 0, name)) == code


@pytest.mark.parametrize(
    ("there", "action", "code", "left"),
    [
        (True, 0x01, 0, b"old"),
        (True, 0x02, 0, b""),
        (True, 0x10, 0x85, b"old"),
        (True, 0x11, 0, b"old"),
        (True, 0x12, 0, b""),
        (False, 0x01, 0xFF, None),
        (False, 0x02, 0xFF, None),
        (False, 0x10, 0, b""),
        (False, 0x13, 0, b""),
    ],
)
def test_open_or_create(joe: Client, there: bool, action: int, code: int, left: bytes | None) -> None:
    """0x54 opens, empties or creates as its action says."""
    if there:
        joe.make(BOX + "A", b"old")
    assert joe.code(files.OpenOrCreateFile(0, 0, READ | WRITE, action, BOX + "A")) == code
    assert joe.names(BOX) == ([] if left is None else ["A"])
    if left is not None:
        assert joe.read(BOX + "A") == left


def test_rights_of_a_handle(joe: Client) -> None:
    """A handle reads or writes as it was opened; no right at all means reading, as does 0x41."""
    joe.make(BOX + "A", b"old")
    reader, writer = joe.open(BOX + "A", READ), joe.open(BOX + "A", WRITE)
    assert joe.put(reader, 0, b"x") == 0x94
    assert joe.code(files.ReadFile(0, writer, 0, 9)) == 0x93
    assert joe.put(writer, 0, b"new") == 0
    for handle in (reader, joe.open(BOX + "A", 0), joe.ask(files.OpenFileOld(0, ALL, BOX + "A")).handle):
        assert joe.get(handle) == b"new"


@pytest.mark.parametrize("request_of", [files.CloseFile, files.GetFileSize, files.CommitFile, files.CommitFileToDisk])
def test_no_such_handle(joe: Client, request_of: Callable[[int, bytes], Request[Any]]) -> None:
    """A handle that was never given out, or is closed, or is another station's."""
    handle = joe.create(BOX + "A")
    joe.close(handle)
    for bad in (bytes(6), handle, b"\xff" * 6):
        assert joe.code(request_of(0, bad)) == 0x88
        assert joe.code(files.ReadFile(0, bad, 0, 1)) == 0x88
        assert joe.put(bad, 0, b"x") == 0x88
        assert joe.code(files.SetFileTime(0, bad, 0, 0x21)) == 0x88


def test_six_bytes_of_a_handle_end_with_the_four(joe: Client) -> None:
    """What Linux's ncpfs makes of a handle of 87/1 is good for 0x42, 0x47, 0x48 and 0x49."""
    handle = joe.create(BOX + "A")
    made_up = bytes([handle[2] + 1, 0]) + handle[2:]
    assert joe.put(made_up, 0, b"x") == 0
    assert joe.get(made_up) == b"x"
    joe.close(made_up)


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (READ, READ, 0),
        (READ, WRITE, 0),
        (READ | DENY_WRITE, READ, 0),
        (READ | DENY_WRITE, WRITE, 0x80),
        (READ | WRITE, READ | DENY_WRITE, 0x80),
        (READ | DENY_READ, READ, 0x80),
        (WRITE, READ | DENY_READ, 0),
        (READ | WRITE | DENY_READ | DENY_WRITE, READ, 0x80),
        (READ, READ | WRITE | DENY_READ, 0x80),
        (READ | 0x10, READ | WRITE | 0x10, 0),
    ],
)
def test_sharing(joe: Client, ann: Client, first: int, second: int, code: int) -> None:
    """What one station denies another does not get, whoever came first; a station denies itself nothing."""
    joe.make(BOX + "A")
    handle = joe.open(BOX + "A", first)
    joe.close(joe.open(BOX + "A", second))
    assert ann.opens("sys:cap_gs1\\sinv.box\\a", second) == code
    joe.close(handle)
    assert ann.opens(BOX + "A", second) == 0


def test_all_who_share_see_the_same_bytes(joe: Client, ann: Client) -> None:
    """Who opened a file before it was changed reads what is written afterwards, even if it comes from below."""
    reader = joe.open(OFFER)
    before = joe.get(reader)
    assert before.startswith(b"[Offer]")
    writer = ann.open(OFFER, READ | WRITE)
    assert ann.put(writer, 0, b"[OFFER]") == 0
    assert joe.get(reader) == b"[OFFER]" + before[7:]


def test_create_over_what_is_in_use(joe: Client, ann: Client) -> None:
    """A file that somebody reads undisturbed is not emptied under him."""
    joe.make(BOX + "A", b"old")
    joe.open(BOX + "A", READ | DENY_WRITE)
    assert ann.code(files.CreateFile(0, 0, BOX + "A")) == 0x80
    assert ann.read(BOX + "A") == b"old"


def test_times(joe: Client) -> None:
    """A copy gets the date of what was copied."""
    handle = joe.create(BOX + "A")
    assert joe.code(files.SetFileTime(0, handle, 12 << 11 | 30 << 5 | 5, 19 << 9 | 12 << 5 | 31)) == 0
    joe.close(handle)
    found = joe.ask(files.SearchFile(0xFFFF, 0, ALL, BOX + "A"))
    assert (found.modified, found.modified_time) == (19 << 9 | 12 << 5 | 31, 12 << 11 | 30 << 5 | 5)
    assert joe.code(files.SetFileTime(0, joe.open(BOX + "A"), 0, 0)) == 0xFB


def test_copy_on_the_server(joe: Client) -> None:
    """Bytes go from file to file without the wire."""
    joe.make(BOX + "A", b"0123456789")
    source, target = joe.open(BOX + "A"), joe.create(BOX + "B")
    assert joe.ask(files.CopyFile(0, source, target, 2, 1, 4)).count == 4
    assert joe.ask(files.CopyFile(0, source, target, 8, 5, 400)).count == 2
    assert joe.get(target) == b"\x002345" + b"89"
    assert joe.code(files.CopyFile(0, source, source, 0, 0, 1)) == 0x94


def test_a_copy_of_more_than_a_word_counts(joe: Client) -> None:
    """The length has four bytes, the highest first."""
    data = bytes(range(256)) * 1000
    source = joe.create(BOX + "A")
    for offset in range(0, len(data), 0x8000):
        assert joe.put(source, offset, data[offset : offset + 0x8000]) == 0
    target = joe.create(BOX + "B")
    assert joe.ask(files.CopyFile(0, source, target, 0, 0, len(data))).count == len(data)
    joe.close(source)
    joe.close(target)
    handle = joe.open(BOX + "B")
    assert b"".join(joe.get(handle, offset, 0x8000) for offset in range(0, len(data), 0x8000)) == data


@pytest.mark.parametrize(("offset", "to"), [(0, 1), (1, 0), (0, 70_000), (70_000, 0), (5, 250_000), (0, 0)])
def test_a_copy_within_a_file(joe: Client, offset: int, to: int) -> None:
    """Of more bytes than are read at a time, up and down: what is copied is what was there before."""
    data, size = Random(1).randbytes(240_000), 150_000
    file = joe.create(BOX + "A")
    for at in range(0, len(data), 0x8000):
        assert joe.put(file, at, data[at : at + 0x8000]) == 0
    expected = bytearray(data.ljust(to, b"\0"))
    expected[to : to + size] = data[offset : offset + size]
    joe.close(file)
    file = joe.open(BOX + "A", READ | WRITE)
    assert joe.ask(files.CopyFile(0, file, file, offset, to, size)).count == size
    assert b"".join(joe.get(file, at, 0x8000) for at in range(0, len(expected), 0x8000)) == expected
    assert joe.ask(files.GetFileSize(0, file)).size == len(expected)


def test_before_the_login_nothing_can_be_changed(stage: Any) -> None:
    """Who is only attached may read in SYS:LOGIN and do nothing else."""
    guest = Client(stage.station("tcp:10.0.0.3:1025").attached())
    login = "SYS:LOGIN/LOGIN.EXE"
    guest.close(guest.open(login))
    for request, code in (
        (files.OpenFile(0, ALL, READ | WRITE, login), 0x94),
        (files.CreateFile(0, 0, "SYS:LOGIN/A"), 0x84),
        (files.CreateFile(0, 0, login), 0x90),
        (files.EraseFile(0, ALL, login), 0x8A),
        (files.RenameFile(0, ALL, login, 0, "SYS:LOGIN/A"), 0x8B),
        (files.SetFileAttributes(1, 0, ALL, login), 0x8C),
        (files.SetFileTime(0, guest.open(login), 0, 0x21), 0x94),
        (files.CreateFile(0, 0, BOX + "A"), 0x7D),
        (files.EraseFile(0, ALL, OFFER), 0x7D),
        (files.SearchFile(0xFFFF, 0, ALL, "SYS:PUBLIC/*.*"), 0x7D),
        (directories.CreateDirectory(0, 0xFF, "SYS:LOGIN/A"), 0x84),
        (directories.DeleteDirectory(0, 0, "SYS:LOGIN"), 0x8A),
    ):
        assert guest.code(request) == code, request


@pytest.mark.parametrize("end", ["logout", "destroy", "lost", "unlicense"])
def test_an_end_shuts_what_was_created(stage: Any, joe: Client, ann: Client, end: str) -> None:
    """Every handle, however it was opened, is shut when the license goes, and the file is free again."""
    joe.create(BOX + "A")
    joe.open(OFFER, READ | DENY_WRITE)
    assert ann.opens(OFFER, WRITE) == 0x80
    assert stage.server.volumes.sharing.by_place
    {
        "logout": joe.station.logout,
        "destroy": joe.station.destroy,
        "lost": joe.station.lost,
        "unlicense": lambda: joe.station.change(0),
    }[end]()
    assert len(stage.events("open")) == len(stage.events("shut")) == 2
    assert not stage.server.volumes.sharing.by_place
    ann.close(ann.open(OFFER, WRITE))


def test_files_are_an_essential_service(stage: Any) -> None:
    """Who gave the license back gets it again by any function that reaches into a volume, or is refused."""
    requests: list[Request[Any]] = [
        files.CreateFile(0, 0, BOX + "A"),
        files.EraseFile(0, ALL, BOX + "NONE"),
        files.RenameFile(0, ALL, BOX + "NONE", 0, BOX + "A"),
        files.SetFileAttributes(0, 0, ALL, BOX + "NONE"),
        directories.CreateDirectory(0, 0xFF, BOX + "NEW"),
        directories.GetEffectiveRights(0, "SYS:"),
        directories.InitializeFileSearch(0, "SYS:"),
    ]
    joe = stage.station("udp:10.0.0.7:1025").licensed("JOE", "SECRET")
    for request in requests:
        assert joe.change(0) == 0
        joe.code(request)
        assert stage.state(joe.name) == "licensed", request
    assert joe.change(0) == 0
    for number in range(5):
        stage.station(f"udp:10.0.1.{number}:1025").licensed("ANN")
    for request in requests:
        assert joe.code(request) == 0xE0, request
        assert stage.state(joe.name) == "authenticated"


def test_the_server_s_time_is_on_new_files(stage: Any, joe: Client) -> None:
    """A file is dated by the server, not by the host."""
    stage.wait(86_400)
    joe.make(BOX + "A")
    node = stage.server.volumes.named("SYS").root.find("CAP_GS1").node.find("SINV.BOX").node.find("A").node
    assert node.modified == datetime(2000, 8, 11, 9, 30, 15)
