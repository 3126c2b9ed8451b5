"""The names of a directory in both name spaces: made as NetWare made them, unique, and permanent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.volumes.directory_names import DirectoryNames
from fakenw.volumes.dos_name import fold, matches
from fakenw.volumes.long_name import LongName, is_long_name, matches_long

NAMES = [
    *("A.TXT", "a.txt", "B", "b", "LONGNAME.TXT", "longname2.txt", "Long name 3.txt", "LONGNAM0.TXT", "longname4.txt"),
    *("a+b", "a:b", "AB", "AB0", "a/b", "日本", "日本語", "_", "_0", ".profile", "Profile", "...", "x" * 300),
]
wire_names = st.binary(min_size=1, max_size=20).map(lambda raw: raw.decode("cp437"))
any_names = st.sampled_from(NAMES) | wire_names | st.text(min_size=1, max_size=20)


def lower(name: str) -> str:
    """Only A to Z have case."""
    return name.encode("cp437").lower().decode("cp437")


def dos_names(names: DirectoryNames) -> dict[str, str]:
    """Own name -> DOS name."""
    return {own: names.dos(own) for own in names}


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        # Novell, "Long to DOS Conversions", NetWare 4.x; HP, NetWare 4.1/9000 Concepts; SCO, NWSetLongName(3nw)
        ("This Is The First Long File", "THISISTH"),
        ("fredfilenew", "FREDFILE"),
        ("THIS IS A NAME", "THISISAN"),
        # The same rules: up to eight before the first point, up to three behind the last
        ("Long name.txt", "LONGNAME.TXT"),
        ("archive.tar.gz", "ARCHIVE.GZ"),
        ("index.html", "INDEX.HTM"),
        ("A long file name.v1.text", "ALONGFIL.TEX"),
        ("a+b.c", "AB.C"),
        ("a:b", "AB"),
        ("caf\udc82.txt", "CAF.TXT"),
        ("A«B", "AB"),
        # Names that DOS has
        ("LOGIN.EXE", "LOGIN.EXE"),
        ("login.exe", "LOGIN.EXE"),
        ("CAFÉ.TXT", "CAFÉ.TXT"),
        # Inferred
        (".profile", "PROFILE"),
        ("ends.", "ENDS"),
        ("日本.txt", "_.TXT"),
        ("日本", "_"),
        ("...", "_"),
    ],
)
def test_the_alias_of_a_name(name: str, alias: str) -> None:
    assert DirectoryNames([name]).dos(name) == alias


def test_aliases_that_are_taken() -> None:
    """Novell's table: digits in the place of the last letters, first one, then two; and HP's FREDFIL0."""
    names = DirectoryNames()
    order = ["First", "Second", "Third", "Fourth", *map(str, range(5, 11)), "Eleventh", "Twelfth", "Thirteenth"]
    for word in order:
        names.add(f"This Is The {word} Long File")
    made = [names.dos(f"This Is The {word} Long File") for word in order]
    assert made[:4] == ["THISISTH", "THISIST0", "THISIST1", "THISIST2"]
    assert made[-3:] == ["THISIST9", "THISIS00", "THISIS01"]
    names = DirectoryNames(["FREDFILE"])
    names.add("fredfilenew")
    assert names.dos("fredfilenew") == "FREDFIL0"


def test_the_alias_of_a_name_that_is_gone_is_used_again() -> None:
    """The first that is free (Novell: in ascending order, before new ones)."""
    names = DirectoryNames()
    for number in range(14):
        names.add(f"common name {number}")
    for number in (12, 3):
        names.discard(f"common name {number}")
    for new, alias in (("a", "COMMONN2"), ("b", "COMMON01"), ("c", "COMMON03")):
        names.add(f"common name {new}")
        assert names.dos(f"common name {new}") == alias


def test_a_name_of_dos_that_comes_first_keeps_it() -> None:
    """Of names that come together those of DOS are first; one that comes later finds the aliases taken."""
    together = DirectoryNames(["A long name", "ALONGNAM"])
    assert dos_names(together) == {"ALONGNAM": "ALONGNAM", "A long name": "ALONGNA0"}
    names = DirectoryNames(["A long name"])
    later = names.updated(["A long name", "ALONGNAM"])
    assert dos_names(later) == {"A long name": "ALONGNAM", "ALONGNAM": "ALONGNA0"}
    assert (later.find("ALONGNAM"), later.find(LongName("ALONGNAM"))) == ("A long name", "ALONGNAM")
    assert dos_names(names) == {"A long name": "ALONGNAM"}
    assert later.updated(["ALONGNAM", "A long name"]) is later


def test_names_that_differ_only_in_case() -> None:
    """The first in order has the name in both name spaces, the other one is called by its alias in both."""
    names = DirectoryNames(["readme", "README"])
    assert [(names.dos(own), names.long(own)) for own in ("README", "readme")] == [("README",) * 2, ("README0",) * 2]


@pytest.mark.parametrize("own", ["a:b", "日本", "x" * 256, "tab\t", "caf\udc82"])
def test_a_name_that_no_client_can_say(own: str) -> None:
    """The DOS name stands in for it, and is no other entry's long name."""
    (dos,) = dos_names(DirectoryNames([own])).values()
    names = DirectoryNames([dos.lower(), own])
    assert names.long(own) == names.dos(own) != dos
    assert names.find(LongName(names.dos(own).lower())) == own


