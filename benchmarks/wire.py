"""The load over sockets: so many stations, one request on the way on each, for so many seconds.

Where there is a C compiler the load is ``load.c``, in a process of its own; where there is none it is Python in
this process, which serves nothing itself. Over UDP a request without an answer is sent again after a second.
"""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import MeasuredServer
from benchmarks.steps import DESTROYS, FRAME, HEADER, REPLY_FRAME, CannotMeasure, Program, Station, Step
from fakenw.bindery import passwords
from fakenw.health import Address
from harness.runners.sockets import BIND_ADDRESS_NO_PORT, LARGEST

RESEND = 1.0  # seconds
PATIENCE = 20.0


class Tools(NamedTuple):
    """The compiled programs, where there are any."""

    load: Path | None = None
    echo: Path | None = None


def build(folder: Path) -> Tools:
    """Compile the load and the C echo server into *folder*, if there is a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return Tools()
    for name in ("load", "echo"):
        source = Path(__file__).with_name(f"{name}.c")
        made = subprocess.run([compiler, "-O2", "-o", str(folder / name), str(source)], capture_output=True)
        if made.returncode:
            return Tools()
    return Tools(folder / "load", folder / "echo")


def rehearse(server: MeasuredServer, program: Program) -> Program:
    """Say everything once to our server: the program with the sizes of the replies. Raises CannotMeasure, OSError."""
    sizes = []
    with Wire(server, program) as wire:
        for step in program.steps:
            sizes.append(len(wire.ask(step)))
        wire.ask(DESTROYS)
    return program._replace(sizes=tuple(sizes))


def sizes(program: Program, transport: str) -> list[int]:
    """How many bytes a bare server returns for every step of a *program* that was rehearsed."""
    return [size + (REPLY_FRAME if transport == "tcp" else 0) for size in program.sizes]


class Rate(NamedTuple):
    """Answers per second, and how many requests were sent again."""

    answers: float
    resent: int = 0


def load(tools: Tools, server: MeasuredServer, program: Program, connections: int, seconds: float) -> Rate:
    """How fast *program*, which was rehearsed, is answered. Raises CannotMeasure, OSError."""
    if tools.load is None:
        return _load(server, program, connections, seconds)
    kind = "ncp" if server.admin else "bare"
    command = [str(tools.load), server.transport, *map(str, (*server.address, connections, seconds)), kind]
    try:
        done = subprocess.run(
            command, input=_spelled(program), capture_output=True, text=True, timeout=2 * seconds + 3 * PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise CannotMeasure(f"the load on {server.transport} does not come to its end") from None
    if done.returncode:
        raise CannotMeasure(f"the load on {server.transport}: {done.stderr.strip()}")
    answers, resent = done.stdout.split()
    return Rate(float(answers), int(resent))


def _spelled(program: Program) -> str:
    """The program as load.c reads it."""
    lines = []
    if program.hashed:
        lines.append(f"secret {passwords._NIBBLES.hex()} {passwords._KEYS.hex()} {program.hashed.hex()}")
    for number, (step, size) in enumerate(zip(program.steps, program.sizes, strict=True)):
        when = "once" if number < len(program.once) else "life"
        lines.append(f"{when} {step.name} {step.patch or '-'} {step.take or '-'} {size} {step.packet.hex()}")
    return "".join(f"{line}\n" for line in lines)


class Wire:
    """One station and its socket. *source*: the address to come from."""

    def __init__(self, server: MeasuredServer, program: Program, source: Address | None = None) -> None:
        self.tcp = server.transport == "tcp"
        self.station = Station(program, tcp=self.tcp)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        self.sent, self.when = b"", 0.0
        self._rest = b""
        try:
            self.socket.settimeout(PATIENCE if self.tcp else RESEND)
            if source is not None:
                if self.tcp:
                    self.socket.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
                self.socket.bind(source)
            self.socket.connect(server.address)
            if self.tcp:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send a request."""
        self.sent, self.when = data, time.perf_counter()
        self.socket.send(data)

    def ask(self, step: Step) -> bytes:
        """Send and wait: the reply without its frame. Raises CannotMeasure, OSError."""
        self.send(self.station.request(step))
        return self.wait(step)

    def wait(self, step: Step) -> bytes:
        """The reply to what was sent. Raises CannotMeasure, OSError."""
        for _ in range(int(PATIENCE / RESEND)):
            try:
                packet = self.receive()
                while packet is None:
                    packet = self.receive()
            except TimeoutError:
                if self.tcp:
                    raise
                self.send(self.sent)
                continue
            self.station.answered(step, packet)
            return packet
        raise CannotMeasure(f"{step.name} was never answered")

    def receive(self) -> bytes | None:
        """Read once: the reply without its frame if it is whole, and is one to what was sent last."""
        data = self.socket.recv(LARGEST)
        if not self.tcp:
            return data if self.station.is_answer(data) else None
        if not data:
            raise CannotMeasure("the server has ended the connection")
        self._rest += data
        if len(self._rest) < REPLY_FRAME + HEADER or len(self._rest) < int.from_bytes(self._rest[4:8], "big"):
            return None
        data, self._rest = self._rest, b""
        return data[REPLY_FRAME:]


