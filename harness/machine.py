"""One client machine: its redirector, registry, NAL and components, and the script it plays.

Rules of this file:

* A machine is built from plain JSON, so that it can be handed to another process or a container.
  Durations are microseconds.
* A script is a list of steps ``{"verb": ..., "args": {...}}``. The verbs are a table: adding one is a line.
* Work that fails is written, and the script goes on, as a user's day does.
* The machine stays on after its script: what was left open is still open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from harness.components.apm import Apm
from harness.components.operator import Operator
from harness.nal import Arbiter, ArbiterSettings, Nal
from harness.redirector import Account, Denied, Redirector
from harness.registry import Registry
from harness.workstation import Failure, World, failure, sleep

Step = Mapping[str, Any]


class Machine:
    """Composes a client::

        {"name": ..., "user": "NAME[:PASSWORD]", "transport": "udp" | "tcp", "script": [steps],
         "arbiter": {"counted", "forced", "retry", "key", "reopen", "drop"},
         "apm": {"private"}, "redirector": {"idle_timeout", "reconnect"}}

    What is left out is as shipped; the user is then GUEST. Raises TypeError for a setting it does not know.
    """

    def __init__(self, world: World, client: Mapping[str, Any]) -> None:
        def settings(name: str) -> Mapping[str, Any]:
            return client.get(name) or {}

        account = Account.parse(client.get("user") or "GUEST")
        self.registry = Registry()
        self.redirector = Redirector(world, client.get("transport", "udp"), **settings("redirector"))
        arbiter = Arbiter(world, self.registry, self.redirector, account, ArbiterSettings(**settings("arbiter")))
        self._nal = nal = Nal(world, arbiter)
        apm = Apm(world, self.redirector, arbiter, account, **settings("apm"))
        operator = Operator(self.redirector, account)
        self.verbs: dict[str, Callable[..., Awaitable[None]]] = {
            "nal.open": self._nal_open,
            "nal.close": nal.close,
            "apm.open": apm.open,
            "apm.close": apm.close,
            "operator.clear": operator.clear,
            "wait": sleep,
            "repeat": self._repeat,
        }
        self._world = world
        self._script: Sequence[Step] = client.get("script", ())

    async def run(self) -> None:
        """Play the script. Raises ValueError for a verb that it does not know."""
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
            except Denied:
                pass  # the redirector has written it
            except Failure as problem:
                component = verb.partition(".")[0].upper()
                self._world.write("work-failed", component=component, file=None, **failure(problem))

    async def _repeat(self, times: int, script: Sequence[Step]) -> None:
        for _ in range(times):
            await self._play(script)

    async def _nal_open(self, path: str, owner: str, retry: int | None = None) -> None:
        """A NAL open that is tried again every *retry* as long as the server has no room."""
        while True:
            try:
                return await self._nal.open(path, owner)
            except Denied:
                if retry is None:
                    raise
            await sleep(retry)
