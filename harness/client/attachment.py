"""A workstation's connection to a server, and its login.

Rules of this file:

* A connection attaches (0x1111), negotiates a buffer and signatures, and logs in with an encrypted password (libncp).
* A login to NDS brings no license: the connection asks for one (NCP 23/29). Where there is no tree the login is that of
  the bindery.
* After a refused login the connection is destroyed, unless a setting says otherwise: in KB Q145909 it is not, and
  goes on costing a license.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.crypto.seals import NotOpened
from fakenw.crypto.signatures import SIZE, bindery_root
from fakenw.wire.layout import encode_text
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests.bindery import GetLoginKey, GetObjectId, KeyedLogin
from fakenw.wire.requests.connection import SIGNATURES, ChangeConnectionState, NegotiateBigPacket, NegotiateBuffer
from fakenw.wire.requests.nds import Ping
from harness.client.nds_login import log_in_to_tree
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


class NotAgreed(Gone):
    """Client and server insist on different things: libncp's error 0x8861, at which it destroys the connection."""


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


class LoginManner(NamedTuple):
    """How connections log in. *nds*: to a tree, where there is one.

    *signatures*: the level of packet signatures that the client asks for, None: it does not ask.
    """

    nds: bool = False
    signatures: int | None = None


USUAL = LoginManner()


async def log_in(
    world: World, connection: Attachment, manner: LoginManner = USUAL, *, keep_refused: bool = False
) -> None:
    """Attach and log in. Raises Denied, Gone, Lost, OSError.

    A refused connection is destroyed, or with *keep_refused* left as it is.
    """
    requester = connection.requester
    try:
        await requester.create()
        signed = await _negotiate(requester, manner.signatures)
        if manner.nds and await _has_tree(requester):
            await _log_in_to_tree(requester, connection, signed=signed)
        else:
            await _log_in_to_bindery(requester, connection, signed=signed)
    except Refused as refusal:
        denied = Denied(refusal.code)
        world.write("denied", **connection.where(), code=denied.code, what=denied.what, user=connection.user)
        if not keep_refused:
            with suppress(Lost):
                await requester.destroy()
        raise denied from None
    except (Gone, Lost) as problem:
        world.write("attach-failed", **connection.where(), user=connection.user, **failure(problem))
        if isinstance(problem, NotAgreed):
            with suppress(Lost):
                await requester.destroy()
        raise


async def _negotiate(requester: Requester, level: int | None) -> bool:
    """The buffer, and whether packets will be signed: the flag of the server's last answer. Raises Gone, Lost.

    As libncp: level 0 takes what the server answers, 1 and 2 ask once more with the other flag, 3 insists.
    """
    if level is None:
        await requester.call(NegotiateBuffer(BUFFER_SIZE))
        return False
    asked = SIGNATURES if level >= 2 else 0
    try:
        answered = (await _ask_to_sign(requester, asked)) & SIGNATURES
        if answered != asked and level in (1, 2):
            asked = answered
            answered = (await _ask_to_sign(requester, asked)) & SIGNATURES
    except Refused:
        if level == 3:
            raise NotAgreed("the server does not sign packets") from None
        await requester.call(NegotiateBuffer(BUFFER_SIZE))
        return False
    if answered != asked and level != 0:
        raise NotAgreed("signatures of packets cannot be agreed")
    return bool(answered)


async def _ask_to_sign(requester: Requester, flag: int) -> int:
    size = BUFFER_SIZE + (SIZE if flag else 0)
    return (await requester.call(NegotiateBigPacket(size, flag))).security


async def _has_tree(requester: Requester) -> bool:
    try:
        await requester.call(Ping(bytes(3)))
    except Refused:
        return False
    return True


async def _log_in_to_bindery(requester: Requester, connection: Attachment, *, signed: bool) -> None:
    key = await requester.call(GetLoginKey())
    account = await requester.call(GetObjectId(USER, connection.user))
    # Clients fold passwords to upper case before they hash them (libncp).
    hashed = hash_password(account.object_id, encode_text(connection.password.upper()))
    try:
        await requester.call(KeyedLogin(answer(key.key, hashed), USER, connection.user))
    except Refused as refusal:
        if refusal.code != Code.GRACE_LOGIN:
            raise
    if signed:
        requester.sign(bindery_root(hashed, key.key))


async def _log_in_to_tree(requester: Requester, connection: Attachment, *, signed: bool) -> None:
    try:
        login = await log_in_to_tree(requester, connection.user, connection.password, signed=signed)
    except NotOpened as problem:
        raise Gone(f"a malformed reply: {problem}") from None
    if login.root is not None:
        requester.sign(login.root)
    try:
        await requester.call(ChangeConnectionState(1))
    except Refused as refusal:
        if refusal.code != Code.UNSUPPORTED:  # 3.x, where every connection has a license
            raise
