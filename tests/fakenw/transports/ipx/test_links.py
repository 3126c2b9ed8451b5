"""IPX links over 127.0.0.1: a server in a process of its own, and workstations at the other end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import read
from fakenw.server_process import ServerProcess
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.ipx.packet import IpxAddress, IpxPacket
from harness.judge.audit import books_balance
from tests.fakenw.administered_server import Served
from tests.fakenw.transports.ipx.cable import has_internal_network
from tests.fakenw.transports.ipx.wire_client import Datagrams, Stream, WireClient
from tests.programs import PATIENCE, free_port, line, wait_until

pytestmark = pytest.mark.process
QEMU = "ipx:qemu:127.0.0.1:0"
Guest = Callable[[ServerProcess], Datagrams]
OTHER = bytes.fromhex("525400ABCDEF")


@pytest.fixture
def guest() -> Iterator[Callable[[ServerProcess], Datagrams]]:
    """Makes the other ends of a link of datagrams."""
    made: list[Datagrams] = []

    def make(server: ServerProcess) -> Datagrams:
        made.append(Datagrams(("127.0.0.1", server.addresses["ipx"][1])))
        return made[-1]

    yield make
    for each in made:
        each.socket.close()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def served(journal: Path, *listen: str, **more: Any) -> ServerProcess:
    options = [word for each in listen for word in ("--listen", each)]
    return ServerProcess(
        *options, "--journal", journal, "--ipx-network", "BEEF", log=journal.with_name("errors"), **more
    )


def stations(journal: Path) -> list[str]:
    return [str(record["station"]) for record in read(journal).records if record.event == "create"]


def is_good_bye(packet: IpxPacket) -> bool:
    return packet.data[:2] == b"\0\2" and packet.data[-2:] == b"\0\x10" and packet.destination.socket == 0x0452


@pytest.mark.parametrize("kind", FrameType)
def test_a_workstation_logs_in(journal: Path, guest: Guest, kind: FrameType) -> None:
    """In each frame type it finds the server, learns its network, and is answered in its own type."""
    with served(journal, QEMU) as server:
        assert server.addresses["ipx"][0] == "qemu:127.0.0.1"
        client = WireClient(guest(server), kind)
        assert client.log_in() == "FAKENW"
        network = 0xBEF0 + list(FrameType).index(kind)
        assert client.network == network
        assert client.server == IpxAddress(0xBEEF, bytes.fromhex("000000000001"), 0x0451)
    assert stations(journal) == [f"ipx:{network:08X}:525400123456:4001"]


def test_many_guests_at_one_port(journal: Path, guest: Guest) -> None:
    """The server knows each by its frames; what it says to all goes to each of them, and nothing goes from one to the
    other. When it is ended it says so."""
    with served(journal, QEMU) as server:
        clients = [WireClient(guest(server), node=node) for node in (bytes.fromhex("525400123456"), OTHER)]
        assert [client.log_in() for client in clients] == ["FAKENW", "FAKENW"]
        server.process.send_signal(signal.SIGINT)
        for client in clients:
            client.listen(is_good_bye)
        assert server.process.wait(PATIENCE) == 0
    nodes = {frame.source for client in clients for frame, _ in client.heard}
    assert not nodes & {client.node for client in clients}


def test_a_fixed_peer(journal: Path, guest: Guest) -> None:
    """It hears of the server at once, and nobody else is listened to."""
    peer = Datagrams(("127.0.0.1", 0))
    with peer.socket as own, served(journal, f"{QEMU},peer=127.0.0.1:{own.getsockname()[1]}") as server:
        client, stranger = WireClient(peer), guest(server)
        client.listen(lambda packet: packet.source.socket == 0x0452)
        stranger.send(b"\xff" * 60)
        peer.server = ("127.0.0.1", server.addresses["ipx"][1])
        assert client.log_in() == "FAKENW"
        with pytest.raises(BlockingIOError):
            stranger.receive(0)


def test_streams(journal: Path) -> None:
    """Several guests, one of which leaves; the others go on."""
    with served(journal, "ipx:stream:127.0.0.1:0") as server:
        there = ("127.0.0.1", server.addresses["ipx"][1])
        first, second = (socket.create_connection(there) for _ in range(2))
        with first, second:
            one, two = WireClient(Stream(first)), WireClient(Stream(second), node=OTHER)
            assert [one.log_in(), two.log_in()] == ["FAKENW", "FAKENW"]
            first.close()
            assert two.log_in() == "FAKENW"
            server.process.send_signal(signal.SIGTERM)
            two.listen(is_good_bye)
            assert server.process.wait(PATIENCE) == 0


def test_the_server_connects_to_a_guest(journal: Path) -> None:
    """Which is not there at first, and later for the second time."""
    port = free_port()
    with served(journal, f"ipx:stream:127.0.0.1:{port},connect") as server:
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)) as listening:
                listening.settimeout(PATIENCE)
                guest, _ = listening.accept()
            with guest:
                assert WireClient(Stream(guest)).log_in() == "FAKENW"
        assert server.stop() == 0


def test_a_frame_that_is_too_long_ends_its_stream(journal: Path) -> None:
    with served(journal, "ipx:stream:127.0.0.1:0") as server:
        there = ("127.0.0.1", server.addresses["ipx"][1])
        with socket.create_connection(there, PATIENCE) as bad, socket.create_connection(there) as good:
            bad.sendall(b"\xff" * 4)
            while bad.recv(65_535):  # what the server says of itself, then the end
                pass
            assert WireClient(Stream(good)).log_in() == "FAKENW"


class Ipxnet:
    """The server of a tunnel, as DOSBox is one: it registers members, and relays between them (ncp.md 9)."""

    def __init__(self) -> None:
        self.port = 0
        self.begin()

    def begin(self) -> None:
        """Also after a stop, without members."""
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", self.port))
        self.port = self.socket.getsockname()[1]
        self.members: dict[bytes, Any] = {}
        self._made: list[Member] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            packet, address = self.socket.recvfrom(2000)
            if not packet:
                return
            node = socket.inet_aton(address[0]) + address[1].to_bytes(2, "big")
            target = packet[10:16]
            if packet[16:18] == b"\0\2" and target == bytes(6):
                head = bytes.fromhex("ffff001e0000") + bytes(4) + node + b"\0\2" + bytes.fromhex("00000001") + bytes(6)
                self.members[node] = address
                self.socket.sendto(head + b"\0\2", address)
            elif target == b"\xff" * 6:
                for other in self.members.values():
                    if other != address:
                        self.socket.sendto(packet, other)
            elif target in self.members:
                self.socket.sendto(packet, self.members[target])

    def member(self) -> Member:
        """One more."""
        self._made.append(Member(self.port))
        return self._made[-1]

    def stop(self) -> None:
        self.socket.sendto(b"", self.socket.getsockname())
        self._thread.join()
        for each in (self.socket, *(member.socket for member in self._made)):
            each.close()


class Member:
    """A DOSBox in the tunnel, whose packets look like frames to the client in it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)
        self.socket.send(bytes.fromhex("ffff001e0000 00000000 000000000000 0002 00000000 000000000000 0002"))
        self.node = self.socket.recv(2000)[10:16]

    def send(self, frame: bytes) -> None:
        self.socket.send(frame[14 : 14 + int.from_bytes(frame[16:18], "big")])

    def receive(self, within: float) -> bytes:
        self.socket.settimeout(within)
        packet = self.socket.recv(2000)
        return packet[10:16] + packet[22:28] + b"\x81\x37" + packet


