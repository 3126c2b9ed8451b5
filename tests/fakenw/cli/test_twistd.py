"""The server as a service of Twisted's daemon, as somebody has it who installed our wheel."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from fakenw.core.peer import Peer
from fakenw.health import visit
from fakenw.journal.record import read
from tests.fakenw.transports.ipx.wire_client import Datagrams, Stream, WireClient

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
DEADLINE = 60.0  # seconds


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_everything(installed: Path) -> None:
    """The page, the scenarios, the template, the plugins."""
    for file in (
        "fakenw/admin/page/index.html",
        "harness/scenario/scenarios/Q257223.yaml",
        "harness/cli/template.yaml",
        "fakenw/py.typed",
    ):
        assert (installed / file).is_file(), file
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "harness.testing.pytest_plugin" in points.read_text()


@pytest.mark.parametrize("reactor", ["default", "asyncio"])
def test_twistd_runs_it(installed: Path, tmp_path: Path, reactor: str) -> None:
    """From its configuration, until SIGTERM; the journal ends in order. Its links of IPX are those of any reactor."""
    config, journal = tmp_path / "lab.yaml", tmp_path / "journal.jsonl"
    listen = ", ".join(f"'{link}:127.0.0.1:0'" for link in ("tcp", "udp", "ipx:qemu", "ipx:stream"))
    config.write_text(f"server: {{name: DAEMON, listen: [{listen}]}}\n")
    command = [
        str(Path(sys.executable).with_name("twistd")),
        "-n",
        "--pidfile=",
        f"--reactor={reactor}",
        "fakenw",
        "--config",
        str(config),
    ]
    command += ["--journal", str(journal), "--rotate", "1", "--admin", "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as daemon:
        ports, said, deadline = dict[str, int](), "", time.monotonic() + DEADLINE
        assert daemon.stdout is not None
        for line in daemon.stdout:
            said += line
            if found := re.search(r"listening (tcp|udp|ipx qemu|ipx stream)[ :]127\.0\.0\.1:(\d+)", line):
                ports[found[1]] = int(found[2])
            if "listening admin http://127.0.0.1:" in line or time.monotonic() > deadline:
                break
        assert len(ports) == 4, said
        for transport in ("tcp", "udp"):
            said = visit(Peer.parse(f"{transport}:127.0.0.1:{ports[transport]}"))
            assert said == "DAEMON answers, 1 connections in use"
        guest = Datagrams(("127.0.0.1", ports["ipx qemu"]))
        with guest.socket, socket.create_connection(("127.0.0.1", ports["ipx stream"])) as stream:
            assert WireClient(guest).log_in() == "DAEMON"
            assert WireClient(Stream(stream), node=bytes.fromhex("525400ABCDEF")).log_in() == "DAEMON"
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=DEADLINE)
    assert len(list(tmp_path.glob("*.jsonl"))) > 2
    records = read(journal).records
    assert (records[0]["server"], records[0].event, records[-1].event) == ("DAEMON", "start", "stop")
    assert [record["cause"] for record in records if record.event == "close"] == ["destroy"] * 2


def test_a_mistake_is_told(installed: Path, tmp_path: Path) -> None:
    """With file and line, as everywhere."""
    config = tmp_path / "lab.yaml"
    config.write_text("server: {nmae: X}\n")
    command = [
        str(Path(sys.executable).with_name("twistd")),
        "-n",
        "--pidfile=",
        "--reactor=asyncio",
        "fakenw",
        "--config",
        str(config),
    ]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode != 0
    assert "lab.yaml:1: server.nmae: unknown key" in done.stdout + done.stderr
