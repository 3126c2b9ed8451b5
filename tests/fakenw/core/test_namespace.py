"""87/x as Linux's ncpfs uses it: from the volume's name to its entries, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.wire.layout import Request
from fakenw.wire.requests import files, namespace
from tests.fakenw.file_station import Client

EVERY = 0x8006  # search attributes: hidden, system, files and subdirectories
ALL = 0x0FFF  # information mask (RIM_ALL)
OPEN, EMPTY, CREATE = 1, 2, 8
BOX = ("CAP_GS1", "SINV.BOX")
FILE = ("LOGIN", "LOGIN.EXE")


@pytest.fixture
def stage(open_stage: Callable[..., Any]) -> Any:
    return open_stage("nls", licenses=5)


@pytest.fixture
def joe(stage: Any) -> Client:
    return Client(stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))


def create(client: Client, *path: str, mode: int = OPEN | CREATE, attributes: int = 0) -> Any:
    return client.ask(namespace.OpenOrCreate(0, mode, EVERY, ALL, attributes, 3, 0, 0, 1, path))


def info(client: Client, *path: str, mask: int = ALL) -> tuple[namespace.EntryInfo, str]:
    raw = client.ask(namespace.GetEntryInfo(0, 0, EVERY, mask, 0, 0, 1, path)).info
    assert len(raw) == 77 + raw[76]
    return namespace.EntryInfo.decode(raw), raw[77:].decode("cp437")


def listed(client: Client, directory: int, pattern: str = "\xa0*", search: int = EVERY) -> list[str]:
    """The names that 87/3 finds."""
    start = client.ask(namespace.InitializeSearch(0, 0, 0, directory, 1, ()))
    names: list[str] = []
    sequence = start.sequence
    while True:
        request = namespace.Search(0, 0, search, ALL, start.volume, start.directory, sequence, pattern)
        reply = client.station.call(request)
        if reply.completion:
            assert reply.completion == 0xFF
            return names
        found = namespace.FoundEntry.decode(reply.data)
        assert (found.volume, found.directory) == (start.volume, start.directory)
        sequence = found.sequence
        names.append(found.info[77:].decode("cp437"))


@pytest.mark.parametrize("path", [("SYS",), ("sys:",), ("SYS", "LOGIN", ".."), ("SYS:LOGIN/..",)])
def test_the_root_of_a_volume(joe: Client, path: tuple[str, ...]) -> None:
    """A mount begins here: the volume's name leads to its number and its root's."""
    reply = joe.station.call(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, path))
    assert reply.data == bytes(9)


def test_a_directory_s_number(joe: Client) -> None:
    """An entry keeps its number, whichever way it is found."""
    first = joe.ask(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, ("SYS", *BOX)))
    assert first.base == first.dos_base != 0
    handle = joe.ask(files.AllocateTemporaryHandle(0, 0, "SYS:CAP_GS1")).handle
    for volume, base, flag, path in ((0, 0, 1, BOX), (9, handle, 0, ("sinv.box",)), (0, first.base, 1, ())):
        assert joe.ask(namespace.GetDirectoryBase(0, 0, 0, volume, base, flag, path)) == first
    found, name = info(joe, *BOX)
    assert (found.number, found.dos_number, found.volume, name) == (first.base, first.base, 0, "SINV.BOX")


def test_what_is_said_of_an_entry(joe: Client) -> None:
    """76 bytes in a fixed order, and the name: size, attributes, dates, rights, numbers."""
    found, name = info(joe, *FILE)
    assert name == "LOGIN.EXE"
    assert (found.size, found.total_size, found.attributes, found.flags) == (5, 5, 0x20, 0x20)
    assert found.created == found.modified == found.accessed == 20 << 9 | 8 << 5 | 10
    assert (found.creator, found.rights, found.name_space) == (b"\0\0\0\1", 0x1FF, 0)
    found, name = info(joe)
    assert (found.attributes, found.number, name) == (0x10, 0, "SYS")


def test_blocks_that_are_not_wanted(joe: Client) -> None:
    """In the old style they are zeros, in the new style they are not there."""
    whole = joe.ask(namespace.GetEntryInfo(0, 0, EVERY, ALL, 0, 0, 1, FILE)).info
    size = joe.ask(namespace.GetEntryInfo(0, 0, EVERY, 0x0008, 0, 0, 1, FILE)).info
    assert size == bytes(10) + whole[10:14] + bytes(62)
    new = joe.ask(namespace.GetEntryInfo(0, 0, EVERY, 0x80000009, 0, 0, 1, FILE)).info
    assert new == whole[10:14] + b"\x09LOGIN.EXE"
    assert joe.ask(namespace.GetEntryInfo(0, 0, EVERY, 0, 0, 0, 1, FILE)).info == b""
    assert joe.ask(namespace.GetEntryInfo(0, 0, EVERY, 0x40000000, 0, 0, 1, FILE)).info == b""


# The blocks of bits 12 to 24 and 26, in order: LOGIN.EXE has 5 bytes, is the only file of LOGIN, made in August 2000
MORE = [
    (0x1000, "0000"),  # reference
    (0x2000, "20000000"),  # attributes in the name space
    (0x4000, "010000000000000001000000"),  # one stream: number 0, of 1 block
    (0x8000, "010000000000000005000000"),  # one stream: number 0, of 5 bytes
    (0x10000, "00ad2401"),  # 222 days after the first of January 2000
    (0x20000, "09" + b"LOGIN.EXE".hex()),
    (0x40000, "00000000"),  # flush time
    (0x80000, None),  # the number of LOGIN
    (0x100000, "00" * 32),  # finder
    (0x200000, "01000000"),  # siblings
    (0x400000, "df000000"),  # effective rights
    (0x800000, "00" * 8),  # Macintosh times
    (0x1000000, "0000"),  # time of the last access
    (0x4000000, "0500000000000000"),
]


def test_what_else_a_mask_requests(joe: Client) -> None:
    """Bits 12 to 24 and 26 of the new style, in 87/1, 3, 6 and 20; others are ignored, and all in the old style."""
    login = joe.ask(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 1, ("LOGIN",))).base
    blocks = [(bit, login.to_bytes(4, "little") if text is None else bytes.fromhex(text)) for bit, text in MORE]
    for bit, block in blocks:
        found = joe.ask(namespace.GetEntryInfo(0, 0, EVERY, 0x80000000 | bit, 0, 0, 1, FILE)).info
        assert found == block, hex(bit)
    every = b"".join(block for _, block in blocks)
    size, name = bytes.fromhex("05000000"), b"\x09LOGIN.EXE"
    for mask, expected in ((0xFFFFF009, size + every + name), (0x7FFFF001, bytes(76) + name), (0xBA000000, b"")):
        opened = joe.ask(namespace.OpenOrCreate(0, OPEN, EVERY, mask, 0, 1, 0, 0, 1, FILE))
        searched = joe.ask(namespace.Search(0, 0, EVERY, mask, 0, login, 0xFFFFFFFF, "LOGIN.EXE"))
        told = joe.ask(namespace.GetEntryInfo(0, 0, EVERY, mask, 0, 0, 1, FILE))
        many = joe.ask(namespace.SearchSet(0, 0, EVERY, mask, 9, 0, login, 0xFFFFFFFF, "LOGIN.EXE"))
        assert [opened.info, searched.info, told.info, many.entries] == [expected] * 4, hex(mask)


def test_search(joe: Client) -> None:
    """Wild cards with the byte 0xFF before them or without; files, subdirectories or both."""
    assert listed(joe, 0) == ["CAP_GS1", "LOGIN", "PUBLIC"]
    box = joe.ask(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 1, ("CAP_GS1", "OFFERINF.BOX"))).base
    every = listed(joe, box)
    assert len(every) == 5
    for pattern in ("*", "*.*", "\xa0*.\xa0*", "\xa0?" * 8 + "\xa0\xab" + "\xa0?" * 3, ""):
        assert listed(joe, box, pattern) == every
    assert listed(joe, box, "*.OFR") == ["GS100001.OFR"]
    assert listed(joe, 0, search=0x0016) == ["CAP_GS1", "LOGIN", "PUBLIC"]
    assert listed(joe, 0, search=0x0006) == []
    assert joe.code(namespace.InitializeSearch(0, 0, 0, 0, 1, FILE)) == 0xFF
    assert joe.code(namespace.Search(0, 0, EVERY, ALL, 0, 999, 0xFFFFFFFF, "*")) == 0x9B
    assert joe.code(namespace.Search(0, 0, EVERY, ALL, 0, 0, 0xFFFFFFFF, "A/*")) == 0x9C


def test_a_set_at_once(joe: Client) -> None:
    """As many as fit into what the client negotiated, with a byte that says whether there are more."""
    box = joe.ask(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 1, BOX)).base
    for number in range(12):
        joe.make(f"SYS:CAP_GS1/SINV.BOX/F{number:02}")
    names, sequence, rounds = [], 0xFFFFFFFF, 0
    while True:
        reply = joe.station.call(namespace.SearchSet(0, 0, EVERY, ALL, 32767, 0, box, sequence, "\xa0*"))
        assert len(reply.data) <= joe.station.stage.server.table.by_serial[1].buffer
        found = namespace.FoundSet.decode(reply.data)
        raw = found.entries
        for _ in range(found.count):
            names.append(raw[77 : 77 + raw[76]].decode("cp437"))
            raw = raw[77 + raw[76] :]
        assert raw == b""
        sequence = found.sequence
        rounds += 1
        if not found.more:
            break
    assert names == [f"F{number:02}" for number in range(12)]
    assert rounds > 1
    assert joe.code(namespace.SearchSet(0, 0, EVERY, ALL, 9, 0, box, sequence, "*")) == 0xFF


def test_create_write_close(joe: Client) -> None:
    """What is opened by 87/1 is written and read by 0x49 and 0x48, as Linux's ncpfs makes the handle up."""
    reply = create(joe, *BOX, "A.TXT")
    assert (reply.action, reply.reserved) == (3, 0)
    assert len(reply.info) == 77 + 5
    handle = (int.from_bytes(reply.handle[:2], "little") + 1).to_bytes(2, "little") + reply.handle
    assert joe.put(handle, 0, b"hello") == 0
    assert joe.get(handle) == b"hello"
    joe.close(handle)
    assert info(joe, *BOX, "A.TXT")[0].size == 5
    assert create(joe, *BOX, "A.TXT", mode=OPEN).action == 1
    assert create(joe, *BOX, "A.TXT", mode=OPEN | EMPTY).action == 5
    assert info(joe, *BOX, "A.TXT")[0].size == 0


