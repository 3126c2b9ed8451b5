"""The name space LONG, as clients of NetWare 5 use it: every file has a long name and a DOS name, made at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakenw.volumes.directory_tree import MemoryTree
from fakenw.volumes.host_directory import Folder
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire.requests import (
    directories,
    directory_entries,
    entries,
    files,
    namespace,
    synchronization,
    trustees,
)
from tests.fakenw.file_station import ALL, READ, WRITE, Client

DOS, LONG = 0, 4
EVERY = 0x8006  # search attributes: hidden, system, files and subdirectories
OPEN, CREATE = 1, 8
DATA = 1  # the volume
NAMED = 0x0401  # information mask: the name and the numbers
ANYWHERE, IN_THIS_SPACE, TO_ITSELF = 0, 4, 1  # flags of a rename
MUSIC = "Music of the month.MP3"


@pytest.fixture(params=["in memory", "over a folder", "in a folder"])
def joe(request: Any, tmp_path: Path, open_stage: Callable[..., Any]) -> Client:
    """A supervisor on a server whose volume DATA has a folder with two long names, and LOGIN in lower case."""
    stage = open_stage("nls", licenses=5)
    root: Any
    if request.param == "in memory":
        names = {"My Documents": {MUSIC: b"la", "readme.txt": b"read"}, "login": {}}
        root = MemoryTree(names, stage.server.utc(0))
    else:
        for folder in ("My Documents", "login"):
            (tmp_path / folder).mkdir()
        (tmp_path / "My Documents" / MUSIC).write_bytes(b"la")
        (tmp_path / "My Documents" / "readme.txt").write_bytes(b"read")
        root = Folder(tmp_path)
    stage.server.volumes = Volumes([("SYS", sms_tree()), ("DATA", root, request.param == "in a folder")])
    return Client(stage.station("tcp:10.0.0.1:1025").licensed("SUPERVISOR", ""))


@pytest.fixture
def ann(joe: Client) -> Client:
    return Client(joe.station.stage.station("tcp:10.0.0.2:1025").licensed("ANN", ""))


def create(client: Client, *path: str, space: int = LONG, attributes: int = 0, mode: int = OPEN | CREATE) -> Any:
    return client.ask(namespace.OpenOrCreate(space, mode, EVERY, NAMED, attributes, 3, DATA, 0, 1, path))


def handle_of(opened: Any) -> bytes:
    return bytes(2) + bytes(opened.handle)


def make(client: Client, *path: str, space: int = LONG) -> None:
    client.close(handle_of(create(client, *path, space=space)))


def folder(client: Client, *path: str) -> int:
    """An entry's number, by long names."""
    return int(client.ask(namespace.GetDirectoryBase(LONG, DOS, 0, DATA, 0, 1, path)).base)


def called(client: Client, space: int, *path: str, to: int) -> str:
    """What an entry of one name space is called in another."""
    info = client.ask(namespace.GetEntryInfo(space, to, EVERY, NAMED, DATA, 0, 1, path)).info
    return bytes(info[77:]).decode("cp437")


def listed(client: Client, space: int, number: int, pattern: str = "*") -> list[str]:
    """The names that 87/2 and 87/3 find, and 87/20 as well."""
    start = client.ask(namespace.InitializeSearch(space, 0, DATA, number, 1, ()))
    names, sequence = [], start.sequence
    while True:
        reply = client.station.call(namespace.Search(space, 0, EVERY, NAMED, DATA, number, sequence, pattern))
        if reply.completion:
            assert reply.completion == 0xFF
            break
        found = namespace.FoundEntry.decode(reply.data)
        names.append(found.info[77:].decode("cp437"))
        sequence = found.sequence
    many = client.station.call(namespace.SearchSet(space, 0, EVERY, NAMED, 99, DATA, number, start.sequence, pattern))
    raw, again = b"" if many.completion else namespace.FoundSet.decode(many.data).entries, []
    while raw:
        again.append(raw[77 : 77 + raw[76]].decode("cp437"))
        raw = raw[77 + raw[76] :]
    assert again == names
    return names


def rename(client: Client, space: int, old: str, new: str, number: int, flag: int = ANYWHERE, to: int = -1) -> int:
    paths = b"".join(bytes([len(name)]) + name.encode("cp437") for name in (old, new))
    target = number if to < 0 else to
    return client.code(namespace.Rename(space, flag, EVERY, DATA, number, 1, 1, DATA, target, 1, 1, paths))