def test_many_long_names_are_not_slow() -> None:
    """Ten thousand names with one beginning all get an alias, without trying each number for each name."""
    many = [f"a common beginning {n}.text" for n in range(10_000)]
    names = DirectoryNames()
    for name in many:
        names.add(name)
    assert dos_names(names).keys() == set(many)
    assert len(set(dos_names(DirectoryNames(many)).values())) == 10_000


def check(names: DirectoryNames) -> None:
    """Every entry has one DOS name and one long name, which are legal, unique and found."""
    dos = dos_names(names)
    assert len(set(dos.values())) == len({fold(names.long(own)) for own in dos}) == len(dos)
    assert list(names.after("")) == sorted((short, own) for own, short in dos.items())
    for own, short in dos.items():
        stem, point, extension = short.partition(".")
        assert (1 <= len(stem) <= 8, len(extension) <= 3, bool(point)) == (True, True, bool(extension))
        assert not re.search(r'[a-z\x00-\x20"*+,./:;<=>?\[\\\]|]', stem + extension), short
        assert len(short.encode("cp437")) <= 12
        assert matches(short, short)
        assert is_long_name(names.long(own))
        assert names.long(own) in (own, short)
        assert names.find(lower(short)) == names.find(LongName(names.long(own))) == own


@given(st.sets(any_names, max_size=30))
def test_the_order_of_the_names_is_of_no_account(own: set[str]) -> None:
    names = DirectoryNames(own)
    check(names)
    assert set(names) == own
    assert dos_names(names) == dos_names(DirectoryNames(sorted(own, reverse=True)))


@given(begin=st.sets(any_names), steps=st.lists(st.tuples(st.sampled_from(["create", "read"]), any_names)))
def test_names_are_permanent(begin: set[str], steps: list[tuple[str, str]]) -> None:
    """Others are created, removed, or seen when the directory is read again: what stays keeps its names."""
    names = DirectoryNames(begin)
    again = DirectoryNames(begin)
    for step, name in steps:
        before = {own: (names.dos(own), names.long(own)) for own in names}
        for one in (names, again):
            if name in set(one):
                one.discard(name)
            elif step == "read":
                changed = one.updated({*one, name})
                names, again = (changed, again) if one is names else (names, changed)
            elif one.find(LongName(name)) is None and (new := one.new(LongName(name))):
                one.add(*new)
        for own in set(before) & set(names):
            assert (names.dos(own), names.long(own)) == before[own]
        check(names)
        assert dos_names(names) == dos_names(again), "the same sequence, the same names"


@given(begin=st.sets(any_names), names=st.lists(any_names, max_size=8))
def test_a_dos_name_is_what_the_client_says(begin: set[str], names: list[str]) -> None:
    """Also where the long name is another entry's: then the new one's is a free one."""
    directory = DirectoryNames(begin)
    for name in names:
        if directory.find(name) is None and (new := directory.new(name)):
            directory.add(*new)
            assert directory.dos(new[0]) == new[1] == fold(name)
            check(directory)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        *(("*", "A long name.text"), ("*.*", "no point"), ("a LONG*", "A long name.text"), ("*.TEXT", "a.b.text")),
        *(("A?long*", "A long name"), ("name?", "name"), ("*name.t*t", "A long name.text")),
    ],
)
def test_a_long_pattern_matches(pattern: str, name: str) -> None:
    """The point is a character as any other."""
    assert matches_long(pattern, name)


@pytest.mark.parametrize(("pattern", "name"), [("*.", "a"), ("long", "A long name"), ("?", "ab"), ("*.txt", "a.text")])
def test_a_long_pattern_does_not_match(pattern: str, name: str) -> None:
    assert not matches_long(pattern, name)