@pytest.fixture
def tunnel() -> Iterator[Ipxnet]:
    relay = Ipxnet()
    yield relay
    relay.stop()


def test_a_tunnel(journal: Path, tunnel: Ipxnet) -> None:
    """The server joins it, also one that begins later. It has no internal network there: stations reach its node."""
    tunnel.stop()
    with served(journal, f"ipx:dosbox:127.0.0.1:{tunnel.port}") as server:
        tunnel.begin()
        wait_until(lambda: tunnel.members, "the server joins")
        plug = tunnel.member()
        client = WireClient(plug, FrameType.ETHERNET_II, plug.node)
        (node,) = set(tunnel.members) - {plug.node}
        assert client.log_in() == "FAKENW"
        assert client.server == IpxAddress(0, node, 0x0451)
        assert server.stop() == 0
        client.listen(is_good_bye)
    assert stations(journal) == [f"ipx:00000000:{plug.node.hex().upper()}:4001"]


def test_links_and_ip_at_once(tmp_path: Path, tunnel: Ipxnet, guest: Guest) -> None:
    """A server has them all; the administration names them, and counts what it had no use for."""
    links = (QEMU, "ipx:stream:127.0.0.1:0", f"ipx:dosbox:127.0.0.1:{tunnel.port}")
    options = [word for each in links for word in ("--listen", each)]
    ready = tmp_path / "ready.json"
    with Served(tmp_path, *options, "--ready-file", str(ready)) as server:
        named = json.loads(ready.read_text())["ipx"]
        assert [name.partition(":")[0] for name in named] == ["qemu", "stream", "dosbox"]
        listeners = server.get("/api/server")["listeners"]
        assert [each.partition(":")[0] for each in listeners] == ["tcp", "udp", "ipx", "ipx", "ipx"]
        assert listeners[2:] == [f"ipx:{name}" for name in named]
        plug = guest(server)
        plug.server = ("127.0.0.1", int(named[0].rpartition(":")[2]))
        client = WireClient(plug)
        assert client.log_in() == "FAKENW"
        client.plug.send(b"\xff" * 60)

        def counts() -> bool:
            _, _, text = server.ask("GET", "/metrics")
            return b'fakenw_ipx_dropped_total{reason="other-protocol"} 1.0' in text

        wait_until(counts, "the frame is counted")
        server.post("/api/down")
        client.listen(is_good_bye)
        server.post("/api/reset", force=True)
        client.listen(lambda packet: packet.source.socket == 0x0453 and packet.data[6:8] == b"\0\1")
        assert server.stop() == 0