def test_each_name_space_names_the_other(joe: Client) -> None:
    """87/6 from either to either; the number is the same. A name of the one is none of the other."""
    assert called(joe, LONG, "My Documents", MUSIC, to=DOS) == "MUSICOFT.MP3"
    assert called(joe, LONG, "MY documents", MUSIC.lower(), to=LONG) == MUSIC
    assert called(joe, DOS, "MYDOCUME", "musicoft.mp3", to=LONG) == MUSIC
    assert called(joe, DOS, "MYDOCUME", to=LONG) == "My Documents"
    assert called(joe, LONG, to=LONG) == "DATA"
    by_dos = joe.ask(namespace.GetDirectoryBase(DOS, LONG, 0, DATA, 0, 1, ("MYDOCUME", "MUSICOFT.MP3")))
    assert folder(joe, "My Documents", MUSIC) == by_dos.base == by_dos.dos_base
    for space, path in ((DOS, ("My Documents",)), (LONG, ("MYDOCUME",)), (LONG, ("My Documents", "MUSICOFT.MP3"))):
        assert joe.code(namespace.GetEntryInfo(space, DOS, EVERY, NAMED, DATA, 0, 1, path)) == 0xFF


def test_search(joe: Client) -> None:
    """87/3 and 87/20 with wild cards, plain and behind the byte 0xFF; in LONG a point is a character as any other."""
    number = folder(joe, "My Documents")
    make(joe, "My Documents", "Notes. And more notes")
    assert listed(joe, LONG, number) == [MUSIC, "Notes. And more notes", "readme.txt"]
    assert listed(joe, DOS, number) == ["MUSICOFT.MP3", "NOTES.AND", "README.TXT"]
    assert listed(joe, LONG, number, "*.*") == listed(joe, LONG, number, "\xa0*") == listed(joe, LONG, number)
    assert listed(joe, LONG, number, "m* OF *") == [MUSIC]
    assert listed(joe, LONG, number, "*s. AND*") == ["Notes. And more notes"]
    assert listed(joe, LONG, number, "MUSICOFT.MP3") == []
    assert listed(joe, LONG, number, "\xa0?eadme.txt") == ["readme.txt"]
    assert listed(joe, DOS, number, "*.mp3") == ["MUSICOFT.MP3"]
    assert joe.code(namespace.Search(LONG, 0, EVERY, NAMED, DATA, number, 0xFFFFFFFF, "A/*")) == 0x9C


def test_a_file_gets_a_dos_name_at_once(joe: Client) -> None:
    """The reply has the name of the request's name space; the next files find the aliases taken."""
    made = create(joe, "My Documents", "A long name.text")
    assert bytes(made.info[77:]) == b"A long name.text"
    assert joe.put(handle_of(made), 0, b"words") == 0
    joe.close(handle_of(made))
    for name, alias in (("A long name.texts", "ALONGNA0.TEX"), ("ALONGNAM.TEX", "ALONGNA1.TEX")):
        make(joe, "My Documents", name)
        assert called(joe, LONG, "My Documents", name, to=DOS) == alias
    assert joe.read("DATA:MYDOCUME/ALONGNAM.TEX") == b"words"
    again = create(joe, "My Documents", "a LONG name.TEXT", mode=OPEN)
    assert (again.action, joe.get(handle_of(again))) == (1, b"words")
    joe.close(handle_of(again))
    assert create(joe, "My Documents", "Deep folder", attributes=0x10).action == 2
    assert called(joe, DOS, "MYDOCUME", "DEEPFOLD", to=LONG) == "Deep folder"


def test_a_dos_name_stays(joe: Client) -> None:
    """Whichever others are created and deleted; a name that is free is given again."""
    names = [f"Common name {number}" for number in range(4)]
    for name in names:
        make(joe, name)
    aliases = ["COMMONNA", "COMMONN0", "COMMONN1", "COMMONN2"]
    assert [called(joe, LONG, name, to=DOS) for name in names] == aliases
    assert joe.code(namespace.Delete(LONG, 0, EVERY, DATA, 0, 1, (names[1],))) == 0
    make(joe, "COMMONNA.X", space=DOS)
    assert [called(joe, LONG, name, to=DOS) for name in (names[0], *names[2:])] == [aliases[0], *aliases[2:]]
    make(joe, "Common name 9")
    assert called(joe, LONG, "Common name 9", to=DOS) == "COMMONN0"


