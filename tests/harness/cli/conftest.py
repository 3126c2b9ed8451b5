"""A scenario of the user's own, for the commands."""

from __future__ import annotations

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


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A scenario of the user's own: the bug, and nothing that expects it."""
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    return path
