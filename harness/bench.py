"""How fast is the server? Always as a ratio to a bare Twisted echo server, measured in the same minute.

The load comes from a process of its own: *n* TCP connections, one request on the way on each. The echo
server gets frames of the same sizes and sends each back. The *mix* is a client's life: create,
negotiate, login, ten times the time, open, four reads, close, five times the time, logout, destroy;
so the journal, which is written to a file, is paid for.
"""

from __future__ import annotations

import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click

from fakenw.wire.framing import frame_request
from fakenw.wire.packet import CREATE, DESTROY, NO_CONNECTION, REQUEST, RequestPacket
from fakenw.wire.requests.bindery import PlainLogin
from fakenw.wire.requests.connection import Logout, NegotiateBuffer
from fakenw.wire.requests.files import CloseFile, OpenFile, ReadFile
from fakenw.wire.requests.server import GetServerTime

FILE = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
HANDLE = slice(16, 22)  # of an open's reply, and where 0x42 and 0x48 want it in the request
SEQUENCE, LOW, HIGH = 18, 19, 21  # offsets in a framed request
COMPLETION = 14  # in a framed reply

ECHO = """
from twisted.internet import reactor, protocol
class Echo(protocol.Protocol):
    def connectionMade(self): self.transport.setTcpNoDelay(True)
    def dataReceived(self, data): self.transport.write(data)
factory = protocol.Factory.forProtocol(Echo)
port = reactor.listenTCP(0, factory, interface="127.0.0.1", backlog=1024)
print("listening tcp 127.0.0.1:%d" % port.getHost().port, flush=True)
reactor.run()
"""


class Step(NamedTuple):
    """One framed request; *handle*: it needs the file handle of the last open."""

    frame: bytes
    handle: bool = False


def _packet(kind: int, function: int = 0, body: bytes = b"") -> bytes:
    return frame_request(RequestPacket(kind, 0, NO_CONNECTION, 1, function, body).encode())


def _steps(mix: bool) -> tuple[list[Step], list[Step]]:
    """What every connection sends once, and what it then repeats."""
    create = Step(_packet(CREATE))
    ask = Step(_packet(REQUEST, GetServerTime.function, GetServerTime().body()))
    if not mix:
        return [create], [ask]
    login = PlainLogin(1, "GUEST", "")
    opening = OpenFile(0, 6, 0x11, FILE)
    read = Step(_packet(REQUEST, ReadFile.function, ReadFile(0, bytes(6), 0, 64).body()), handle=True)
    close = Step(_packet(REQUEST, CloseFile.function, CloseFile(0, bytes(6)).body()), handle=True)
    life = [
        create,
        Step(_packet(REQUEST, NegotiateBuffer.function, NegotiateBuffer(1024).body())),
        Step(_packet(REQUEST, PlainLogin.function, login.body())),
        *[ask] * 10,
        Step(_packet(REQUEST, OpenFile.function, opening.body())),
        *[read] * 4,
        close,
        *[ask] * 5,
        Step(_packet(REQUEST, Logout.function, Logout().body())),
        Step(_packet(DESTROY)),
    ]
    return [], life


class Caller:
    """One connection of the load."""

    def __init__(self, address: tuple[str, int], mix: bool, ncp: bool) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._once, self._life = _steps(mix)
        self._ncp, self._at, self._sequence, self._number = ncp, 0, 0, NO_CONNECTION
        self._handle = bytes(6)
        self._expected = 0

    def ask(self) -> None:
        """Send the next request."""
        at = self._at
        step = self._once[at] if at < len(self._once) else self._life[(at - len(self._once)) % len(self._life)]
        frame = bytearray(step.frame)
        if frame[16] == CREATE >> 8:
            self._sequence = 0
        else:
            self._sequence = (self._sequence + 1) & 255
            frame[SEQUENCE], frame[LOW], frame[HIGH] = self._sequence, self._number & 255, self._number >> 8
        if step.handle:
            frame[24:30] = self._handle
        self._expected = len(frame)
        self._sent = frame
        self.socket.send(frame)

    def answered(self) -> bool:
        """Read; whether the whole answer has come. Raises ValueError for a refusal."""
        data = self.socket.recv(4096)
        if not self._ncp:
            self._expected -= len(data)
            if self._expected:
                return False
        else:
            if len(data) < 16 or data[COMPLETION]:
                raise ValueError(f"request {self._at} ({self._sent.hex()}) was answered {data.hex() or 'with nothing'}")
            if self._sent[16] == CREATE >> 8:
                self._number = data[11] | data[13] << 8
            elif self._sent[22] == OpenFile.function and self._sent[16] == REQUEST >> 8:
                self._handle = data[HANDLE]
        self._at += 1
        return True


def load(address: tuple[str, int], connections: int, seconds: float, *, mix: bool, ncp: bool) -> float:
    """Answers per second."""
    poll = select.epoll()
    callers = {}
    for _ in range(connections):
        caller = Caller(address, mix, ncp)
        callers[caller.socket.fileno()] = caller
        poll.register(caller.socket, select.EPOLLIN)
    for caller in callers.values():
        caller.ask()
    answers, begun, warm = 0, 0.0, time.perf_counter() + seconds / 4
    while True:
        for descriptor, _ in poll.poll():
            caller = callers[descriptor]
            if caller.answered():
                answers += 1
                caller.ask()
        now = time.perf_counter()
        if not begun and now > warm:
            answers, begun = 0, now
        elif begun and now - begun > seconds:
            break
    for caller in callers.values():
        caller.socket.close()
    return answers / (now - begun)


def _serve(command: list[str]) -> tuple[subprocess.Popen[str], tuple[str, int]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    host, _, port = process.stdout.readline().split()[2].rpartition(":")
    return process, (host, int(port))


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often each row is measured.")
@click.option("--seconds", default=2.0, show_default=True, help="How long one measurement takes.")
def main(rounds: int, seconds: float) -> None:
    """Requests per second over TCP, as a ratio to a bare Twisted echo server in the same run."""
    click.echo("requests per second over TCP; ratio to a bare Twisted echo of the same frame sizes")
    click.echo(f"{'':24}{'fakenw':>10}{'echo':>10}{'ratio':>8}   spread of {rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        ncp = [sys.executable, "-m", "fakenw", "serve", "--licenses", "2000", "--connections", "2000"]
        ncp += ["--listen", "tcp:127.0.0.1:0", "--journal", str(Path(folder) / "journal.jsonl"), "--seed", "1"]
        server, here = _serve(ncp)
        echo, there = _serve([sys.executable, "-c", ECHO])
        try:
            for mix, what in ((False, "get time"), (True, "a client's life")):
                for connections in (50, 1000):
                    pairs = []
                    for _ in range(rounds):
                        ours = load(here, connections, seconds, mix=mix, ncp=True)
                        pairs.append((ours, load(there, connections, seconds, mix=mix, ncp=False)))
                    ratios = [ours / bare for ours, bare in pairs]
                    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
                    row = f"{f'{what}, {connections} conns':24}{ours:10,.0f}{bare:10,.0f}"
                    click.echo(f"{row}{statistics.median(ratios):8.2f}   {min(ratios):.2f} to {max(ratios):.2f}")
        finally:
            for process in (server, echo):
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
