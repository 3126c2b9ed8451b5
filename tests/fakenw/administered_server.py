"""A server in a process of its own with its administration, clients that are made by hand, commands against it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fakenw.admin.client import AdminClient
from fakenw.bindery.passwords import answer, hash_password
from fakenw.server_process import ServerProcess
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.packet import RequestPacket, decode_reply, packet_type
from fakenw.wire.requests import bindery
from tests.programs import LISTEN

DEADLINE = 30.0  # seconds that anything may take on a busy machine
Reply = tuple[int, dict[str, str], bytes]


class Served(ServerProcess):
    """A running server with an administration."""

    def __init__(self, folder: Path, *options: str, program: Sequence[str] = (), admin: str = "127.0.0.1:0") -> None:
        self.journal, self.errors = folder / "journal.jsonl", folder / "errors.txt"
        options = ("--journal", str(self.journal), "--admin", admin, *LISTEN, *options)
        super().__init__(*options, program=program, log=self.errors)
        self.ready()
        there = urlsplit(self.admin)
        self.admin_address = (str(there.hostname), there.port or 0)
        self._client = AdminClient(self.admin, timeout=DEADLINE)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """One HTTP request."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given.setdefault("Content-Type", "application/json")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        http_connection = http.client.HTTPConnection(*self.admin_address, timeout=DEADLINE)
        try:
            http_connection.request(method, path, data, given)
            reply = http_connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        finally:
            http_connection.close()

    def get(self, path: str) -> Any:
        return self._client.get(path)

    def post(self, path: str, **given: Any) -> Any:
        return self._client.post(path, given)

    def refused(self, path: str, given: object = None, status: int = 400) -> str:
        """The error of a POST that is refused."""
        code, _, body = self.ask("POST", path, {} if given is None else given)
        assert code == status, body
        return str(json.loads(body)["error"])


class Client:
    """A client of NCP by hand. Over UDP a thread of it answers the watchdog, *after* so many seconds."""

    def __init__(
        self,
        served: ServerProcess,
        transport: str = "udp",
        user: str = "GUEST",
        after: float | None = 0.0,
        host: str = "127.0.0.1",
    ) -> None:
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(type=kind)
        self.socket.bind((host, 0))
        self.socket.connect(served.addresses[transport])
        self.socket.settimeout(DEADLINE)
        self.number, self._sequence = ncp.NO_CONNECTION, 0
        self._deframer = Deframer(TNCP) if transport == "tcp" else None
        self.user = user
        try:
            self.number = self._exchange(ncp.CREATE, 0, b"").connection
            self.login()
        except (AssertionError, OSError):
            self.socket.close()
            raise
        self._after = after
        self.asked = 0
        if transport == "udp":
            threading.Thread(target=self._watch, daemon=True).start()

    def login(self) -> None:
        key = bindery.LoginKey.decode(self.call(bindery.GetLoginKey()))
        account = bindery.ObjectInfo.decode(self.call(bindery.GetObjectId(1, self.user)))
        hashed = hash_password(account.object_id, b"")
        self.call(bindery.KeyedLogin(answer(key.key, hashed), 1, self.user))

    def call(self, request: Any) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFF
        reply = self._exchange(ncp.REQUEST, request.function, request.body())
        assert reply.completion == 0, hex(reply.completion)
        return bytes(reply.data)

    def close(self) -> None:
        self.socket.close()

    def _exchange(self, kind: int, function: int, body: bytes) -> Any:
        packet = RequestPacket(kind, self._sequence, self.number, 1, function, body).encode()
        self.socket.sendall(frame_request(packet) if self._deframer else packet)
        while True:
            data = self.socket.recv(65536)
            assert data, "the server closed the connection"
            for one in self._deframer.feed(data) if self._deframer else [data]:
                if packet_type(one) == ncp.REPLY:
                    return decode_reply(one)

    def _watch(self) -> None:
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            if packet_type(data) == ncp.WATCHDOG and data[-1:] == b"?":
                self.asked += 1
                if self._after is not None:
                    time.sleep(self._after)  # the client takes its time: that is what is tested
                    self.socket.send(data[:9] + b"Y")


def wait_for(condition: Callable[[], Any]) -> Any:
    """What *condition* returns, as soon as that is true."""
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@contextmanager
def stream(served: Served, **headers: str) -> Iterator[Iterator[tuple[int, dict[str, Any]]]]:
    """The lines of the journal's stream, each with its number; the event ``server`` before them is read over."""
    given = {"Accept": "text/event-stream", **{name.replace("_", "-"): value for name, value in headers.items()}}
    http_connection = http.client.HTTPConnection(*served.admin_address, timeout=DEADLINE)
    http_connection.request("GET", "/api/journal", headers=given)
    reply = http_connection.getresponse()
    assert (reply.status, reply.getheader("content-type")) == (200, "text/event-stream")

    assert [reply.readline()[:6] for _ in range(3)] == [b"event:", b"data: ", b"\n"]

    def events() -> Iterator[tuple[int, dict[str, Any]]]:
        number = -1
        while line := reply.readline().decode().strip("\n"):
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: "):
                yield number, json.loads(line[6:])
                reply.readline()
            else:
                reply.readline()

    try:
        yield events()
    finally:
        reply.close()
        http_connection.close()


def run_command(*arguments: str | Served) -> subprocess.CompletedProcess[str]:
    """A command against a server."""
    words = [word if isinstance(word, str) else f"--admin={word.admin}" for word in arguments]
    command = [sys.executable, "-m", "fakenw", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
