"""A scenario: servers, clients, what the clients do, and the verdict that is expected.

Rules of this file:

* A scenario is data, and the same words mean the same in a file, in Python and in JSON: what
  ``model_dump`` writes, ``model_validate`` reads.
* A duration is text with units (``1h30m``) or a number of seconds where it is written, in JSON too,
  and a whole number of microseconds where it is used.
* A :class:`Scenario` is what the file says; a :class:`Plan` is one run of it, with every default
  and the variant already applied. Runners see plans only.
* Settings are merged field by field: the scenario's, then the client's, then the variant's, since
  the variant is what the run is about.
* Adding a step or a check: a class, and a line in ``Step`` or ``Check``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
)

from fakenw import yamlfile
from fakenw.records import FORMAT, SECOND
from fakenw.wire.packet import LARGEST_CONNECTION
from fakenw.words import BinderyName, Count, Duration, SomeTime, Text, mark_repeated, seconds, some
from fakenw.yamlfile import DocumentError, Model, expected_one_of, shown
from harness.script import WITHIN, Check, Name, Released, Script, User, UserText

Transport = Literal["udp", "tcp"]
VerdictName = Literal["released", "reclaimed", "leaked", "interrupted", "unknown"]
Release = Literal["3.12", "4.11", "5.1", "6.5"]
Policy = Literal["attach", "login", "service", "nls", "ual"]
IDLE_AFTER = 300 * SECOND  # when a server calls a connection idle, where the scenario does not say
ScenarioError = DocumentError  # a scenario cannot be used: its file, or what was asked of it
PATIENCE = 250_000  # real time on top of a deadline, so that a busy machine does not change a verdict


# What a file says


class Settings(Model):
    """Settings of a part of a client. A switch alone can be written as its name: ``arbiter: counted``."""

    @classmethod
    def unfold(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        switches = [name for name, field in cls.model_fields.items() if field.annotation is bool]
        if data not in switches:
            raise ValueError(f"{shown(data)} is unknown; {expected_one_of([*switches, 'a mapping'], data)}")
        return {data: True}


class Arbiter(Settings):
    """NAL's arbiter. The defaults are as shipped, or our reading where KB Q257223 leaves it open."""

    counted: StrictBool = False  # APM registers its use with the arbiter
    forced: StrictBool = False  # the release is forced, whatever is open
    retry: SomeTime | None = None  # a refused release is asked for again, this often
    key: Literal["survives", "deleted"] = "survives"  # ResourceN after a refused release
    reopen: Literal["reuse", "add"] = "reuse"  # a later open: on the orphan, or on a connection more
    drop: Literal["decrement", "zero"] = "decrement"  # what a close does to the reference count


class ApmSettings(Settings):
    """The Available Programs Manager."""

    private: StrictBool = False  # APM opens a connection of its own


class RedirectorSettings(Settings):
    """The redirector."""

    idle_timeout: SomeTime | None = None  # lets go of a connection that was not used for so long


class ServerSpec(Model):
    """A server of a scenario."""

    name: BinderyName = Field(description="the name of the server, 1 to 47 characters")
    release: Release = "5.1"
    licenses: Annotated[StrictInt, Field(ge=0, le=LARGEST_CONNECTION)] = 5
    policy: Policy | None = None  # the release's own
    connections: Annotated[StrictInt, Field(ge=1, le=LARGEST_CONNECTION)] = 1000
    users: tuple[UserText, ...] = ()

    def accounts(self) -> list[tuple[str, str]]:
        """The users as (name, password)."""
        return [(user.name, user.password) for user in self.users]


