"""The redirector: owns the NCP connections of a workstation and knows which files are open on each.

Rules of this file:

* A server has one public connection that everybody is led to, whatever its credentials (KB Q224286,
  Q205406). A private connection is found by nobody but its maker.
* A release that is not forced is refused while a file is open on the connection; a file that is just
  being opened or closed counts as open. This is what WNetCancelConnection2 does with ``fForce`` false, and the
  use count of Novell's NWCCOpenConn. Nothing here tries again: who asked was told, once.
* A forced release goes ahead, and breaks the files that are open.
* A release is a logout (0x19) and a destroy (0x5555), as libncp sends them.
* A connection that the server took away is forgotten, and the files on it with it; unless with ``reconnect``: then it
  is made again when it is used next, the files on it are opened again, and the request is repeated. So Novell's
  clients bring a cleared connection back (ANA19970203, KB Q133212; that it takes a request is our reading).
* With ``idle_timeout`` a scavenger lets go of public connections that nobody used for so long, like the
  one of NWRDR (KB Q149643). As shipped there is none that would have ended Q257223's connection.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fakenw.password import answer, hash_password
from fakenw.wire.layout import R, Request, encode_text
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests.bindery import GetLoginKey, GetObjectId, KeyedLogin
from fakenw.wire.requests.connection import Logout, NegotiateBuffer
from fakenw.wire.requests.files import CloseFile, OpenFile
from harness.workstation import TURN, Failure, Gone, Lost, Requester, World, failure, sleep

USER = 1  # bindery object type
BUFFER_SIZE = 1024
GRACE_LOGIN = 0xDF  # the password has expired, and the login succeeded (libncp)
READ_SHARED = 0x11  # read, compatibility mode
HIDDEN_AND_SYSTEM = 0x06

_SHORT_OF = {
    Code.TABLE_FULL: "slot",
    Code.NO_LICENSE: "license",
    Code.CANNOT_LICENSE: "license",
    0xD9: "account",  # the account's limit of concurrent connections
}


class Account(NamedTuple):
    """Who logs in on the wire. Not the local account that owns an arbiter's entry."""

    user: str
    password: str = ""

    @classmethod
    def parse(cls, text: str) -> Account:
        """Read ``NAME`` or ``NAME:PASSWORD``."""
        return cls(*text.split(":", 1))


class Denied(Refused):
    """The server let us not in. The journal has it already."""


class InUse(Exception):
    """The connection was not released: *files* are open on it."""

    def __init__(self, files: list[str]) -> None:
        super().__init__(f"open: {', '.join(files)}")
        self.files = files


@dataclass(eq=False)
class Connection:
    """An NCP connection. ``handles`` are the open files; ``last_use`` is scenario time."""

    requester: Requester
    server: str
    user: str
    private: bool
    handles: dict[int, FileHandle] = field(default_factory=dict)
    last_use: int = 0
    ready: bool = False  # logged in
    gone: bool = False  # let go, or taken by the server
    password: str = ""
    aside: bool = False  # public once; nobody is led to it any more

    def where(self) -> dict[str, Any]:
        """The fields of a journal line that say which connection is meant."""
        return {"server": self.server, "station": self.requester.station, "connection": self.requester.number}


@dataclass(eq=False)
class FileHandle:
    """An open file. ``handle`` is the server's, empty while the file is being opened."""

    number: int
    connection: Connection
    path: str
    handle: bytes = b""


