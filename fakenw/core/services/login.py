"""Bindery logins and passwords."""

from __future__ import annotations

from typing import Any

from fakenw.bindery import login_control
from fakenw.bindery.objects import USER, BinderyObject
from fakenw.bindery.passwords import answer, decrypt_hash, hash_password, new_login_key, real_length
from fakenw.core.service import Call, NcpService, Succeeded
from fakenw.core.services.accounts import admit, fail, log_in, may_log_in
from fakenw.core.services.bindery import NO_OBJECT, named, opened
from fakenw.crypto.signatures import bindery_root
from fakenw.journal.policy import State
from fakenw.volumes.dos_name import fold
from fakenw.wire.layout import encode_text
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import bindery as ncp

service = NcpService()

# The codes of a password that is checked, of a login, and of a password that is changed
NOT_VERIFIED = (*NO_OBJECT, Code.INTRUDER_LOCKOUT, Code.FAILURE)
LOGIN_CODES = (
    *NOT_VERIFIED,
    *(code for code, _ in login_control.CHECKS),
    Code.SIGNATURE_REQUIRED,
    Code.NO_LICENSE,
    Code.GRACE_LOGIN,
)
NOT_CHANGED = (
    *NOT_VERIFIED,
    Code.NO_SUCH_PROPERTY,
    Code.NO_PROPERTY_WRITE,
    Code.PASSWORD_TOO_SHORT,
    Code.PASSWORD_NOT_UNIQUE,
)


@service.answers(ncp.GetLoginKey)
def get_login_key(call: Call[ncp.GetLoginKey]) -> ncp.LoginKey:
    call.connection.login_key = new_login_key(call.host.random)
    return ncp.LoginKey(call.connection.login_key)


@service.answers(ncp.KeyedLogin, refuses=LOGIN_CODES)
def keyed_login(call: Call[ncp.KeyedLogin]) -> None:
    key = _take_key(call)
    item = _who(call, call.request.object_type, call.request.name)
    root = bindery_root(item.password, key) if key and call.connection.agreed else None
    _log_in(call, item, _answers(call, key, item.password), "keyed", root)


@service.answers(ncp.PlainLogin, refuses=(Code.NO_PLAIN_PASSWORDS, *LOGIN_CODES))
def plain_login(call: Call[ncp.PlainLogin]) -> None:
    _plain(call, call.request.object_type, call.request.name, call.request.password)


@service.answers(ncp.LoginUser, refuses=(Code.NO_PLAIN_PASSWORDS, *LOGIN_CODES))
def login_user(call: Call[ncp.LoginUser]) -> None:
    _plain(call, USER, call.request.name, call.request.password)


@service.answers(ncp.VerifyPassword, refuses=(Code.NO_PLAIN_PASSWORDS, *NOT_VERIFIED))
def verify_password(call: Call[ncp.VerifyPassword]) -> None:
    """Checks without a login. A wrong password counts as in a login, or the lockout could be gone round (inferred)."""
    _plainly(call)
    item = _who(call, call.request.object_type, call.request.name)
    admit(call, item, _hash(item, call.request.password) == item.password)


@service.answers(ncp.KeyedVerifyPassword, refuses=NOT_VERIFIED)
def keyed_verify_password(call: Call[ncp.KeyedVerifyPassword]) -> None:
    key = _take_key(call)
    item = _who(call, call.request.object_type, call.request.name)
    admit(call, item, _answers(call, key, item.password))


@service.answers(ncp.ChangePassword, refuses=(Code.NO_PLAIN_PASSWORDS, *NOT_CHANGED))
def change_password(call: Call[ncp.ChangePassword]) -> None:
    """A supervisor needs no old password, and alone gives one to an object that has none (mars_nwe)."""
    _change_plainly(call, call.request.object_type)


@service.answers(ncp.ChangeUserPassword, refuses=(Code.NO_PLAIN_PASSWORDS, *NOT_CHANGED))
def change_user_password(call: Call[ncp.ChangeUserPassword]) -> None:
    _change_plainly(call, USER)