@pytest.mark.parametrize(
    ("mode", "attributes", "path", "code"),
    [
        (OPEN, 0, (*BOX, "NONE"), 0xFF),
        (CREATE, 0, FILE, 0x85),
        (OPEN, 0, BOX, 0xFF),
        (OPEN | CREATE, 0, BOX, 0x84),
        (CREATE, 0, (*BOX, "LONG NAME"), 0x87),
        (CREATE, 0, ("NONE", "A"), 0x9C),
        (0, 0, FILE, 0xA5),
        (CREATE, 0x10, BOX, 0x84),
        (OPEN, 0x10, (*BOX, "D"), 0xA5),
        (CREATE, 0x10, (*BOX, "LONG NAME"), 0x9E),
        (CREATE, 0x10, (*BOX, "A:B"), 0x9C),
    ],
)
def test_what_cannot_be_opened_or_created(
    joe: Client, mode: int, attributes: int, path: tuple[str, ...], code: int
) -> None:
    """What is missing or there, of the wrong kind, or has no DOS name."""
    assert joe.code(namespace.OpenOrCreate(0, mode, EVERY, ALL, attributes, 1, 0, 0, 1, path)) == code


def test_directories(joe: Client) -> None:
    """Created, renamed into another, deleted."""
    made = create(joe, "D", mode=CREATE, attributes=0x10)
    assert (made.handle, made.action) == (bytes(4), 2)
    create(joe, "D", "E", mode=CREATE, attributes=0x10)
    rename = namespace.Rename(0, 1, 0x16, 0, 0, 1, 2, 0, 0, 1, 2, b"\1D\1E\6PUBLIC\1F")
    assert joe.code(rename) == 0
    assert info(joe, "PUBLIC", "F")[0].attributes == 0x10
    assert joe.code(rename) == 0xFF
    into_itself = namespace.Rename(0, 1, 0x16, 0, 0, 1, 1, 0, 0, 1, 2, b"\6PUBLIC\6PUBLIC\1X")
    assert joe.code(into_itself) == 0xA4
    assert joe.code(namespace.Delete(0, 0, EVERY, 0, 0, 1, ("PUBLIC",))) == 0xA0
    assert joe.code(namespace.Delete(0, 0, EVERY, 0, 0, 1, ("PUBLIC", "F"))) == 0
    assert joe.code(namespace.Delete(0, 0, EVERY, 0, 0, 1, ())) == 0x8A


