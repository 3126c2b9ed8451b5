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

DIAGNOSE, SERVE, WATCH, JUDGE, CLEAR = (
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


class Lab:
    """The server of the page, on free ports, and the operator's shell in front of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ncp, self.admin = folder, free_port(), free_port()

    def here(self, text: str) -> str:
        """A block with the ports and addresses of this server."""
        return text.replace("0.0.0.0:524", f"127.0.0.1:{self.ncp}").replace("8524", str(self.admin))

    def operate(self, text: str) -> str:
        """What the operator reads who types a block, in the shell of the first of them."""
        shell = self.here(text if text == WATCH else f"{WATCH.splitlines()[0]}\n{text}")
        done = subprocess.run([*BASH, shell], cwd=self.folder, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def client(self, user: str) -> list[str]:
        return line("harness", "hold", f"127.0.0.1:{self.ncp}", "--user", user, "--for", "10m")


def test_an_operators_afternoon(tmp_path: Path) -> None:
    """One client gives its license back when it has done; another does not, and is cleared."""
    lab = Lab(tmp_path)
    with started([*BASH, f"exec {lab.here(SERVE)}"], cwd=tmp_path) as server:
        assert server.stdout is not None
        assert any("listening admin" in said for said in iter(server.stdout.readline, ""))
        administration = AdminClient(f"http://127.0.0.1:{lab.admin}")

        def held() -> object:
            return administration.get("/api/licenses")["held"]

        with started(lab.client("SMSCLIENT_GS1:SECRET")) as holder:
            wait_until(lambda: held() == 1, "the license")
            assert "1  SMSCLIENT_GS1  tcp:127.0.0.1:" in lab.operate(WATCH)
            holder.send_signal(signal.SIGINT)
            assert holder.wait(PATIENCE) == 0
        said = lab.operate(JUDGE)
        assert "every license was given back" in said
        assert "journal: released" in said
        with started(lab.client("GUEST")):
            wait_until(lambda: held() == 1, "the license of another client")
            said = lab.operate(CLEAR)
            assert held() == 0
        assert "the client has done its work" in said
        assert "every license was given back" in said
        assert administration.get("/api/server")["logins"] is True
        server.terminate()
        assert server.wait(PATIENCE) == 0
    assert (tmp_path / "capture.pcap").exists()
