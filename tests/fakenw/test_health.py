"""The health check: what it says of a server, and what it leaves in the books."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from fakenw.journal.record import read
from tests.programs import serving

pytestmark = pytest.mark.process

BOTH = pytest.mark.parametrize("transport", ["tcp", "udp"])


def check(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it as a container does."""
    command = [sys.executable, "-m", "fakenw.health", *arguments]
    return subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=60)


def events(journal: Path) -> list[str]:
    return [record.event for record in read(journal).records]


@BOTH
def test_it_attaches_reads_and_goes(tmp_path: Path, transport: str) -> None:
    """That stands in the books: one connection more, and one less. Asked without a trace it leaves none."""
    journal = tmp_path / "journal.jsonl"
    with serving(journal, "--name", "LAB") as addresses:
        place = f"{transport}:{addresses[transport]}"
        done = check("--no-trace", place)
        assert (done.returncode, done.stdout) == (0, f"{place}: a server answers\n")
        assert events(journal) == ["start"]
        done = check(place)
        assert (done.returncode, done.stdout) == (0, f"{place}: LAB answers, 1 connections in use\n")
        assert [event for event in events(journal) if event in ("create", "close")] == ["create", "close"]


@BOTH
def test_a_full_server_is_not_sick(tmp_path: Path, transport: str) -> None:
    """No license left for whoever attaches: that is an answer as well."""
    with serving(tmp_path / "journal.jsonl", "--release", "3.12", "--licenses", "0") as addresses:
        done = check(f"{transport}:{addresses[transport]}")
    assert (done.returncode, "a server answers, and has no room left" in done.stdout) == (0, True)


@BOTH
def test_nobody_there(transport: str) -> None:
    """Exit code 1, and which address it is about."""
    with socket.socket(type=socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens or reads
        place = f"{transport}:127.0.0.1:{taken.getsockname()[1]}"
        for more in ([], ["--no-trace"]):
            done = check(*more, place)
            assert (done.returncode, done.stdout.startswith(f"{place}: ")) == (1, True)


def test_somebody_else_there() -> None:
    """A server of another kind is no healthy one."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            stream, _ = other.accept()
            with stream:
                stream.sendall(b"220 mail.example ESMTP\r\n")
                stream.recv(1024)

        thread = threading.Thread(target=greet)
        thread.start()
        done = check(f"tcp:127.0.0.1:{other.getsockname()[1]}")
        thread.join(10)
    assert done.returncode == 1


def test_its_addresses_come_from_the_environment(tmp_path: Path) -> None:
    """From those where the server listens; everywhere is looked for here, and IPX is not asked."""
    with serving(tmp_path / "journal.jsonl") as addresses:
        port = addresses["tcp"].rpartition(":")[2]
        done = check(env={"FAKENW_LISTEN": f"tcp:0.0.0.0:{port} ipx:qemu:127.0.0.1:0 udp:{addresses['udp']}"})
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)


def test_what_is_no_address() -> None:
    """It says what was expected, with the exit code of bad usage."""
    done = check("ipx:00001234:525400123456:0451")
    assert (done.returncode, done.stderr) == (
        2,
        "ipx:00001234:525400123456:0451: IPX is not asked; expected tcp:HOST:PORT or udp:HOST:PORT\n",
    )
    done = check("tcp:524")
    assert (done.returncode, done.stderr) == (
        2,
        "'tcp:524' is not tcp:HOST:PORT or udp:HOST:PORT, for instance tcp:127.0.0.1:0\n",
    )
