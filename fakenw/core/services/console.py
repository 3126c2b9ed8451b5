"""What a console operator may do: set the time, close and open the login, bring the server down.

Rules of this file:

* Whoever is not an operator is refused with 0xC6 and changes nothing. Asking whether login is open is free.
* Every function that changes something writes an ``operator`` line: what, and who did it.
* A disabled login refuses logins (0xC5), not creates: a station can still attach (ncp.md 3.1).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fakenw.core.service import Call, NcpService
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import server as ncp

service = NcpService()


@service.answers(ncp.CheckConsolePrivileges, refuses=(Code.NOT_OPERATOR,))
def check_console_privileges(call: Call[ncp.CheckConsolePrivileges]) -> None:
    _operator(call)


@service.answers(ncp.SetServerTime, refuses=(Code.NOT_OPERATOR, Code.FAILURE))
def set_server_time(call: Call[ncp.SetServerTime]) -> None:
    """A time that there is not is refused with 0xFF (inferred)."""
    _operator(call)
    request = call.request
    year = (1900 if request.year >= 80 else 2000) + request.year
    try:
        wanted = datetime(year, request.month, request.day, request.hour, request.minute, request.second)
    except ValueError:
        raise Refused(Code.FAILURE) from None
    call.host.set_utc(wanted)
    _emit(call, "set-time", utc=wanted.isoformat())


@service.answers(ncp.DisableLogin, refuses=(Code.NOT_OPERATOR,))
def disable_login(call: Call[ncp.DisableLogin]) -> None:
    """Nobody can log in any more, not even SUPERVISOR; who is logged in stays."""
    _operator(call)
    call.host.logins = False
    _emit(call, "disable-login")


@service.answers(ncp.EnableLogin, refuses=(Code.NOT_OPERATOR,))
def enable_login(call: Call[ncp.EnableLogin]) -> None:
    _operator(call)
    call.host.logins = True
    _emit(call, "enable-login")


@service.answers(ncp.GetLoginStatus)
def get_login_status(call: Call[ncp.GetLoginStatus]) -> ncp.LoginStatus:
    return ncp.LoginStatus(int(call.host.logins))


@service.answers(ncp.DownServer, refuses=(Code.NOT_OPERATOR, Code.FAILURE))
def down_server(call: Call[ncp.DownServer]) -> None:
    """Without force not while files are open. Afterwards every request gets 0xFF with status 0x10."""
    _operator(call)
    files = sum(len(connection.files) for connection in call.host.table.by_serial.values())
    if files and not call.request.force:
        raise Refused(Code.FAILURE)
    _emit(call, "down", forced=bool(call.request.force), files=files)
    call.host.down()


def _operator(call: Call[Any]) -> None:
    if not call.connection.operator:
        raise Refused(Code.NOT_OPERATOR)


def _emit(call: Call[Any], action: str, **more: Any) -> None:
    by = call.connection
    call.host.emit("operator", {"action": action, "by": by.user, "station": by.station, **more})
