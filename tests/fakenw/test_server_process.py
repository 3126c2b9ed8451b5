"""A server as a process: when it is ready, why it is not, and that no process of it is left."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from fakenw.core.peer import TRANSPORTS, Peer
from fakenw.health import answers
from fakenw.journal.record import read
from fakenw.server_process import ProcessGroup, ServerFailed, ServerProcess
from tests.programs import LISTEN, wait_until

pytestmark = pytest.mark.process

FAMILY = "trap '' TERM; sleep 600 & echo $!; echo listening tcp 127.0.0.1:1; wait"


def alive(pid: int) -> bool:
    """Whether there is a process with that number which is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_is_ready_when_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everywhere that it was asked to, whatever the environment says; and it ends in order."""
    monkeypatch.setenv("FAKENW_LICENSES", "77")
    journal = tmp_path / "journal.jsonl"
    with ServerProcess(*LISTEN, "--admin", "127.0.0.1:0", "--journal", journal) as server:
        assert server.addresses.keys() == {"tcp", "udp"}
        assert all(answers(Peer(TRANSPORTS[name], address)) for name, address in server.addresses.items())
        assert server.admin.startswith("http://127.0.0.1:")
        assert server.code() is None
        assert os.getsid(server.process.pid) == server.process.pid
    assert server.code() == 0
    first, *_, last = read(journal).records
    assert (first["licenses"], last.event) == (5, "stop")


def test_it_ends_before_it_listens(tmp_path: Path) -> None:
    """What it printed last and its exit code say why."""
    server = ServerProcess("--licenses", "many", log=tmp_path / "log")
    with pytest.raises(ServerFailed, match=r"ended with exit code 2: .*'many' is not a valid integer") as why:
        server.ready()
    assert (why.value.code, server.code()) == (2, 2)


def test_it_does_not_listen_in_time() -> None:
    """It is ended, with what it has started."""
    server = ServerProcess("-c", "echo $$; sleep 600; true", program=("sh",))
    with pytest.raises(ServerFailed, match="did not listen in time"):
        server.ready(within=0.2)
    assert server.code() == -signal.SIGKILL


def test_there_is_no_such_program() -> None:
    """That is no server that failed."""
    with pytest.raises(FileNotFoundError):
        ServerProcess(program=("/nowhere/at/all",))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to look for processes in")
def test_a_group_that_ignores_sigterm_is_killed() -> None:
    """The program, and the process that it started."""
    with ServerProcess("-c", FAMILY, program=("sh",)) as server:
        child = int(server.lines()[0])
        assert alive(child)
        assert server.stop(within=0.1) == -signal.SIGKILL
        wait_until(lambda: not alive(child), "the end of the child")


def test_a_suspended_group_is_not_waited_for() -> None:
    """It could not end in order."""
    with ProcessGroup(sys.executable, "-c", "input()") as group:
        group.send_signal(signal.SIGSTOP)
        assert group.stop(within=600) == -signal.SIGKILL
