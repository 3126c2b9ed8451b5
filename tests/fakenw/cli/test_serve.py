"""The command line, as other programs use it: a real process, real sockets, real signals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner

from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.cli.main import main
from fakenw.journal.record import Record, parse, read
from fakenw.volumes.host_directory import Folder
from fakenw.volumes.volume import PathError
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.layout import Request
from fakenw.wire.packet import Code, ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import bindery, connection, files, server

pytestmark = pytest.mark.process

DEADLINE = 30.0  # seconds that anything may take on a busy machine
BOTH = ("--listen", "tcp:127.0.0.1:0", "--listen", "udp:127.0.0.1:0")


class Process:
    """A running ``fakenw serve``: where it listens, and its journal."""

    def __init__(self, journal: Path, *options: str, stdout: int = subprocess.PIPE) -> None:
        self.journal = journal
        command = [sys.executable, "-m", "fakenw", "serve", *BOTH, *options]
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)
        self.said: list[str] = []
        self.ports: dict[str, int] = {}

    def listening(self, stream: IO[bytes] | None = None) -> Process:
        """Wait for the line of each listener."""
        stream = stream or self.popen.stdout
        assert stream is not None
        for transport in ("tcp", "udp"):
            line = stream.readline().decode()
            found = re.fullmatch(rf"listening {transport} 127\.0\.0\.1:([1-9]\d*)\n", line)
            assert found, (line, self.popen.poll())
            self.ports[transport] = int(found[1])
        return self

    def records(self, *events: str) -> list[Record]:
        return [record for record in read(self.journal).records if not events or record.event in events]

    def wait_for(self, event: str) -> Record:
        """The first line of that event, as soon as it is there."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if found := self.records(event):
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"no {event} in {self.records()}")

    def ended(self, signum: int | None = None) -> tuple[int, str, str]:
        """Send a signal and wait for the end: exit code, standard output, standard error."""
        if signum is not None:
            self.popen.send_signal(signum)
        out, err = self.popen.communicate(timeout=DEADLINE)
        return self.popen.returncode, (out or b"").decode(), err.decode()


class Client:
    """One NCP connection over a plain socket."""

    def __init__(self, process: Process, transport: str) -> None:
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(("127.0.0.1", process.ports[transport]))
        self.station = f"{transport}:127.0.0.1:{self.socket.getsockname()[1]}"
        self._deframer = Deframer(TNCP) if transport == "tcp" else None
        self._sequence = 0
        self._number = ncp.NO_CONNECTION

    def ask(self, kind: int, function: int, body: bytes = b"") -> ReplyPacket:
        packet = RequestPacket(kind, self._sequence, self._number, 1, function, body).encode()
        self.socket.sendall(frame_request(packet) if self._deframer else packet)
        packets: list[bytes] = []
        while not packets:
            data = self.socket.recv(65536)
            assert data, "the server closed the connection"
            packets = self._deframer.feed(data) if self._deframer else [data]
        reply = decode_reply(packets[0])
        assert reply.sequence == self._sequence
        self._sequence += 1
        return reply

    def create(self) -> Client:
        reply = self.ask(ncp.CREATE, 0)
        assert reply.completion == 0
        self._number, self._sequence = reply.connection, 1
        return self

    def call(self, request: Request[Any]) -> ReplyPacket:
        return self.ask(ncp.REQUEST, request.function, request.body())

    def login(self, name: str, password: str) -> int:
        key = bindery.LoginKey.decode(self.call(bindery.GetLoginKey()).data).key
        found = bindery.ObjectInfo.decode(self.call(bindery.GetObjectId(USER, name)).data)
        hashed = hash_password(found.object_id, password.encode())
        return self.call(bindery.KeyedLogin(answer(key, hashed), USER, name)).completion


