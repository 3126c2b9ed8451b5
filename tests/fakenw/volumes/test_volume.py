"""Volumes: paths, DOS names, wild cards, look-up, and the tree of a client access point."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.volumes.directory_tree import (
    ARCHIVE,
    DIRECTORY,
    Directory,
    DirectoryEntry,
    MemoryFile,
    MemoryTree,
    PathError,
)
from fakenw.volumes.dos_name import fold, matches, split_pattern
from fakenw.volumes.long_name import LongName
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import VolumePath, Volumes
from fakenw.wire.packet import Code
from tests.fakenw.file_station import entries, read_entry

DATE = datetime(2000, 8, 10)

wire_names = st.binary(min_size=1, max_size=20).map(lambda raw: raw.decode("cp437"))
any_names = wire_names | st.text(min_size=1, max_size=20)


@pytest.fixture
def volumes() -> Volumes:
    tree = MemoryTree(
        {
            "DOCS": {"SUB": {"file.txt": b"hello"}, "A long name.text": b"long"},
            "READ.ME": b"0123456789",
        },
        DATE,
    )
    return Volumes([("SYS", sms_tree()), ("vol1", tree)])


def code_of(volumes: Volumes, text: str) -> Code:
    with pytest.raises(PathError) as caught:
        volumes.look_up(VolumePath.parse(text))
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SYS:", "SYS:"),
        ("sys:login", "SYS:login"),
        (r"VOL:DIR\SUB/FILE", "VOL:DIR/SUB/FILE"),
        (r"VOL:\\DIR//./SUB\.", "VOL:DIR/SUB"),
        (r"VOL:A\..\B", "VOL:B"),
        (r"VOL:A\B\..\..", "VOL:"),
        ("SUB", "SYS:LOGIN/SUB"),
        ("", "SYS:LOGIN"),
        ("..", "SYS:"),
        (r"..\PUBLIC", "SYS:PUBLIC"),
    ],
)
def test_path(text: str, shown: str) -> None:
    """Both slashes, empty names, the points, and paths from a base."""
    assert str(VolumePath.parse(text, base=VolumePath("SYS", ("LOGIN",)))) == shown


@pytest.mark.parametrize("text", ["SYS:..", r"SYS:A\..\..\B", r"..\..", "SYS:/../A"])
def test_path_never_leaves_the_volume(text: str) -> None:
    """Two points above the root are refused."""
    with pytest.raises(PathError) as caught:
        VolumePath.parse(text, base=VolumePath("SYS", ("LOGIN",)))
    assert caught.value.code == Code.INVALID_PATH


def test_path_without_volume() -> None:
    """A path from nowhere has no volume."""
    with pytest.raises(PathError) as caught:
        VolumePath.parse("LOGIN")
    assert caught.value.code == Code.NO_SUCH_VOLUME


@given(st.text(alphabet="AB.:/\\", max_size=30))
def test_a_parsed_path_has_only_plain_names(text: str) -> None:
    """Whatever is parsed, no name in it is empty, a point, two points or holds a slash; and it reads back the same."""
    try:
        path = VolumePath.parse(text, base=VolumePath("SYS"))
    except PathError:
        return
    assert not {"", ".", ".."} & set(path.parts)
    assert not any("/" in part or "\\" in part for part in path.parts)
    assert VolumePath.parse(str(path)) == path


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*.*", "LOGIN.EXE"),
        ("*.*", "PUBLIC"),
        ("*", "LOGIN.EXE"),
        ("*", "PUBLIC"),
        ("????????.???", "A"),
        ("????????.???", "LOGIN.EXE"),
        ("*.exe", "LOGIN.EXE"),
        ("L*.E?E", "LOGIN.EXE"),
        ("LOGIN.*", "LOGIN"),
        ("LOG*", "LOGIN.EXE"),
        ("LOGIN???.EXE", "LOGIN.EXE"),
        ("*G*N.EXE", "LOGIN.EXE"),
        ("LOGIN.EXE", "LOGIN.EXE"),
        ("*.", "PUBLIC"),
    ],
)
def test_pattern_matches(pattern: str, name: str) -> None:
    """Wild cards as DOS has them."""
    assert matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*.OFR", "LOGIN.EXE"),
        ("LOGIN", "LOGIN.EXE"),
        ("????????", "LOGIN.EXE"),
        ("L?N.EXE", "LN.EXE"),
        ("?", "AB"),
        ("*.", "LOGIN.EXE"),
        ("", "PUBLIC"),
        ("", "LOGIN.EXE"),
        ("..", "PUBLIC"),
    ],
)
def test_pattern_does_not_match(pattern: str, name: str) -> None:
    """What DOS would not list is not listed."""
    assert not matches(pattern, name)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (b"\xaa\xae\xaa", "*.*"),
        (b"\xaa", "*"),
        (b"\xbf" * 8 + b"\xae" + b"\xbf" * 3, "????????.???"),
        (b"L\xbfGIN\xae\xaa", "L?GIN.*"),
        (b"\xaa.TXT", "*.TXT"),
    ],
)
@pytest.mark.parametrize("name", ["LOGIN.EXE", "PUBLIC", "A.TXT"])
def test_high_bit_wild_cards(raw: bytes, plain: str, name: str) -> None:
    """The wild cards of DOS shells, whose high bit is set, mean the same."""
    assert matches(raw.decode("cp437"), name) == matches(plain, name)


def test_no_pattern_is_slow() -> None:
    """A client cannot keep the server busy with a pattern that would make a regular expression explode."""
    assert not matches("*?" * 127 + "!", "AAAAAAAA.AAA")
    assert not matches("*A" * 60 + ".B", "AAAAAAAA.AAA")


@given(wire_names)
def test_any_pattern_is_harmless(pattern: str) -> None:
    """Every byte string is a pattern."""
    matches(pattern, "LOGIN.EXE")
    assert split_pattern("SYS:A/" + pattern.translate({ord(c): None for c in ":/\\"}))[0] == "SYS:A/"


@pytest.mark.parametrize(
    ("text", "directory", "pattern"),
    [
        ("*.*", "", "*.*"),
        ("SYS:*.*", "SYS:", "*.*"),
        (r"SYS:LOGIN\*.EXE", "SYS:LOGIN\\", "*.EXE"),
        ("A/B", "A/", "B"),
        ("A/", "A/", ""),
    ],
)
def test_split_pattern(text: str, directory: str, pattern: str) -> None:
    """The pattern is what follows the last separator."""
    assert split_pattern(text) == (directory, pattern)


@given(st.sets(any_names, min_size=1, max_size=10))
def test_every_node_can_be_opened(names: set[str]) -> None:
    """Each node is found by either of its names, and by no other's."""
    tree = MemoryTree({name: name.encode("utf-8", "surrogatepass") for name in names}, DATE)
    found = entries(tree)
    assert {entry.own_name for entry in found} == names
    for entry in found:
        content = entry.own_name.encode("utf-8", "surrogatepass")
        for name in (entry.name, LongName(entry.long_name), LongName(fold(entry.long_name))):
            assert read_entry(tree.find(name), 0, 100) == content


