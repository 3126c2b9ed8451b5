"""Processes: every server and every client a process of its own, over real sockets on the loopback interface.

Rules of this file:

* A server is ready when it answers NCP, not when its port is open.
* A machine that has lost power, or its cable, says nothing to anybody. A process is not a machine: its kernel would
  close its TCP connections. So a process without power is a stopped one, which nobody hears of either; and a
  scripted client pulls its own cable.
* No process outlives the run, nor does one that a client has started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

from fakenw import health
from fakenw.records import SECOND
from harness.plan import Plan
from harness.runners.site import Address, Failed, Host, last_lines
from harness.settings import ClientSpec, ServerSpec
from harness.timeline import Disruption

STOP_WITHIN = 10.0  # seconds
CANNOT = {  # and why; the rest is for containers
    "drop": "processes share one network; --on memory can do that",
    "reorder": "processes share one network; --on memory can do that",
    "spoof": "there is no router between processes; --on memory can do that",
    "clock-jump": "processes share the clock of their computer; --on memory can do that",
}


class Process:
    """A process of the run. Its errors, and what a program of the user's own prints, are kept in a file."""

    def __init__(self, name: str, command: Sequence[str], log: Path, **options: Any) -> None:
        self.name, self.log = name, log
        self.words: set[str] = set()
        self._said = b""
        self._suspended = False
        try:
            with log.open("ab") as output:
                options = {"stdout": output, "stderr": output, **options}
                self.process: subprocess.Popen[bytes] = subprocess.Popen(command, start_new_session=True, **options)
        except OSError as problem:
            raise Failed(f"{name} cannot be started: {problem}") from None
        if self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)

    def code(self) -> int | None:
        self.words.update(self.lines())
        return self.process.poll()

    def lines(self) -> list[str]:
        """The whole lines it has printed so far, where somebody listens."""
        if self.process.stdout is not None:
            self._said += self.process.stdout.read() or b""
        return self._said[: self._said.rfind(b"\n") + 1].decode(errors="replace").splitlines()

    def last_output(self) -> str:
        return last_lines(self.log.read_text(errors="replace"))

    def tell(self, order: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()

    def send(self, number: int) -> None:
        """A signal to its process group."""
        self._suspended = number == signal.SIGSTOP or (self._suspended and number != signal.SIGCONT)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """SIGTERM to its process group, SIGKILL if that is not enough, or if it left others of its group behind."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if number == signal.SIGKILL or not self._suspended:  # who is suspended would not hear the first
                self.send(number)
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP_WITHIN)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was still to be written to a process that has ended
                    stream.close()


class Processes:
    """The site. *show_output* is where the user's own programs print, if not to a file.

    With *capture* every server writes what comes and goes to a file beside its journal.
    """

    on = "processes"
    parallel = 1

    def __init__(self, show_output: IO[bytes] | int | None = None, *, capture: bool = False) -> None:
        self._show, self._capture = show_output, capture
        self._all: list[Process] = []
        self._addresses: dict[str, dict[str, Address]] = {}  # of servers, where they once listened

    def open(self, plan: Plan, folder: Path) -> None:
        self._plan, self._folder = plan, folder

    def start_server(self, spec: ServerSpec, journal: Path, again: Host | None = None) -> Process:
        command = [sys.executable, "-m", "fakenw", "serve", *server_options(self._plan, spec)]
        for transport in self._plan.transports():
            host, port = self._addresses[spec.name][transport] if again else ("127.0.0.1", 0)
            command += ["--listen", f"{transport}:{host}:{port}"]
        if self._capture:
            command += ["--pcap", str(self._folder / self._capture_of(spec))]
        ours = {name: value for name, value in os.environ.items() if not name.startswith("FAKENW_")}
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "env": ours}
        log = self._folder / f"server-{spec.name}.log"
        if again is None:
            return self._start(spec.name, [*command, "--journal", str(journal)], log, stdout=subprocess.PIPE, **options)
        with journal.open("ab") as end:  # it goes on, as the standard output of a server that would begin a new file
            return self._start(spec.name, [*command, "--journal", "-"], log, stdout=end, **options)

    def _capture_of(self, spec: ServerSpec) -> str:
        """A capture file; a server that starts again begins another."""
        name = "capture" if len(self._plan.servers) == 1 else f"capture-{spec.name}"
        files = (f"{name}+{n}.pcap" if n > 1 else f"{name}.pcap" for n in count(1))
        return next(file for file in files if not (self._folder / file).exists())

    def addresses(self, server: Host) -> dict[str, Address] | None:
        assert isinstance(server, Process)
        found = self._addresses.setdefault(server.name, {})
        for line in server.lines():
            if line.startswith("listening "):
                _, transport, place = line.split()
                host, _, port = place.rpartition(":")
                found[transport] = (host, int(port))
        if len(found) < len(self._plan.transports()):
            return None
        return found if all(health.answers(transport, address) for transport, address in found.items()) else None

    def start_scripted(self, name: str, journal: Path) -> Process:
        command = [sys.executable, "-m", "harness.runners.client", str(journal)]
        log = self._folder / f"client-{name}.log"
        return self._start(name, command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start_own(self, name: str, client: ClientSpec) -> Process:
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": self._plan.folder or None}
        if self._show is not None:
            options |= {"stdout": self._show, "stderr": None}
        environment = {**os.environ, **client.environment}
        log = self._folder / f"client-{name}.log"
        return self._start(name, client.command or (), log, env=environment, **options)

    def disrupt(self, fault: Disruption, host: Host) -> None:
        assert isinstance(host, Process)
        match fault.verb:
            case "freeze" | "power-off":
                host.send(signal.SIGSTOP)
            case "thaw":
                host.send(signal.SIGCONT)
            case "process-killed":
                host.send(signal.SIGKILL)
            case "cut" | "heal" if host.process.stdin is not None:
                with suppress(OSError):
                    host.tell({"fault": fault.verb})
            case _:
                otherwise = "processes share one network; --on containers can do that"
                raise Failed(f"{fault.verb}: {CANNOT.get(fault.verb, otherwise)}")

    def restart(self, host: Host, new_address: bool, journal: Path | None) -> Host:
        raise Failed("restart: processes share one address; --on memory or --on containers can do that")

    def close(self) -> None:
        for process in self._all:
            process.stop()

    def _start(self, name: str, command: Sequence[str], log: Path, **options: Any) -> Process:
        process = Process(name, command, log, **options)
        self._all.append(process)
        return process


def server_options(plan: Plan, spec: ServerSpec) -> list[str]:
    """What ``fakenw serve`` is told, but for where it listens and writes its journal."""
    options = ["--name", spec.name, "--release", spec.release]
    options += ["--licenses", str(spec.licenses), "--connections", str(spec.connections)]
    options += ["--policy", spec.policy] if spec.policy else []
    options += ["--user-connections", str(spec.user_connections)]
    options += ["--watchdog", spec.watchdog] if spec.watchdog else []
    for option, time in (("--clear-idle", spec.clear_idle), ("--keep-cleared", spec.keep_cleared)):
        options += [option, f"{time / SECOND:f}"] if time else []  # never in powers of ten
    for ncp, time in spec.slow.items():
        options += ["--slow", f"{ncp}={time / SECOND:f}"]
    for name, password in spec.accounts():
        options += ["--user", f"{name}:{password}"]
    options += ["--speed", str(plan.speed), "--seed", str(plan.seed)]
    return [*options, "--idle-after", str(plan.idle_threshold / SECOND)]