@service.answers(ncp.KeyedChangePassword, refuses=NOT_CHANGED)
def keyed_change_password(call: Call[ncp.KeyedChangePassword]) -> None:
    """A supervisor may answer as if the old password were empty, and the new one is encrypted so (mars_nwe)."""
    request, key = call.request, _take_key(call)
    item = _owner(call, request.object_type, request.name)
    empty = _hash(item, "")
    old = item.password or empty
    if call.connection.operator and not _answers(call, key, old):
        old = empty
    admit(call, item, _answers(call, key, old))
    _change(call, item, decrypt_hash(old, request.sent), real_length(old, request.length))


LoginCall = Call[Any]


def _plain(call: LoginCall, kind: int, name: str, password: str) -> None:
    _plainly(call)
    item = _who(call, kind, name)
    _log_in(call, item, _hash(item, password) == item.password, "plain")


def _change_plainly(call: LoginCall, kind: int) -> None:
    _plainly(call)
    request = call.request
    item = _owner(call, kind, request.name)
    if not call.connection.operator:
        admit(call, item, _hash(item, request.password) == item.password)
    _change(call, item, _hash(item, request.new_password), len(encode_text(request.new_password)))


def _plainly(call: LoginCall) -> None:
    """SET ALLOW UNENCRYPTED PASSWORDS."""
    if not call.host.settings.plain_passwords:
        raise Refused(Code.NO_PLAIN_PASSWORDS)


def _hash(item: BinderyObject, password: str) -> bytes:
    """A password that travelled as it is counts without its case (mars_nwe), as clients upper-case before they hash."""
    return hash_password(item.id, encode_text(fold(password)))


def _take_key(call: LoginCall) -> bytes | None:
    """The login key. It serves once, right or wrong: an answer that was overheard is worth nothing."""
    key, call.connection.login_key = call.connection.login_key, None
    return key


def _answers(call: LoginCall, key: bytes | None, hashed: bytes) -> bool:
    """Whether the answer to the key is right."""
    return key is not None and answer(key, hashed) == call.request.answer


def _who(call: LoginCall, kind: int, name: str) -> BinderyObject:
    """An object that can log in."""
    try:
        item = opened(call).find(kind, name)
    except Refused:
        fail(call, name, Code.BINDERY_LOCKED)
    if item is None or not item.password:
        fail(call, name, Code.NO_SUCH_OBJECT)
    return item


def _owner(call: LoginCall, kind: int, name: str) -> BinderyObject:
    """An object whose password the caller may change, if the old one is right."""
    item = named(call, kind, name)
    if not call.connection.operator:
        if not item.password:
            raise Refused(Code.NO_SUCH_PROPERTY)
        if item.control.restrictions & login_control.MAY_NOT_CHANGE_PASSWORD:
            raise Refused(Code.NO_PROPERTY_WRITE)
    return item


def _log_in(call: LoginCall, item: BinderyObject, right: bool, how: str, root: bytes | None = None) -> None:
    """A bindery login that succeeds is licensed (libncp ncplib.c); without room it changes nothing.

    Without a login key there is no *root*, and signatures do not begin. Raises Succeeded where the password has
    expired and a grace login was used up.
    """
    connection = call.connection
    signs = (root is not None and connection.agreed) or connection.signer is not None
    may_log_in(call, item, right, signs=signs)
    if log_in(call, item, State.LICENSED, how, root):
        raise Succeeded(Code.GRACE_LOGIN)


def _change(call: LoginCall, item: BinderyObject, hashed: bytes, length: int) -> None:
    """Set a password that is long enough (0xD8) and, where the account asks for it, another one (0xD7)."""
    control = item.control
    if length < control.least_password:
        raise Refused(Code.PASSWORD_TOO_SHORT)
    if control.restrictions & login_control.UNIQUE_PASSWORDS and hashed == item.password:
        raise Refused(Code.PASSWORD_NOT_UNIQUE)
    item.password = hashed
    if control.password_days:
        item.control = login_control.password_changed(control, call.host.utc(call.host.now))
