"""The unit of systemd: its commands as they stand there, and how little the service may do."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakenw.journal.record import read
from tests.programs import LISTEN, PATIENCE, free_port, line, run, started, wait_until

UNIT = Path(__file__).parents[2] / "docker" / "fakenw.service"
LINES = [text for text in UNIT.read_text().splitlines() if "=" in text and not text.startswith("#")]
SETTINGS = dict(text.split("=", 1) for text in LINES)
EXPOSED = 15  # tenths; it was 55

pytestmark = pytest.mark.process


class Service:
    """The service in a folder, with a port of its own for the administration."""

    def __init__(self, folder: Path) -> None:
        (folder / "fakenw.yaml").write_text("server: {licenses: 2}\n")
        self.journal, self.port = folder / "journal.jsonl", free_port()
        self._folder = folder

    def words(self, setting: str) -> list[str]:
        """The command of a setting, in this folder."""
        text = SETTINGS[setting].replace("${CREDENTIALS_DIRECTORY}", str(self._folder)).replace("8524", str(self.port))
        program, *words = shlex.split(text)
        assert program == "/opt/fakenw/bin/fakenw"
        folders = ("/var/lib/fakenw", "/run/fakenw")
        moved = [next((word.replace(one, str(self._folder)) for one in folders if one in word), word) for word in words]
        return line("fakenw", *moved)

    @contextmanager
    def life(self) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """One start of it, and where it listens. It is ready when the command behind its start comes back."""
        with started([*self.words("ExecStart"), *LISTEN]) as server:
            ready = run(self.words("ExecStartPost"), within=60)
            assert ready.returncode == 0, ready.stderr
            assert server.stdout is not None
            yield server, server.stdout.readline().split()[-1]


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    """It is killed while a license is held, started again, and ended as systemd ends it."""
    service = Service(tmp_path)
    with service.life() as (server, address), started(line("harness", "hold", address, "--for", "10m")) as holder:
        wait_until(lambda: '"grant"' in service.journal.read_text(), "the license")
        server.kill()
        server.wait(PATIENCE)
        holder.kill()
    before = service.journal.read_bytes()
    with service.life() as (server, address):
        assert run(line("harness", "hold", address, "--for", "50ms"), within=60).returncode == 0
        server.send_signal(getattr(signal, SETTINGS["KillSignal"]))
        assert server.wait(PATIENCE) == 0  # Restart=on-failure leaves it at that
    assert service.journal.read_bytes().startswith(before)
    records = read(service.journal).records
    assert [record.event for record in records if record.event in ("start", "stop")] == ["start", "start", "stop"]
    assert [record["cause"] for record in records if record.event == "release"] == ["logout"]
    assert records[-1]["holders"] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no program systemd-analyze")
def test_the_service_may_do_little(tmp_path: Path) -> None:
    """By systemd's own scale, in which 10 is everything."""
    command = ("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSED}", "--no-pager", str(UNIT))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no program systemd-analyze")
def test_systemd_reads_every_line_of_the_unit(tmp_path: Path) -> None:
    """With a program that is there it has nothing to say."""
    unit = tmp_path / "fakenw.service"
    unit.write_text(UNIT.read_text().replace("/opt/fakenw/bin/fakenw", sys.executable))
    done = subprocess.run(("systemd-analyze", "verify", str(unit)), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
