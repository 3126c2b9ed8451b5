"""Journals in numbered files: NAME.1.jsonl, NAME.2.jsonl and so on, and the last one under the journal's own name.

The first line of a file says which file of its journal it is (``part``): so one that is missing shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fakenw.journal.record import JournalError, numbered, parse, part_of

_NUMBERED = re.compile(r"(.+)\.([1-9]\d{0,17})(\.[^.]+)?")


def last_files(files: Sequence[Path]) -> list[Path]:
    """*files* without those of an earlier part, whose lines are read with the last file of their journal.

    Raises JournalError where that is not among *files*.
    """
    return [file for file in files if not _is_earlier(file, files)]


def part_at(path: Path) -> int | None:
    """Which file of its journal the one at *path* says to be; None where it says nothing, or has no whole line."""
    try:
        with path.open("rb") as file:
            return part_of(parse(file.readline().decode("utf-8")))
    except (OSError, ValueError):
        return None


def remove_earlier(path: Path) -> None:
    """Remove the numbered files of the journal at *path*. Raises OSError."""
    last = part_at(path) or 1
    for part in range(1, last):
        numbered(path, part).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        if numbered(path, last).samefile(path):
            numbered(path, last).unlink()


def _is_earlier(file: Path, files: Sequence[Path]) -> bool:
    match = _NUMBERED.fullmatch(file.name)
    if match is None or not file.is_file():
        return False
    part, last = int(match[2]), file.with_name(match[1] + (match[3] or ""))
    if numbered(last, part) != file:
        return False
    # Both names are of one file where a server was killed after it gave the file its number.
    goes_on = last.exists() and (part < (part_at(last) or 1) or last.samefile(file))
    if goes_on and last in files:
        return True
    if goes_on or part_at(file) == part:
        raise JournalError(f"{file} is file {part} of the journal that ends with {last}; expected that as well")
    return False
