"""What comes over the clients and servers of a run on real time, and when.

Rules of this file:

* A fault that has happened stands in the runner's journal before its effects.
* A client that is started again has a new host; a server keeps its addresses and its journal, and has come up when it
  answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakenw.health import Address
from fakenw.journal.record import SECOND
from harness.runners.backend import Backend, Failed, Host
from harness.runners.journal_tail import JournalTail
from harness.scenario.plan import Plan, client_journal
from harness.scenario.schedule import Disruption
from harness.scenario.settings import ServerSpec


@dataclass(eq=False)
class RunningClient:
    """A client of the run. *instructions*: what it is told, None for the user's own."""

    name: str
    host: Host
    instructions: Mapping[str, Any] | None = None
    incarnation: int = 1
    ended: bool = False
    frozen: bool = False
    told: bool = False

    @property
    def finished(self) -> bool:
        """Nothing more is to be expected of it by itself."""
        return self.ended or self.frozen or "done" in self.host.words


@dataclass(eq=False)
class ServerUnderTest:
    """A server of the run, and where it answers by transport."""

    spec: ServerSpec
    host: Host
    tail: JournalTail
    addresses: Mapping[str, Address] = field(default_factory=dict)
    down: bool = False


class FaultInjector:
    """The faults of a run that are still to come. *ready* waits for a server that has been started."""

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
        self._speed, self._folder, self._backend, self._clients, self._servers = (
            plan.speed,
            folder,
            backend,
            clients,
            servers,
        )
        self._write, self._ready = write, ready
        self._pending = plan.disruptions()

    @property
    def pending(self) -> bool:
        """Whether more is to come."""
        return bool(self._pending)

    def happen(self, elapsed: float) -> None:
        """Let those happen whose time has come, so many real seconds after the clients have begun."""
        while self._pending and elapsed * self._speed * SECOND >= self._pending[0].at:
            fault = self._pending.pop(0)
            self._write("fault", **fault.told())
            if fault.role == "server":
                self._over_server(self._servers[fault.name], fault)
            else:
                self._over_client(self._clients[fault.name], fault)

    def _over_client(self, client: RunningClient, fault: Disruption) -> None:
        if fault.verb == "restart":
            self._restart(client, fault)
            return
        if client.ended:
            raise Failed(f"{fault.verb}: {client.name} has ended before")
        if fault.verb in ("process-killed", "power-off"):
            self._ends(client, fault)
        self._backend.disrupt(fault, client.host)
        client.frozen = fault.verb == "freeze" or (client.frozen and fault.verb != "thaw")

    def _over_server(self, server: ServerUnderTest, fault: Disruption) -> None:
        match fault.verb:
            case "server-down":
                server.down = True
                server.host.stop()
            case "server-up":
                server.host = self._backend.start_server(server.spec, server.tail.path, server.host)
                server.down = False
                self._ready(server)
            case _:
                self._backend.disrupt(fault, server.host)

    def _ends(self, client: RunningClient, fault: Disruption) -> None:
        client.ended = True
        self._write("exit", client=client.name, code=None, cause=fault.verb)

    def _restart(self, client: RunningClient, fault: Disruption) -> None:
        if not client.ended:
            self._ends(client, fault)
            self._backend.disrupt(fault._replace(verb="power-off"), client.host)
        incarnation = client.incarnation + 1
        journal = None if client.instructions is None else self._folder / client_journal(client.name, incarnation)
        host = self._backend.restart(client.host, fault.arguments["address"] == "new", journal)
        self._clients[client.name] = RunningClient(client.name, host, client.instructions, incarnation)
        if client.instructions is None:
            self._write("spawn", client=client.name)
