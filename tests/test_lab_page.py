"""The commands of docs/lab.md, run as they stand there but for ports and addresses."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fakenw.admin.client import AdminClient
from tests.harness.customer_files import ENTRY
from tests.pages import ROOT, blocks
from tests.programs import PATIENCE, free_port, line, started, wait_until

DIAGNOSE, SERVE, JUDGE = (
    block.content for block in blocks(ROOT / "docs" / "lab.md") if block.mark == "test_lab_page.py"
)
(LIST,) = (block.content for block in blocks(ROOT / "docs" / "lab.md") if block.language == "text")
BASH = ("env", f"PATH={Path(sys.executable).parent}:/usr/bin:/bin", "bash", "-e", "-c")

pytestmark = pytest.mark.process


def test_what_the_customer_sends(tmp_path: Path) -> None:
    """The shown list, another one half an hour later, and the registries of both machines."""
    (tmp_path / "1330.txt").write_text(LIST)
    (tmp_path / "1400.txt").write_text(LIST.replace("4001", "4077"))
    for name, count in (("pc7.reg", 0), ("pc9.reg", 1)):
        entry = ENTRY.format(n=1, account="NWREADER", persistence=count, reference=count).replace("HOP", "FS1")
        (tmp_path / name).write_text(f"REGEDIT4\r\n\r\n{entry}")
    done = subprocess.run([*BASH, DIAGNOSE], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "2 licenses of FS1"
    assert done.stdout.splitlines()[-1].startswith("Q257223 (certain): connection 7 on FS1 of NWREADER at 10.0.0.7")


def test_the_same_client_in_front_of_fakenw(tmp_path: Path) -> None:
    """The work is marked as done while the client holds its license; then the client logs out."""
    ncp, admin = free_port(), free_port()
    serve, judge = (
        text.replace("0.0.0.0:524", f"127.0.0.1:{ncp}").replace("8524", str(admin)) for text in (SERVE, JUDGE)
    )
    client = line("harness", "hold", f"127.0.0.1:{ncp}", "--user", "SMSCLIENT_GS1:SECRET")
    with started([*BASH, f"exec {serve}"], cwd=tmp_path) as server:
        assert server.stdout is not None
        assert any("listening admin" in said for said in iter(server.stdout.readline, ""))
        administration = AdminClient(f"http://127.0.0.1:{admin}")
        with started(client) as holder:
            wait_until(lambda: administration.get("/api/licenses")["held"] == 1, "the license")
            administration.post("/api/mark", {})
            holder.send_signal(signal.SIGINT)
            assert holder.wait(PATIENCE) == 0
        done = subprocess.run([*BASH, judge], cwd=tmp_path, capture_output=True, text=True, timeout=100)
        server.terminate()
        assert server.wait(PATIENCE) == 0
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every license was given back" in done.stdout
    assert "journal: released" in done.stdout
    assert (tmp_path / "capture.pcap").exists()
