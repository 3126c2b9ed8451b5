"""A workstation's connection to a server, and its login.

Rules of this file:

* A connection attaches (0x1111), negotiates a buffer, and logs in with an encrypted password (libncp).
* After a refused login the connection is destroyed, unless a setting says otherwise: in KB Q145909 it is not, and
  goes on costing a license.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.wire.layout import encode_text
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests.bindery import GetLoginKey, GetObjectId, KeyedLogin
from fakenw.wire.requests.connection import NegotiateBuffer
from harness.client.workstation import Gone, Lost, Requester, World, failure

BUFFER_SIZE = 1024

_SHORT_OF: dict[int, str] = {
    Code.TABLE_FULL: "slot",
    Code.NO_LICENSE: "license",
    Code.CANNOT_LICENSE: "license",
    Code.TOO_MANY_CONNECTIONS: "account",
}


class Account(NamedTuple):
    """A NetWare user and its password, for a login on the wire; not the local account that owns an arbiter's entry."""

    user: str
    password: str = ""

    @classmethod
    def parse(cls, text: str) -> Account:
        """Read ``NAME`` or ``NAME:PASSWORD``."""
        return cls(*text.split(":", 1))


class Denied(Refused):
    """The server refused the attach or the login. The journal has the line already."""

    @property
    def what(self) -> str:
        """What was refused: license, slot, account or login."""
        return _SHORT_OF.get(self.code, "login")


class InUse(Exception):
    """The redirector refused to release a connection: *files* are open on it, or drives are mapped to it."""

    def __init__(self, files: list[str]) -> None:
        super().__init__(f"open: {', '.join(files)}")


@dataclass(eq=False)
class Attachment:
    """An NCP connection. ``handles`` are the open files; ``last_use`` is scenario time in microseconds."""

    requester: Requester
    server: str
    user: str
    private: bool
    handles: dict[int, ClientFile] = field(default_factory=dict)
    last_use: int = 0
    ready: bool = False  # logged in
    gone: bool = False  # released, or ended by the server
    password: str = ""
    aside: bool = False  # not given out any more
    context: str = ""  # the logon session that it was made in
    drives: set[str] = field(default_factory=set)
    for_drive: bool = False  # made because a drive was mapped
    opens: int = 0  # openers that have not released it
    cached: dict[str, bytes] = field(default_factory=dict)  # by path: handles that are closed here, open on the server
    monitor: Attachment | None = None  # the second connection of a monitored one

    def where(self) -> dict[str, Any]:
        """The fields of a journal line that identify the connection."""
        return {"server": self.server, "station": self.requester.station, "connection": self.requester.number}


@dataclass(eq=False)
class ClientFile:
    """An open file. ``handle`` is the server's, empty while the file is being opened."""

    number: int
    connection: Attachment
    path: str
    handle: bytes = b""


async def log_in(world: World, connection: Attachment, *, keep_refused: bool = False) -> None:
    """Attach and log in. Raises Denied, Gone, Lost, OSError.

    A refused connection is destroyed, or with *keep_refused* left as it is.
    """
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
            if refusal.code != Code.GRACE_LOGIN:
                raise
    except Refused as refusal:
        denied = Denied(refusal.code)
        world.write("denied", **connection.where(), code=denied.code, what=denied.what, user=connection.user)
        if not keep_refused:
            with suppress(Lost):
                await requester.destroy()
        raise denied from None
    except (Gone, Lost) as problem:
        world.write("attach-failed", **connection.where(), user=connection.user, **failure(problem))
        raise