@pytest.mark.parametrize("name", ["", "a*b", "a?b", "a|b", 'a"b', "a<b", "a>b", "a\tb"])
def test_what_is_no_long_name(joe: Client, name: str) -> None:
    for attributes, code in ((0, 0x87), (0x10, 0x9E)):
        request = namespace.OpenOrCreate(LONG, CREATE, EVERY, NAMED, attributes, 3, DATA, 0, 1, ("My Documents", name))
        assert joe.code(request) == (code if name else 0x84)
    assert rename(joe, LONG, "login", name, 0) == (0x9E if name else 0xA4)


def test_older_functions_see_dos_names(joe: Client) -> None:
    """64, 76 and 22/1: what they list can be opened, and long names are none for them."""
    assert joe.names("DATA:MYDOCUME/") == ["MUSICOFT.MP3", "README.TXT"]
    assert joe.read("DATA:MYDOCUME/MUSICOFT.MP3") == b"la"
    assert joe.opens(f"DATA:MYDOCUME/{MUSIC}") == 0xFF
    assert joe.opens("DATA:My Documents/MUSICOFT.MP3") == 0x9C
    short = namespace.ShortHandleLevel2.decode(
        joe.station.call(namespace.AllocateShortHandle(LONG, LONG, 0x4000, DATA, 0, 1, ("My Documents",))).data
    )
    assert short.name_space == LONG
    assert joe.ask(directories.GetDirectoryPath(short.handle)).path == "DATA:MYDOCUME"
    assert joe.ask(entries.GetHandlePath(LONG, short.handle)).path == "DATA:My Documents"
    by_handle = namespace.GetEntryInfo(LONG, DOS, EVERY, NAMED, 0, short.handle, 0, (MUSIC,))
    assert joe.ask(by_handle).info[77:] == b"MUSICOFT.MP3"
    assert joe.code(entries.SetShortHandle(LONG, 0, short.handle, 0, DATA, 0, 0xFF, ("DATA", "Login"))) == 0
    assert joe.ask(directories.GetDirectoryPath(short.handle)).path == "DATA:LOGIN"


def test_rename_in_all_name_spaces(joe: Client) -> None:
    """A long name makes a DOS name anew, a DOS name is the long name too (Novell, NWNSRename)."""
    number = folder(joe, "My Documents")
    assert rename(joe, LONG, MUSIC, "Silence.MP3.zip", number) == 0
    assert listed(joe, DOS, number) == ["README.TXT", "SILENCE.ZIP"]
    assert rename(joe, DOS, "SILENCE.ZIP", "noise.zip", number) == 0
    assert listed(joe, LONG, number) == ["NOISE.ZIP", "readme.txt"]
    assert rename(joe, LONG, "NOISE.ZIP", "README.TXT", number) == 0x92
    assert rename(joe, LONG, "readme.txt", "ReadMe.txt", number) == 0, "another case is another spelling"
    assert listed(joe, LONG, number) == ["NOISE.ZIP", "ReadMe.txt"]
    assert listed(joe, DOS, number) == ["NOISE.ZIP", "README.TXT"]
    assert rename(joe, LONG, "ReadMe.txt", "ReadMe.txt", number) == 0x92
    assert rename(joe, LONG, "ReadMe.txt", "ReadMe.txt", number, TO_ITSELF) == 0
    assert joe.read("DATA:MYDOCUME/README.TXT") == b"read"


def test_rename_in_one_name_space(joe: Client) -> None:
    """The other name stays, also in another directory, where it is free there."""
    number = folder(joe, "My Documents")
    assert rename(joe, DOS, "MUSICOFT.MP3", "M1.MP3", number, IN_THIS_SPACE) == 0
    assert called(joe, DOS, "MYDOCUME", "M1.MP3", to=LONG) == MUSIC
    assert rename(joe, LONG, MUSIC, "Silence", number, IN_THIS_SPACE) == 0
    assert called(joe, LONG, "My Documents", "Silence", to=DOS) == "M1.MP3"
    assert rename(joe, LONG, "Silence", "Noise", number, IN_THIS_SPACE, to=0) == 0
    assert called(joe, LONG, "Noise", to=DOS) == "M1.MP3"
    make(joe, "My Documents", "M1.MP3")
    assert rename(joe, LONG, "Noise", "Tune", 0, IN_THIS_SPACE, to=number) == 0
    assert called(joe, LONG, "My Documents", "Tune", to=DOS) == "TUNE"
    assert rename(joe, DOS, "TUNE", "T", number, IN_THIS_SPACE, to=0) == 0
    assert called(joe, DOS, "T", to=LONG) == "Tune"
    assert joe.read("DATA:T") == b"la"


