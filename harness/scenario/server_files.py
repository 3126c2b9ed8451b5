"""The files of a scenario's servers: each has the volume SYS that ``fakenw serve`` has."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from difflib import get_close_matches

from fakenw.volumes.directory_tree import Directory, PathError
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import VolumePath, Volumes


@functools.cache
def files() -> tuple[str, ...]:
    """Each file, as VOLUME:DIRECTORY/FILE."""
    return tuple(f"SYS:{path}" for path in _below(sms_tree(), ""))


def exists(path: str) -> bool:
    """Whether a client can open *path*."""
    try:
        found = _volumes().look_up(VolumePath.parse(path))
    except PathError:
        return False
    return not found.entry.is_directory


def nearest(path: str) -> str | None:
    """The file with the most similar path; None where none is similar."""
    return next(iter(get_close_matches(path.upper().replace("\\", "/"), files(), n=1)), None)


@functools.cache
def _volumes() -> Volumes:
    return Volumes([("SYS", sms_tree())])


def _below(folder: Directory, path: str) -> Iterator[str]:
    for name in folder.names():
        child = folder.child(name)
        if isinstance(child, Directory):
            yield from _below(child, f"{path}{name}/")
        else:
            yield f"{path}{name}"
