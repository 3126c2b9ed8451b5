"""Login, and the objects of the bindery."""

from __future__ import annotations

from typing import NoReturn

from fakenw.bindery import SUPERVISOR_ID, BinderyObject
from fakenw.ledger import State
from fakenw.password import answer, hash_password, new_login_key
from fakenw.service import Call, Service
from fakenw.wire.layout import encode_text
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import bindery as ncp

service = Service()


@service.answers(ncp.GetLoginKey)
def get_login_key(call: Call[ncp.GetLoginKey]) -> ncp.LoginKey:
    call.connection.login_key = new_login_key(call.host.random)
    return ncp.LoginKey(call.connection.login_key)


@service.answers(ncp.KeyedLogin)
def keyed_login(call: Call[ncp.KeyedLogin]) -> None:
    """A key serves once, right or wrong: an answer that was overheard is worth nothing."""
    key, call.connection.login_key = call.connection.login_key, None
    item = _who(call, call.request.object_type, call.request.name)
    if key is None or answer(key, item.password) != call.request.answer:
        _fail(call, item.name, Code.FAILURE)
    _log_in(call, item)


@service.answers(ncp.PlainLogin)
def plain_login(call: Call[ncp.PlainLogin]) -> None:
    item = _who(call, call.request.object_type, call.request.name)
    if hash_password(item.id, encode_text(call.request.password)) != item.password:
        _fail(call, item.name, Code.FAILURE)
    _log_in(call, item)


Login = Call[ncp.KeyedLogin] | Call[ncp.PlainLogin]


def _who(call: Login, kind: int, name: str) -> BinderyObject:
    item = call.host.bindery.find(kind, name)
    if item is None or not item.password:
        _fail(call, name, Code.NO_SUCH_OBJECT)
    return item


def _fail(call: Login, name: str, code: Code) -> NoReturn:
    call.host.note("login-failed", {**call.connection.about(), "user": name, "code": code})
    raise Refused(code)


def _log_in(call: Login, item: BinderyObject) -> None:
    """A bindery login that succeeds is licensed (libncp ncplib.c); without room it changes nothing."""
    connection, host = call.connection, call.host
    connection.move(host.now, State.LICENSED, "login", user=item.name)
    connection.object_id, connection.login_time = item.id, host.now
    connection.operator = item.id == SUPERVISOR_ID


@service.answers(ncp.GetObjectId)
def get_object_id(call: Call[ncp.GetObjectId]) -> ncp.ObjectInfo:
    return _describe(call.host.bindery.find(call.request.object_type, call.request.name))


@service.answers(ncp.GetObjectName)
def get_object_name(call: Call[ncp.GetObjectName]) -> ncp.ObjectInfo:
    return _describe(call.host.bindery.objects.get(call.request.object_id))


def _describe(item: BinderyObject | None) -> ncp.ObjectInfo:
    if item is None:
        raise Refused(Code.NO_SUCH_OBJECT)
    return ncp.ObjectInfo(item.id, item.type, item.name)


@service.answers(ncp.ScanObjects)
def scan_objects(call: Call[ncp.ScanObjects]) -> ncp.ScannedObject:
    request = call.request
    item = call.host.bindery.scan(request.last_id, request.object_type, request.pattern)
    if item is None:
        raise Refused(Code.NO_SUCH_OBJECT)
    return ncp.ScannedObject(item.id, item.type, item.name, item.flags, item.security, 0)