def test_rename_and_delete_a_file(joe: Client) -> None:
    """A file is not a directory, is not renamed over another, and not touched while it is open."""
    joe.make("SYS:PUBLIC/A", b"a")
    joe.make("SYS:PUBLIC/B", b"b")
    old = b"\6PUBLIC\1A"
    for new, search, code in ((b"\6PUBLIC\1B", 6, 0x92), (b"\6PUBLIC\3C D", 6, 0x9E), (b"\6PUBLIC\1C", 6, 0)):
        assert joe.code(namespace.Rename(0, 1, search, 0, 0, 1, 2, 0, 0, 1, 2, old + new)) == code
    delete = namespace.Delete(0, 0, 6, 0, 0, 1, ("PUBLIC", "C"))
    handle = joe.open("SYS:PUBLIC/C")
    assert joe.code(delete) == 0x8E
    joe.close(handle)
    assert joe.code(delete) == 0
    assert joe.code(delete) == 0xFF
    assert joe.code(namespace.Delete(0, 0, 6, 0, 0, 1, ("PUBLIC",))) == 0xFF  # no search for directories
    for count, paths in ((2, b"\1A\1B"), (255, b"\1A"), (1, b"\5A")):
        assert joe.code(namespace.Rename(0, 1, 6, 0, 0, 1, count, 0, 0, 1, 1, paths)) == 0x7E
    assert joe.code(namespace.Rename(0, 1, 6, 0, 0, 1, 1, 0, 0, 1, 0, b"\1A")) == 0x9C


