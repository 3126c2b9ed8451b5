"""One client machine: its redirector, registry, NAL and components, and the script it plays.

Rules of this file:

* A machine is built from plain JSON, so that another process or a container can build it. The settings of its
  parts are written as in a scenario; durations among the arguments of steps are microseconds.
* A script is a list of steps ``{"verb": ..., "args": {...}}``. The verbs are those of the components listed here.
* Work that fails is written, and the script goes on.
* The machine stays on after its script: open files and connections stay open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from fakenw.core.peer import TRANSPORTS
from harness.client.arbiter import Arbiter, ArbiterSettings
from harness.client.attachment import Account, Denied, LoginManner
from harness.client.behavior_file import guarded, raised_at
from harness.client.components.apm import Apm
from harness.client.components.ccim import Ccim
from harness.client.components.copyqueue import CopyQueue
from harness.client.components.inventory import Inventory
from harness.client.components.nal import Nal
from harness.client.components.odp import Odp
from harness.client.components.operator import Operator
from harness.client.components.pcm import Pcm
from harness.client.components.service import Service
from harness.client.components.user import User
from harness.client.context import Component, WorkstationContext
from harness.client.redirector import Redirector, RedirectorSettings
from harness.client.reg_file import parse
from harness.client.registry import Registry
from harness.client.selection import NalSettings, Selection
from harness.client.settings import verbs
from harness.client.workstation import Failure, World, failure, sleep

COMPONENTS: tuple[type[Component], ...] = (
    Nal,
    Apm,
    Odp,
    Ccim,
    CopyQueue,
    Inventory,
    Pcm,
    User,
    Service,
    Operator,
)

Step = Mapping[str, Any]


class Machine:
    """Composes a client::

        {"name": ..., "user": "NAME[:PASSWORD]", "accounts": [the same], "transport": "udp" | "tcp" | "ipx",
         "frame": a frame type, "seed": ..., "login": "bindery" | "nds", "signatures": None | 0 | 1 | 2 | 3,
         "script": [steps], "registry": the text of a .reg file,
         "arbiter": {settings}, "redirector": {...}, and one such entry for each component}

    Settings that are left out are as shipped; the user is then GUEST. *own* are further components.
    Raises ValueError for an unknown setting.
    """

    def __init__(self, world: World, client: Mapping[str, Any], own: Sequence[type[Component]] = ()) -> None:
        def settings(name: str) -> Any:
            return client.get(name) or {}

        user = Account.parse(client.get("user") or "GUEST")
        accounts = [Account.parse(text) for text in client.get("accounts", ())]
        text = client.get("registry")
        random = Random(f"{client.get('seed', 0)}/{client.get('name')}")
        self.registry = parse(text.encode(), "registry") if text else Registry()
        redirector = RedirectorSettings.model_validate(settings("redirector"))
        manner = LoginManner(client.get("login") == "nds", client.get("signatures"))
        self.redirector = Redirector(world, TRANSPORTS[client.get("transport", "udp")], redirector, manner)
        arbiter = ArbiterSettings.model_validate(settings("arbiter"))
        nal = NalSettings.model_validate(settings("nal"))
        self.workstation = workstation = WorkstationContext(
            world,
            self.registry,
            self.redirector,
            Arbiter(world, self.registry, self.redirector, user, arbiter),
            Selection(self.registry, self.redirector, accounts or [user], random, nal),
            [user, *accounts],
            random,
        )
        self.verbs: dict[str, Callable[..., Awaitable[None]]] = {}
        for kind in (*COMPONENTS, *own):
            part = workstation.parts[kind] = kind(
                workstation, kind.Settings.model_validate(settings(kind.part or kind.name))
            )
            for name, method in verbs(kind).items():
                self.verbs[f"{kind.name}.{name}"] = partial(method, part)
        self.verbs |= {"wait": sleep, "repeat": self._repeat}
        self._world = world
        self._script: Sequence[Step] = client.get("script", ())

    async def run(self) -> None:
        """Play the script. Raises ValueError for an unknown verb."""
        await self._play(self._script)
        if self.registry:
            self._world.write("registry", text=self.registry.export())
        self._world.write("done")

    async def _play(self, script: Sequence[Step]) -> None:
        for step in script:
            verb = step["verb"]
            if verb not in self.verbs:
                raise ValueError(f"{verb} is no verb; expected {', '.join(self.verbs)}")
            try:
                await self.verbs[verb](**step.get("args", {}))
            except Failure as problem:
                if not isinstance(problem, Denied) and problem is not self.workstation.reported:
                    component = verb.partition(".")[0].upper()
                    self._world.write("work-failed", component=component, file=None, **failure(problem))
                what = {"what": problem.what} if isinstance(problem, Denied) else {}
                declared = {"may_fail": True} if step.get("may_fail") else {}
                fields = {**failure(problem), **what, "text": str(problem), **raised_at(problem), **declared}
                self._world.write("step-failed", verb=verb, **fields)

    async def _repeat(self, times: int, script: Sequence[Step]) -> None:
        for _ in range(times):
            await self._play(script)


async def play(world: World, client: Mapping[str, Any], own: Sequence[type[Component]]) -> None:
    """Compose a client and play its script, until a component of the user's own raises."""

    async def whole() -> None:
        await Machine(world, client, own).run()

    await guarded(world, whole())
