"""An NDS login, as a client of a NetWare 4 or 5 tree makes it (libncp ``lib/ndslib.c``, ``lib/nwnet.c``).

The server's key comes from the tree, the user's own sealed with its password; with that key the client proves that it
is the user. The login brings no license: the client asks for one with NCP 23/29.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple, Protocol

from fakenw.bindery.passwords import hash_password
from fakenw.crypto.envelopes import envelope, nonce_of
from fakenw.crypto.keys import PrivateKey, PublicKey
from fakenw.crypto.proofs import identity, prove
from fakenw.crypto.seals import NotOpened, seal, unseal
from fakenw.wire import nds
from fakenw.wire import nds_login as wire
from fakenw.wire.layout import Layout, R, Request, encode_text
from fakenw.wire.nds import NO_HANDLE, NdsCode, Start
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests.nds import Fragment

PAD = 1024
REPLY_SIZE = 4096
DEREFERENCE, TYPED = 0x44, 0
FULL_NAME = 0x2000
LARGEST_FRAGMENT = 506  # libncp: what a buffer of 512 bytes takes behind NCP's and the fragment's heads


class Caller(Protocol):
    """An NCP connection, such as a requester."""

    async def call(self, request: Request[R], task: int = 1) -> R:
        """The server's reply. Raises Refused, or what the connection raises."""


_COMPLETION_CODES: dict[int, int] = {
    NdsCode.FAILED_AUTHENTICATION: Code.FAILURE,
    NdsCode.NO_SUCH_ENTRY: Code.NO_SUCH_OBJECT,
}


class NdsFailed(Refused):
    """The NDS code *nds* is not 0. ``code``: the completion code with which a bindery login is refused for that."""

    def __init__(self, nds: int) -> None:
        super().__init__(_COMPLETION_CODES.get(nds, -nds & 0xFF))
        self.nds = nds


class NdsLogin(NamedTuple):
    """A login that succeeded. *root*: of signatures, where they were agreed. *grace*: the password has expired."""

    root: bytes | None
    grace: bool


async def log_in_to_tree(caller: Caller, user: str, password: str, *, signed: bool = False) -> NdsLogin:
    """Log in as *user*, with or without a context; *signed*: signatures were agreed.

    Raises Refused, NotOpened where the server does not have its key, and whatever *caller* raises.
    """
    tree = _Tree(caller)
    entry, name = await tree.user(user)
    begun = wire.LoginBegun.decode(await tree.ask(wire.BEGIN_LOGIN, wire.BeginLogin(0, entry)))
    random = Random(begun.seed)  # a run repeats itself with its server's seed
    hashed = hash_password(begun.pseudo_id, encode_text(password.upper()))
    server_key = await tree.server_key()
    private, credential, grace = await _prove_password(tree, entry, hashed, begun.seed, server_key, random)
    nonce = random.randbytes(4)
    answer = await tree.ask(wire.BEGIN_AUTHENTICATION, wire.BeginAuthentication(0, entry, nonce))
    authentication = wire.AuthenticationBegun.decode(answer)
    if nonce_of(server_key, authentication.nonce) != nonce:
        raise NotOpened("another nonce")
    root = random.randbytes(8) if signed else None
    sign_key = envelope(server_key, root, random) if root else b""
    who = identity(credential, (name + "\0").encode("utf-16-le"), random)
    proof = prove(private, authentication.authid, who, random)
    await tree.ask(wire.FINISH_AUTHENTICATION, wire.FinishAuthentication(0, sign_key, who, proof))
    return NdsLogin(root, grace)


async def _prove_password(
    tree: _Tree, entry: int, hashed: bytes, seed: bytes, server_key: PublicKey, random: Random
) -> tuple[PrivateKey, bytes, bool]:
    """Verb 58: the user's private key, the credential, and whether this takes a grace login."""
    nonce, pad, token = random.randbytes(4), random.randbytes(PAD), seal(hashed, seed)
    asked = envelope(server_key, wire.Password(nonce, pad, token).encode(), random)
    code, answer = await tree.message(wire.FINISH_LOGIN, wire.FinishLogin(2, 0, entry, asked))
    if code not in (NdsCode.OK, NdsCode.GRACE_LOGIN):
        raise NdsFailed(code)
    finished = wire.LoginFinished.decode(answer)
    told = unseal(token, finished.sealed)
    if told[:4] != nonce:
        raise NotOpened("another nonce")
    hidden = told[8 : 8 + int.from_bytes(told[4:8], "little")]
    private = unseal(hashed, bytes(a ^ b for a, b in zip(hidden, pad, strict=False)))
    return PrivateKey.decode(private), finished.credential, code == NdsCode.GRACE_LOGIN


class _Tree:
    """The messages of one login."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._server = ""

    async def user(self, name: str) -> tuple[int, str]:
        """Entry id and full name. A bare name is looked for where the server is, if it is not found as it is."""
        try:
            entry = await self.resolve(name)
        except NdsFailed as failed:
            if failed.nds != NdsCode.NO_SUCH_ENTRY:
                raise
            _, dot, context = (await self.server()).partition(".")
            entry = await self.resolve(f"{name}{dot}{context}")
        info = await self.ask(wire.READ_INFO, wire.ReadInfo(2, TYPED, FULL_NAME, entry))
        return entry, nds.Unicode().decode(info, 0)[0]

    async def server(self) -> str:
        if not self._server:
            told = await self.ask(wire.SERVER_ADDRESS, wire.GetServerAddress(0, TYPED))
            self._server = wire.ServerAddress.decode(told).name
        return self._server

    async def server_key(self) -> PublicKey:
        entry = await self.resolve(await self.server())
        asked = wire.Read(1, TYPED, wire.NO_MORE, entry, wire.NAMES_AND_VALUES, 0, (wire.PUBLIC_KEY,))
        told = wire.AttributeValue.decode(await self.ask(wire.READ, asked))
        return PublicKey.decode(wire.PublicKeyValue.decode(told.value).key)

    async def resolve(self, name: str) -> int:
        asked = nds.ResolveName(0, DEREFERENCE, 0, name, (0, 9, 8), (0, 9, 8))
        return nds.Resolved.decode(await self.ask(1, asked)).entry

    async def ask(self, verb: int, message: Layout) -> bytes:
        """The data that answer a message. Raises NdsFailed."""
        code, data = await self.message(verb, message)
        if code:
            raise NdsFailed(code)
        return data

    async def message(self, verb: int, message: Layout) -> tuple[int, bytes]:
        """The NDS code and the data that answer a message, in as many fragments as either needs."""
        data = message.encode()
        room = LARGEST_FRAGMENT - 4
        first = Start(LARGEST_FRAGMENT, nds.MESSAGE_HEADER + len(data), 0, verb, REPLY_SIZE, data[: room - 20]).encode()
        asked, rest, told = Fragment(NO_HANDLE, first), data[room - 20 :], b""
        while True:
            reply = await self._caller.call(asked)
            told += reply.data
            if reply.handle == NO_HANDLE:
                break
            asked, rest = Fragment(reply.handle, rest[:room]), rest[room:]
        return int.from_bytes(told[:4], "little", signed=True), told[4:]
