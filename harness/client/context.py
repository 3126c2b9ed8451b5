"""The parts that the components of one workstation share, and the class of a component.

Rules of this file:

* A component is a small program over NAL and the redirector. It writes a ``<component>-open`` and a
  ``<component>-close`` line around each use of a connection. From these lines alone the judge takes when a connection
  is no longer needed.
* Work that fails is written as ``work-failed``, and the client goes on.
* A *loop* repeats work until the machine is shut down.
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
        self.on = True  # False once the machine is shut down
        self.reported: Exception | None = None  # the last one that a component wrote as "work-failed"
        self.parts: dict[type[Component], Component] = {}

    def part(self, kind: type[C]) -> C:
        """The component of the class *kind*."""
        return cast(C, self.parts[kind])

    def account(self, user: str | None = None) -> Account:
        """The account called *user*, without a password if it is unknown here; left out: the user's own."""
        if user is None:
            return self.accounts[0]
        return next((one for one in self.accounts if one.user.upper() == user.upper()), Account(user.upper()))

    async def loop(self, work: Callable[[], Awaitable[None]], every: int, after: int = 0) -> None:
        """Do *work* every *every* microseconds while the machine is on, the first time after *after* microseconds."""
        await sleep(after)
        while self.on:
            await work()
            await sleep(every)


class Component:
    """A part of a client whose verbs scripts call as ``name.verb``. ``settings`` change how it works."""

    name: ClassVar[str]
    part: ClassVar[str] = ""  # the name of its settings in a scenario, if not its own
    Settings: ClassVar[type[Settings]] = Settings

    def __init__(self, workstation: WorkstationContext, settings: Any = None) -> None:
        self.workstation = workstation
        self.settings = self.Settings() if settings is None else settings

    def opened(self, connection: Attachment, **fields: Any) -> None:
        """Write that this component needs *connection* from now on."""
        self.workstation.world.write(f"{self.name}-open", **fields, **connection.where())

    def closed(self, connection: Attachment, **fields: Any) -> None:
        """Write that this component does not need *connection* any more."""
        self.workstation.world.write(f"{self.name}-close", **fields, **connection.where())

    def failed(self, file: str | None, problem: Exception, connection: Attachment | None = None) -> None:
        """Write that work failed: on *file*, for *problem*."""
        fields: dict[str, Any] = failure(problem) | (connection.where() if connection else {})
        self.workstation.world.write("work-failed", component=self.name.upper(), file=file, **fields)
        self.workstation.reported = problem

    async def attempt(self, work: Awaitable[None], file: str | None = None) -> bool:
        """Do *work*, and return whether it succeeded; a failure is written."""
        try:
            await work
        except Failure as problem:
            self.failed(file, problem)
            return False
        return True