def test_all_bytes_are_names() -> None:
    """Code page 437 carries every byte there and back."""
    everything = bytes(range(256))
    assert everything.decode("cp437").encode("cp437") == everything


@pytest.mark.parametrize("text", ["VOL1:DOCS/SUB/FILE.TXT", r"vol1:\docs\sub\file.txt", "Vol1:Docs/./SUB//file.TXT"])
def test_find(volumes: Volumes, text: str) -> None:
    """A file is found in any case, through either slash."""
    entry = volumes.look_up(VolumePath.parse(text)).entry
    assert entry.name == "FILE.TXT"
    assert not entry.is_directory
    assert (entry.size, entry.modified, entry.attributes) == (5, DATE, ARCHIVE)
    assert read_entry(entry, 0, 100) == b"hello"


def test_find_by_long_name_and_alias(volumes: Volumes) -> None:
    """Both names lead to the same file, each in its own name space."""
    for text in (
        *(LongName("VOL1:DOCS/A long name.text"), LongName("VOL1:docs/a LONG name.TEXT")),
        *("VOL1:DOCS/ALONGNAM.TEX", "VOL1:docs/alongnam.tex"),
    ):
        entry = volumes.look_up(VolumePath.parse(text)).entry
        assert (entry.name, entry.long_name) == ("ALONGNAM.TEX", "A long name.text")
        assert read_entry(entry, 0, 9) == b"long"
    assert code_of(volumes, "VOL1:DOCS/A long name.text") == Code.FAILURE
    assert code_of(volumes, LongName("VOL1:DOCS/ALONGNAM.TEX")) == Code.FAILURE