Serve = Callable[..., Process]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers on free ports and sees that none outlives the test."""
    started: list[Process] = []

    def start(*options: str, journal: Path = tmp_path / "server.jsonl", **more: Any) -> Process:
        started.append(Process(journal, "--journal", str(journal), *options, **more))
        return started[-1]

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait(DEADLINE)
        for stream in (process.popen.stdout, process.popen.stderr):
            if stream is not None:
                stream.close()


def refused(*options: str) -> tuple[int, str, str]:
    """Run a server that cannot start: exit code, standard output, standard error."""
    command = [sys.executable, "-m", "fakenw", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    return done.returncode, done.stdout, done.stderr


def test_conversation(serve: Serve, transport: str) -> None:
    """Create, info, keyed login, logout, destroy; each line is in the journal when its reply is here."""
    process = serve("--name", "gadget", "--user", "JOE:SECRET").listening()
    client = Client(process, transport)
    client.create()
    assert [record["to"] for record in process.records("state")] == ["attached"]
    info = server.ServerInfo.decode(client.call(server.GetServerInfo()).data)
    assert (info.name, info.os_major, info.product_minor) == ("GADGET", 5, 10)
    assert client.login("GUEST", "") == 0
    (grant,) = process.records("grant")
    assert (grant["station"], grant["user"], grant["held"], grant["limit"]) == (client.station, "GUEST", 1, 5)
    assert client.call(files.OpenFile(0, 6, 1, "SYS:PUBLIC/NLIST.EXE")).completion == 0
    assert len(process.records("open")) == 1
    assert client.call(connection.Logout()).completion == 0
    assert [record["held"] for record in process.records("release")] == [0]
    assert client.login("JOE", "SECRET") == 0
    assert client.ask(ncp.DESTROY, 0).completion == 0
    assert [record["cause"] for record in process.records("release", "close")] == ["logout", "destroy", "destroy"]
    client.socket.close()
    code, _, err = process.ended(signal.SIGTERM)
    assert (code, err) == (0, "")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_stop(serve: Serve, signum: int) -> None:
    """Both signals end the journal with who holds what; nothing is released, and the exit code is 0."""
    process = serve("--licenses", "3").listening()
    over_tcp, over_udp = Client(process, "tcp").create(), Client(process, "udp").create()
    assert over_tcp.login("GUEST", "") == over_udp.login("SUPERVISOR", "") == 0
    assert process.ended(signum)[0] == 0
    over_tcp.socket.close()
    over_udp.socket.close()
    stop = process.records()[-1]
    assert (stop.event, stop["held"], stop["limit"]) == ("stop", 2, 3)
    assert [(h["serial"], h["station"], h["user"], h["files"]) for h in stop["holders"]] == [
        *((1, over_tcp.station, "GUEST", 0), (2, over_udp.station, "SUPERVISOR", 0))
    ]
    for holder in stop["holders"]:
        assert 0 <= holder["since"] <= holder["last_request"] <= stop.t / 1e6
    assert not process.records("release")


def test_stop_as_soon_as_it_listens(serve: Serve) -> None:
    """A reader of where it listens may stop it at once: the signal is heeded by then."""
    for life in range(1, 4):
        process = serve().listening()
        assert process.ended(signal.SIGTERM)[0] == 0
        assert [record.event for record in process.records()] == ["start", "stop"] * life


def test_start(serve: Serve) -> None:
    """The first line says what the server was told; a named policy goes before the release's own."""
    options = ("--release", "4.11", "--policy", "ual", "--licenses", "7", "--seed", "42", "--speed", "3600")
    process = serve(*options, "--idle-after", "60").listening()
    assert process.ended(signal.SIGTERM)[0] == 0
    start = process.records()[0]
    said = {name: start[name] for name in ("format", "release", "policy", "licenses", "seed", "speed", "idle_after")}
    assert said == {
        **{"format": 1, "release": "4.11", "policy": "ual", "licenses": 7},
        **{"seed": 42, "speed": 3600.0, "idle_after": 60.0},
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", start["utc"])
    assert (start.t, start["server"], start["held"], start["limit"]) == (0, "FAKENW", 0, 7)


@pytest.mark.parametrize(("release", "policy"), [("3.12", "attach"), ("4.11", "service"), ("6.5", "ual")])
def test_policy_of_the_release(serve: Serve, release: str, policy: str) -> None:
    """Left out, the policy is what that NetWare did."""
    process = serve("--release", release).listening()
    process.ended(signal.SIGTERM)
    assert process.records()[0]["policy"] == policy


def test_seed_makes_keys_repeatable(serve: Serve, tmp_path: Path) -> None:
    """The same seed issues the same login keys, and without one they differ."""
    keys = []
    for place, options in enumerate([("--seed", "7"), ("--seed", "7"), (), ()]):
        process = serve(*options, journal=tmp_path / f"{place}.jsonl").listening()
        client = Client(process, "udp").create()
        keys.append(client.call(bindery.GetLoginKey()).data)
        client.socket.close()
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_closed_socket_is_lost(serve: Serve) -> None:
    """A TCP client that goes away without a word gives its license back at once, over UDP it does not."""
    process = serve().listening()
    over_tcp, over_udp = Client(process, "tcp").create(), Client(process, "udp").create()
    assert over_tcp.login("GUEST", "") == over_udp.login("GUEST", "") == 0
    over_udp.socket.close()
    over_tcp.socket.close()
    release = process.wait_for("release")
    assert (release["cause"], release["station"], release["held"]) == ("lost", over_tcp.station, 1)
    assert process.wait_for("close")["cause"] == "lost"


def test_speed(serve: Serve) -> None:
    """At speed 3600 a silent station over UDP is cleared within seconds, on the server's clock after a quarter hour."""
    process = serve("--speed", "3600").listening()
    client = Client(process, "udp").create()
    assert client.login("GUEST", "") == 0
    close = process.wait_for("close")
    client.socket.close()
    assert close["cause"] == "watchdog"
    (grant,) = process.records("grant")
    assert close.t - grant.t >= 889_792_108


def test_journal_on_standard_output(serve: Serve) -> None:
    """With --journal - the journal has standard output, and standard error says where it listens."""
    process = serve(journal=Path("-"))
    process.listening(process.popen.stderr)
    client = Client(process, "tcp").create()
    client.socket.close()
    code, out, err = process.ended(signal.SIGTERM)
    assert (code, err) == (0, "")
    assert [parse(line).event for line in out.splitlines()][:3] == ["start", "create", "state"]
    assert parse(out.splitlines()[-1]).event == "stop"


def test_journal_that_breaks(serve: Serve) -> None:
    """When nobody reads the journal any more the server stops with exit code 1, and leaves the request unanswered."""
    process = serve(journal=Path("-"))
    process.listening(process.popen.stderr)
    client = Client(process, "tcp")
    assert process.popen.stdout is not None
    process.popen.stdout.close()
    client.socket.sendall(frame_request(RequestPacket(ncp.CREATE, 0, 0xFFFF, 1, 0, b"").encode()))
    assert client.socket.recv(1000) == b""
    client.socket.close()
    assert process.popen.wait(DEADLINE) == 1
    assert process.popen.stderr is not None
    assert b"journal cannot be written" in process.popen.stderr.read()


def test_journal_on_a_full_disk() -> None:
    """Not even the first line fits: it says so, exits with 1, and does not claim to listen."""
    code, out, err = refused(*BOTH, "--journal", "/dev/full")
    assert (code, out) == (1, "")
    assert "journal cannot be written" in err


def test_journal_that_cannot_be_opened(tmp_path: Path) -> None:
    """Exit code 2, and the file's name."""
    path = tmp_path / "missing" / "server.jsonl"
    code, out, err = refused(*BOTH, "--journal", str(path))
    assert (code, out) == (2, "")
    assert str(path) in err


def test_port_in_use(serve: Serve) -> None:
    """It names the port, suggests port 0, exits with 2, and leaves the first server's journal alone."""
    process = serve().listening()
    written = process.journal.read_bytes()
    for transport, port in process.ports.items():
        taken = f"{transport}:127.0.0.1:{port}"
        code, out, err = refused(
            "--listen", "tcp:127.0.0.1:0", "--listen", taken, "--journal", os.fspath(process.journal)
        )
        assert (code, out) == (2, "")
        assert f"{transport} 127.0.0.1:{port}" in err
        assert "port 0" in err
        assert "Traceback" not in err
    assert process.journal.read_bytes() == written


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--release", "2.15"), "--release"),
        (("--policy", "none"), "--policy"),
        (("--licenses", "-1"), "--licenses"),
        (("--connections", "0"), "--connections"),
        (("--connections", "65535"), "--connections"),
        (("--speed", "0"), "--speed"),
        (("--speed", "inf"), "infinity"),
        (("--speed", "nan"), "NaN"),
        (("--idle-after", "0"), "--idle-after"),
        (("--idle-after", "inf"), "infinity"),
        (("--clear-idle", "soon"), "expected text such as 500ms, 30s"),
        (("--clear-idle", "0s"), "expected more than 0"),
        (("--keep-cleared", "-72h"), "--keep-cleared"),
        (("--user-connections", "65536"), "--user-connections"),
        (("--slow", "23/24"), "not NCP=DURATION, such as 23/24=2h"),
        (("--slow", "23/256=2h"), "'23/256' is no NCP"),
        (("--slow", "23/24=soon"), "'soon' is not a duration"),
        (("--listen", "127.0.0.1:524"), "tcp:HOST:PORT"),
        (("--listen", "ipx:1:1"), "tcp:HOST:PORT"),
        (("--listen", "ipx:qemu:127.0.0.1"), "ipx:qemu:HOST:PORT[,peer=HOST:PORT]"),
        (("--ipx-network", "FFFFFFFF"), "1 to 8 hexadecimal digits"),
        (("--listen", "tcp:127.0.0.1:65536"), "tcp:HOST:PORT"),
        (("--user", ""), "bindery name"),
        (("--user", "JOE?"), "bindery name"),
        (("--name", "N" * 48), "bindery name"),
        (("--volume", "SYS"), "NAME=DIR"),
        (("--volume", "DATA=/nonexistent"), "NAME=DIR"),
        (("--volume", "A NAME=/"), "A NAME"),
        (("--leak",), "--leak"),
    ],
)
def test_bad_option(options: tuple[str, ...], named: str) -> None:
    """Exit code 2, a sentence that names what is wrong, and no traceback."""
    code, out, err = refused(*BOTH, *options)
    assert (code, out) == (2, "")
    assert named in err
    assert "Traceback" not in err


def test_directory_that_cannot_be_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that may not be read is bad usage too, and the reason is told."""

    def locked(path: str) -> Folder:
        raise PathError(Code.NO_READ_RIGHTS, f"Permission denied: {path}")

    monkeypatch.setattr("fakenw.cli.running.Folder", locked)
    done = CliRunner().invoke(main, ["serve", *BOTH, "--volume", "DATA=."])
    assert (done.exit_code, "Permission denied: ." in done.output) == (2, True)


def test_directory_as_a_volume(serve: Serve, tmp_path: Path) -> None:
    """A directory of the host is served beside SYS."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hello.txt").write_bytes(b"hello")
    process = serve("--volume", f"DATA={tmp_path / 'data'}").listening()
    client = Client(process, "tcp").create()
    assert client.login("GUEST", "") == 0
    assert client.call(files.GetVolumeNumber("DATA")).data == b"\1"
    handle = files.OpenedFile.decode(client.call(files.OpenFile(0, 6, 1, "DATA:HELLO.TXT")).data).handle
    assert files.FileData.decode(client.call(files.ReadFile(0, handle, 1, 100)).data).data(1) == b"ello"
    client.socket.close()
