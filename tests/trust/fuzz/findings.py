"""An input that a target does not bear: made small, and kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.trust.fuzz.targets import Target, target

MOST_TRIES = 2000


def raised(tried: Target, data: bytes) -> Exception | None:
    """What *tried* raises for *data*, if anything."""
    try:
        tried(data)
    except Exception as problem:
        return problem
    return None


def minimised(tried: Target, data: bytes) -> bytes:
    """A part of *data* for which the same is raised, from which no piece can be taken away any more."""
    kind, tries, size = type(raised(tried, data)), 0, max(1, len(data) // 2)
    while True:
        at, before = 0, len(data)
        while at < len(data) and tries < MOST_TRIES:
            tries += 1
            shorter = data[:at] + data[at + size :]
            if type(raised(tried, shorter)) is kind:
                data = shorter
            else:
                at += size
        if tries == MOST_TRIES or (size == 1 and len(data) == before):
            return data
        size = max(1, size // 2)


def keep(name: str, data: bytes, folder: Path) -> tuple[Path, str]:
    """Write a finding of the target *name* into *folder*, as small as it gets; its file, and what it is."""
    tried = target(name)
    problem = raised(tried, data)
    if problem is not None:
        data = minimised(tried, data)
        problem = raised(tried, data)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path, "too slow, or too large" if problem is None else f"{type(problem).__name__}: {problem}"
