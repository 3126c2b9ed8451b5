"""The same requests have the same replies wherever a volume's files are: in memory, over a folder, in a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fakenw.volumes.directory_tree import Directory, MemoryTree
from fakenw.volumes.host_directory import Folder
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire.layout import Request
from fakenw.wire.requests import namespace
from tests.fakenw.file_station import Client
from tests.fakenw.stage import Stage

EVERY, NAMED = 0x8006, 0x0001
BELOW = ["Long name 0", "long NAME 1", "LONGNAM1", "readme", "Sub.dir"]
NAMES = [*BELOW, "Long name 2", "LONGNAME", "LONGNAM0", "LONGNAM2", "README", "README0", "Readme 2", "SUB.DIR", "a+b"]

spaces = st.sampled_from([0, 4])
some = st.sampled_from(NAMES)
paths = st.tuples(some) | st.tuples(st.just("SUB.DIR"), some)


def create(space: int, path: tuple[str, ...], attributes: int) -> Request[Any]:
    return namespace.OpenOrCreate(space, 8, EVERY, NAMED, attributes, 3, 1, 0, 1, path)


def delete(space: int, path: tuple[str, ...]) -> Request[Any]:
    return namespace.Delete(space, 0, EVERY, 1, 0, 1, path)


def rename(space: int, flag: int, old: tuple[str, ...], new: tuple[str, ...]) -> Request[Any]:
    raw = b"".join(bytes([len(name)]) + name.encode() for name in (*old, *new))
    return namespace.Rename(space, flag, EVERY, 1, 0, 1, len(old), 1, 0, 1, len(new), raw)


requests = (
    st.builds(create, spaces, paths, st.sampled_from([0, 0x10]))
    | st.builds(delete, spaces, paths)
    | st.builds(rename, spaces, st.sampled_from([0, 1, 4]), paths, paths)
)


def server(root: Directory, *, writable: bool = False) -> Client:
    stage = Stage("nls", licenses=5)
    stage.server.volumes = Volumes([("SYS", sms_tree()), ("DATA", root, writable)])
    return Client(stage.station("tcp:10.0.0.1:1025").licensed("SUPERVISOR", ""))


def filled(folder: Path) -> Path:
    folder.mkdir()
    for name in BELOW[:-1]:
        (folder / name).touch()
    (folder / BELOW[-1]).mkdir()
    return folder


def reply(client: Client, request: Request[Any]) -> tuple[int, bytes]:
    """The completion code, and the data without a file handle; a file is closed again."""
    answer = client.station.call(request)
    for handle in list(client.station.stage.connection(client.station.name).files):
        client.close(handle)
    return answer.completion, answer.data[4:] if isinstance(request, namespace.OpenOrCreate) else answer.data


def listing(client: Client, space: int, *path: str) -> list[tuple[str, int]]:
    """The names in a directory, in the order of the other name space, each with the number of its entry."""
    found: list[tuple[str, int]] = []
    opened = client.station.call(namespace.GetDirectoryBase(0, 0, 0, 1, 0, 1, path))
    if opened.completion:
        return found
    base, sequence = namespace.DirectoryBase.decode(opened.data).base, 0xFFFFFFFF
    while True:
        again = client.station.call(namespace.Search(space, 0, EVERY, 0x0401, 1, base, sequence, "*"))
        if again.completion:
            return found
        entry = namespace.FoundEntry.decode(again.data)
        number = namespace.EntryInfo.decode(entry.info[:76]).number
        found.append((entry.info[77:].decode("cp437"), number))
        sequence = entry.sequence


@given(st.lists(requests, max_size=20))
def test_the_replies_are_the_same(asked: list[Request[Any]]) -> None:
    """An entry that stays keeps its names, one in each name space."""
    with tempfile.TemporaryDirectory() as place:
        tree: dict[str, Any] = {**dict.fromkeys(BELOW[:-1], b""), BELOW[-1]: {}}
        servers = [
            server(MemoryTree(tree, Stage("nls").server.utc(0))),
            server(Folder(filled(Path(place, "below")))),
            server(Folder(filled(Path(place, "written"))), writable=True),
        ]
        before: dict[int, tuple[str, str]] = {}
        for request in [None, *asked]:
            if request:
                replies = [reply(one, request) for one in servers]
                assert replies[1:] == replies[:1] * 2
            shown = [both(one) for one in servers]
            assert shown[1:] == shown[:1] * 2
            names = {number: (short, long) for short, long, number in shown[0]}
            if not isinstance(request, namespace.Rename):
                assert all(names[number] == before[number] for number in names.keys() & before.keys())
            before = names


def both(client: Client) -> list[tuple[str, str, int]]:
    """Every entry of the root and of SUB.DIR: DOS name, long name, number."""
    found: list[tuple[str, str, int]] = []
    for path in ((), ("SUB.DIR",)):
        short, long = listing(client, 0, *path), listing(client, 4, *path)
        assert [number for _, number in short] == [number for _, number in long]
        assert len({name for name, _ in short}) == len({name.upper() for name, _ in long}) == len(short)
        found += [(name, other, number) for (name, number), (other, _) in zip(short, long, strict=True)]
    return found