def test_short_handles(joe: Client) -> None:
    """A handle for the older functions, in either form of the reply."""
    reply = joe.station.call(namespace.AllocateShortHandle(0, 0, 0, 0, 0, 1, ("LOGIN",)))
    assert len(reply.data) == 6
    handle = namespace.ShortHandle.decode(reply.data).handle
    assert joe.code(files.OpenFile(handle, 6, 1, "LOGIN.EXE")) == 0
    reply = joe.station.call(namespace.AllocateShortHandle(0, 0, 0x4000, 0, 0, 1, ("LOGIN",)))
    assert len(reply.data) == 14
    long = namespace.ShortHandleLevel2.decode(reply.data)
    assert (long.volume, long.base, long.handle) == (0, info(joe, "LOGIN")[0].number, handle + 1)
    assert joe.code(namespace.AllocateShortHandle(0, 0, 0, 0, 0, 1, FILE)) == 0x9C


@pytest.mark.parametrize(
    ("release", "name_spaces", "told"),
    [
        *(("3.12", None, "010000"), ("4.11", None, "010000"), ("5.1", None, "02000004"), ("6.5", None, "02000004")),
        *(("5.1", ("dos",), "010000"), ("4.11", ("dos", "long"), "02000004")),
    ],
)
def test_name_spaces(
    open_stage: Callable[..., Any], release: str, name_spaces: tuple[str, ...] | None, told: str
) -> None:
    """That of DOS, since NetWare 5 that of LONG, or what an operator has loaded; no other."""
    stage = open_stage("nls", release=release, name_spaces=name_spaces)
    joe = Client(stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))
    assert joe.station.call(namespace.GetNameSpaces(0, 0)).data == bytes.fromhex(told)
    refused = [1, 2, 3, 5, 255] if len(told) == 8 else [4]
    for space in refused:
        others: list[Request[Any]] = [
            namespace.GetDirectoryBase(space, 0, 0, 0, 0, 0xFF, ("SYS",)),
            namespace.GetDirectoryBase(0, space, 0, 0, 0, 0xFF, ("SYS",)),
            namespace.GetEntryInfo(0, space, EVERY, ALL, 0, 0, 1, FILE),
            namespace.OpenOrCreate(space, 1, 6, ALL, 0, 1, 0, 0, 1, FILE),
            namespace.InitializeSearch(space, 0, 0, 0, 1, ()),
            namespace.Search(space, 0, EVERY, ALL, 0, 0, 0xFFFFFFFF, "*"),
            namespace.SearchSet(space, 0, EVERY, ALL, 9, 0, 0, 0xFFFFFFFF, "*"),
            namespace.Rename(space, 0, 6, 0, 0, 1, 1, 0, 0, 1, 1, b"\1A\1B"),
            namespace.Delete(space, 0, 6, 0, 0, 1, FILE),
            namespace.AllocateShortHandle(space, 0, 0, 0, 0, 1, ()),
            namespace.AllocateShortHandle(0, space, 0, 0, 0, 1, ()),
        ]
        assert [joe.code(request) for request in others] == [0xBF] * len(others)


