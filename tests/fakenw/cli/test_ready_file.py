"""A server says in a file that it is ready, and which one it is; and it can end with another process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fakenw.admin.ready_file import ReadyServer
from fakenw.server_process import ServerProcess
from tests.programs import LISTEN, PATIENCE, harness, line, run, wait_until

pytestmark = pytest.mark.process


def serving(file: Path, *more: object) -> ServerProcess:
    return ServerProcess(*LISTEN, "--admin", "127.0.0.1:0", "--ready-file", file, *more)


def test_it_says_where_and_which(tmp_path: Path) -> None:
    """The file is there once the server listens, whole, and gone when it has stopped in order."""
    file = tmp_path / "ready.json"
    file.write_text("of an earlier start")
    with serving(file) as server:
        wait_until(lambda: file.exists() and file.read_text() != "of an earlier start", "the ready file")
        ready = ReadyServer.read(file)
        assert (ready.pid, ready.admin) == (server.process.pid, server.admin)
        assert ready.tcp == (":".join(map(str, server.addresses["tcp"])),)
        assert ready.udp == (":".join(map(str, server.addresses["udp"])),)
        for transport in ("tcp", "udp"):
            waited = run(line("fakenw", "wait", file, "--transport", transport))
            assert (waited.returncode, waited.stdout) == (0, f"{file} answers NCP over {transport}\n")
        asserted = harness("assert", file, "--released", "--within", "0s")
        assert (asserted.returncode, "nothing was licensed" in asserted.stdout) == (1, True)
        assert server.stop() == 0
    assert os.listdir(tmp_path) == []


def test_another_server_is_not_taken_for_it(tmp_path: Path) -> None:
    """It was killed, and another one listens at its addresses."""
    file = tmp_path / "ready.json"
    with serving(file) as first:
        wait_until(file.exists, "the ready file")
        old = json.loads(file.read_text())
        first.kill()
    with serving(tmp_path / "other.json") as other:
        wait_until((tmp_path / "other.json").exists, "the other ready file")
        new = json.loads((tmp_path / "other.json").read_text())
        file.write_text(json.dumps({**new, "instance": old["instance"], "pid": old["pid"]}))
        waited = run(line("fakenw", "wait", file, "--for", "100ms"))
        assert (waited.returncode, "does not answer NCP over tcp within 0.1 s" in waited.stderr) == (3, True)
        asserted = harness("assert", file, "--released", "--within", "0s")
        assert (asserted.returncode, old["instance"] in asserted.stdout + asserted.stderr) == (3, True)
        assert other.stop() == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("{}", "is no file of fakenw serve --ready-file"), (None, "is not HOST:PORT, nor a file")],
)
def test_a_file_that_is_none(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "ready"
    if content is not None:
        file.write_text(content)
    waited = run(line("fakenw", "wait", file))
    assert (waited.returncode, message in waited.stderr) == (2, True)


def test_it_ends_with_another_process() -> None:
    """Also where that was killed, and its parent has not asked how it ended."""
    companion = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with ServerProcess(*LISTEN, "--until-exit-of", companion.pid, program=line("fakenw", "serve")) as server:
        companion.send_signal(signal.SIGKILL)
        assert server.process.wait(PATIENCE) == 0
    companion.wait()


def test_a_companion_that_is_not_there() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    done = run(line("fakenw", "serve", *LISTEN, "--until-exit-of", ended.pid))
    assert (done.returncode, done.stderr) == (2, f"fakenw: --until-exit-of {ended.pid}: there is no such process\n")


KILLED = """
import os, signal
def test_it(netware):
    print(f"server {netware._process.process.pid}", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_server_of_a_test_ends_with_pytest(tmp_path: Path) -> None:
    """pytest is killed; nothing of it is left."""
    (tmp_path / "test_it.py").write_text(KILLED)
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "test_it.py"]
    done = run(command, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    (pid,) = re.findall(r"server (\d+)", done.stdout)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the server")
