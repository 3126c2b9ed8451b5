"""Services of a workstation besides SMS: print servers, jobs of the scheduler, dialers, metering clients.

Rules of this file:

* A service has a security context of its own, in which its connections are made (KB Q146110, Q130668).
* A service may impersonate the user: then the user's logon session does not end before the service drops its token
  (KB Q179444).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from fakenw.config.field_types import BinderyName, SomeTime
from fakenw.journal.record import SECOND
from fakenw.wire.requests.server import GetServerInfo
from harness.client.attachment import Attachment, Denied, InUse
from harness.client.context import Component, WorkstationContext
from harness.client.server_query import ask
from harness.client.settings import AskedServer, Drive, Mention, ServerFile, ServerName, Settings, verb
from harness.client.workstation import Failure, Gone, Lost, sleep

SYSTEM = "SYSTEM"  # the context that services work in

Account = Annotated[
    BinderyName, Mention.USER, Field(description="the account of its login: the user or one of the accounts")
]


class ServiceSettings(Settings):
    token: Literal["drop", "keep"] = "drop"  # the copy of the user's token, after work
    query: Literal["detach", "keep"] = "detach"  # the attachment of a query
    failover: Literal["release", "forget"] = "release"  # the connection to a server that did not answer
    removes_drive: StrictBool = True  # a job removes the drive that it has mapped
    shares: StrictBool = False  # a service works on an existing connection


class Service(Component):
    name = "service"
    Settings = ServiceSettings
    settings: ServiceSettings

    def __init__(self, workstation: WorkstationContext, settings: ServiceSettings | None = None) -> None:
        super().__init__(workstation, settings)
        self._running: list[Attachment] = []

    @verb
    async def start(self, server: ServerName, user: Account | None = None, retry: SomeTime | None = None) -> None:
        """A service logs in on a connection of its own, with *retry* until it succeeds. Raises Denied, OSError."""
        while True:
            try:
                private, account = not self.settings.shares, self.workstation.account(user)
                connection = await self.workstation.redirector.connect(
                    server, *account, private=private, context=SYSTEM
                )
                break
            except Denied:
                if retry is None or not self.workstation.on:
                    raise
            await sleep(retry)
        self._running.append(connection)
        self.opened(connection)

    @verb
    async def stop(self) -> None:
        """The service that started last ends."""
        if self._running:
            connection = self._running.pop()
            self.closed(connection)
            with suppress(InUse):
                await self.workstation.redirector.release(connection, by="SERVICE")

    @verb
    async def impersonate(self, lasts: SomeTime = 60 * SECOND) -> None:
        """A service works with a copy of the user's token for a while. Raises OSError where no user is logged on."""
        session = self.workstation.sessions.impersonate()

        async def work() -> None:
            await sleep(lasts)
            if self.settings.token == "drop":
                await self.workstation.sessions.drop(session)

        self.workstation.world.spawn(work())

    @verb
    async def query(self, server: AskedServer) -> None:
        """A program asks a server for its description, without a login. Raises Refused, Gone, Lost, OSError."""
        await ask(self, server, detach=self.settings.query == "detach")

    @verb
    async def job(self, drive: Drive, server: ServerName, file: ServerFile, lasts: SomeTime = 60 * SECOND) -> None:
        """A job of the scheduler maps a drive, reads a file, and ends. Raises Denied, Refused, Gone, Lost, OSError."""
        redirector = self.workstation.redirector
        connection = await redirector.map(drive, server, self.workstation.account(), SYSTEM)
        self.opened(connection)
        handle = await redirector.open(connection, file)
        await sleep(lasts)
        await redirector.close(handle)
        self.closed(connection)
        if self.settings.removes_drive:
            await redirector.unmap(drive, SYSTEM)

    @verb
    async def meter(
        self,
        servers: Annotated[tuple[ServerName, ...], Field(min_length=1, description="servers, the best one first")],
        file: ServerFile,
        every: SomeTime = 60 * SECOND,
    ) -> None:
        """A metering client asks its server at intervals, and goes to the next one where that does not answer."""

        async def serve() -> None:
            connection: Attachment | None = None
            for server in servers:
                if connection is not None:
                    self.closed(connection)
                    connection.aside = True
                    if self.settings.failover == "release":
                        self.workstation.world.spawn(self._release(connection))
                try:
                    connection = await self._connect(server)
                    await self.workstation.redirector.close(await self.workstation.redirector.open(connection, file))
                    while self.workstation.on:
                        await sleep(every)
                        await self.workstation.redirector.call(connection, GetServerInfo())
                    return
                except Failure as problem:
                    self.failed(file, problem)

        self.workstation.world.spawn(serve())

    async def _connect(self, server: str) -> Attachment:
        connection = await self.workstation.redirector.connect(server, *self.workstation.account(), context=SYSTEM)
        self.opened(connection)
        return connection

    async def _release(self, connection: Attachment) -> None:
        """Log out of a server that did not answer, as soon as it answers."""
        while True:
            try:
                await self.workstation.redirector.call(connection, GetServerInfo())
                break
            except Lost:
                continue  # after a minute of tries
            except Gone:
                return
        await self.workstation.redirector.release(connection, forced=True, by="SERVICE")