@pytest.mark.parametrize(
    ("volume", "base", "flag", "path", "code"),
    [
        (0, 999, 1, (), 0x9B),
        (9, 0, 1, (), 0x98),
        (0, 7, 0, (), 0x9B),
        (0, 0, 0xFF, (), 0x9C),
        (0, 0, 2, (), 0x9C),
        (0, 0, 0xFF, ("NONE",), 0x98),
        (0, 0, 1, ("..",), 0x9C),
        (0, 0, 1, ("LOGIN", "..", "..", "A"), 0x9C),
        (0, 0, 1, ("SYS:LOGIN",), 0x9C),
        (0, 0, 1, ("NONE",), 0xFF),
    ],
)
def test_paths_that_lead_nowhere(
    joe: Client, volume: int, base: int, flag: int, path: tuple[str, ...], code: int
) -> None:
    """Unknown numbers, handles, flags and names; nothing leads out of a volume."""
    assert joe.code(namespace.GetEntryInfo(0, 0, EVERY, ALL, volume, base, flag, path)) == code


def test_files_are_an_essential_service(stage: Any) -> None:
    """Before the login only SYS:LOGIN is there; who gave the license back gets it again, or is refused."""
    guest = Client(stage.station("tcp:10.0.0.9:1025").attached())
    assert guest.code(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, ("SYS",))) == 0x7D
    assert guest.code(namespace.GetEntryInfo(0, 0, EVERY, ALL, 0, 0, 1, FILE)) == 0
    assert guest.code(namespace.Delete(0, 0, EVERY, 0, 0, 1, FILE)) == 0x8A
    assert guest.code(namespace.OpenOrCreate(0, CREATE, 6, ALL, 0x10, 0, 0, 0, 1, ("LOGIN", "D"))) == 0x84
    requests: list[Request[Any]] = [
        namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, ("SYS",)),
        namespace.GetEntryInfo(0, 0, EVERY, ALL, 0, 0, 1, FILE),
        namespace.OpenOrCreate(0, 1, 6, ALL, 0, 1, 0, 0, 1, FILE),
        namespace.InitializeSearch(0, 0, 0, 0, 1, ()),
        namespace.Search(0, 0, EVERY, ALL, 0, 0, 0xFFFFFFFF, "*"),
        namespace.SearchSet(0, 0, EVERY, ALL, 9, 0, 0, 0xFFFFFFFF, "*"),
        namespace.Rename(0, 0, 6, 0, 0, 1, 1, 0, 0, 1, 1, b"\1A\1B"),
        namespace.Delete(0, 0, 6, 0, 0, 1, ("NONE",)),
        namespace.AllocateShortHandle(0, 0, 0, 0, 0, 1, ()),
    ]
    joe = stage.station("udp:10.0.0.7:1025").licensed("JOE", "SECRET")
    for request in requests:
        assert joe.change(0) == 0
        joe.code(request)
        assert stage.state(joe.name) == "licensed", request
    assert joe.change(0) == 0
    for number in range(5):
        stage.station(f"udp:10.0.1.{number}:1025").licensed("ANN")
    assert [joe.code(request) for request in requests] == [0xE0] * len(requests)
    assert stage.state(joe.name) == "authenticated"