class Redirector:
    """The connections of one workstation. *idle_timeout* is in microseconds; None: no scavenger."""

    def __init__(
        self, world: World, transport: str = "udp", idle_timeout: int | None = None, reconnect: bool = False
    ) -> None:
        self.connections: list[Connection] = []
        self.last_server: str | None = None  # the server that was connected to last
        self._world = world
        self._transport = transport
        self._idle_timeout = idle_timeout
        self._reconnect = reconnect
        self._handles = 0

    def existing(self, server: str) -> Connection | None:
        """The connection to *server* that everybody is led to, whether ready or still being made."""
        for connection in reversed(self.connections):
            if connection.server == server.upper() and not connection.private and not connection.aside:
                return connection
        return None

    async def connect(self, server: str, user: str, password: str, *, private: bool = False) -> Connection:
        """The existing connection to *server*, or a new one. Raises Denied, Gone, Lost, OSError."""
        server = server.upper()
        self.last_server = server
        while not private and (found := self.existing(server)):
            if found.ready:
                found.last_use = self._world.now()
                return found
            await sleep(TURN)
        requester = Requester(self._world, server, self._transport)
        connection = Connection(requester, server, user.upper(), private, password=password)
        self.connections.append(connection)
        try:
            await self._log_in(connection)
        except Failure:
            self._forget(connection)
            raise
        connection.ready = True
        connection.last_use = self._world.now()
        self._world.write("attach", **connection.where(), user=connection.user, private=private)
        if self._idle_timeout is not None and not private:
            self._world.spawn(self._scavenge(connection, self._idle_timeout))
        return connection

    async def open(self, connection: Connection, path: str) -> FileHandle:
        """Open the file *path*, such as ``SYS:DIR/FILE``, for reading. Raises Refused, Gone, Lost."""
        self._handles += 1
        file = FileHandle(self._handles, connection, path)
        connection.handles[file.number] = file
        try:
            file.handle = (await self.call(connection, _open(path))).handle
        finally:
            if not file.handle:
                connection.handles.pop(file.number, None)
        return file

    async def close(self, file: FileHandle) -> None:
        """Close *file*; afterwards it is not open here, whatever is raised. Raises Refused, Gone, Lost."""
        try:
            await self._call(file.connection, lambda: CloseFile(0, file.handle))
        finally:
            file.connection.handles.pop(file.number, None)

    async def release(self, connection: Connection, *, forced: bool = False, by: str = "redirector") -> None:
        """Let go of *connection*. Raises InUse, unless *forced*.

        A server that does not answer keeps nothing alive here: ``detach`` says ``reason`` then.
        """
        if connection.gone:
            return
        where = connection.where()
        self._world.write("release-asked", by=by, forced=forced, **where)
        files = [file.path for file in connection.handles.values()]
        if files and not forced:
            self._world.write("release-refused", reason="open files", files=files, **where)
            raise InUse(files)
        connection.gone = True  # from here on nobody is led to it
        self.connections.remove(connection)
        trouble: dict[str, Any] = {}
        try:
            with suppress(Refused):
                await connection.requester.call(Logout())
            await connection.requester.destroy()
        except (Gone, Lost) as problem:
            trouble = {"reason": failure(problem)["reason"]}
        self._forget(connection)
        self._world.write("detach", forced=forced, by=by, **where, **trouble)

    async def _log_in(self, connection: Connection) -> None:
        """Attach and log in; a connection that was refused is destroyed. Raises Denied, Gone, Lost, OSError."""
        requester = connection.requester
        try:
            await requester.create()
            await requester.call(NegotiateBuffer(BUFFER_SIZE))
            key = await requester.call(GetLoginKey())
            account = await requester.call(GetObjectId(USER, connection.user))
            # Clients fold passwords to upper case before they hash them (libncp).
            hashed = hash_password(account.object_id, encode_text(connection.password.upper()))
            login = KeyedLogin(answer(key.key, hashed), USER, connection.user)
            try:
                await requester.call(login)
            except Refused as refusal:
                if refusal.code != GRACE_LOGIN:
                    raise
        except Refused as refusal:
            with suppress(Lost):
                await requester.destroy()
            what = _SHORT_OF.get(refusal.code, "login")
            self._world.write("denied", server=connection.server, code=refusal.code, what=what)
            raise Denied(refusal.code) from None

    async def call(self, connection: Connection, request: Request[R]) -> R:
        """Have *request* carried out on *connection*. Raises Refused, Gone, Lost, OSError."""
        return await self._call(connection, lambda: request)

    async def _call(self, connection: Connection, request: Callable[[], Request[R]]) -> R:
        """The *request* is put together anew after a reconnection, which changes the handles of files."""
        if connection.gone:
            raise Gone("the connection has ended")
        connection.last_use = self._world.now()
        try:
            try:
                return await connection.requester.call(request())
            except Gone:
                if not self._reconnect:
                    raise
            await self._come_back(connection)
            return await connection.requester.call(request())
        except Gone:
            self._forget(connection)
            raise
        finally:
            connection.last_use = self._world.now()

    async def _come_back(self, connection: Connection) -> None:
        """Make *connection* again, with the files that are open on it. Raises Gone where that cannot be done."""
        ended = connection.requester
        ended.close()
        connection.requester = Requester(self._world, connection.server, self._transport)
        try:
            await self._log_in(connection)
            self._world.write("attach", **connection.where(), user=connection.user, private=connection.private)
            for file in connection.handles.values():
                if file.handle:
                    file.handle = (await connection.requester.call(_open(file.path))).handle
        except Failure as problem:
            connection.requester.close()
            connection.requester = ended  # what fails now fails for want of that one
            raise Gone(f"it could not be made again: {problem}") from problem

    def _forget(self, connection: Connection) -> None:
        connection.gone = True
        connection.handles.clear()
        connection.requester.close()
        with suppress(ValueError):
            self.connections.remove(connection)

    async def _scavenge(self, connection: Connection, timeout: int) -> None:
        while not connection.gone:
            unused = self._world.now() - connection.last_use
            if connection.handles:
                await sleep(timeout)
            elif unused < timeout:
                await sleep(timeout - unused)
            else:
                await self.release(connection, by="redirector")


def _open(path: str) -> OpenFile:
    return OpenFile(0, HIDDEN_AND_SYSTEM, READ_SHARED, path)
