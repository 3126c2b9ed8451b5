"""The names of a directory: adding one costs the same however many there are, and changes no result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from fakenw.volumes import dos_name
from fakenw.volumes.directory_names import DirectoryNames
from fakenw.volumes.volume import SPARE, Numbers
from fakenw.wire.requests import files

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]

NOW = datetime(2000, 8, 10)


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of names of every directory that is indexed from its beginning."""
    sizes: list[int] = []
    enter = DirectoryNames._enter

    def counting(names: DirectoryNames, entering: Iterable[str]) -> None:
        listed = list(entering)
        sizes.append(len(listed))
        enter(names, listed)

    monkeypatch.setattr(DirectoryNames, "_enter", counting)
    return sizes


def test_a_file_costs_the_same_as_the_first_one(open_stage: OpenStage, indexed: list[int]) -> None:
    """Made, renamed and erased: no name of another file is looked at again."""
    stage = open_stage()
    station = stage.station("tcp:10.0.0.1:1").licensed()
    for number in range(200):
        made = station.call(files.CreateFile(0, 0, f"SYS:F{number:06}.TMP"))
        assert station.code(files.CloseFile(0, files.OpenedFile.decode(made.data).handle)) == 0
    for number in range(0, 200, 2):
        assert station.code(files.RenameFile(0, 6, f"SYS:F{number:06}.TMP", 0, f"SYS:G{number:06}.TMP")) == 0
    for number in range(1, 200, 2):
        assert station.code(files.EraseFile(0, 6, f"SYS:F{number:06}.TMP")) == 0
    assert station.code(files.EraseFile(0, 6, "SYS:F*.*")) != 0
    assert station.code(files.EraseFile(0, 6, "SYS:G*.*")) == 0
    assert sum(indexed) < 20, "the three directories of SYS, and no more"


def test_a_search_that_continues_begins_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a client searches, one entry in a request: the names before are not compared again."""
    compared = 0

    def counting(pattern: str, name: str) -> bool:
        nonlocal compared
        compared += 1
        return dos_name.matches(pattern, name)

    from fakenw.volumes import directory_tree

    monkeypatch.setattr(directory_tree, "matches", counting)
    tree = directory_tree.MemoryTree({f"F{number:03}": b"" for number in range(100)}, NOW)
    found, after = 0, ""
    while (entry := next(tree.search("*", after), None)) is not None:
        found, after = found + 1, entry.name
    assert (found, compared) == (100, 100)


@pytest.mark.parametrize("stars", [1, 4, 60])
def test_a_pattern_of_many_stars_is_no_work(stars: int) -> None:
    """Every character of a pattern is looked at once, whatever matches: the places reached are a set."""
    looks = 0

    class Counted(str):
        def __getitem__(self, key: object) -> str:
            nonlocal looks
            looks += 1
            return super().__getitem__(key)  # type: ignore[index]

    assert not dos_name.part_matches("*A" * stars + "*B", Counted("AAAAAAAA"))
    assert looks <= 9 * (stars + 1)


def test_the_number_of_an_erased_file_is_given_again_later() -> None:
    """Not to the next file, which a client could take for the old one; and the numbers do not become more and more."""
    numbers: Numbers[int] = Numbers(1 << 20)
    for key in range(5 * SPARE):
        assert numbers.key(numbers.number(key)) == key
        numbers.forget(key)
    assert numbers.number(-1) <= SPARE + 2
    assert len(numbers._keys) == 1


def test_an_erased_file_has_no_number(open_stage: OpenStage) -> None:
    stage = open_stage()
    station = stage.station("tcp:10.0.0.1:1").licensed()
    volume = stage.server.volumes.named("SYS")
    made = station.call(files.CreateFile(0, 0, "SYS:ONE.TMP"))
    number = volume.number_of(("ONE.TMP",))
    assert station.code(files.CloseFile(0, files.OpenedFile.decode(made.data).handle)) == 0
    assert volume.numbers.key(number) == ("ONE.TMP",)
    assert station.code(files.EraseFile(0, 6, "SYS:ONE.TMP")) == 0
    assert volume.numbers.key(number) is None
