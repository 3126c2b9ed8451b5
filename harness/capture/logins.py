"""What replies show of users and licenses: logins in bindery and NDS, logouts, NCP 23/29, clears by operators."""

from __future__ import annotations

from typing import Any

from fakenw.core.peer import Peer
from fakenw.journal.policy import State
from fakenw.wire import nds, nds_login
from fakenw.wire.packet import Code
from fakenw.wire.requests import bindery, connection
from harness.capture import nds_messages
from harness.capture.change import LAYOUTS, Change
from harness.capture.facts import SeenConnection, Sure, What

RESOLVE_NAME = 1  # a verb
GRACE = (Code.OK, Code.GRACE_LOGIN)
_SECURITY = 4  # where the flags are in the reply to 97; mars_nwe answers without data
MOST_ENTRIES = 10_000  # names that are kept for a connection
_UNTOLD = {Code.NO_PLAIN_PASSWORDS, Code.INVALID_LENGTH, Code.UNSUPPORTED}  # refusals that no line is about


def keyed_login(change: Change) -> None:
    _login(change, bindery.KeyedLogin.decode(change.body).name, "keyed")


def plain_login(change: Change) -> None:
    _login(change, bindery.PlainLogin.decode(change.body).name, "plain")


def login_user(change: Change) -> None:
    _login(change, bindery.LoginUser.decode(change.body).name, "plain")


def _login(change: Change, name: str, how: str) -> None:
    if change.code in GRACE:
        signed = how == "keyed" and change.connection.agreed
        change.server.logs_in(*change.at, change.connection, State.LICENSED, name.upper(), how, signed=signed)
    elif change.code == Code.TOO_MANY_CONNECTIONS:
        change.refused("deny", what="account", user=name.upper())
    elif change.code != Code.NO_LICENSE:
        _not_logged_in(change, name)


def negotiated(change: Change) -> None:
    """NCP 97 agrees to sign packets, behind a login; a client that falls back to 33 does not sign."""
    if change.code == Code.OK:
        told = change.key == (0x61, None) and len(change.data) > _SECURITY
        change.connection.agreed = told and bool(change.data[_SECURITY] & connection.SIGNATURES)


def _not_logged_in(change: Change, name: str) -> None:
    if change.code and change.code not in _UNTOLD:
        unknown = change.code in (Code.NO_SUCH_OBJECT, Code.BINDERY_LOCKED)
        change.refused("login-failed", user=name if unknown else name.upper())


def verified(change: Change) -> None:
    asked: Any = LAYOUTS[change.key].decode(change.body)
    _not_logged_in(change, asked.name)


def changed_password(change: Change) -> None:
    if change.code in (Code.INTRUDER_LOCKOUT, Code.FAILURE):
        verified(change)


def logout(change: Change) -> None:
    known = change.connection
    if change.code == Code.OK and known.state in (State.AUTHENTICATED, State.LICENSED):
        change.server.moves(*change.at, known, State.ATTACHED, "logout", Sure.SEEN)
    elif change.code == Code.OK:
        change.confirms(State.ATTACHED, "logout")


def changed_state(change: Change) -> None:
    """NCP 23/29: to a license, or back."""
    wanted = connection.ChangeConnectionState.decode(change.body).new_state
    known, code, seen = change.connection, change.code, change.server
    seen.states = code != Code.UNSUPPORTED
    if code == Code.OK:
        before, way = (State.AUTHENTICATED, "login") if wanted else (State.LICENSED, "service")
        if known.state is not before:  # it has reached that state unseen
            way = "unlicense" if wanted and known.state is State.LICENSED else way
            seen.moves(*change.at, known, before, way, Sure.UNKNOWN)
        to, cause = (State.LICENSED, "request") if wanted else (State.AUTHENTICATED, "unlicense")
        seen.moves(*change.at, known, to, cause, Sure.SEEN)
    elif code == Code.NOT_AUTHENTICATED:
        change.confirms(State.ATTACHED, "logout")
    elif wanted and code == Code.ALREADY_LOGGED_IN:
        change.confirms(State.LICENSED, "service")
    elif not wanted and code == Code.ALREADY_TEMPORARY:
        change.confirms(State.AUTHENTICATED, "unlicense")


def told_station(change: Change) -> None:
    """23/28 about the own connection: its user, or that there is none."""
    known = change.connection
    if connection.GetStationInfo.decode(change.body).connection != known.number:
        return
    if change.code == Code.NOT_LOGGED_IN:
        change.confirms(State.ATTACHED, "logout")
    elif change.code == Code.OK and known.state is None:
        known.user = connection.StationInfo.decode(change.data).name.upper() or None
        if known.user is not None:
            why, seen = known.unsure, change.server
            seen.moves(*change.at, known, State.AUTHENTICATED, "login", Sure.UNKNOWN, user=known.user)
            seen.doubts(*change.at, known, why or "")


def cleared(change: Change) -> None:
    """23/254 and 23/210: an operator clears another connection, of which there may have been no packet."""
    asked: Any = LAYOUTS[change.key].decode(change.body)
    if change.code != Code.OK:
        return
    seen, by = change.server, change.connection
    other = seen.connections.get(asked.connection)
    if other is None:
        other = SeenConnection(asked.connection, Peer(by.peer.transport, ("?", 0)), change.request.time, None)
        seen.appears(*change.at, other, Sure.UNKNOWN)
    seen.tell(*change.at, What.OPERATOR, Sure.SEEN, other, action="clear", by=by.user)
    seen.ends(*change.at, other, "cleared", Sure.SEEN)


# NDS


def fragment(change: Change) -> None:
    change.server.directory = True
    if change.code != Code.OK:
        return
    message = nds_messages.add(change.connection, change.body, change.data)
    if message is not None:
        _nds(change, message)


def _nds(change: Change, message: nds_messages.NdsMessage) -> None:
    known, verb, good = change.connection, message.verb, message.code in (0, nds.NdsCode.GRACE_LOGIN)
    if verb == RESOLVE_NAME and good and len(known.entries) < MOST_ENTRIES:
        resolved = nds.Resolved.decode(message.told)
        known.entries[resolved.entry] = nds_messages.leaf(nds.ResolveName.decode(message.asked).name)
    elif verb == nds_login.BEGIN_LOGIN:
        known.entry = nds_login.BeginLogin.decode(message.asked).entry
    elif verb == nds_login.BEGIN_AUTHENTICATION and good:
        known.entry = nds_login.BeginAuthentication.decode(message.asked).entry
    elif verb in (nds_login.FINISH_LOGIN, nds_login.FINISH_AUTHENTICATION):
        entry = known.entry or 0
        name = known.entries.get(entry, f"{entry:08X}")
        if not good:
            _nds_refused(change, name, message.code)
        elif verb == nds_login.FINISH_AUTHENTICATION:
            signed = known.agreed and bool(nds_login.FinishAuthentication.decode(message.asked).sign_key)
            change.server.logs_in(*change.at, known, State.AUTHENTICATED, name, "nds", signed=signed)
    elif verb == nds_login.LOGOUT and good:
        logout(change)


def _nds_refused(change: Change, name: str, code: int) -> None:
    """The account refuses with the negative of the bindery's code, or with -669 a wrong password."""
    change.code = Code.FAILURE if code == nds.NdsCode.FAILED_AUTHENTICATION else -code
    if change.code == Code.TOO_MANY_CONNECTIONS:
        change.refused("deny", what="account", user=name)
    elif 0 < change.code <= 0xFF:
        change.refused("login-failed", user=name)
