"""NAL's verbs: opens a path for an owner, and closes it.

Rules of this file:

* The owner is the local account of the calling process. It is in the registry; it is not the NetWare user of the login.
* NAL loads the libraries of its providers by name alone, so that Windows searches the PATH for them, with its NetWare
  servers, which the process's own account then tries to log in to (KB Q226368, Q239590).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, NamedTuple

from pydantic import Field, StrictBool

from fakenw.config.field_types import SomeTime, Text
from harness.client.attachment import Account, Attachment, Denied
from harness.client.context import Component, WorkstationContext
from harness.client.nal_path import NalPath
from harness.client.selection import NalSettings, PathText
from harness.client.settings import verb
from harness.client.workstation import Failure, sleep

LIBRARIES = ("ABNWCLI", "NDSCLI", "BINDCLI")  # the first and the second after KB Q287716; the third's name is ours

Owner = Annotated[Text, Field(description="the account that owns the entry in the registry")]


class Use(NamedTuple):
    """An open path."""

    owner: str
    path: NalPath
    connection: Attachment
    persistent: bool
    also: tuple[NalPath, ...]  # other paths that were opened with it


class Nal(Component):
    """The Network Abstraction Layer."""

    name = "nal"
    Settings = NalSettings
    settings: NalSettings

    def __init__(self, workstation: WorkstationContext, settings: NalSettings | None = None) -> None:
        super().__init__(workstation, settings)
        self._uses: list[Use] = []

    @verb
    async def open(
        self,
        path: PathText,
        owner: Owner,
        retry: Annotated[SomeTime | None, Field(description="the time until each new try after a refusal")] = None,
        persistent: StrictBool = False,
    ) -> None:
        """NAL opens a path for an owner: the local account in the registry, not the NetWare user.

        *persistent*: to hold the connection between uses. Raises ValueError, Denied, Gone, Lost, OSError.
        """
        await self.use(path, owner, retry, persistent)

    @verb
    async def close(self, path: PathText | None = None) -> None:
        """NAL closes a path; left out: the one that it opened last."""
        wanted = NalPath.parse(path) if path is not None else None
        for use in reversed(self._uses):
            if wanted is None or use.path.same_place(wanted):
                await self.end(use)
                return

    @verb
    async def survey(self, path: PathText, owner: Owner) -> None:
        """NAL logs in to every path of a list, and out again, to find the volumes (KB Q235770)."""
        for candidate in self.workstation.selection.candidates(NalPath.parse(path)):
            visit = self._visit(candidate, owner)
            if self.settings.survey == "at-once":
                self.workstation.world.spawn(visit)
            else:
                await visit

    async def use(self, path: str, owner: str, retry: int | None = None, persistent: bool = False) -> Use:
        """Open the NAL *path*, on the best server with a free license. Raises Denied, Gone, Lost, OSError."""
        retry = retry or self.settings.retry
        while True:
            await self._load(owner)
            try:
                use = await self._choose(NalPath.parse(path), owner, persistent)
            except Denied:
                if retry is None:
                    raise
                await sleep(retry)
                continue
            self._uses.append(use)
            self.opened(use.connection, path=str(use.path), owner=owner)
            return use

    async def end(self, use: Use) -> None:
        """Close the paths that ``use`` opened."""
        self._uses.remove(use)
        self.closed(use.connection, path=str(use.path), owner=use.owner)
        for path in (use.path, *use.also):
            await self.workstation.arbiter.close(use.owner, path, persistent=use.persistent)

    @asynccontextmanager
    async def using(self, path: str, owner: str) -> AsyncIterator[Use]:
        """Open *path*, and close it after the ``async with`` block."""
        use = await self.use(path, owner)
        try:
            yield use
        finally:
            await self.end(use)

    async def _choose(self, path: NalPath, owner: str, persistent: bool) -> Use:
        trouble: Exception | None = None
        opened: list[tuple[NalPath, Attachment]] = []
        for candidate in self.workstation.selection.candidates(path):
            try:
                opened.append((candidate, await self._try_each(candidate, owner, persistent)))
            except Failure as problem:
                trouble = problem
            if opened and self.settings.opens == "chosen":
                break
        if not opened:
            raise trouble or OSError(f"{path} has no paths")
        (chosen, connection), *others = opened
        return Use(owner, chosen, connection, persistent, tuple(other for other, _ in others))

    async def _try_each(self, path: NalPath, owner: str, persistent: bool) -> Attachment:
        """Open *path* with one account after the other. Raises the error of the last one."""
        *first, last = self.workstation.selection.accounts(owner)
        for account in first:
            with suppress(Denied):
                return await self.workstation.arbiter.open(owner, path, account, persistent=persistent)
        return await self.workstation.arbiter.open(owner, path, last, persistent=persistent)

    async def _load(self, owner: str) -> None:
        """Load the libraries: each is searched for in every folder of the PATH, with the account of the process."""
        account = Account(owner.removesuffix("&").upper())
        for server in self.settings.search_path:
            for _ in LIBRARIES:
                with suppress(*Failure):
                    connection = await self.workstation.redirector.connect(server, *account, private=True)
                    await self.workstation.redirector.release(connection, by="NAL")

    async def _visit(self, path: NalPath, owner: str) -> None:
        redirector = self.workstation.redirector
        try:
            connection = await redirector.connect(path.server, *self.workstation.account(), private=True, context=owner)
        except Failure as problem:
            self.failed(str(path), problem)
            return
        await redirector.release(connection, by="NAL")
