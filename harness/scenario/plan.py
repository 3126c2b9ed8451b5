"""A plan: one run of a scenario, with every default and the variant already applied. Runners see plans only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from fakenw.config.field_types import Duration, seconds
from fakenw.config.yaml_file import Model
from fakenw.journal.record import FORMAT, SECOND
from harness.client.behavior_file import load
from harness.scenario import own_steps
from harness.scenario.faults import Fault
from harness.scenario.mentions import licensing_servers
from harness.scenario.schedule import Scheduled, placed, timeline
from harness.scenario.settings import PARTS, ClientSpec, ServerSpec, Transport
from harness.scenario.steps import Check

VerdictName = Literal["released", "reclaimed", "leaked", "interrupted", "unknown"]
IDLE_AFTER = 300 * SECOND  # the idle threshold of the servers of a scenario without one
PATIENCE = 250_000  # microseconds of real time on top of a deadline, so that a busy machine changes no verdict


class Plan(Model):
    """One run: a scenario in one variant on one transport. Durations are microseconds, and seconds in JSON."""

    scenario: str
    title: str
    source: str
    variant: str
    why: str  # the variant's title
    cause: str = ""  # the mechanism that the scenario shows, in one line
    transport: Transport
    seed: int
    speed: Annotated[float, Field(gt=0)]
    servers: tuple[ServerSpec, ...]
    clients: tuple[ClientSpec, ...]  # each with its transport and its settings, and with its count
    faults: tuple[Fault, ...]
    checks: tuple[Check, ...]
    expect: VerdictName  # on this transport, of these images
    fails: tuple[str, ...] = ()  # checks that are expected to fail
    behaviors: tuple[str, ...] = ()  # files with components of the user's own
    within: Duration
    idle_after: Duration | None
    timeout: Duration | None  # real time
    folder: str  # of the file, in which the user's programs run; "": the catalogue

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (self.behaviors,), self.__getstate__()

    @property
    def idle_threshold(self) -> int:
        """The idle time (microseconds) after which the servers call a connection idle."""
        return IDLE_AFTER if self.idle_after is None else self.idle_after

    @property
    def patient_within(self) -> int:
        """*within* and an allowance of real time for a busy machine, in microseconds."""
        return self.within + round(PATIENCE * self.speed)

    def transports(self) -> list[str]:
        """The transports of the run, its own first."""
        return list(dict.fromkeys([self.transport, *(client.transport or self.transport for client in self.clients)]))

    def scripted(self) -> list[dict[str, Any]]:
        """Every single scripted client, as plain JSON for ``Machine``: durations in microseconds."""
        return [
            {
                "name": name,
                "user": str(client.user),
                "transport": client.transport or self.transport,
                "frame": client.frame,
                "seed": self.seed,
                "accounts": [str(account) for account in client.accounts],
                "script": [step.order() for step in client.script],
                "registry": client.registry,
                "login": client.login,
                "signatures": client.signatures,
                **{part: getattr(client, part).model_dump(exclude_defaults=True) for part in PARTS},
            }
            for client in self.clients
            if client.script is not None
            for name in client.names()
        ]

    def own(self) -> list[tuple[str, ClientSpec]]:
        """Every single client of the user's own, with its name."""
        return [(name, client) for client in self.clients if client.script is None for name in client.names()]

    def images(self) -> list[str]:
        """The images of the user's own clients."""
        return [client.image for client in self.clients if client.image is not None]

    def scheduled_faults(self) -> list[Scheduled]:
        """The faults in their order, each for one single client or server, and the conditions between them."""
        clients = {client.name: client.names() for client in self.clients}
        return placed(timeline(self.faults), clients, [server.name for server in self.servers])

    def opening(self, on: str) -> dict[str, Any]:
        """The fields of the ``run`` record but its clock: the whole plan without passwords, environment and files."""
        spelled = self.model_dump(exclude={"folder"})
        for server in spelled["servers"]:
            server["users"] = [user.partition(":")[0] for user in server["users"]]
        for client in spelled["clients"]:
            client["user"] = client["user"].partition(":")[0]
            client["accounts"] = [account.partition(":")[0] for account in client["accounts"]]
            del client["environment"], client["files"]
            if client["script"] is not None:
                del client["exit"]  # its program is the harness's own
        patience = 0 if on == "memory" else self.patient_within - self.within
        return {"format": FORMAT, "on": on, "patience": seconds(patience), **spelled, "proof": self.proof()}

    def proof(self) -> dict[str, Any]:
        """What shows of each single client that it was licensed: see docs/journal.md."""
        servers = [server.name for server in self.servers]
        return {
            name: client.licensed or (None if client.script is None else licensing_servers(client, servers))
            for client in self.clients
            for name in client.names()
        }


def _blank(behaviors: Sequence[str]) -> Plan:
    """A plan for ``pickle``, which then fills it with steps: those of the user's own are known from here on."""
    for file in behaviors:
        own_steps.add(load(Path(file)))
    return Plan.__new__(Plan)


def client_journal(name: str, incarnation: int) -> str:
    """The name of a client's journal; every *incarnation* (from 1) has one of its own, for its clock begins at 0."""
    return f"client-{name}.jsonl" if incarnation == 1 else f"client-{name}+{incarnation}.jsonl"
