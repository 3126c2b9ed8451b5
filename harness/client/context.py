"""What the components of one workstation share, and what a component is.

Rules of this file:

* A component is a small program over NAL and the redirector. It says of itself what it uses and when it has done:
  ``<component>-open`` and ``<component>-close`` lines that name a connection. From those the judge knows when a
  connection is no longer needed; nothing else that a client says counts.
* Work that fails is written as ``work-failed``, and the client goes on.
* What goes on by itself, again and again, is a *loop*; it ends when the machine is shut down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, ClassVar, TypeVar, cast

from harness.client.arbiter import Arbiter
from harness.client.attachment import Account, Attachment
from harness.client.logon_sessions import Sessions
from harness.client.redirector import Redirector
from harness.client.registry import Registry
from harness.client.selection import Selection
from harness.client.settings import Settings
from harness.client.workstation import Failure, World, failure, sleep

C = TypeVar("C", bound="Component")


class WorkstationContext:
    """The parts of one workstation."""

    def __init__(
        self,
        world: World,
        registry: Registry,
        redirector: Redirector,
        arbiter: Arbiter,
        selection: Selection,
        accounts: Sequence[Account],
        random: Random,
    ) -> None:
        self.world, self.registry, self.redirector = world, registry, redirector
        self.arbiter, self.selection, self.random = arbiter, selection, random
        self.accounts = accounts  # the user's own first
        self.sessions = Sessions(redirector)
        self.on = True  # not shut down
        self.parts: dict[type[Component], Component] = {}

    def part(self, kind: type[C]) -> C:
        """The component of that kind."""
        return cast(C, self.parts[kind])

    def account(self, user: str | None = None) -> Account:
        """The account called *user*; the user's own where it is left out. Who is unknown here has no password."""
        if user is None:
            return self.accounts[0]
        return next((one for one in self.accounts if one.user.upper() == user.upper()), Account(user.upper()))

    async def loop(self, work: Callable[[], Awaitable[None]], every: int, after: int = 0) -> None:
        """Do *work* each time that *every* has passed, the first time *after* a while, while the machine is on."""
        await sleep(after)
        while self.on:
            await work()
            await sleep(every)


class Component:
    """A part of a client that scripts can speak to: as ``name.verb``. What it may be told otherwise is ``settings``."""

    name: ClassVar[str]
    part: ClassVar[str] = ""  # what its settings are called in a scenario, if not like itself
    Settings: ClassVar[type[Settings]] = Settings

    def __init__(self, workstation: WorkstationContext, settings: Any = None) -> None:
        self.workstation = workstation
        self.settings = self.Settings() if settings is None else settings

    def opened(self, connection: Attachment, **fields: Any) -> None:
        """Say that this component needs *connection* from now on."""
        self.workstation.world.write(f"{self.name}-open", **fields, **connection.where())

    def closed(self, connection: Attachment, **fields: Any) -> None:
        """Say that it does not any more."""
        self.workstation.world.write(f"{self.name}-close", **fields, **connection.where())

    def failed(self, file: str | None, problem: Exception, connection: Attachment | None = None) -> None:
        """Say that work failed."""
        fields: dict[str, Any] = failure(problem) | (connection.where() if connection else {})
        self.workstation.world.write("work-failed", component=self.name.upper(), file=file, **fields)

    async def attempt(self, work: Awaitable[None], file: str | None = None) -> bool:
        """Whether *work* could be done; where not, that is written."""
        try:
            await work
        except Failure as problem:
            self.failed(file, problem)
            return False
        return True