def test_a_dos_name_where_the_long_name_is_taken(joe: Client) -> None:
    """A file of DOS is created although a long name is spelled like it; its own long name is another."""
    number = folder(joe, "My Documents")
    assert rename(joe, DOS, "README.TXT", "R.TXT", number, IN_THIS_SPACE) == 0
    joe.make("DATA:MYDOCUME/README.TXT", b"new")
    assert called(joe, DOS, "MYDOCUME", "README.TXT", to=LONG) == "README0.TXT"
    assert (joe.read("DATA:MYDOCUME/R.TXT"), joe.read("DATA:MYDOCUME/README.TXT")) == (b"read", b"new")
    assert called(joe, LONG, "My Documents", "readme.txt", to=DOS) == "R.TXT"


def test_name_space_information(joe: Client) -> None:
    """87/19 tells the name in a name space, 87/25 changes it there alone; 87/28 has the path."""
    number = folder(joe, "My Documents", MUSIC)
    for space, name in ((DOS, b"\x0cMUSICOFT.MP3"), (LONG, b"\x16" + MUSIC.encode())):
        assert joe.ask(entries.GetNameSpaceInfo(DOS, space, 0, DATA, number, 1)).fields == name
    assert joe.code(entries.SetNameSpaceInfo(LONG, DOS, DATA, number, 1, b"\x0cMUSICO~1.MP3")) == 0
    assert called(joe, DOS, "MYDOCUME", "MUSICO~1.MP3", to=LONG) == MUSIC
    assert joe.code(entries.SetNameSpaceInfo(DOS, LONG, DATA, number, 1, b"\x07Silence")) == 0
    assert called(joe, LONG, "My Documents", "Silence", to=DOS) == "MUSICO~1.MP3"
    path = joe.ask(entries.GetFullPath(DOS, LONG, 0, 0, 0, DATA, number, 1, ()))
    assert path.names == b"\x0cMy Documents\x04DATA"
    assert joe.ask(entries.GetFullPath(DOS, DOS, 0, 0, 0, DATA, number, 1, ())).names == b"\x08MYDOCUME\x04DATA"
    assert joe.code(directory_entries.GetNameSpaceEntry(DATA, number, LONG)) == 0xBF


def test_a_full_path_in_parts(joe: Client) -> None:
    """Of long names as many as the client can take, which asks again with the state that it was told."""
    names, number = [f"{depth:02}".ljust(255, "x") for depth in range(5)], 0
    for name in names:
        made = namespace.OpenOrCreate(LONG, CREATE, EVERY, NAMED, 0x10, 3, DATA, number, 1, (name,))
        number = namespace.EntryInfo.decode(joe.ask(made).info[:76]).number
    told, state, replies = b"", 0xFFFFFFFF, 0
    while True:
        reply = joe.station.call(entries.GetFullPath(LONG, LONG, 0, 0, state, DATA, number, 1, ()))
        assert len(reply.data) + 8 <= joe.station.stage.connection(joe.station.name).buffer
        part = entries.FullPath.decode(reply.data)
        told, state, replies = told + part.names, part.state, replies + 1
        if state == 0xFFFFFFFF:
            break
    assert told == b"".join(b"\xff" + name.encode() for name in reversed(names)) + b"\x04DATA"
    assert replies == 5


def test_where_an_entry_was_made(joe: Client) -> None:
    """The creator's name space, and the DOS name among what else a mask requests."""
    for name in (MUSIC, "readme.txt"):
        info = joe.ask(namespace.GetEntryInfo(LONG, LONG, EVERY, 0x200, DATA, 0, 1, ("My Documents", name))).info
        assert namespace.EntryInfo.decode(info).name_space == LONG
    joe.make("DATA:PLAIN.TXT")
    plain = joe.ask(namespace.GetEntryInfo(LONG, LONG, EVERY, 0x200, DATA, 0, 1, ("plain.txt",))).info
    assert namespace.EntryInfo.decode(plain).name_space == DOS
    more = namespace.GetEntryInfo(LONG, LONG, EVERY, 0x80020001, DATA, 0, 1, ("My Documents", MUSIC))
    assert joe.ask(more).info == b"\x0cMUSICOFT.MP3" + b"\x16" + MUSIC.encode()


