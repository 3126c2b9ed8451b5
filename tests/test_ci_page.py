"""The recipe of docs/ci.md, run as it stands there but for the port."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT, blocks
from tests.programs import CLIENTS, free_port, wait_until

PAGE = ROOT / "docs" / "ci.md"
AGENT = '#!/bin/sh\nexec perl {perl} --transport tcp {how} "$1" "$2"\n'

pytestmark = pytest.mark.process


def recipe(tmp_path: Path, port: int, how: str = "") -> subprocess.CompletedProcess[str]:
    """Run it with an agent that ends as *how* says."""
    (text,) = (block.content for block in blocks(PAGE) if block.mark == "test_ci_page.py")
    agent = tmp_path / "my-agent"
    agent.write_text(AGENT.format(perl=CLIENTS / "ncp.pl", how=how))
    agent.chmod(0o755)
    shorter = text.replace("10524", str(port)).replace("30s", "3s" if how == "never" else "20s")
    path = f"PATH={Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(
        ["env", path, "bash", "-c", shorter], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )


def test_an_agent_that_logs_out(tmp_path: Path) -> None:
    done = recipe(tmp_path, free_port())
    assert (done.returncode, "every license was given back" in done.stdout) == (0, True), done.stderr
    assert 'failures="0"' in (tmp_path / "result.xml").read_text()
    wait_until(lambda: not (tmp_path / "ready.json").exists(), "the end of the server")


def test_an_agent_that_does_not(tmp_path: Path) -> None:
    done = recipe(tmp_path, free_port(), "--no-logout")
    assert (done.returncode, "the server reclaimed it when the socket closed" in done.stdout) == (1, True)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Whatever listens there is not judged."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = recipe(tmp_path, taken.getsockname()[1], "never")
    assert (done.returncode, "Address already in use" in done.stderr) == (3, True)
    assert not (tmp_path / "result.xml").exists()
