"""A server on real sockets in this process's reactor: Twisted's transports on the default one, asyncio's on its own.

The last test runs the others once more, on Twisted's asyncio reactor.
"""

from __future__ import annotations

import gc
import os
import socket
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from fakenw.cli.running import CannotRun, RunningServer, build
from fakenw.core.peer import TCP, UDP, Peer, Transport
from fakenw.core.stall_watch import STALLED_AFTER
from fakenw.health import visit
from fakenw.journal.record import Journal, Record, read
from fakenw.transports.asyncio_transports import AsyncioTcpListener
from fakenw.transports.tcp import TcpListener
from fakenw.wire import packet as ncp
from fakenw.wire.framing import frame_request
from fakenw.wire.packet import RequestPacket
from harness.client.attachment import Account
from harness.runners.hold import hold

WITHIN = 30.0  # seconds that anything may take on a busy machine
CREATE = RequestPacket(ncp.CREATE, 0, ncp.NO_CONNECTION, 1, 0, b"").encode()
reactor: Any = installed
both = pytest.mark.parametrize("transport", [TCP, UDP], ids=["tcp", "udp"])


def in_reactor(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., object]:
    """Let the coroutine run in the reactor (pytest-twisted's decorator has no types)."""
    decorated: Callable[..., object] = pytest_twisted.ensureDeferred(test)
    return decorated


class Serving:
    """A server, and its journal so far."""

    def __init__(
        self,
        folder: Path,
        mounts: Mapping[str, tuple[Path, bool]] | None = None,
        stalled_after: float = STALLED_AFTER,
        **settings: Any,
    ) -> None:
        self._journal = folder / "journal.jsonl"
        self.running = RunningServer(build({"seed": 1, **settings}, mounts or {}), reactor, self._fail, stalled_after)
        self.lines = self.running.listen([Peer(TCP, ("127.0.0.1", 0)), Peer(UDP, ("127.0.0.1", 0))])
        self.addresses = {peer.transport: peer.address for peer in self.running._server.addresses}
        self.running.start(str(self._journal), None)

    def journal(self) -> Journal:
        return read(self._journal)

    def records(self) -> list[Record]:
        return self.journal().records

    async def until(self, condition: Callable[[], Any]) -> None:
        """Let the reactor run until it is so."""
        deadline = time.monotonic() + WITHIN
        while not condition():
            assert time.monotonic() < deadline, self.records()
            await deferLater(reactor, 0.005)

    async def until_ended(self) -> str:
        """The cause of the first connection's end."""
        await self.until(lambda: any(record.event == "close" for record in self.records()))
        return next(str(record["cause"]) for record in self.records() if record.event == "close")

    def _fail(self, problem: OSError, what: str) -> None:
        raise problem


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Starts a server with settings of ``Config``; it is stopped at the end."""
    started: list[Serving] = []

    def start(**settings: Any) -> Serving:
        started.append(Serving(tmp_path, **settings))
        return started[-1]

    yield start
    for serving in started:
        pytest_twisted.blockon(serving.running.stop())
        assert serving.records()[-1].event == "stop"


def test_the_edge_is_that_of_the_reactor(serve: Callable[..., Serving]) -> None:
    """A later run of this file names the reactor that it wants."""
    kind = type(reactor).__name__
    assert kind == os.environ.get("REACTOR_WANTED", kind)
    expected = AsyncioTcpListener if kind == "AsyncioSelectorReactor" else TcpListener
    assert serve().running._edges[TCP] is expected


@both
@in_reactor
async def test_a_visit(serve: Callable[..., Serving], transport: Transport) -> None:
    """A client attaches, asks, and ends its connection, which stands in the journal with its address."""
    serving = serve()
    said = await deferToThread(visit, Peer(transport, serving.addresses[transport]))
    assert said == "FAKENW answers, 1 connections in use"
    assert await serving.until_ended() == "destroy"
    (created,) = (record for record in serving.records() if record.event == "create")
    assert created["station"].startswith(f"{transport.name}:127.0.0.1:")


@both
@in_reactor
async def test_a_license(serve: Callable[..., Serving], transport: Transport) -> None:
    """A client logs in and out; several requests and replies in a row."""
    serving = serve()
    held: list[str] = []
    options: dict[str, Any] = {"log_out": True, "report": held.append}
    options |= {"connected": lambda: None, "stopped": lambda: True}
    problem = await deferToThread(hold, serving.addresses[transport], transport, Account("GUEST"), 0, **options)
    assert (problem, len(held)) == (None, 2)
    moves = [(record.event, record["cause"]) for record in serving.records() if record.event in ("grant", "release")]
    assert [event for event, _ in moves] == ["grant", "release"]
    assert moves[1][1] == "logout"


@in_reactor
async def test_the_end_of_a_stream_is_the_end_of_its_connection(serve: Callable[..., Serving]) -> None:
    """The client's process is gone, and its kernel has closed the socket."""
    serving = serve()
    with socket.create_connection(serving.addresses[TCP]) as client:
        client.sendall(frame_request(CREATE))
        await serving.until(lambda: serving.records()[-1].event == "state")
    assert await serving.until_ended() == "lost"


@in_reactor
async def test_the_server_ends_a_stream_that_is_no_ncp(serve: Callable[..., Serving]) -> None:
    """What came whole ahead of the garbage is answered first."""
    serving = serve()

    def talk() -> bytes:
        with socket.create_connection(serving.addresses[TCP], timeout=WITHIN) as client:
            client.sendall(frame_request(CREATE) + b"GET / HTTP/1.0\r\n\r\n")
            received = b""
            while data := client.recv(4096):
                received += data
            return received

    assert (await deferToThread(talk))[:4] == b"tNcP"
    assert await serving.until_ended() == "lost"


@in_reactor
async def test_the_timer_runs(serve: Callable[..., Serving]) -> None:
    """A station over UDP that is silent is asked, and cleared."""
    serving = serve(speed=2000.0)
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect(serving.addresses[UDP])
        client.send(CREATE)
        assert await serving.until_ended() == "watchdog"
        client.settimeout(WITHIN)
        client.recv(100)
        asked = client.recv(100)
    assert (ncp.packet_type(asked), asked[-1:]) == (ncp.WATCHDOG, b"?")


@both
def test_a_port_that_is_taken(serve: Callable[..., Serving], transport: Transport) -> None:
    """One sentence says which, why, and what would help."""
    serving = serve()
    host, port = serving.addresses[transport]
    other = RunningServer(build({"seed": 2}, {}), reactor, serving._fail)
    sentence = f"cannot listen on {transport.name} {host}:{port}: Address already in use; port 0 picks a free one"

    def refusal() -> str:
        try:
            return f"it listens: {other.listen([Peer(transport, (host, port))])}"
        except CannotRun as problem:
            return str(problem)

    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        assert refusal() == sentence
        gc.collect()  # Twisted leaves a socket of UDP that it could not bind to the collector, which warns


@pytest.mark.skipif("REACTOR_WANTED" in os.environ, reason="this is that run")
def test_the_same_on_asyncio(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above, on Twisted's asyncio reactor."""
    monkeypatch.setenv("REACTOR_WANTED", "AsyncioSelectorReactor")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    root = Path(__file__).parents[3]
    monkeypatch.chdir(root)
    options = ("-q", "-p", "no:cacheprovider", "--reactor=asyncio", "--rootdir", str(root), "-c", "pyproject.toml")
    done = pytester.runpytest_subprocess(*options, __file__)
    done.assert_outcomes(passed=10, skipped=1)