class ClientSpec(Model):
    """A client, or *count* of them: scripted, or a program of the user's own."""

    name: Name = Field(description="the name of the client")
    user: UserText = User("GUEST")
    transport: Transport | None = None  # the run's
    count: Count = 1
    script: Script | None = None
    command: Annotated[tuple[Text, ...], AfterValidator(some)] | None = Field(None, validate_default=True)
    environment: dict[str, str] = Field(default_factory=dict)
    arbiter: Arbiter = Arbiter()
    apm: ApmSettings = ApmSettings()
    redirector: RedirectorSettings = RedirectorSettings()

    @field_validator("command")
    @classmethod
    def _either(cls, command: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if "script" in info.data and (info.data["script"] is None) == (command is None):
            what = "neither a script nor a command" if command is None else "a script and a command"
            raise ValueError(f"{what}; expected exactly one of them")
        return command

    def names(self) -> list[str]:
        """The names of the *count* clients. No client of a file can be called like the second of them."""
        return [self.name] if self.count == 1 else [f"{self.name}#{n}" for n in range(1, self.count + 1)]


class Expect(Model):
    """The expected verdict, which may depend on the transport. Alone it is meant for both."""

    udp: VerdictName = "released"
    tcp: VerdictName = "released"

    @classmethod
    def unfold(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"udp": data, "tcp": data}


class Variant(Model):
    """What is different in a variant. Its checks replace those of the same name, its script every client's."""

    title: Text | None = None  # why there is this variant, in one line
    expect: Expect | None = None
    transport: Transport | None = None
    arbiter: Arbiter = Arbiter()
    apm: ApmSettings = ApmSettings()
    redirector: RedirectorSettings = RedirectorSettings()
    checks: tuple[Check, ...] = ()
    script: Script | None = None


S = TypeVar("S", bound=Settings)


def _merged(*layers: S) -> S:
    """All that the layers set; the last one wins."""
    given = {name: getattr(layer, name) for layer in layers for name in sorted(layer.model_fields_set)}
    return layers[0].model_copy(update=given)


class Plan(Model):
    """One run: a scenario in one variant on one transport. Durations are microseconds, and seconds in JSON."""

    scenario: str
    title: str
    source: str
    variant: str
    why: str  # the variant's title
    transport: Transport
    seed: int
    speed: Annotated[float, Field(gt=0)]
    servers: tuple[ServerSpec, ...]
    clients: tuple[ClientSpec, ...]  # each with its transport and its settings; the counts are kept
    checks: tuple[Check, ...]
    expect: VerdictName  # on this transport
    within: Duration
    idle_after: Duration | None
    folder: str  # where the file is, and the user's programs run; "": the catalogue

    @property
    def idle_threshold(self) -> int:
        """When the servers call a connection idle."""
        return IDLE_AFTER if self.idle_after is None else self.idle_after

    @property
    def patient_within(self) -> int:
        """*within* and a little real time, in which a busy machine can do what it has to."""
        return self.within + round(PATIENCE * self.speed)

    def transports(self) -> list[str]:
        """The transports of the run, its own first."""
        return list(dict.fromkeys([self.transport, *(client.transport or self.transport for client in self.clients)]))

    def scripted(self) -> list[dict[str, Any]]:
        """Every single scripted client, as plain JSON for ``harness.machine.Machine``: durations in microseconds."""
        return [
            {
                "name": name,
                "user": str(client.user),
                "transport": client.transport or self.transport,
                "script": [step.order() for step in client.script],
                "arbiter": dict(client.arbiter),
                "apm": dict(client.apm),
                "redirector": dict(client.redirector),
            }
            for client in self.clients
            if client.script is not None
            for name in client.names()
        ]

    def commands(self) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
        """Every single client that is a program: name, command, environment."""
        return [
            (name, client.command, client.environment)
            for client in self.clients
            if client.command is not None
            for name in client.names()
        ]

    def opening(self, on: str) -> dict[str, Any]:
        """The fields of the ``run`` record but its clock: a run directory explains itself, and keeps passwords out."""
        spelled = self.model_dump(exclude={"folder"})
        for server in spelled["servers"]:
            server["users"] = [user.partition(":")[0] for user in server["users"]]
        for client in spelled["clients"]:
            client["user"] = client["user"].partition(":")[0]
            del client["environment"]
        patience = 0 if on == "memory" else self.patient_within - self.within
        return {"format": FORMAT, "on": on, "patience": seconds(patience), **spelled}


class Scenario(Model):
    """What a scenario file says."""

    what = "a scenario"

    format: Literal[1] = Field(description="1")
    id: Name = Field(description="a name, such as Q257223")
    title: Text = Field(description="the scenario in one line")
    source: Text = Field(description="where it is known from")
    description: Text | None = None
    idle_after: SomeTime | None = None  # a connection that was not used for so long is no longer needed
    transport: Transport = "udp"
    servers: Annotated[tuple[ServerSpec, ...], AfterValidator(some), BeforeValidator(mark_repeated)] = Field(
        description="a list of servers"
    )
    clients: Annotated[tuple[ClientSpec, ...], AfterValidator(some), BeforeValidator(mark_repeated)] = Field(
        description="a list of clients"
    )
    arbiter: Arbiter = Arbiter()
    apm: ApmSettings = ApmSettings()
    redirector: RedirectorSettings = RedirectorSettings()
    checks: tuple[Check, ...] = ()
    expect: Expect = Expect()
    variants: dict[Name, Variant] = Field(default_factory=dict)
    _folder: str = PrivateAttr("")

    @classmethod
    def read(cls, data: object, name: str) -> Scenario:
        """A scenario from *data*, which *name* has given instead of a file. Raises ScenarioError."""
        return yamlfile.check(cls, data, name)

    def plans(
        self, transport: str | None = None, variants: Sequence[str] = (), *, seed: int = 0, speed: float = 1.0
    ) -> list[Plan]:
        """A plan for each of *variants*, or for all. *transport* overrides the file's. Raises ScenarioError.

        A client that has a transport of its own keeps it.
        """
        known = self.variants or {"default": Variant()}
        for name in variants:
            if name not in known:
                raise ScenarioError([f"{self.id}: no variant {shown(name)}; {expected_one_of(known, name)}"])
        if transport not in (None, "udp", "tcp"):
            raise ScenarioError([f"{self.id}: no transport {shown(transport)}; expected one of udp, tcp"])
        return [self._plan(name, known[name], transport, seed, speed) for name in dict.fromkeys(variants or known)]

    def _plan(self, name: str, variant: Variant, asked: str | None, seed: int, speed: float) -> Plan:
        transport: Any = asked or variant.transport or self.transport
        checks = {check.verb: check for check in (*self.checks, *variant.checks)}
        released = checks.get(Released.verb)
        plan = Plan(
            scenario=self.id,
            title=self.title,
            source=self.source,
            variant=name,
            why=variant.title or "",
            transport=transport,
            seed=seed,
            speed=speed,
            servers=self.servers,
            clients=tuple(self._client(client, variant, transport) for client in self.clients),
            checks=tuple(checks.values()),
            expect=getattr(variant.expect or self.expect, transport),
            within=0,
            idle_after=None,
            folder=self._folder,
        )
        # Copied in, for they are microseconds: where a model is read, a number is seconds.
        within = released.within if isinstance(released, Released) else WITHIN
        return plan.model_copy(update={"within": within, "idle_after": self.idle_after})

    def _client(self, client: ClientSpec, variant: Variant, transport: str) -> ClientSpec:
        replaced = client.script is not None and variant.script is not None
        return client.model_copy(
            update={
                "transport": client.transport or transport,
                "script": variant.script if replaced else client.script,
                "arbiter": _merged(self.arbiter, client.arbiter, variant.arbiter),
                "apm": _merged(self.apm, client.apm, variant.apm),
                "redirector": _merged(self.redirector, client.redirector, variant.redirector),
            }
        )


# Where scenarios come from


def load(path: Path) -> Scenario:
    """Read the scenario file at *path*. Raises ScenarioError."""
    scenario = yamlfile.load(Scenario, path)
    scenario._folder = str(path.parent)
    return scenario


def catalogue() -> list[Scenario]:
    """The scenarios that come with the harness, in the order of their file names."""
    return list(_catalogue())


def _catalogue() -> Iterator[Scenario]:
    folder = resources.files("harness") / "scenarios"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml"):
            yield yamlfile.read(Scenario, entry.read_bytes(), f"harness/scenarios/{entry.name}")


def find(name: str) -> Scenario:
    """The scenario of the catalogue whose id is *name*, in any case, or else the one in the file *name*.

    Raises ScenarioError.
    """
    scenarios = {scenario.id.upper(): scenario for scenario in _catalogue()}
    if name.upper() in scenarios:
        return scenarios[name.upper()]
    path = Path(name)
    if path.exists() or path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return load(path)
    known = expected_one_of([*(scenario.id for scenario in scenarios.values()), "a file"], name)
    raise ScenarioError([f"{name}: no such scenario; {known}"])