def _load(server: MeasuredServer, program: Program, connections: int, seconds: float) -> Rate:
    """The same as load.c."""
    poll = select.epoll()
    wires = {}
    for _ in range(connections):
        wire = Wire(server, program)
        wires[wire.socket.fileno()] = Caller(wire, program, ncp=bool(server.admin))
        poll.register(wire.socket, select.EPOLLIN)
    try:
        for caller in wires.values():
            caller.ask()
        return _answers(poll, wires, seconds)
    finally:
        for caller in wires.values():
            caller.end()
        poll.close()


def _answers(poll: select.epoll, callers: dict[int, Caller], seconds: float) -> Rate:
    answers, begun, looked, warm = 0, 0.0, 0.0, time.perf_counter() + seconds / 4
    while True:
        for descriptor, _ in poll.poll(0.1):
            caller = callers[descriptor]
            if caller.answered():
                answers += 1
                caller.ask()
        now = time.perf_counter()
        if now - looked > 0.1:
            looked = now
            for caller in callers.values():
                caller.late(now)
        if not begun and now > warm:
            answers, begun = 0, now
        elif begun and now - begun > seconds:
            return Rate(answers / (now - begun), sum(caller.resent for caller in callers.values()))


class Caller:
    """One station of the load: where it is in its program."""

    def __init__(self, wire: Wire, program: Program, *, ncp: bool) -> None:
        self._wire, self._ncp = wire, ncp
        self._steps: Sequence[Step] = program.steps
        self._again, self._at, self._got, self.resent = len(program.once), 0, 0, 0
        self._sizes = sizes(program, "tcp" if wire.tcp else "udp")
        self._frame = FRAME if wire.tcp else 0

    def ask(self) -> None:
        """Send the next request."""
        step = self._steps[self._at]
        self._got = 0
        data = self._wire.station.request(step) if self._ncp else bytes(self._frame + len(step.packet) - 1)
        self._wire.send(data if self._ncp else data + bytes([self._at]))

    def answered(self) -> bool:
        """Read; whether the whole answer has come. Raises CannotMeasure."""
        if self._ncp:
            packet = self._wire.receive()
            if packet is None:
                return False
            self._wire.station.answered(self._steps[self._at], packet)
        else:
            self._got += len(self._wire.socket.recv(LARGEST))
            if self._got < self._sizes[self._at]:
                return False
        self._at += 1
        if self._at == len(self._steps):
            self._at = self._again
        return True

    def late(self, now: float) -> None:
        """Send the request again if it, or its answer, was lost. Raises CannotMeasure."""
        if now - self._wire.when > (PATIENCE if self._wire.tcp else RESEND):
            if self._wire.tcp:
                raise CannotMeasure(f"{self._steps[self._at].name} was never answered")
            self.resent += 1
            self._wire.send(self._wire.sent)

    def end(self) -> None:
        """Go. Over UDP nobody else says so."""
        if self._ncp and not self._wire.tcp:
            self._wire.send(self._wire.station.request(DESTROYS))
        self._wire.socket.close()
