"""The commands in this process: their signals, and a scenario of the user's own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

MINE = r"""format: 1
id: mine
title: my own client
source: here
servers: [{name: FAKENW}]
clients:
  - name: workstation
    script:
      - nal.open: {path: 'NWBIND:\\FAKENW\SYS\CAP_GS1\', owner: SMSCCMBootAcct}
      - apm.open: {file: 'SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR'}
      - nal.close
      - wait: 10m
      - apm.close
      - wait: 4h
"""


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The commands take signals for themselves; in a test they run in our own process."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, action in zip(numbers, before, strict=True):
        signal.signal(number, action)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A scenario of the user's own: the bug, and nothing that expects it."""
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    return path