def test_find_a_directory(volumes: Volumes) -> None:
    """Directories have no size and the directory bit; the root is found under its volume's name."""
    entry = volumes.look_up(VolumePath.parse("VOL1:DOCS")).entry
    assert entry.is_directory
    assert (entry.size, entry.modified, entry.attributes) == (0, DATE, DIRECTORY)
    root = volumes.look_up(VolumePath.parse("VOL1:")).entry
    assert (root.name, root.is_directory) == ("VOL1", True)
    assert entries(volumes.directory(VolumePath.parse("VOL1:docs/sub")))[0].name == "FILE.TXT"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NONE:", Code.NO_SUCH_VOLUME),
        ("A:B:C", Code.NO_SUCH_VOLUME),
        (":DOCS", Code.NO_SUCH_VOLUME),
        ("VOL1:NONE", Code.FAILURE),
        ("VOL1:DOCS/NONE.TXT", Code.FAILURE),
        ("VOL1:NONE/FILE.TXT", Code.INVALID_PATH),
        ("VOL1:READ.ME/FILE.TXT", Code.INVALID_PATH),
        ("VOL1:DOCS/*.*", Code.FAILURE),
        ("VOL1:READ.ME\0", Code.FAILURE),
    ],
)
def test_find_refuses(volumes: Volumes, text: str, code: Code) -> None:
    """The code says what is missing: the volume, a directory on the way, or the last name."""
    assert code_of(volumes, text) == code


@pytest.mark.parametrize("text", ["VOL1:NONE", "VOL1:READ.ME"])
def test_directory_refuses(volumes: Volumes, text: str) -> None:
    """Where a directory is wanted, a file or nothing is an invalid path."""
    with pytest.raises(PathError) as caught:
        volumes.directory(VolumePath.parse(text))
    assert caught.value.code == Code.INVALID_PATH


@pytest.mark.parametrize(("offset", "length", "data"), [(0, 4, b"0123"), (8, 4, b"89"), (10, 4, b""), (99, 4, b"")])
def test_read(volumes: Volumes, offset: int, length: int, data: bytes) -> None:
    """A read ends where the file ends."""
    assert read_entry(volumes.look_up(VolumePath.parse("VOL1:READ.ME")).entry, offset, length) == data


def test_codes_on_the_wire() -> None:
    """The codes a path can be refused with, as the client sees them (libncp nwerrors)."""
    codes = [Code.NO_READ_RIGHTS, Code.NO_SUCH_VOLUME, Code.INVALID_PATH, Code.FAILURE]
    assert [int(code) for code in codes] == [0x93, 0x98, 0x9C, 0xFF]


def test_volumes() -> None:
    """Volumes are numbered as they were mounted and named in any case."""
    volumes = Volumes([("SYS", MemoryTree({}, DATE)), ("Vol_1", MemoryTree({}, DATE))])
    assert [(volume.number, volume.name) for volume in volumes] == [(0, "SYS"), (1, "VOL_1")]
    assert volumes.named("vol_1") is volumes.numbered(1)
    for number in (-1, 2):
        with pytest.raises(PathError) as caught:
            volumes.numbered(number)
        assert caught.value.code == Code.NO_SUCH_VOLUME


