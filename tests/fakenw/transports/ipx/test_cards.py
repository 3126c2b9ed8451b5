"""Real Ethernet frames: a network of its own in the kernel, with two cards and a cable (veth), or with a TAP card."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakenw.journal.record import read
from fakenw.server_process import ServerProcess
from fakenw.transports.ipx.card_link import ETH_P_ALL, PACKET_OUTGOING
from fakenw.wire.ipx.frames import FrameType
from tests.fakenw.transports.ipx.wire_client import WireClient
from tests.programs import PATIENCE, wait_until

pytestmark = pytest.mark.process


class Namespace:
    """A network namespace of Linux, with the commands of iproute2. Raises OSError, where the privilege is missing."""

    def __init__(self) -> None:
        self.name = f"fakenw-{os.getpid()}"
        self.sockets: list[socket.socket] = []
        self._ip("netns", "add", self.name)

    def ip(self, *words: str) -> str:
        return self._ip("-n", self.name, *words)

    def serve(self, folder: Path, link: str, *more: str) -> ServerProcess:
        program = ("ip", "netns", "exec", self.name, sys.executable, "-m", "fakenw", "serve")
        options = ("--listen", link, "--journal", folder / "journal.jsonl", "--ipx-network", "BEEF", *more)
        return ServerProcess(*options, program=program, log=folder / "errors")

    def plug(self, card: str) -> Card:
        """A socket on a card: a thread enters the namespace, and the socket stays there."""
        made: list[socket.socket] = []

        def make() -> None:
            with open(f"/run/netns/{self.name}") as place:
                if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), 0) == 0:
                    made.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
                    made[0].bind((card, ETH_P_ALL))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        self.sockets += made
        return Card(made[0])

    def remove(self) -> None:
        for each in self.sockets:
            each.close()
        self._ip("netns", "del", self.name)

    def _ip(self, *words: str) -> str:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout


class Card:
    """A workstation's card (a Plug of ``wire_client``)."""

    def __init__(self, card: socket.socket) -> None:
        self.socket = card
        self.node: bytes = card.getsockname()[4]

    def send(self, frame: bytes) -> None:
        self.socket.send(frame)

    def receive(self, within: float) -> bytes:
        self.socket.settimeout(within)
        while True:
            frame, (_, _, kind, *_) = self.socket.recvfrom(65_535)
            if kind != PACKET_OUTGOING:
                return frame


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if not shutil.which("ip"):
        pytest.skip("there is no program ip")
    try:
        made = Namespace()
    except OSError as problem:
        pytest.skip(f"no network namespace can be made: {problem}")
    yield made
    made.remove()


def test_an_ethernet_card(namespace: Namespace, tmp_path: Path) -> None:
    """Workstations of all four frame types log in over a cable; the server is at the card's own node."""
    namespace.ip("link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
    for card in ("wire0", "wire1"):
        namespace.ip("link", "set", card, "up")
    with namespace.serve(tmp_path, "ipx:eth:wire0") as server:
        assert server.addresses["ipx"] == ("eth:wire0", 0)
        plug = namespace.plug("wire1")
        for kind in FrameType:
            client = WireClient(plug, kind, plug.node)
            assert client.log_in() == "FAKENW"
            assert client.router.hex(":") in namespace.ip("link", "show", "wire0")
        assert server.stop() == 0
        client.listen(lambda packet: packet.data[-2:] == b"\0\x10")  # the entry that says "gone"
    created = [record["station"] for record in read(tmp_path / "journal.jsonl").records if record.event == "create"]
    assert created == [f"ipx:0000BEF{number}:{plug.node.hex().upper()}:4001" for number in range(4)]


def test_a_cable_that_is_pulled(namespace: Namespace, tmp_path: Path) -> None:
    """The server goes on when it is plugged in again; a card that is removed does not end it."""
    namespace.ip("link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
    for card in ("wire0", "wire1"):
        namespace.ip("link", "set", card, "up")
    with namespace.serve(tmp_path, "ipx:eth:wire0") as server:
        plug = namespace.plug("wire1")
        assert WireClient(plug, node=plug.node).log_in() == "FAKENW"
        namespace.ip("link", "set", "wire0", "down")
        namespace.ip("link", "set", "wire0", "up")
        wait_until(lambda: "LOWER_UP" in namespace.ip("link", "show", "wire0"), "the cable is plugged in")
        assert WireClient(plug, node=plug.node).log_in() == "FAKENW"
        namespace.ip("link", "del", "wire0")
        assert server.stop() == 0


@pytest.mark.parametrize("made", ["by the server", "before"])
def test_a_tap_card(namespace: Namespace, tmp_path: Path, made: str) -> None:
    """The card is the kernel's end of the wire, where workstations of all four frame types are."""
    if made == "before":
        namespace.ip("tuntap", "add", "tap0", "mode", "tap")
        namespace.ip("link", "set", "tap0", "up")
    with namespace.serve(tmp_path, "ipx:tap:tap0") as server:
        assert server.addresses["ipx"] == ("tap:tap0", 0)
        plug = namespace.plug("tap0")
        for kind in FrameType:
            client = WireClient(plug, kind, plug.node)
            assert client.log_in() == "FAKENW"
        assert client.router.hex(":") not in namespace.ip("link", "show", "tap0")
        assert server.stop() == 0


def test_two_servers_on_a_cable(namespace: Namespace, tmp_path: Path) -> None:
    """The second one finds the first before it says anything of itself."""
    namespace.ip("link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
    for card in ("wire0", "wire1"):
        namespace.ip("link", "set", card, "up")
    with namespace.serve(tmp_path, "ipx:eth:wire0"):
        (tmp_path / "second").mkdir()
        second = namespace.serve(tmp_path / "second", "ipx:eth:wire1", "--name", "TWIN")
        assert second.process.wait(PATIENCE) == 2
        second.kill()
    told = (tmp_path / "second" / "errors").read_text()
    assert "has the internal network 0000BEEF as well; --ipx-network sets another one" in told
    assert "conflict" not in [record.event for record in read(tmp_path / "journal.jsonl").records]
