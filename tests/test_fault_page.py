"""The commands about faults in docs/lab.md, run as they stand there but for the port."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakenw.administered_server import Client, Served
from tests.pages import ROOT, blocks
from tests.programs import invoke

(FAULTS,) = (block.content for block in blocks(ROOT / "docs" / "lab.md") if block.mark == "test_fault_page.py")
BASH = ("env", f"PATH={Path(sys.executable).parent}:/usr/bin:/bin", "bash", "-e", "-c")

pytestmark = pytest.mark.process


def test_when_its_network_fails(tmp_path: Path) -> None:
    """Each is begun, listed or ended; and of a license that is not given back the reason names those that lay there."""
    with Served(tmp_path) as served:
        client = Client(served)
        text = FAULTS.replace("http://127.0.0.1:8524", served.admin)
        done = subprocess.run([*BASH, text], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[:2] == [
            "fault 1: delay 0.2 s (both), all stations, for 0:05:00",
            "fault 2: silence (out), udp:127.0.0.1:*",
        ]
        assert (len(lines), lines[-1]) == (6, "ended: 2")
        served.post("/api/mark")
        served.stop(30)
        client.close()
    checked = invoke("check", "--within", "0", served.journal)
    assert "leaked: 1 of 1 licenses not released" in checked.output
    assert "meanwhile the server had 2 faults (delay 0.2 s (both), all stations, from" in checked.output
