"""A scenario: servers, clients, their scripts, and the expected verdict.

Rules of this file:

* A scenario has the same form in a file, in Python and in JSON: ``model_validate`` reads the output of ``model_dump``.
* A duration is text with units (``1h30m``) or a number of seconds in files and JSON, and a whole number of
  microseconds in Python.
* A :class:`Scenario` is the content of a file; a :class:`harness.scenario.plan.Plan` is one run of it.
* Settings are merged field by field: the scenario's, then the client's, then the variant's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from fakenw.config import yaml_file
from fakenw.config.field_types import SomeTime, Text, WireText, mark_repeated, some
from fakenw.config.yaml_file import DocumentError, Keys, Mistakes, Model, expected_one_of, shown
from fakenw.core.peer import TRANSPORTS
from harness.client.settings import Name
from harness.judge.verdict import WITHIN
from harness.scenario import mentions
from harness.scenario.faults import Fault
from harness.scenario.plan import Plan, VerdictName
from harness.scenario.schedule import impossible
from harness.scenario.settings import ClientSpec, Never, Parts, ServerHabits, ServerSpec, Transport
from harness.scenario.steps import Check, CheckName, Released, Script

TREE = "TREE"  # of servers that are in one because a client logs in to NDS
ScenarioError = DocumentError  # a mistake in a scenario's file, or in a request for its plans


# The content of a file


class Expect(Model):
    """The expected verdict, which may depend on the transport; written as one word it is for all of them.

    *images* has other expectations for a client's image, by its tag or by its whole name.
    """

    udp: VerdictName = "released"  # of a run over UDP
    tcp: VerdictName = "released"  # of a run over TCP
    ipx: VerdictName | None = None  # of a run over IPX; left out: that over UDP
    images: dict[Text, Expect] = Field(default_factory=dict)  # by the tag or the name of a client's image

    @classmethod
    def unfold(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"udp": data, "tcp": data}

    def of(self, transport: str, images: Sequence[str]) -> VerdictName:
        """The expected verdict of a run on *transport* with *images*."""
        for image in images:
            for name in (image, tag(image)):
                if name in self.images:
                    return self.images[name].of(transport, images)
        found: VerdictName | None = getattr(self, transport)
        return found or self.udp


def tag(image: str) -> str:
    """The tag of an image's name: of ``vendor/agent:2.0`` it is ``2.0``, and without one ``latest``."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[2] or "latest"


class Change(Parts):
    """Settings of every client, habits of every server, and faults that replace all faults."""

    server: ServerHabits = ServerHabits()  # of every server
    faults: tuple[Fault, ...] | None = None  # in place of all faults


class Cause(Model):
    """The cause of the outcome of a scenario: in one line, and as the one change that takes it away."""

    text: Text = Field(description="the mechanism in one line")
    without: Change = Field(description="the change that takes the cause away")


class Variant(Change):
    """The differences of a variant. Its checks replace those of the same name, its script every client's.

    Its *scripts* replace those of the clients that they name. *fails* are checks that are expected to fail.
    """

    title: Text | None = None  # the variant in one line
    expect: Expect | None = None  # the expected verdict; left out: the file's
    fails: tuple[CheckName, ...] | None = None  # the checks that are expected to fail; left out: the file's
    transport: Transport | None = None  # left out: the file's
    checks: tuple[Check, ...] = ()  # in place of those of the same names
    script: Script | None = None  # in place of every client's
    scripts: dict[Name, Script] = Field(default_factory=dict)  # in place of a client's, by client
    licensed: Never | dict[Name, Never] = Field(default_factory=dict)  # of every client, or by client


def _in_tree(server: ServerSpec, clients: Sequence[ClientSpec]) -> ServerSpec:
    """A server of 4.x or later is in a tree where a client logs in to one; on 3.x that client finds the bindery."""
    wanted = any(client.login == "nds" for client in clients)
    if server.tree or not wanted or server.release.startswith("3"):
        return server
    return server.model_copy(update={"tree": TREE})


def _changed(variant: Variant, change: Change) -> Variant:
    """The variant with *change* applied to it."""
    parts = Parts.of(variant, change)
    habits = variant.server.model_copy(update={n: getattr(change.server, n) for n in change.server.model_fields_set})
    faults = variant.faults if change.faults is None else change.faults
    return variant.model_copy(update={**parts, "server": habits, "faults": faults})


