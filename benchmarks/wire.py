"""One station and its socket. Over UDP a request without an answer is sent again after a second."""

from __future__ import annotations

import socket

from benchmarks.servers import MeasuredServer
from benchmarks.steps import DESTROYS, HEADER, REPLY_FRAME, CannotMeasure, Program, Station, Step
from fakenw.health import Address
from harness.runners.sockets import BIND_ADDRESS_NO_PORT, LARGEST

RESEND = 1.0  # seconds
PATIENCE = 20.0


def rehearse(server: MeasuredServer, program: Program) -> Program:
    """Run *program* once on our server, and add the sizes of the replies. Raises CannotMeasure, OSError."""
    sizes = []
    with Wire(server, program) as wire:
        for step in program.steps:
            sizes.append(len(wire.ask(step)))
        wire.ask(DESTROYS)
    return program._replace(sizes=tuple(sizes))


def sizes(program: Program, transport: str) -> list[int]:
    """The sizes of a bare server's replies to the steps of a rehearsed *program*."""
    return [size + (REPLY_FRAME if transport == "tcp" else 0) for size in program.sizes]


class Wire:
    """One station and its socket. *source*: its address."""

    def __init__(self, server: MeasuredServer, program: Program, source: Address | None = None) -> None:
        self.tcp = server.transport == "tcp"
        self.station = Station(program, tcp=self.tcp)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        self.sent = b""
        self._partial = b""
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
        self.sent = data
        self.socket.send(data)

    def ask(self, step: Step) -> bytes:
        """Send *step* and return the reply without its frame. Raises CannotMeasure, OSError."""
        self.send(self.station.request(step))
        return self.wait(step)

    def wait(self, step: Step) -> bytes:
        """Wait for the reply to *step*, which was sent. Raises CannotMeasure, OSError."""
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
        """Read once: the reply to the last request without its frame; None while it is not complete."""
        data = self.socket.recv(LARGEST)
        if not self.tcp:
            return data if self.station.is_answer(data) else None
        if not data:
            raise CannotMeasure("the server has closed the connection")
        self._partial += data
        if len(self._partial) < max(REPLY_FRAME + HEADER, int.from_bytes(self._partial[4:8], "big")):
            return None
        data, self._partial = self._partial, b""
        return data[REPLY_FRAME:]
