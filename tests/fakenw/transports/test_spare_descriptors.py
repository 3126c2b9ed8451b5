"""A server that is out of descriptors: one line a minute, and all goes on but for new clients over TCP."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from fakenw.core.peer import TCP
from fakenw.journal.record import read
from fakenw.journal.sentences import sentence
from fakenw.transports import spare_descriptors
from fakenw.transports.spare_descriptors import SpareDescriptors
from harness.judge.audit import books_balance
from tests.fakenw.administered_server import DEADLINE, Client, Served, wait_for
from tests.fakenw.transports.test_transports import Serving, in_reactor


@pytest.mark.parametrize(
    ("limit", "usable"), [(1 << 20, (1 << 20) - 320), (1024, 896), (64, 56), (resource.RLIM_INFINITY, 1 << 40)]
)
def test_the_last_descriptors(limit: int, usable: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    told: list[int] = []
    spare = SpareDescriptors(Clock().callLater, told.append)
    assert spare.are_kept(usable - 1)
    assert spare.are_kept(usable) == (limit == resource.RLIM_INFINITY)
    assert told == ([] if limit == resource.RLIM_INFINITY else [1])


def test_one_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first client at once, the others after a minute, and what is left at the end: each client is in one line."""
    monkeypatch.setattr(spare_descriptors, "_limit", lambda: 0)
    clock, told = Clock(), list[tuple[float, int]]()
    spare = SpareDescriptors(clock.callLater, lambda clients: told.append((clock.seconds(), clients)))
    for _ in range(1000):
        spare.are_kept(9)
        clock.advance(0.125)
    clock.pump([0.125] * 800)
    assert told == [(0, 1), (60, 479), (120, 480), (180, 40)]
    clock.advance(100)
    for _ in range(3):
        spare.are_kept(9)
    spare.stop()
    assert told[4:] == [(325, 1), (325, 2)]
    assert clock.getDelayedCalls() == []


@in_reactor
async def test_on_twisted_transports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client is disconnected, those before go on, and the next one is served when there is room."""
    serving = Serving(tmp_path)
    there: Any = SimpleNamespace(addresses={"tcp": serving.addresses[TCP]})
    before = await deferToThread(Client, there, "tcp")
    with monkeypatch.context() as patched:
        patched.setattr(spare_descriptors, "_limit", lambda: 0)
        late = socket.create_connection(serving.addresses[TCP], DEADLINE)
        with late, pytest.raises(ConnectionResetError):
            await deferToThread(late.recv, 1)
    await deferToThread(before.login)
    after = await deferToThread(Client, there, "tcp")
    await serving.running.stop()
    for client in (before, after):
        client.close()
    journal = serving.journal()
    assert books_balance(journal) == []
    (line,) = [n for n, record in enumerate(journal.records) if record.event == "unserved"]
    said = sentence(journal.records[line])
    assert said is not None
    assert said.endswith("out of descriptors: clients over TCP that were disconnected at once: 1")
    broken = replace(journal.records[line], fields={**journal.records[line].fields, "clients": -1})
    journal.records[line] = broken
    assert [problem.line for problem in books_balance(journal)] == [line + 1]


@pytest.mark.process
def test_out_of_descriptors(tmp_path: Path) -> None:
    """Clients over TCP are disconnected; UDP, the administration, the journal's next file and earlier clients go on."""
    with Served(tmp_path, "--licenses", "1000", "--rotate", "4K") as server, ExitStack() as open_sockets:
        before = Client(server, "tcp")
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (64, hard))
        for _ in range(20):  # idle ones, which the next operator replaces
            open_sockets.enter_context(socket.create_connection(server.admin_address, DEADLINE))
        assert server.get("/api/licenses")["held"] == 1
        for _ in range(200):
            open_sockets.enter_context(socket.create_connection(server.addresses["tcp"], DEADLINE))
        late = socket.create_connection(server.addresses["tcp"], DEADLINE)
        with late, pytest.raises((ConnectionResetError, BrokenPipeError, AssertionError)):
            assert late.recv(1) != b""
        assert server.get("/api/licenses")["held"] == 1
        before.login()
        for _ in range(10):
            Client(server, "udp").close()
        assert len(list(tmp_path.glob("*.jsonl"))) > 1
        open_sockets.close()

        def served_again() -> bool:
            try:
                Client(server, "tcp").close()
            except (OSError, AssertionError):
                return False
            return True

        wait_for(served_again)
        before.close()
        assert server.stop() == 0
    assert server.errors.read_text() == ""
    unserved = [record["clients"] for record in read(server.journal).records if record.event == "unserved"]
    assert unserved[0] == 1
    assert len(unserved) <= 3
    assert 100 < sum(unserved) < 250
    assert books_balance(read(server.journal)) == []
