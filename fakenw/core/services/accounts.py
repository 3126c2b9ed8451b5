"""May an account log in: the checks that bindery and NDS share.

The order of a login: is the account there (0xFC), may anybody log in and is the account not locked (0xC5), are packets
signed where they must be (0xAC: inferred from its name), is the password right (0xFF), then ``login_control.CHECKS``,
and last the license (0xE0). Whatever is refused leaves the connection and its license as they were; only a wrong
password is counted, in the account.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NoReturn

from fakenw.bindery import login_control
from fakenw.bindery.objects import NODE_CONTROL, BinderyObject
from fakenw.core.service import Call
from fakenw.faults.refuse_logins import RefuseLoginsFault
from fakenw.journal.policy import State
from fakenw.wire.packet import Code, Refused

ALWAYS = 3  # the level of packet signatures that refuses clients without


def fail(call: Call[Any], name: str, code: Code) -> NoReturn:
    """Refuse a login; raises Refused."""
    call.host.emit("login-failed", {**call.connection.about(), "user": name, "code": code})
    raise Refused(code)


def admit(call: Call[Any], item: BinderyObject, right: bool) -> None:
    """Refuse a locked account whatever the password, and a wrong password, which is counted. Raises Refused."""
    host, lockout = call.host, call.host.settings.lockout
    if lockout is not None:
        now = host.utc(host.now)
        if login_control.locked(item.control, now, lockout):
            fail(call, item.name, Code.INTRUDER_LOCKOUT)
        if not right:
            item.control = login_control.login_failed(item.control, now, lockout, _here(call))
    if not right:
        fail(call, item.name, Code.FAILURE)


def may_log_in(call: Call[Any], item: BinderyObject, right: bool, *, signs: bool, counted: bool = True) -> None:
    """Refuse a login for whatever stands against it but the license. Raises Refused.

    *signs*: signatures begin with the login, or have begun. *counted*: the account's other connections count, too.
    """
    connection, host = call.connection, call.host
    if not host.logins:
        fail(call, item.name, Code.INTRUDER_LOCKOUT)
    if host.faults.any(RefuseLoginsFault, connection.station):
        fail(call, item.name, Code.INTRUDER_LOCKOUT)
    if host.settings.signatures == ALWAYS and not signs:
        fail(call, item.name, Code.SIGNATURE_REQUIRED)
    admit(call, item, right)

    def others() -> int:
        return counted and sum(c.object_id == item.id for c in host.table.by_number.values() if c is not connection)

    nodes, here = item.item(NODE_CONTROL), partial(_here, call)
    code = login_control.refusal(login_control.LoginAttempt(item.control, nodes, here, host.utc(host.now), others))
    if code is Code.TOO_MANY_CONNECTIONS:
        host.emit("deny", {**connection.about(), "user": item.name, "what": "account", "code": code})
        raise Refused(code)
    if code is not None:
        fail(call, item.name, code)


def log_in(call: Call[Any], item: BinderyObject, to: State, how: str, root: bytes | None) -> bool:
    """The connection is the account's. Returns whether the password has expired, and a grace login was used up.

    Signatures begin with *root*, where they were agreed. Raises NoRoom, and then nothing has changed.
    """
    connection, host = call.connection, call.host
    control, now = item.control, host.utc(host.now)
    connection.move(host.now, to, "login", user=item.name)
    connection.object_id, connection.login_time = item.id, host.now
    connection.operator = host.bindery.is_supervisor(item)
    item.control = login_control.logged_in(control, now)
    connection.root = root if connection.agreed else None
    host.emit("login", {**connection.about(), "how": how, **({"signed": True} if connection.root else {})})
    return login_control.password_expired(control, now)


def _here(call: Call[Any]) -> bytes:
    """The station's address as NODE_CONTROL has it, and its socket, which no restriction names."""
    return call.connection.peer.control_entry + bytes(2)