def test_sharing_locks_and_rights_are_of_the_entry(joe: Client, ann: Client) -> None:
    """However it is spelled."""
    dos, path = "DATA:MYDOCUME/MUSICOFT.MP3", ("My Documents", MUSIC)
    held = joe.open(dos, READ | 8)
    opening = namespace.OpenOrCreate(LONG, OPEN, EVERY, NAMED, 0, WRITE, DATA, 0, 1, path)
    assert ann.code(opening) == 0x80
    assert ann.code(namespace.Delete(LONG, 0, EVERY, DATA, 0, 1, path)) == 0x8E
    assert rename(ann, LONG, MUSIC, "Other", folder(ann, "My Documents")) == 0x8E
    assert rename(ann, LONG, "My Documents", "Other", 0) == 0x8E
    joe.close(held)
    assert joe.code(synchronization.LogFile(0, 1, 0, dos)) == 0
    assert ann.code(opening) == 0x80
    assert joe.code(synchronization.ClearFile(0, dos)) == 0
    user = ann.station.stage.connection(ann.station.name).object_id
    one = trustees.pack([(user, 0x40)])  # to see the file, no more
    assert joe.code(trustees.AddTrusteeSet(LONG, 0, EVERY, 0xFFFF, 1, DATA, 0, 1, path, one)) == 0
    assert (ann.opens(dos), ann.code(opening)) == (0x93, 0x94)
    told = ann.ask(trustees.GetEffectiveRights(LONG, LONG, EVERY, NAMED, DATA, 0, 1, path))
    assert (told.rights, told.info[77:].decode()) == (0x40, MUSIC)
    assert rename(joe, LONG, MUSIC, "Other", folder(joe, "My Documents")) == 0
    assert ann.opens("DATA:MYDOCUME/OTHER") == 0x93


def test_a_handle_follows_a_directory(joe: Client) -> None:
    """Renamed in either name space, together or apart."""
    handle = joe.ask(files.AllocateTemporaryHandle(0, 0, "DATA:MYDOCUME")).handle
    for space, old, new, flag, path in (
        (LONG, "My Documents", "Your Documents", ANYWHERE, "DATA:YOURDOCU"),
        (LONG, "Your Documents", "Their Documents", IN_THIS_SPACE, "DATA:YOURDOCU"),
        (DOS, "YOURDOCU", "DOCS", IN_THIS_SPACE, "DATA:DOCS"),
    ):
        assert rename(joe, space, old, new, 0, flag) == 0
        assert joe.ask(directories.GetDirectoryPath(handle)).path == path
        assert joe.code(files.OpenFile(handle, ALL, READ, "MUSICOFT.MP3")) == 0
        for opened in list(joe.station.stage.connection(joe.station.name).files):
            joe.close(opened)
    assert joe.ask(entries.GetHandlePath(LONG, handle)).path == "DATA:Their Documents"


def test_the_path_of_a_directory_that_is_gone(joe: Client) -> None:
    """A handle keeps the DOS names; the long ones are gone with the directory."""
    handle = joe.ask(namespace.AllocateShortHandle(LONG, LONG, 0, DATA, 0, 1, ("Login",))).handle
    assert joe.ask(entries.GetHandlePath(LONG, handle)).path == "DATA:login"
    assert joe.code(namespace.Delete(LONG, 0, EVERY, DATA, 0, 1, ("Login",))) == 0
    assert joe.code(entries.GetHandlePath(LONG, handle)) == 0xFF
    assert joe.ask(entries.GetHandlePath(DOS, handle)).path == "DATA:LOGIN"


def test_before_the_login_there_is_the_directory_login(joe: Client) -> None:
    """It is SYS:LOGIN by its DOS name, whatever is called so in LONG."""
    guest = Client(joe.station.stage.station("tcp:10.0.0.9:1025").attached())
    program = namespace.GetEntryInfo(LONG, DOS, EVERY, NAMED, 0, 0, 1, ("Login", "login.exe"))
    assert guest.code(program) == 0
    asked = namespace.Rename(DOS, IN_THIS_SPACE, EVERY, 0, 0, 1, 1, 0, 0, 1, 1, b"\x05LOGIN\x03OUT")
    assert joe.code(asked) == 0
    assert guest.code(program) == 0x7D
    assert guest.code(namespace.GetEntryInfo(LONG, DOS, EVERY, NAMED, DATA, 0, 1, ("login",))) == 0x7D