def test_another_server_on_the_wire(journal: Path, tmp_path: Path) -> None:
    """A server that has the internal network of another one refuses to start, and says which option helps."""
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    with served(journal, QEMU) as server:
        there = server.addresses["ipx"][1]
        command = line("fakenw", "serve", "--ipx-network", "BEEF", "--name", "TWIN")
        command += ["--listen", f"ipx:qemu:127.0.0.1:{port},peer=127.0.0.1:{there}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert (done.returncode, done.stdout) == (2, "")
        assert "has the internal network 0000BEEF as well; --ipx-network sets another one" in done.stderr
        errors = journal.with_name("errors")
        wait_until(lambda: "as well" not in errors.read_text(), "the first one is not contradicted")


def test_another_server_that_comes_later(journal: Path, guest: Guest) -> None:
    """The server tells it, where its output is no terminal too, and goes on."""
    with served(journal, QEMU) as server:
        guest(server).send(has_internal_network())
        errors = journal.with_name("errors")
        told = "node 00001B0A0B0C has the internal network 0000BEEF as well; --ipx-network sets another one"
        wait_until(lambda: told in errors.read_text(), "the sentence")
        assert WireClient(guest(server)).log_in() == "FAKENW"
        assert server.stop() == 0
    assert [record["what"] for record in read(journal).records if record.event == "conflict"] == ["internal-network"]
    assert books_balance(read(journal)) == []


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("ipx:eth:no-such-card", "there is no card no-such-card; ip -brief link lists the cards"),
        ("ipx:eth:lo", "lo is no Ethernet card"),
        ("ipx:qemu:192.0.2.1:0", "Cannot assign requested address"),
        ("ipx:stream:192.0.2.1:0", "Cannot assign requested address"),
        ("ipx:dosbox:no.such.host.invalid:213", "cannot listen on ipx dosbox:no.such.host.invalid:213"),
    ],
)
def test_what_cannot_be_bound(link: str, reason: str) -> None:
    done = subprocess.run(line("fakenw", "serve", "--listen", link), capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (2, "")
    assert "packet sockets need a privilege" in done.stderr or reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
