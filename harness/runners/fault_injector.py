"""The faults of a run on real time, injected at their times.

Rules of this file:

* A fault is written to the runner's journal before it is injected.
* Behind a condition times count from the moment at which it was seen to be met.
* A client that is started again has a new host; a server has its old addresses and journal, and is up when it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakenw.health import Address
from fakenw.journal.record import SECOND
from harness.runners.awaited_clients import AwaitedClients
from harness.runners.backend import Backend, Failed, Host
from harness.runners.journal_tail import JournalTail
from harness.scenario.plan import Plan, client_journal
from harness.scenario.schedule import Condition, ScheduledFault
from harness.scenario.settings import ServerSpec


@dataclass(eq=False)
class RunningClient:
    """A client of the run. *instructions* are None for a client of the user's own."""

    name: str
    host: Host
    instructions: Mapping[str, Any] | None = None
    incarnation: int = 1
    ended: bool = False
    frozen: bool = False
    instructed: bool = False

    @property
    def finished(self) -> bool:
        """It will do nothing more unless a fault is injected."""
        return self.ended or self.frozen or "done" in self.host.statuses


@dataclass(eq=False)
class ServerUnderTest:
    """A server of the run. ``addresses`` are those at which it answers NCP, by transport."""

    spec: ServerSpec
    host: Host
    tail: JournalTail
    addresses: Mapping[str, Address] = field(default_factory=dict)
    incarnation: int = 1
    down: bool = False


class FaultInjector:
    """The faults of a run that are not yet injected. *ready* waits for a server that was started."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        backend: Backend,
        clients: dict[str, RunningClient],
        servers: Mapping[str, ServerUnderTest],
        write: Callable[..., None],
        ready: Callable[[ServerUnderTest], None],
    ) -> None:
        self._speed, self._folder, self._backend = plan.speed, folder, backend
        self._clients, self._servers = clients, servers
        self._write, self._ready = write, ready
        self._pending = plan.scheduled_faults()
        self._since = 0.0  # the moment from which the times of the next faults count
        self._awaited: AwaitedClients | None = None

    @property
    def pending(self) -> bool:
        """Whether there is a fault whose time comes."""
        return self._awaited.met if self._awaited is not None else bool(self._pending)

    @property
    def unmet(self) -> str:
        """Why the rest of the faults waits; empty where it does not."""
        return self._awaited.never() if self._awaited is not None and not self._awaited.met else ""

    def inject_due(self, elapsed: float) -> None:
        """Inject the faults that are due. *elapsed*: real seconds since the clients began."""
        self._look()
        if self._awaited is not None:
            if not self._awaited.met:
                return
            self._awaited, self._since = None, elapsed
        passed = elapsed - self._since
        while self._pending and passed * self._speed * SECOND >= self._pending[0].at:
            fault = self._pending.pop(0)
            if isinstance(fault, Condition):
                self._await(fault)
                return
            self._write("fault", **fault.record_fields())
            if fault.role == "server":
                self._inject_server(self._servers[fault.name], fault)
            else:
                self._inject_client(self._clients[fault.name], fault)

    def _await(self, condition: Condition) -> None:
        """Look at the servers now and behind each new line of their journals."""
        self._awaited = AwaitedClients(condition, self._owns)
        for server in self._servers.values():
            server.tail.watcher = self._look
        self._look()

    def _look(self) -> None:
        if self._awaited is not None and not self._awaited.met:
            self._awaited.look(one for server in self._servers.values() for one in server.tail.holders())

    def _owns(self, name: str, station: str) -> bool:
        return self._backend.owns(self._clients[name].host, station)

    def _inject_client(self, client: RunningClient, fault: ScheduledFault) -> None:
        if fault.verb == "restart":
            self._restart(client, fault)
            return
        if client.ended:
            raise Failed(f"{fault.verb}: {client.name} has ended before")
        if fault.verb in ("process-killed", "power-off"):
            self._record_exit(client, fault)
        self._backend.inject(fault, client.host)
        client.frozen = fault.verb == "freeze" or (client.frozen and fault.verb != "thaw")

    def _inject_server(self, server: ServerUnderTest, fault: ScheduledFault) -> None:
        match fault.verb:
            case "server-down":
                server.down = True
                server.host.stop()
            case "server-up":
                server.host = self._backend.start_server(server.spec, server.tail.path, server.host)
                server.incarnation += 1
                server.down = False
                self._ready(server)
            case _:
                self._backend.inject(fault, server.host)

    def _record_exit(self, client: RunningClient, fault: ScheduledFault) -> None:
        client.ended = True
        self._write("exit", client=client.name, code=None, cause=fault.verb)

    def _restart(self, client: RunningClient, fault: ScheduledFault) -> None:
        if not client.ended:
            self._record_exit(client, fault)
            self._backend.inject(fault._replace(verb="power-off"), client.host)
        incarnation = client.incarnation + 1
        journal = None if client.instructions is None else self._folder / client_journal(client.name, incarnation)
        host = self._backend.restart(client.host, fault.arguments["address"] == "new", journal)
        self._clients[client.name] = RunningClient(client.name, host, client.instructions, incarnation)
        if client.instructions is None:
            self._write("spawn", client=client.name)
