"""The path of a file that a request names, by the directory handles and the numbers that earlier replies gave out.

Where the directory is not known, because its handle is from before the capture, its place in a path is ``?``.
"""

from __future__ import annotations

from fakenw.core.services.paths import BY_HANDLE, BY_NAME
from fakenw.volumes.directory_tree import PathError
from fakenw.volumes.volume import VolumePath
from fakenw.wire.requests.namespace import ONLY_WANTED
from harness.capture.facts import SeenConnection

SOMEWHERE = VolumePath("?")
MOST = 100_000  # numbers of entries that are kept for a server

Numbers = dict[tuple[int, int], VolumePath]  # by volume and number of the entry


def of_handle(connection: SeenConnection, handle: int, text: str) -> VolumePath:
    """What a directory handle and a text mean."""
    base = connection.directories.get(handle, SOMEWHERE) if handle else SOMEWHERE
    return _parsed(text, base)


def of_entry(
    connection: SeenConnection, numbers: Numbers, volume: int, base: int, flag: int, names: tuple[str, ...]
) -> VolumePath:
    """What four fields of a request of 87/x mean."""
    if flag == BY_NAME and names:
        first, *rest = names
        path = _parsed(first if ":" in first else f"{first}:", SOMEWHERE)
    else:
        known = connection.directories.get(base & 0xFF) if flag == BY_HANDLE else numbers.get((volume, base))
        path, rest = known or SOMEWHERE, list(names)
    for name in rest:
        path = _parsed(name, path)
    return path


def learn(numbers: Numbers, volume: int, number: int, path: VolumePath) -> None:
    """Note the number of an entry."""
    if path.volume != SOMEWHERE.volume and len(numbers) < MOST:
        numbers[volume, number] = path


def learn_from_info(numbers: Numbers, info: bytes, mask: int, path: VolumePath) -> None:
    """Note the number of an entry from the information about it, in the old style, where it has a fixed place."""
    if mask & 0x0400 and not mask & ONLY_WANTED and len(info) >= 60:
        number, volume = (int.from_bytes(info[at : at + 4], "little") for at in (48, 56))
        learn(numbers, volume, number, path)


def _parsed(text: str, base: VolumePath) -> VolumePath:
    try:
        return VolumePath.parse(text, base)
    except PathError:
        return base
