"""The load: ``load.c`` as a process, with stations that have one pending request each, for slices of time."""

from __future__ import annotations

import functools
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks.scheduled import Scheduled
from benchmarks.servers import MeasuredServer
from benchmarks.steps import CannotMeasure, Program
from fakenw.bindery import passwords

PATIENCE = 20.0  # seconds


class Tools(NamedTuple):
    """The compiled programs."""

    load: Path
    echo: Path


@functools.cache
def build(folder: Path) -> Tools:
    """Compile the load and the C echo server into *folder*. Raises CannotMeasure."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise CannotMeasure("the load is a program in C, and there is no compiler; expected cc or gcc")
    tools = Tools(folder / "load", folder / "echo")
    for program in tools:
        source = Path(__file__).with_name(f"{program.name}.c")
        made = subprocess.run([compiler, "-O2", "-o", str(program), str(source)], capture_output=True, text=True)
        if made.returncode:
            raise CannotMeasure(f"{source.name} cannot be compiled: {made.stderr.strip()}")
    return tools


class Slice(NamedTuple):
    """A slice of time: what was answered, and what the server had to compute for it."""

    answers: int
    seconds: float
    resent: int
    cost: Scheduled


class Load:
    """Stations that run a rehearsed *program* on *server*, in slices of time; between them everything idles."""

    def __init__(self, tools: Tools, server: MeasuredServer, program: Program, connections: int) -> None:
        self._server = server
        kind = "ncp" if server.admin else "bare"
        command = [str(tools.load), server.transport, *map(str, (*server.address, connections)), kind]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._say(_as_text(program))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The stations leave; one that waits for an answer is ended."""
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def slice(self, seconds: float) -> Slice:
        """Raises CannotMeasure, OSError."""
        before = Scheduled.of(self._server.pid)
        self._say(f"{seconds}\n")
        assert self._process.stdout is not None
        told = self._process.stdout.readline().split()
        if not told:
            _, errors = self._process.communicate()
            raise CannotMeasure(f"the load on {self._server.transport}: {errors.strip()}")
        answers, took, resent = told
        return Slice(int(answers), float(took), int(resent), Scheduled.of(self._server.pid).since(before))

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and its errors say why
            self._process.stdin.write(text)
            self._process.stdin.flush()


def _as_text(program: Program) -> str:
    """The program in the format of load.c."""
    lines = []
    if program.hashed:
        lines.append(f"secret {passwords._NIBBLES.hex()} {passwords._KEYS.hex()} {program.hashed.hex()}")
    for number, (step, size) in enumerate(zip(program.steps, program.sizes, strict=True)):
        part = "setup" if number < len(program.setup) else "cycle"
        lines.append(f"{part} {step.name} {step.patch or '-'} {step.take or '-'} {size} {step.packet.hex()}")
    return "".join(f"{line}\n" for line in [*lines, "begin"])
