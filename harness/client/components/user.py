"""The user at the keyboard: logs on, maps drives, works with files, logs off.

Rules of this file:

* Logging on to the workstation begins a logon session; the user's connections are made in it.
* A user needs a connection from logging on, or mapping a drive to it, until logging off.
* An NDS logon asks a server of the tree, and that connection is the user's as well (KB Q219345).
"""

from __future__ import annotations

from typing import Literal

from pydantic import StrictBool

from fakenw.config.field_types import SomeTime
from fakenw.wire.requests.connection import ChangeConnectionState
from harness.client.attachment import Attachment, ClientFile
from harness.client.context import Component, WorkstationContext
from harness.client.settings import Drive, ServerFile, ServerName, Settings, verb
from harness.client.workstation import Failure, sleep


class UserSettings(Settings):
    """The user, and how the workstation logs on."""

    tree: tuple[ServerName, ...] = ()  # the servers of an NDS tree
    authenticates: Literal["any", "preferred"] = "preferred"  # which of them an NDS logon asks
    dos_logs_out: StrictBool = True  # a DOS program releases its connection when it ends


class User(Component):
    """The user at the keyboard."""

    name = "user"
    part = "logon"
    Settings = UserSettings
    settings: UserSettings

    def __init__(self, workstation: WorkstationContext, settings: UserSettings | None = None) -> None:
        super().__init__(workstation, settings)
        self._uses: list[Attachment] = []
        self._files: list[ClientFile] = []

    @property
    def _context(self) -> str:
        session = self.workstation.sessions.current
        return session.context if session else ""

    @verb
    async def logon(self, server: ServerName) -> None:
        """The user logs on to the workstation and to a server. Raises Denied, Gone, Lost, OSError."""
        if self.workstation.sessions.current is None:
            self.workstation.sessions.begin(self.workstation.account().user)
        if self.settings.tree and self.settings.authenticates == "any":
            await self._connect(self.workstation.random.choice(self.settings.tree))
        await self._connect(server)

    @verb
    async def map(self, drive: Drive, server: ServerName) -> None:
        """The user maps a drive to a server. Raises Denied, Gone, Lost, OSError."""
        connection = await self.workstation.redirector.map(drive, server, self.workstation.account(), self._context)
        self._use(connection)

    @verb
    async def unmap(self, drive: Drive) -> None:
        """The user removes a drive. Raises OSError where the session does not see it, Gone, Lost."""
        connection = self.workstation.redirector.mapped(drive, self._context)
        if connection in self._uses:
            self._uses.remove(connection)
            self.closed(connection)
        await self.workstation.redirector.unmap(drive, self._context)

    @verb
    async def open(self, file: ServerFile, server: ServerName) -> None:
        """The user opens a file. Raises Denied, Refused, Gone, Lost, OSError."""
        mine = [one for one in self._uses if one.server == server]
        try:
            connection = mine[-1] if mine else await self._connect(server)
            self._files.append(await self.workstation.redirector.open(connection, file))
        except Failure as problem:
            self.failed(file, problem, mine[-1] if mine else None)
            raise

    @verb
    async def close(self) -> None:
        """The user closes the file that was opened last. Raises Refused, Gone, Lost."""
        if self._files:
            await self.workstation.redirector.close(self._files.pop())

    @verb
    async def dos(self, server: ServerName, lasts: SomeTime | None = None) -> None:
        """A 16-bit program logs in with a requester of its own, without a license, and ends (KB Q175877).

        Raises Denied, Refused, Gone, Lost, OSError.
        """
        connection = await self.workstation.redirector.connect(server, *self.workstation.account(), private=True)
        self.opened(connection)
        await self.workstation.redirector.call(connection, ChangeConnectionState(0))
        if lasts is not None:
            await sleep(lasts)
        self.closed(connection)
        if self.settings.dos_logs_out:
            await self.workstation.redirector.release(connection, by="the DOS program")

    @verb
    async def logoff(self) -> None:
        """The user logs off: files are closed, and the user's connections are not needed any more."""
        while self._files:
            await self.attempt(self.close())
        uses, self._uses = self._uses, []
        for connection in uses:
            self.closed(connection)
        if self.workstation.sessions.current is not None:
            session, self.workstation.sessions.current = self.workstation.sessions.current, None
            await self.workstation.sessions.drop(session)

    @verb
    async def shut_down(self) -> None:
        """The user shuts the machine down: loops end, and every connection is released."""
        self.workstation.on = False
        await self.logoff()
        for connection in list(self.workstation.redirector.connections):
            await self.workstation.redirector.release(connection, forced=True, by="shutdown")

    async def _connect(self, server: str) -> Attachment:
        connection = await self.workstation.redirector.connect(
            server, *self.workstation.account(), context=self._context
        )
        self._use(connection)
        return connection

    def _use(self, connection: Attachment) -> None:
        self._uses.append(connection)
        self.opened(connection)
