"""The NDS messages of a login. Its checks are those of a bindery login, and a user's password hash is the same.

Verb 58 proves the password; verb 60 proves that the client holds the user's private key, which it got from verb 58, and
logs in. The connection is then authenticated and has no license: clients ask for one with NCP 23/29.
"""

from __future__ import annotations

from typing import Any

from fakenw.bindery import login_control
from fakenw.bindery.objects import FILE_SERVER, BinderyObject
from fakenw.core.service import Call, ServiceHost
from fakenw.core.services.accounts import fail, log_in, may_log_in
from fakenw.crypto.envelopes import open_envelope, signed_nonce
from fakenw.crypto.keys import PrivateKey
from fakenw.crypto.proofs import check, credential_of
from fakenw.crypto.seals import NotOpened, seal, unseal
from fakenw.journal.policy import State
from fakenw.wire import nds_login as wire
from fakenw.wire.layout import Malformed
from fakenw.wire.nds import NdsCode, NdsRefused
from fakenw.wire.packet import Code

ROOT_SIZE = 8


def begin_login(call: Call[Any], data: bytes) -> bytes:
    """Verb 57. The pseudo id is the entry's, for which the password hashes are made."""
    entry = wire.BeginLogin.decode(data).entry
    _object(call, entry)
    seed = call.host.random.randbytes(4)
    call.connection.nds_seed = entry, seed
    return wire.LoginBegun(entry, seed).encode()


def finish_login(call: Call[Any], data: bytes) -> bytes:
    """Verb 58: the user's private key, for a client that knows the password. Raises NdsRefused.

    A password that has expired, where a grace login is left, is refused with a whole reply (libncp then goes on).
    """
    asked, (entry, seed) = wire.FinishLogin.decode(data), call.connection.nds_seed or (None, b"")
    call.connection.nds_seed = None
    item = _object(call, asked.entry)
    try:
        password = wire.Password.decode(open_envelope(_server_key(call.host), asked.envelope))
        right = entry == item.id and bool(item.password) and unseal(item.password, password.token) == seed
    except NotOpened:
        right = False
    may_log_in(call, item, right, signs=call.connection.agreed, counted=False)
    private = seal(item.password, call.host.keys.of(item.id).encode())
    if len(password.pad) < len(private):
        raise Malformed(f"a pad of {len(password.pad)} bytes")
    hidden = bytes(a ^ b for a, b in zip(private, password.pad, strict=False))
    told = password.nonce + len(hidden).to_bytes(4, "little") + hidden
    credential = call.host.keys.issue(item.id, call.host.random)
    reply = wire.LoginFinished(credential, seal(password.token, told)).encode()
    if login_control.password_expired(item.control, call.host.utc(call.host.now)):
        raise NdsRefused(NdsCode.GRACE_LOGIN, reply)
    return reply


def begin_authentication(call: Call[Any], data: bytes) -> bytes:
    """Verb 59: the server proves that it has its key."""
    asked, random = wire.BeginAuthentication.decode(data), call.host.random
    _object(call, asked.entry)
    authid = random.randbytes(4)
    call.connection.nds_authid = asked.entry, authid
    return wire.AuthenticationBegun(authid, signed_nonce(_server_key(call.host), asked.nonce, random)).encode()


def finish_authentication(call: Call[Any], data: bytes) -> bytes:
    """Verb 60. A new login on a connection that has a license gives that back, as it asks for its own (inferred)."""
    asked, (entry, authid) = wire.FinishAuthentication.decode(data), call.connection.nds_authid or (0, b"")
    call.connection.nds_authid = None
    if not entry:
        raise NdsRefused(NdsCode.FAILED_AUTHENTICATION)
    item, keys = _object(call, entry), call.host.keys
    try:
        if not keys.issued(item.id, credential_of(asked.identity)):
            raise NotOpened("a credential of another login")
        check(keys.of(item.id).public, authid, asked.identity, asked.proof)
        root = open_envelope(_server_key(call.host), asked.sign_key) if asked.sign_key else None
        if root is not None and len(root) != ROOT_SIZE:
            raise NotOpened(f"a root of {len(root)} bytes")
    except NotOpened:
        fail(call, item.name, Code.FAILURE)
    may_log_in(call, item, right=True, signs=call.connection.agreed and root is not None)
    log_in(call, item, State.AUTHENTICATED, "nds", root)
    return b""


def log_out(call: Call[Any], data: bytes) -> bytes:
    """Verb 61, which no known client sends: as NCP 25."""
    if call.connection.state is not State.ATTACHED:
        call.connection.move(call.host.now, State.ATTACHED, "logout")
    return b""


def public_key(host: ServiceHost, entry: int) -> bytes:
    """The value of the attribute Public Key."""
    return wire.KEY_HEAD + host.keys.of(entry).public.encode()


def server_entry(host: ServiceHost) -> int:
    server = host.bindery.find(FILE_SERVER, host.settings.name)
    if server is None:  # a client has deleted or renamed it
        raise NdsRefused(NdsCode.NO_SUCH_ENTRY)
    return server.id


def _server_key(host: ServiceHost) -> PrivateKey:
    return host.keys.of(server_entry(host))


def _object(call: Call[Any], entry: int) -> BinderyObject:
    item = call.host.bindery.objects.get(entry)
    if item is None:
        raise NdsRefused(NdsCode.NO_SUCH_ENTRY)
    return item
