"""Clients over TCP that ask and do not read, on real sockets: what the server keeps for them is bounded.

The tests run on Twisted's transports, and the last one runs the others once more on Twisted's asyncio reactor.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from fakenw.core.peer import TCP, Peer
from fakenw.core.streams import REPLIES_AT_ONCE
from fakenw.health import visit
from fakenw.transports.reactor_host import QUEUE, StreamRoute
from fakenw.wire import packet as ncp
from fakenw.wire.framing import LARGEST_FRAME, TNCP, Deframer, frame_request
from fakenw.wire.packet import RequestPacket
from fakenw.wire.requests import files, server
from harness.judge.audit import books_balance
from tests.fakenw.administered_server import DEADLINE, Client, Served
from tests.fakenw.transports.test_transports import Serving, in_reactor

SIZE = 8_192  # of a read
BURST = 4_000  # reads, 32 MB: more than the buffers of any kernel take
MOST = QUEUE + REPLIES_AT_ONCE + LARGEST_FRAME


class Greedy(Client):
    """A client that has logged in and opened a file, and then reads it over and over with one burst of requests."""

    def __init__(self, address: tuple[str, int]) -> None:
        there: Any = SimpleNamespace(addresses={"tcp": address})
        super().__init__(there, "tcp")
        self.handle = files.OpenedFile.decode(self.call(files.OpenFile(0, 6, 0x01, "V:BIG.DAT"))).handle

    def burst(self) -> None:
        read = files.ReadFile(0, self.handle, 0, SIZE)
        packets = (
            RequestPacket(ncp.REQUEST, number & 0xFF, self.number, 1, read.function, read.body())
            for number in range(BURST)
        )
        self.socket.sendall(b"".join(frame_request(packet.encode()) for packet in packets))

    def read_all(self) -> list[int]:
        """The sequences of all replies to the burst."""
        found: list[int] = []
        deframer = Deframer(TNCP)
        while len(found) < BURST:
            data = self.socket.recv(1 << 20)
            assert data, f"the server closed the socket after {len(found)} replies"
            found += [ncp.decode_reply(packet).sequence for packet in deframer.feed(data)]
        return found

    def until_closed(self) -> None:
        """Read what is left, up to the end of the connection, which the server has aborted."""
        try:
            while self.socket.recv(1 << 20):
                pass
        except ConnectionResetError:
            return


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    (folder / "BIG.DAT").write_bytes(bytes(SIZE))
    return folder


@pytest.fixture
def begin(tmp_path: Path, volume: Path) -> Iterator[Callable[..., Serving]]:
    """Starts a server, with a volume; it is stopped at the end, and its books balance."""
    started: list[Serving] = []

    def start(**settings: Any) -> Serving:
        started.append(Serving(tmp_path, mounts={"V": (volume, False)}, **settings))
        return started[-1]

    yield start
    for serving in started:
        pytest_twisted.blockon(serving.running.stop())
        assert serving.records()[-1].event == "stop"
        assert books_balance(serving.journal()) == []


def streams(serving: Serving) -> list[StreamRoute]:
    return list(serving.running._host._streams.values())


async def greedy(serving: Serving) -> Greedy:
    """A client whose burst has filled the server's queue to it."""
    client = await deferToThread(Greedy, serving.addresses[TCP])
    client.burst()
    await serving.until(lambda: serving.running._host.delivery._full)
    return client


@in_reactor
async def test_a_client_that_does_not_read(begin: Callable[..., Serving]) -> None:
    """Its requests wait, others are served, and when it reads all replies come, in order."""
    serving = begin()
    client = await greedy(serving)
    for _ in range(3):
        said = await deferToThread(visit, Peer(TCP, serving.addresses[TCP]))
        assert said.startswith("FAKENW answers")
        (connection,) = serving.running._server.table.by_number.values()
        assert streams(serving)[0].queued() <= MOST
        assert connection.requests < BURST
    assert await deferToThread(client.read_all) == [number & 0xFF for number in range(BURST)]
    await deferToThread(client.call, server.GetServerTime())
    client.close()
    assert await serving.until_ended() == "destroy"  # of a visit
    await serving.until(lambda: serving.records()[-1].get("cause") == "lost")


@in_reactor
async def test_a_client_that_never_reads(begin: Callable[..., Serving]) -> None:
    """Its license is taken back, and its socket is closed."""
    serving = begin(stalled_after=0.2)
    client = await greedy(serving)
    assert await serving.until_ended() == "stalled"
    taken = [(record.event, record["cause"]) for record in serving.records() if record.event in ("shut", "release")]
    assert taken == [("shut", "stalled"), ("release", "stalled")]
    await deferToThread(client.until_closed)
    await serving.until(lambda: not streams(serving))
    client.close()


@in_reactor
async def test_a_client_that_exits_without_reading(begin: Callable[..., Serving]) -> None:
    """Nothing is read from it, and its end is noticed all the same."""
    serving = begin()
    client = await greedy(serving)
    client.close()
    assert await serving.until_ended() == "lost"
    assert not serving.running._server.kept


@in_reactor
async def test_a_server_stops_beside_a_client_that_does_not_read(begin: Callable[..., Serving]) -> None:
    """The fixture stops it; the client is a holder."""
    serving = begin()
    client = await greedy(serving)
    await serving.running.stop()
    assert [holder["user"] for holder in serving.records()[-1]["holders"]] == ["GUEST"]
    client.close()
    for stream in streams(serving):  # a process would end here, and its sockets with it
        stream.abort()
    await serving.until(lambda: not streams(serving))


def test_a_signal_during_a_stall(serve: Callable[..., Served], volume: Path) -> None:
    """A process, on its own event loop: one client reads late, the other never, and the server ends in order."""
    served = serve("--volume", f"V={volume}")
    late, never = (Greedy(served.addresses["tcp"]) for _ in range(2))
    for client in (late, never):
        client.burst()
    assert visit(Peer(TCP, served.addresses["tcp"])).startswith("FAKENW answers")
    assert late.read_all() == [number & 0xFF for number in range(BURST)]
    served.send_signal(signal.SIGTERM)
    assert served.process.wait(DEADLINE) == 0
    for client in (late, never):
        client.close()


def test_the_same_on_asyncio(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above, on Twisted's asyncio reactor."""
    monkeypatch.setenv("REACTOR_WANTED", "AsyncioSelectorReactor")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    root = Path(__file__).parents[3]
    monkeypatch.chdir(root)
    options = ("-q", "-m", "not process", "-p", "no:cacheprovider", "--reactor=asyncio", "--rootdir", str(root))
    done = pytester.runpytest_subprocess(*options, "-c", "pyproject.toml", __file__)
    done.assert_outcomes(passed=4, deselected=2)
