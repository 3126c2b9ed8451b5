"""An overlay behaves like a dict of dicts, never touches what lies below, and never keeps more than its space."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakenw.volumes.directory_tree import ARCHIVE, READ_ONLY, Contents, Directory, File, MemoryTree, PathError
from fakenw.volumes.host_directory import Folder
from fakenw.volumes.overlay import ENTRY, Overlay
from fakenw.wire.packet import Code
from tests.fakenw.file_station import entries, read_entry

DATE = datetime(2000, 8, 10)
NOW = datetime(2001, 2, 3, 4, 5, 6)
BELOW: Contents = {"A": {"B": {"X": b"below"}, "X": b"0123456789"}, "X": b"", "Y": b"yes"}

Tree = dict[str, "bytes | Tree"]


def copied(contents: Contents) -> Tree:
    return {name: item if isinstance(item, bytes) else copied(item) for name, item in contents.items()}


def read(directory: Directory) -> Tree:
    """Everything in a directory, as a dict."""
    found: Tree = {}
    for entry in entries(directory):
        assert entry.name == entry.own_name
        node = entry.node
        found[entry.name] = read(node) if isinstance(node, Directory) else node.read(0, 1 << 30)
        if isinstance(node, File):
            assert node.size == len(node.read(0, 1 << 30))
    return found


def at(root: Directory, parts: tuple[str, ...]) -> Directory:
    for part in parts:
        node = root.find(part).node
        assert isinstance(node, Directory)
        root = node
    return root


def code_of(call: Callable[..., object], *arguments: object) -> Code:
    with pytest.raises(PathError) as caught:
        call(*arguments)
    return caught.value.code


names = st.sampled_from(["A", "B", "X", "Y", "NEW"])
SPACE = 20 * ENTRY


class Model(RuleBasedStateMachine):
    """Random changes of an overlay and of a dict; what is refused changes neither."""

    def __init__(self) -> None:
        super().__init__()
        self.below = MemoryTree(BELOW, DATE)
        self.root = Overlay(self.below, SPACE)
        self.model = copied(BELOW)

    def directories(self, tree: Tree | None = None, parts: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Tree]]:
        tree = self.model if tree is None else tree
        found = [(parts, tree)]
        for name, item in sorted(tree.items(), key=lambda pair: pair[0]):
            if isinstance(item, dict):
                found += self.directories(item, (*parts, name))
        return found

    def pick(self, data: st.DataObject) -> tuple[tuple[str, ...], Directory, Tree]:
        parts, tree = data.draw(st.sampled_from(self.directories()))
        return parts, at(self.root, parts), tree

    def full(self, problem: PathError) -> None:
        """Only want of room may hinder, and only where there is little."""
        assert problem.code in (Code.OUT_OF_SPACE, Code.DIRECTORY_FULL)
        assert self.root.room()[1] < 4 * ENTRY

    @rule(data=st.data(), name=names, attributes=st.sampled_from([0, READ_ONLY]))
    def create_file(self, data: st.DataObject, name: str, attributes: int) -> None:
        _, directory, tree = self.pick(data)
        if name not in tree:
            try:
                assert directory.create_file(name, attributes, NOW).modified == NOW
            except PathError as problem:
                self.full(problem)
            else:
                tree[name] = b""

    @rule(data=st.data(), name=names)
    def create_directory(self, data: st.DataObject, name: str) -> None:
        _, directory, tree = self.pick(data)
        if name not in tree:
            try:
                directory.create_directory(name, NOW)
            except PathError as problem:
                self.full(problem)
            else:
                tree[name] = {}

    @rule(data=st.data(), offset=st.integers(0, 700), content=st.binary(max_size=700), cut=st.booleans())
    def write(self, data: st.DataObject, offset: int, content: bytes, cut: bool) -> None:
        _, directory, tree = self.pick(data)
        files = sorted(name for name, item in tree.items() if isinstance(item, bytes))
        if not files:
            return
        name = data.draw(st.sampled_from(files))
        old, file = tree[name], directory.find(name).node
        assert isinstance(file, File)
        assert isinstance(old, bytes)
        try:
            if cut:
                file.truncate(offset, NOW)
                tree[name] = old[:offset].ljust(offset, b"\0")
            else:
                file.write(offset, content, NOW)
                tree[name] = old[:offset].ljust(offset, b"\0") + content + old[offset + len(content) :]
        except PathError as problem:
            self.full(problem)
        else:
            assert (file.modified, file.attributes & ARCHIVE) == (NOW, ARCHIVE)

    @rule(data=st.data(), name=names)
    def remove(self, data: st.DataObject, name: str) -> None:
        _, directory, tree = self.pick(data)
        if tree.get(name) in (None, b"") and name not in tree:
            assert code_of(directory.remove, name) is Code.FAILURE
        elif isinstance(tree[name], dict) and tree[name]:
            assert code_of(directory.remove, name) is Code.NOT_EMPTY
        else:
            directory.remove(name)
            del tree[name]

    @rule(data=st.data(), name=names, new=names)
    def rename(self, data: st.DataObject, name: str, new: str) -> None:
        parts, directory, tree = self.pick(data)
        to, target, other = self.pick(data)
        below_itself = to[: len(parts) + 1] == (*parts, name)
        if name in tree and new not in other and not below_itself:
            try:
                directory.rename(name, target, new)
            except PathError as problem:
                self.full(problem)
            else:
                other[new] = tree.pop(name)

    @precondition(lambda self: self.root.room()[1] == SPACE)
    @rule()
    def nothing_is_below(self) -> None:
        """Where nothing is kept, nothing was made or changed: what there is comes from below."""
        assert set(self.model) <= set(copied(BELOW))

    @invariant()
    def is_as_the_model_says(self) -> None:
        assert read(self.root) == self.model

    @invariant()
    def below_is_as_it_was(self) -> None:
        assert read(self.below) == copied(BELOW)

    @invariant()
    def keeps_no_more_than_it_may(self) -> None:
        total, free = self.root.room()
        assert 0 <= free <= total == SPACE


TestModel = Model.TestCase
TestModel.settings = settings(stateful_step_count=30)


def test_the_space_comes_back() -> None:
    """Whatever was made and removed again costs nothing."""
    root = Overlay(MemoryTree(BELOW, DATE), 100 * ENTRY)
    made = root.create_directory("D", NOW)
    file = made.create_file("F", 0, NOW)
    file.write(1000, b"x", NOW)
    assert root.room() == (100 * ENTRY, 98 * ENTRY - 1001)
    file.truncate(1, NOW)
    assert root.room()[1] == 98 * ENTRY - 1
    made.rename("F", root, "G")
    root.remove("G")
    root.remove("D")
    assert root.room()[1] == 100 * ENTRY


def test_a_file_is_copied_when_it_is_written_to() -> None:
    """Looking costs nothing, changing an attribute an entry, writing the bytes as well."""
    root = Overlay(MemoryTree(BELOW, DATE), 10 * ENTRY)
    file = root.find("Y").node
    assert isinstance(file, File)
    assert file.read(0, 9) == b"yes"
    assert root.room()[1] == 10 * ENTRY
    file.change(attributes=READ_ONLY, modified=NOW)
    assert root.room()[1] == 9 * ENTRY
    assert (root.find("Y").attributes, root.find("Y").modified, root.find("Y").size) == (READ_ONLY, NOW, 3)
    file.write(1, b"E", NOW)
    assert read_entry(root.find("Y"), 0, 9) == b"yEs"
    assert root.room()[1] == 9 * ENTRY - 3


def test_out_of_space() -> None:
    """Neither a gap of gigabytes nor many empty files fill the memory; what does not fit changes nothing."""
    root = Overlay(MemoryTree(BELOW, DATE), 4 * ENTRY)
    file = root.create_file("F", 0, NOW)
    for offset in (0xFFFFFFF0, 0xFFFFFFFF, 4 * ENTRY):
        assert code_of(file.write, offset, b"xx", NOW) is Code.OUT_OF_SPACE
    assert code_of(file.truncate, 0xFFFFFFFF, NOW) is Code.OUT_OF_SPACE
    assert (file.size, root.room()[1]) == (0, 3 * ENTRY)
    file.write(0, bytes(3 * ENTRY), NOW)
    assert root.room()[1] == 0
    for create in (root.create_directory, lambda name, now: root.create_file(name, 0, now)):
        assert code_of(create, "G", NOW) is Code.DIRECTORY_FULL
    assert code_of(root.rename, "Y", root, "Z") is Code.DIRECTORY_FULL
    assert read_entry(root.find("Y"), 0, 9) == b"yes"


def test_a_large_file_below_is_not_copied_in_vain() -> None:
    """A file that the space cannot hold stays as it is; emptied first, it can be written to."""
    root = Overlay(MemoryTree({"BIG": bytes(10_000)}, DATE), 2000)
    file = root.find("BIG").node
    assert isinstance(file, File)
    assert code_of(file.write, 0, b"x", NOW) is Code.OUT_OF_SPACE
    assert file.size == 10_000
    file.truncate(0, NOW)
    file.write(0, b"x", NOW)
    assert read(root) == {"BIG": b"x"}


def test_names_are_found_again_only_when_they_change() -> None:
    """The DOS names of a directory are worked out once, and again after a change in it, not in another."""
    root = Overlay(MemoryTree(BELOW, DATE), 10 * ENTRY)
    a, index = at(root, ("A",)), root.index()
    assert root.index() is index
    a.create_file("NEW", 0, NOW)
    assert root.index() is index
    changed = a.index()
    assert changed is at(root, ("A",)).index()
    a.create_file("NEWER", 0, NOW)
    assert a.index().find("NEWER")


def test_dos_names_stay_while_others_come_and_go() -> None:
    """Those of the tree below are the same with changes and without; what is made finds them taken."""
    root = Overlay(MemoryTree({"long name 1": b"1", "long name 2": b"2", "D": {"long name 3": b"3"}}, DATE), SPACE)

    def shown(directory: Directory) -> dict[str, str]:
        return {entry.own_name: entry.name for entry in entries(directory)}

    assert shown(root) == {"D": "D", "long name 1": "LONGNAME", "long name 2": "LONGNAM0"}
    root.remove("long name 1")
    assert shown(root) == {"D": "D", "long name 2": "LONGNAM0"}
    root.create_file("long name 4", 0, NOW)
    root.rename("long name 2", root, "long name 2", "OTHER")
    assert shown(root) == {"D": "D", "long name 4": "LONGNAME", "long name 2": "OTHER"}
    d = at(root, ("D",))
    d.rename("long name 3", root, "long name 3")
    assert shown(root) == {"D": "D", "long name 4": "LONGNAME", "long name 2": "OTHER", "long name 3": "LONGNAM0"}
    assert read_entry(root.find("OTHER"), 0, 9) == b"2"


def test_the_folder_below_changes(tmp_path: Path) -> None:
    """A name that comes there finds the names of the overlay taken, and one that is gone there is gone here."""
    for name in ("long name 1", "long name 2"):
        (tmp_path / name).touch()
    root = Overlay(Folder(tmp_path), SPACE)
    root.create_file("long name 3", 0, NOW)
    (tmp_path / "long name 0").touch()
    (tmp_path / "long name 1").unlink()
    os.utime(tmp_path, (9, 9))
    shown = {entry.own_name: entry.name for entry in entries(root)}
    assert shown == {"long name 0": "LONGNAME", "long name 2": "LONGNAM0", "long name 3": "LONGNAM1"}


def test_not_into_another_tree() -> None:
    """Nothing moves from one volume to another."""
    root, other = (Overlay(MemoryTree(BELOW, DATE), 10 * ENTRY) for _ in range(2))
    assert code_of(root.rename, "X", other, "Z") is Code.OTHER_VOLUME
    assert read(root) == read(other) == copied(BELOW)


def test_a_tree_without_an_overlay_stays_as_it_is() -> None:
    """A tree in memory takes no changes."""
    tree = MemoryTree(BELOW, DATE)
    file = tree.find("Y").node
    assert isinstance(file, File)
    for call in (
        lambda: tree.create_file("N", 0, NOW),
        lambda: tree.create_directory("N", NOW),
        lambda: tree.remove("Y"),
        lambda: tree.rename("Y", tree, "N"),
        lambda: file.write(0, b"x", NOW),
        lambda: file.truncate(0, NOW),
        lambda: file.change(attributes=0),
    ):
        assert code_of(call) is Code.READ_ONLY
    assert tree.room() == (0, 0)
