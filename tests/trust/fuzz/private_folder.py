"""A directory for the inputs of readers that need a file."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def private_folder() -> Path:
    """A private directory of this process."""
    folder = Path(tempfile.mkdtemp(prefix="fakenw-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
