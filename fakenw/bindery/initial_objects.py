"""The bindery as a server finds it when it starts: SUPERVISOR, the server, GUEST, EVERYONE, and who is configured.

A user is in EVERYONE and in the groups it names, and has LOGIN_CONTROL; NODE_CONTROL only where stations are named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from fakenw.bindery.login_control import (
    ANY_TIME,
    MAY_NOT_CHANGE_PASSWORD,
    UNIQUE_PASSWORDS,
    LoginControl,
    node,
    week,
)
from fakenw.bindery.objects import FILE_SERVER, GROUP, NODE_CONTROL, SECURITY_EQUALS, SUPERVISOR_ID, USER, Bindery
from fakenw.wire.layout import encode_text

EVERYONE = "EVERYONE"
_SOCKET = b"\x04\x51"  # NCP


@dataclass(frozen=True, slots=True)
class UserSpec:
    """A user as the bindery is to have it from the start.

    *groups* are made if there are none of that name; EVERYONE needs no mention. A date is the last day on which the
    account or the password is good. *grace_logins* is how many are left and may be left (255: without end);
    *password_days* after a change of the password it expires again (0: never). *hours* are spans of the week such as
    ``mon-fri 08:00-18:00``, none of them: always. *stations* are IPv4 addresses or NETWORK:NODE, none: anywhere.
    *max_connections* is how many at once (0: any number; None: the default of ``initial_bindery``).
    ``login_control`` says what it enforces.
    """

    name: str
    password: str = ""
    full_name: str = ""
    groups: tuple[str, ...] = ()
    supervisor: bool = False  # security equal to SUPERVISOR
    disabled: bool = False
    expires: date | None = None
    password_expires: date | None = None
    password_days: int = 0
    grace_logins: int = 0
    least_password: int = 0
    unique_passwords: bool = False
    may_change_password: bool = True
    max_connections: int | None = None
    hours: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()


def initial_bindery(
    server_name: str,
    address: bytes,
    users: Iterable[tuple[str, str] | UserSpec] = (),
    groups: Iterable[str] = (),
    user_connections: int = 0,
) -> Bindery:
    """The bindery of a server at the NET_ADDRESS *address*. Raises ValueError for an invalid name, time or station.

    A user whose ``max_connections`` is None may have *user_connections* at once, 0: any number; SUPERVISOR and GUEST
    always any number.
    """
    bindery = Bindery()
    bindery.add(USER, "SUPERVISOR", "", SUPERVISOR_ID)
    server = bindery.add(FILE_SERVER, server_name)
    server.security = 0x40
    server.add("NET_ADDRESS", 0, 0x40, address)
    bindery.add(GROUP, EVERYONE)
    for group in groups:
        bindery.add(GROUP, group)
    _enter(bindery, UserSpec("SUPERVISOR"), keep_password=True)
    _enter(bindery, UserSpec("GUEST"))
    for given in users:
        spec = given if isinstance(given, UserSpec) else UserSpec(*given)
        ours = spec.name.upper() in ("SUPERVISOR", "GUEST")  # default account restrictions are for the users one makes
        _enter(bindery, spec, default_connections=0 if ours else user_connections)
    return bindery


def net_address(serial_number: int) -> bytes:
    """Network, node, socket. The internal network is made up, here the serial number; the node is 1 (mars_nwe)."""
    return serial_number.to_bytes(4, "big") + (1).to_bytes(6, "big") + _SOCKET


def _enter(bindery: Bindery, spec: UserSpec, *, keep_password: bool = False, default_connections: int = 0) -> None:
    user = bindery.add(USER, spec.name, None if keep_password else spec.password)
    for name in (EVERYONE, *spec.groups):
        bindery.enlist(user, bindery.add(GROUP, name))
    if spec.supervisor:
        user.join(SECURITY_EQUALS, SUPERVISOR_ID, 0x32)
    if spec.full_name:
        user.add("IDENTIFICATION", 0, 0x31, encode_text(spec.full_name))
    user.control = LoginControl(
        expires=spec.expires,
        disabled=0xFF if spec.disabled else 0,
        password_expires=spec.password_expires,
        grace_logins=spec.grace_logins,
        password_days=spec.password_days,
        most_grace_logins=spec.grace_logins,
        least_password=spec.least_password,
        max_connections=default_connections if spec.max_connections is None else spec.max_connections,
        hours=week(spec.hours) if spec.hours else ANY_TIME,
        restrictions=(0 if spec.may_change_password else MAY_NOT_CHANGE_PASSWORD)
        | (UNIQUE_PASSWORDS if spec.unique_passwords else 0),
    )
    if spec.stations:
        user.add(NODE_CONTROL, 0, 0x32, b"".join(map(node, spec.stations)))
