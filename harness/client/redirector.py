"""The redirector: owns the NCP connections of a workstation and knows which files are open on each.

Rules of this file:

* A server has one public connection that everybody is led to, whatever its credentials (KB Q224286, Q205406); where
  contexts are *separate*, as NT's redirectors keep them, everybody who works in the same logon session (KB Q146110).
  A private connection is found by nobody but its maker.
* A release that is not forced is refused while a file is open on the connection, or a drive is mapped to it; a file
  that is just being opened or closed counts as open. This is what WNetCancelConnection2 does with ``fForce`` false.
  Nothing here tries again: who asked was told, once.
* Who asks lets go for everybody. With ``count_opens`` the connection goes after the last who was led to it has given
  it up, as with the use count of Novell's NWCCOpenConn.
* A forced release goes ahead, and breaks the files that are open.
* A release is a logout (0x19) and a destroy (0x5555), as libncp sends them.
* A connection that the server took away is forgotten, and the files on it with it; unless with ``reconnect``: then it
  is made again when it is used next, the files on it are opened again, and the request is repeated. So Novell's
  clients bring a cleared connection back (ANA19970203, KB Q133212; that it takes a request is our reading).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from pydantic import StrictBool

from fakenw.config.field_types import Count, SomeTime
from fakenw.core.peer import UDP, Transport
from fakenw.journal.record import SECOND
from fakenw.wire.layout import R, Request
from fakenw.wire.packet import Refused
from fakenw.wire.requests.connection import ChangeConnectionState, Logout
from fakenw.wire.requests.files import CloseFile, OpenFile
from harness.client.attachment import Account, Attachment, ClientFile, Denied, InUse, log_in
from harness.client.scavenger import scavenge
from harness.client.settings import Settings
from harness.client.workstation import TURN, Failure, Gone, Lost, Requester, World, failure, sleep

READ_SHARED = 0x11  # read, compatibility mode
HIDDEN_AND_SYSTEM = 0x06
DROPPED_AFTER = 600 * SECOND  # of idleness, to make room for another server (KB Q160824: about ten minutes)


class RedirectorSettings(Settings):
    """The redirector."""

    idle_timeout: SomeTime | None = None  # lets go of a connection that was not used for so long (KB Q149643)
    unlicense_idle: SomeTime | None = None  # gives up the license of such a connection, and keeps the connection
    reconnect: StrictBool = False  # a connection that the server ended is made again, with its files
    count_opens: StrictBool = False  # a connection goes after the last who was led to it
    contexts: Literal["shared", "separate"] = "shared"  # who is led to a connection: everybody, or its logon session
    drives: Literal["hold", "ignored"] = "hold"  # what a mapped drive means to an unforced release
    last_drive: Literal["release", "keep"] = "release"  # what becomes of its connection when the last drive goes
    logoff: Literal["release", "keep"] = "release"  # what becomes of a logon session's connections
    failed_login: Literal["destroy", "keep"] = "destroy"  # what becomes of the attachment
    defer_close: StrictBool = False  # a closed file stays open on the server, in case it is wanted again
    monitored: StrictBool = False  # a second connection goes with every public one (Client32)
    most_servers: Count | None = None  # at once
    when_full: Literal["refuse", "drop"] = "refuse"  # what becomes of one server more, or of the idlest


class Redirector:
    """The connections of one workstation."""

    def __init__(self, world: World, transport: Transport = UDP, settings: RedirectorSettings | None = None) -> None:
        self.connections: list[Attachment] = []
        self.last_server: str | None = None  # the server that was connected to last
        self.settings = settings or RedirectorSettings()
        self._world = world
        self.transport = transport
        self._handles = 0

    def existing(self, server: str, context: str = "") -> Attachment | None:
        """The connection to *server* that *context* is led to, whether ready or still being made."""
        for connection in reversed(self.connections):
            led = self.settings.contexts == "shared" or connection.context == context
            if connection.server == server.upper() and led and not connection.private and not connection.aside:
                return connection
        return None

    async def connect(
        self, server: str, user: str, password: str, *, private: bool = False, context: str = ""
    ) -> Attachment:
        """The existing connection to *server*, or a new one. Raises Denied, Gone, Lost, OSError."""
        server = server.upper()
        self.last_server = server
        while not private and (found := self.existing(server, context)):
            if found.ready:
                found.last_use = self._world.now()
                found.opens += 1
                return found
            await sleep(TURN)
        await self._make_room(server)
        connection = self._new(server, user, password, private, context)
        await self._log_in(connection)
        connection.opens = 1
        if self.settings.monitored and not private:
            await self._monitor(connection)
        if not private:
            if limit := self.settings.idle_timeout:
                self._world.spawn(scavenge(self._world, connection, limit, self._let_go_if_idle))
            if limit := self.settings.unlicense_idle:
                self._world.spawn(scavenge(self._world, connection, limit, self._unlicense))
        return connection

    async def open(self, connection: Attachment, path: str) -> ClientFile:
        """Open the file *path*, such as ``SYS:DIR/FILE``, for reading. Raises Refused, Gone, Lost."""
        self._handles += 1
        file = ClientFile(self._handles, connection, path)
        connection.handles[file.number] = file
        try:
            file.handle = connection.cached.pop(path, b"")  # it was closed a while ago, but not on the server
            if not file.handle:
                file.handle = (await self.call(connection, _open(path))).handle
        finally:
            if not file.handle:
                connection.handles.pop(file.number, None)
        return file

    async def close(self, file: ClientFile) -> None:
        """Close *file*; afterwards it is not open here, whatever is raised. Raises Refused, Gone, Lost."""
        try:
            if self.settings.defer_close and file.path not in file.connection.cached:
                file.connection.cached[file.path] = file.handle
            else:
                await self._call(file.connection, lambda: CloseFile(0, file.handle))
        finally:
            file.connection.handles.pop(file.number, None)

    async def release(self, connection: Attachment, *, forced: bool = False, by: str = "redirector") -> None:
        """Let go of *connection*. Raises InUse, unless *forced*.

        A server that does not answer keeps nothing alive here: ``detach`` says ``reason`` then.
        """
        if connection.gone:
            return
        connection.opens -= 1
        if self.settings.count_opens and connection.opens > 0 and not forced:
            return  # whoever is still led to it has the same to do
        where = connection.where()
        self._world.write("release-asked", by=by, forced=forced, **where)
        files = [file.path for file in connection.handles.values()]
        drives = sorted(connection.drives) if self.settings.drives == "hold" else []
        if (files or drives) and not forced:
            told = {"drives": drives} if drives else {}
            self._world.write("release-refused", reason="open files", files=files, **told, **where)
            raise InUse([*files, *drives])
        connection.gone = True  # from here on nobody is led to it
        self.connections.remove(connection)
        trouble: dict[str, Any] = {}
        try:
            with suppress(Refused):
                for handle in connection.cached.values():
                    await connection.requester.call(CloseFile(0, handle))
                await connection.requester.call(Logout())
            await connection.requester.destroy()
        except (Gone, Lost) as problem:
            trouble = {"reason": failure(problem)["reason"]}
        self._forget(connection)
        self._world.write("detach", forced=forced, by=by, **where, **trouble)
        if connection.monitor:
            await self.release(connection.monitor, forced=True, by=by)

    async def map(self, drive: str, server: str, account: Account, context: str = "") -> Attachment:
        """Map *drive* to *server*, as NET USE does. Raises Denied, Gone, Lost, OSError (the drive is taken)."""
        if self.mapped(drive, context):
            raise OSError(f"{drive} is mapped")
        new = self.existing(server, context) is None
        connection = await self.connect(server, *account, context=context)
        connection.for_drive |= new
        connection.drives.add(drive)
        return connection

    async def unmap(self, drive: str, context: str = "") -> None:
        """Remove *drive*, as NET USE /DELETE does. Raises OSError: *context* sees no such drive."""
        connection = self.mapped(drive, context)
        if connection is None:
            raise OSError(f"there is no drive {drive} here")
        connection.drives.discard(drive)
        if not connection.drives and connection.for_drive and self.settings.last_drive == "release":
            with suppress(InUse):
                await self.release(connection)

    def mapped(self, drive: str, context: str = "") -> Attachment | None:
        """The connection that *drive* leads to, as *context* sees it."""
        own = self.settings.contexts == "separate"
        seen = (one for one in self.connections if one.context == context or not own)
        return next((one for one in seen if drive in one.drives), None)

    async def session_ended(self, context: str) -> None:
        """The logon session *context* is over, and with it whatever was open in it."""
        if self.settings.logoff == "keep":
            return
        for connection in [one for one in self.connections if one.context == context]:
            await self.release(connection, forced=True, by="logoff")

    async def call(self, connection: Attachment, request: Request[R]) -> R:
        """Have *request* carried out on *connection*. Raises Refused, Gone, Lost, OSError."""
        return await self._call(connection, lambda: request)

    def _new(self, server: str, user: str, password: str, private: bool, context: str) -> Attachment:
        requester = Requester(self._world, server, self.transport)
        connection = Attachment(requester, server, user.upper(), private, password=password, context=context)
        self.connections.append(connection)
        return connection

    async def _log_in(self, connection: Attachment) -> None:
        keep = self.settings.failed_login == "keep"
        try:
            await log_in(self._world, connection, keep_refused=keep)
        except Failure as problem:
            if keep and isinstance(problem, Denied):
                connection.aside = True  # forgotten here, and not on the server
            else:
                self._forget(connection)
            raise
        connection.ready = True
        connection.last_use = self._world.now()
        self._attached(connection)

    def _attached(self, connection: Attachment) -> None:
        self._world.write("attach", **connection.where(), user=connection.user, private=connection.private)

    async def _monitor(self, connection: Attachment) -> None:
        """The second connection; without it there is none at all. Raises Denied, Gone, Lost, OSError."""
        connection.monitor = self._new(
            connection.server, connection.user, connection.password, True, connection.context
        )
        try:
            await self._log_in(connection.monitor)
        except Failure:
            connection.monitor = None
            await self.release(connection, forced=True)
            raise

    async def _make_room(self, server: str) -> None:
        """There may be no more than so many servers. Raises OSError."""
        most = self.settings.most_servers
        servers = {one.server for one in self.connections}
        if most is None or server in servers or len(servers) < most:
            return
        idle = [one for one in self.connections if not one.handles and one.ready]
        idle = [one for one in idle if self._world.now() - one.last_use >= DROPPED_AFTER]
        if self.settings.when_full == "refuse" or not idle:
            raise OSError(f"no more than {most} servers")
        await self.release(min(idle, key=lambda one: one.last_use), forced=True)

    async def _call(self, connection: Attachment, request: Callable[[], Request[R]]) -> R:
        """The *request* is put together anew after a reconnection, which changes the handles of files."""
        if connection.gone:
            raise Gone("the connection has ended")
        connection.last_use = self._world.now()
        try:
            try:
                return await connection.requester.call(request())
            except Gone:
                if not self.settings.reconnect:
                    raise
            await self._come_back(connection)
            return await connection.requester.call(request())
        except Gone:
            self._forget(connection)
            raise
        finally:
            connection.last_use = self._world.now()

    async def _come_back(self, connection: Attachment) -> None:
        """Make *connection* again, with the files that are open on it. Raises Gone where that cannot be done."""
        ended = connection.requester
        ended.close()
        connection.requester = Requester(self._world, connection.server, self.transport)
        try:
            await log_in(self._world, connection)
            self._attached(connection)
            for file in connection.handles.values():
                if file.handle:
                    file.handle = (await connection.requester.call(_open(file.path))).handle
        except Failure as problem:
            connection.requester.close()
            connection.requester = ended  # what fails now fails for want of that one
            raise Gone(f"it could not be made again: {problem}") from problem

    def _forget(self, connection: Attachment) -> None:
        connection.gone = True
        connection.handles.clear()
        connection.requester.close()
        with suppress(ValueError):
            self.connections.remove(connection)

    # What the scavenger does

    async def _let_go_if_idle(self, connection: Attachment) -> None:
        with suppress(InUse):
            await self.release(connection, by="redirector")

    async def _unlicense(self, connection: Attachment) -> None:
        """The next use of a file licenses it again, if there is a license then (NetWare's connection states)."""
        with suppress(Refused, Gone, Lost):
            await connection.requester.call(ChangeConnectionState(0))


def _open(path: str) -> OpenFile:
    return OpenFile(0, HIDDEN_AND_SYSTEM, READ_SHARED, path)
