"""Where runs on real time leave their journals when no report was asked for: one place, the last few commands.

Rules of this file:

* The place is the folder ``fakenw-runs-UID`` of the temporary directory, which its user alone can read.
* Each command has a folder there, with the folders of a report in it: SCENARIO/VARIANT. A run that ended as expected
  removes its own.
* A command that begins to keep something removes what is older than the last few. It leaves alone the folder of a
  command that still runs: that holds a lock on it, which the kernel releases even if the command is killed.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which removes no file that is open
    fcntl = None  # type: ignore[assignment]

KEPT = 5  # commands


class KeptRuns:
    """The folders of one command."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._folder: Path | None = None
        self._held: int | None = None

    def folder(self, below: Path) -> Path:
        """An empty folder for a run, at *below*, which no other run of the command has."""
        with self._mutex:
            if self._folder is None:
                self._begin()
            assert self._folder is not None
            made = self._folder / below
            made.mkdir(parents=True)
            return made

    def drop(self, folder: Path) -> None:
        """Remove the folder of a run, and those around it that are empty then."""
        with self._mutex:
            shutil.rmtree(folder)
            while (folder := folder.parent) != self._folder:
                with suppress(OSError):
                    folder.rmdir()

    def close(self) -> None:
        """The command has ended."""
        if self._folder is not None:
            with suppress(OSError):
                self._folder.rmdir()  # where nothing is kept
        if self._held is not None:
            os.close(self._held)

    def _begin(self) -> None:
        place = _place()
        self._folder = Path(tempfile.mkdtemp(prefix="run-", dir=place))
        self._held = _lock(self._folder)
        others = [one for one in place.glob("run-*") if one != self._folder and one.is_dir()]
        for old in sorted(others, key=_changed, reverse=True)[KEPT - 1 :]:
            held = _lock(old)
            if held is not None or fcntl is None:
                shutil.rmtree(old, ignore_errors=True)
            if held is not None:
                os.close(held)


def _place() -> Path:
    """The place, made where it is missing; another folder where it is another user's."""
    owner = getattr(os, "getuid", lambda: "")()
    place = Path(tempfile.gettempdir()) / f"fakenw-runs-{owner}"
    with suppress(FileExistsError):
        place.mkdir(0o700)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or (owner != "" and found.st_uid != owner):
        return Path(tempfile.mkdtemp(prefix="fakenw-runs-"))
    return place


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # another command has removed it
        return 0.0


def _lock(folder: Path) -> int | None:
    """A descriptor with the lock of *folder*; None where it is not to be had."""
    if fcntl is None:
        return None
    try:
        held = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held