@pytest.mark.parametrize("names", [["SYS", "sys"], [""], ["A:B"], ["A/B"], ["SIXTEEN_LETTERS_"], ["日本"]])
def test_bad_volume_names(names: list[str]) -> None:
    """A volume's name is 1 to 15 characters of the wire, and there are not two of it."""
    with pytest.raises(ValueError, match="volume"):
        Volumes((name, MemoryTree({}, DATE)) for name in names)


def test_search_goes_on_after_the_last_name() -> None:
    """One entry at a time, by the name of the last, is the same as all at once."""
    tree = MemoryTree({"B.OFR": b"", "A.OFR": b"", "C.INS": b"", "D.OFR": b""}, DATE)
    seen: list[str] = [""]
    while found := next(tree.search("*.ofr", seen[-1]), None):
        seen.append(found.name)
    assert seen == ["", "A.OFR", "B.OFR", "D.OFR"]
    assert [entry.name for entry in tree.search("*.OFR")] == seen[1:]
    assert [entry.name for entry in tree.search("*.OFR", "AA.OFR")] == seen[2:]


def test_search_leaves_out_what_vanishes() -> None:
    """A node that is gone when its turn comes is not listed, and only what is asked for is looked up."""
    looked_up: list[str] = []

    class Vanishing(Directory):
        modified = DATE

        def names(self) -> list[str]:
            return ["GONE", "HERE", "LATER"]

        def child(self, name: str) -> MemoryFile:
            looked_up.append(name)
            if name == "GONE":
                raise PathError(Code.FAILURE, "gone")
            return MemoryFile(b"", DATE)

    entry = next(Vanishing().search("*"))
    assert entry.name == "HERE"
    assert looked_up == ["GONE", "HERE"]


def walk(directory: Directory, above: str = "") -> dict[str, DirectoryEntry]:
    """Every entry below *directory*, by path."""
    found: dict[str, DirectoryEntry] = {}
    for entry in entries(directory):
        found[above + entry.name] = entry
        if isinstance(entry.node, Directory):
            found |= walk(entry.node, f"{above}{entry.name}/")
    return found


def test_sms_tree() -> None:
    """A client access point has the inboxes of SMS 2.0, an offer that its look-up file leads to, and one date."""
    tree = sms_tree()
    everything = walk(tree)
    assert {entry.modified for entry in everything.values()} == {DATE}
    assert all("~" not in path for path in everything)
    boxes = {path for path in everything if path.count("/") == 1 and path.startswith("CAP_GS1/")}
    assert {path.split("/")[1] for path in boxes} == {
        "CCR.BOX",
        "CLICOMP.BOX",
        "CLIDATA.BOX",
        "CLIFILES.BOX",
        "DDR.BOX",
        "INVENTRY.BOX",
        "OFFERINF.BOX",
        "PKGINFO.BOX",
        "SINV.BOX",
        "STATMSGS.BOX",
    }
    instruction = read_entry(everything["CAP_GS1/OFFERINF.BOX/GS1SYSTM.LKP"], 0, 99).decode().strip()
    offer = read_entry(everything[f"CAP_GS1/OFFERINF.BOX/{instruction}"], 0, 99).decode().strip()
    assert offer == "GS100001.OFR"
    assert everything[f"CAP_GS1/OFFERINF.BOX/{offer}"].size > 0
    assert everything["LOGIN/LOGIN.EXE"].size > 0
    assert any(path.startswith("PUBLIC/") for path in everything)


def test_sms_tree_of_another_site() -> None:
    """The site code is in the names."""
    everything = walk(sms_tree("XYZ"))
    assert "CAP_XYZ/OFFERINF.BOX/XYZ00001.OFR" in everything
    assert not any("GS1" in path for path in everything)


def test_the_file_of_the_scenario(volumes: Volumes) -> None:
    """The offer that APM opens in Q257223 is there."""
    assert volumes.look_up(VolumePath.parse("SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR")).entry.size > 0
