"""Processes: every server and every client is a process, over real sockets on the loopback interface.

Rules of this file:

* A server is ready when it answers NCP, not when its port is open.
* A machine that loses its power or its cable sends nothing more, but the kernel of a process that ends closes its TCP
  connections. So a powered-off process is suspended, and a scripted client cuts its own link.
* A server is administered from the loopback interface only: there the runner asks for its time.
* No process outlives the run, nor does one that a client has started, however it detached (``descendants.py``).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

from fakenw.core.peer import IPX, TRANSPORTS, Peer
from fakenw.health import Address, answers
from fakenw.journal.record import SECOND
from fakenw.server_process import ProcessGroup, ServerProcess
from harness.runners import ipx_cables
from harness.runners.backend import Failed, Host
from harness.runners.descendants import FOLLOWED, DescendantTracker
from harness.runners.journal_tail import ClientStations
from harness.runners.own_program import OwnProgram
from harness.runners.server_clock import asking
from harness.scenario.plan import Plan
from harness.scenario.schedule import ScheduledFault
from harness.scenario.settings import ClientSpec, ServerSpec

CANNOT = {  # the reasons; other faults are for containers. A scripted client loses datagrams itself: loss and drop.
    "drop": "processes share one network; --on memory can do that",
    "reorder": "processes share one network; --on memory can do that",
    "spoof": "there is no router between processes; --on memory can do that",
    "clock-jump": "processes share the clock of their computer; --on memory can do that",
}


class Processes:
    """The backend. The user's own programs print to *show_output*, or else to a file.

    With *capture* every server writes its packets to a file beside its journal. *ipx_link* is how frames travel to it:
    qemu, in datagrams, or stream.
    """

    on = "processes"
    parallel = 1
    followed = FOLLOWED

    def __init__(
        self, show_output: IO[bytes] | int | None = None, *, capture: bool = False, ipx_link: str = "qemu"
    ) -> None:
        self._show, self._capture, self._ipx_link = show_output, capture, ipx_link
        self._all: list[ProcessGroup] = []
        self._addresses: dict[str, dict[str, Address]] = {}  # of servers, since they first listened
        self._admin: dict[str, int] = {}  # and the ports of their administrations
        self._tracker: DescendantTracker | None = None  # of the user's own programs
        self._losing: set[str] = set()  # clients that can lose packets: scripted, and not over TCP
        self._stations: dict[str, ClientStations] = {}  # of scripted clients

    def open(self, plan: Plan, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._tracker = DescendantTracker()  # each run has one, which tells others that they are not alone
        scripted = ((client["name"], TRANSPORTS[client["transport"]]) for client in plan.scripted())
        self._losing = {name for name, transport in scripted if not transport.lossless}

    def start_server(self, spec: ServerSpec, journal: Path, again: Host | None = None) -> ProcessGroup:
        options = server_options(self._plan, spec)
        for transport in self._plan.transports():
            new = f"{self._ipx_link}:127.0.0.1" if transport == IPX.name else "127.0.0.1"
            host, port = self._addresses[spec.name][transport] if again else (new, 0)
            options += ["--listen", f"{transport}:{host}:{port}"]
        options += ["--admin", f"127.0.0.1:{self._admin[spec.name] if again else 0}"]
        if self._capture:
            options += ["--pcap", str(self._folder / self._capture_of(spec))]
        more = {"log": self._folder / f"server-{spec.name}.log", "users": server_users(spec)}
        return self._start(ServerProcess, spec.name, *options, "--journal", str(journal), **more)

    def _capture_of(self, spec: ServerSpec) -> str:
        """The name of a new capture file; a server that starts again begins another."""
        name = "capture" if len(self._plan.servers) == 1 else f"capture-{spec.name}"
        files = (f"{name}+{n}.pcap" if n > 1 else f"{name}.pcap" for n in count(1))
        return next(file for file in files if not (self._folder / file).exists())

    def addresses(self, server: Host) -> dict[str, Address] | None:
        if server.name not in self._addresses:
            assert isinstance(server, ServerProcess)
            if not server.is_listening():
                return None
            self._addresses[server.name] = server.addresses
            self._admin[server.name] = int(server.admin.rpartition(":")[2])
        found = self._addresses[server.name]
        return found if all(_answers(server.name, *one) for one in found.items()) else None

    @contextmanager
    def asking_clock(self, server: Host) -> Iterator[Callable[[], float]]:
        with asking(self._admin[server.name]) as clock:
            yield clock.read

    def start_scripted(self, name: str, journal: Path) -> ProcessGroup:
        command = (sys.executable, "-m", "harness.runners.client", str(journal))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._stations[name] = ClientStations(journal)
        return self._start(ProcessGroup, name, *command, log=self._folder / f"client-{name}.log", **pipes)

    def start_own(self, name: str, client: ClientSpec) -> ProcessGroup:
        assert self._tracker is not None
        environment = {**os.environ, **client.environment, **self._tracker.mark(name)}
        options: dict[str, Any] = {"cwd": self._plan.folder or None, "env": environment}
        if self._show is not None:
            options |= {"stdout": self._show, "stderr": None}
        log = self._folder / f"client-{name}.log"
        return self._start(OwnProgram, name, *(client.command or ()), log=log, tracker=self._tracker, **options)

    def owns(self, host: Host, station: str) -> bool:
        if host.name in self._stations:
            return station in self._stations[host.name]
        if len(self._plan.own()) > 1:
            raise Failed(f"when: {host.name}: programs of one address are not told apart; --on containers can do that")
        return not any(station in scripted for scripted in self._stations.values())

    def inject(self, fault: ScheduledFault, host: Host) -> None:
        assert isinstance(host, ProcessGroup)
        match fault.verb:
            case "freeze" | "power-off":
                host.send_signal(signal.SIGSTOP)
            case "thaw":
                host.send_signal(signal.SIGCONT)
            case "process-killed":
                host.send_signal(signal.SIGKILL)
            case "cut" | "heal" if host.process.stdin is not None:
                with suppress(OSError):
                    host.send({"fault": fault.verb})
            case "loss" | "drop" if fault.name in self._losing:
                with suppress(OSError):
                    host.send({"fault": fault.verb, "arguments": fault.arguments})
            case _:
                otherwise = "processes share one network; --on containers can do that"
                raise Failed(f"{fault.verb}: {CANNOT.get(fault.verb, otherwise)}")

    def restart(self, host: Host, new_address: bool, journal: Path | None) -> Host:
        raise Failed("restart: processes share one address; --on memory or --on containers can do that")

    def close(self) -> None:
        for process in self._all:
            process.stop()
        if self._tracker is not None:
            self._tracker.close()

    def _start(self, kind: type[ProcessGroup], name: str, *words: str, **options: Any) -> ProcessGroup:
        try:
            process = kind(*words, name=name, **options)
        except OSError as problem:
            raise Failed(f"{name} cannot be started: {problem}") from None
        self._all.append(process)
        assert self._tracker is not None
        if not isinstance(process, OwnProgram):
            self._tracker.ignore(process.process.pid)
        return process


def _answers(server: str, transport: str, address: Address) -> bool:
    """Whether *server* answers NCP at *address*."""
    if transport == IPX.name:
        return ipx_cables.answers(server, address)
    return answers(Peer(TRANSPORTS[transport], address))


def server_options(plan: Plan, spec: ServerSpec) -> list[str]:
    """The options of ``fakenw serve``, except for its listeners, its journal and its users."""
    options = ["--name", spec.name, "--release", spec.release]
    options += ["--licenses", str(spec.licenses), "--connections", str(spec.connections)]
    options += ["--policy", spec.policy] if spec.policy else []
    options += ["--user-connections", str(spec.user_connections)]
    options += ["--watchdog", spec.watchdog] if spec.watchdog else []
    options += ["--tree", spec.tree] if spec.tree else []
    options += ["--signatures", str(spec.signatures)]
    for option, time in (("--clear-idle", spec.clear_idle), ("--keep-cleared", spec.keep_cleared)):
        options += [option, f"{time / SECOND:f}"] if time else []  # never in exponent notation
    for ncp, time in spec.slow.items():
        options += ["--slow", f"{ncp}={time / SECOND:f}"]
    options += ["--speed", str(plan.speed), "--seed", str(plan.seed)]
    return [*options, "--idle-after", str(plan.idle_threshold / SECOND)]


def server_users(spec: ServerSpec) -> list[str]:
    """Its users with their passwords, which are no options: these can be read in the list of processes."""
    return [f"{name}:{password}" for name, password in spec.accounts()]