class Scenario(Parts):
    """The content of a scenario file."""

    what = "a scenario"

    format: Literal[1] = Field(description="1")
    id: Name = Field(description="a name, such as Q257223")
    title: Text = Field(description="the scenario in one line")
    source: Text = Field(description="the documents that describe it")
    known_as: tuple[Name, ...] = ()  # other names for finding it, such as the number of its article
    sourced: Text | None = None  # the content of the source
    reading: Text | None = None  # our reading, where the source says nothing
    description: Text | None = None  # for readers
    idle_after: SomeTime | None = None  # idle time after which a connection is no longer needed
    timeout: SomeTime | None = None  # real time after which clients that have not finished are given up
    transport: Transport = "udp"  # of every client that has none of its own
    seed: StrictInt = 0  # of a run for which the command line has none
    servers: Annotated[tuple[ServerSpec, ...], AfterValidator(some), BeforeValidator(mark_repeated)] = Field(
        description="a list of servers"
    )
    strangers: tuple[Annotated[WireText, AfterValidator(str.upper)], ...] = ()  # users and files on no server by intent
    clients: Annotated[tuple[ClientSpec, ...], AfterValidator(some), BeforeValidator(mark_repeated)] = Field(
        description="a list of clients"
    )
    faults: tuple[Fault, ...] = ()  # what happens to machines, with waits between
    cause: Cause | None = None  # the one change without which the outcome is another
    checks: tuple[Check, ...] = ()  # what must be so, beside the verdict
    expect: Expect = Expect()  # the expected verdict
    fails: tuple[CheckName, ...] = ()  # the checks that are expected to fail
    variants: dict[Name, Variant] = Field(default_factory=dict)  # by name; left out: one run, called default
    _folder: str = PrivateAttr("")

    @field_validator("faults")
    @classmethod
    def _of_clients(cls, faults: tuple[Fault, ...], info: ValidationInfo) -> tuple[Fault, ...]:
        _refuse(_impossible(faults, info.data))
        return faults

    @field_validator("cause")
    @classmethod
    def _without(cls, cause: Cause | None, info: ValidationInfo) -> Cause | None:
        if cause is not None:
            faults = _impossible(cause.without.faults or (), info.data)
            _refuse((("without", "faults", *place), text) for place, text in faults)
        return cause

    @field_validator("variants")
    @classmethod
    def _about_clients(cls, variants: dict[str, Variant], info: ValidationInfo) -> dict[str, Variant]:
        clients = info.data.get("clients", ())  # not there: refused themselves
        names = [one.name for one in clients]
        scripted = [one.name for one in clients if one.script is not None]
        found: list[tuple[Keys, str]] = []
        for name, variant in variants.items():
            faults = _impossible(variant.faults or (), info.data)
            found += [((name, "faults", *place), text) for place, text in faults]
            licensed = () if isinstance(variant.licensed, str) else variant.licensed
            for part, given, known in (("scripts", variant.scripts, scripted), ("licensed", licensed, names)):
                for client in given if clients else ():
                    if client not in known:
                        what = f"there is no client {shown(client)}" + (" with a script" if client in names else "")
                        found.append(((name, part, client), f"{what}; {expected_one_of(known, client)}"))
        _refuse(found)
        return variants

    @model_validator(mode="after")
    def _programs_are_told_apart(self) -> Scenario:
        """Of several programs ``licensed: never`` concerns all or none: no journal tells them apart."""
        own = {client.name for client in self.clients if client.script is None}
        always = {client.name for client in self.clients if client.licensed}
        places: dict[Keys, set[str]] = {("clients",): always}
        for name, variant in self.variants.items():
            never = own if isinstance(variant.licensed, str) else set(variant.licensed)
            places["variants", name, "licensed"] = always | never
        text = "licensed: never of one program of several; expected it of all, for the journal cannot tell them apart"
        if found := [(place, text) for place, never in places.items() if own & never not in (set(), own)]:
            raise Mistakes(found[:1])
        return self

    @model_validator(mode="after")
    def _known_names(self) -> Scenario:
        servers = [server.name for server in self.servers]
        users = [user.name for server in self.servers for user in server.users]
        if found := list(mentions.unknown(self._named(), servers, [*users, *mentions.INITIAL_USERS, *self.strangers])):
            raise Mistakes(found)
        return self

    def _named(self) -> Iterator[mentions.Named]:
        """All servers and users that are named anywhere in the file."""
        yield from mentions.of_settings(self, ())
        for n, client in enumerate(self.clients):
            yield from mentions.of_client(client, ("clients", n))
        if self.cause is not None:
            yield from mentions.of_settings(self.cause.without, ("cause", "without"))
        for name, variant in self.variants.items():
            place = ("variants", name)
            yield from mentions.of_settings(variant, place)
            yield from mentions.of_script(variant.script or (), (*place, "script"))
            for one, script in variant.scripts.items():
                yield from mentions.of_script(script, (*place, "scripts", one))

    @classmethod
    def read(cls, data: object, name: str) -> Scenario:
        """A scenario from *data*; *name* stands for the file in messages. Raises ScenarioError."""
        return yaml_file.check(cls, data, name)

    def plans(
        self,
        transport: str | None = None,
        variants: Sequence[str] = (),
        *,
        seed: int | None = None,
        speed: float = 1.0,
        images: Mapping[str, str] | None = None,
        change: Change | None = None,
        behaviors: Sequence[str] = (),
    ) -> list[Plan]:
        """A plan for each of *variants*, or for all, with *change* applied to it. Raises ScenarioError.

        *transport* and *seed* override the file's, but not the transport of a client. *images* (by client) replaces the
        images of the clients; names of other scenarios' clients are ignored.
        """
        known = self.variants or {"default": Variant()}
        for name in variants:
            if name not in known:
                raise ScenarioError([f"{self.id}: no variant {shown(name)}; {expected_one_of(known, name)}"])
        if transport is not None and transport not in TRANSPORTS:
            raise ScenarioError([f"{self.id}: no transport {shown(transport)}; expected one of udp, tcp, ipx"])
        for client in self.clients:
            if client.image is None and client.name in (images or {}):
                raise ScenarioError([f"{self.id}: the client {client.name} has no image that could be replaced"])
        wanted = dict.fromkeys(variants or known)
        changed = {name: known[name] if change is None else _changed(known[name], change) for name in wanted}
        chosen = self.seed if seed is None else seed
        plans = [self._plan(name, changed[name], transport, chosen, speed, images or {}) for name in wanted]
        return [plan.model_copy(update={"behaviors": tuple(behaviors)}) for plan in plans]

    def _plan(
        self, name: str, variant: Variant, asked: str | None, seed: int, speed: float, images: Mapping[str, str]
    ) -> Plan:
        transport: Any = asked or variant.transport or self.transport
        checks = {check.verb: check for check in (*self.checks, *variant.checks)}
        released = checks.get(Released.verb)
        clients = tuple(self._client(client, variant, transport, images) for client in self.clients)
        used = [client.image for client in clients if client.image is not None]
        plan = Plan(
            scenario=self.id,
            title=self.title,
            source=self.source,
            variant=name,
            why=variant.title or "",
            cause=self.cause.text if self.cause else "",
            transport=transport,
            seed=seed,
            speed=speed,
            servers=tuple(_in_tree(server.with_habits(variant.server), clients) for server in self.servers),
            clients=clients,
            faults=self.faults if variant.faults is None else variant.faults,
            checks=tuple(checks.values()),
            expect=(variant.expect or self.expect).of(transport, used),
            fails=self.fails if variant.fails is None else variant.fails,
            within=0,
            idle_after=None,
            timeout=None,
            folder=self._folder,
        )
        # Set with model_copy, for they are microseconds: validation takes a number as seconds.
        within = released.within if isinstance(released, Released) else WITHIN
        return plan.model_copy(update={"within": within, "idle_after": self.idle_after, "timeout": self.timeout})

    def _client(self, client: ClientSpec, variant: Variant, transport: str, images: Mapping[str, str]) -> ClientSpec:
        script = variant.scripts.get(client.name, variant.script)
        never = variant.licensed if isinstance(variant.licensed, str) else variant.licensed.get(client.name)
        return client.model_copy(
            update={
                "transport": client.transport or transport,
                "script": client.script if script is None or client.script is None else script,
                "licensed": client.licensed or never,
                "image": images.get(client.name, client.image),
                **Parts.of(self, client, variant),
            }
        )


def _impossible(faults: Sequence[Fault], data: Mapping[str, Any]) -> list[tuple[Keys, str]]:
    """The first impossible fault. *data* lacks servers and clients that were themselves refused."""
    if not data.keys() >= {"servers", "clients"}:
        return []
    clients = {client.name: client.names() for client in data["clients"]}
    return impossible(faults, clients, [server.name for server in data["servers"]])


def _refuse(found: Iterable[tuple[Keys, str]]) -> None:
    if mistakes := list(found):
        raise Mistakes(mistakes)


def load(path: Path) -> Scenario:
    """Read the scenario file at *path*. Raises ScenarioError."""
    scenario = yaml_file.load(Scenario, path)
    scenario._folder = str(path.parent)
    return scenario
