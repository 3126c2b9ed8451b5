"""The processes runner: every server and every client a process of its own, over real sockets.

Rules of this file:

* A server is ready when it answers NCP, not when its port is open; if its process has died, the run
  fails at once and says what it last printed.
* Scripted clients stay alive until the server has stopped, so that no verdict comes from their exit.
* What is known of a run is in journals, in a directory; nothing is read from a client.
* Whatever happens, no process outlives the run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from fakenw.journal import JournalFile
from fakenw.records import SECOND, Journal, Record, read
from harness.runners import probe
from harness.runners.tail import Tail
from harness.scenario import Plan, ServerSpec

READY_WITHIN = 20.0  # seconds; a Python program starts slowly on a busy machine
STOP_WITHIN = 10.0
LOOK_EVERY = 0.02


class Failed(Exception):
    """The run could not be carried out; says why."""


class Stopped(Exception):
    """Somebody asked for the end of the run."""


class Child:
    """A process of the run. Its output is kept in a file, and its end is noted once."""

    def __init__(self, name: str, command: Sequence[str], log: Path, **options: Any) -> None:
        self.name, self.log, self.ended = name, log, False
        try:
            with log.open("wb") as output:
                options = {"stdout": output, "stderr": output, **options}
                self.process: subprocess.Popen[bytes] = subprocess.Popen(command, start_new_session=True, **options)
        except OSError as problem:
            raise Failed(f"{name} cannot be started: {problem}") from None

    def last_output(self) -> str:
        """The last lines it printed, as one."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " | ".join(lines[-3:])[-2000:] or "it printed nothing"

    def stop(self) -> None:
        """SIGTERM to its process group, SIGKILL if that is not enough, or if it left others of its group behind."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, number)
                self.process.wait(STOP_WITHIN)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Run:
    """One run on its way. *stop* is set when somebody wants it to end early."""

    def __init__(self, plan: Plan, folder: Path, stop: threading.Event, show_output: IO[bytes] | int | None) -> None:
        self.plan, self.folder, self._stop, self._show = plan, folder, stop, show_output
        self._begun, utc = time.monotonic(), datetime.now(UTC).isoformat(timespec="microseconds")
        self._journal = JournalFile.create(folder / "runner.jsonl")
        self._write("run", t=0, **{**plan.opening("processes"), "utc": utc, "speed": plan.speed})
        self._servers: dict[str, tuple[Child, Tail]] = {}
        self._addresses: dict[str, dict[str, tuple[str, int]]] = {}
        self._scripted: list[Child] = []
        self._commands: list[Child] = []
        self._done: set[str] = set()

    def carry_out(self) -> None:
        """Start everything, wait until there is nothing more to see, stop everything in the right order."""
        try:
            for spec in self.plan.servers:
                self._start_server(spec)
            for client in self.plan.scripted():
                self._start_scripted(client)
            for name, command, environment in self.plan.commands():
                self._start_command(name, command, environment)
            self._wait()
        except Failed as problem:
            self._write("failed", reason=str(problem))
        except Stopped:
            self._write("failed", reason="stopped before the end")
        finally:
            for child, _ in self._servers.values():
                child.stop()
            for child in [*self._scripted, *self._commands]:
                child.stop()
            self._write("end")
            self._journal.close()

    def _start_server(self, spec: ServerSpec) -> None:
        path = self.folder / f"server-{spec.name}.jsonl"
        command = [sys.executable, "-m", "fakenw", "serve", "--name", spec.name, "--release", spec.release]
        command += ["--licenses", str(spec.licenses), "--connections", str(spec.connections)]
        command += ["--policy", spec.policy] if spec.policy else []
        for transport in self.plan.transports():
            command += ["--listen", f"{transport}:127.0.0.1:0"]
        for name, password in spec.accounts():
            command += ["--user", f"{name}:{password}"]
        command += ["--journal", str(path), "--speed", str(self.plan.speed), "--seed", str(self.plan.seed)]
        command += ["--idle-after", str(self.plan.idle_threshold / SECOND)]
        log = self.folder / f"server-{spec.name}.log"
        child = Child(spec.name, command, log, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._servers[spec.name] = (child, Tail(path))
        self._addresses[spec.name] = self._listening(child)

    def _listening(self, child: Child) -> dict[str, tuple[str, int]]:
        """The addresses a server printed, once it answers NCP on each of them."""
        deadline = time.monotonic() + READY_WITHIN
        addresses: dict[str, tuple[str, int]] = {}
        output = child.process.stdout
        assert output is not None
        os.set_blocking(output.fileno(), False)
        text = ""
        while len(addresses) < len(self.plan.transports()):
            text += (output.read() or b"").decode()
            for line in text.splitlines(keepends=True):
                if line.startswith("listening ") and line.endswith("\n"):
                    _, transport, place = line.split()
                    host, _, port = place.rpartition(":")
                    addresses[transport] = (host, int(port))
            self._alive(child, deadline, "did not say where it listens")
        for transport, address in addresses.items():
            while not probe.answers(transport, address):
                self._alive(child, deadline, f"does not answer NCP over {transport}")
        return addresses

    def _alive(self, child: Child, deadline: float, why: str) -> None:
        """Wait a moment. Raises Failed if the process has died or the deadline is over, Stopped if asked to."""
        if child.process.poll() is not None:
            raise Failed(f"{child.name} ended with exit code {child.process.returncode}: {child.last_output()}")
        if time.monotonic() > deadline:
            raise Failed(f"{child.name} {why} within {READY_WITHIN:.0f} s: {child.last_output()}")
        if self._stop.wait(LOOK_EVERY):
            raise Stopped

    def _start_scripted(self, client: dict[str, Any]) -> None:
        name = client["name"]
        command = [sys.executable, "-m", "harness.runners.client"]
        log = self.folder / f"client-{name}.log"
        child = Child(name, command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._scripted.append(child)
        servers = {server: by[client["transport"]] for server, by in self._addresses.items()}
        journal = str(self.folder / f"client-{name}.jsonl")
        order = {"client": client, "servers": servers, "speed": self.plan.speed, "journal": journal}
        assert child.process.stdin is not None
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self._write("spawn", client=name)
        try:
            child.process.stdin.write(json.dumps(order).encode() + b"\n")
            child.process.stdin.flush()
        except OSError:
            raise Failed(f"{name} ended at once: {child.last_output()}") from None

    def _start_command(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        server = self.plan.servers[0].name
        transport = self.plan.transports()[0]
        host, port = self._addresses[server][transport]
        places = {"{host}": host, "{port}": str(port), "{transport}": transport}
        words = [_fill(word, places) for word in command]
        more = {"FAKENW_HOST": host, "FAKENW_PORT": str(port), "FAKENW_TRANSPORT": transport}
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": self.plan.folder or None}
        if self._show is not None:
            options |= {"stdout": self._show, "stderr": None}
        log = self.folder / f"client-{name}.log"
        child = Child(name, words, log, env={**os.environ, **environment, **more}, **options)
        self._commands.append(child)
        self._write("spawn", client=name, command=words)

    def _wait(self) -> None:
        """Until every client has finished and nobody holds a license, or has held one long enough."""
        quiet_since = time.monotonic()  # when the clients had finished, or a journal last grew
        finished_at: float | None = None
        while True:
            for child, _ in self._servers.values():
                if child.process.poll() is not None:
                    raise Failed(f"{child.name} ended with exit code {child.process.returncode}: {child.last_output()}")
            self._look_at_clients()
            before = [tail.last for _, tail in self._servers.values()]
            for _, tail in self._servers.values():
                tail.catch_up()
            tails = [tail for _, tail in self._servers.values()]
            if [tail.last for tail in tails] != before:
                quiet_since = time.monotonic()
            now = time.monotonic()
            finished = self._all_finished()
            finished_at = (finished_at or now) if finished else None
            if finished_at is not None and (
                not any(tail.held for tail in tails) or now - finished_at > self._real(self.plan.patient_within)
            ):
                return
            if not finished and self.plan.idle_after is not None and not self._scripted:
                everything_idle = all(tail.all_idle_since() is not None or not tail.held for tail in tails)
                # Who holds and is idle has been so for idle_after when the journal says it.
                idle = 0 if any(tail.held for tail in tails) else self.plan.idle_after
                if everything_idle and now - quiet_since > self._real(idle + self.plan.patient_within):
                    return
            if self._stop.wait(LOOK_EVERY):
                raise Stopped

    def _real(self, duration: int) -> float:
        """Microseconds of the server's time as seconds on the wall."""
        return duration / SECOND / self.plan.speed

    def _look_at_clients(self) -> None:
        for child in self._scripted:
            assert child.process.stdout is not None
            if b"done" in (child.process.stdout.read() or b""):
                self._done.add(child.name)
            elif child.process.poll() is not None:
                raise Failed(f"{child.name} ended with exit code {child.process.returncode}: {child.last_output()}")
        for child in self._commands:
            if not child.ended and child.process.poll() is not None:
                child.ended = True
                self._write("exit", client=child.name, code=child.process.returncode)

    def _all_finished(self) -> bool:
        return len(self._done) == len(self._scripted) and all(child.ended for child in self._commands)

    def _write(self, event: str, *, t: int | None = None, **fields: Any) -> None:
        now = round((time.monotonic() - self._begun) * self.plan.speed * SECOND) if t is None else t
        self._journal.write([Record(now, "runner", event, fields)])


def _fill(word: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(place, value)
    return word


def run(plan: Plan, folder: Path, stop: threading.Event, show_output: IO[bytes] | int | None = None) -> list[Journal]:
    """Carry *plan* out in *folder*, which must exist. Returns the journals that were written there."""
    Run(plan, folder, stop, show_output).carry_out()
    return journals(folder)


def journals(folder: Path) -> list[Journal]:
    """The journals of a run directory. Raises JournalError."""
    return [read(path) for path in sorted(folder.glob("*.jsonl"))]
