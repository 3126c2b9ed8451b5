"""The bindery of a server that starts: SUPERVISOR, the server, GUEST, EVERYONE, and the configured users and groups.

A user is in EVERYONE and in its groups, and has LOGIN_CONTROL; a user restricted to stations has NODE_CONTROL too.
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
from fakenw.bindery.objects import (
    FILE_SERVER,
    GROUP,
    NET_ADDRESS,
    NODE_CONTROL,
    SECURITY_EQUALS,
    SUPERVISOR_ID,
    USER,
    Bindery,
)
from fakenw.wire.layout import encode_text

EVERYONE = "EVERYONE"
_SOCKET = b"\x04\x51"  # NCP


@dataclass(frozen=True, slots=True)
class UserSpec:
    """A user of the initial bindery.

    Missing *groups* are made; EVERYONE is implied. A date is the last day on which the account or the password is
    valid. *grace_logins* is both the remaining and the maximal number (255: unlimited); *password_days* after a change
    the password expires again (0: never). *hours* are spans of the week such as ``mon-fri 08:00-18:00``, empty:
    always. *stations* are IPv4 addresses or NETWORK:NODE, empty: anywhere. *max_connections* limits concurrent
    connections (0: unlimited; None: the default of ``initial_bindery``). ``login_control`` enforces all this.
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

    *user_connections* is for users whose ``max_connections`` is None (0: unlimited); SUPERVISOR and GUEST are
    unlimited.
    """
    bindery = Bindery()
    bindery.add(USER, "SUPERVISOR", "", SUPERVISOR_ID)
    server = bindery.add(FILE_SERVER, server_name)
    server.security = 0x40
    server.add(NET_ADDRESS, 0, 0x40, address)
    bindery.add(GROUP, EVERYONE)
    for group in groups:
        bindery.add(GROUP, group)
    _enter(bindery, UserSpec("SUPERVISOR"), keep_password=True)
    _enter(bindery, UserSpec("GUEST"))
    for given in users:
        spec = given if isinstance(given, UserSpec) else UserSpec(*given)
        built_in = spec.name.upper() in ("SUPERVISOR", "GUEST")  # default account restrictions are for new users
        _enter(bindery, spec, default_connections=0 if built_in else user_connections)
    return bindery


def net_address(network: int) -> bytes:
    """Network, node 1 and socket of a server on its internal network (mars_nwe)."""
    return network.to_bytes(4, "big") + (1).to_bytes(6, "big") + _SOCKET


def _enter(bindery: Bindery, spec: UserSpec, *, keep_password: bool = False, default_connections: int = 0) -> None:
    user = bindery.add(USER, spec.name, None if keep_password else spec.password)
    for name in (EVERYONE, *spec.groups):
        bindery.add_to_group(user, bindery.add(GROUP, name))
    if spec.supervisor:
        user.add_member(SECURITY_EQUALS, SUPERVISOR_ID, 0x32)
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
