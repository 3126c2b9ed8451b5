"""The redirector: owns the NCP connections of a workstation and knows which files are open on each.

Rules of this file:

* All programs share one public connection to a server, whatever their credentials (KB Q224286, Q205406); where contexts
  are *separate*, as in NT's redirectors, all programs of a logon session (KB Q146110). A private connection is its
  maker's alone.
* A release that is not forced is refused while a file is open on the connection, or a drive is mapped to it; a file
  that is just being opened or closed counts as open. This is what WNetCancelConnection2 does with ``fForce`` false.
  The redirector does not try again.
* One release ends the connection for all its openers. With ``count_opens`` only that of the last opener does, as with
  the use count of Novell's NWCCOpenConn.
* A forced release breaks the files that are open.
* A release is a logout (0x19) and a destroy (0x5555), as libncp sends them.
* A connection that the server ended is forgotten, with its files. With ``reconnect`` its next use makes it again, opens
  its files again, and repeats the request, as Novell's clients do after a connection was cleared (ANA19970203, KB
  Q133212; that it takes a request is our reading).
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
from harness.client.attachment import USUAL, Account, Attachment, ClientFile, Denied, InUse, LoginManner, log_in
from harness.client.scavenger import scavenge
from harness.client.settings import Settings
from harness.client.workstation import TURN, Failure, Gone, Lost, Requester, World, failure, sleep

READ_SHARED = 0x11  # read, compatibility mode
HIDDEN_AND_SYSTEM = 0x06
DROPPED_AFTER = 600 * SECOND  # idle time after which a connection may make room for another (KB Q160824: ten minutes)


class RedirectorSettings(Settings):
    idle_timeout: SomeTime | None = None  # a connection that was idle for so long is released (KB Q149643)
    unlicense_idle: SomeTime | None = None  # such a connection releases its license, and stays
    reconnect: StrictBool = False  # a connection that the server ended is made again, with its files
    count_opens: StrictBool = False  # a release counts only when it is the last opener's
    contexts: Literal["shared", "separate"] = "shared"  # a connection is for all programs, or for its logon session
    drives: Literal["hold", "ignored"] = "hold"  # whether a mapped drive refuses an unforced release
    last_drive: Literal["release", "keep"] = "release"  # the connection of a drive that is unmapped, if it was the last
    logoff: Literal["release", "keep"] = "release"  # the connections of a logon session that ends
    failed_login: Literal["destroy", "keep"] = "destroy"  # the attachment of a login that was refused
    defer_close: StrictBool = False  # a closed file stays open on the server, for a later open
    monitored: StrictBool = False  # every public connection has a second one (Client32)
    most_servers: Count | None = None  # servers that are connected at once
    when_full: Literal["refuse", "drop"] = "refuse"  # above that: refuse the new server, or drop the idlest


class Redirector:
    """The connections of one workstation."""

    def __init__(
        self,
        world: World,
        transport: Transport = UDP,
        settings: RedirectorSettings | None = None,
        manner: LoginManner = USUAL,
    ) -> None:
        self.connections: list[Attachment] = []
        self.last_server: str | None = None  # the server of the last connect
        self.settings = settings or RedirectorSettings()
        self._world = world
        self.transport = transport
        self._manner = manner
        self._handles = 0

    def existing(self, server: str, context: str = "") -> Attachment | None:
        """The public connection to *server* for *context*, whether ready or still being made."""
        for connection in reversed(self.connections):
            visible = self.settings.contexts == "shared" or connection.context == context
            if connection.server == server.upper() and visible and not connection.private and not connection.aside:
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
                self._world.spawn(scavenge(self._world, connection, limit, self._release_idle))
            if limit := self.settings.unlicense_idle:
                self._world.spawn(scavenge(self._world, connection, limit, self._unlicense))
        return connection

    async def open(self, connection: Attachment, path: str) -> ClientFile:
        """Open the file *path*, such as ``SYS:DIR/FILE``, for reading. Raises Refused, Gone, Lost."""
        self._handles += 1
        file = ClientFile(self._handles, connection, path)
        connection.handles[file.number] = file
        try:
            file.handle = connection.cached.pop(path, b"")
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
        """Release *connection*; *by* names the caller in the journal. Raises InUse, unless *forced*.

        A connection is released even if its server does not answer: ``detach`` has a ``reason`` then.
        """
        if connection.gone:
            return
        connection.opens -= 1
        if self.settings.count_opens and connection.opens > 0 and not forced:
            return  # other openers have yet to release it
        where = connection.where()
        self._world.write("release-asked", by=by, forced=forced, **where)
        files = [file.path for file in connection.handles.values()]
        drives = sorted(connection.drives) if self.settings.drives == "hold" else []
        if (files or drives) and not forced:
            mapped = {"drives": drives} if drives else {}
            self._world.write("release-refused", reason="open files", files=files, **mapped, **where)
            raise InUse([*files, *drives])
        connection.gone = True
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
        """Map *drive* to *server*, as NET USE does. Raises Denied, Gone, Lost, OSError (the drive is in use)."""
        if self.mapped(drive, context):
            raise OSError(f"{drive} is mapped")
        new = self.existing(server, context) is None
        connection = await self.connect(server, *account, context=context)
        connection.for_drive |= new
        connection.drives.add(drive)
        return connection

    async def unmap(self, drive: str, context: str = "") -> None:
        """Remove *drive*, as NET USE /DELETE does. Raises OSError where *context* has no such drive."""
        connection = self.mapped(drive, context)
        if connection is None:
            raise OSError(f"{drive} is not mapped")
        connection.drives.discard(drive)
        if not connection.drives and connection.for_drive and self.settings.last_drive == "release":
            with suppress(InUse):
                await self.release(connection)

    def mapped(self, drive: str, context: str = "") -> Attachment | None:
        """The connection that *drive* is mapped to in *context*."""
        separate = self.settings.contexts == "separate"
        visible = (one for one in self.connections if one.context == context or not separate)
        return next((one for one in visible if drive in one.drives), None)

    async def session_ended(self, context: str) -> None:
        """End the connections of the logon session *context*."""
        if self.settings.logoff == "keep":
            return
        for connection in [one for one in self.connections if one.context == context]:
            await self.release(connection, forced=True, by="logoff")

    async def call(self, connection: Attachment, request: Request[R]) -> R:
        """The server's reply to *request* on *connection*. Raises Refused, Gone, Lost, OSError."""
        return await self._call(connection, lambda: request)

    def _new(self, server: str, user: str, password: str, private: bool, context: str) -> Attachment:
        requester = Requester(self._world, server, self.transport)
        connection = Attachment(requester, server, user.upper(), private, password=password, context=context)
        self.connections.append(connection)
        return connection

    async def _log_in(self, connection: Attachment) -> None:
        keep = self.settings.failed_login == "keep"
        try:
            await log_in(self._world, connection, self._manner, keep_refused=keep)
        except Failure as problem:
            if keep and isinstance(problem, Denied):
                connection.aside = True
            else:
                self._forget(connection)
            raise
        connection.ready = True
        connection.last_use = self._world.now()
        self._attached(connection)

    def _attached(self, connection: Attachment) -> None:
        self._world.write("attach", **connection.where(), user=connection.user, private=connection.private)

    async def _monitor(self, connection: Attachment) -> None:
        """Make the second connection; without it the first is released. Raises Denied, Gone, Lost, OSError."""
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
        """Keep to ``most_servers`` when *server* is added. Raises OSError."""
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
        """*request* is a function, for a reconnection changes the handles of files."""
        if connection.gone:
            raise Gone("the connection has ended")
        connection.last_use = self._world.now()
        try:
            try:
                return await connection.requester.call(request())
            except Gone:
                if not self.settings.reconnect:
                    raise
            await self._reconnect(connection)
            return await connection.requester.call(request())
        except Gone:
            self._forget(connection)
            raise
        finally:
            connection.last_use = self._world.now()

    async def _reconnect(self, connection: Attachment) -> None:
        """Make *connection* again, with its open files. Raises Gone where that fails."""
        ended = connection.requester
        ended.close()
        connection.requester = Requester(self._world, connection.server, self.transport)
        try:
            await log_in(self._world, connection, self._manner)
            self._attached(connection)
            for file in connection.handles.values():
                if file.handle:
                    file.handle = (await connection.requester.call(_open(file.path))).handle
        except Failure as problem:
            connection.requester.close()
            connection.requester = ended
            raise Gone(f"the connection could not be made again: {problem}") from problem

    def _forget(self, connection: Attachment) -> None:
        connection.gone = True
        connection.handles.clear()
        connection.requester.close()
        with suppress(ValueError):
            self.connections.remove(connection)

    # For the scavenger

    async def _release_idle(self, connection: Attachment) -> None:
        with suppress(InUse):
            await self.release(connection, by="redirector")

    async def _unlicense(self, connection: Attachment) -> None:
        """The next use of a file licenses the connection again, if a license is free (NetWare's connection states)."""
        with suppress(Refused, Gone, Lost):
            await connection.requester.call(ChangeConnectionState(0))


def _open(path: str) -> OpenFile:
    return OpenFile(0, HIDDEN_AND_SYSTEM, READ_SHARED, path)
