"""A real DOSBox, without a screen, whose tunnel the server joins."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakenw.server_process import ServerProcess
from fakenw.transports.ipx.membership import QUIET, Membership
from fakenw.wire.ipx import sap
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.ipx.packet import IpxAddress, decode_ipx
from tests.fakenw.transports.ipx.dos_program import ROOM, find_server
from tests.fakenw.transports.ipx.test_links import Member
from tests.fakenw.transports.ipx.wire_client import WireClient
from tests.programs import PATIENCE, started, wait_until

SETTINGS = "[ipx]\nipx=true\n[mixer]\nnosound=true\n[midi]\nmididevice=none\n"
# It asks who is there again and again; what it prints of the last time stands in PING.TXT
ASKING = "ipxnet startserver {port}\r\n:again\r\nipxnet ping >ping.txt\r\nipxnet status >status.txt\r\nfind\r\n"
ASKING += "goto again\r\n"


class DosBox:
    """Its tunnel's port, and what it printed last."""

    def __init__(self, folder: Path) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as bound:
            bound.bind(("127.0.0.1", 0))
            self.port: int = bound.getsockname()[1]
        self._disk = folder / "c"
        self._disk.mkdir()
        (folder / "dosbox.conf").write_text(SETTINGS)
        (self._disk / "FIND.COM").write_bytes(find_server())
        (self._disk / "ASK.BAT").write_bytes(ASKING.format(port=self.port).encode())

    def command(self) -> list[str]:
        settings = str(self._disk.with_name("dosbox.conf"))
        return ["dosbox", "-conf", settings, "-c", f"mount c {self._disk}", "-c", "c:", "-c", "ask.bat"]

    def ping(self) -> str:
        return self._printed("PING.TXT")

    def status(self, after: float = 0.0) -> str:
        """Nothing where it was not asked for again *after* that moment."""
        path = self._disk / "STATUS.TXT"
        return self._printed("STATUS.TXT") if path.exists() and path.stat().st_mtime > after else ""

    def answer(self) -> bytes:
        """What its program FIND heard of a server."""
        path = self._disk / "REPLY.BIN"
        return path.read_bytes() if path.exists() else b""

    def _printed(self, name: str) -> str:
        path = self._disk / name
        return path.read_text(errors="replace") if path.exists() else ""


@pytest.fixture
def dosbox(tmp_path: Path) -> Iterator[DosBox]:
    box = DosBox(tmp_path)
    screenless = {**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "HOME": str(tmp_path)}
    with started(box.command(), env=screenless):
        wait_until(lambda: "Server status: ACTIVE" in box.status(), "DOSBox has its tunnel")
        yield box


@pytest.mark.dosbox
def test_dosbox_and_the_server_in_one_tunnel(dosbox: DosBox) -> None:
    """DOSBox counts the server among its members, and its IPXNET PING has the server's answer; a program under DOS
    finds the server, and another member logs in through DOSBox."""
    with ServerProcess("--listen", f"ipx:dosbox:127.0.0.1:{dosbox.port}") as server:
        wait_until(lambda: "Response from 127.0.0.1" in dosbox.ping(), "the server answers a ping")
        own = int(re.search(r"port (\d+)", dosbox.ping())[1])  # type: ignore[index]
        wait_until(lambda: f"from port {own}" in dosbox.status(), "DOSBox has the server as a member")
        node = bytes([127, 0, 0, 1]) + own.to_bytes(2, "big")
        wait_until(lambda: len(dosbox.answer()) == ROOM, "a program under DOS finds the server")
        packet = decode_ipx(dosbox.answer())
        assert sap.decode_sap(packet.data) == sap.SapResponse(
            sap.NEAREST_RESPONSE, (sap.Service(sap.FILE_SERVER, "FAKENW", IpxAddress(0, node, 0x0451), 1),)
        )
        plug = Member(dosbox.port)
        with plug.socket:
            client = WireClient(plug, FrameType.ETHERNET_II, plug.node)
            assert client.log_in() == "FAKENW"
            assert client.server.node == node
        assert server.stop() == 0


@pytest.mark.dosbox
def test_a_renewal_keeps_the_place(dosbox: DosBox) -> None:
    """A member that registers again, with its node, does not stand in DOSBox's table twice: broadcasts would come twice
    as well."""
    member = Membership()
    with socket.socket(type=socket.SOCK_DGRAM) as tunnel:
        tunnel.connect(("127.0.0.1", dosbox.port))
        tunnel.settimeout(PATIENCE)
        for now in (0.0, 2 * QUIET):
            registration = member.due(now)
            assert registration is not None
            tunnel.send(registration)
            while member.due(now + 1) is not None or member.node is None:
                member.receive(tunnel.recv(2000), now)
        asked, port = time.time(), tunnel.getsockname()[1]
        wait_until(lambda: f"from port {port}" in dosbox.status(asked + 2), "DOSBox has the member")
        assert dosbox.status().count(f"from port {port}") == 1
